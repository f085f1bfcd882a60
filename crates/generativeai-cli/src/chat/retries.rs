//! Attempts that failed and are made again, as the SDK tells them to whoever listens.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber};

/// The target under which the SDK tells.
const TARGET: &str = "generativeai";

/// An attempt that failed and is made again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Again {
    attempt: Option<u64>,
    code: Option<u64>,
    wait: Option<String>,
}

/// What was told last and is not shown yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Retries(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    last: Mutex<Option<Again>>,
    more: Notify,
}

impl Retries {
    /// Listens, from the first call on.
    pub(super) fn watch() -> Self {
        static RETRIES: OnceLock<Retries> = OnceLock::new();
        let retries = RETRIES.get_or_init(|| {
            let retries = Self::default();
            // If somebody else listens already, nothing is told here.
            let _ = subscriber::set_global_default(Listener(retries.clone()));
            retries
        });
        retries.clone()
    }

    /// What is told next.
    pub(super) async fn next(&self) -> Again {
        loop {
            let more = self.0.more.notified();
            if let Some(again) = self.take() {
                return again;
            }
            more.await;
        }
    }

    fn take(&self) -> Option<Again> {
        self.0.last.lock().expect("nobody panics with it").take()
    }

    fn tell(&self, again: Again) {
        *self.0.last.lock().expect("nobody panics with it") = Some(again);
        self.0.more.notify_waiters();
    }
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.code {
            Some(429) => "too many requests".to_owned(),
            Some(code) => format!("the service answers {code}"),
            None => "the service is not reached".to_owned(),
        };
        let attempt = self.attempt.unwrap_or(1);
        write!(f, "({why}: attempt {} ", attempt + 1)?;
        match &self.wait {
            Some(wait) => write!(f, "in {wait}; Ctrl-C gives up)"),
            None => f.write_str("now; Ctrl-C gives up)"),
        }
    }
}

/// Hears the one event, and nothing else.
struct Listener(Retries);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == TARGET
    }

    fn event(&self, event: &Event<'_>) {
        let mut again = Again::default();
        event.record(&mut again);
        if again.attempt.is_some() {
            self.0.tell(again);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Again {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "attempt" => self.attempt = Some(value),
            "http.response.status_code" => self.code = Some(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "wait" {
            self.wait = Some(format!("{value:.1?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_told_with_its_reason_and_the_wait() {
        let mut again = Again {
            attempt: Some(1),
            code: Some(503),
            wait: Some("1.5s".to_owned()),
        };
        assert_eq!(
            again.to_string(),
            "(the service answers 503: attempt 2 in 1.5s; Ctrl-C gives up)"
        );
        again.code = None;
        assert!(again.to_string().contains("not reached"));
        again.code = Some(429);
        assert!(again.to_string().contains("too many requests"));
    }

    #[tokio::test]
    async fn what_the_sdk_tells_is_heard() {
        let retries = Retries::default();
        let heard = subscriber::with_default(Listener(retries.clone()), || {
            tracing::event!(
                target: "generativeai",
                tracing::Level::DEBUG,
                { http.response.status_code = 503_u16, attempt = 2_usize, wait = ?std::time::Duration::from_millis(1_230) },
                "an attempt failed and is made again"
            );
            tracing::event!(target: "other", tracing::Level::DEBUG, attempt = 7_usize);
            retries.take()
        });

        let again = heard.expect("it is told");
        assert_eq!((again.attempt, again.code), (Some(2), Some(503)));
        assert_eq!(again.wait.as_deref(), Some("1.2s"));
    }
}
