//! Citations: sources that a reply quotes.

message! {
    /// Sources that a reply quotes at length, from the training data of the model.
    ///
    /// Sources that a tool found are in
    /// [`GroundingMetadata`](crate::protocol::grounding::GroundingMetadata).
    ///
    /// A program that publishes replies, especially code, should check the licences of their sources:
    ///
    /// ```
    /// use generativeai::protocol::response::CitationMetadata;
    ///
    /// let citations: CitationMetadata = serde_json::from_str(
    ///     r#"{"citationSources":[{"startIndex":10,"endIndex":160,
    ///         "uri":"https://example.com/sort.c","license":"gpl-3.0"}]}"#,
    /// )?;
    /// let sources = citations.citation_sources.iter().chain(&citations.citations);
    /// let licences: Vec<&str> = sources.filter_map(|source| source.license.as_deref()).collect();
    /// assert_eq!(licences, ["gpl-3.0"]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CitationMetadata {
        /// Sources in a reply of the Gemini API.
        pub citation_sources: Vec<CitationSource>,
        /// Sources in a reply of Vertex AI, which names the list differently.
        pub citations: Vec<CitationSource>,
    }
}

message! {
    /// Source that a passage of a reply quotes.
    pub struct CitationSource {
        /// Start of the passage in the reply, as a byte offset. Absent means 0.
        pub start_index: Option<i32>,
        /// End of the passage in the reply, exclusive, as a byte offset.
        pub end_index: Option<i32>,
        /// URI of the source.
        pub uri: Option<String>,
        /// License of the source, such as `mit`, if the passage is code.
        pub license: Option<String>,
        /// Title of the source. Vertex AI only.
        pub title: Option<String>,
        /// Date of publication, an object with `year`, `month` and `day`. Vertex AI only.
        pub publication_date: Option<serde_json::Value>,
    }
}
