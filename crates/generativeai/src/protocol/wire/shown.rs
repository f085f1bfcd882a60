//! How a message shows itself to developers: what is there, and nothing else.

use std::fmt::{Debug, DebugStruct, Formatter, Result};

use super::Member;
use crate::protocol::Unknown;

/// Shows the members of a message that are not absent.
pub(crate) struct Shown<'a, 'b>(DebugStruct<'a, 'b>);

impl<'a, 'b> Shown<'a, 'b> {
    pub(crate) fn new(f: &'a mut Formatter<'b>, message: &str) -> Self {
        Self(f.debug_struct(message))
    }

    pub(crate) fn member(self, name: &str, member: &impl Member) -> Self {
        self.value(name, member.shown())
    }

    pub(crate) fn value(mut self, name: &str, value: Option<&dyn Debug>) -> Self {
        if let Some(value) = value {
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
    fn a_message_shows_what_is_there_and_nothing_else() {
        let content = Content::user("Hi");
        let schema = Schema::one_of(["a"]);

        let shown = r#"Content { role: User, parts: [Part { data: Text("Hi") }] }"#;
        assert_eq!(format!("{content:?}"), shown);
        let shown = r#"Schema { type: String, format: "enum", enum: ["a"] }"#;
        assert_eq!(format!("{schema:?}"), shown);
    }
}
