//! Searches every span and event of `tracing`, at any level, for a key.

use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::fields::{Fields, Show};

/// Returns whether the text contains a key: verbatim, as a list of bytes, or in hexadecimal digits.
pub(crate) fn holds(text: &str, key: &str) -> bool {
    let bytes = format!("{:?}", key.as_bytes());
    let digits: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let bytes = bytes.trim_matches(['[', ']']);
    text.contains(key) || text.contains(bytes) || text.to_lowercase().contains(&digits)
}

/// A subscriber that records only spans and events that contain a key.
pub(crate) struct Guard {
    pub(crate) key: &'static str,
    pub(crate) leaks: Arc<Mutex<Vec<String>>>,
}

/// Spans and events that contained the key of all tests.
static LEAKS: LazyLock<Arc<Mutex<Vec<String>>>> = LazyLock::new(Arc::default);

/// From now on all log and trace output of the process is searched for the key.
pub(crate) fn guard(key: &'static str) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let leaks = LEAKS.clone();
    INSTALLED.get_or_init(|| {
        let guard = Guard { key, leaks };
        tracing::subscriber::set_global_default(guard).expect("the only one of the tests");
    });
}

/// Records a span or an event that contained the key.
pub(crate) fn leaked(what: String) {
    LEAKS.lock().expect("no panic under the lock").push(what);
}

/// Returns the spans and events that contained the key so far.
pub(crate) fn leaks() -> Vec<String> {
    LEAKS.lock().expect("no panic under the lock").clone()
}

impl Guard {
    fn search(&self, target: &str, visit: impl FnOnce(&mut Show<'_>)) {
        let mut fields = Fields::new();
        visit(&mut Show(&mut fields));
        for (name, value) in fields {
            if holds(&value, self.key) {
                let leak = format!("{target} {name} = {value}");
                self.leaks
                    .lock()
                    .expect("no panic under the lock")
                    .push(leak);
            }
        }
    }
}

impl Subscriber for Guard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.search(span.metadata().target(), |show| span.record(show));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.search("a span", |show| values.record(show));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.search(event.metadata().target(), |show| event.record(show));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
