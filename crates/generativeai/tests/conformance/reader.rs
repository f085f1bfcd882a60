//! An iterator over the chunks of a response, like the iterators of the Python SDK: it reads one chunk ahead, and
//! several can read the same response.

use serde_json::{Value, json};

/// Position of an iterator.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    at: usize,
    /// The iterator was created when the response was complete: it returns the stored chunks.
    replays: bool,
}

/// State of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) chunks: usize,
    /// No more chunks follow.
    pub(crate) over: bool,
    pub(crate) failed: bool,
}

/// Next action of an iterator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Returns the chunk with this index.
    Give(usize),
    /// Reads one more chunk; then [`Reader::looked`] follows.
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

    /// Returns the action after a chunk was read ahead.
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

/// Returns the value of a step that reads chunks.
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
