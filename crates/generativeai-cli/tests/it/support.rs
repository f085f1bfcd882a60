//! Running the program, away from the keys and settings of whoever runs the tests.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Variables that say who answers.
pub(crate) const VARIABLES: [&str; 3] =
    ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"];

/// Settings that make the embedded model say the same every time, in few words.
pub(crate) const SHORT: [&str; 6] = [
    "--temperature",
    "0",
    "--seed",
    "7",
    "--max-output-tokens",
    "24",
];

/// What the program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program, with no keys, no settings, and nothing to read.
pub(crate) fn genai(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_genai"));
    // Even someone who wants backtraces gets none for a mistake of theirs.
    command
        .args(words)
        .stdin(Stdio::null())
        .env("RUST_BACKTRACE", "1");
    let set = std::env::vars_os().map(|(name, _)| name);
    for name in set.filter(|name| name.to_string_lossy().starts_with("GENAI_")) {
        command.env_remove(name);
    }
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    // What is typed in a test is not remembered for whoever runs it.
    command.env(
        "XDG_STATE_HOME",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/state"),
    );
    // Nor is what was said kept.
    command.env("GENAI_CHAT_NO_SAVE", "true");
    // There is no configuration file in there.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// The program, run by a line of shell in which `$0` stands for it.
#[cfg(unix)]
pub(crate) fn through_shell(genai: &Command, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).arg(genai.get_program());
    shell.args(genai.get_args());
    for (name, value) in genai.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Runs the program with words.
pub(crate) fn run(words: &[&str]) -> Ran {
    ran(genai(words).output())
}

/// Runs the program with something piped in.
pub(crate) fn run_with(words: &[&str], piped: &[u8]) -> Ran {
    let mut command = genai(words);
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it reads");
    // The program may end before it has read everything.
    let _ = stdin.write_all(piped);
    drop(stdin);
    ran(child.wait_with_output())
}

/// What came of a run.
pub(crate) fn ran(output: std::io::Result<Output>) -> Ran {
    let output = output.expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Ran {
    /// Asserts that the program ended so, said nothing on stdout, and told this on stderr in words.
    pub(crate) fn refused(&self, code: i32, told: &[&str]) {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "{self:?}"
        );
        for told in told {
            assert!(self.stderr.contains(told), "no {told:?} in {self:?}");
        }
        for raw in ["panicked", "Error {", "RUST_BACKTRACE", "stack backtrace"] {
            assert!(!self.stderr.contains(raw), "{raw:?} in {self:?}");
        }
    }
}
