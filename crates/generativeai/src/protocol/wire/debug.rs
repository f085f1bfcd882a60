//! `Debug` of messages, without absent fields.

use std::fmt::{Debug, DebugStruct, Formatter, Result};

use super::Member;
use crate::protocol::Unknown;

/// Formatter of a message that leaves out absent fields.
///
/// A message has up to thirty fields. Most of them are absent, and would make the others hard to find.
pub(crate) struct DebugMessage<'a, 'b>(DebugStruct<'a, 'b>);

impl<'a, 'b> DebugMessage<'a, 'b> {
    pub(crate) fn new(f: &'a mut Formatter<'b>, message: &str) -> Self {
        Self(f.debug_struct(message))
    }

    pub(crate) fn member(self, name: &str, member: &impl Member) -> Self {
        self.value(name, member.debug())
    }

    pub(crate) fn value(mut self, name: &str, value: Option<&dyn Debug>) -> Self {
        if let Some(value) = value {
            // `stringify!` writes raw identifiers with their prefix.
            self.0.field(name.trim_start_matches("r#"), value);
        }
        self
    }

    pub(crate) fn finish(mut self, unknown: &Unknown) -> Result {
        if !unknown.is_empty() {
            self.0.field("unknown", unknown);
        }
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::content::Content;
    use crate::protocol::schema::Schema;

    #[test]
    fn debug_shows_present_fields_only() {
        let content = Content::user("Hi");
        let schema = Schema::one_of(["a"]);

        let shown = r#"Content { role: User, parts: [Part { data: Text("Hi") }] }"#;
        assert_eq!(format!("{content:?}"), shown);
        let shown = r#"Schema { type: String, format: "enum", enum: ["a"] }"#;
        assert_eq!(format!("{schema:?}"), shown);
    }
}
