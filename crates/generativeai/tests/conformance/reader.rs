//! A reader over the chunks of an answer, as the recordings have it: it looks one chunk ahead, and
//! several can read one answer.

use serde_json::{Value, json};

/// How far a reader is.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    at: usize,
    /// It was begun when the answer was whole already: it goes through what is stored.
    replays: bool,
}

/// What is known of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) chunks: usize,
    /// Nothing more comes.
    pub(crate) over: bool,
    pub(crate) failed: bool,
}

/// What a reader does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Gives the chunk of that number.
    Give(usize),
    /// Asks for one more chunk, then [`Reader::looked`].
    Look,
    End,
    Raise,
}

impl Reader {
    pub(crate) fn new(whole: bool) -> Self {
        Self {
            at: 0,
            replays: whole,
        }
    }

    pub(crate) fn next(&mut self, known: Known) -> Move {
        if self.replays {
            return self.give(known);
        }
        if known.failed {
            return Move::Raise;
        }
        if self.at + 1 < known.chunks {
            return self.give(known);
        }
        if known.over { Move::End } else { Move::Look }
    }

    /// What it does once it has looked ahead.
    pub(crate) fn looked(&mut self, known: Known) -> Move {
        self.give(known)
    }

    fn give(&mut self, known: Known) -> Move {
        if self.at >= known.chunks {
            return Move::End;
        }
        self.at += 1;
        Move::Give(self.at - 1)
    }
}

/// The value of a step that reads chunks.
pub(crate) fn read_value(chunks: Vec<Value>, error: Option<Value>, answer: Value) -> Value {
    let mut value = json!({ "chunks": chunks });
    if let Some(error) = error {
        value["iteration_error"] = error;
    }
    if let (Some(value), Value::Object(answer)) = (value.as_object_mut(), answer) {
        value.extend(answer);
    }
    value
}
