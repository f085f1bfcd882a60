//! Signals during a chat: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
#[cfg(unix)]
use tokio::time::sleep;

use super::terminal;
use crate::exit::Exit;

/// Number of unhandled Ctrl-C after which the program exits at once.
const MAX_UNHANDLED: u8 = 3;
/// Maximum wait for a signal after the terminal failed.
const SIGNAL_WAIT: Duration = Duration::from_secs(1);
/// Time after SIGTERM or SIGHUP within which the program exits, even if nothing handles the signal: a read from a
/// closed terminal may block forever.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(2);

/// Reason why locking the exit code does not fail.
const NOT_POISONED: &str = "the lock is not poisoned: nothing panics while holding it";

/// Signals received and not yet handled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals(Arc<State>);

/// State that the signal handlers and the session share.
#[derive(Debug, Default)]
struct State {
    /// Exit code, once the program must exit.
    exit: Mutex<Option<Exit>>,
    /// Notified when the exit code is set.
    exit_set: Condvar,
    /// Number of unhandled Ctrl-C.
    interrupts: AtomicU8,
    /// Whether signals cannot be handled now. Then a signal ends the program at once.
    exit_at_once: AtomicBool,
    /// Interrupts the prompt while it waits for keys.
    wake: Arc<AtomicBool>,
    /// Interrupts a reply while it waits for the next chunk.
    received: Notify,
}

impl State {
    fn exit(&self) -> MutexGuard<'_, Option<Exit>> {
        self.exit.lock().expect(NOT_POISONED)
    }
}

impl Signals {
    /// Installs the signal handlers.
    pub(crate) fn listen(runtime: &Runtime) -> anyhow::Result<Self> {
        let signals = Self::default();
        // tokio registers signal handlers with the runtime of the current context.
        let _context = runtime.enter();
        let listening = listen(signals.clone()).context("cannot install signal handlers")?;
        runtime.spawn(listening);
        Ok(signals)
    }

    /// Returns the flag that a signal sets to interrupt the prompt.
    pub(super) fn wake_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.wake)
    }

    /// Returns the exit code, if the program must exit.
    pub(super) fn exit(&self) -> Option<Exit> {
        *self.0.exit()
    }

    /// Returns the exit code after a signal has stopped something: that of Ctrl-C, unless the program must exit anyway.
    pub(crate) fn exit_code(&self) -> Exit {
        self.exit().unwrap_or(Exit::Interrupted)
    }

    /// Waits a moment for an exit code. Reads from a closed terminal fail before SIGHUP arrives.
    pub(super) fn exit_soon(&self) -> Option<Exit> {
        let waited = self
            .0
            .exit_set
            .wait_timeout_while(self.0.exit(), SIGNAL_WAIT, |exit| exit.is_none());
        *waited.expect(NOT_POISONED).0
    }

    /// Marks every Ctrl-C so far as handled. A signal that ends the program stays.
    pub(crate) fn clear(&self) {
        self.0.interrupts.store(0, SeqCst);
        if self.exit().is_none() {
            self.0.wake.store(false, SeqCst);
        }
    }

    /// Waits for a signal.
    pub(crate) async fn stop(&self) {
        loop {
            // Created before the check: it also receives a notification that is sent between the check and the await.
            let received = self.0.received.notified();
            if self.exit().is_some() || self.0.interrupts.load(SeqCst) > 0 {
                return;
            }
            received.await;
        }
    }

    /// Waits for work. Returns `None` if a signal is first.
    pub(crate) async fn unless_stopped<T>(&self, work: impl IntoFuture<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop() => None,
            done = work.into_future() => Some(done),
        }
    }

    /// Waits for Ctrl-C only. SIGTERM does not interrupt work that is needed before the exit, such as saving.
    pub(crate) async fn interrupt(&self) {
        loop {
            let received = self.0.received.notified();
            if self.0.interrupts.load(SeqCst) > 0 {
                return;
            }
            received.await;
        }
    }

    /// Runs blocking work that cannot be interrupted. Until it is done, a signal ends the program at once.
    pub(crate) fn exit_at_once_during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.exit_at_once.store(true, SeqCst);
        let done = work();
        self.0.exit_at_once.store(false, SeqCst);
        done
    }

    /// Records a signal, and wakes the prompt or the reply. Exits if earlier signals were not handled.
    fn receive(&self, exit: Exit) {
        let is_exiting = self.exit().is_some();
        let is_unhandled = match exit {
            Exit::Interrupted => self.0.interrupts.fetch_add(1, SeqCst) + 1 >= MAX_UNHANDLED,
            _ => {
                *self.0.exit() = Some(exit);
                self.0.exit_set.notify_all();
                is_exiting
            }
        };
        if is_unhandled || self.0.exit_at_once.load(SeqCst) {
            exit_now(exit);
        }
        self.0.wake.store(true, SeqCst);
        self.0.received.notify_waiters();
    }
}

/// Restores the terminal and exits.
fn exit_now(exit: Exit) -> ! {
    terminal::restore();
    std::process::exit(exit as i32);
}

/// Installs the handlers, and returns the task that receives the signals.
#[cfg(unix)]
fn listen(signals: Signals) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Checked first: a handler replaces the ignored action.
    let mut hangup = match ignores_hangup() {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    Ok(async move {
        loop {
            let exiting = signals.exit();
            let timeout = async {
                match exiting {
                    Some(exit) => {
                        sleep(GRACE).await;
                        exit_now(exit)
                    }
                    None => std::future::pending().await,
                }
            };
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            signals.receive(tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                _ = hung_up => Exit::HungUp,
                exit = timeout => exit,
            });
        }
    })
}

/// Returns whether SIGHUP is ignored, as in a program that `nohup` has started. Only Linux reports it.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1, which is SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
fn listen(signals: Signals) -> std::io::Result<impl Future<Output = ()>> {
    Ok(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            signals.receive(Exit::Interrupted);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clear_marks_ctrl_c_as_handled() {
        let signals = Signals::default();

        signals.receive(Exit::Interrupted);

        signals.stop().await;
        assert!(signals.wake_flag().load(SeqCst));
        signals.clear();
        assert!(!signals.wake_flag().load(SeqCst));
        assert_eq!(signals.exit(), None);
    }

    #[tokio::test]
    async fn clear_does_not_cancel_an_exit() {
        let signals = Signals::default();

        signals.receive(Exit::Terminated);
        signals.clear();

        signals.stop().await;
        assert_eq!(signals.exit(), Some(Exit::Terminated));
        assert_eq!(signals.exit_soon(), Some(Exit::Terminated));
        assert!(signals.wake_flag().load(SeqCst));
    }
}
