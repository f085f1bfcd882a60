//! End of the process while the engine runs.

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use generativeai::protocol::embeddings::EmbedContentRequest;
use generativeai::{Backend, RequestOptions};
use std::{env, process, thread};

use crate::concurrency::{endless, stream};
use crate::support::{next, tiny};

/// Variable that is set in the process that ends.
const CHILD: &str = "GENERATIVEAI_TEST_EXIT";

#[tokio::test]
async fn a_process_may_end_while_a_reply_is_generated() {
    if env::var_os(CHILD).is_some() {
        end_while_generating().await;
    }
    assert_ends("exit::a_process_may_end_while_a_reply_is_generated");
}

#[test]
fn a_process_may_end_while_texts_are_embedded() {
    if env::var_os(CHILD).is_some() {
        end_while_embedding();
    }
    assert_ends("exit::a_process_may_end_while_texts_are_embedded");
}

/// Runs a test in a process that it ends with code 7.
fn assert_ends(test: &str) {
    let mut child = Command::new(env::current_exe().expect("the test program"));
    child.args(["--exact", test]).env(CHILD, "1");

    let output = child.output().expect("a process");

    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

async fn end_while_generating() {
    stay_at_exit();
    let local = tiny("exit", |builder| builder.chats(4));
    let mut replies: Vec<_> = (0..4).map(|_| stream(&local, endless())).collect();
    for reply in &mut replies {
        next(reply).await.expect("a chunk").expect("a reply");
    }
    process::exit(7);
}

fn end_while_embedding() {
    stay_at_exit();
    let local = tiny("exit-embedding", |builder| builder);
    let (sender, started) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            // Each request creates a context, and frees it.
            loop {
                let request = EmbedContentRequest::new("Hello");
                let embedded = local.embed_content(request, RequestOptions::default());
                embedded.await.expect("an embedding");
                // The receiver is dropped when the process ends.
                let _ = sender.send(());
            }
        });
    });
    started.recv().expect("an embedding");
    process::exit(7);
}

/// Keeps the process for a time after the static objects of llama.cpp are destroyed. Call it before a model is loaded.
fn stay_at_exit() {
    #[expect(unsafe_code, reason = "the standard library has no function for it")]
    // SAFETY: the function does not unwind.
    unsafe {
        libc::atexit(stay);
    }
}

/// Leaves the engine time to decode.
extern "C" fn stay() {
    thread::sleep(Duration::from_millis(300));
}
