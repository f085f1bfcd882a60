//! What the service says when it cannot answer.

use serde_json::Value;

message! {
    /// What the service says when it cannot answer: code, message, and details.
    ///
    /// ```
    /// use generativeai::protocol::status::Status;
    ///
    /// let status: Status = serde_json::from_str(
    ///     r#"{"code":429,"message":"Slow down.","status":"RESOURCE_EXHAUSTED","details":[
    ///         {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3.5s"}]}"#,
    /// )?;
    /// assert_eq!(status.retry_delay(), Some(std::time::Duration::from_millis(3500)));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Status {
        /// The code: of HTTP over REST, of gRPC elsewhere.
        pub code: Option<i32>,
        /// What happened, for the developer.
        pub message: Option<String>,
        /// The name of the code, such as `RESOURCE_EXHAUSTED`.
        pub status: Option<String>,
        /// What else is known, each an object with an `@type`.
        pub details: Vec<Value>,
    }
}

message! {
    /// The body of an answer that is an error.
    pub struct ErrorBody {
        /// The error.
        pub error: Option<Status>,
    }
}
