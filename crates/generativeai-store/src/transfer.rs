//! Export and import of sessions as JSON Lines.

use std::io::{self, BufRead, Write};

use generativeai::{Error, ErrorKind, Event, Result};
use serde::{Deserialize, Serialize};

use crate::events::{StoredEvent, drop_copied_rounds};
use crate::journal::replay;
use crate::record::{EventId, describe_json_error};
use crate::session::Session;
use crate::store::Store;

/// The version of the format.
const VERSION: u32 = 1;

/// The version of an export with the steps of function calls. Readers of version 1 do not know these events, and refuse
/// the export as too new instead of reporting damage.
const VERSION_WITH_STEPS: u32 = 2;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    generativeai_session: u32,
    name: String,
}

/// Each later line: an event, with its id in hexadecimal digits.
#[derive(Serialize, Deserialize)]
struct Line {
    id: String,
    event: Event,
}

impl Session {
    /// Writes the session as JSON Lines: the header `{"generativeaiSession": 1, "name": …}` (2 if calls needed
    /// approval), then a line for each event. It contains everything, media and undone turns included, and is not
    /// encrypted.
    ///
    /// [`Store::import_jsonl`] reads it.
    ///
    /// ```
    /// use generativeai::{GenerativeModel, testing::Scripted};
    /// use generativeai_store::Store;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let store = Store::open("sqlite::memory:").await?;
    /// # let session = store.new_session("mountains").await?;
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("1,345 metres."));
    /// session.chat(&model).await?.send_message("How tall is Ben Nevis?").await?;
    /// let mut lines = Vec::new(); // or a file
    /// session.export_jsonl(&mut lines).await?;
    /// let copy = store.import_jsonl("copy", &lines[..]).await?;
    /// assert_eq!(copy.contents().await?, session.contents().await?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Session::chat`], and [`ErrorKind::Storage`] if the lines cannot be written.
    pub async fn export_jsonl(&self, mut to: impl Write) -> Result<()> {
        let events = self.events().await?;
        let header = Header {
            generativeai_session: version(&events),
            name: self.info().await?.name,
        };
        write_line(&mut to, &header)?;
        for stored in events {
            let line = Line {
                id: hex::encode(&stored.id),
                event: stored.event,
            };
            write_line(&mut to, &line)?;
        }
        to.flush().map_err(write_error)
    }
}

impl Store {
    /// Creates a session from the output of [`Session::export_jsonl`], all of it or nothing. With an
    /// empty name it is called by its number.
    ///
    /// Calls that wait for approval are not part of it, as in a [fork](Session::fork).
    ///
    /// # Errors
    /// - [`ErrorKind::Corrupt`]: a line cannot be parsed, or its event is impossible after the earlier
    ///   ones. The message contains the number of the line or of the event.
    /// - [`ErrorKind::TooNew`]: a newer version of this library exported the session.
    /// - Those of [`new_session`](Self::new_session).
    pub async fn import_jsonl(&self, name: &str, from: impl BufRead) -> Result<Session> {
        let mut lines = from.lines();
        let header = lines.next().transpose().map_err(read_error)?;
        let header: Header = parse_line(1, &header.unwrap_or_default())?;
        if header.generativeai_session > VERSION_WITH_STEPS {
            let message = "the session was exported by a newer version: update this program";
            return Err(Error::new(ErrorKind::TooNew, message));
        }
        let mut events = Vec::new();
        for (number, line) in (2..).zip(lines) {
            let line = line.map_err(read_error)?;
            if !line.is_empty() {
                let Line { id, event } = parse_line(number, &line)?;
                events.push((parse_id(number, &id)?, event));
            }
        }
        let copied = events.len();
        drop_copied_rounds(events.iter_mut().map(|(_, event)| event), copied);
        // Before anything is stored: finds events that are impossible after the earlier ones.
        replay(events.iter().map(|(_, event)| event.clone()))?;
        self.create(name, events).await
    }
}

/// Returns the version that a reader of these events has to support.
fn version(events: &[StoredEvent]) -> u32 {
    let has_steps = events.iter().any(|stored| {
        matches!(
            stored.event,
            Event::Called { .. } | Event::Decided { .. } | Event::Started | Event::Answered { .. }
        )
    });
    match has_steps {
        true => VERSION_WITH_STEPS,
        false => VERSION,
    }
}

/// Writes a value as one line of JSON.
fn write_line(to: &mut impl Write, line: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_vec(line).map_err(|error| write_error(error.into()))?;
    json.push(b'\n');
    to.write_all(&json).map_err(write_error)
}

/// Parses a line. The error does not quote it: it is part of a conversation.
fn parse_line<'a, T: Deserialize<'a>>(number: usize, line: &'a str) -> Result<T> {
    serde_json::from_str(line)
        .map_err(|error| invalid_line(number).with_source(describe_json_error(&error)))
}

/// Parses the id of an event.
fn parse_id(number: usize, id: &str) -> Result<EventId> {
    let mut bytes = EventId::default();
    match hex::decode_to_slice(id, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => {
            Err(invalid_line(number).with_source("the id does not have 32 hexadecimal digits"))
        }
    }
}

/// Builds the error for a line that cannot be parsed.
fn invalid_line(number: usize) -> Error {
    let message = format!("line {number} is not a line of an exported session");
    Error::new(ErrorKind::Corrupt, message)
}

/// Converts an I/O error of an export.
fn write_error(error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, "the export cannot be written").with_source(error)
}

/// Converts an I/O error of an import.
fn read_error(error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, "the import cannot be read").with_source(error)
}
