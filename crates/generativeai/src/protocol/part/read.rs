//! Reading a part in one pass, its members in any order.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Data, Part};
use crate::protocol::wire::{Member, Wire};

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let mut part = Part::default();
        while let Some(name) = map.next_key_seed(NameVisitor)? {
            read_member(&mut part, name, &mut map)?;
        }
        Ok(part)
    }
}

fn read_member<'de, A: MapAccess<'de>>(
    part: &mut Part,
    name: Name,
    map: &mut A,
) -> Result<(), A::Error> {
    match name {
        Name::Text => read_data(part, map, "text", Data::Text),
        Name::InlineData => read_data(part, map, "inlineData", Data::InlineData),
        Name::FileData => read_data(part, map, "fileData", Data::FileData),
        Name::FunctionCall => read_data(part, map, "functionCall", Data::FunctionCall),
        Name::FunctionResponse => read_data(part, map, "functionResponse", Data::FunctionResponse),
        Name::ExecutableCode => read_data(part, map, "executableCode", Data::ExecutableCode),
        Name::CodeExecutionResult => {
            read_data(part, map, "codeExecutionResult", Data::CodeExecutionResult)
        }
        Name::ToolCall => read_data(part, map, "toolCall", Data::ToolCall),
        Name::ToolResponse => read_data(part, map, "toolResponse", Data::ToolResponse),
        Name::Thought => read_side(&mut part.thought, map),
        Name::ThoughtSignature => read_side(&mut part.thought_signature, map),
        Name::PartMetadata => read_side(&mut part.part_metadata, map),
        Name::VideoMetadata => read_side(&mut part.video_metadata, map),
        Name::MediaResolution => read_side(&mut part.media_resolution, map),
        Name::MediaProcessing => read_side(&mut part.media_processing, map),
        Name::AudioTranscription => read_side(&mut part.audio_transcription, map),
        Name::SpeechMetadata => read_side(&mut part.speech_metadata, map),
        Name::DocumentMetadata => read_side(&mut part.document_metadata, map),
        Name::SpreadsheetMetadata => read_side(&mut part.spreadsheet_metadata, map),
        Name::AudioMetadata => read_side(&mut part.audio_metadata, map),
        Name::Unknown(name) => {
            part.unknown.insert(name, map.next_value::<Value>()?);
            Ok(())
        }
    }
}

/// Reads the data; a part that has some already keeps the second among the unknown members.
fn read_data<'de, A: MapAccess<'de>, T: Wire>(
    part: &mut Part,
    map: &mut A,
    name: &str,
    data: fn(T) -> Data,
) -> Result<(), A::Error> {
    if part.data.is_none() {
        part.data = map.next_value_seed(Read::<Option<T>>::default())?.map(data);
    } else {
        let value = map.next_value::<Value>()?;
        if !value.is_null() {
            part.unknown.insert(name, value);
        }
    }
    Ok(())
}

fn read_side<'de, A: MapAccess<'de>, M: Member>(
    member: &mut M,
    map: &mut A,
) -> Result<(), A::Error> {
    *member = map.next_value_seed(Read::default())?;
    Ok(())
}

/// Reads a member.
struct Read<M>(std::marker::PhantomData<M>);

impl<M> Default for Read<M> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<'de, M: Member> DeserializeSeed<'de> for Read<M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<M, D::Error> {
        M::read(deserializer)
    }
}

/// The name of a member; only one that is not known is allocated.
enum Name {
    Text,
    InlineData,
    FileData,
    FunctionCall,
    FunctionResponse,
    ExecutableCode,
    CodeExecutionResult,
    ToolCall,
    ToolResponse,
    Thought,
    ThoughtSignature,
    PartMetadata,
    VideoMetadata,
    MediaResolution,
    MediaProcessing,
    AudioTranscription,
    SpeechMetadata,
    DocumentMetadata,
    SpreadsheetMetadata,
    AudioMetadata,
    Unknown(String),
}

struct NameVisitor;

impl<'de> DeserializeSeed<'de> for NameVisitor {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            "text" => Name::Text,
            "inlineData" => Name::InlineData,
            "fileData" => Name::FileData,
            "functionCall" => Name::FunctionCall,
            "functionResponse" => Name::FunctionResponse,
            "executableCode" => Name::ExecutableCode,
            "codeExecutionResult" => Name::CodeExecutionResult,
            "toolCall" => Name::ToolCall,
            "toolResponse" => Name::ToolResponse,
            "thought" => Name::Thought,
            "thoughtSignature" => Name::ThoughtSignature,
            "partMetadata" => Name::PartMetadata,
            "videoMetadata" => Name::VideoMetadata,
            "mediaResolution" => Name::MediaResolution,
            "mediaProcessing" => Name::MediaProcessing,
            "audioTranscription" => Name::AudioTranscription,
            "speechMetadata" => Name::SpeechMetadata,
            "documentMetadata" => Name::DocumentMetadata,
            "spreadsheetMetadata" => Name::SpreadsheetMetadata,
            "audioMetadata" => Name::AudioMetadata,
            _ => Name::Unknown(name.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
    fn a_kind_that_is_not_known_is_kept() {
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
    fn a_second_kind_of_data_is_kept_beside_the_first() {
        let both = json!({"text": "see", "functionCall": {"name": "look"}});

        let read = part(both.clone());

        assert_eq!(read.as_text(), Some("see"));
        assert_eq!(read.as_function_call(), None);
        assert_eq!(json!(read), both);
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
