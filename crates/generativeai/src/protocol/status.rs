//! Errors of the API as it reports them.

mod details;
mod message;

pub use details::{ErrorInfo, QuotaViolation};
pub use message::*;
