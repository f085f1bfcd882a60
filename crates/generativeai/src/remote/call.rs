//! One request: its attempts, until there is an answer or it is given up.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;

use super::client::Service;
use super::failure::{self, Failure};
use super::limits::Limits;
use super::retry::{self, Situation};
use super::transport::{self, Answer, Outgoing};
use super::watch::Watch;
use crate::backend::{Retry, RetryHook};
use crate::error::{Attempt, Error, ErrorKind, Result};
use crate::trace;

/// How much of the body of an error answer is read.
const MOST_OF_ERROR: usize = 1 << 20;

/// A request under way.
pub(super) struct Call {
    service: Arc<Service>,
    outgoing: Outgoing,
    retry: Retry,
    connect_timeout: Duration,
    pub(super) watch: Watch,
    on_retry: Option<RetryHook>,
    attempts: Vec<Attempt>,
    attempt_began: Option<Instant>,
}

impl Call {
    /// Prepares a request; nothing begins before [`begin`](Self::begin).
    pub(super) fn new(service: Arc<Service>, outgoing: Outgoing, limits: Limits) -> Self {
        let watch = Watch::new(service.clock.clone(), limits.timeout, limits.idle);
        Self {
            service,
            outgoing,
            retry: limits.retry,
            on_retry: limits.on_retry,
            connect_timeout: limits.connect,
            watch,
            attempts: Vec::new(),
            attempt_began: None,
        }
    }

