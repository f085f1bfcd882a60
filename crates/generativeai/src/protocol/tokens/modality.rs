//! How many tokens are text, pictures, sound…

message! {
    /// How many tokens are of one kind.
    pub struct ModalityTokenCount {
        /// The kind.
        pub modality: Option<Modality>,
        /// How many.
        pub token_count: Option<i32>,
    }
}

open_enum! {
    /// What tokens stand for.
    pub enum Modality {
        /// Not said.
        Unspecified = "MODALITY_UNSPECIFIED",
        /// Text.
        Text = "TEXT",
        /// Pictures.
        Image = "IMAGE",
        /// Moving pictures.
        Video = "VIDEO",
        /// Sound.
        Audio = "AUDIO",
        /// Documents.
        Document = "DOCUMENT",
    }
}
