//! Web pages that the tool `UrlContext` read for a reply.

message! {
    /// Web pages that the tool [`UrlContext`](crate::protocol::tools::UrlContext) read for a reply.
    pub struct UrlContextMetadata {
        /// One entry for each URL.
        pub url_metadata: Vec<UrlMetadata>,
    }
}

message! {
    /// Result of reading one web page.
    pub struct UrlMetadata {
        /// URL of the page.
        pub retrieved_url: Option<String>,
        /// Whether the page could be read.
        pub url_retrieval_status: Option<UrlRetrievalStatus>,
    }
}

open_enum! {
    /// Outcome of reading a web page.
    pub enum UrlRetrievalStatus {
        /// Zero value of the enum. The service does not send it.
        Unspecified = "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        /// The page was read.
        Success = "URL_RETRIEVAL_STATUS_SUCCESS",
        /// The page could not be read.
        Error = "URL_RETRIEVAL_STATUS_ERROR",
        /// The page is behind a paywall.
        Paywall = "URL_RETRIEVAL_STATUS_PAYWALL",
        /// The page was rated unsafe.
        Unsafe = "URL_RETRIEVAL_STATUS_UNSAFE",
    }
}
