//! Tools of a real MCP server: this program, started again as a separate process.

mod checks;
mod server;

use std::env::args;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use tokio::runtime::Builder;

/// Serves if the first argument is `serve-…`; else runs the checks whose name contains it.
#[expect(clippy::print_stdout, reason = "a test harness")]
fn main() -> ExitCode {
    let argument = args().nth(1).unwrap_or_default();
    let runtime = || {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
    };
    let runtime = || runtime().expect("a runtime");
    match argument.as_str() {
        "serve-stdio" => runtime().block_on(server::stdio()),
        "serve-lines" => server::lines(),
        "serve-http" => runtime().block_on(server::http()),
        filter => {
            let filter = if filter.starts_with("--") { "" } else { filter };
            let chosen = checks::ALL.iter().filter(|(name, _)| name.contains(filter));
            let mut failed = false;
            for (name, check) in chosen {
                let outcome = catch_unwind(AssertUnwindSafe(|| runtime().block_on(check())));
                failed |= outcome.is_err();
                println!(
                    "test {name} ... {}",
                    if outcome.is_ok() { "ok" } else { "FAILED" }
                );
            }
            if failed {
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
