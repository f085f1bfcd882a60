//! The command `compare`: runs rounds of the floor and the SDK, and prints the ratios between them.
//!
//! Each measurement runs in a separate process, since the peak of resident memory is a property of a process. Only
//! measurements of one round are compared: the load of a shared machine changes between rounds.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::options::Options;
use crate::outcome::{Outcome, print};
use crate::statistics::Values;

/// Runs of each round: a name, and the options.
const RUNS: [(&str, &str); 10] = [
    ("turns-0", "--turns 4 --sessions 500"),
    ("turns-200", "--history 200 --turns 25 --sessions 40"),
    ("turns-2000", "--history 2000 --turns 40 --sessions 4"),
    ("stream", "--model chunks-20000 --turns 2"),
    ("paced", "--model paced-100 --turns 3"),
    ("big-2", "--model big-4-2000000 --turns 4"),
    ("big-8", "--model big-4-8000000 --turns 2"),
    (
        "concurrent-1",
        "--concurrent true --history 20 --turns 200 --sessions 1",
    ),
    (
        "concurrent-100",
        "--concurrent true --history 20 --turns 10 --sessions 100",
    ),
    (
        "concurrent-1000",
        "--concurrent true --history 20 --turns 3 --sessions 1000",
    ),
];

/// Subcommands of this program that are compared.
const FLOOR: &str = "floor";
const SDK: &str = "client";

/// Function that computes a figure of a round. `None` if `--only` excludes a run that it needs.
type Figure = fn(&Round) -> Option<f64>;

/// Rows of the table: name, goal and figure.
const ROWS: [(&str, &str, Figure); 18] = [
    (
        "CPU of a turn at 2,000 messages, over the floor",
        "≤ 1.1",
        |r| r.over("turns-2000", Run::cpu),
    ),
    (
        "CPU of a turn at 200 messages, over the floor",
        "≤ 1.3",
        |r| r.over("turns-200", Run::cpu),
    ),
    (
        "CPU of a turn at 0 messages, over the floor",
        "≤ 1.5",
        |r| r.over("turns-0", Run::cpu),
    ),
    (
        "growth from 0 to 2,000 messages, over the floor's",
        "≤ 1.1",
        growth,
    ),
    ("CPU of a turn at 0 messages, µs", "", |r| {
        r.sdk("turns-0", Run::cpu)
    }),
    ("the floor's", "", |r| r.floor("turns-0", Run::cpu)),
    ("CPU of a streamed chunk, µs", "", |r| {
        Some(r.sdk("stream", Run::cpu)? / 20_000.0)
    }),
    ("the floor's", "", |r| {
        Some(r.floor("stream", Run::cpu)? / 20_000.0)
    }),
    ("CPU of a streamed chunk, over the floor", "", |r| {
        r.over("stream", Run::cpu)
    }),
    (
        "median age of a lone chunk when it is read, minus the floor's, µs",
        "≤ 20",
        |r| Some(r.sdk("paced", |run| run.age_p50)? - r.floor("paced", |run| run.age_p50)?),
    ),
    (
        "wall time of an event of 2 MB, over the floor",
        "≤ 6",
        |r| r.over("big-2", Run::wall),
    ),
    (
        "wall time of an event of 8 MB, over one of 2 MB",
        "≤ 4.5",
        |r| Some(r.sdk("big-8", Run::wall)? / r.sdk("big-2", Run::wall)?),
    ),
    ("wall time of a turn, 1 chat, over the floor", "", |r| {
        r.over("concurrent-1", Run::wall)
    }),
    ("wall time of a turn, 100 chats, over the floor", "", |r| {
        r.over("concurrent-100", Run::wall)
    }),
    (
        "wall time of a turn, 1,000 chats, over the floor",
        "≤ 1.8",
        |r| r.over("concurrent-1000", Run::wall),
    ),
    ("CPU of a turn, 1,000 chats, over the floor", "", |r| {
        r.over("concurrent-1000", Run::cpu)
    }),
    ("memory of a chat, 1,000 chats, KiB", "≤ 100", |r| {
        r.sdk("concurrent-1000", Run::memory)
    }),
    ("the floor's", "", |r| {
        r.floor("concurrent-1000", Run::memory)
    }),
];

