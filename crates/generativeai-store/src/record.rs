//! `Record`: an event in the form in which it is stored.

use generativeai::{Error, ErrorKind, Event, Result};
use serde_json::error::Category;

use crate::contents::searchable_text;
use crate::encryption::Encryption;
use crate::media::{self, Media};

/// The id of an event: 16 random bytes. A repeated write is recognised by it.
pub(crate) type EventId = [u8; 16];

/// An event, ready to be written. It is encrypted later, for the row that it gets.
pub(crate) struct Record {
    /// The id of the event.
    pub(crate) id: EventId,
    /// The JSON of the event, with references instead of large media.
    pub(crate) body: Vec<u8>,
    /// The large media that were taken out of the body.
    pub(crate) media: Vec<Media>,
    /// The text for the search index. Empty in an encrypted store, as the index would reveal the text.
    pub(crate) text: String,
}

impl Record {
    /// Encodes an event.
    pub(crate) fn new(id: EventId, mut event: Event, encryption: &Encryption) -> Result<Self> {
        let text = match encryption.is_on() {
            true => String::new(),
            false => searchable_text(&event),
        };
        let media = media::detach(&mut event, encryption);
        let body = serde_json::to_vec(&event);
        let body = body.map_err(|error| {
            let message = format!("an event cannot be written as JSON: {error}");
            Error::new(ErrorKind::Corrupt, message)
        })?;
        Ok(Self {
            id,
            body,
            media,
            text,
        })
    }
}

/// Computes the checksum of an event's row, which covers its position. It is empty in an encrypted
/// store, where the body is authenticated.
pub(crate) fn checksum(
    encryption: &Encryption,
    session: i64,
    seq: i64,
    id: &[u8],
    body: &[u8],
) -> Vec<u8> {
    match encryption.is_on() {
        true => Vec::new(),
        false => {
            let position = [session, seq].map(i64::to_le_bytes).concat();
            encryption.checksum("event", &[&position, id, body])
        }
    }
}

/// Describes the problem with stored JSON, and its position. The message of the error itself quotes the JSON,
/// which is part of a conversation.
pub(crate) fn describe_json_error(error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        Category::Io | Category::Eof => "the JSON ends too early",
        Category::Syntax => "it is not JSON",
        Category::Data => "the JSON has an unexpected form",
    };
    format!(
        "{problem} at line {}, column {}",
        error.line(),
        error.column()
    )
}
