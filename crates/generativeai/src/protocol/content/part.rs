//! Parts of a message: data such as text, an image or a function call, with metadata.

mod data;
mod json;
mod metadata;

pub use data::Data;
pub use metadata::{
    AudioMetadata, AudioTranscription, ContentLayer, DocumentMetadata, MediaProcessing,
    PartMediaResolution, PartMediaResolutionLevel, SpeechMetadata, SpreadsheetMetadata,
    VideoMetadata,
};

use serde_json::Value;

use crate::protocol::content::{Blob, FileData, FunctionCall, FunctionResponse};

message! {
    /// Part of a message: its [data](Data), and metadata about it.
    ///
    /// A part has one kind of data. Its metadata state, for example, at which resolution media are read, and whether a
    /// text is a thought.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, Content, Part, PartMediaResolutionLevel};
    ///
    /// // A photo whose small print matters.
    /// let photo = Part::from(Blob::new("image/png", [0x89, b'P', b'N', b'G']))
    ///     .media_resolution(PartMediaResolutionLevel::High);
    /// let message = Content::user([photo, Part::text("What does the sign say?")]);
    /// assert_eq!(message.parts[0].kind(), Some("inlineData"));
    /// ```
    ///
    /// Parts are also read from the JSON of the API:
    ///
    /// ```
    /// use generativeai::protocol::content::{Data, Part};
    ///
    /// let part: Part = serde_json::from_str(r#"{"text":"2 + 2 = 4","thought":true}"#)?;
    /// assert_eq!(part.data, Some(Data::Text("2 + 2 = 4".into())));
    /// assert!(part.is_thought());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Part {
        union {
            /// Data of the part. `None` for an empty part, and for a kind without a variant in this version,
            /// which is kept in [`unknown`](Self::unknown).
            pub data: Option<Data>,
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
        /// Whether the part is a summary of the model's thinking instead of a part of its answer. Thoughts
        /// are sent only if [`ThinkingConfig::include_thoughts`] is `true`.
        ///
        /// [`ThinkingConfig::include_thoughts`]: crate::protocol::config::ThinkingConfig::include_thoughts
        pub thought: Option<bool> => plain bool,
        /// Encrypted state of the model's thinking, in base64. Send it back unchanged, in the same part: newer models
        /// refuse a history with a function call whose signature is missing. A chat does this. A program that keeps its
        /// own history must keep whole parts, not only their text.
        ///
        /// API page: [Thought signatures](https://ai.google.dev/gemini-api/docs/thought-signatures).
        pub thought_signature: Option<String> => into String,
        /// Custom data of the program, as an object: for example an identifier that relates the part to a record of the
        /// program. The service returns it, and the model does not see it. Gemini API only.
        pub part_metadata: Option<Value> => into Value,
        /// Section and frame rate of a video, for a part with video data.
        pub video_metadata: Option<Box<VideoMetadata>> => into VideoMetadata,
        /// Resolution at which the model sees the media of this part. Takes precedence over
        /// [`GenerationConfig::media_resolution`](crate::protocol::config::GenerationConfig::media_resolution).
        /// Gemini 3 and newer.
        pub media_resolution: Option<Box<PartMediaResolution>> => into PartMediaResolution,
        /// Whether the media are read once or inspected step by step.
        pub media_processing: Option<MediaProcessing> => into MediaProcessing,
        /// Transcript of audio data. Sent by the service only.
        pub audio_transcription: Option<Box<AudioTranscription>>,
        /// Speaker and style of the text, for speech generation.
        pub speech_metadata: Option<Box<SpeechMetadata>> => into SpeechMetadata,
        /// Pages of a document to read, for a part with a document.
        pub document_metadata: Option<Box<DocumentMetadata>> => into DocumentMetadata,
        /// Sheet and cells of a spreadsheet to read, for a part with a spreadsheet.
        pub spreadsheet_metadata: Option<Box<SpreadsheetMetadata>> => into SpreadsheetMetadata,
        /// Section of a recording to process, for a part with audio data.
        pub audio_metadata: Option<Box<AudioMetadata>> => into AudioMetadata,
    }
}

impl Part {
    /// Creates a text part. To read the text of a part, see [`as_text`](Self::as_text).
    pub fn text(text: impl Into<String>) -> Self {
        Data::Text(text.into()).into()
    }

