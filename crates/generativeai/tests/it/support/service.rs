//! A service that ends replies at a token limit and continues them from a token.

use std::sync::{Arc, Mutex};

use futures_util::stream;
use generativeai::protocol::content::{Content, Part};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse};
use generativeai::{Backend, BoxFuture, ChunkStream, Error, ErrorKind, RequestOptions, Result};

/// Service with one reply. Random numbers decide where its hops, chunks, tokens and cuts are.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    reply: Arc<Vec<Part>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: u64,
    /// Cuts since the last one followed by a token.
    cuts: u32,
    is_cutting: bool,
    longest_hop: usize,
    requests: usize,
}

impl Service {
    /// Makes a service that sends the parts in hops of at most a length.
    pub(crate) fn new(reply: Vec<Part>, longest_hop: usize, seed: u64) -> Self {
        let state = State {
            random: seed,
            cuts: 0,
            is_cutting: false,
            longest_hop,
            requests: 0,
        };
        Self {
            reply: Arc::new(reply),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Makes the service cut streams at random places.
    pub(crate) fn cutting(self) -> Self {
        self.state.lock().unwrap().is_cutting = true;
        self
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    fn hop(
        &self,
        request: &GenerateContentRequest,
        chunk: usize,
    ) -> Vec<Result<GenerateContentResponse>> {
        let mut state = self.state.lock().unwrap();
        state.requests += 1;
        let token = request.continuation_token.as_deref();
        let start: usize = token.map_or(0, |token| token.parse().unwrap());
        let longest = state.longest_hop;
        let end = (start + 1 + state.below(longest)).min(self.reply.len());
        let mut chunks = Vec::new();
        let mut at = start;
        while at < end {
            let next = (at + 1 + state.below(chunk)).min(end);
            let parts = self.reply[at..next].to_vec();
            let mut response = GenerateContentResponse::from(Content::model(parts));
            let candidate = &mut response.candidates[0];
            let is_end = next == self.reply.len();
            candidate.finish_reason = match next == end {
                false => None,
                true if is_end => Some(FinishReason::Stop),
                true => Some(FinishReason::Continuation),
            };
            if !is_end && (next == end || state.below(3) == 0) {
                candidate.continuation_token = Some(next.to_string());
            }
            chunks.push(Ok(response));
            at = next;
        }
        state.cut(chunks, token.is_some())
    }
}

impl State {
    fn below(&mut self, limit: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % limit
    }

    /// Cuts the stream of a hop. A hop without a token is cut only if an earlier one has a token, and three times at
    /// most.
    fn cut(
        &mut self,
        mut chunks: Vec<Result<GenerateContentResponse>>,
        continues: bool,
    ) -> Vec<Result<GenerateContentResponse>> {
        if !self.is_cutting || self.cuts == 3 || self.below(4) == 0 {
            self.cuts = 0;
            return chunks;
        }
        let length = self.below(chunks.len() + 1);
        let has_token = |chunk: &Result<GenerateContentResponse>| {
            let candidate = &chunk.as_ref().unwrap().candidates[0];
            candidate.continuation_token.is_some()
        };
        if chunks[..length].iter().any(has_token) {
            self.cuts = 0;
        } else if !continues {
            return chunks;
        } else {
            self.cuts += 1;
        }
        chunks.truncate(length);
        if self.below(2) == 0 {
            let error = Error::new(ErrorKind::Unreachable, "the connection was lost");
            chunks.push(Err(error));
        }
        chunks
    }
}

impl Backend for Service {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let this = self.clone();
        Box::pin(async move {
            let whole = this.reply.len();
            let mut response: Option<GenerateContentResponse> = None;
            for chunk in this.hop(&request, whole) {
                response.get_or_insert_default().merge_chunk(&chunk?);
            }
            let lost = Error::new(ErrorKind::Unreachable, "the connection was lost");
            response.ok_or(lost)
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        Box::pin(stream::iter(self.hop(&request, 4)))
    }
}
