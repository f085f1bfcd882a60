//! The embedded model as a [`Backend`].

mod embeddings;

use std::sync::Arc;
use std::time::Instant;

use generativeai::protocol::config::GenerationConfig;
use generativeai::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, EmbedContentRequest,
    EmbedContentResponse,
};
use generativeai::protocol::models::{ListModelsResponse, Model as ModelDescription};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::{Backend, BoxFuture, ChunkStream, RequestOptions, Result};

use crate::engine::{Engine, Events, Job, ThinkingLimit};
use crate::error::invalid_argument;
use crate::grammar::{Answer, Form, Function, Grammars, Shape};
use crate::ignored::IgnoredSettings;
use crate::model::Model;
use crate::prompt::Prompt;
use crate::reply::{self, ReplyBuilder, text_tokens};
use crate::request::{CallingMode, Effort, Request, ResponseFormat};
use crate::schema::Schema;
use crate::segments::Calls;
use crate::template::Rendered;

/// A model that runs in this process, without a key and without a network.
///
/// It answers requests for any model name; the name of its file is in `model_version` of each
/// response. A clone is another handle on the same model. The memory is freed once the last handle is dropped and
/// the replies that are still being read have ended. Chats run concurrently, and a prefix that several prompts have
/// in common is evaluated once.
///
/// A setting that the model cannot follow is ignored and [reported](crate::Builder::on_ignored) once, or rejected with
/// [`Builder::strict`](crate::Builder::strict). A request that it cannot answer, such as one with an image, fails with
/// a 400 `INVALID_ARGUMENT` that names the member. If the queue is full, a request fails with a 429
/// `RESOURCE_EXHAUSTED` and a retry delay of one second.
///
/// Embeddings are the mean of the states of the model after each token, or the last state if the file says so. They
/// have the length 1. A context for the text is allocated while it is embedded.
///
/// A request is rendered and tokenized, and its schemas are compiled, on the thread that polls the future or the
/// stream first. The reply is generated on a separate thread.
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
    ignored: IgnoredSettings,
    /// Settings that apply where a request sets none.
    defaults: GenerationConfig,
}

impl Local {
    pub(crate) fn new(
        model: Arc<Model>,
        engine: Engine,
        ignored: IgnoredSettings,
        defaults: GenerationConfig,
    ) -> Self {
        Self(Arc::new(Inner {
            model,
            engine: Arc::new(engine),
            grammars: Grammars::default(),
            ignored,
            defaults,
        }))
    }

    /// Returns the name of the model: the name of its file without the extension, in lower case.
    pub fn name(&self) -> &str {
        self.0.model.name()
    }

    /// Returns the maximum length of a chat in tokens, the reply included.
    pub fn context(&self) -> usize {
        self.0.engine.context()
    }

    /// Returns the maximum number of tokens of a reply whose request does not set `maxOutputTokens`.
    pub fn max_output_tokens(&self) -> i32 {
        self.0.defaults.max_output_tokens.unwrap_or(i32::MAX)
    }

    /// Submits a request to the engine, and returns its events with the builder that converts them to chunks.
    ///
    /// # Errors
    ///
    /// 400 for a request that the model cannot answer, 429 if the queue is full.
    fn submit(
        &self,
        request: &GenerateContentRequest,
        options: &RequestOptions,
    ) -> Result<(Events, ReplyBuilder)> {
        let Inner {
            model,
            engine,
            grammars,
            ignored,
            defaults,
        } = &*self.0;
        let mut request = Request::parse(&with_defaults(request, defaults), ignored)?;
        let prompt = Prompt::new(model, &mut request, engine.context(), ignored)?;
        let calls = calls(&request, &prompt.rendered)?;
        let shape = shape(&request, &prompt.rendered);
        let grammar = grammars.compile(model, shape, ignored)?;
        let builder = ReplyBuilder::new(Arc::clone(model), &request, &prompt, calls.clone());
        let thinking = thinking_limit(model, &request, &prompt.rendered);
        let settings = request.settings;
        let events = engine.submit(Job {
            prompt: prompt.tokens,
            sampling: settings.sampling,
            stops: settings.stops,
            max_tokens: settings.max_tokens.unwrap_or(usize::MAX),
            thinking,
            calls,
            grammar,
            deadline: deadline(options),
        })?;
        Ok((events, builder))
    }

    /// Counts the tokens of a prompt as [`submit`](Self::submit) would send it: with the chat template, and with
    /// functions and instructions if the whole request is given.
    fn count(&self, request: CountTokensRequest) -> Result<CountTokensResponse> {
        let request = match request.generate_content_request {
            Some(request) => *request,
            None => GenerateContentRequest::default().contents(request.contents),
        };
        let Inner { model, ignored, .. } = &*self.0;
        let mut request = Request::parse(&request, ignored)?;
        // No limit: the count of a prompt that does not fit is an answer, not an error.
        let prompt = Prompt::new(model, &mut request, usize::MAX, ignored)?;
        let tokens = prompt.tokens.len();
        let mut response = CountTokensResponse::default();
        response.total_tokens = i32::try_from(tokens).ok();
        response.prompt_tokens_details = vec![text_tokens(tokens)];
        Ok(response)
    }

