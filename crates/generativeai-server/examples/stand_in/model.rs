//! A model that always answers the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use generativeai::protocol::content::{Content, Data, FunctionCall, Part};
use generativeai::protocol::models::{ListModelsResponse, Model};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::protocol::tools::FunctionCallingMode;
use generativeai::{Backend, BoxFuture, ChunkStream, Error, ErrorKind, RequestOptions, Result};
use serde_json::{Value, json};

use crate::instance::instance;

const NAME: &str = "models/stand-in";

/// A model that always answers the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct StandIn {
    replies: Arc<AtomicUsize>,
}

/// A reply on its way.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl StandIn {
    fn begin(&self) -> Alive {
        self.replies.fetch_add(1, Ordering::SeqCst);
        Alive(self.replies.clone())
    }

    fn model(&self) -> Model {
        let mut model = Model::default();
        let replies = self.replies.load(Ordering::SeqCst);
        model.name = Some(NAME.to_owned());
        model.base_model_id = Some("stand-in".to_owned());
        model.version = Some("1".to_owned());
        model.display_name = Some("Stand-in".to_owned());
        model.description = Some(format!("{replies} replies are on their way"));
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
            let _alive = this.begin();
            let mut whole = GenerateContentResponse::default();
            reply(&request)?
                .iter()
                .for_each(|chunk| whole.absorb(chunk));
            Ok(whole)
        })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        let alive = self.begin();
        let forever = last_text(&request).contains("forever");
        let mut chunks: VecDeque<_> = match reply(&request) {
            Ok(chunks) => chunks.into_iter().map(Ok).collect(),
            Err(error) => [Err(error)].into(),
        };
        if forever {
            chunks.clear();
        }
        let state = (alive, chunks);
        Box::pin(futures_util::stream::unfold(
            state,
            move |(alive, mut chunks)| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let chunk = chunks
                    .pop_front()
                    .or_else(|| forever.then(|| Ok(chunk(Part::text("on and ")))))?;
                Some((chunk, (alive, chunks)))
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
        let model = known(&name).map(|()| self.model());
        Box::pin(async { model })
    }
}

fn known(name: &str) -> Result<()> {
    if name == NAME {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!("there is no {name}: there is {NAME}"),
    ))
}

/// What the model says, in chunks.
fn reply(request: &GenerateContentRequest) -> Result<Vec<GenerateContentResponse>> {
    known(request.model.as_deref().unwrap_or_default())?;
    let config = request.generation_config.clone().unwrap_or_default();
    if config
        .temperature
        .is_some_and(|temperature| !(0.0..=2.0).contains(&temperature))
    {
        return Err(Error::new(
            ErrorKind::Request,
            "`temperature` must be from 0 to 2",
        ));
    }
    let parts = if let Some(answer) = answer_of_a_function(request) {
        vec![
            Part::text("The function says "),
            Part::text(answer.to_string()),
        ]
    } else if let Some(call) = forced_call(request) {
        vec![call.into()]
    } else if let Some(schema) = schema(&config)? {
        vec![Part::text(instance(&schema).to_string())]
    } else {
        spoken(request)
    };
    let mut chunks: Vec<_> = parts.into_iter().map(chunk).collect();
    if let Some(last) = chunks.last_mut() {
        end(last, request);
    }
    Ok(chunks)
}

fn answer_of_a_function(request: &GenerateContentRequest) -> Option<Value> {
    let parts = &request.contents.last()?.parts;
    parts.iter().find_map(|part| match &part.data {
        Some(Data::FunctionResponse(answer)) => Some(json!(answer.response)),
        _ => None,
    })
}

fn forced_call(request: &GenerateContentRequest) -> Option<FunctionCall> {
    let config = request
        .tool_config
        .as_ref()?
        .function_calling_config
        .as_ref()?;
    if config.mode != Some(FunctionCallingMode::Any) {
        return None;
    }
    let allowed = &config.allowed_function_names;
    let mut functions = request
        .tools
        .iter()
        .flat_map(|tool| &tool.function_declarations);
    let function = functions.find(|function| {
        allowed.is_empty()
            || function
                .name
                .as_ref()
                .is_some_and(|name| allowed.contains(name))
    })?;
    let schema = match &function.parameters_json_schema {
        Some(schema) => schema.clone(),
        None => json!(function.parameters),
    };
    let arguments = instance(&schema).as_object().cloned().unwrap_or_default();
    let call = FunctionCall::new(function.name.clone().unwrap_or_default(), arguments);
    Some(call.id("call-1"))
}

fn schema(config: &generativeai::protocol::config::GenerationConfig) -> Result<Option<Value>> {
    if let Some(schema) = &config.response_json_schema {
        return Ok(Some(schema.clone()));
    }
    let Some(schema) = &config.response_schema else {
        return Ok(None);
    };
    let bad = |error| Error::new(ErrorKind::Request, "the schema is no JSON").because(error);
    serde_json::to_value(schema)
        .map(Some)
        .map_err(|error: serde_json::Error| bad(error))
}

/// Says back what it heard, and how much was said before; a word a chunk.
fn spoken(request: &GenerateContentRequest) -> Vec<Part> {
    let instruction = request
        .system_instruction
        .iter()
        .flat_map(|content| &content.parts);
    let instruction: String = instruction.filter_map(Part::as_text).collect();
    let said = format!(
        "{instruction} You said: {} ({} before)",
        last_text(request),
        request.contents.len().saturating_sub(1)
    );
    said.trim().split_inclusive(' ').map(Part::text).collect()
}

fn last_text(request: &GenerateContentRequest) -> String {
    let parts = request
        .contents
        .last()
        .map(|content| content.parts.as_slice());
    parts
        .unwrap_or_default()
        .iter()
        .filter_map(Part::as_text)
        .collect()
}

fn chunk(part: Part) -> GenerateContentResponse {
    let mut chunk = GenerateContentResponse::from(Content::model([part]));
    chunk.candidates[0].finish_reason = None;
    chunk.candidates[0].index = Some(0);
    chunk
}

fn end(chunk: &mut GenerateContentResponse, request: &GenerateContentRequest) {
    chunk.candidates[0].finish_reason = Some(FinishReason::Stop);
    let mut usage = UsageMetadata::default();
    usage.prompt_token_count = Some(request.contents.iter().map(words).sum());
    usage.candidates_token_count = Some(1);
    usage.total_token_count = usage.prompt_token_count.map(|count| count + 1);
    chunk.usage_metadata = Some(usage.into());
}

fn words(content: &Content) -> i32 {
    let texts = content.parts.iter().filter_map(Part::as_text);
    texts
        .map(|text| i32::try_from(text.split_whitespace().count()).unwrap_or(i32::MAX))
        .sum()
}
