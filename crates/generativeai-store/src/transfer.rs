//! Sessions as JSON Lines: to another store, or to keep.

use std::io::{BufRead, Write};

use generativeai::{Error, ErrorKind, Event, GenerativeModel, Result};
use serde::{Deserialize, Serialize};

use crate::record::{hex, json_fault, unhex};
use crate::session::Session;
use crate::store::{self, Place, Store};

/// The version of the format.
const VERSION: u32 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    generativeai_session: u32,
    name: String,
}

/// Each line after it.
#[derive(Serialize, Deserialize)]
struct Line {
    id: String,
    event: Event,
}

impl Session {
    /// Writes the session as JSON Lines: first `{"generativeaiSession": 1, "name": …}`, then a line for
    /// each event, media included. [`import_jsonl`](Store::import_jsonl) reads it.
    pub async fn export_jsonl(&self, mut to: impl Write) -> Result<()> {
        let head = Head {
            generativeai_session: VERSION,
            name: self.info().await?.name,
        };
        let events = self.events().await?;
        write_line(&mut to, &head)?;
        for stored in events {
            let line = Line {
                id: hex(&stored.id),
                event: stored.event,
            };
            write_line(&mut to, &line)?;
        }
        to.flush().map_err(unwritten)
    }
}

impl Store {
    /// Makes a session of what [`export_jsonl`](Session::export_jsonl) wrote; all of it or nothing. An
    /// empty name is replaced by its number.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if a line cannot be read, or cannot follow those before it,
    /// [`ErrorKind::TooNew`] if a newer version wrote it.
    pub async fn import_jsonl(&self, name: &str, from: impl BufRead) -> Result<Session> {
        let mut lines = from.lines();
        let head = lines.next().transpose().map_err(unread)?;
        let head: Head = read_line(1, &head.unwrap_or_default())?;
        if head.generativeai_session > VERSION {
            let message = "the session was exported by a newer version: update this program";
            return Err(Error::new(ErrorKind::TooNew, message));
        }
        let mut events = Vec::new();
        for (at, line) in lines.enumerate() {
            let line = line.map_err(unread)?;
            if !line.is_empty() {
                let Line { id, event } = read_line(at + 2, &line)?;
                let id = unhex(&id).filter(|id| id.len() == 16);
                let id = id.ok_or_else(|| bad_line(at + 2))?;
                events.push((id, event));
            }
        }
        // Whether they can follow each other is found out by doing so.
        let chat = GenerativeModel::new("none").start_chat();
        let checked = events.iter().map(|(_, event)| event.clone());
        chat.resume(Nowhere, checked)?;
        store::insert(&self.database, name, Place::New, events).await
    }
}

/// A journal of a conversation that is not gone on with.
#[derive(Debug)]
struct Nowhere;

impl generativeai::Journal for Nowhere {
    fn append(&self, _: u64, _: Vec<generativeai::Entry>) -> generativeai::BoxFuture<Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

fn write_line(to: &mut impl Write, line: &impl Serialize) -> Result<()> {
    let mut json = serde_json::to_vec(line).map_err(|error| unwritten(error.into()))?;
    json.push(b'\n');
    to.write_all(&json).map_err(unwritten)
}

fn read_line<'a, T: Deserialize<'a>>(number: usize, line: &'a str) -> Result<T> {
    serde_json::from_str(line).map_err(|error| bad_line(number).with_source(json_fault(&error)))
}

fn bad_line(number: usize) -> Error {
    let message = format!("line {number} is not that of an exported session");
    Error::new(ErrorKind::Corrupt, message)
}

fn unwritten(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, "the export cannot be written").with_source(error)
}

fn unread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, "the import cannot be read").with_source(error)
}
