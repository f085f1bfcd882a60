//! Command-line options.

use crate::outcome::Outcome;
use crate::wire::Answer;

/// Options of a measurement.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Base URL of the server.
    pub(crate) base: String,
    /// Model of the requests. Its name selects the response of the server; see [`Answer`].
    pub(crate) model: String,
    /// Messages of 1,000 bytes in the initial history of a chat.
    pub(crate) history: usize,
    /// Measured turns of each chat. A warm-up turn precedes them.
    pub(crate) turns: usize,
    /// Number of chats.
    pub(crate) sessions: usize,
    /// Whether the chats send at the same time. Otherwise they send one after the other.
    pub(crate) concurrent: bool,
    /// Size in bytes of the uploaded file.
    pub(crate) bytes: u64,
    /// Number of rounds to compare.
    pub(crate) rounds: usize,
    /// Restricts the comparison to runs whose name contains this.
    pub(crate) only: String,
}

impl Options {
    /// Parses `--name value` pairs.
    pub(crate) fn parse(args: &[String]) -> Outcome<Self> {
        let mut options = Self {
            base: "http://127.0.0.1:8080".into(),
            model: "reply".into(),
            history: 0,
            turns: 1,
            sessions: 1,
            concurrent: false,
            bytes: 2_000_000_000,
            rounds: 9,
            only: String::new(),
        };
        let mut args = args.iter();
        while let Some(name) = args.next() {
            let value = args
                .next()
                .ok_or_else(|| format!("option `{name}` needs a value"))?;
            match name.as_str() {
                "--base" => options.base.clone_from(value),
                "--model" => options.model.clone_from(value),
                "--history" => options.history = value.parse()?,
                "--turns" => options.turns = value.parse()?,
                "--sessions" => options.sessions = value.parse()?,
                "--concurrent" => options.concurrent = value.parse()?,
                "--bytes" => options.bytes = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--only" => options.only.clone_from(value),
                _ => return Err(format!("unknown option `{name}`").into()),
            }
        }
        Ok(options)
    }

    /// Returns the response of the server.
    pub(crate) fn answer(&self) -> Answer {
        Answer::of(&self.model)
    }
}
