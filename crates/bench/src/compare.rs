//! Rounds of the floor, of our client and of an ideal one, and what the one is over the other.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::options::Options;
use crate::statistics::Values;
use crate::{Outcome, say};

/// What is run in each round, under a name: scenario, model, history, turns, sessions.
const RUNS: [(&str, [&str; 5]); 10] = [
    ("turns-0", ["turns", "reply", "0", "4", "500"]),
    ("turns-200", ["turns", "reply", "200", "25", "40"]),
    ("turns-2000", ["turns", "reply", "2000", "40", "4"]),
    ("stream", ["stream", "chunks-20000", "0", "2", "1"]),
    ("paced", ["paced", "paced-100", "0", "3", "1"]),
    ("big-2", ["big", "big-4-2000000", "0", "4", "1"]),
    ("big-8", ["big", "big-4-8000000", "0", "2", "1"]),
    ("concurrent-1", ["concurrent", "reply", "20", "200", "1"]),
    ("concurrent-100", ["concurrent", "reply", "20", "10", "100"]),
    (
        "concurrent-1000",
        ["concurrent", "reply", "20", "3", "1000"],
    ),
];

/// Those who are compared, as they are called.
const FLOOR: &str = "floor";
const OURS: &str = "client";
const SKETCH: &str = "sketch";

/// A figure of a round.
type Figure = fn(&Round) -> Option<f64>;

/// What is told of the rounds: a name, the goal, and the figure.
const ROWS: [(&str, &str, Figure); 20] = [
    (
        "CPU of a turn at 2,000 messages, over the floor",
        "≤ 1.15",
        |r| r.over("turns-2000", Run::cpu),
    ),
    (
        "CPU of a turn at 200 messages, over the floor",
        "≤ 1.4",
        |r| r.over("turns-200", Run::cpu),
    ),
    (
        "CPU of a turn at 0 messages, over the floor",
        "≤ 1.6",
        |r| r.over("turns-0", Run::cpu),
    ),
    (
        "growth from 0 to 2,000 messages, over the floor's",
        "≤ 1.1",
        growth,
    ),
    ("CPU of a turn at 0 messages, µs", "", |r| {
        r.ours("turns-0", Run::cpu)
    }),
    ("the floor's", "", |r| r.floor("turns-0", Run::cpu)),
    ("CPU of a chunk, µs", "", |r| {
        Some(r.ours("stream", Run::cpu)? / 20_000.0)
    }),
    ("the floor's", "", |r| {
        Some(r.floor("stream", Run::cpu)? / 20_000.0)
    }),
    ("CPU of a chunk, over the floor", "", |r| {
        r.over("stream", Run::cpu)
    }),
    (
        "age of a chunk that comes alone, p50, beyond the floor's, µs",
        "≤ 20",
        |r| Some(r.ours("paced", |run| run.age_p50)? - r.floor("paced", |run| run.age_p50)?),
    ),
    (
        "wall time of an event of 2 MB, over the floor",
        "≤ 6",
        |r| r.over("big-2", Run::wall),
    ),
    (
        "wall time of an event of 8 MB, over one of 2 MB",
        "≤ 4.5",
        |r| Some(r.ours("big-8", Run::wall)? / r.ours("big-2", Run::wall)?),
    ),
    ("wall time of a turn, 1 chat, over the floor", "", |r| {
        r.over("concurrent-1", Run::wall)
    }),
    ("wall time of a turn, 100 chats, over the floor", "", |r| {
        r.over("concurrent-100", Run::wall)
    }),
    (
        "wall time of a turn, 1,000 chats, over the floor",
        "≤ 1.7",
        |r| r.over("concurrent-1000", Run::wall),
    ),
    (
        "the same of an ideal client on hyper, over the floor",
        "",
        |r| Some(r.sketch("concurrent-1000", Run::wall)? / r.floor("concurrent-1000", Run::wall)?),
    ),
    ("the same of ours, over the ideal client's", "", |r| {
        Some(r.ours("concurrent-1000", Run::wall)? / r.sketch("concurrent-1000", Run::wall)?)
    }),
    ("CPU of a turn, 1,000 chats, over the floor", "", |r| {
        r.over("concurrent-1000", Run::cpu)
    }),
    ("memory a chat, 1,000 chats, KiB", "≤ 65", |r| {
        r.ours("concurrent-1000", Run::memory)
    }),
    ("the floor's", "", |r| {
        r.floor("concurrent-1000", Run::memory)
    }),
];

