//! The pages that were read for a reply.

message! {
    /// The pages that were read for a reply.
    pub struct UrlContextMetadata {
        /// Each of them.
        pub url_metadata: Vec<UrlMetadata>,
    }
}

message! {
    /// A page that was read, or was not.
    pub struct UrlMetadata {
        /// Its address.
        pub retrieved_url: Option<String>,
        /// Whether it was read.
        pub url_retrieval_status: Option<UrlRetrievalStatus>,
    }
}

open_enum! {
    /// Whether a page was read.
    pub enum UrlRetrievalStatus {
        /// Not said.
        Unspecified = "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        /// It was.
        Success = "URL_RETRIEVAL_STATUS_SUCCESS",
        /// It could not be.
        Error = "URL_RETRIEVAL_STATUS_ERROR",
        /// It has to be paid for.
        Paywall = "URL_RETRIEVAL_STATUS_PAYWALL",
        /// It seemed harmful.
        Unsafe = "URL_RETRIEVAL_STATUS_UNSAFE",
    }
}
