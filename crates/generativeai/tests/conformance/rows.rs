//! The deliberate differences: the table of the design, with a switch for each row.

use std::cell::Cell;

/// Row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Row {
    D1 = 1,
    D2,
    D3,
    D4,
    D5,
    D6,
    D7,
    D8,
    D9,
    D10,
    D11,
    D12,
    D13,
    D14,
    D15,
    D16,
    D17,
    D18,
    D19,
    D20,
    D21,
    D22,
}

/// Recorded behaviour, and the behaviour of this library.
pub(crate) const TABLE: [(Row, &str, &str); 22] = [
    (
        Row::D1,
        "reading the history resets `last`; a failing send loses it, and the next `rewind` takes the turn before",
        "reading changes nothing; `rewind` undoes the failed turn",
    ),
    (
        Row::D2,
        "after an incomplete or broken stream `history`, sending, copying and `rewind` raise; an array without its end is broken",
        "the history is coherent, `unfinished` has the reason; sending and copying work; a stream is complete if all candidates have ended",
    ),
    (
        Row::D3,
        "a stream ends quietly on a bad finish reason; the history raises later",
        "the stream's last item is the error",
    ),
    (
        Row::D4,
        "`rewind` after rounds of calls removes only the last two contents; on fewer an IndexError",
        "the whole turn; `None`",
    ),
    (
        Row::D5,
        "a function that raises, an unknown name, absent `args` fail the send",
        "they are answered with an error, and the turn continues",
    ),
    (
        Row::D6,
        "tools in a streamed message are refused",
        "they work",
    ),
    (
        Row::D7,
        "follow-up requests drop the message's `tool_config`; `id` is not echoed; no limit",
        "kept, `ANY` becomes `AUTO`; echoed; ten rounds; usage is summed",
    ),
    (
        Row::D8,
        "no candidates, an empty stream, an empty body: IndexError, StopIteration",
        "an error that describes the response; the turn is unfinished",
    ),
    (
        Row::D9,
        "joins drop grounding and log-probabilities, lose usage, citations, model version when the last chunk lacks them; a single chunk is not joined",
        "nothing is lost, and every reply is merged in the same way",
    ),
    (
        Row::D10,
        "a block reason in a later chunk is ignored; an early finish reason is overwritten",
        "a block anywhere blocks; a finish reason that stops is not overwritten",
    ),
    (
        Row::D11,
        "unknown names and members are dropped",
        "kept; an unknown finish reason stops, and a block message without a reason blocks",
    ),
    (
        Row::D12,
        "an error object inside a stream is an empty chunk; in an array it is \"Unknown error\"",
        "the error it is",
    ),
    (
        Row::D13,
        "only 503 is retried; 401 is sent three times; the class depends on the HTTP code alone",
        "transient errors are retried, 401 is not; code, status and details are kept",
    ),
    (
        Row::D14,
        "a copy drops the function-calling switch",
        "a clone is a clone",
    ),
    (
        Row::D15,
        "missing roles go out missing; a reply of STOP without parts, and empty parts, are stored and sent",
        "roles are filled; an empty reply does not complete a turn; empty parts and contents are left out",
    ),
    (
        Row::D16,
        "names of settings and tools that fail for no reason; code execution lost by a merge",
        "they work; a duplicate name is a clear error",
    ),
    (
        Row::D17,
        "accidents of Python",
        "a clear error, or success where the input makes sense",
    ),
    (
        Row::D18,
        "a stream that ends without any finish reason is complete",
        "it is truncated",
    ),
    (
        Row::D19,
        "a null on a message unsets the model's default",
        "an absent value inherits",
    ),
    (
        Row::D20,
        "the wording of errors",
        "ours: kind, code, message of the server and payload are compared, sentences never; the message is one line, and of an HTML page its title",
    ),
    (
        Row::D21,
        "`text` joins parts with a newline, and includes thoughts",
        "parts are concatenated, without thoughts",
    ),
    (
        Row::D22,
        "several candidates fail an automatic turn, and the first in the list counts; a 3xx is read as success",
        "the candidate with the first index counts, and without an index the position is the index; a 3xx is an error",
    ),
];

/// Set of rows whose switch is on, and the set of queried rows.
#[derive(Debug)]
pub(crate) struct Rows {
    on: u32,
    asked: Cell<u32>,
}

impl Rows {
    /// Turns all switches off: the recorded behaviour.
    pub(crate) fn none() -> Self {
        Self::with(0)
    }

    /// Turns all switches on: the behaviour of this library.
    pub(crate) fn all() -> Self {
        Self::with(u32::MAX)
    }

    pub(crate) fn all_but(row: Row) -> Self {
        Self::with(!bit(row))
    }

    pub(crate) fn only(row: Row) -> Self {
        Self::with(bit(row))
    }

    fn with(on: u32) -> Self {
        let asked = Cell::new(0);
        Self { on, asked }
    }

    /// Returns whether a row is on.
    pub(crate) fn here(&self, row: Row) -> bool {
        self.asked.set(self.asked.get() | bit(row));
        self.on & bit(row) != 0
    }

    /// Returns the queried rows.
    pub(crate) fn asked(&self) -> impl Iterator<Item = Row> + use<> {
        let asked = self.asked.get();
        TABLE
            .into_iter()
            .map(|(row, ..)| row)
            .filter(move |&row| asked & bit(row) != 0)
    }
}

fn bit(row: Row) -> u32 {
    1 << row as u32
}
