//! What a turn, a chunk and a chat cost, beside a client that only moves the bytes.
//!
//! ```text
//! generativeai-bench --base URL --scenario turns|stream|concurrent|paced|big …   our client
//! generativeai-bench floor --base URL --scenario …      the same bytes, sent and read, and no more
//! generativeai-bench sketch --base URL --scenario concurrent …   an ideal client on hyper
//! generativeai-bench serve                              the server that all talk to
//! generativeai-bench compare                            rounds of all, and their ratios
//! ```

mod client;
mod compare;
mod floor;
mod options;
mod server;
mod sketch;
mod statistics;
mod usage;
mod wire;

use std::error::Error;
use std::process::ExitCode;

use options::Options;

/// What a command ends with.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let command = match words.first() {
        Some(word) if !word.starts_with("--") => words.remove(0),
        _ => "client".to_owned(),
    };
    match run(&command, &words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, words: &[String]) -> Outcome {
    let options = Options::read(words)?;
    match command {
        "client" => in_runtime(client::run(options)),
        "floor" => in_runtime(floor::run(options)),
        "sketch" => in_runtime(sketch::run(options)),
        "serve" => in_runtime(server::run()),
        "compare" => compare::run(&options),
        other => Err(format!("no command `{other}`: client, floor, sketch, serve, compare").into()),
    }
}

/// The runtime that `#[tokio::main]` makes: what most programs have.
fn in_runtime(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[expect(clippy::print_stderr, reason = "a program tells its errors here")]
fn say_error(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(found) = cause {
        eprintln!("  because {found}");
        cause = found.source();
    }
}

/// Writes a line of the result.
#[expect(clippy::print_stdout, reason = "a program tells its results here")]
fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
