//! What others tell the program while it talks: Ctrl-C, an order to end, a terminal that is gone.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
#[cfg(unix)]
use tokio::time::sleep;

use super::screen;
use crate::exit::Exit;

/// So many Ctrl-C that nothing answers end the program.
const PATIENCE: u8 = 3;
/// The longest wait for a signal that explains why the terminal fails.
const SOON: Duration = Duration::from_secs(1);
/// An order to end is carried out after this time at the latest, though nothing answers it: whoever
/// waits for keys of a terminal that is gone never looks up.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(2);

/// What was told and not yet answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals(Arc<Heard>);

#[derive(Debug, Default)]
struct Heard {
    /// How the program is to end, once it is.
    exit: Mutex<Option<Exit>>,
    /// Told when that is known.
    ended: Condvar,
    /// How often Ctrl-C was pressed.
    interrupts: AtomicU8,
    /// Whether nothing can be answered now: then the program ends at once.
    at_once: AtomicBool,
    /// Ends the prompt's waiting for keys.
    wake: Arc<AtomicBool>,
    /// Ends a reply's waiting for the next chunk.
    told: Notify,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen(runtime: &Runtime) -> anyhow::Result<Self> {
        let signals = Self::default();
        let _inside = runtime.enter();
        let heard = signals.clone();
        let listening = listen(heard).context("cannot listen for signals")?;
        runtime.spawn(listening);
        Ok(signals)
    }

    /// What a signal sets, so that whoever waits for keys looks up.
    pub(super) fn wakes(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0.wake)
    }

    /// How the program is to end, if it is.
    pub(super) fn exit(&self) -> Option<Exit> {
        *self.0.exit.lock().expect("nobody panics with it")
    }

    /// How the program is to end, if that is told within a moment: a terminal that goes away fails before
    /// the signal about it is heard.
    pub(super) fn exit_soon(&self) -> Option<Exit> {
        let exit = self.0.exit.lock().expect("nobody panics with it");
        let waited = self
            .0
            .ended
            .wait_timeout_while(exit, SOON, |exit| exit.is_none());
        *waited.expect("nobody panics with it").0
    }

    /// Forgets every Ctrl-C so far.
    pub(super) fn forget(&self) {
        self.0.interrupts.store(0, SeqCst);
        if self.exit().is_none() {
            self.0.wake.store(false, SeqCst);
        }
    }

    /// Waits for a signal.
    pub(super) async fn stop(&self) {
        loop {
            let told = self.0.told.notified();
            if self.exit().is_some() || self.0.interrupts.load(SeqCst) > 0 {
                return;
            }
            told.await;
        }
    }

    /// Waits for Ctrl-C alone: an order to end does not cut short what is to be done before the end.
    pub(super) async fn interrupt(&self) {
        loop {
            let told = self.0.told.notified();
            if self.0.interrupts.load(SeqCst) > 0 {
                return;
            }
            told.await;
        }
    }

    /// Does what cannot be interrupted by asking it: meanwhile a signal ends the program at once.
    pub(super) fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.at_once.store(true, SeqCst);
        let done = work();
        self.0.at_once.store(false, SeqCst);
        done
    }

    fn hear(&self, exit: Exit) {
        let ending = self.exit().is_some();
        let unheard = match exit {
            Exit::Interrupted => self.0.interrupts.fetch_add(1, SeqCst) + 1 >= PATIENCE,
            _ => {
                *self.0.exit.lock().expect("nobody panics with it") = Some(exit);
                self.0.ended.notify_all();
                ending
            }
        };
        if unheard || self.0.at_once.load(SeqCst) {
            leave(exit);
        }
        self.0.wake.store(true, SeqCst);
        self.0.told.notify_waiters();
    }
}

/// Ends the program from here.
fn leave(exit: Exit) -> ! {
    screen::restore();
    std::process::exit(exit as i32);
}

#[cfg(unix)]
fn listen(signals: Signals) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            let ending = signals.exit();
            let late = async {
                match ending {
                    Some(exit) => {
                        sleep(GRACE).await;
                        leave(exit)
                    }
                    None => std::future::pending().await,
                }
            };
            signals.hear(tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                _ = hangup.recv() => Exit::HungUp,
                exit = late => exit,
            });
        }
    })
}

#[cfg(not(unix))]
fn listen(signals: Signals) -> std::io::Result<impl Future<Output = ()>> {
    Ok(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            signals.hear(Exit::Interrupted);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interrupt_is_answered_once() {
        let signals = Signals::default();

        signals.hear(Exit::Interrupted);

        signals.stop().await;
        assert!(signals.wakes().load(SeqCst));
        signals.forget();
        assert!(!signals.wakes().load(SeqCst));
        assert_eq!(signals.exit(), None);
    }

    #[tokio::test]
    async fn an_order_to_end_is_not_forgotten() {
        let signals = Signals::default();

        signals.hear(Exit::Terminated);
        signals.forget();

        signals.stop().await;
        assert_eq!(signals.exit(), Some(Exit::Terminated));
        assert_eq!(signals.exit_soon(), Some(Exit::Terminated));
        assert!(signals.wakes().load(SeqCst));
    }
}
