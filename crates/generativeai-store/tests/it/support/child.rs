//! Processes of their own: the test binary started again, to do another part of the same test.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, RequestOptions, Result};

/// The variables with the address of the store in which a child works, and with the number of its parent.
const ADDRESS: &str = "GENERATIVEAI_TEST_STORE";
const PARENT: &str = "GENERATIVEAI_TEST_PARENT";

/// The command that runs a test as a process of its own, where [`address`] is that of a store.
pub(crate) fn command(test: &str, address: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(ADDRESS, address);
    command.env(PARENT, std::process::id().to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Within a child: the address of the store.
pub(crate) fn address() -> Option<String> {
    let parent = env::var(PARENT).ok()?;
    #[cfg(unix)]
    assert_eq!(
        parent,
        std::os::unix::process::parent_id().to_string(),
        "{PARENT} is for the children of tests alone"
    );
    Some(
        env::var(ADDRESS)
            .unwrap_or_else(|_| panic!("{ADDRESS} is missing beside {PARENT} {parent}")),
    )
}

/// Within a child: tells its parent.
pub(crate) fn tell(what: &str) {
    let mut stdout = std::io::stdout();
    // A line of its own: the harness writes to stdout as well.
    stdout
        .write_all(format!("\n> {what}\n").as_bytes())
        .unwrap();
    stdout.flush().unwrap();
}

/// What a child tells.
pub(crate) struct Told(Lines<BufReader<ChildStdout>>);

impl Told {
    pub(crate) fn by(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()).lines())
    }
}

impl Iterator for Told {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let line = self.0.next()?.ok()?;
            if let Some(told) = line.strip_prefix("> ") {
                return Some(told.to_owned());
            }
        }
    }
}

/// Answers each message with the same words, and tells the parent what was sent.
#[derive(Debug)]
pub(crate) struct Echo;

impl Backend for Echo {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let said = request.contents.last().unwrap().parts[0]
            .as_text()
            .unwrap()
            .to_owned();
        tell(&format!("sent {said}"));
        Box::pin(async move { Ok(GenerateContentResponse::from(Content::model(said))) })
    }
}
