//! Writing a part: its data first, then what is known about it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Data, Part};
use crate::protocol::wire::Member;

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(data) = &self.data {
            write_data(&mut map, data)?;
        }
        write_side(&mut map, "thought", &self.thought)?;
        write_side(&mut map, "thoughtSignature", &self.thought_signature)?;
        write_side(&mut map, "partMetadata", &self.part_metadata)?;
        write_side(&mut map, "videoMetadata", &self.video_metadata)?;
        write_side(&mut map, "mediaResolution", &self.media_resolution)?;
        write_side(&mut map, "mediaProcessing", &self.media_processing)?;
        write_side(&mut map, "audioTranscription", &self.audio_transcription)?;
        write_side(&mut map, "speechMetadata", &self.speech_metadata)?;
        write_side(&mut map, "documentMetadata", &self.document_metadata)?;
        write_side(&mut map, "spreadsheetMetadata", &self.spreadsheet_metadata)?;
        write_side(&mut map, "audioMetadata", &self.audio_metadata)?;
        for (name, value) in self.unknown.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

fn write_data<M: SerializeMap>(map: &mut M, data: &Data) -> Result<(), M::Error> {
    let name = data.kind();
    match data {
        Data::Text(text) => map.serialize_entry(name, text),
        Data::InlineData(blob) => map.serialize_entry(name, blob),
        Data::FileData(file) => map.serialize_entry(name, file),
        Data::FunctionCall(call) => map.serialize_entry(name, call),
        Data::FunctionResponse(response) => map.serialize_entry(name, response),
        Data::ExecutableCode(code) => map.serialize_entry(name, code),
        Data::CodeExecutionResult(result) => map.serialize_entry(name, result),
        Data::ToolCall(call) => map.serialize_entry(name, call),
        Data::ToolResponse(response) => map.serialize_entry(name, response),
    }
}

fn write_side<M: SerializeMap, T: Member + Serialize>(
    map: &mut M,
    name: &'static str,
    member: &T,
) -> Result<(), M::Error> {
    if member.is_absent() {
        Ok(())
    } else {
        map.serialize_entry(name, member)
    }
}
