//! Running the program, isolated from the keys and settings of the user.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use generativeai_local::default_model;

/// Variables that select the Gemini API.
pub(crate) const VARIABLES: [&str; 3] =
    ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"];

/// Options that make replies of the embedded model short and reproducible.
pub(crate) const SHORT: [&str; 6] = [
    "--temperature",
    "0",
    "--seed",
    "7",
    "--max-output-tokens",
    "24",
];

/// Output and exit code of the program.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Returns a cache that contains only the small model, independent of the models that the user has downloaded.
fn cache() -> &'static Path {
    static CACHE: LazyLock<PathBuf> = LazyLock::new(|| {
        let model = default_model::fetch(|_| {}).expect("the small model");
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        let folder = cache.join("generativeai/models");
        fs::create_dir_all(&folder).expect("a folder");
        let copy = folder.join(default_model::SOURCE.name);
        // Other tests may create it at the same time.
        if !copy.exists() && fs::hard_link(&model, &copy).is_err() && !copy.exists() {
            let new = folder.join(format!("new-{}", std::process::id()));
            fs::copy(&model, &new).expect("a copy");
            fs::rename(&new, &copy).expect("a copy");
        }
        cache
    });
    &CACHE
}

/// Returns the program, without keys, settings and downloads, and with an empty stdin.
pub(crate) fn genai(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_genai"));
    // Backtraces are not shown to users, even if they are enabled.
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
    for variable in ["OPENAI_API_KEY", "OPENAI_BASE_URL"] {
        command.env_remove(variable);
    }
    // The default model cannot be downloaded, so that the small one answers.
    command.env("GENAI_OFFLINE", "1");
    command.env("XDG_CACHE_HOME", cache());
    // Keeps the user's prompt history unchanged.
    command.env(
        "XDG_STATE_HOME",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/state"),
    );
    // Keeps the user's sessions, and the files of the user's server, unchanged.
    command.env(
        "XDG_DATA_HOME",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/data"),
    );
    command.env("GENAI_CHAT_NO_SAVE", "true");
    // A folder without a configuration file.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Returns a command whose sessions are saved in a data folder.
pub(crate) fn saving(mut command: Command, data: &Path) -> Command {
    command
        .env("XDG_DATA_HOME", data)
        .env_remove("GENAI_CHAT_NO_SAVE");
    command
}

/// Returns the program, run by a shell command line in which `$0` is the program.
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

/// Runs the program.
pub(crate) fn run(words: &[&str]) -> Ran {
    ran(genai(words).output())
}

/// Runs the program with piped input.
pub(crate) fn run_with(words: &[&str], input: &[u8]) -> Ran {
    let mut command = genai(words);
    let command = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it reads");
    // The program may exit before it has read everything.
    let _ = stdin.write_all(input);
    drop(stdin);
    ran(child.wait_with_output())
}

/// Converts the output of a run, which must be UTF-8.
pub(crate) fn ran(output: std::io::Result<Output>) -> Ran {
    let output = output.expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Asserts that a text contains another one.
#[track_caller]
pub(crate) fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in {text}");
}

impl Ran {
    /// Asserts that the program succeeded and printed this text.
    #[track_caller]
    pub(crate) fn assert_printed(&self, text: &str) {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(0), text),
            "{self:?}"
        );
    }

    /// Asserts that stderr contains this text.
    #[track_caller]
    pub(crate) fn assert_reported(&self, text: &str) {
        assert!(self.stderr.contains(text), "no {text:?} in {self:?}");
    }

    /// Asserts the exit code, an empty stdout, and that stderr contains these texts and no internals.
    #[track_caller]
    pub(crate) fn assert_refused(&self, code: i32, texts: &[&str]) {
        assert_eq!(
            (self.code, self.stdout.as_str()),
            (Some(code), ""),
            "{self:?}"
        );
        for text in texts {
            self.assert_reported(text);
        }
        for raw in ["panicked", "Error {", "RUST_BACKTRACE", "stack backtrace"] {
            assert!(!self.stderr.contains(raw), "{raw:?} in {self:?}");
        }
    }
}
