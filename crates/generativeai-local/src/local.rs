//! The embedded model as a [`Backend`].

use std::sync::Arc;
use std::time::Instant;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::models::{ListModelsResponse, Model as ModelDescription};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::{Backend, BoxFuture, ChunkStream, RequestOptions, Result};

use crate::engine::{Engine, Events, Job};
use crate::grammar::Grammars;
use crate::model::Model;
use crate::prompt;
use crate::reply::{self, ReplyBuilder, text_tokens};
use crate::request::{CallingMode, Request};

/// A model that runs in this process. It needs no key and no network.
///
/// It answers requests for any model name; the name of its file is in `model_version` of each
/// response. A clone is another handle on the same model; dropping the last one frees it. Chats run
/// concurrently, and a prefix that several prompts have in common is evaluated once.
///
/// Everything that a request sets is honoured or rejected: a member that the model does not support is
/// a 400 `INVALID_ARGUMENT` that names it. If the queue is full, the error is 429
/// `RESOURCE_EXHAUSTED` with a retry delay.
///
/// ```no_run
/// use generativeai::GenerativeModel;
/// use generativeai_local::Local;
///
/// # async fn example() -> generativeai::Result<()> {
/// let local = Local::builder().build()?;
/// let mut chat = GenerativeModel::new("local").backend(local).start_chat();
/// let reply = chat.send_message("How tall is Ben Nevis?").await?;
/// println!("{}", reply.text()?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Local(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    model: Arc<Model>,
    engine: Arc<Engine>,
    grammars: Grammars,
    /// Sampling where a request sets none.
    sampling: GenerationConfig,
}

impl Local {
    pub(crate) fn new(model: Arc<Model>, engine: Engine, sampling: GenerationConfig) -> Self {
        Self(Arc::new(Inner {
            model,
            engine: Arc::new(engine),
            grammars: Grammars::default(),
            sampling,
        }))
    }

    /// Returns the name of the model: that of its file without the extension, in lower case.
    pub fn name(&self) -> &str {
        self.0.model.name()
    }

    /// Returns the maximum length of a chat in tokens, the reply included.
    pub fn context(&self) -> usize {
        self.0.engine.context()
    }

    /// Submits a request to the engine.
    fn submit(
        &self,
        request: &GenerateContentRequest,
        options: &RequestOptions,
    ) -> Result<(Events, ReplyBuilder)> {
        let Inner {
            model,
            engine,
            grammars,
            sampling,
        } = &*self.0;
        let request = Request::parse(&with_sampling(request, sampling))?;
        let prompt = prompt::tokens(model, &request, engine.context())?;
        let grammar = grammars.compile(model, &request.settings.format, &request.tools)?;
        let may_call = request.tools.mode != CallingMode::None;
        let logprobs = request.settings.sampling.logprobs.is_some();
        let builder = ReplyBuilder::new(Arc::clone(model), prompt.len(), may_call, logprobs);
        let settings = request.settings;
        let events = engine.submit(Job {
            prompt,
            sampling: settings.sampling,
            stops: settings.stops,
            max_tokens: settings.max_tokens,
            grammar,
            deadline: options
                .timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
        })?;
        Ok((events, builder))
    }

    fn count(&self, request: CountTokensRequest) -> Result<CountTokensResponse> {
        let request = match request.generate_content_request {
            Some(request) => *request,
            None => GenerateContentRequest::default().contents(request.contents),
        };
        let request = Request::parse(&request)?;
        let tokens = prompt::tokens(&self.0.model, &request, usize::MAX)?.len();
        let mut response = CountTokensResponse::default();
        response.total_tokens = i32::try_from(tokens).ok();
        response.prompt_tokens_details = vec![text_tokens(tokens)];
        Ok(response)
    }

    fn describe(&self) -> ModelDescription {
        let context = i32::try_from(self.context()).ok();
        let mut model = ModelDescription::default();
        model.name = Some(format!("models/{}", self.name()));
        model.base_model_id = Some(self.name().to_owned());
        model.version = Some("local".to_owned());
        model.display_name = Some(self.name().to_owned());
        model.input_token_limit = context;
        model.output_token_limit = context;
        model.supported_generation_methods =
            ["generateContent", "countTokens"].map(str::to_owned).into();
        model
    }
}

/// Returns the request with this sampling where it sets none.
fn with_sampling(
    request: &GenerateContentRequest,
    sampling: &GenerationConfig,
) -> GenerateContentRequest {
    let mut request = request.clone();
    let config = request.generation_config.get_or_insert_default();
    config.temperature = config.temperature.or(sampling.temperature);
    config.top_p = config.top_p.or(sampling.top_p);
    config.top_k = config.top_k.or(sampling.top_k);
    request
}

impl Backend for Local {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let local = self.clone();
        Box::pin(reply::whole(move || local.submit(&request, &options)))
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let local = self.clone();
        Box::pin(reply::chunks(move || local.submit(&request, &options)))
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        let local = self.clone();
        Box::pin(async move { local.count(request) })
    }

    fn list_models(
        &self,
        _: Option<String>,
        _: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        let mut response = ListModelsResponse::default();
        response.models = vec![self.describe()];
        Box::pin(std::future::ready(Ok(response)))
    }

    fn get_model(&self, _: String, _: RequestOptions) -> BoxFuture<Result<ModelDescription>> {
        Box::pin(std::future::ready(Ok(self.describe())))
    }
}
