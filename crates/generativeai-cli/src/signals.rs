//! Signals: Ctrl-C, SIGTERM, and SIGHUP of a closed terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::exit::Exit;
use crate::terminal;

/// Number of unhandled Ctrl-C after which the program exits at once.
const MAX_UNHANDLED: u8 = 3;
/// Maximum wait for a signal after the terminal failed.
const SIGNAL_WAIT: Duration = Duration::from_secs(1);
/// Time that a Ctrl-C may need to reach the task that records it.
const RECORDING: Duration = Duration::from_millis(50);
/// Time after SIGTERM or SIGHUP within which the program exits, even if nothing handles the signal: a read from a
/// closed terminal may block forever. It stops while the session is saved.
const GRACE: Duration = Duration::from_secs(2);

/// Signals received and not yet handled.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    state: Arc<watch::Sender<State>>,
    /// Interrupts the prompt while it waits for keys.
    wake: Arc<AtomicBool>,
    /// Runtime of the task that receives the signals.
    runtime: Handle,
}

/// State that the signal handlers and the session share.
#[derive(Debug, Default)]
struct State {
    /// Exit code, once the program must exit.
    exit: Option<Exit>,
    /// Number of unhandled Ctrl-C.
    interrupts: u8,
    /// Whether signals cannot be handled now. Then a signal ends the program at once.
    exit_at_once: bool,
    /// Whether Ctrl-C is meant for another program now.
    ignores_interrupts: bool,
    /// Whether the session is saved now. The time limit after SIGTERM does not run; Ctrl-C and a second signal still
    /// end the program.
    is_saving: bool,
}

impl State {
    /// Returns the exit code after a signal: that of Ctrl-C, unless the program must exit anyway. `None` without one.
    fn stopped(&self) -> Option<Exit> {
        let interrupted = (self.interrupts > 0).then_some(Exit::Interrupted);
        self.exit.or(interrupted)
    }
}

impl Signals {
    /// Installs the signal handlers.
    pub(crate) fn listen(runtime: &Runtime) -> anyhow::Result<Self> {
        let signals = Self::new(runtime.handle().clone());
        // tokio registers signal handlers with the runtime of the current context.
        let _context = runtime.enter();
        let mut stops = StopSignals::listen()?;
        let receiver = signals.clone();
        runtime.spawn(async move {
            loop {
                receiver.receive(stops.next().await);
            }
        });
        runtime.spawn(signals.clone().exit_after_grace());
        Ok(signals)
    }

    fn new(runtime: Handle) -> Self {
        Self {
            state: Arc::default(),
            wake: Arc::default(),
            runtime,
        }
    }

    /// Returns the flag that a signal sets to interrupt the prompt.
    pub(crate) fn wake_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.wake)
    }

    /// Returns the exit code, if the program must exit.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.state.borrow().exit
    }

    /// Returns the exit code after a signal has stopped something: that of Ctrl-C, unless the program must exit anyway.
    pub(crate) fn exit_code(&self) -> Exit {
        self.exit().unwrap_or(Exit::Interrupted)
    }

    /// Waits up to a second for an exit code. Reads from a closed terminal fail before SIGHUP arrives.
    pub(crate) fn exit_soon(&self) -> Option<Exit> {
        let exit = self.wait_for(|state| state.exit.is_some());
        let waited = async { timeout(SIGNAL_WAIT, exit).await };
        let _ = self.runtime.block_on(waited);
        self.exit()
    }

    /// Marks every Ctrl-C so far as handled. A signal that ends the program stays.
    pub(crate) fn clear(&self) {
        self.state.send_modify(|state| {
            state.interrupts = 0;
            if state.exit.is_none() {
                self.wake.store(false, SeqCst);
            }
        });
    }

    /// Returns whether there is a signal.
    pub(crate) fn is_stopped(&self) -> bool {
        self.state.borrow().stopped().is_some()
    }

    /// Waits for a signal.
    pub(crate) async fn stop(&self) {
        self.wait_for(|state| state.stopped().is_some()).await;
    }

    /// Waits for work. Returns `None` if a signal is first.
    pub(crate) async fn unless_stopped<T>(&self, work: impl IntoFuture<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work.into_future() => Some(done),
            () = self.stop() => None,
        }
    }

    /// Waits for work that is needed before the exit, such as saving: SIGTERM does not interrupt it. Returns `None`
    /// if Ctrl-C is first. Another signal that ends the program still ends it at once.
    pub(crate) async fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.state.send_modify(|state| state.is_saving = true);
        let done = tokio::select! {
            biased;
            done = work => Some(done),
            () = self.wait_for(|state| state.interrupts > 0) => None,
        };
        self.state.send_modify(|state| state.is_saving = false);
        done
    }

    /// Runs blocking work that cannot be interrupted. Until it is done, a signal ends the program at once, and so does
    /// one that was not handled before.
    pub(crate) fn exit_at_once_during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.state.send_modify(|state| state.exit_at_once = true);
        let stopped = self.state.borrow().stopped();
        if let Some(exit) = stopped {
            exit_now(exit);
        }
        let done = work();
        self.state.send_modify(|state| state.exit_at_once = false);
        done
    }

    /// Runs another program in the terminal, such as a text editor: every Ctrl-C until it exits is meant for it. A
    /// signal that ends this program is recorded.
    pub(crate) fn ignore_interrupts_during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.state
            .send_modify(|state| state.ignores_interrupts = true);
        let done = work();
        // The last Ctrl-C, which may have ended the work, may not be recorded yet.
        self.runtime.block_on(async { sleep(RECORDING).await });
        self.state
            .send_modify(|state| state.ignores_interrupts = false);
        self.clear();
        done
    }

    /// Records a signal, and wakes the prompt or the reply. Exits if earlier signals were not handled.
    fn receive(&self, exit: Exit) {
        let mut exits = false;
        self.state.send_modify(|state| {
            exits = match exit {
                Exit::Interrupted if state.ignores_interrupts => return,
                Exit::Interrupted => {
                    state.interrupts = state.interrupts.saturating_add(1);
                    state.interrupts >= MAX_UNHANDLED
                }
                _ => state.exit.replace(exit).is_some(),
            };
            exits |= state.exit_at_once;
            self.wake.store(true, SeqCst);
        });
        if exits {
            exit_now(exit);
        }
    }

    /// Exits some time after the exit code is set, unless the session is saved meanwhile.
    async fn exit_after_grace(self) {
        loop {
            self.wait_for(|state| state.exit.is_some() && !state.is_saving)
                .await;
            tokio::select! {
                () = sleep(GRACE) => exit_now(self.exit_code()),
                () = self.wait_for(|state| state.is_saving) => {}
            }
        }
    }

    async fn wait_for(&self, is_met: impl FnMut(&State) -> bool) {
        // Cannot fail: `self` is the sender.
        let _ = self.state.subscribe().wait_for(is_met).await;
    }
}

