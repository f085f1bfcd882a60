//! A `tracing` subscriber that records spans and events.

use std::sync::{Arc, Mutex, MutexGuard};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::fields::{Fields, Show};

/// A span or an event.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: Fields,
    pub(crate) closed: bool,
}

/// Subscriber that records everything.
#[derive(Clone, Default)]
pub(crate) struct Notebook(Arc<Mutex<Vec<Recorded>>>);

impl Notebook {
    /// Returns the spans and events of the library, in order.
    pub(crate) fn records(&self) -> Vec<Recorded> {
        let records = self.lock();
        let ours = records
            .iter()
            .filter(|record| record.target == "generativeai");
        ours.cloned().collect()
    }

    /// Returns the spans with this name.
    pub(crate) fn spans(&self, name: &str) -> Vec<Recorded> {
        let mut records = self.records();
        records.retain(|record| record.name == name);
        records
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.0.lock().expect("no panic under the lock")
    }

    fn push(&self, metadata: &Metadata<'static>, visit: impl FnOnce(&mut Show<'_>)) -> Id {
        let mut recorded = Recorded {
            name: metadata.name(),
            target: metadata.target(),
            level: *metadata.level(),
            fields: Fields::new(),
            closed: false,
        };
        visit(&mut Show(&mut recorded.fields));
        let mut records = self.lock();
        records.push(recorded);
        Id::from_u64(records.len() as u64)
    }
}

fn index(id: &Id) -> usize {
    usize::try_from(id.into_u64() - 1).expect("an index")
}

impl Subscriber for Notebook {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.push(span.metadata(), |show| span.record(show))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Show(&mut self.lock()[index(span)].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.push(event.metadata(), |show| event.record(show));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, span: Id) -> bool {
        // Clones of a span are not counted: no test looks at a span before the last one is dropped.
        self.lock()[index(&span)].closed = true;
        true
    }
}