fn growth(round: &Round) -> Option<f64> {
    let ours = round.ours("turns-2000", Run::cpu)? - round.ours("turns-0", Run::cpu)?;
    let floor = round.floor("turns-2000", Run::cpu)? - round.floor("turns-0", Run::cpu)?;
    Some(ours / floor)
}

/// What one process measured.
struct Run {
    turns: f64,
    sessions: f64,
    wall: f64,
    cpu: f64,
    grown_kib: f64,
    age_p50: f64,
}

impl Run {
    fn read(line: &Value) -> Outcome<Self> {
        let number = |name: &str| {
            let found = line.get(name).and_then(Value::as_f64);
            found.ok_or_else(|| format!("a result without `{name}`"))
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

    /// CPU of a turn, in microseconds.
    fn cpu(&self) -> f64 {
        self.cpu / self.turns
    }

    /// Wall time of a turn, in microseconds.
    fn wall(&self) -> f64 {
        self.wall / self.turns
    }

    /// Memory of a chat, in KiB.
    fn memory(&self) -> f64 {
        self.grown_kib / self.sessions
    }
}

/// What was measured in one round, by the name of the run and the client.
#[derive(Default)]
struct Round(HashMap<(&'static str, &'static str), Run>);

impl Round {
    fn of(&self, client: &'static str, run: &'static str) -> Option<&Run> {
        self.0.get(&(run, client))
    }

    fn floor(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        self.of(FLOOR, run).map(figure)
    }

    fn ours(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        self.of(OURS, run).map(figure)
    }

    fn sketch(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        self.of(SKETCH, run).map(figure)
    }

    fn over(&self, run: &'static str, figure: impl Fn(&Run) -> f64) -> Option<f64> {
        Some(self.ours(run, &figure)? / self.floor(run, &figure)?)
    }
}

/// Runs the rounds, and tells each figure's median and range.
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
    say(format_args!(
        "| {} rounds | median (range) | goal |\n| --- | --- | --- |",
        options.rounds
    ));
    for ((name, goal, _), values) in ROWS.iter().zip(&values) {
        say(format_args!("| {name} | {values} | {goal} |"));
    }
    Ok(())
}

/// One after the other, in all orders by turns.
fn round(base: &str, number: usize, only: &str) -> Outcome<Round> {
    let mut round = Round::default();
    for (name, words) in RUNS.iter().filter(|(name, _)| name.contains(only)) {
        let mut clients = vec![FLOOR, OURS];
        if words[0] == "concurrent" {
            clients.push(SKETCH);
        }
        let (turn, first) = (number / clients.len(), number % clients.len());
        clients.rotate_left(first);
        if !turn.is_multiple_of(2) {
            clients.reverse();
        }
        for client in clients {
            round
                .0
                .insert((*name, client), measure(client, base, words)?);
        }
    }
    Ok(round)
}

fn measure(client: &str, base: &str, words: &[&str; 5]) -> Outcome<Run> {
    let names = [
        "--scenario",
        "--model",
        "--history",
        "--turns",
        "--sessions",
    ];
    let mut command = Command::new(std::env::current_exe()?);
    command.args([client, "--base", base]);
    for (name, word) in names.iter().zip(words) {
        command.args([name, word]);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{client} {words:?} failed").into());
    }
    Run::read(&serde_json::from_slice(&output.stdout)?)
}

/// The server in a process of its own, which ends with this one.
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
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut base)?;
        }
        let base = base.trim_end().to_owned();
        Ok(Self { process, base })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
