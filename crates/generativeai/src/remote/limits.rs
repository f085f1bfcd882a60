//! The limits of one request: what its options say, else the defaults.

use std::time::Duration;

use crate::backend::{RequestOptions, Retry, RetryHook};

/// How an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In one piece: it has a deadline.
    Whole,
    /// In events: the silence between them is limited.
    Stream,
}

/// The limits of one request.
pub(super) struct Limits {
    pub(super) retry: Retry,
    pub(super) on_retry: Option<RetryHook>,
    pub(super) timeout: Duration,
    pub(super) connect: Duration,
    pub(super) idle: Duration,
}

impl Limits {
    pub(super) fn of(options: &RequestOptions, form: Form) -> Self {
        let (timeout, idle) = match form {
            Form::Whole => (Duration::from_secs(600), Duration::MAX),
            Form::Stream => (
                Duration::MAX,
                options.idle_timeout.unwrap_or(Duration::from_secs(120)),
            ),
        };
        Self {
            retry: options.retry.clone().unwrap_or_default(),
            on_retry: options.on_retry.clone(),
            timeout: options.timeout.unwrap_or(timeout),
            connect: options.connect_timeout.unwrap_or(Duration::from_secs(10)),
            idle,
        }
    }
}
