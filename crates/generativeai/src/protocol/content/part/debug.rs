//! `Debug` of a part, without absent fields.

use std::fmt;

use super::Part;
use crate::protocol::wire::DebugMessage;

/// Shows the fields that are present.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DebugMessage::new(f, "Part")
            .value(
                "data",
                self.data.as_ref().map(|data| data as &dyn fmt::Debug),
            )
            .member("thought", &self.thought)
            .member("thought_signature", &self.thought_signature)
            .member("part_metadata", &self.part_metadata)
            .member("video_metadata", &self.video_metadata)
            .member("media_resolution", &self.media_resolution)
            .member("media_processing", &self.media_processing)
            .member("audio_transcription", &self.audio_transcription)
            .member("speech_metadata", &self.speech_metadata)
            .member("document_metadata", &self.document_metadata)
            .member("spreadsheet_metadata", &self.spreadsheet_metadata)
            .member("audio_metadata", &self.audio_metadata)
            .finish(&self.unknown)
    }
}