    /// Returns the text of a text part. A [thought](Self::is_thought) is also a text part.
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Some(Data::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the function call, if the part is one.
    pub fn as_function_call(&self) -> Option<&FunctionCall> {
        match &self.data {
            Some(Data::FunctionCall(call)) => Some(call),
            _ => None,
        }
    }

    /// Returns the function response, if the part is one.
    pub fn as_function_response(&self) -> Option<&FunctionResponse> {
        match &self.data {
            Some(Data::FunctionResponse(response)) => Some(response),
            _ => None,
        }
    }

    /// Returns the media, if the part has inline media.
    pub fn as_inline_data(&self) -> Option<&Blob> {
        match &self.data {
            Some(Data::InlineData(blob)) => Some(blob),
            _ => None,
        }
    }

    /// Returns whether the part is a summary of the model's thinking instead of a part of its answer.
    pub fn is_thought(&self) -> bool {
        self.thought == Some(true)
    }

    /// Returns the kind of data by its name in the API, such as `text` or `functionCall`.
    ///
    /// For a kind without a variant in this version, this is the name of the first unknown member. `None` for an empty
    /// part.
    pub fn kind(&self) -> Option<&str> {
        match &self.data {
            Some(data) => Some(data.kind()),
            None => self.unknown.iter().next().map(|(name, _)| name.as_str()),
        }
    }
}

// Predicates for parts that are empty, or partly so:
//
// | Predicate | Decides |
// | --- | --- |
// | `has_data` | whether a history and a request may contain the part: the service refuses others |
// | `has_content` | whether a reply is empty, and which parts of a reply enter a history |
// | `is_plain` | whether adjacent parts are merged, and written as text alone |
// | `Data::is_empty`, `has_metadata` | the two above, for the data and for all else |
impl Part {
    /// Returns whether the part has data, metadata or unknown members. The service refuses a request with a part that
    /// has none of these.
    pub(crate) fn has_data(&self) -> bool {
        self.data.as_ref().is_some_and(|data| !data.is_empty()) || self.has_metadata()
    }

    /// Returns whether the part of a reply has content.
    ///
    /// An empty text, media without bytes and a call without a name are not content. A thought signature is, since it
    /// must be sent back.
    pub(crate) fn has_content(&self) -> bool {
        let has_content = match &self.data {
            Some(Data::Text(text)) => !text.is_empty(),
            Some(Data::InlineData(blob)) => blob.data.as_ref().is_some_and(|data| !data.is_empty()),
            Some(data) => !data.is_empty(),
            None => false,
        };
        has_content || self.has_metadata()
    }

    /// Returns whether the part has no metadata, except that it may be a thought.
    pub(in crate::protocol) fn is_plain(&self) -> bool {
        self.thought_signature.is_none() && self.unknown.is_empty() && !self.has_typed_metadata()
    }

    /// Returns whether the part has anything except its data. The mark of a thought, an empty signature, and unknown
    /// members that are `null` are ignored.
    fn has_metadata(&self) -> bool {
        let is_signed = self
            .thought_signature
            .as_ref()
            .is_some_and(|it| !it.is_empty());
        let has_unknown = self.unknown.iter().any(|(_, value)| !value.is_null());
        is_signed || has_unknown || self.has_typed_metadata()
    }

    /// Returns whether the part has metadata with a field in this version, other than `thought` and
    /// `thought_signature`.
    fn has_typed_metadata(&self) -> bool {
        // All fields are named, so that a new one cannot be forgotten.
        let Part {
            data: _,
            thought: _,
            thought_signature: _,
            part_metadata,
            video_metadata,
            media_resolution,
            media_processing,
            audio_transcription,
            speech_metadata,
            document_metadata,
            spreadsheet_metadata,
            audio_metadata,
            unknown: _,
        } = self;
        part_metadata.is_some()
            || video_metadata.is_some()
            || media_resolution.is_some()
            || media_processing.is_some()
            || audio_transcription.is_some()
            || speech_metadata.is_some()
            || document_metadata.is_some()
            || spreadsheet_metadata.is_some()
            || audio_metadata.is_some()
    }
}

impl Data {
    /// Returns whether everything that the service requires is missing. An empty text is valid.
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_)
            | Self::ExecutableCode(_)
            | Self::CodeExecutionResult(_)
            | Self::ToolCall(_)
            | Self::ToolResponse(_) => false,
            Self::InlineData(blob) => *blob == Blob::default(),
            Self::FileData(file) => *file == FileData::default(),
            // An incomplete call is not empty: its pieces show that the reply was cut off.
            Self::FunctionCall(call) => call.name().is_empty() && call.is_complete(),
            Self::FunctionResponse(response) => *response == FunctionResponse::default(),
        }
    }
}

impl<D: Into<Data>> From<D> for Part {
    fn from(data: D) -> Self {
        Self {
            data: Some(data.into()),
            ..Self::default()
        }
    }
}
