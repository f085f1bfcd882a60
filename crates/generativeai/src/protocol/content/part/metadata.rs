//! Metadata of a part: resolution, sections and layers of media, transcripts and speakers.

use serde_json::Value;

use crate::protocol::time::Duration;

message! {
    /// Section and frame rate of a video.
    ///
    /// ```
    /// use generativeai::protocol::content::{FileData, Part, VideoMetadata};
    ///
    /// let uri = "https://generativelanguage.googleapis.com/v1beta/files/abc-123";
    /// let second_minute = VideoMetadata::default().start_offset("60s").end_offset("120s").fps(0.5);
    /// let part = Part::from(FileData::new(uri, "video/mp4")).video_metadata(second_minute);
    /// ```
    pub struct VideoMetadata {
        /// Start of the section, from the start of the video. Default: the start of the video.
        pub start_offset: Option<Duration> => into Duration,
        /// End of the section, from the start of the video. Default: the end of the video.
        pub end_offset: Option<Duration> => into Duration,
        /// Frames per second that the model sees: more than 0, at most 24. Default: 1.
        pub fps: Option<f64> => plain f64,
        /// Layers of the video to read.
        pub content_layers: Vec<ContentLayer> => list ContentLayer,
    }
}

message! {
    /// Resolution at which the model sees the media of one part. Set one of the two fields.
    ///
    /// ```
    /// use generativeai::protocol::content::{Blob, Part, PartMediaResolution, PartMediaResolutionLevel};
    ///
    /// let scan = Part::from(Blob::new("image/png", [0x89, b'P', b'N', b'G']));
    /// // As a level, or as an exact number of tokens.
    /// let detailed = scan.clone().media_resolution(PartMediaResolutionLevel::UltraHigh);
    /// let limited = scan.media_resolution(PartMediaResolution::default().num_tokens(500));
    /// assert!(detailed != limited);
    /// ```
    pub struct PartMediaResolution {
        /// Resolution as a level, which each model translates into tokens.
        pub level: Option<PartMediaResolutionLevel> => into PartMediaResolutionLevel,
        /// Number of tokens that represent the media.
        pub num_tokens: Option<i32> => plain i32,
    }
}

impl From<PartMediaResolutionLevel> for PartMediaResolution {
    fn from(level: PartMediaResolutionLevel) -> Self {
        Self::default().level(level)
    }
}

open_enum! {
    /// Level of resolution for the media of one part. A higher level shows more detail, and costs more
    /// tokens.
    ///
    /// The token counts apply to Gemini 3.
    pub enum PartMediaResolutionLevel {
        /// The default of the model.
        Unspecified = "MEDIA_RESOLUTION_UNSPECIFIED",
        /// Low: 280 tokens an image, 70 a video frame.
        Low = "MEDIA_RESOLUTION_LOW",
        /// Medium: 560 tokens an image or a page of a PDF, 70 a video frame.
        Medium = "MEDIA_RESOLUTION_MEDIUM",
        /// High: 1,120 tokens an image or a page of a PDF, 280 a video frame.
        High = "MEDIA_RESOLUTION_HIGH",
        ;
        /// Highest: 2,240 tokens an image. Available for single parts only, not for a whole request.
        UltraHigh = "MEDIA_RESOLUTION_ULTRA_HIGH",
    }
}

open_enum! {
    /// Way in which the model reads media.
    pub enum MediaProcessing {
        /// The default of the model.
        Unspecified = "MEDIA_PROCESSING_UNSPECIFIED",
        /// The media are read once, as a whole.
        Static = "STATIC",
        /// The model inspects the media in several steps, such as crops of an image, with the tool
        /// [`ToolType::MediaProcessing`](crate::protocol::content::ToolType::MediaProcessing).
        Agentic = "AGENTIC",
    }
}

