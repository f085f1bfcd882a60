//! The stand-in as a backend.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use generativeai::protocol::content::{Content, Part};
use generativeai::protocol::models::{ListModelsResponse, Model};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::{Backend, BoxFuture, ChunkStream, Error, ErrorKind, RequestOptions, Result};

use crate::reply::{last_text, reply_parts};

const NAME: &str = "models/stand-in";

/// Time between two chunks of a stream.
const CHUNK_INTERVAL: Duration = Duration::from_millis(5);

/// A deterministic model.
#[derive(Clone, Debug, Default)]
pub(crate) struct StandIn {
    replies: Arc<AtomicUsize>,
}

/// A reply in progress, counted until it is dropped.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl StandIn {
    fn start(&self) -> Running {
        self.replies.fetch_add(1, Ordering::SeqCst);
        Running(self.replies.clone())
    }

    /// Describes the model. The tests of clients read the number of replies in progress from the description.
    fn model(&self) -> Model {
        let mut model = Model::default();
        let replies = self.replies.load(Ordering::SeqCst);
        model.name = Some(NAME.to_owned());
        model.base_model_id = Some("stand-in".to_owned());
        model.version = Some("1".to_owned());
        model.display_name = Some("Stand-in".to_owned());
        model.description = Some(format!("{replies} replies in progress"));
        model.input_token_limit = Some(8_192);
        model.output_token_limit = Some(1_024);
        model.supported_generation_methods =
            ["generateContent", "countTokens"].map(str::to_owned).into();
        model
    }
}

impl Backend for StandIn {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let this = self.clone();
        Box::pin(async move {
            let _running = this.start();
            let mut whole = GenerateContentResponse::default();
            for chunk in chunks(&request)? {
                whole.merge_chunk(&chunk);
            }
            Ok(whole)
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        let running = self.start();
        let endless = last_text(&request).contains("forever");
        let mut pending: VecDeque<_> = match chunks(&request) {
            Ok(chunks) => chunks.into_iter().map(Ok).collect(),
            Err(error) => [Err(error)].into(),
        };
        if endless {
            pending.clear();
        }
        let state = (running, pending);
        Box::pin(futures_util::stream::unfold(
            state,
            move |(running, mut pending)| async move {
                tokio::time::sleep(CHUNK_INTERVAL).await;
                let next = pending
                    .pop_front()
                    .or_else(|| endless.then(|| Ok(chunk(Part::text("on and ")))))?;
                Some((next, (running, pending)))
            },
        ))
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let inner = request.generate_content_request.unwrap_or_default();
        let contents = request.contents.iter().chain(inner.contents.iter());
        let mut response = CountTokensResponse::default();
        response.total_tokens = Some(contents.map(words).sum());
        Box::pin(async { Ok(response) })
    }

    fn list_models(
        &self,
        _: Option<String>,
        _: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let mut response = ListModelsResponse::default();
        response.models = vec![self.model()];
        Box::pin(async { Ok(response) })
    }

    fn get_model(&self, name: String, _: RequestOptions) -> BoxFuture<Result<Model>> {
        let model = check_name(&name).map(|()| self.model());
        Box::pin(async { model })
    }
}

fn check_name(name: &str) -> Result<()> {
    if name == NAME {
        return Ok(());
    }
    let message = format!("unknown model `{name}`: use `{NAME}`");
    Err(Error::new(ErrorKind::NotFound, message))
}

/// Returns the chunks of a reply.
fn chunks(request: &GenerateContentRequest) -> Result<Vec<GenerateContentResponse>> {
    check_name(request.model.as_deref().unwrap_or_default())?;
    let mut parts = reply_parts(request)?;
    let config = request.generation_config.as_ref();
    let limit = config.and_then(|config| config.max_output_tokens);
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(0));
    let truncated = parts.len() > limit;
    parts.truncate(limit);
    let thoughts = parts.iter().filter(|part| part.is_thought()).count();
    let replied = count(parts.len() - thoughts);
    let mut chunks: Vec<_> = parts.into_iter().map(chunk).collect();
    if chunks.is_empty() {
        chunks.push(chunk(Part::text("")));
    }
    let Some(last) = chunks.last_mut() else {
        return Ok(chunks);
    };
    last.candidates[0].finish_reason = Some(if truncated {
        FinishReason::MaxTokens
    } else {
        FinishReason::Stop
    });
    let prompt = request.contents.iter().map(words).sum();
    let mut usage = UsageMetadata::default();
    usage.prompt_token_count = Some(prompt);
    usage.candidates_token_count = Some(replied);
    usage.thoughts_token_count = (thoughts > 0).then(|| count(thoughts));
    usage.total_token_count = Some(prompt + replied + count(thoughts));
    last.usage_metadata = Some(usage.into());
    Ok(chunks)
}

fn chunk(part: Part) -> GenerateContentResponse {
    let mut chunk = GenerateContentResponse::from(Content::model([part]));
    chunk.candidates[0].finish_reason = None;
    chunk.candidates[0].index = Some(0);
    chunk
}

fn words(content: &Content) -> i32 {
    let texts = content.parts.iter().filter_map(Part::as_text);
    texts
        .map(|text| count(text.split_whitespace().count()))
        .sum()
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
