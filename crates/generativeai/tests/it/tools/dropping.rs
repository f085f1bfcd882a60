//! Turns that are dropped at every point where they wait.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::stream;
use generativeai::protocol::content::{Data, Role};
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{
    Backend, BoxFuture, ChatSession, ChunkStream, Function, GenerativeModel, RequestOptions, Result,
};
use serde_json::{Value, json};

use super::{Mode, assert_sendable, chunk, contents_of};
use crate::support::poll::{Waiting, drop_at_every_poll, once_more, run};

/// A model that calls two functions at once, then one, then replies with text. No two calls are the same.
#[derive(Clone, Debug, Default)]
struct Caller {
    requests: Arc<Mutex<Vec<GenerateContentRequest>>>,
    calls: Arc<Mutex<u64>>,
}

impl Caller {
    fn chunks(&self, request: GenerateContentRequest) -> Vec<GenerateContentResponse> {
        let rounds = rounds_of(&request);
        self.requests
            .lock()
            .expect("no holder panics")
            .push(request);
        let call = || {
            let mut calls = self.calls.lock().expect("no holder panics");
            *calls += 1;
            json!({"functionCall": {"id": format!("call-{calls}"), "name": "work", "args": {"n": *calls}}})
        };
        match rounds {
            0 => vec![
                chunk(json!([{"text": "Let me see."}]), ""),
                chunk(json!([call(), call()]), ""),
                chunk(json!([]), "STOP"),
            ],
            1 => vec![chunk(json!([call()]), "STOP")],
            _ => vec![
                chunk(json!([{"text": "All "}]), ""),
                chunk(json!([{"text": "done."}]), "STOP"),
            ],
        }
    }
}

/// Returns the number of rounds answered since the last message of the user.
fn rounds_of(request: &GenerateContentRequest) -> usize {
    let answers = |content: &&generativeai::protocol::content::Content| {
        matches!(content.parts[0].data, Some(Data::FunctionResponse(_)))
    };
    let contents = request
        .contents
        .iter()
        .rev()
        .filter(|content| content.role == Some(Role::User));
    contents.take_while(answers).count()
}

impl Backend for Caller {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let mut whole = GenerateContentResponse::default();
        self.chunks(request)
            .iter()
            .for_each(|chunk| whole.merge_chunk(chunk));
        Box::pin(async { Ok(whole) })
    }

    fn stream_generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> ChunkStream {
        let chunks: Vec<Result<_>> = self.chunks(request).into_iter().map(Ok).collect();
        Box::pin(stream::iter(chunks))
    }
}

/// A chat, and how often its function began for each call.
struct World {
    chat: ChatSession,
    caller: Caller,
    runs: Arc<Mutex<HashMap<u64, u32>>>,
}

fn world() -> World {
    let caller = Caller::default();
    let runs = Arc::new(Mutex::new(HashMap::new()));
    let begun = Arc::clone(&runs);
    let work = Function::new("work", "Works.", move |args: Value| {
        let n = args["n"].as_u64().expect("a number");
        *begun
            .lock()
            .expect("no holder panics")
            .entry(n)
            .or_insert(0) += 1;
        async move {
            // The calls of a round end one after the other, the last one first.
            for _ in 0..4 - n.min(3) {
                once_more().await;
            }
            n
        }
    });
    let model = GenerativeModel::new("m")
        .tools(work)
        .backend(Waiting(caller.clone()));
    let chat = model.start_chat().automatic_function_calling(true);
    World { chat, caller, runs }
}

fn turn(mode: Mode) -> impl for<'a> Fn(&'a mut World) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    move |world| {
        Box::pin(async move {
            mode.send(&mut world.chat, "Work!")
                .await
                .expect("the turn completes");
        })
    }
}

fn assert_sound(world: &World) {
    assert_sendable(world.chat.history());
    for request in world
        .caller
        .requests
        .lock()
        .expect("no holder panics")
        .iter()
    {
        assert_sendable(&contents_of(request));
    }
    let runs = world.runs.lock().expect("no holder panics");
    assert!(
        runs.values().all(|&times| times == 1),
        "a call ran twice: {runs:?}"
    );
}

fn at_every_poll(go_on: impl Fn(usize, &mut World)) {
    for mode in [Mode::Awaited, Mode::Streamed] {
        let polls = drop_at_every_poll(world, turn(mode), |polls, mut world| {
            assert_sound(&world);
            go_on(polls, &mut world);
            assert_sound(&world);
        });
        assert!(
            polls >= 7,
            "{mode:?} waits only {polls} times: the test looks at too little"
        );
    }
}

#[test]
fn a_turn_dropped_anywhere_leaves_a_chat_that_takes_the_next_message() {
    at_every_poll(|polls, world| {
        let before = world.chat.history().to_vec();
        let reply = run(Mode::Streamed.send(&mut world.chat, "Again!")).unwrap();

        assert_eq!(reply.text().unwrap(), "All done.", "after {polls} polls");
        assert_eq!(
            world.chat.history()[..before.len()],
            before,
            "after {polls} polls"
        );
        assert_eq!(
            world.chat.history().len(),
            before.len() + 6,
            "after {polls} polls"
        );
    });
}

#[test]
fn a_turn_dropped_anywhere_can_be_retried_and_runs_no_call_twice() {
    at_every_poll(|polls, world| {
        if world.chat.unfinished().is_none() {
            assert!(
                [0, 6].contains(&world.chat.history().len()),
                "after {polls} polls"
            );
            return;
        }
        let reply = run(std::future::IntoFuture::into_future(world.chat.retry())).unwrap();

        assert_eq!(reply.text().unwrap(), "All done.", "after {polls} polls");
        assert_eq!(world.chat.history().len(), 6, "after {polls} polls");
        assert!(world.chat.unfinished().is_none());
    });
}

#[test]
fn a_turn_dropped_anywhere_can_be_kept_with_every_call_answered() {
    at_every_poll(|polls, world| {
        let unfinished = world.chat.unfinished().is_some();
        let kept = world.chat.keep_partial();

        assert!(unfinished || !kept, "after {polls} polls");
        assert_sendable(world.chat.history());
        run(Mode::Awaited.send(&mut world.chat, "Go on!")).unwrap();
    });
}

#[test]
fn a_turn_dropped_anywhere_can_be_saved_and_loaded() {
    at_every_poll(|polls, world| {
        let saved = serde_json::to_string(&world.chat).unwrap();
        let loaded: ChatSession = serde_json::from_str(&saved).unwrap();

        assert_eq!(
            loaded.history(),
            world.chat.history(),
            "after {polls} polls"
        );
        assert_eq!(json!(&loaded), json!(&world.chat), "after {polls} polls");
        let mut loaded = loaded.backend(Waiting(world.caller.clone()));
        if loaded.keep_partial() {
            assert_sendable(loaded.history());
        }
    });
}
