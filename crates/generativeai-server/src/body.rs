//! Reading the body of a request, within a size, a time, and a memory that all requests share.
//!
//! JSON of many small values takes far more memory than its text, so that is counted too.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, EXPECT};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::failure::{Code, Failure};

/// How long a refused body is still read, so that its sender gets to read the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a value of JSON takes at most on average once it is read, in bytes.
const VALUE: usize = 256;

/// What reading the bodies of requests may take.
#[derive(Clone, Debug)]
pub(crate) struct Bodies {
    limit: usize,
    time: Duration,
    memory: Arc<Semaphore>,
    all: usize,
}

/// A body, and the share of the memory that it takes once it is read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Share,
}

/// A share of the memory, until it is dropped.
pub(crate) type Share = OwnedSemaphorePermit;

impl Bodies {
    /// Takes bodies of at most `limit` bytes, each in that time, of `memory` bytes all together.
    pub(crate) fn new(limit: usize, time: Duration, memory: usize) -> Self {
        let all = memory.min(Semaphore::MAX_PERMITS);
        Self {
            limit,
            time,
            memory: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// Reads a body.
    pub(crate) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Read, Failure> {
        if headers
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| encoding != "identity")
        {
            let message = "compressed bodies are not read: send the JSON as it is";
            return Err(Failure::new(Code::ENCODING, message).closing());
        }
        let mut body = body;
        if body.size_hint().lower() > self.limit as u64 {
            if !headers.contains_key(EXPECT) {
                self.discard(&mut body).await;
            }
            return Err(self.too_large());
        }
        let end = Instant::now() + self.time;
        match timeout_at(end, self.collect(&mut body)).await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(failure)) => {
                self.discard(&mut body).await;
                Err(failure)
            }
            Err(_) => {
                let message = format!("the body did not come within {:?}", self.time);
                Err(Failure::new(Code::SLOW, message).closing())
            }
        }
    }

    async fn collect(&self, body: &mut Body) -> Result<Read, Failure> {
        let mut bytes = Vec::new();
        let mut share = self.share(0)?;
        while let Some(frame) = body.frame().await {
            let broken = |_| Failure::invalid("the body of the request broke off").closing();
            let Ok(piece) = frame.map_err(broken)?.into_data() else {
                continue;
            };
            if bytes.len() + piece.len() > self.limit {
                return Err(self.too_large());
            }
            share.merge(self.share(piece.len())?);
            bytes.extend_from_slice(&piece);
        }
        let read = values(&bytes).saturating_mul(VALUE);
        if bytes.len().saturating_add(read) > self.all {
            return Err(self.too_much());
        }
        share.merge(self.share(read)?);
        Ok(Read { bytes, share })
    }

    /// Takes a share of the memory, if there is one left.
    fn share(&self, bytes: usize) -> Result<Share, Failure> {
        let permits = u32::try_from(bytes).map_err(|_| self.too_much())?;
        let share = self.memory.clone().try_acquire_many_owned(permits);
        share.map_err(|_| {
            let message = "too many large requests at once: try again soon";
            Failure::busy(message, Duration::from_secs(1)).closing()
        })
    }

    /// Reads on for a while, up to the size of another body, and forgets it.
    async fn discard(&self, body: &mut Body) {
        let mut rest = self.limit;
        let end = Instant::now() + PATIENCE.min(self.time);
        while let Ok(Some(Ok(frame))) = timeout_at(end, body.frame()).await {
            rest = rest.saturating_sub(frame.data_ref().map_or(0, |data| data.len()));
            if rest == 0 {
                break;
            }
        }
    }

    fn too_much(&self) -> Failure {
        let message = format!(
            "the body would take more than {} bytes once it is read",
            self.all
        );
        Failure::new(Code::TOO_LARGE, message).closing()
    }

    fn too_large(&self) -> Failure {
        let message = format!("the body is larger than {} bytes", self.limit);
        Failure::new(Code::TOO_LARGE, message).closing()
    }
}

/// How many values JSON has at most: each but the first follows a comma or opens a list or an object.
fn values(json: &[u8]) -> usize {
    let mut values = 1;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'[' | b'{' => values += 1,
            b'"' => skip_text(&mut bytes),
            _ => {}
        }
    }
    values
}

fn skip_text<'a>(bytes: &mut impl Iterator<Item = &'a u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_texts() {
        assert_eq!(values(b""), 1);
        assert_eq!(values(br#"{"a,[{":"\",\\\"","b":[1,2,3]}"#), 6);
        assert_eq!(values(br#""unfinished, \"#), 1);
    }
}
