//! Backends that are asked in order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use generativeai::protocol::content::Content;
use generativeai::protocol::embeddings::{EmbedContentRequest, EmbedContentResponse};
use generativeai::protocol::models::Model;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::testing::Scripted;
use generativeai::{
    Attempt, Backend, BoxFuture, ChunkStream, Error, ErrorKind, Fallback, GenerativeModel,
    RequestOptions, Result, check_backend,
};

use crate::hops::hop;
use crate::support::mode::MODES;

const TEMPORARY: [ErrorKind; 5] = [
    ErrorKind::RateLimited,
    ErrorKind::Quota,
    ErrorKind::Unavailable,
    ErrorKind::Unreachable,
    ErrorKind::Timeout,
];

fn failing(kind: ErrorKind) -> Scripted {
    Scripted::default().then_error(&[], Error::new(kind, "a reason"))
}

fn model(backend: Fallback) -> GenerativeModel {
    GenerativeModel::new("m").backend(backend)
}

#[tokio::test]
async fn the_next_backend_answers_if_one_is_overloaded_or_unreachable() {
    for kind in TEMPORARY {
        let (first, second) = (failing(kind), Scripted::always("Hello!"));
        let model = model(Fallback::new([first, second.clone()]));

        let reply = model.generate_content("Hi").await.unwrap();

        assert_eq!(reply.text().unwrap(), "Hello!", "{kind}");
        assert_eq!(second.requests()[0].model.as_deref(), Some("models/m"));
    }
}

#[tokio::test]
async fn the_next_backend_streams_if_one_fails_before_its_first_chunk() {
    for kind in TEMPORARY {
        let second = Scripted::default().then_chunks(["Hel", "lo!"]);
        let mut chat = model(Fallback::new([failing(kind), second])).start_chat();

        let mut reply = chat.send_message("Hi").stream();
        let mut chunks = Vec::new();
        while let Some(chunk) = reply.next().await {
            chunks.push(chunk.unwrap().text().unwrap());
        }
        drop(reply);

        assert_eq!(chunks, ["Hel", "lo!"], "{kind}");
        assert_eq!(chat.history().len(), 2);
    }
}

/// Backend whose streams are empty, and panic if they are polled after their end.
#[derive(Debug)]
struct Silent;

impl Backend for Silent {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        Box::pin(async { Ok(GenerateContentResponse::default()) })
    }

    fn stream_generate_content(&self, _: GenerateContentRequest, _: RequestOptions) -> ChunkStream {
        type Next = Option<(Result<GenerateContentResponse>, ())>;
        Box::pin(stream::unfold((), |()| async { Next::None }))
    }
}

#[tokio::test]
async fn a_stream_without_chunks_ends() {
    let request = GenerateContentRequest::default();

    let mut chunks =
        Fallback::new([Silent]).stream_generate_content(request, RequestOptions::default());

    assert!(chunks.next().await.is_none());
}

#[tokio::test]
async fn an_error_after_the_first_chunk_is_returned_with_the_beginning() {
    let second = Scripted::always("unused");
    let first = Scripted::default().then_fail(&["Hel"]);
    let mut chat = model(Fallback::new([first, second.clone()])).start_chat();

    let error = chat.send_message("Hi").stream().finish().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert_eq!(error.response().unwrap().text().unwrap(), "Hel");
    assert!(second.requests().is_empty());
    assert!(chat.history().is_empty() && chat.unfinished().is_some());
}

