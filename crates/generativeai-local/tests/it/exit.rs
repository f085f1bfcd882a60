//! End of the process while a reply is generated.

use std::process::Command;
use std::time::Duration;
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
    let mut child = Command::new(env::current_exe().expect("the test program"));
    child
        .args([
            "--exact",
            "exit::a_process_may_end_while_a_reply_is_generated",
        ])
        .env(CHILD, "1");

    let output = child.output().expect("a process");

    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

/// Ends the process with code 7.
async fn end_while_generating() {
    #[expect(unsafe_code, reason = "the standard library has no function for it")]
    // SAFETY: the function does not unwind.
    unsafe {
        // Registered before the model is loaded, so it runs after the static objects of llama.cpp are destroyed.
        libc::atexit(stay);
    }
    let local = tiny("exit", |builder| builder.chats(4));
    let mut replies: Vec<_> = (0..4).map(|_| stream(&local, endless())).collect();
    for reply in &mut replies {
        next(reply).await.expect("a chunk").expect("a reply");
    }
    process::exit(7);
}

/// Leaves the engine time to decode.
extern "C" fn stay() {
    thread::sleep(Duration::from_millis(300));
}
