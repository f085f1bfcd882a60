//! What is measured, as the command line says it.

use std::str::FromStr;

use crate::Outcome;

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Messages one after another, chat by chat; each reply comes in one piece.
    Turns,
    /// Replies in many small chunks, as fast as they can be read.
    Stream,
    /// Chats that all send at the same time.
    Concurrent,
    /// Chunks that come alone, each marked with the time it was sent.
    Paced,
    /// Replies of few events with much data in each.
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

    /// The model whose answers suit it; see [`wire::Answer`](crate::wire::Answer).
    fn model(self) -> &'static str {
        match self {
            Self::Turns | Self::Concurrent => "reply",
            Self::Stream => "chunks-20000",
            Self::Paced => "paced-100",
            Self::Big => "big-4-2000000",
        }
    }
}

/// What is measured.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) base: String,
    pub(crate) scenario: Scenario,
    pub(crate) model: String,
    /// Messages of 1,000 bytes that a chat begins with.
    pub(crate) history: usize,
    /// Turns a chat that are measured, after one that is not.
    pub(crate) turns: usize,
    /// How many chats there are.
    pub(crate) sessions: usize,
    /// How many rounds are compared.
    pub(crate) rounds: usize,
    /// Rows to compare: those whose name has this in it.
    pub(crate) only: String,
}

impl Options {
    /// Reads `--name value` pairs.
    pub(crate) fn read(words: &[String]) -> Outcome<Self> {
        let mut options = Self {
            base: "http://127.0.0.1:8080".into(),
            scenario: Scenario::Turns,
            model: String::new(),
            history: 0,
            turns: 1,
            sessions: 1,
            rounds: 9,
            only: String::new(),
        };
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("`{name}` wants a value"))?;
            match name.as_str() {
                "--base" => options.base.clone_from(value),
                "--scenario" => options.scenario = value.parse()?,
                "--model" => options.model.clone_from(value),
                "--history" => options.history = value.parse()?,
                "--turns" => options.turns = value.parse()?,
                "--sessions" => options.sessions = value.parse()?,
                "--rounds" => options.rounds = value.parse()?,
                "--only" => options.only.clone_from(value),
                _ => return Err(format!("no option `{name}`").into()),
            }
        }
        if options.model.is_empty() {
            options.model = options.scenario.model().into();
        }
        Ok(options)
    }

    /// Whether replies are streamed.
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
            .ok_or_else(|| format!("no scenario `{text}`"))
    }
}