    /// Returns the model in the form of the Gemini API's `models.get`.
    fn describe(&self) -> ModelDescription {
        let context = i32::try_from(self.context()).ok();
        let mut model = ModelDescription::default();
        model.name = Some(format!("models/{}", self.name()));
        model.base_model_id = Some(self.name().to_owned());
        model.version = Some("local".to_owned());
        model.display_name = Some(self.name().to_owned());
        model.input_token_limit = context;
        model.output_token_limit = context;
        model.supported_generation_methods = ["generateContent", "countTokens", "embedContent"]
            .map(str::to_owned)
            .into();
        model
    }
}

/// Returns the time at which a request fails. A timeout beyond the range of `Instant` is no limit.
fn deadline(options: &RequestOptions) -> Option<Instant> {
    let timeout = options.timeout?;
    Instant::now().checked_add(timeout)
}

/// Returns a copy of the request in which `defaults` replace the settings that are missing.
fn with_defaults(
    request: &GenerateContentRequest,
    defaults: &GenerationConfig,
) -> GenerateContentRequest {
    let mut request = request.clone();
    let config = request.generation_config.get_or_insert_default();
    config.temperature = config.temperature.or(defaults.temperature);
    config.top_p = config.top_p.or(defaults.top_p);
    config.top_k = config.top_k.or(defaults.top_k);
    config.seed = config.seed.or(defaults.seed);
    config.max_output_tokens = config.max_output_tokens.or(defaults.max_output_tokens);
    request
}

/// Returns the calls that the reply to a request may contain; `None` if it contains none.
///
/// # Errors
///
/// 400 if the reply is JSON or calls, but the calls of the model begin like JSON.
fn calls(request: &Request, rendered: &Rendered) -> Result<Option<Calls>> {
    if !request.tools.may_call() {
        return Ok(None);
    }
    let syntax = rendered.calls.clone();
    let format = &request.settings.format;
    let is_json = matches!(format, ResponseFormat::Json | ResponseFormat::Schema(_));
    if is_json && syntax.is_like_json() {
        return Err(invalid_argument(
            "tools and the responseMimeType application/json exclude each other with this model, whose calls begin \
             like JSON: set functionCallingConfig.mode to NONE, or remove one of them",
        ));
    }
    let after_text = *format == ResponseFormat::Text;
    Ok(Some(Calls { syntax, after_text }))
}

/// Returns the form that the reply to a request must have.
fn shape(request: &Request, rendered: &Rendered) -> Shape {
    let functions = || {
        let declared = request.tools.functions.iter();
        let functions = declared.map(|it| Function {
            name: it.function.name.clone(),
            schema: it.arguments.enforced.clone(),
        });
        functions.collect()
    };
    let form = match &request.settings.format {
        ResponseFormat::Text => Form::Any,
        ResponseFormat::Json => Form::Json {
            name: "the response".to_owned(),
            schema: Schema::anything().enforced,
        },
        ResponseFormat::Schema(schema) => Form::Json {
            name: "the response schema".to_owned(),
            schema: schema.enforced.clone(),
        },
        ResponseFormat::Choice(choices) => Form::Choice(choices.clone()),
    };
    let calls = rendered.calls.clone();
    let answer = match request.tools.mode {
        CallingMode::Any => Answer::Call(calls, functions()),
        CallingMode::Auto => Answer::TextOrCalls(form, calls, functions()),
        CallingMode::None => Answer::Text(form),
    };
    // The tag that starts a call is one of the tags of the prompt. A reply that may call functions needs it.
    let start = rendered.calls.start();
    let may_call = request.tools.may_call();
    let forbidden = rendered
        .tags
        .iter()
        .filter(|tag| !may_call || *tag != start);
    Shape {
        thoughts: rendered.thoughts,
        answer,
        forbidden: forbidden.cloned().collect(),
    }
}

/// Returns the form and the limit of the thoughts before a reply; `None` if the model does not think.
fn thinking_limit(model: &Model, request: &Request, rendered: &Rendered) -> Option<ThinkingLimit> {
    let thoughts = rendered.thoughts?;
    let must_call = request.tools.mode == CallingMode::Any;
    let call = must_call.then(|| rendered.calls.start());
    // Needed without a limit as well: stop sequences apply to the answer only, so the engine must find its beginning.
    Some(ThinkingLimit {
        thoughts,
        max_tokens: match request.settings.thinking.effort {
            Effort::Tokens(max_tokens) => max_tokens,
            _ => usize::MAX,
        },
        closing: model.tokenize_reply(&thoughts.tags.closing(call)),
    })
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

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        let local = self.clone();
        Box::pin(async move {
            let mut batch = local.embed(vec![(String::new(), request)], options).await?;
            let mut response = EmbedContentResponse::default();
            response.embedding = batch.embeddings.pop();
            response.usage_metadata = batch.usage_metadata;
            Ok(response)
        })
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        let local = self.clone();
        Box::pin(async move {
            local.0.ignored.ignore_unknown("", &request.unknown)?;
            let requests = request.requests.into_iter().enumerate();
            let requests = requests.map(|(index, one)| (format!("requests[{index}]."), one));
            local.embed(requests.collect(), options).await
        })
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
