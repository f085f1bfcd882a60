//! What whoever subscribes to `tracing` is told, taken down.

use std::sync::{Arc, Mutex, MutexGuard};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::fields::{Fields, Show};

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
