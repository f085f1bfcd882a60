//! The API: from what is asked to what the backend answers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::FutureExt;
use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, EmbedContentRequest};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::tokens::CountTokensRequest;
use generativeai::{Backend, RequestOptions, Result as Answered};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{Bodies, Read, Share};
use crate::deadline::Deadline;
use crate::failure::{Code, Failure};
use crate::fault::{Faults, Plan};
use crate::frame::Framing;
use crate::gate::{Gate, Pass};
use crate::guard::Key;
use crate::names::{Meant, Names};
use crate::query::Query;
use crate::route::{Endpoint, Verb, route};
use crate::stream::{Reply, Source};
use crate::{answer, lenient};

/// What the API needs to answer.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) key: Option<Key>,
    pub(crate) names: Names,
    pub(crate) gate: Gate,
    pub(crate) bodies: Bodies,
    pub(crate) faults: Faults,
}

/// A question to a model that was let in.
struct Question {
    model: Meant,
    json: Vec<u8>,
    options: RequestOptions,
    deadline: Deadline,
    plan: Plan,
    held: (Pass, Share),
}

impl Api {
    /// Answers a request.
    pub(crate) async fn answer(&self, parts: Parts, body: Body) -> Result<Response, Failure> {
        let query = Query::read(parts.uri.query().unwrap_or_default())?;
        if let Some(key) = &self.key {
            key.check(&parts, &query)?;
        }
        let endpoint = route(&parts.method, parts.uri.path())?;
        let deadline = Deadline::read(&parts.headers)?;
        let options = deadline.options();
        match endpoint {
            Endpoint::Models => {
                let models = self.backend.list_models(query.page_token, options);
                whole(models, deadline)
                    .await
                    .map(|models| answer::json(&models))
            }
            Endpoint::Model(name) => {
                let meant = self.names.meant(&*self.backend, &name).await?;
                let model = self.backend.get_model(meant.name, options);
                let mut model = whole(model, deadline).await?;
                model.name = Some(format!("models/{name}"));
                Ok(answer::json(&model))
            }
            Endpoint::Cache(id) => {
                let cache = self
                    .backend
                    .get_cached_content(format!("cachedContents/{id}"), options);
                whole(cache, deadline)
                    .await
                    .map(|cache| answer::json(&cache))
            }
            Endpoint::Ask(verb, model) => {
                let question = self
                    .question(&parts.headers, body, &model, deadline)
                    .await?;
                self.ask(verb, question, query.sse).await
            }
        }
    }

    /// Takes in a question: its body, a fault on purpose if there is to be one, a place.
    async fn question(
        &self,
        headers: &HeaderMap,
        body: Body,
        model: &str,
        deadline: Deadline,
    ) -> Result<Question, Failure> {
        let Read { bytes, share } = self.bodies.read(headers, body).await?;
        let plan = self.faults.next();
        let place = async {
            tokio::time::sleep(plan.delay).await;
            match plan.refusal() {
                Some(failure) => Err(failure),
                None => Ok((
                    self.names.meant(&*self.backend, model).await?,
                    self.gate.enter().await?,
                )),
            }
        };
        let (model, pass) = deadline.within(place).await??;
        let options = deadline.options();
        let held = (pass, share);
        Ok(Question {
            model,
            json: bytes,
            options,
            deadline,
            plan,
            held,
        })
    }

    async fn ask(
        &self,
        verb: Verb,
        mut question: Question,
        sse: bool,
    ) -> Result<Response, Failure> {
        let backend = &self.backend;
        let name = question.model.name.clone();
        match verb {
            Verb::Generate => {
                let mut request: GenerateContentRequest = question.read()?;
                request.model = Some(name);
                let reply = backend.generate_content(request, question.options);
                let mut reply = whole(reply, question.deadline).await?;
                reply.model_version = reply.model_version.or_else(|| question.model.version());
                Ok(answer::json(&reply))
            }
            Verb::Stream => {
                let mut request: GenerateContentRequest = question.read()?;
                request.model = Some(name);
                self.stream(request, question, sse).await
            }
            Verb::Count => {
                let mut request: CountTokensRequest = question.read()?;
                if let Some(inner) = &mut request.generate_content_request {
                    inner.model = Some(name.clone());
                }
                request.model = Some(name);
                let count = backend.count_tokens(request, question.options);
                whole(count, question.deadline)
                    .await
                    .map(|count| answer::json(&count))
            }
            Verb::Embed => {
                let mut request: EmbedContentRequest = question.read()?;
                request.model = Some(name);
                let embedding = backend.embed_content(request, question.options);
                whole(embedding, question.deadline)
                    .await
                    .map(|vector| answer::json(&vector))
            }
            Verb::BatchEmbed => {
                let mut request: BatchEmbedContentsRequest = question.read()?;
                for inner in &mut request.requests {
                    inner.model = Some(name.clone());
                }
                request.model = Some(name);
                let embeddings = backend.batch_embed_contents(request, question.options);
                whole(embeddings, question.deadline)
                    .await
                    .map(|vectors| answer::json(&vectors))
            }
        }
    }

    async fn stream(
        &self,
        request: GenerateContentRequest,
        question: Question,
        sse: bool,
    ) -> Result<Response, Failure> {
        let Question {
            model,
            options,
            deadline,
            plan,
            held,
            ..
        } = question;
        let chunks = self.backend.stream_generate_content(request, options);
        let mut chunks = Source::new(chunks, deadline, model.version());
        chunks.begin().await?;
        let framing = if sse {
            Framing::Sse
        } else {
            Framing::Array(false)
        };
        let content_type = framing.content_type();
        let reply = Reply {
            chunks,
            framing,
            plan,
            written: 0,
            _held: held,
        };
        Ok(answer::with_type(content_type, reply.into_body()))
    }
}

impl Question {
    /// Reads the body, and frees it. An empty one is an empty request.
    fn read<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let json = std::mem::take(&mut self.json);
        let json = if json.trim_ascii().is_empty() {
            b"{}"
        } else {
            &json[..]
        };
        lenient::read(json).map_err(|error| {
            Failure::new(
                Code::INVALID,
                format!("the body is not the JSON of this request: {error}"),
            )
        })
    }
}

/// An answer in one piece, within its time.
async fn whole<T: Serialize>(
    answer: impl Future<Output = Answered<T>>,
    deadline: Deadline,
) -> Result<T, Failure> {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    match deadline.within(answer).await? {
        Ok(answer) => answer.map_err(Failure::from),
        Err(_) => Err(Failure::panicked()),
    }
}
