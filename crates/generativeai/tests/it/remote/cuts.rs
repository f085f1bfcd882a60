//! Streams of resumable replies that are cut at any byte, before and after the end of the reply.

use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use generativeai::ErrorKind;

use super::broken::checkpoint;
use super::*;
use crate::hops::{expected, reply as parts};
use crate::support::dice::Dice;
use crate::support::poll::run;
use crate::support::server::{Received, STREAM, event};
use crate::support::service::Service;
use crate::support::{Act, Server};

/// Sends a message, and resets the connection once the given number of chunks was read. Returns what follows them.
async fn reset_after(chunks: usize, sent: &str) -> (SearchedChat, Option<Result<(), Error>>) {
    let (sign, came) = std::sync::mpsc::channel();
    let server = Server::play([vec![
        Act::Send(format!("{STREAM}{sent}").into()),
        Act::OnCue(Vec::new(), came),
        Act::Reset,
    ]]);
    let mut chat = chat(&client(&server).0);
    let mut stream = chat.send_message("Hello").stream();
    for _ in 0..chunks {
        stream.next().await.expect("a chunk").expect("a chunk");
    }
    drop(sign);
    let end = stream.next().await.map(|end| end.map(drop));
    drop(stream);
    (chat, end)
}

#[tokio::test]
async fn a_reset_after_the_end_of_a_reply_with_a_checkpoint_loses_nothing() {
    let begun = checkpoint("Hel", "token");
    let last = event("lo!", Some("STOP"));
    for rest in [
        "",
        "\r\n: keep-al",
        "data: {\"usageMeta",
        "data: [DON",
        "event: end",
    ] {
        let (chat, end) = reset_after(2, &format!("{begun}{last}{rest}")).await;

        assert!(end.is_none(), "{rest}: {end:?}");
        assert_eq!(chat.history()[1].text(), "Hello!", "{rest}");
        assert!(chat.unfinished().is_none());
    }
}

#[tokio::test]
async fn a_reset_after_the_end_of_a_reply_without_a_checkpoint_is_an_error_with_the_whole_reply() {
    let sent = event("Hel", None) + &event("lo!", Some("STOP"));

    let (chat, end) = reset_after(2, &sent).await;

    let error = end.expect("an end").expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert_eq!((kept(&chat).as_str(), chat.history().len()), ("Hello!", 0));
}

/// A service that cuts its streams at random bytes.
struct Cutting {
    service: Service,
    dice: Dice,
    /// Number of interrupted streams in a row.
    cuts: u32,
    cuts_at_all: Arc<Mutex<u32>>,
}

impl Cutting {
    fn new(seed: u64, cuts_at_all: &Arc<Mutex<u32>>) -> Self {
        Self {
            service: Service::new(parts(), 20, seed),
            dice: Dice(seed),
            cuts: 0,
            cuts_at_all: Arc::clone(cuts_at_all),
        }
    }

    fn answer(&mut self, request: &Received) -> Vec<Act> {
        let request: GenerateContentRequest =
            serde_json::from_value(request.json()).expect("a request");
        let continues = request.continuation_token.is_some();
        let chunks = self
            .service
            .stream_generate_content(request, RequestOptions::default());
        let chunks: Vec<_> = run(chunks.collect());
        let mut sent = STREAM.to_owned();
        let mut first_token = None;
        for chunk in chunks {
            let chunk = serde_json::json!(chunk.expect("the service itself cuts nothing"));
            let has_token = chunk["candidates"][0].get("continuationToken").is_some();
            sent += &format!("data: {chunk}\r\n\r\n");
            if has_token {
                first_token.get_or_insert(sent.len());
            }
        }
        // Without a token the reply cannot be resumed, so it is cut after the first one.
        let from = match (continues, first_token) {
            (true, _) => 0,
            (false, Some(end)) => end,
            (false, None) => sent.len(),
        };
        if self.cuts == 2 || self.dice.roll(5) == 0 {
            self.cuts = 0;
            return vec![Act::Send(sent.into())];
        }
        self.cuts += 1;
        *self.cuts_at_all.lock().expect("no panic") += 1;
        let cut = from + self.dice.roll((sent.len() - from) as u64 + 1) as usize;
        let cut = Act::Send(sent.as_bytes()[..cut].to_vec());
        // A reset discards what the client has not read yet.
        match continues && self.dice.roll(2) == 0 {
            true => vec![cut, Act::Reset],
            false => vec![cut],
        }
    }
}

#[tokio::test]
async fn replies_whose_streams_are_cut_at_a_thousand_random_bytes_equal_one_hop() {
    let expected = expected();
    let cuts = Arc::default();
    let current = Arc::new(Mutex::new(Cutting::new(0, &cuts)));
    let playing = Arc::clone(&current);
    let server = Server::answer_with(usize::MAX, move |request| {
        playing.lock().expect("no panic").answer(request)
    });
    let mut seed = 0;
    while *cuts.lock().expect("no panic") < 1_000 {
        seed += 1;
        *current.lock().expect("no panic") = Cutting::new(seed, &cuts);
        let mut chat = chat(&client(&server).0);

        let reply = chat.send_message("Hi").stream().finish().await;

        let reply = reply.unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
        let history = serde_json::json!(chat.history()).to_string();
        assert_eq!(history, expected, "seed {seed}");
        assert!(reply.text().expect("a text").ends_with("word 39ü "));
    }
}
