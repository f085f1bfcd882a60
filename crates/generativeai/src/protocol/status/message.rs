//! Status of a refused request.

use serde_json::Value;

message! {
    /// Error of the API: code, message and details.
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
        /// Code of the error: the HTTP status over REST, the gRPC code in a
        /// [file](crate::protocol::files::File::error).
        pub code: Option<i32>,
        /// Description of the error for developers, in English.
        pub message: Option<String>,
        /// Name of the gRPC code, such as `RESOURCE_EXHAUSTED`.
        pub status: Option<String>,
        /// Details, each an object with an `@type`. The methods of this type read the common ones.
        pub details: Vec<Value>,
    }
}

message! {
    /// Body of an HTTP response that reports an error.
    pub struct ErrorBody {
        /// Error that is reported.
        pub error: Option<Status>,
    }
}
