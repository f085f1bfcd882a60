//! Reads along with every span and event of `tracing`, at any level.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The fields of a span or an event, as they are shown.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// A span or an event.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: Fields,
    pub(crate) closed: bool,
}

/// A subscriber that keeps all it is told.
#[derive(Clone, Default)]
pub(crate) struct Notebook(Arc<Mutex<Vec<Noted>>>);

impl Notebook {
    /// What the library said, in order.
    pub(crate) fn noted(&self) -> Vec<Noted> {
        let notes = self.lock();
        let ours = notes.iter().filter(|note| note.target == "generativeai");
        ours.cloned().collect()
    }

    /// The spans of that name.
    pub(crate) fn spans(&self, name: &str) -> Vec<Noted> {
        let mut noted = self.noted();
        noted.retain(|note| note.name == name);
        noted
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.0.lock().expect("no panic under the lock")
    }

    fn note(&self, metadata: &Metadata<'static>, visit: impl FnOnce(&mut Show<'_>)) -> Id {
        let mut noted = Noted {
            name: metadata.name(),
            target: metadata.target(),
            level: *metadata.level(),
            fields: Fields::new(),
            closed: false,
        };
        visit(&mut Show(&mut noted.fields));
        let mut notes = self.lock();
        notes.push(noted);
        Id::from_u64(notes.len() as u64)
    }
}

fn place(id: &Id) -> usize {
    usize::try_from(id.into_u64() - 1).expect("a place in a list")
}

impl Subscriber for Notebook {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata(), |show| span.record(show))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Show(&mut self.lock()[place(span)].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), |show| event.record(show));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, span: Id) -> bool {
        // A clone of a span is not counted: no test looks at one before its last is gone.
        self.lock()[place(&span)].closed = true;
        true
    }
}

struct Show<'a>(&'a mut Fields);

impl Visit for Show<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

/// A subscriber that keeps only what holds a key.
pub(crate) struct Guard {
    pub(crate) key: &'static str,
    pub(crate) leaks: Arc<Mutex<Vec<String>>>,
}

/// What held the key of all tests.
static LEAKS: LazyLock<Arc<Mutex<Vec<String>>>> = LazyLock::new(Arc::default);

/// From now on everything that is said anywhere in the process is searched for the key.
pub(crate) fn guard(key: &'static str) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let leaks = LEAKS.clone();
    INSTALLED.get_or_init(|| {
        let guard = Guard { key, leaks };
        tracing::subscriber::set_global_default(guard).expect("the only one of the tests");
    });
}

/// Notes what held the key.
pub(crate) fn leaked(what: String) {
    LEAKS.lock().expect("no panic under the lock").push(what);
}

/// What held the key so far.
pub(crate) fn leaks() -> Vec<String> {
    LEAKS.lock().expect("no panic under the lock").clone()
}

impl Guard {
    fn search(&self, target: &str, visit: impl FnOnce(&mut Show<'_>)) {
        let mut fields = Fields::new();
        visit(&mut Show(&mut fields));
        for (name, value) in fields {
            if value.contains(self.key) {
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