message! {
    /// Transcript of audio.
    ///
    /// ```
    /// use generativeai::protocol::content::AudioTranscription;
    ///
    /// let transcript: AudioTranscription =
    ///     serde_json::from_str(r#"{"text":"How tall is it?","speakerLabel":"spk_1","finished":true}"#)?;
    /// assert_eq!(transcript.finished, Some(true)); // nothing follows
    /// assert_eq!(transcript.language_code, None); // the language was not detected
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct AudioTranscription {
        /// Transcribed text.
        pub text: Option<String>,
        /// Whether the transcript is complete. While it is absent or `false`, more text follows.
        pub finished: Option<bool>,
        /// Language of the text as a BCP 47 code, such as `en-GB`.
        pub language_code: Option<String>,
        /// Label of the speaker, such as `spk_1`, if speakers are
        /// [distinguished](crate::protocol::config::AudioTranscriptionConfig::diarization).
        pub speaker_label: Option<String>,
        /// Each word with the offsets of its start and end, if
        /// [requested](crate::protocol::config::AudioTranscriptionConfig::word_timestamp).
        pub words: Vec<Value>,
    }
}

message! {
    /// Speaker and style of the text, for speech generation.
    ///
    /// ```
    /// use generativeai::protocol::content::{Content, Part, SpeechMetadata};
    ///
    /// let line = |speaker: &str, text: &str| {
    ///     Part::text(text).speech_metadata(SpeechMetadata::default().speaker(speaker))
    /// };
    /// let scene = Content::user([line("Ann", "How tall is it?"), line("Ben", "Quite tall.")]);
    /// assert_eq!(scene.text(), "How tall is it?Quite tall.");
    /// ```
    pub struct SpeechMetadata {
        /// Name of the speaker, one of
        /// [`speaker_voice_configs`](crate::protocol::config::MultiSpeakerVoiceConfig::speaker_voice_configs).
        pub speaker: Option<String> => into String,
        /// Style of speech, such as `calm`.
        pub style: Option<String> => into String,
    }
}

message! {
    /// Pages of a document to read.
    ///
    /// ```
    /// use generativeai::protocol::content::{DocumentMetadata, FileData, Part};
    ///
    /// let chapter = DocumentMetadata::default().start_page(12).end_page(30);
    /// let manual = FileData::new("https://example.com/manual.pdf", "application/pdf");
    /// let part = Part::from(manual).document_metadata(chapter);
    /// assert_eq!(part.document_metadata.unwrap().start_page, Some(12));
    /// ```
    pub struct DocumentMetadata {
        /// First page, from 1. Default: the first page of the document.
        pub start_page: Option<i32> => plain i32,
        /// Last page, included. Default: the last page of the document.
        pub end_page: Option<i32> => plain i32,
        /// Layers of the document to read.
        pub content_layers: Vec<ContentLayer> => list ContentLayer,
    }
}

message! {
    /// Sheet and cells of a spreadsheet to read.
    ///
    /// ```
    /// use generativeai::protocol::content::{ContentLayer, FileData, Part, SpreadsheetMetadata};
    ///
    /// // The formulas of the first table of the second sheet.
    /// let table = SpreadsheetMetadata::default()
    ///     .sheet_index(2)
    ///     .visible_cells("A1:D10")
    ///     .content_layers([ContentLayer::Formulas]);
    /// let book = FileData::new("https://example.com/files/abc", "text/csv");
    /// let part = Part::from(book).spreadsheet_metadata(table);
    /// assert_eq!(part.kind(), Some("fileData"));
    /// ```
    pub struct SpreadsheetMetadata {
        /// Range of cells, such as `A1:D10`. Default: all cells.
        pub visible_cells: Option<String> => into String,
        /// Number of the sheet, from 1. Default: all sheets.
        pub sheet_index: Option<i32> => plain i32,
        /// Layers of the spreadsheet to read.
        pub content_layers: Vec<ContentLayer> => list ContentLayer,
    }
}

open_enum! {
    /// Layer of a document or of other media, such as the formulas of a spreadsheet. The available layers depend on the
    /// kind of media.
    pub enum ContentLayer {
        /// The default of the model.
        Unspecified = "CONTENT_LAYER_UNSPECIFIED",
        ;
        /// Values of the cells of a spreadsheet.
        Data = "DATA",
        /// Formulas of the cells of a spreadsheet, with their results.
        Formulas = "FORMULAS",
        /// Rendered appearance.
        Visual = "VISUAL",
    }
}

message! {
    /// Section of an audio recording to process.
    pub struct AudioMetadata {
        /// Start of the section, from the start of the recording. Default: the start of the recording.
        pub start_offset: Option<Duration> => into Duration,
        /// End of the section, from the start of the recording. Default: the end of the recording.
        pub end_offset: Option<Duration> => into Duration,
    }
}
