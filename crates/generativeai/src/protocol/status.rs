//! Errors as the API reports them: code, message and details.
//!
//! [`Error::status`](crate::Error::status) returns the status of a request that the service refused.
//!
//! ```
//! use generativeai::protocol::status::Status;
//!
//! let status: Status = serde_json::from_str(
//!     r#"{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[
//!         {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}"#,
//! )?;
//! assert_eq!(status.error_info().unwrap().reason, Some("API_KEY_INVALID"));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod details;
mod http;
mod message;

pub use details::{ErrorInfo, QuotaViolation};
pub use message::*;
