//! Embeddings: vectors that represent the meaning of text.
//!
//! Texts with similar meanings have vectors with a small angle between them, which is how semantic search
//! and clustering work. [`Backend::embed_content`](crate::Backend::embed_content) computes them.
//!
//! ```
//! use generativeai::protocol::embeddings::{EmbedContentRequest, TaskType};
//!
//! let request = EmbedContentRequest::new("Ben Nevis is 1,345 metres tall.")
//!     .model("models/gemini-embedding-001")
//!     .task_type(TaskType::RetrievalDocument)
//!     .output_dimensionality(768);
//! ```
//!
//! API page: [Embeddings](https://ai.google.dev/gemini-api/docs/embeddings).

use crate::protocol::content::Content;
use crate::protocol::tokens::ModalityTokenCount;

message! {
    /// Request for the embedding of one content.
    pub struct EmbedContentRequest {
        /// Resource name of the model, such as `models/gemini-embedding-001`. Over REST it is part of the
        /// URL, and also required in each request of a batch.
        pub model: Option<String> => into String,
        /// Text to embed.
        pub content: Option<Content> => into Content,
        /// Task that the embedding is used for. Models before Gemini Embedding 2 adapt the vector to it.
        pub task_type: Option<TaskType> => into TaskType,
        /// Title of the text, with [`TaskType::RetrievalDocument`].
        pub title: Option<String> => into String,
        /// Number of dimensions of the vector. Default: the maximum of the model, such as 3,072. Some models return
        /// shorter vectors that are not normalized: divide them by their length before a comparison by dot product.
        pub output_dimensionality: Option<i32> => plain i32,
    }
}

impl EmbedContentRequest {
    /// Creates a request for the embedding of a content, such as a string.
    pub fn new(content: impl Into<Content>) -> Self {
        Self::default().content(content)
    }
}

open_enum! {
    /// Task that an embedding is used for.
    ///
    /// Queries and documents get different vectors, so that a question is near its answer and not near other questions:
    ///
    /// ```
    /// use generativeai::protocol::embeddings::{EmbedContentRequest, TaskType};
    ///
    /// let document = EmbedContentRequest::new("Ben Nevis is 1,345 metres tall.")
    ///     .task_type(TaskType::RetrievalDocument)
    ///     .title("Ben Nevis");
    /// let query = EmbedContentRequest::new("highest mountain of Scotland").task_type(TaskType::RetrievalQuery);
    /// assert_ne!(document.task_type, query.task_type);
    /// ```
    pub enum TaskType {
        /// No particular task.
        Unspecified = "TASK_TYPE_UNSPECIFIED",
        /// Search query. The searched text uses [`RetrievalDocument`](Self::RetrievalDocument).
        RetrievalQuery = "RETRIEVAL_QUERY",
        /// Text that is searched.
        RetrievalDocument = "RETRIEVAL_DOCUMENT",
        /// Comparison of two texts.
        SemanticSimilarity = "SEMANTIC_SIMILARITY",
        /// Classification by given labels.
        Classification = "CLASSIFICATION",
        /// Search for groups of similar texts.
        Clustering = "CLUSTERING",
        /// Question to be answered from text with [`RetrievalDocument`](Self::RetrievalDocument).
        QuestionAnswering = "QUESTION_ANSWERING",
        /// Statement to be confirmed or refuted by text with [`RetrievalDocument`](Self::RetrievalDocument).
        FactVerification = "FACT_VERIFICATION",
        /// Description of code to be found in text with [`RetrievalDocument`](Self::RetrievalDocument).
        CodeRetrievalQuery = "CODE_RETRIEVAL_QUERY",
    }
}

message! {
    /// Embedding of one content.
    pub struct EmbedContentResponse {
        /// Embedding of the text.
        pub embedding: Option<ContentEmbedding>,
        /// Token counts of the request. Gemini Embedding 2 and newer.
        pub usage_metadata: Option<EmbeddingUsageMetadata>,
    }
}

message! {
    /// Vector that represents the meaning of a content.
    ///
    /// Two vectors are compared by the cosine of their angle: 1 for equal meanings, about 0 for unrelated ones.
    ///
    /// ```
    /// use generativeai::protocol::embeddings::ContentEmbedding;
    ///
    /// fn similarity(one: &ContentEmbedding, other: &ContentEmbedding) -> f64 {
    ///     let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    ///     let lengths = dot(&one.values, &one.values).sqrt() * dot(&other.values, &other.values).sqrt();
    ///     dot(&one.values, &other.values) / lengths
    /// }
    ///
    /// let one: ContentEmbedding = serde_json::from_str(r#"{"values":[0.6,0.8]}"#)?;
    /// let other: ContentEmbedding = serde_json::from_str(r#"{"values":[0.8,0.6]}"#)?;
    /// assert!((similarity(&one, &other) - 0.96).abs() < 1e-9);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// Reading a response:
    ///
    /// ```
    /// use generativeai::protocol::embeddings::EmbedContentResponse;
    ///
    /// let response: EmbedContentResponse =
    ///     serde_json::from_str(r#"{"embedding":{"values":[0.6,-0.8]}}"#)?;
    /// let embedding = response.embedding.expect("the response contains an embedding");
    /// assert_eq!(embedding.values, [0.6, -0.8]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ContentEmbedding {
        /// Components of the vector.
        /// Their number is [`output_dimensionality`](EmbedContentRequest::output_dimensionality), or else
        /// the maximum of the model. Compare only vectors of the same model and the same length.
        pub values: Vec<f64>,
    }
}

message! {
    /// Request for the embeddings of several contents.
    ///
    /// ```
    /// use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
    ///
    /// let model = "models/gemini-embedding-001";
    /// let texts = ["Ben Nevis is in Scotland.", "Snowdon is in Wales."];
    /// let request = BatchEmbedContentsRequest::default()
    ///     .model(model)
    ///     .requests(texts.map(|text| EmbedContentRequest::new(text).model(model)));
    /// assert_eq!(request.requests.len(), 2);
    /// ```
    pub struct BatchEmbedContentsRequest {
        /// Resource name of the model. Over REST it is part of the URL.
        pub model: Option<String> => into String,
        /// One request for each text. All have to name the same model.
        pub requests: Vec<EmbedContentRequest> => list EmbedContentRequest,
    }
}

message! {
    /// Embeddings of several contents.
    pub struct BatchEmbedContentsResponse {
        /// Embeddings in the order of the requests.
        pub embeddings: Vec<ContentEmbedding>,
        /// Token counts of all requests together. Gemini Embedding 2 and newer.
        pub usage_metadata: Option<EmbeddingUsageMetadata>,
    }
}

message! {
    /// Token counts of embedding requests.
    pub struct EmbeddingUsageMetadata {
        /// Tokens of the text and media.
        pub prompt_token_count: Option<i32>,
        /// Tokens by modality.
        pub prompt_token_details: Vec<ModalityTokenCount>,
    }
}