    /// Starts the time of the request.
    pub(super) fn begin(&mut self) -> Result<()> {
        if Handle::try_current().is_err() {
            let message = "`Remote` needs a tokio runtime with time and I/O: run it in one, \
                           or use `generativeai::blocking`";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        self.watch.begin();
        Ok(())
    }

    /// Makes one attempt, as far as the head of an answer of success.
    pub(super) async fn attempt(&mut self) -> Result<Answer, Failure> {
        self.attempt_began = Some(self.watch.expect_event());
        let refused = {
            let answer = {
                let transport = &self.service.transport;
                let sending = pin!(transport.send(&self.outgoing, self.connect_timeout));
                self.watch.guard(sending).await??
            };
            match answer.code() {
                200..=299 => return self.readable(answer),
                300..=399 => return Err(self.redirected(&answer).into()),
                // On the heap, as it is seldom needed.
                _ => Box::pin(self.refused(answer)),
            }
        };
        Err(refused.await)
    }

    /// The next piece of the body. Before the `first` one a broken connection may be tried again.
    pub(super) async fn piece(
        &mut self,
        answer: &mut Answer,
        first: bool,
    ) -> Result<Option<Bytes>, Failure> {
        let piece = self.watch.guard(pin!(answer.piece())).await?;
        if matches!(piece, Ok(None)) {
            self.service.transport.keep(answer);
        }
        piece.map_err(|error| Failure {
            error,
            again: first,
        })
    }

    /// The whole body, if it is not too large.
    pub(super) async fn body(&mut self, answer: &mut Answer) -> Result<Bytes, Failure> {
        let limit = self.service.answer_limit;
        let too_large = || {
            let message = format!("the answer is larger than {limit} bytes");
            Failure::from(Error::new(ErrorKind::Limit, message))
        };
        let length = answer.length().unwrap_or_default();
        if length > limit as u64 {
            return Err(too_large());
        }
        let Some(first) = self.piece(answer, true).await? else {
            return Ok(Bytes::new());
        };
        let mut rest = BytesMut::new();
        while !answer.is_whole()
            && let Some(piece) = self.piece(answer, false).await?
        {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            if rest.len() + piece.len() > limit {
                return Err(too_large());
            }
            rest.extend_from_slice(&piece);
        }
        Ok(if rest.is_empty() {
            first
        } else {
            rest.freeze()
        })
    }

    /// After a failed attempt: waits for the next, or gives the error that ends the request.
    pub(super) async fn recover(&mut self, failure: Failure) -> Result<()> {
        let clock = &self.service.clock;
        let took = self.attempt_began.map_or(Duration::ZERO, |began| {
            clock.now().saturating_duration_since(began)
        });
        let number = u32::try_from(self.attempts.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let now = Situation {
            attempts: number,
            asked: failure.error.retry_after(),
            left: self.watch.left(),
            chance: clock.chance(),
        };
        let mut outcome = outcome(&failure.error);
        let wait = retry::wait(&self.retry, now).filter(|_| failure.again);
        match wait {
            Some(wait) if self.service.budget.spend() => {
                let attempt = Attempt::new(number, outcome, took, wait);
                trace::retried(&attempt, &failure.error);
                if let Some(hook) = &self.on_retry {
                    hook.0(&attempt);
                }
                self.attempts.push(attempt);
                clock.sleep(wait).await;
                return Ok(());
            }
            Some(_) => outcome.push_str("; not tried again, since too many requests failed lately"),
            None => {}
        }
        let mut attempts = std::mem::take(&mut self.attempts);
        attempts.push(Attempt::new(number, outcome, took, Duration::ZERO));
        Err(failure.error.with_attempts(attempts))
    }

    /// The body of an answer was read as far as it is wanted.
    pub(super) fn finish(&self, mut answer: Answer) {
        if answer.is_whole() {
            self.service.transport.keep(&mut answer);
        }
    }

    /// The request went well.
    pub(super) fn succeeded(&self) {
        self.service.budget.refill(!self.attempts.is_empty());
    }

    /// An error that stands in an answer of success.
    pub(super) fn error_in(&self, json: &[u8]) -> Option<Failure> {
        Failure::in_answer(json, &self.service.secrets)
    }

    /// An answer that is not in the language of the API.
    pub(super) fn foreign(&self, body: &[u8]) -> Error {
        let excerpt = failure::excerpt(&failure::clean(body, &self.service.secrets));
        let message = format!("the answer is not in the language of the Gemini API: {excerpt}");
        Error::new(ErrorKind::Decode, message)
    }

    /// The most bytes of an event.
    pub(super) fn answer_limit(&self) -> usize {
        self.service.answer_limit
    }

    fn readable(&self, answer: Answer) -> Result<Answer, Failure> {
        match answer.header("content-encoding").map(str::trim) {
            None | Some("" | "identity") => Ok(answer),
            Some(encoding) => {
                let message = format!(
                    "the answer came in the encoding `{}`, which was not asked for",
                    failure::excerpt(encoding.as_bytes())
                );
                Err(Error::new(ErrorKind::Decode, message)
                    .with_http_code(answer.code())
                    .into())
            }
        }
    }

    fn redirected(&self, answer: &Answer) -> Error {
        let target = answer.header("location").and_then(transport::host_of);
        let message = format!(
            "{}: the service redirects to `{}`, which is not followed: set the address where it is",
            answer.code(),
            target.as_deref().unwrap_or("another path"),
        );
        Error::new(ErrorKind::Configuration, message).with_http_code(answer.code())
    }

    async fn refused(&mut self, mut answer: Answer) -> Failure {
        let code = answer.code();
        let asked = answer
            .header("retry-after")
            .and_then(|value| retry::retry_after(value, self.service.clock.date()));
        let mut body = BytesMut::new();
        // An error answer whose body breaks off still tells its code.
        while let Ok(Some(piece)) = self.piece(&mut answer, false).await {
            let room = MOST_OF_ERROR - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() == MOST_OF_ERROR {
                break;
            }
        }
        Failure::refused(code, &body, asked, &self.service.secrets)
    }
}

/// What an attempt came to, in one line: the error and its root.
fn outcome(error: &Error) -> String {
    match error.causes().last() {
        Some(root) => format!("{error}: {root}"),
        None => error.to_string(),
    }
}
