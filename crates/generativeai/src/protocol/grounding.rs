//! Grounding: the sources that tools found for a reply, and which passages they support.
//!
//! [`GroundingMetadata`] is a list of sources, [`GroundingChunk`]s, and a list of
//! [`GroundingSupport`]s, each of which relates a passage of the reply to sources by their index:
//!
//! ```
//! use generativeai::protocol::grounding::GroundingMetadata;
//!
//! let grounding: GroundingMetadata = serde_json::from_str(
//!     r#"{"groundingChunks":[{"web":{"uri":"https://example.com","title":"Ben Nevis"}}],
//!         "groundingSupports":[{"segment":{"endIndex":7,"text":"1,345 m"},"groundingChunkIndices":[0]}]}"#,
//! )?;
//! let support = &grounding.grounding_supports[0];
//! let source = &grounding.grounding_chunks[support.grounding_chunk_indices[0] as usize];
//! assert_eq!(source.web.as_ref().unwrap().title.as_deref(), Some("Ben Nevis"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Offsets count bytes of UTF-8, so they are indices into the Rust string of the part. A program that marks passages
//! inserts its marks from the end, since each mark moves the text after it:
//!
//! ```
//! use generativeai::protocol::grounding::GroundingMetadata;
//!
//! fn with_marks(mut text: String, grounding: &GroundingMetadata) -> String {
//!     let mut ends: Vec<(usize, String)> = Vec::new();
//!     for support in &grounding.grounding_supports {
//!         let end = support.segment.as_ref().and_then(|segment| segment.end_index).unwrap_or(0);
//!         let marks = support.grounding_chunk_indices.iter().map(|index| format!("[{}]", index + 1));
//!         ends.push((usize::try_from(end).unwrap_or(0), marks.collect()));
//!     }
//!     ends.sort();
//!     for (end, marks) in ends.iter().rev().filter(|(end, _)| text.is_char_boundary(*end)).collect::<Vec<_>>() {
//!         text.insert_str(*end, marks);
//!     }
//!     text
//! }
//!
//! let grounding: GroundingMetadata = serde_json::from_str(
//!     r#"{"groundingSupports":[{"segment":{"endIndex":7},"groundingChunkIndices":[0,2]}]}"#,
//! )?;
//! assert_eq!(with_marks("1,345 m is its height.".into(), &grounding), "1,345 m[1][3] is its height.");
//! # Ok::<(), serde_json::Error>(())
//! ```

mod url_context;

use serde_json::Value;

pub use url_context::*;

use crate::protocol::content::Content;

message! {
    /// Sources that tools found for a reply, and the passages that they support.
    ///
    /// Programs that show a reply grounded by [`GoogleSearch`](crate::protocol::tools::GoogleSearch) must
    /// show [`search_entry_point`](Self::search_entry_point) with it: the terms of the service require it.
    pub struct GroundingMetadata {
        /// Search suggestions to show with the reply.
        pub search_entry_point: Option<SearchEntryPoint>,
        /// Sources.
        pub grounding_chunks: Vec<GroundingChunk>,
        /// Passages of the reply with the indices of their sources.
        pub grounding_supports: Vec<GroundingSupport>,
        /// Score of the decision to search.
        pub retrieval_metadata: Option<RetrievalMetadata>,
        /// Queries of the web search.
        pub web_search_queries: Vec<String>,
        /// Queries of the image search.
        pub image_search_queries: Vec<String>,
        /// Queries of other retrieval tools. Vertex AI only.
        pub retrieval_queries: Vec<String>,
        /// Token for a Google Maps widget. Deprecated.
        pub google_maps_widget_context_token: Option<String>,
    }
}

message! {
    /// Search suggestions to show with a grounded reply.
    ///
    /// The HTML is complete and has its own style, for a light and a dark theme. Show it in a frame without scripts.
    pub struct SearchEntryPoint {
        /// HTML and CSS to embed in a page.
        pub rendered_content: Option<String>,
        /// Pairs of query and search URL, as JSON in base64.
        pub sdk_blob: Option<String>,
    }
}

