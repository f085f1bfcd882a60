//! Command-line options.

use std::str::FromStr;

use crate::outcome::Outcome;

/// Scenario that a client runs during the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Sequential messages, one to each chat per turn, with unary replies.
    Turns,
    /// Replies of many small chunks, as fast as they can be read.
    Stream,
    /// Chats that send at the same time, with unary replies.
    Concurrent,
    /// Chunks 5 ms apart, each with the time when it was sent.
    Paced,
    /// Replies of a few large events, such as generated images.
    Big,
}

impl Scenario {
    pub(crate) const ALL: [(&str, Self); 5] = [
        ("turns", Self::Turns),
        ("stream", Self::Stream),
        ("concurrent", Self::Concurrent),
        ("paced", Self::Paced),
        ("big", Self::Big),
    ];

    pub(crate) fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, scenario)| *scenario == self);
        named.map_or("", |(name, _)| name)
    }

    /// Returns the default model. Its name selects the response of the server; see
    /// [`wire::Answer`](crate::wire::Answer).
    fn model(self) -> &'static str {
        match self {
            Self::Turns | Self::Concurrent => "reply",
            Self::Stream => "chunks-20000",
            Self::Paced => "paced-100",
            Self::Big => "big-4-2000000",
        }
    }
}

/// Options of a measurement.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Base URL of the server.
    pub(crate) base: String,
    pub(crate) scenario: Scenario,
    /// Model of the requests; by default that of the scenario.
    pub(crate) model: String,
    /// Messages of 1,000 bytes in the initial history of a chat.
    pub(crate) history: usize,
    /// Measured turns of each chat. A warm-up turn precedes them.
    pub(crate) turns: usize,
    /// Number of chats.
    pub(crate) sessions: usize,
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
            scenario: Scenario::Turns,
            model: String::new(),
            history: 0,
            turns: 1,
            sessions: 1,
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
                "--scenario" => options.scenario = value.parse()?,
                "--model" => options.model.clone_from(value),
                "--history" => options.history = value.parse()?,
                "--turns" => options.turns = value.parse()?,
                "--sessions" => options.sessions = value.parse()?,
                "--bytes" => options.bytes = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--only" => options.only.clone_from(value),
                _ => return Err(format!("unknown option `{name}`").into()),
            }
        }
        if options.model.is_empty() {
            options.model = options.scenario.model().into();
        }
        Ok(options)
    }

    /// Returns whether replies are streamed.
    pub(crate) fn is_streamed(&self) -> bool {
        !matches!(self.scenario, Scenario::Turns | Scenario::Concurrent)
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, scenario)| *scenario)
            .ok_or_else(|| format!("unknown scenario `{text}`"))
    }
}
