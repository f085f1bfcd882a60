//! Reading of the data of a part.

use super::{Data, Part};
use crate::protocol::wire::{Reader, Result, Wire};

impl Part {
    /// Reads a member with data.
    ///
    /// The API allows one kind of data in a part. A second one is stored as an unknown member, so that it is not lost.
    /// Some programs write an empty text next to other data: that text is dropped, whether it comes first or last.
    /// Other data of the same kind replaces the data before it.
    pub(super) fn read_union<T: Wire>(
        &mut self,
        reader: &mut Reader<'_>,
        name: &str,
        data: fn(T) -> Data,
    ) -> Result<()> {
        let replaces = match &self.data {
            None => true,
            Some(data) => data.kind() == name || self.as_text() == Some(""),
        };
        if replaces {
            // A `null` member is absent, so it must not change the part.
            if reader.null()? {
                return Ok(());
            }
            let read = data(T::read(reader)?);
            let is_empty_text = matches!(&read, Data::Text(text) if text.is_empty());
            if self.data.is_none() || !is_empty_text {
                self.data = Some(read);
            }
        } else {
            let value = reader.value()?;
            let is_empty_text = name == "text" && value == "";
            if !value.is_null() && !is_empty_text {
                self.unknown.insert(name, value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::read_json;

    fn part(value: Value) -> Part {
        serde_json::from_value(value).expect("a part")
    }

    #[test]
    fn members_come_in_any_order() {
        let first = part(json!({"thoughtSignature": "c2ln", "thought": true, "text": "Hm"}));

        assert_eq!(
            first,
            Part::text("Hm").thought(true).thought_signature("c2ln")
        );
        assert_eq!(json!(first)["thoughtSignature"], "c2ln");
    }

    #[test]
    fn an_unknown_kind_is_kept() {
        let hologram = part(json!({"hologram": {"z": [1]}, "thoughtSignature": "c2ln"}));

        assert_eq!(
            (hologram.data.as_ref(), hologram.kind()),
            (None, Some("hologram"))
        );
        assert_eq!(
            json!(hologram),
            json!({"hologram": {"z": [1]}, "thoughtSignature": "c2ln"})
        );
    }

    #[test]
    fn a_second_kind_of_data_is_kept_with_the_unknown_members() {
        let both = json!({"text": "see", "functionCall": {"name": "look"}});

        let read = part(both.clone());

        assert_eq!(read.as_text(), Some("see"));
        assert_eq!(read.as_function_call(), None);
        assert_eq!(json!(read), both);
    }

    /// Row 1 of tests/field.md.
    #[test]
    fn an_empty_text_beside_other_data_is_dropped() {
        for both in [
            r#"{"text":"","functionCall":{"name":"look"}}"#,
            r#"{"functionCall":{"name":"look"},"text":""}"#,
            r#"{"text":"","functionCall":{"name":"look"},"inlineData":null}"#,
            r#"{"functionCall":{"name":"look"},"text":"","text":""}"#,
        ] {
            let read: Part = serde_json::from_str(both).expect("a part");
            assert_eq!(
                read.as_function_call().map(|call| call.name()),
                Some("look")
            );
            assert_eq!(json!(read), json!({"functionCall": {"name": "look"}}));
        }
        assert_eq!(
            json!(part(json!({"text": "", "inlineData": null}))),
            json!({"text": ""})
        );
    }

    #[test]
    fn the_last_text_is_kept_unless_it_is_empty() {
        let read = |json: &str| json!(read_json::<Part>(json.as_bytes()).expect("a part"));

        assert_eq!(
            read(r#"{"text":"a","text":"b","text":""}"#),
            json!({"text": "b"})
        );
        let media = read(r#"{"text":"a","inlineData":{"data":""},"text":""}"#);
        assert_eq!(media, json!({"text": "a", "inlineData": {"data": ""}}));
    }

    #[test]
    fn null_is_absent() {
        let read = part(json!({"text": null, "functionCall": {"name": "f"}, "thought": null}));

        assert_eq!(read.as_function_call().map(|call| call.name()), Some("f"));
        assert_eq!(json!(read), json!({"functionCall": {"name": "f"}}));
    }

    #[test]
    fn empty_text_is_text() {
        assert_eq!(part(json!({"text": ""})).as_text(), Some(""));
        assert_eq!(json!(Part::text("")), json!({"text": ""}));
    }
}