#[tokio::test]
async fn an_error_that_is_the_same_elsewhere_is_returned_at_once() {
    for kind in [
        ErrorKind::Request,
        ErrorKind::Authentication,
        ErrorKind::NotFound,
        ErrorKind::Unsupported,
        ErrorKind::Decode,
        ErrorKind::Limit,
    ] {
        let second = Scripted::always("unused");
        let first = failing(kind).then_error(&[], Error::new(kind, "a reason"));
        let model = model(Fallback::new([first, second.clone()]));

        let awaited = model.generate_content("Hi").await.unwrap_err();
        let mut chat = model.start_chat();
        let streamed = chat.send_message("Hi").stream().finish().await;

        assert_eq!((awaited.kind(), awaited.attempts().len()), (kind, 0));
        assert_eq!(streamed.unwrap_err().kind(), kind);
        assert!(second.requests().is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn if_all_fail_the_error_is_the_last_one_with_the_attempts_of_all() {
    let attempt = |number| Attempt::new(number, "reset", Duration::ZERO, Duration::ZERO);
    let lost = Error::new(ErrorKind::Unreachable, "no connection")
        .with_attempts(vec![attempt(1), attempt(2)]);
    let backend = Fallback::new([failing(ErrorKind::RateLimited)])
        .then_model("b", Scripted::default().then_error(&[], lost))
        .then_model("c", failing(ErrorKind::Request))
        .then_model("d", Scripted::always("unused"));

    let error = model(backend).generate_content("Hi").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Request);
    let attempts: Vec<_> = error
        .attempts()
        .iter()
        .map(|attempt| (attempt.number, attempt.outcome.as_str()))
        .collect();
    assert_eq!(
        attempts,
        [
            (1, "backend 1: a reason"),
            (2, "b: reset"),
            (3, "b: reset"),
            (4, "c: a reason"),
        ]
    );
}

#[tokio::test]
async fn the_report_names_the_backend_that_failed_and_the_one_that_answered() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let log = reported.clone();
    let options = RequestOptions::default()
        .on_retry(move |attempt| log.lock().unwrap().push(attempt.outcome.clone()));
    let own = Scripted::default()
        .then_text("one")
        .then_chunks(["t", "wo"]);
    let first = failing(ErrorKind::Unavailable).then_error(
        &[],
        Error::new(ErrorKind::Unavailable, "still").with_source("down"),
    );
    let model = model(Fallback::new([first]).then_model("Qwen/Qwen3-4B", own.clone()))
        .request_options(options);
    let mut chat = model.start_chat();

    let awaited = chat.send_message("Hi").await.unwrap();
    let streamed = chat.send_message("Hi").stream().finish().await.unwrap();

    let expected = Some("Qwen/Qwen3-4B");
    assert_eq!(awaited.model_version.as_deref(), expected);
    assert_eq!(streamed.model_version.as_deref(), expected);
    assert_eq!(own.requests()[0].model.as_deref(), expected);
    assert_eq!(
        *reported.lock().unwrap(),
        [
            "backend 1: a reason; asking Qwen/Qwen3-4B",
            "backend 1: still: down; asking Qwen/Qwen3-4B"
        ]
    );
}

/// Records the options that it gets, computes embeddings, and fails otherwise after a second.
#[derive(Clone, Debug, Default)]
struct Embedder(Arc<Mutex<Vec<RequestOptions>>>);

impl Backend for Embedder {
    fn generate_content(
        &self,
        _: GenerateContentRequest,
        options: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        self.0.lock().unwrap().push(options);
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err(Error::new(ErrorKind::Unavailable, "busy"))
        })
    }

    fn embed_content(
        &self,
        request: EmbedContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<EmbedContentResponse>> {
        assert_eq!(request.model.as_deref(), Some("models/e"));
        Box::pin(std::future::ready(Ok(EmbedContentResponse::default())))
    }

    fn get_model(&self, name: String, _: RequestOptions) -> BoxFuture<Result<Model>> {
        let mut model = Model::default();
        model.name = Some(name);
        Box::pin(std::future::ready(Ok(model)))
    }
}

