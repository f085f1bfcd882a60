//! Whose words a reply uses.

message! {
    /// Whose words a reply uses.
    pub struct CitationMetadata {
        /// The sources.
        pub citation_sources: Vec<CitationSource>,
    }
}

message! {
    /// A source whose words are used.
    pub struct CitationSource {
        /// Where its words begin in the reply, in bytes.
        pub start_index: Option<i32>,
        /// Where they end, exclusive, in bytes.
        pub end_index: Option<i32>,
        /// Where it is found.
        pub uri: Option<String>,
        /// Its licence, for code.
        pub license: Option<String>,
        /// Its title.
        pub title: Option<String>,
        /// When it was published.
        pub publication_date: Option<serde_json::Value>,
    }
}
