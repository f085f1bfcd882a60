//! Child processes: the test binary started again, for another part of the same test.

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use generativeai::protocol::content::Content;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{Backend, BoxFuture, RequestOptions, Result};

/// The variables with the address of the store that a child uses, and with the process id of its parent.
const ADDRESS: &str = "GENERATIVEAI_TEST_STORE";
const PARENT: &str = "GENERATIVEAI_TEST_PARENT";

/// Builds the command that runs a test in a child process, with the [`address`] of a store.
pub(crate) fn command(test: &str, address: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(ADDRESS, address);
    command.env(PARENT, std::process::id().to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Returns the address of the store in a child process, `None` in the parent.
pub(crate) fn address() -> Option<String> {
    let parent = env::var(PARENT).ok()?;
    #[cfg(unix)]
    assert_eq!(
        parent,
        std::os::unix::process::parent_id().to_string(),
        "{PARENT} is set for children of tests only"
    );
    Some(
        env::var(ADDRESS)
            .unwrap_or_else(|_| panic!("{PARENT} is set to {parent}, but {ADDRESS} is missing")),
    )
}

/// Sends a line from a child to its parent.
pub(crate) fn report(text: &str) {
    let mut stdout = std::io::stdout();
    // On a new line, as the test harness also writes to stdout.
    stdout
        .write_all(format!("\n> {text}\n").as_bytes())
        .unwrap();
    stdout.flush().unwrap();
}

/// The lines that a child [reports](report).
pub(crate) struct Reports(Lines<BufReader<ChildStdout>>);

impl Reports {
    pub(crate) fn by(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()).lines())
    }
}

impl Iterator for Reports {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let line = self.0.next()?.ok()?;
            if let Some(text) = line.strip_prefix("> ") {
                return Some(text.to_owned());
            }
        }
    }
}

/// Answers each message with the same text, and passes that text to a function.
#[derive(Debug)]
pub(crate) struct Echo(pub(crate) fn(&str));

impl Backend for Echo {
    fn generate_content(
        &self,
        request: GenerateContentRequest,
        _: RequestOptions,
    ) -> BoxFuture<Result<GenerateContentResponse>> {
        let text = request.contents.last().unwrap().parts[0]
            .as_text()
            .unwrap()
            .to_owned();
        (self.0)(&text);
        Box::pin(async move { Ok(GenerateContentResponse::from(Content::model(text))) })
    }
}
