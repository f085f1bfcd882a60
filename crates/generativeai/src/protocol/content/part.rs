//! A part of a turn: some text, a picture, a call, an answer.

mod data;
mod debug;
mod json;
mod metadata;

pub use data::Data;
pub use metadata::{
    AudioMetadata, AudioTranscription, ContentLayer, DocumentMetadata, MediaProcessing,
    MediaResolution, MediaResolutionLevel, SpeechMetadata, SpreadsheetMetadata, VideoMetadata,
};

use serde_json::Value;

use crate::protocol::Unknown;
use crate::protocol::content::{Blob, FunctionCall, FunctionResponse};

/// A part of a turn: the [data](Data), and what is known about it.
///
/// ```
/// use generativeai::protocol::content::{Data, Part};
///
/// let part: Part = serde_json::from_str(r#"{"text":"2 + 2 = 4","thought":true}"#)?;
/// assert_eq!(part.data, Some(Data::Text("2 + 2 = 4".into())));
/// assert!(part.is_thought());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// What the part is. `None` if there is nothing, or a kind this version does not know, which is
    /// then kept in [`unknown`](Self::unknown).
    pub data: Option<Data>,
    /// Whether the model only thought this and did not say it.
    pub thought: Option<bool>,
    /// The seal of the thinking that led here, in base64. It must go back exactly as it came.
    pub thought_signature: Option<String>,
    /// Anything the caller attached; an object.
    pub part_metadata: Option<Value>,
    /// Which section of a video is meant, and how densely it is looked at.
    pub video_metadata: Option<Box<VideoMetadata>>,
    /// How finely the medium is looked at.
    pub media_resolution: Option<Box<MediaResolution>>,
    /// Whether the medium is read once, or looked into as questions arise.
    pub media_processing: Option<MediaProcessing>,
    /// What was heard in the audio.
    pub audio_transcription: Option<Box<AudioTranscription>>,
    /// Who says the text, and how.
    pub speech_metadata: Option<Box<SpeechMetadata>>,
    /// Which pages of a document are meant.
    pub document_metadata: Option<Box<DocumentMetadata>>,
    /// Which sheet and cells of a spreadsheet are meant.
    pub spreadsheet_metadata: Option<Box<SpreadsheetMetadata>>,
    /// Which section of a recording is meant.
    pub audio_metadata: Option<Box<AudioMetadata>>,
    /// Members this version does not know, kept and sent again.
    pub unknown: Unknown,
}

impl Part {
    /// A part that is this text.
    pub fn text(text: impl Into<String>) -> Self {
        Data::Text(text.into()).into()
    }

    /// The text, if the part is text. A [thought](Self::is_thought) is text, too.
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Some(Data::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The call, if the part is one.
    pub fn as_function_call(&self) -> Option<&FunctionCall> {
        match &self.data {
            Some(Data::FunctionCall(call)) => Some(call),
            _ => None,
        }
    }

    /// The answer to a call, if the part is one.
    pub fn as_function_response(&self) -> Option<&FunctionResponse> {
        match &self.data {
            Some(Data::FunctionResponse(response)) => Some(response),
            _ => None,
        }
    }

    /// The picture, sound or other medium, if the part is one that stands in the message itself.
    pub fn as_inline_data(&self) -> Option<&Blob> {
        match &self.data {
            Some(Data::InlineData(blob)) => Some(blob),
            _ => None,
        }
    }

    /// Whether the model only thought this and did not say it.
    pub fn is_thought(&self) -> bool {
        self.thought == Some(true)
    }

    /// What the part is, in the word of the API: `text`, `functionCall`, … or the name of a member this
    /// version does not know; `None` if there is nothing.
    pub fn kind(&self) -> Option<&str> {
        match &self.data {
            Some(data) => Some(data.kind()),
            None => self.unknown.iter().next().map(|(name, _)| name.as_str()),
        }
    }
}

setters!(Part {
    plain thought: bool,
    into thought_signature: String,
    into part_metadata: Value,
    boxed video_metadata: VideoMetadata,
    boxed media_resolution: MediaResolution,
    into media_processing: MediaProcessing,
    boxed speech_metadata: SpeechMetadata,
    boxed document_metadata: DocumentMetadata,
    boxed spreadsheet_metadata: SpreadsheetMetadata,
    boxed audio_metadata: AudioMetadata,
});

impl<D: Into<Data>> From<D> for Part {
    fn from(data: D) -> Self {
        Self {
            data: Some(data.into()),
            ..Self::default()
        }
    }
}
