//! Reading and writing a part: its data and its metadata are members of one JSON object.

use std::fmt;

use super::{Data, Part};
use crate::protocol::Unknown;
use crate::protocol::wire::{self, Fields, Member, Message, Reader, Wire};
use serde::ser::SerializeMap;

/// Implements [`Message`], [`Fields`] and `Debug` for [`Part`].
///
/// `message!` does not fit: `data` is one field in Rust, while in JSON each kind of data is a member with its own name,
/// next to the members with metadata.
macro_rules! part {
    (
        data { $($kind:ident = $name:literal,)* }
        metadata { $($field:ident,)* }
    ) => {
        /// Indices of the members in `NAMES`.
        // As in `message!`: `macro_rules!` cannot number its repetitions, but the discriminants of an enum count.
        #[expect(non_camel_case_types, reason = "some variants have the names of fields")]
        enum Index {
            $($kind,)*
            $($field,)*
        }

        impl Message for Part {
            const TYPE: &'static str = "Part";
            // The short form of a history in Python's SDK: `{"role": "user", "parts": ["Hello"]}`.
            const FROM_TEXT: Option<fn(String) -> Self> = Some(|text| Self::text(text));
            const NAMES: &'static [&'static str] = &[
                $($name,)*
                $({
                    const NAME: &wire::CamelCase = &wire::CamelCase::of(stringify!($field));
                    NAME.as_str()
                },)*
            ];

            fn write_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match &self.data {
                    $(Some(Data::$kind(data)) => map.serialize_entry($name, data)?,)*
                    None => {}
                }
                $(wire::write_value(map, Self::NAMES[Index::$field as usize], &self.$field)?;)*
                Ok(())
            }
        }

        impl Fields for Part {
            fn read_member(&mut self, index: usize, reader: &mut Reader<'_>) -> wire::Result<()> {
                match index {
                    $(index if index == Index::$kind as usize => read_data(self, reader, $name, Data::$kind),)*
                    $(index if index == Index::$field as usize => self.$field.read(reader),)*
                    _ => unreachable!("an index is a position in `NAMES`"),
                }
            }

            #[cfg(feature = "remote")]
            fn unknown(&self) -> &Unknown {
                &self.unknown
            }

            fn unknown_mut(&mut self) -> &mut Unknown {
                &mut self.unknown
            }
        }

        /// Shows the fields that are present.
        impl fmt::Debug for Part {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let data = self.data.as_ref().map(|data| data as &dyn fmt::Debug);
                wire::DebugMessage::new(f, Self::TYPE)
                    .value("data", data)
                    $(.member(stringify!($field), &self.$field))*
                    .finish(&self.unknown)
            }
        }

        impl Data {
            /// Returns the name of the kind in the API: `text`, `functionCall` and so on.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }
        }
    };
}

part! {
    data {
        Text = "text",
        InlineData = "inlineData",
        FileData = "fileData",
        FunctionCall = "functionCall",
        FunctionResponse = "functionResponse",
        ExecutableCode = "executableCode",
        CodeExecutionResult = "codeExecutionResult",
        ToolCall = "toolCall",
        ToolResponse = "toolResponse",
    }
    metadata {
        thought,
        thought_signature,
        part_metadata,
        video_metadata,
        media_resolution,
        media_processing,
        audio_transcription,
        speech_metadata,
        document_metadata,
        spreadsheet_metadata,
        audio_metadata,
    }
}

wire_message!(Part);

/// Reads a member with data.
///
/// The API allows one kind of data in a part. A second one is stored as an unknown member, so that it is not lost.
/// Some programs write an empty text next to other data: that text is dropped, whether it comes first or last. Other
/// data of the same kind replaces the data before it.
fn read_data<T: Wire>(
    part: &mut Part,
    reader: &mut Reader<'_>,
    name: &str,
    data: fn(T) -> Data,
) -> wire::Result<()> {
    let replaces = match &part.data {
        None => true,
        Some(data) => data.kind() == name || part.as_text() == Some(""),
    };
    if replaces {
        // A `null` member is absent, so it must not change the part.
        if reader.null()? {
            return Ok(());
        }
        let read = data(T::read(reader)?);
        let is_empty_text = matches!(&read, Data::Text(text) if text.is_empty());
        if part.data.is_none() || !is_empty_text {
            part.data = Some(read);
        }
    } else {
        let value = reader.value()?;
        let is_empty_text = name == "text" && value == "";
        if !value.is_null() && !is_empty_text {
            part.unknown.insert(name, value);
        }
    }
    Ok(())
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
