//! The embedded model as a backend.

mod builder;
mod reply;

use std::sync::Arc;
use std::time::Instant;

use generativeai::protocol::models::{ListModelsResponse, Model as ModelDescription};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::{Backend, BoxFuture, ChunkStream, RequestOptions, Result};

use crate::asked::{Asked, Mode};
use crate::engine::{Engine, Events, Job};
use crate::grammar::Grammars;
use crate::model::Model;
use crate::prompt;
use crate::speech::{Speech, text_tokens};

pub use builder::Builder;
use reply::{Reply, whole};

/// A model in this process, as a [`Backend`]: no key, no network.
///
/// It answers to any model name; its own stands in `model_version`. A clone is another handle on the
/// same model, and the last one dropped frees it. Chats are answered side by side, and what they
/// have in common is read once. Everything that a request asks for is honoured, or refused with 400
/// `INVALID_ARGUMENT`; if as many requests wait as may, the answer is 429 `RESOURCE_EXHAUSTED`.
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
}

impl Local {
    /// Begins to load a model: the default one, unless another is named.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What the model is called: the name of its file, in small letters.
    pub fn name(&self) -> &str {
        self.0.model.name()
    }

    /// How many tokens a chat may have, the reply included.
    pub fn context(&self) -> usize {
        self.0.engine.context()
    }

    fn ask(
        &self,
        request: &GenerateContentRequest,
        options: &RequestOptions,
    ) -> Result<(Events, Speech)> {
        let Inner {
            model,
            engine,
            grammars,
        } = &*self.0;
        let asked = Asked::read(request)?;
        let tokens = prompt::tokens(model, &asked, engine.context())?;
        let grammar = grammars.make(model, &asked.settings.form, &asked.tools)?;
        let calls = asked.tools.mode != Mode::Never;
        let logprobs = asked.settings.sampling.logprobs.is_some();
        let speech = Speech::new(Arc::clone(model), tokens.len(), calls, logprobs);
        let settings = asked.settings;
        let events = engine.ask(Job {
            prompt: tokens,
            sampling: settings.sampling,
            stops: settings.stops,
            max_tokens: settings.max_tokens,
            grammar,
            deadline: options
                .timeout
                .and_then(|timeout| Instant::now().checked_add(timeout)),
        })?;
        Ok((events, speech))
    }

    fn count(&self, request: CountTokensRequest) -> Result<CountTokensResponse> {
        let request = match request.generate_content_request {
            Some(request) => *request,
            None => GenerateContentRequest::default().contents(request.contents),
        };
        let tokens = prompt::tokens(&self.0.model, &Asked::read(&request)?, usize::MAX)?.len();
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

impl Backend for Local {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let reply = Reply::new(self.clone(), request, options);
        Box::pin(whole(reply))
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        Box::pin(Reply::new(self.clone(), request, options))
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
