//! What may be said about a part beside its data.

use serde_json::Value;

use crate::protocol::time::Duration;

message! {
    /// Which section of a video is meant, and how densely it is looked at.
    pub struct VideoMetadata {
        /// Where the section begins.
        pub start_offset: Option<Duration>,
        /// Where the section ends.
        pub end_offset: Option<Duration>,
        /// How many frames a second are looked at.
        pub fps: Option<f64>,
        /// Which layers of the video are looked at.
        pub content_layers: Vec<ContentLayer>,
    }
}

setters!(VideoMetadata {
    into start_offset: Duration,
    into end_offset: Duration,
    plain fps: f64,
    list content_layers: ContentLayer,
});

message! {
    /// How finely a medium is looked at.
    pub struct MediaResolution {
        /// A step of fineness.
        pub level: Option<MediaResolutionLevel>,
        /// How many tokens the medium may cost.
        pub num_tokens: Option<i32>,
    }
}

setters!(MediaResolution {
    into level: MediaResolutionLevel,
    plain num_tokens: i32,
});

impl From<MediaResolutionLevel> for MediaResolution {
    fn from(level: MediaResolutionLevel) -> Self {
        Self::default().level(level)
    }
}

open_enum! {
    /// How finely a medium is looked at: the finer, the more tokens it costs.
    pub enum MediaResolutionLevel {
        /// Left to the service.
        Unspecified = "MEDIA_RESOLUTION_UNSPECIFIED",
        /// Coarsely.
        Low = "MEDIA_RESOLUTION_LOW",
        /// Between.
        Medium = "MEDIA_RESOLUTION_MEDIUM",
        /// Finely.
        High = "MEDIA_RESOLUTION_HIGH",
        ;
        /// As finely as can be; for one part, not for all.
        UltraHigh = "MEDIA_RESOLUTION_ULTRA_HIGH",
    }
}

open_enum! {
    /// Whether a medium is read once, or looked into as questions arise.
    pub enum MediaProcessing {
        /// Left to the service.
        Unspecified = "MEDIA_PROCESSING_UNSPECIFIED",
        /// Read once, as a whole.
        Static = "STATIC",
        /// Looked into as questions arise.
        Agentic = "AGENTIC",
    }
}

message! {
    /// What was heard in the audio.
    pub struct AudioTranscription {
        /// The words.
        pub text: Option<String>,
        /// Whether there is no more to come.
        pub finished: Option<bool>,
        /// The language they are in, as BCP 47 names it.
        pub language_code: Option<String>,
        /// Tells one speaker from another.
        pub speaker_label: Option<String>,
        /// Each word, and when it was heard.
        pub words: Vec<Value>,
    }
}

message! {
    /// Who says a text, and how.
    pub struct SpeechMetadata {
        /// The name of the speaker.
        pub speaker: Option<String>,
        /// How it is said.
        pub style: Option<String>,
    }
}

setters!(SpeechMetadata {
    into speaker: String,
    into style: String,
});

message! {
    /// Which pages of a document are meant.
    pub struct DocumentMetadata {
        /// The first page.
        pub start_page: Option<i32>,
        /// The last page.
        pub end_page: Option<i32>,
        /// Which layers of the document are looked at.
        pub content_layers: Vec<ContentLayer>,
    }
}

setters!(DocumentMetadata {
    plain start_page: i32,
    plain end_page: i32,
    list content_layers: ContentLayer,
});

message! {
    /// Which sheet and cells of a spreadsheet are meant.
    pub struct SpreadsheetMetadata {
        /// The cells that are looked at, such as `A1:D10`.
        pub visible_cells: Option<String>,
        /// The number of the sheet, from 1.
        pub sheet_index: Option<i32>,
        /// Which layers of the spreadsheet are looked at.
        pub content_layers: Vec<ContentLayer>,
    }
}

setters!(SpreadsheetMetadata {
    into visible_cells: String,
    plain sheet_index: i32,
    list content_layers: ContentLayer,
});

open_enum! {
    /// A layer of a medium; which there are depends on the medium.
    pub enum ContentLayer {
        /// Left to the service.
        Unspecified = "CONTENT_LAYER_UNSPECIFIED",
        ;
        /// The values in the cells of a spreadsheet.
        Data = "DATA",
        /// The formulas in the cells of a spreadsheet, and what they come to.
        Formulas = "FORMULAS",
        /// What it looks like.
        Visual = "VISUAL",
    }
}

message! {
    /// Which section of a recording is meant.
    pub struct AudioMetadata {
        /// Where the section begins.
        pub start_offset: Option<Duration>,
        /// Where the section ends.
        pub end_offset: Option<Duration>,
    }
}

setters!(AudioMetadata {
    into start_offset: Duration,
    into end_offset: Duration,
});
