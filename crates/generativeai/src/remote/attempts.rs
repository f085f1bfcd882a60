//! Attempts at one request, until one succeeds or none may follow.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::deadline::Deadlines;
use super::failure::{self, ErrorReader, Failure};
use super::request::Outgoing;
use super::retry::{self, Situation};
use super::service::Service;
use super::transport::{self, Response};
use crate::backend::RequestOptions;
use crate::error::{Attempt, Error, ErrorKind, Result};
use crate::trace;

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of bytes read from the body of an error response.
const ERROR_BODY_LIMIT: usize = 1 << 20;

/// Longest wait for the body of an error response. The limits of the request are those of a reply, and much longer.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The attempts at one request.
pub(super) struct Attempts {
    pub(super) service: Arc<Service>,
    options: RequestOptions,
    pub(super) deadlines: Deadlines,
    failed: Vec<Attempt>,
    /// Whether a retry has cost tokens of the retry budget.
    has_paid: bool,
    /// Permit of the current attempt, if the number of requests in flight is limited.
    permit: Option<OwnedSemaphorePermit>,
    /// Start of the current attempt.
    began: Instant,
}

impl Attempts {
    /// Begins a request, whose time limit starts now. `options` include the options of the client.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration): called outside a tokio runtime.
    pub(super) fn begin(
        service: Arc<Service>,
        options: RequestOptions,
        deadlines: fn(&RequestOptions) -> Deadlines,
    ) -> Result<Self> {
        // Timers and connections need the runtime, and tokio panics without one.
        if Handle::try_current().is_err() {
            let message = "the client needs a tokio runtime with time and I/O: run it in one, \
                           or use `generativeai::blocking`";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(Self {
            service,
            deadlines: deadlines(&options),
            options,
            failed: Vec::new(),
            has_paid: false,
            permit: None,
            began: Instant::now(),
        })
    }

    /// Makes one attempt, up to the head of a success response.
    pub(super) async fn send(&mut self, request: &Outgoing) -> Result<Response, Failure> {
        if self.service.in_flight.is_some() {
            let permit = self.deadlines.run_total(self.service.admit()).await;
            self.permit = permit.map_err(|error| {
                error.with_hint("it waited for other requests, since `max_in_flight` limits them")
            })?;
        }
        self.began = Instant::now();
        self.deadlines.event_received();
        let connect_timeout = self
            .options
            .connect_timeout
            .unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        let sending = self.service.transport.send(request, connect_timeout);
        // The first `?` makes a timeout a failure that is not retried: the service may still work on the request, and
        // another attempt would double its load.
        let response = self.deadlines.run(sending).await??;
        match response.code() {
            200..=299 => accepted(response),
            // Not followed: the request contains the key and the conversation, and they belong to this host alone.
            300..=399 => Err(redirected(&response, &self.service.errors).into()),
            // Boxed: this branch is rare and would enlarge the future of every request.
            _ => Err(Box::pin(self.refused(response)).await),
        }
    }

    /// Waits for the next chunk of the body; `None` at its end.
    ///
    /// If the connection breaks before the `first` chunk, the request is retried: nothing of the reply has arrived.
    pub(super) async fn chunk(
        &mut self,
        response: &mut Response,
        first: bool,
    ) -> Result<Option<Bytes>, Failure> {
        let chunk = self.deadlines.run(response.chunk()).await?;
        chunk.map_err(|error| Failure {
            error,
            is_retryable: first,
        })
    }

    /// Reads the whole body, up to the limit of the client.
    pub(super) async fn body(&mut self, response: &mut Response) -> Result<Bytes, Failure> {
        let limit = self.service.response_limit;
        let too_large = || {
            let message = format!("the response is larger than {limit} bytes");
            Failure::from(Error::new(ErrorKind::Limit, message))
        };
        if response
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk(response, body.is_empty()).await? {
            // The head may lack the length.
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            let is_complete = response.is_complete();
            if is_complete && body.is_empty() {
                // Most replies arrive in one chunk, which is not copied.
                return Ok(chunk);
            }
            body.extend_from_slice(&chunk);
            if is_complete {
                break;
            }
        }
        Ok(body.freeze())
    }

    /// Handles a failed attempt: waits until the next one may begin.
    ///
    /// # Errors
    /// The error of the failure, with all attempts, if no attempt may follow.
    pub(super) async fn recover(&mut self, mut failure: Failure) -> Result<()> {
        // The permit is released before the wait, so that another request can be sent meanwhile.
        self.end_attempt();
        let number = u32::try_from(self.failed.len() + 1).unwrap_or(u32::MAX);
        let mut attempt = Attempt::new(
            number,
            outcome(&failure.error),
            self.began.elapsed(),
            Duration::ZERO,
        );
        let retry = self.options.retry.get_or_insert_default();
        let wait = retry::wait(
            retry,
            Situation {
                attempts: number,
                retry_after: failure.error.retry_after(),
                remaining: self.deadlines.remaining(),
                jitter: self.service.jitter(),
            },
        );
        match wait.filter(|_| failure.is_retryable) {
            Some(wait) if has_retry_after(&failure.error) || self.pay() => {
                attempt.waited = wait;
                trace::retried(&attempt, &failure.error);
                if let Some(hook) = &self.options.on_retry {
                    hook.0(&attempt);
                }
                self.failed.push(attempt);
                tokio::time::sleep(wait).await;
                return Ok(());
            }
            Some(_) => {
                let hint = "not retried: too many requests failed recently (`retry_budget`)";
                failure.error = failure.error.with_hint(hint);
            }
            None => {}
        }
        let mut attempts = std::mem::take(&mut self.failed);
        attempts.push(attempt);
        Err(failure.error.with_attempts(attempts))
    }

    /// Ends the current attempt, and releases its permit.
    pub(super) fn end_attempt(&mut self) {
        self.permit = None;
    }

    /// Records a success in the retry budget.
    pub(super) fn succeeded(&self) {
        self.service.retry_budget.refill(self.has_paid);
    }

    /// Takes the tokens of a retry from the budget. Returns `false` if there are too few.
    fn pay(&mut self) -> bool {
        let is_paid = self.service.retry_budget.spend();
        self.has_paid |= is_paid;
        is_paid
    }

    /// Reads a response with an error code.
    async fn refused(&mut self, mut response: Response) -> Failure {
        let retry_after = response
            .header("retry-after")
            .and_then(|value| retry::retry_after(value, SystemTime::now()));
        let mut body = BytesMut::new();
        let reading = async {
            while body.len() < ERROR_BODY_LIMIT
                && let Ok(Some(chunk)) = self.chunk(&mut response, false).await
            {
                let room = ERROR_BODY_LIMIT - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
        };
        // A truncated body does not matter: the code suffices.
        let _ = tokio::time::timeout(ERROR_BODY_TIMEOUT, reading).await;
        Failure::refused(response.code(), &body, retry_after, &self.service.errors)
    }
}

/// Returns whether the service answered 429 with a wait. Such a retry costs no budget: the budget protects a service
/// that is down, and this one responds.
fn has_retry_after(error: &Error) -> bool {
    error.http_code() == Some(429) && error.retry_after().is_some()
}

/// Checks the head of a success response.
fn accepted(response: Response) -> Result<Response, Failure> {
    match response.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => Ok(response),
        Some(encoding) => {
            let message = format!(
                "the response has the encoding `{}`, which was not requested",
                failure::excerpt(encoding.as_bytes())
            );
            let error = Error::new(ErrorKind::Decode, message);
            Err(error.with_http_code(response.code()).into())
        }
    }
}

fn redirected(response: &Response, errors: &ErrorReader) -> Error {
    let target = response.header("location").unwrap_or_default();
    let (target, remedy) = match transport::host_of(target) {
        Some(host) => (host, "set that address as base URL"),
        None => {
            // A query may contain a key.
            let path = target.split(['?', '#']).next().unwrap_or_default();
            let path = failure::redacted_excerpt(path.as_bytes(), errors);
            (path, "check the path of the base URL")
        }
    };
    let message = format!(
        "{}: the service redirects to `{target}`, and redirects are not followed: {remedy}",
        response.code(),
    );
    Error::new(ErrorKind::Configuration, message).with_http_code(response.code())
}

/// Describes the error of an attempt in one line: its message and its root cause.
fn outcome(error: &Error) -> String {
    match error.causes().last() {
        Some(root) => format!("{error}: {root}"),
        None => error.to_string(),
    }
}
