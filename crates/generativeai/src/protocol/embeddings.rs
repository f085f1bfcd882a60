//! Texts as vectors that are near each other when their meanings are.

use crate::protocol::content::Content;

message! {
    /// Asks for the vector of a text.
    pub struct EmbedContentRequest {
        /// The name of the model. Over REST it stands in the address, and in every request of a batch.
        pub model: Option<String>,
        /// The text.
        pub content: Option<Content>,
        /// What the vector is for.
        pub task_type: Option<TaskType>,
        /// The title of the text; for the task `RETRIEVAL_DOCUMENT`.
        pub title: Option<String>,
        /// How many numbers the vector is to have.
        pub output_dimensionality: Option<i32>,
    }
}

impl EmbedContentRequest {
    /// Asks for the vector of that text.
    pub fn new(content: impl Into<Content>) -> Self {
        Self::default().content(content)
    }
}

setters!(EmbedContentRequest {
    into model: String,
    into content: Content,
    into task_type: TaskType,
    into title: String,
    plain output_dimensionality: i32,
});

open_enum! {
    /// What a vector is for.
    pub enum TaskType {
        /// Not said.
        Unspecified = "TASK_TYPE_UNSPECIFIED",
        /// A question that texts are searched for.
        RetrievalQuery = "RETRIEVAL_QUERY",
        /// A text to be found.
        RetrievalDocument = "RETRIEVAL_DOCUMENT",
        /// To compare texts.
        SemanticSimilarity = "SEMANTIC_SIMILARITY",
        /// To sort texts into classes.
        Classification = "CLASSIFICATION",
        /// To find groups of texts.
        Clustering = "CLUSTERING",
        /// A question that a text answers.
        QuestionAnswering = "QUESTION_ANSWERING",
        /// A claim that texts prove or refute.
        FactVerification = "FACT_VERIFICATION",
        /// A question that code is searched for.
        CodeRetrievalQuery = "CODE_RETRIEVAL_QUERY",
    }
}

message! {
    /// The vector of a text.
    pub struct EmbedContentResponse {
        /// The vector.
        pub embedding: Option<ContentEmbedding>,
    }
}

message! {
    /// A vector.
    pub struct ContentEmbedding {
        /// Its numbers.
        pub values: Vec<f64>,
    }
}

message! {
    /// Asks for the vectors of several texts.
    pub struct BatchEmbedContentsRequest {
        /// The name of the model. Over REST it stands in the address.
        pub model: Option<String>,
        /// The texts.
        pub requests: Vec<EmbedContentRequest>,
    }
}

setters!(BatchEmbedContentsRequest {
    into model: String,
    list requests: EmbedContentRequest,
});

message! {
    /// The vectors of several texts, in the order of the requests.
    pub struct BatchEmbedContentsResponse {
        /// The vectors.
        pub embeddings: Vec<ContentEmbedding>,
    }
}
