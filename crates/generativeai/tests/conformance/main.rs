//! Conformance runner: compares this library with recordings of Python's `google-generativeai` 0.8.6.
//!
//! A recording, or *scenario*, has an input script, a scripted server, and the outcome that the Python SDK had
//! with them. [`drive`] plays the script with the public API of this library, against the [`server`] on
//! loopback. Where the outcomes differ, one of the rows of [`rows::TABLE`] must explain it: these are the
//! deliberate differences that the design lists.
//!
//! # Why there is a model
//!
//! Scenarios do not contain the outcome that a row leads to, and `CONFORMANCE_DIR` may name recordings that
//! this repository does not have. Golden files could not judge those. So [`model`] is a second implementation
//! of a chat, on plain JSON and without I/O, in which each row is a switch:
//!
//! 1. With all switches off it must reproduce the recordings. That tests the model itself.
//! 2. With all switches on it does what the design says.
//! 3. The expected outcome is the recording, changed wherever 1 and 2 differ: see [`compare`].
//!
//! A row is reported for a scenario if the outcome would be another one without it. No row depends on a scenario, and
//! none excludes anything from the comparison. A scenario that the model cannot read is counted as unreadable and fails
//! the run.
//!
//! # Running it
//!
//! ```text
//! cargo test -p generativeai --test conformance            # the recordings in this repository
//! CONFORMANCE_DIR=… cargo test -p generativeai --test conformance
//! cargo test -p generativeai --test conformance -- walk    # scenarios with `walk` in their name
//! ```

use std::cell::RefCell;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use compare::{Difference, Verdict};
use scenario::Recording;

mod compare;
mod drive;
mod fault;
mod functions;
mod model;
mod normal;
mod outcome;
mod reader;
mod rows;
mod scenario;
mod script;
mod server;

/// Number of scenarios that are played concurrently.
const WORKERS: usize = 4;

thread_local! {
    /// Message and place of the last panic on this thread.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

fn main() -> ExitCode {
    normal::checks::run();
    let filters: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let mut scenarios = match scenario::load() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            let mut err = std::io::stderr();
            writeln!(err, "the recordings cannot be read: {error}").expect("stderr is open");
            return ExitCode::FAILURE;
        }
    };
    scenarios.retain(|scenario| {
        let name = scenario.name();
        filters.iter().all(|filter| name.contains(filter))
    });
    std::panic::set_hook(Box::new(|panic| PANIC.set(panic.to_string())));
    let verdicts = judge_all(&scenarios);
    let failed = verdicts
        .iter()
        .any(|verdict| matches!(verdict, Verdict::Other(_) | Verdict::Unreadable(_)));
    let mut out = std::io::stdout().lock();
    report(&mut out, &scenarios, &verdicts).expect("the report can be written");
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn judge_all(scenarios: &[Recording]) -> Vec<Verdict> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || {
        let mut judged = Vec::new();
        loop {
            let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(scenario) = scenarios.get(at) else {
                return judged;
            };
            judged.push((at, judge(scenario)));
        }
    };
    let mut judged = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(worker)).collect();
        let judged = workers
            .into_iter()
            .map(|worker| worker.join().expect("panics are caught"));
        judged.flatten().collect::<Vec<_>>()
    });
    judged.sort_by_key(|(at, _)| *at);
    judged.into_iter().map(|(_, verdict)| verdict).collect()
}

/// Plays a scenario and compares its outcome.
fn judge(recording: &Recording) -> Verdict {
    let scenario = match recording {
        Recording::Scenario(scenario) => scenario,
        Recording::Unreadable { reason, .. } => return Verdict::Unreadable(reason.clone()),
    };
    let play = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(drive::play(scenario))
    };
    // A panic of the library is a difference like any other.
    match catch(play) {
        Err(panic) => Verdict::Other(vec![Difference {
            step: "play".into(),
            expected: "no panic".into(),
            got: panic.into(),
        }]),
        Ok(got) => catch(|| compare::judge(scenario, &got))
            .unwrap_or_else(|panic| Verdict::Unreadable(format!("the model: {panic}"))),
    }
}

/// Runs a closure and returns its panic as an error.
fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| PANIC.take())
}

fn report(
    out: &mut impl Write,
    recordings: &[Recording],
    verdicts: &[Verdict],
) -> std::io::Result<()> {
    let (mut identical, mut different, mut other, mut unreadable) = (0, 0, 0, 0);
    for (recording, verdict) in recordings.iter().zip(verdicts) {
        let name = recording.name();
        match verdict {
            Verdict::Identical => identical += 1,
            Verdict::Different(_) => different += 1,
            Verdict::Unreadable(reason) => {
                unreadable += 1;
                writeln!(out, "unreadable: {name}: {reason}")?;
            }
            Verdict::Other(differences) => {
                other += 1;
                for Difference {
                    step,
                    expected,
                    got,
                } in differences
                {
                    writeln!(out, "other: {name}, step {step}")?;
                    writeln!(out, "  expected {expected}\n  got      {got}")?;
                }
            }
        }
    }
    for (row, recorded, here) in rows::TABLE {
        let with_row =
            |verdict: &&Verdict| matches!(verdict, Verdict::Different(rows) if rows.contains(&row));
        let count = verdicts.iter().filter(with_row).count();
        writeln!(
            out,
            "{row:?}: {count}\n  recorded: {recorded}\n  here:     {here}"
        )?;
    }
    let failed = other + unreadable;
    let passed = recordings.len() - failed;
    writeln!(
        out,
        "{passed} passed, {failed} failed, {unreadable} of them unreadable"
    )?;
    writeln!(
        out,
        "conformance: {} scenarios, {identical} identical, {different} by a documented difference, \
         {other} other",
        recordings.len()
    )
}
