//! Benchmarks of turns, chunks and chats, compared with a client that only sends and receives the bytes (the floor).
//!
//! ```text
//! generativeai-bench --base URL --model reply|chunks-N|paced-N|big-N-BYTES …   measures the SDK
//! generativeai-bench floor --base URL --model …                                measures the floor
//! generativeai-bench upload --base URL [--bytes N]                             uploads a file, of 2 GB by default
//! generativeai-bench serve                                                     runs the server for both
//! generativeai-bench compare                                                   runs rounds of all, prints ratios
//! ```

mod client;
mod compare;
mod drive;
mod floor;
mod options;
mod outcome;
mod server;
mod statistics;
mod upload;
mod usage;
mod wire;

use std::error::Error;
use std::process::ExitCode;

use options::Options;
use outcome::Outcome;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let command = match args.first() {
        Some(arg) if !arg.starts_with("--") => args.remove(0),
        _ => "client".to_owned(),
    };
    match run(&command, &args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, args: &[String]) -> Outcome {
    let options = Options::parse(args)?;
    match command {
        "client" => in_runtime(client::run(options)),
        "upload" => in_runtime(upload::run(options)),
        "floor" => in_runtime(floor::run(options)),
        "serve" => in_runtime(server::run()),
        "compare" => compare::run(&options),
        other => Err(format!(
            "unknown command `{other}`: use client, upload, floor, serve or compare"
        )
        .into()),
    }
}

/// Runs a future in a runtime like that of `#[tokio::main]`, which most programs use.
fn in_runtime(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[expect(clippy::print_stderr, reason = "the error of a program")]
fn print_error(error: &dyn Error) {
    eprintln!("error: {error}");
    for cause in std::iter::successors(error.source(), |cause| (*cause).source()) {
        eprintln!("  caused by: {cause}");
    }
}
