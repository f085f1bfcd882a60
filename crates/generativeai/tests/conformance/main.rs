//! The conformance runner: what the recorded SDK did, what is done here instead on purpose, and
//! nothing else.
//!
//! Every recording is an input script, a scripted server, and what Python's `google-generativeai`
//! 0.8.6 did with them. Each is played three times:
//!
//! - [`drive`] plays it with the public API of the library against the [`server`] on loopback;
//! - [`model`] plays it on plain JSON, first with no row of the [table](rows::TABLE) of differences
//!   in force: that is what was recorded;
//! - then with all of them: that is what the design says.
//!
//! What is expected is the recording, with whatever the model changes when the rows come into force:
//! see [`compare`]. A row is a switch inside the model, where the two go apart; none knows a scenario,
//! and none leaves anything out of the comparison. A row counts for a scenario if the outcome would be
//! another one without it.
//!
//! ```text
//! cargo test -p generativeai --test conformance            # the copy of the recordings beside this file
//! CONFORMANCE_DIR=… cargo test -p generativeai --test conformance
//! cargo test -p generativeai --test conformance -- walk    # the scenarios with `walk` in their name
//! ```

use std::io::Write;
use std::process::ExitCode;

use compare::{Difference, Verdict};
use scenario::Scenario;

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

/// How many scenarios are played at a time.
const WORKERS: usize = 4;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let mut scenarios = scenario::load().expect("the recordings can be read");
    scenarios.retain(|scenario| wanted.iter().all(|name| scenario.name.contains(name)));
    let verdicts = play_all(&scenarios);
    let failed = verdicts
        .iter()
        .any(|verdict| matches!(verdict, Verdict::Other(_)));
    let mut out = std::io::stdout().lock();
    report(&mut out, &scenarios, &verdicts).expect("the report can be written");
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn play_all(scenarios: &[Scenario]) -> Vec<Verdict> {
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

/// Plays a scenario; a panic is a difference like others.
fn judge(scenario: &Scenario) -> Verdict {
    let played = std::panic::catch_unwind(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let got = runtime.block_on(drive::play(scenario));
        compare::judge(scenario, &got)
    });
    played.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("?");
        let (expected, got) = ("no panic".into(), said.into());
        Verdict::Other(vec![Difference {
            step: "play".into(),
            expected,
            got,
        }])
    })
}

fn report(
    out: &mut impl Write,
    scenarios: &[Scenario],
    verdicts: &[Verdict],
) -> std::io::Result<()> {
    let (mut identical, mut different, mut other) = (0, 0, 0);
    for (scenario, verdict) in scenarios.iter().zip(verdicts) {
        match verdict {
            Verdict::Identical => identical += 1,
            Verdict::Different(_) => different += 1,
            Verdict::Other(differences) => {
                other += 1;
                for Difference {
                    step,
                    expected,
                    got,
                } in differences
                {
                    writeln!(out, "other: {}, step {step}", scenario.name)?;
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
    let passed = scenarios.len() - other;
    writeln!(out, "{passed} passed, {other} failed")?;
    writeln!(
        out,
        "conformance: {} scenarios, {identical} identical, {different} by a documented difference, \
         {other} other",
        scenarios.len()
    )
}
