//! The sources that a reply rests on.

mod url_context;

use serde_json::Value;

pub use url_context::*;

use crate::protocol::content::Content;

message! {
    /// The sources that a reply rests on, and which of its words rest on which.
    pub struct GroundingMetadata {
        /// How to show that the web was searched; the terms of the service ask for it.
        pub search_entry_point: Option<SearchEntryPoint>,
        /// The sources.
        pub grounding_chunks: Vec<GroundingChunk>,
        /// Which words rest on which sources.
        pub grounding_supports: Vec<GroundingSupport>,
        /// How useful a search seemed.
        pub retrieval_metadata: Option<RetrievalMetadata>,
        /// What the web was searched for.
        pub web_search_queries: Vec<String>,
        /// What pictures were searched for.
        pub image_search_queries: Vec<String>,
        /// What the caller's files were searched for.
        pub retrieval_queries: Vec<String>,
        /// The token of a map to show.
        pub google_maps_widget_context_token: Option<String>,
    }
}

message! {
    /// How to show that the web was searched.
    pub struct SearchEntryPoint {
        /// A piece of HTML.
        pub rendered_content: Option<String>,
        /// Pairs of a search and its address, JSON in base64.
        pub sdk_blob: Option<String>,
    }
}

message! {
    /// A source; one of the fields.
    pub struct GroundingChunk {
        /// A page.
        pub web: Option<WebChunk>,
        /// A piece of a file of the caller's.
        pub retrieved_context: Option<RetrievedContext>,
        /// A place on the map.
        pub maps: Option<MapsChunk>,
        /// A picture.
        pub image: Option<ImageChunk>,
    }
}

message! {
    /// A page.
    pub struct WebChunk {
        /// Its address.
        pub uri: Option<String>,
        /// Its title.
        pub title: Option<String>,
        /// Whose it is.
        pub domain: Option<String>,
    }
}

message! {
    /// A picture.
    pub struct ImageChunk {
        /// The page it stands on.
        pub source_uri: Option<String>,
        /// Its own address.
        pub image_uri: Option<String>,
        /// Its title.
        pub title: Option<String>,
        /// Whose it is.
        pub domain: Option<String>,
    }
}

message! {
    /// A piece of a file of the caller's.
    pub struct RetrievedContext {
        /// Where the file is.
        pub uri: Option<String>,
        /// Its title.
        pub title: Option<String>,
        /// The piece.
        pub text: Option<String>,
        /// The file's name.
        pub document_name: Option<String>,
        /// The store it is in.
        pub file_search_store: Option<String>,
        /// Which medium of it.
        pub media_id: Option<String>,
        /// Which page of it.
        pub page_number: Option<i32>,
        /// The piece and what surrounds it.
        pub rag_chunk: Option<Value>,
        /// What the caller noted on it.
        pub custom_metadata: Vec<Value>,
    }
}

message! {
    /// A place on the map.
    pub struct MapsChunk {
        /// Where the map shows it.
        pub uri: Option<String>,
        /// What it is called.
        pub title: Option<String>,
        /// What is told of it.
        pub text: Option<String>,
        /// Its id, such as `places/123`.
        pub place_id: Option<String>,
        /// What people said of it.
        pub place_answer_sources: Option<PlaceAnswerSources>,
        /// A way to it.
        pub route: Option<Value>,
    }
}

message! {
    /// What people said of a place.
    pub struct PlaceAnswerSources {
        /// Pieces of it.
        pub review_snippets: Vec<ReviewSnippet>,
    }
}

message! {
    /// A piece of what somebody said of a place.
    pub struct ReviewSnippet {
        /// Its id.
        pub review_id: Option<String>,
        /// Where the map shows it.
        pub google_maps_uri: Option<String>,
        /// Its title.
        pub title: Option<String>,
    }
}

message! {
    /// Some words of the reply, and the sources they rest on.
    pub struct GroundingSupport {
        /// The words.
        pub segment: Option<Segment>,
        /// The sources: their places in the list of chunks.
        pub grounding_chunk_indices: Vec<i32>,
        /// How sure it is of each, from 0 to 1.
        pub confidence_scores: Vec<f64>,
        /// The parts that show it.
        pub rendered_parts: Vec<i32>,
    }
}

message! {
    /// Some words of the reply.
    pub struct Segment {
        /// Which part they are in.
        pub part_index: Option<i32>,
        /// Where they begin in it, in bytes.
        pub start_index: Option<i32>,
        /// Where they end in it, exclusive, in bytes.
        pub end_index: Option<i32>,
        /// The words.
        pub text: Option<String>,
    }
}

message! {
    /// How useful a search seemed.
    pub struct RetrievalMetadata {
        /// From 0 to 1.
        pub google_search_dynamic_retrieval_score: Option<f64>,
    }
}

message! {
    /// A source that an answer to a question on given passages rests on.
    pub struct GroundingAttribution {
        /// Which.
        pub source_id: Option<AttributionSourceId>,
        /// What it says.
        pub content: Option<Content>,
    }
}

message! {
    /// Names a source; one of the fields.
    pub struct AttributionSourceId {
        /// A passage that was given.
        pub grounding_passage: Option<GroundingPassageId>,
        /// A piece that was found.
        pub semantic_retriever_chunk: Option<SemanticRetrieverChunk>,
    }
}

message! {
    /// Names a part of a passage that was given.
    pub struct GroundingPassageId {
        /// The passage.
        pub passage_id: Option<String>,
        /// The part.
        pub part_index: Option<i32>,
    }
}

message! {
    /// Names a piece that was found.
    pub struct SemanticRetrieverChunk {
        /// What was searched.
        pub source: Option<String>,
        /// The piece.
        pub chunk: Option<String>,
    }
}
