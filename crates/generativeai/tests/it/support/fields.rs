//! The fields of spans and events, as they are shown.

use std::collections::BTreeMap;
use std::fmt;

use tracing::field::{Field, Visit};

/// The fields of a span or an event, as they are shown.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// Takes down fields as they are shown.
pub(super) struct Show<'a>(pub(super) &'a mut Fields);

impl Visit for Show<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