/// Returns how much more a turn costs with a long history than without one, relative to the floor. The floor grows too,
/// since it sends the same bytes.
fn growth(round: &Round) -> Option<f64> {
    let ours = round.sdk("turns-2000", Run::cpu)? - round.sdk("turns-0", Run::cpu)?;
    let floor = round.floor("turns-2000", Run::cpu)? - round.floor("turns-0", Run::cpu)?;
    Some(ours / floor)
}

/// Measurements of one process.
struct Run {
    turns: f64,
    sessions: f64,
    wall: f64,
    cpu: f64,
    grown_kib: f64,
    age_p50: f64,
}

impl Run {
    fn parse(line: &Value) -> Outcome<Self> {
        let number = |name: &str| {
            let found = line.get(name).and_then(Value::as_f64);
            found.ok_or_else(|| format!("the result has no `{name}`"))
        };
        Ok(Self {
            turns: number("turns")? * number("sessions")?,
            sessions: number("sessions")?,
            wall: number("wall_us")?,
            cpu: number("user_us")? + number("system_us")?,
            grown_kib: number("peak_kib")? - number("base_kib")?,
            age_p50: number("age_p50_us").unwrap_or_default(),
        })
    }

    /// Returns the CPU time of a turn, in microseconds.
    fn cpu(&self) -> f64 {
        self.cpu / self.turns
    }

    /// Returns the wall time of a turn, in microseconds.
    fn wall(&self) -> f64 {
        self.wall / self.turns
    }

    /// Returns the memory of a chat, in KiB.
    fn memory(&self) -> f64 {
        self.grown_kib / self.sessions
    }
}

/// Measurements of one round, by run and command.
#[derive(Default)]
struct Round(HashMap<(&'static str, &'static str), Run>);

impl Round {
    fn of(&self, command: &'static str, run: &'static str) -> Option<&Run> {
        self.0.get(&(run, command))
    }

    fn floor(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        self.of(FLOOR, run).map(figure)
    }

    fn sdk(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        self.of(SDK, run).map(figure)
    }

    fn over(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        Some(self.sdk(run, &figure)? / self.floor(run, &figure)?)
    }
}

/// Runs the rounds, and prints the median and range of each figure.
pub(crate) fn run(options: &Options) -> Outcome {
    let server = Server::start()?;
    let mut values: Vec<Values> = ROWS.iter().map(|_| Values::default()).collect();
    for number in 0..options.rounds {
        let round = round(&server.base, number, &options.only)?;
        for ((_, _, figure), values) in ROWS.iter().zip(&mut values) {
            if let Some(value) = figure(&round) {
                values.add(value);
            }
        }
    }
    print(format_args!(
        "| {} rounds | median (range) | goal |\n| --- | --- | --- |",
        options.rounds
    ));
    for ((name, goal, _), values) in ROWS.iter().zip(&values) {
        print(format_args!("| {name} | {values} | {goal} |"));
    }
    Ok(())
}

/// Runs everything once. The order of the floor and the SDK alternates between rounds, so that it favours neither.
fn round(base: &str, number: usize, only: &str) -> Outcome<Round> {
    let mut round = Round::default();
    for (name, options) in RUNS.iter().filter(|(name, _)| name.contains(only)) {
        let mut commands = [FLOOR, SDK];
        commands.rotate_left(number % 2);
        for command in commands {
            let run = measure(command, base, options)?;
            round.0.insert((*name, command), run);
        }
    }
    Ok(round)
}

/// Runs this program with a subcommand, and parses the line that it prints.
fn measure(command: &str, base: &str, options: &str) -> Outcome<Run> {
    // The floor and the SDK are in one binary, so that both are built with the same compiler and profile.
    let mut process = Command::new(std::env::current_exe()?);
    process.args([command, "--base", base]);
    process.args(options.split(' '));
    let output = process.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command} {options} failed").into());
    }
    Run::parse(&serde_json::from_slice(&output.stdout)?)
}

/// The server in a separate process. It is killed on drop.
struct Server {
    process: Child,
    base: String,
}

impl Server {
    fn start() -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut base = String::new();
        // The server prints its address once it listens, so no client connects too early.
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut base)?;
        }
        let base = base.trim_end().to_owned();
        Ok(Self { process, base })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
