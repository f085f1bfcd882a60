//! Token counts by modality: text, images, audio and so on.

message! {
    /// Token count of one modality.
    pub struct ModalityTokenCount {
        /// Counted modality.
        pub modality: Option<Modality>,
        /// Number of tokens. Absent means 0.
        pub token_count: Option<i32>,
    }
}

open_enum! {
    /// Kind of data that tokens represent.
    pub enum Modality {
        /// Zero value of the enum. It is treated as text.
        Unspecified = "MODALITY_UNSPECIFIED",
        /// Text.
        Text = "TEXT",
        /// Images.
        Image = "IMAGE",
        /// Frames of a video. Its sound is counted as [`Audio`](Self::Audio).
        Video = "VIDEO",
        /// Audio.
        Audio = "AUDIO",
        /// Documents such as PDF files.
        Document = "DOCUMENT",
    }
}