message! {
    /// Source that a tool found. One of the fields is set.
    ///
    /// ```
    /// use generativeai::protocol::grounding::GroundingChunk;
    ///
    /// fn link(source: &GroundingChunk) -> Option<(&str, &str)> {
    ///     if let Some(web) = &source.web {
    ///         Some((web.title.as_deref()?, web.uri.as_deref()?))
    ///     } else if let Some(place) = &source.maps {
    ///         Some((place.title.as_deref()?, place.uri.as_deref()?))
    ///     } else {
    ///         let passage = source.retrieved_context.as_ref()?;
    ///         Some((passage.title.as_deref()?, passage.uri.as_deref().unwrap_or_default()))
    ///     }
    /// }
    ///
    /// let source: GroundingChunk =
    ///     serde_json::from_str(r#"{"maps":{"uri":"https://maps.google.com/?cid=1","title":"Ben Nevis Inn"}}"#)?;
    /// assert_eq!(link(&source), Some(("Ben Nevis Inn", "https://maps.google.com/?cid=1")));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct GroundingChunk {
        /// Web page.
        pub web: Option<WebChunk>,
        /// Passage of an uploaded document.
        pub retrieved_context: Option<RetrievedContext>,
        /// Place on Google Maps.
        pub maps: Option<MapsChunk>,
        /// Image.
        pub image: Option<ImageChunk>,
    }
}

message! {
    /// Web page as a source.
    ///
    /// ```
    /// use generativeai::protocol::response::GenerateContentResponse;
    ///
    /// let response: GenerateContentResponse = serde_json::from_str(
    ///     r#"{"candidates":[{"groundingMetadata":{"groundingChunks":[
    ///         {"web":{"uri":"https://example.com/redirect/1","title":"example.com"}}]}}]}"#,
    /// )?;
    /// let grounding = response.candidates[0].grounding_metadata.as_ref().unwrap();
    /// let titles = grounding.grounding_chunks.iter().filter_map(|chunk| chunk.web.as_ref()?.title.as_deref());
    /// assert!(titles.eq(["example.com"]));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct WebChunk {
        /// URL of the page. For a web search it is a redirect of the service, which expires after some days.
        pub uri: Option<String>,
        /// Title of the page; often its domain.
        pub title: Option<String>,
        /// Domain of the page. Vertex AI only.
        pub domain: Option<String>,
    }
}

message! {
    /// Image as a source.
    pub struct ImageChunk {
        /// URL of the page that contains the image.
        pub source_uri: Option<String>,
        /// URL of the image.
        pub image_uri: Option<String>,
        /// Title of the page.
        pub title: Option<String>,
        /// Domain of the page.
        pub domain: Option<String>,
    }
}

message! {
    /// Passage of an uploaded document as a source.
    pub struct RetrievedContext {
        /// URI of the document.
        pub uri: Option<String>,
        /// Title of the document.
        pub title: Option<String>,
        /// Text of the passage.
        pub text: Option<String>,
        /// Resource name of the document. Vertex AI only.
        pub document_name: Option<String>,
        /// Store that contains the document, such as `fileSearchStores/123`. Gemini API only.
        pub file_search_store: Option<String>,
        /// Resource name of the medium, if the passage is not text. Gemini API only.
        pub media_id: Option<String>,
        /// Page of the document that contains the passage. Gemini API only.
        pub page_number: Option<i32>,
        /// Passage with its file and its pages. Vertex AI only.
        pub rag_chunk: Option<Value>,
        /// Metadata that the document was uploaded with, each an object with `key` and a value. Gemini
        /// API only.
        pub custom_metadata: Vec<Value>,
    }
}

message! {
    /// Place on Google Maps as a source.
    pub struct MapsChunk {
        /// URL of the place.
        pub uri: Option<String>,
        /// Name of the place.
        pub title: Option<String>,
        /// Description of the place.
        pub text: Option<String>,
        /// Identifier of the place for the Google Maps API, such as `places/123`.
        pub place_id: Option<String>,
        /// Reviews that the reply uses.
        pub place_answer_sources: Option<PlaceAnswerSources>,
        /// Route to the place, an object with distance, duration and line. Vertex AI only.
        pub route: Option<Value>,
    }
}

