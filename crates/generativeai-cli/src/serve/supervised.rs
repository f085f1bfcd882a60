//! The embedded model in a process that may die: a backend in front of whichever lives.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use generativeai::protocol::caches::CachedContent;
use generativeai::protocol::embeddings::{
    BatchEmbedContentsRequest, BatchEmbedContentsResponse, EmbedContentRequest,
    EmbedContentResponse,
};
use generativeai::protocol::models::{ListModelsResponse, Model};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::{
    Backend, BoxFuture, ChunkStream, Error, ErrorKind, Remote, RequestOptions, Result,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::child::{Launch, Process};
use super::patience::Patience;
use crate::printer::Printer;

/// Asks the engine that lives, or says when to ask again.
///
/// An engine that dies takes the replies on its way with it, and nothing else: each of them ends
/// with the error 503 `UNAVAILABLE`, and the next request finds the engine that was started since.
#[derive(Clone, Debug)]
pub(super) struct Supervised {
    state: watch::Receiver<State>,
    /// What the engine tells of its model, which does not change.
    models: ListModelsResponse,
}

/// Whether there is an engine.
#[derive(Clone, Debug)]
enum State {
    /// It answers; the time is what it took to start it.
    Up(Remote, Duration),
    /// It is dead, and will be back by then.
    Down(Instant),
}

/// Sees to it that there is an engine.
#[derive(Debug)]
pub(super) struct Supervisor {
    launch: Launch,
    engine: Process,
    state: watch::Sender<State>,
    /// What the last start took.
    took: Duration,
}

/// Starts the engine of a model.
///
/// # Errors
///
/// It does not start, or does not say what it is.
pub(super) async fn start(model: PathBuf) -> anyhow::Result<(Supervised, Supervisor)> {
    let launch = Launch::new(model)?;
    let began = Instant::now();
    let engine = launch.start().await?;
    let took = began.elapsed();
    let (state, receiver) = watch::channel(State::Up(engine.remote.clone(), took));
    let models = engine.remote.list_models(None, RequestOptions::default());
    let supervised = Supervised {
        state: receiver,
        models: models.await.context("the engine does not answer")?,
    };
    let supervisor = Supervisor {
        launch,
        engine,
        state,
        took,
    };
    Ok((supervised, supervisor))
}

impl Supervisor {
    /// Starts the engine again whenever it dies, and tells of it; for ever.
    pub(super) async fn run(mut self, printer: &mut Printer) -> std::convert::Infallible {
        let mut patience = Patience::default();
        let mut began = Instant::now();
        loop {
            let end = self.engine.ended().await;
            printer.note(format_args!(
                "The engine died ({end}); replies on their way are lost. It is started again."
            ));
            loop {
                let wait = patience.after(began.elapsed());
                self.state
                    .send_replace(State::Down(Instant::now() + wait + self.took));
                tokio::time::sleep(wait).await;
                began = Instant::now();
                match self.launch.start().await {
                    Ok(engine) => self.engine = engine,
                    Err(error) => {
                        printer.failure(&error);
                        continue;
                    }
                }
                self.took = began.elapsed();
                break;
            }
            let remote = self.engine.remote.clone();
            self.state.send_replace(State::Up(remote, self.took));
        }
    }
}

impl Supervised {
    /// The engine that lives.
    fn engine(&self) -> Result<Remote> {
        match &*self.state.borrow() {
            State::Up(remote, _) => Ok(remote.clone()),
            State::Down(_) => Err(self.dead("the engine died, and is being started again")),
        }
    }

    /// The error of a request that was sent to the engine: its own words, or that it is dead.
    fn explained(&self, error: Error) -> Error {
        let lost = [
            ErrorKind::Unreachable,
            ErrorKind::Truncated,
            ErrorKind::Decode,
        ];
        if error.status().is_some() || !lost.contains(&error.kind()) {
            return error;
        }
        self.dead("the engine died while it answered, and is being started again")
            .with_source(error)
    }

    fn dead(&self, message: &'static str) -> Error {
        let wait = match &*self.state.borrow() {
            State::Up(_, took) => *took,
            State::Down(until) => until.saturating_duration_since(Instant::now()),
        };
        // Whole seconds: the end of a start can only be guessed.
        let wait = Duration::from_secs(wait.as_secs() + 1);
        Error::new(ErrorKind::Unavailable, message).with_retry_after(wait)
    }

    /// Sends a request to the engine that lives.
    fn ask<T: 'static>(
        &self,
        request: impl FnOnce(Remote) -> BoxFuture<Result<T>>,
    ) -> BoxFuture<Result<T>> {
        let this = self.clone();
        let answer = this.engine().map(request);
        Box::pin(async move { answer?.await.map_err(|error| this.explained(error)) })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Backend for Supervised {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        self.ask(|engine| engine.generate_content(request, options))
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> ChunkStream {
        let this = self.clone();
        match self.engine() {
            Ok(engine) => {
                let chunks = engine.stream_generate_content(request, options);
                Box::pin(chunks.map(move |chunk| chunk.map_err(|error| this.explained(error))))
            }
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        self.ask(|engine| engine.count_tokens(request, options))
    }

    fn list_models(
        &self,
        _: Option<String>,
        _: RequestOptions,
    ) -> BoxFuture<Result<ListModelsResponse>> {
        Box::pin(std::future::ready(Ok(self.models.clone())))
    }

    fn get_model(&self, _: String, _: RequestOptions) -> BoxFuture<Result<Model>> {
        let model = self.models.models.first().cloned();
        let none = || Error::new(ErrorKind::NotFound, "the engine has no model");
        Box::pin(std::future::ready(model.ok_or_else(none)))
    }

    fn get_cached_content(
        &self,
        name: String,
        options: RequestOptions,
    ) -> BoxFuture<Result<CachedContent>> {
        self.ask(|engine| engine.get_cached_content(name, options))
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        self.ask(|engine| engine.embed_content(request, options))
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        self.ask(|engine| engine.batch_embed_contents(request, options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervised(state: State) -> Supervised {
        Supervised {
            state: watch::channel(state).1,
            models: ListModelsResponse::default(),
        }
    }

    fn nobody() -> Remote {
        let remote = Remote::builder().base_url("http://127.0.0.1:9");
        remote.build().expect("an address of this machine")
    }

    #[tokio::test]
    async fn while_the_engine_is_dead_a_request_is_told_when_to_come_back() {
        let until = Instant::now() + Duration::from_secs(30);
        let dead = supervised(State::Down(until));
        let request = GenerateContentRequest::default;

        let unary = dead.generate_content(request(), RequestOptions::default());
        let unary = unary.await.expect_err("nobody answers");
        let mut stream = dead.stream_generate_content(request(), RequestOptions::default());
        let streamed = stream.next().await.expect("an item").expect_err("nobody");

        for error in [unary, streamed] {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        }
        assert!(stream.next().await.is_none());
    }

    #[test]
    fn what_the_engine_itself_says_is_passed_on() {
        let alive = supervised(State::Up(nobody(), Duration::from_millis(300)));
        let late = Error::new(ErrorKind::Timeout, "late");
        let cut = Error::new(ErrorKind::Unreachable, "cut");

        assert_eq!(alive.explained(late).kind(), ErrorKind::Timeout);
        let dead = alive.explained(cut);
        assert_eq!(dead.kind(), ErrorKind::Unavailable);
        assert_eq!(dead.retry_after(), Some(Duration::from_secs(1)));
    }
}