#[tokio::test(start_paused = true)]
async fn the_durations_of_attempts_are_those_of_the_clock_of_tokio() {
    let backend = Fallback::new([Embedder::default(), Embedder::default()]);

    let error = model(backend).generate_content("Hi").await.unwrap_err();

    let durations: Vec<_> = error
        .attempts()
        .iter()
        .map(|it| it.took.as_secs())
        .collect();
    assert_eq!(durations, [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn only_the_last_backend_retries_and_the_time_limit_covers_all() {
    let backend = Embedder::default();
    let seen = backend.0.clone();
    let limit = Duration::from_secs(60);
    let options = RequestOptions::default().timeout(limit);
    let twice = Fallback::new([backend.clone(), backend]);

    let asked = model(twice.clone()).request_options(options.clone());
    asked.generate_content("Hi").await.unwrap_err();
    let patient = options.retry(generativeai::Retry::default().max_attempts(9));
    let asked = model(twice).request_options(patient);
    asked.generate_content("Hi").await.unwrap_err();

    let seen = seen.lock().unwrap();
    let attempts = |at: usize| seen[at].retry.as_ref().map(|retry| retry.max_attempts);
    assert_eq!([attempts(0), attempts(1)], [Some(1), None]);
    assert_eq!([attempts(2), attempts(3)], [Some(9), Some(9)]);
    assert!(seen[1].timeout.unwrap() <= seen[0].timeout.unwrap());
    assert!(seen[0].timeout.unwrap() <= limit);
}

#[tokio::test]
async fn no_further_backend_is_asked_after_the_time_limit() {
    let second = Scripted::always("unused");
    let backend = Fallback::new([failing(ErrorKind::Timeout), second.clone()]);
    let options = RequestOptions::default().timeout(Duration::ZERO);

    let error = model(backend)
        .request_options(options)
        .generate_content("Hi")
        .await;

    assert_eq!(error.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn tokens_and_embeddings_come_from_the_first_model() {
    let options = RequestOptions::default;
    let request = || EmbedContentRequest::new("x").model("models/e");
    let other = Fallback::new([Scripted::default()]).then_model("e", Embedder::default());
    let own = Fallback::new([Embedder::default()]).then_model("s", Scripted::default());
    let replicas: [Arc<dyn Backend>; 2] =
        [Arc::new(Scripted::default()), Arc::new(Embedder::default())];

    let error = other.embed_content(request(), options()).await.unwrap_err();
    let counted = model(other)
        .count_tokens("three short words")
        .await
        .unwrap();

    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(counted.total_tokens, Some(3));
    assert!(own.embed_content(request(), options()).await.is_ok());
    // What the first one does not support, the second is not asked for: its answer might differ.
    let error = Fallback::new(replicas)
        .embed_content(request(), options())
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_reply_is_continued_by_the_model_that_began_it() {
    let token = |script: &Scripted, at: usize| script.requests()[at].continuation_token.clone();
    for mode in MODES {
        let began = || Scripted::default().then_stream([hop("Once ", "a")]);
        let overloaded = || Error::new(ErrorKind::Unavailable, "a reason").with_http_code(503);
        let unused = Scripted::always("unused");

        // The first model is back when the second one continues.
        let first = failing(ErrorKind::Unavailable).then_text("unused");
        let second = began().then_text("upon a time");
        let backend = Fallback::new([first.clone()]).then_model("b", second.clone());
        let reply = mode.send(&mut model(backend).start_chat(), "Hi").await;
        assert_eq!(reply.unwrap().text().unwrap(), "Once upon a time");
        assert_eq!(first.requests().len(), 1);
        assert_eq!(token(&second, 1).as_deref(), Some("a"));

        // The first model is overloaded when it has begun, also if it was added by name.
        for named in [false, true] {
            let first = began()
                .then_error(&[], overloaded())
                .then_text("upon a time");
            let backend = match named {
                true => Fallback::default().then_model("a", first.clone()),
                false => Fallback::new([first.clone()]),
            };
            let mut chat = model(backend.then_model("b", unused.clone())).start_chat();
            let error = mode.send(&mut chat, "Hi").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            assert_eq!(
                chat.retry().await.unwrap().text().unwrap(),
                "Once upon a time"
            );
            assert_eq!(token(&first, 2).as_deref(), Some("a"));
        }
        assert!(unused.requests().is_empty());

        // The name of one model begins with that of another.
        let second = began().then_text("upon a time");
        let backend = Fallback::default().then_model("b", failing(ErrorKind::Unavailable));
        let backend = backend.then_model("b:4b", second.clone());
        let reply = mode.send(&mut model(backend).start_chat(), "Hi").await;
        assert_eq!(reply.unwrap().text().unwrap(), "Once upon a time");
        assert_eq!(token(&second, 1).as_deref(), Some("a"));

        // Replicas run the same model.
        let second = Scripted::default().then_text("upon a time");
        let replicas = [began().then_error(&[], overloaded()), second.clone()];
        let reply = mode
            .send(&mut model(Fallback::new(replicas)).start_chat(), "Hi")
            .await;
        assert_eq!(reply.unwrap().text().unwrap(), "Once upon a time");
        assert_eq!(token(&second, 0).as_deref(), Some("a"));
    }
}

#[tokio::test]
async fn the_version_that_a_model_reports_once_is_kept() {
    let mut first = GenerateContentResponse::from(Content::model("Hel"));
    first.model_version = Some("b-4b-fp8".to_owned());
    let second = GenerateContentResponse::from(Content::model("lo"));
    let script = Scripted::default().then_stream([first, second.clone()]);
    let backend = Fallback::default().then_model("b", script.then_stream([second.clone(), second]));

    for version in ["b-4b-fp8", "b"] {
        let model = model(backend.clone());
        let reply = model.generate_content("Hi").stream().finish().await;
        assert_eq!(reply.unwrap().model_version.as_deref(), Some(version));
    }
}

#[tokio::test]
async fn the_description_is_that_of_the_model_that_replies() {
    let named = Fallback::default().then_model("e", Embedder::default());
    let same = Fallback::new([Embedder::default()]);
    for (backend, expected) in [(named, "models/e"), (same, "models/m")] {
        let described = model(backend).describe().await.unwrap();
        assert_eq!(described.name.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_fallback_passes_the_check_of_backends() {
    let replies = || {
        Scripted::default()
            .then_text("one")
            .then_chunks(["two ", "three"])
            .then_chunks(["dropped", "unread"])
            .then_text("four")
    };
    let down = (0..4).fold(Scripted::default(), |script, _| script.then_fail(&[]));

    for backend in [
        Fallback::new([replies(), Scripted::default()]),
        Fallback::new([down]).then_model("b", replies()),
    ] {
        check_backend(&model(backend)).await.unwrap();
    }
}

#[tokio::test]
async fn a_fallback_without_a_backend_is_a_configuration_error() {
    let empty = Fallback::new(Vec::<Scripted>::new());

    let error = model(empty).generate_content("Hi").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Configuration);
}