message! {
    /// Reviews of a place used for a reply.
    pub struct PlaceAnswerSources {
        /// Excerpts of the reviews.
        pub review_snippets: Vec<ReviewSnippet>,
    }
}

message! {
    /// Excerpt of a review of a place.
    pub struct ReviewSnippet {
        /// Identifier of the review.
        pub review_id: Option<String>,
        /// URL of the review on Google Maps.
        pub google_maps_uri: Option<String>,
        /// Title of the review.
        pub title: Option<String>,
    }
}

message! {
    /// Passage of a reply, and the sources that support it.
    ///
    /// A passage may have several sources, and a source may support several passages. For other passages the service
    /// found no source.
    ///
    /// The [page of this module](self) shows how to mark the passages in the text.
    pub struct GroundingSupport {
        /// Passage of the reply.
        pub segment: Option<Segment>,
        /// Indices of the sources in [`grounding_chunks`](GroundingMetadata::grounding_chunks).
        pub grounding_chunk_indices: Vec<i32>,
        /// Confidence for each source, from 0 to 1. Empty for Gemini 2.5 and newer.
        pub confidence_scores: Vec<f64>,
        /// Indices of the parts that show the passage as an image.
        pub rendered_parts: Vec<i32>,
    }
}

message! {
    /// Passage of a reply: a part of the reply, and byte offsets in its text.
    ///
    /// ```
    /// use generativeai::protocol::grounding::Segment;
    ///
    /// let reply = "Ben Nevis is 1,345 m tall. It is in Scotland.";
    /// let segment: Segment = serde_json::from_str(r#"{"endIndex":26}"#)?;
    /// let start = segment.start_index.unwrap_or(0) as usize;
    /// let end = segment.end_index.unwrap_or(0) as usize;
    /// // `get` instead of an index, which would panic if the service sent a wrong range.
    /// assert_eq!(reply.get(start..end), Some("Ben Nevis is 1,345 m tall."));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Segment {
        /// Index of the part in the content. Absent means 0.
        pub part_index: Option<i32>,
        /// Start of the passage, as an offset in bytes of UTF-8. Absent means 0.
        pub start_index: Option<i32>,
        /// End of the passage, exclusive, as an offset in bytes of UTF-8.
        pub end_index: Option<i32>,
        /// Text of the passage.
        pub text: Option<String>,
    }
}

message! {
    /// Score of the decision to search. Gemini 1.5 only.
    pub struct RetrievalMetadata {
        /// Probability, from 0 to 1, that a web search improves the reply.
        pub google_search_dynamic_retrieval_score: Option<f64>,
    }
}

message! {
    /// Source of an answer to a question about given passages, in replies of the method `generateAnswer`.
    pub struct GroundingAttribution {
        /// Identifier of the source.
        pub source_id: Option<AttributionSourceId>,
        /// Content of the source.
        pub content: Option<Content>,
    }
}

message! {
    /// Identifier of a source. One of the fields is set.
    pub struct AttributionSourceId {
        /// Passage of the request.
        pub grounding_passage: Option<GroundingPassageId>,
        /// Passage that the service found.
        pub semantic_retriever_chunk: Option<SemanticRetrieverChunk>,
    }
}

message! {
    /// Identifier of a part of a passage of the request.
    pub struct GroundingPassageId {
        /// Identifier of the passage.
        pub passage_id: Option<String>,
        /// Index of the part in the passage. Absent means 0.
        pub part_index: Option<i32>,
    }
}

message! {
    /// Identifier of a passage that the service found.
    pub struct SemanticRetrieverChunk {
        /// Searched corpus or document, such as `corpora/123/documents/abc`.
        pub source: Option<String>,
        /// Name of the passage, such as `corpora/123/documents/abc/chunks/xyz`.
        pub chunk: Option<String>,
    }
}
