//! Streams whose `next` is cancelled and called again, as a `select!` in a loop does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use generativeai::protocol::content::Content;
use generativeai::testing::Scripted;
use generativeai::{Compaction, Function, GenerativeModel};
use serde_json::json;

use crate::support::memory::Memory;
use crate::support::poll::{Waiting, once_more, poll_times};

#[test]
fn cancelling_next_at_every_poll_repeats_no_call_no_request_and_no_write() {
    let script = Scripted::default()
        .then_text("a summary")
        .then_call("work", json!({}))
        .then_chunks(["do", "ne"]);
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let work = Function::new("work", "Works.", move || {
        count.fetch_add(1, Ordering::Relaxed);
        async {
            once_more().await;
            once_more().await;
        }
    });
    let journal = Memory::default();
    let words = "word ".repeat(100);
    let history = [words.as_str(), "ok", words.as_str(), "ok"].map(Content::from);
    let model = GenerativeModel::new("m")
        .tools(work)
        .backend(Waiting(script.clone()));
    let mut chat = model
        .start_chat()
        .automatic_function_calling(true)
        .with_history(history)
        .context_budget(200, Compaction::Summarize)
        .journal(journal.clone());

    let mut reply = chat.send_message("Work!").stream();
    let mut chunks = 0;
    let mut polls = 0;
    loop {
        polls += 1;
        assert!(polls < 100, "the stream does not get on");
        match poll_times(reply.next(), 1) {
            None => {}
            Some(Some(chunk)) => {
                chunk.unwrap();
                chunks += 1;
            }
            Some(None) => break,
        }
    }

    assert_eq!(reply.response().unwrap().text().unwrap(), "done");
    drop(reply);
    assert_eq!((runs.load(Ordering::Relaxed), chunks), (1, 3));
    assert_eq!(script.requests().len(), 3);
    let names = [
        "Added",
        "Opened",
        "Compacted",
        "Called",
        "Decided",
        "Started",
        "Answered",
        "Completed",
    ];
    assert_eq!(journal.names(), names);
    assert!(polls > 8, "{polls}");
}
