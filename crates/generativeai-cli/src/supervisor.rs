//! The embedded model in a child process, which is restarted when it crashes.
//!
//! A crash in the C++ code of the engine ends the process. In a child process it ends only the running replies, and not
//! the server with its queue and its connections.

mod backoff;
mod process;

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

use crate::engine_options::EngineOptions;
use crate::render::Printer;
use backoff::Backoff;
pub(crate) use process::StartFailed;
use process::{Launch, Process};

/// A backend that forwards requests to the engine process.
///
/// If the process crashes, its running requests fail with 503 `UNAVAILABLE`. The error contains the time after which
/// the new process is expected to be ready. Later requests go to the new process.
#[derive(Clone, Debug)]
pub(crate) struct SupervisedEngine {
    state: watch::Receiver<State>,
    /// The model list of the engine. It does not change, so it is available during a restart as well.
    models: ListModelsResponse,
}

/// State of the engine process.
#[derive(Clone, Debug)]
enum State {
    /// The process is ready. The duration of its start is the estimate for the next one.
    Up(Remote, Duration),
    /// The process crashed. The new process is expected to be ready at this time.
    Down(Instant),
}

/// Task that restarts the engine process when it crashes. It is the only writer of the state.
#[derive(Debug)]
pub(crate) struct Supervisor {
    launch: Launch,
    engine: Process,
    state: watch::Sender<State>,
    /// Duration of the last start.
    start_time: Duration,
}

/// Starts the engine for a model file.
///
/// # Errors
/// The process does not start, or does not report its model.
pub(crate) async fn start(
    model: PathBuf,
    options: &EngineOptions,
) -> anyhow::Result<(SupervisedEngine, Supervisor)> {
    let launch = Launch::new(model, options)?;
    let started = Instant::now();
    let engine = launch.start().await?;
    let start_time = started.elapsed();
    let (state, receiver) = watch::channel(State::Up(engine.remote.clone(), start_time));
    let models = engine.remote.list_models(None, RequestOptions::default());
    let supervised = SupervisedEngine {
        state: receiver,
        models: models.await.context("the engine does not respond")?,
    };
    let supervisor = Supervisor {
        launch,
        engine,
        state,
        start_time,
    };
    Ok((supervised, supervisor))
}

impl Supervisor {
    /// Restarts the process whenever it exits, with a note. Runs forever.
    pub(crate) async fn run(mut self, printer: &mut Printer) -> std::convert::Infallible {
        let mut backoff = Backoff::default();
        let mut started = Instant::now();
        loop {
            let status = self.engine.exited().await;
            printer.note(format_args!(
                "(the engine crashed ({status}): its running requests failed; restarting it)"
            ));
            self.engine = loop {
                let wait = backoff.after(started.elapsed());
                self.state
                    .send_replace(State::Down(Instant::now() + wait + self.start_time));
                tokio::time::sleep(wait).await;
                started = Instant::now();
                match self.launch.start().await {
                    Ok(engine) => break engine,
                    Err(error) => printer.error(&error),
                }
            };
            self.start_time = started.elapsed();
            let remote = self.engine.remote.clone();
            self.state.send_replace(State::Up(remote, self.start_time));
        }
    }
}

impl SupervisedEngine {
    /// Returns the size of the context in tokens, if the engine reports it.
    pub(crate) fn context(&self) -> Option<i32> {
        self.models.models.first()?.input_token_limit
    }

    /// Returns the client of the running process.
    fn engine(&self) -> Result<Remote> {
        match &*self.state.borrow() {
            State::Up(remote, _) => Ok(remote.clone()),
            State::Down(_) => {
                Err(self.unavailable("the engine crashed and is restarting: try again"))
            }
        }
    }

    /// Converts an error of a request to the engine. A lost connection means that the engine crashed: it runs on this
    /// machine, and its timeouts are far longer than a request.
    fn converted(&self, error: Error) -> Error {
        let lost = [
            ErrorKind::Unreachable,
            ErrorKind::Truncated,
            ErrorKind::Decode,
        ];
        if error.status().is_some() || !lost.contains(&error.kind()) {
            return error;
        }
        self.unavailable("the engine crashed during the request and is restarting: try again")
            .with_source(error)
    }

    /// Creates the error for a crashed engine, with the time after which a client should retry.
    fn unavailable(&self, message: &'static str) -> Error {
        let wait = match &*self.state.borrow() {
            // The request noticed the crash before the supervisor did.
            State::Up(_, start_time) => *start_time,
            State::Down(until) => until.saturating_duration_since(Instant::now()),
        };
        // Rounded up to whole seconds, since the duration of the start is an estimate.
        let wait = Duration::from_secs(wait.as_secs() + 1);
        Error::new(ErrorKind::Unavailable, message).with_retry_after(wait)
    }

    /// Sends a request to the running process.
    fn forward<T: 'static>(
        &self,
        request: impl FnOnce(Remote) -> BoxFuture<Result<T>>,
    ) -> BoxFuture<Result<T>> {
        let this = self.clone();
        let answer = this.engine().map(request);
        Box::pin(async move { answer?.await.map_err(|error| this.converted(error)) })
    }
}

#[deny(clippy::missing_trait_methods)]
impl Backend for SupervisedEngine {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        self.forward(|engine| engine.generate_content(request, options))
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
                Box::pin(chunks.map(move |chunk| chunk.map_err(|error| this.converted(error))))
            }
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }

    fn count_tokens(
        &self,
        request: CountTokensRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<CountTokensResponse>> {
        self.forward(|engine| engine.count_tokens(request, options))
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
        self.forward(|engine| engine.get_cached_content(name, options))
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        self.forward(|engine| engine.embed_content(request, options))
    }

    fn batch_embed_contents(
        &self,
        request: BatchEmbedContentsRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<BatchEmbedContentsResponse>> {
        self.forward(|engine| engine.batch_embed_contents(request, options))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine_in(state: State) -> SupervisedEngine {
        SupervisedEngine {
            state: watch::channel(state).1,
            models: ListModelsResponse::default(),
        }
    }

    fn unused_remote() -> Remote {
        let remote = Remote::builder().base_url("http://127.0.0.1:9");
        remote.build().expect("a loopback address")
    }

    #[tokio::test]
    async fn while_the_engine_restarts_a_request_fails_with_the_time_to_retry() {
        let until = Instant::now() + Duration::from_secs(30);
        let dead = engine_in(State::Down(until));
        let request = GenerateContentRequest::default;

        let unary = dead.generate_content(request(), RequestOptions::default());
        let unary = unary.await.expect_err("unavailable");
        let mut stream = dead.stream_generate_content(request(), RequestOptions::default());
        let streamed = stream
            .next()
            .await
            .expect("an item")
            .expect_err("unavailable");

        for error in [unary, streamed] {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
        }
        assert!(stream.next().await.is_none());
    }

    #[test]
    fn errors_of_the_engine_are_passed_on() {
        let alive = engine_in(State::Up(unused_remote(), Duration::from_millis(300)));
        let late = Error::new(ErrorKind::Timeout, "late");
        let cut = Error::new(ErrorKind::Unreachable, "cut");

        assert_eq!(alive.converted(late).kind(), ErrorKind::Timeout);
        let dead = alive.converted(cut);
        assert_eq!(dead.kind(), ErrorKind::Unavailable);
        assert_eq!(dead.retry_after(), Some(Duration::from_secs(1)));
    }
}