/// Restores the terminal and exits.
fn exit_now(exit: Exit) -> ! {
    terminal::restore();
    std::process::exit(exit as i32);
}

/// Signals that stop the program: Ctrl-C, SIGTERM and SIGHUP. While this value exists, they do not end the process.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// SIGHUP, unless the program ignores it. Only the first one is received: when a terminal is closed, both its shell
    /// and the kernel send one.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Installs the signal handlers.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: handler(SignalKind::interrupt())?,
            terminate: handler(SignalKind::terminate())?,
            // A handler would replace the ignored action.
            hangup: match ignores_hangup() {
                true => None,
                false => Some(handler(SignalKind::hangup())?),
            },
        })
    }

    /// Waits for the next signal, and returns its exit code.
    pub(crate) async fn next(&mut self) -> Exit {
        let hung_up = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Exit::Interrupted,
            _ = self.terminate.recv() => Exit::Terminated,
            _ = hung_up => {
                // The handler stays installed, so the next one is ignored.
                self.hangup = None;
                Exit::HungUp
            }
        }
    }
}

fn handler(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot install signal handlers")
}

/// Returns whether SIGHUP is ignored, as in a program that `nohup` has started. Only Linux reports it.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is signal 1, which is SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals() -> (Runtime, Signals) {
        let runtime = Runtime::new().expect("a runtime");
        let signals = Signals::new(runtime.handle().clone());
        (runtime, signals)
    }

    #[test]
    fn clear_marks_ctrl_c_as_handled() {
        let (runtime, signals) = signals();

        signals.receive(Exit::Interrupted);

        runtime.block_on(signals.stop());
        assert!(signals.wake_flag().load(SeqCst));
        signals.clear();
        assert!(!signals.wake_flag().load(SeqCst));
        assert_eq!(signals.exit(), None);
    }

    #[test]
    fn ctrl_c_during_another_program_is_ignored() {
        let (_runtime, signals) = signals();

        signals.ignore_interrupts_during(|| {
            for _ in 0..MAX_UNHANDLED {
                signals.receive(Exit::Interrupted);
            }
            assert!(!signals.wake_flag().load(SeqCst));
            signals.receive(Exit::Terminated);
        });

        assert_eq!(signals.exit(), Some(Exit::Terminated));
        signals.receive(Exit::Interrupted);
        assert_eq!(signals.state.borrow().interrupts, 1);
    }

    #[test]
    fn clear_does_not_cancel_an_exit() {
        let (runtime, signals) = signals();

        signals.receive(Exit::Terminated);
        signals.clear();

        runtime.block_on(signals.stop());
        assert_eq!(signals.exit(), Some(Exit::Terminated));
        assert_eq!(signals.exit_soon(), Some(Exit::Terminated));
        assert!(signals.wake_flag().load(SeqCst));
    }
}
