//! An event as a row: its JSON, the media that are kept apart, a checksum, and what is said in it.

use generativeai::protocol::content::{Blob, Content, Data};
use generativeai::{Entry, Event};
use serde::Serialize;
use serde_json::error::Category;

use crate::fault::Fault;
use crate::seal::Seal;

/// Media of more than so many characters of base64 are kept apart, once for all events.
const LARGE: usize = 1024;
/// What stands in place of media that are kept apart, before their hash. It is no base64.
const APART: &str = "blob:";
/// How much of a message can be searched, in bytes: PostgreSQL has a limit on the words of a text.
const SEARCHED: usize = 256 * 1024;

/// An entry as it is written.
pub(crate) struct Record {
    pub(crate) id: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// Hashes and data of the media in it that are kept apart.
    pub(crate) media: Vec<(String, String)>,
    /// What is said in it.
    pub(crate) text: String,
}

impl Record {
    pub(crate) fn of(entry: &Entry, seal: &Seal) -> Result<Self, Fault> {
        let id = entry.id().to_be_bytes().to_vec();
        Self::new(id, entry.event(), seal)
    }

    pub(crate) fn new(id: Vec<u8>, event: &Event, seal: &Seal) -> Result<Self, Fault> {
        // An index of the words would tell them: an encrypted store has none.
        let text = match seal.key() {
            Some(_) => String::new(),
            None => words(event),
        };
        let mut media = Vec::new();
        let body = if has_media(event) {
            let mut event = event.clone();
            for blob in blobs_mut(&mut event) {
                if let Some(data) = blob.data.take_if(|data| is_apart(data)) {
                    let hash = media_hash(seal, &data);
                    blob.data = Some(format!("{APART}{hash}"));
                    media.push((hash, data));
                }
            }
            media.sort_unstable();
            media.dedup();
            json(&event)?
        } else {
            json(event)?
        };
        Ok(Self {
            id,
            body,
            media,
            text,
        })
    }
}

/// What tells a row that was damaged, or that is not in its place. What is encrypted needs none.
pub(crate) fn event_sum(seal: &Seal, session: i64, seq: i64, id: &[u8], body: &[u8]) -> Vec<u8> {
    match seal.key() {
        Some(_) => Vec::new(),
        None => {
            let place = [session, seq].map(i64::to_le_bytes).concat();
            seal.sum("event", &[&place, id, body])
        }
    }
}

/// What media are found by: in an encrypted store nothing that they could be guessed from.
pub(crate) fn media_hash(seal: &Seal, data: &str) -> String {
    hex(&seal.sum("media", &[data.as_bytes()]))
}

/// The hash of the media that a blob stands for, if they are kept apart.
pub(crate) fn hash_of(blob: &Blob) -> Option<&str> {
    blob.data.as_deref()?.strip_prefix(APART)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of two digits each; `None` if it is something else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let bytes = pairs.iter().map(|&[high, low]| {
        let byte = 16 * digit(high)? + digit(low)?;
        u8::try_from(byte).ok()
    });
    bytes
        .collect::<Option<Vec<u8>>>()
        .filter(|_| rest.is_empty())
}

fn is_apart(data: &str) -> bool {
    data.len() > LARGE || data.starts_with(APART)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let written = serde_json::to_vec(value);
    written.map_err(|error| Fault::corrupt(format!("an event cannot be written as JSON: {error}")))
}

/// What is wrong with some JSON and where. The error itself quotes what was said.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Io | Category::Eof => "the JSON ends too early",
        Category::Syntax => "it is not JSON",
        Category::Data => "the JSON is not what was expected",
    };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

fn has_media(event: &Event) -> bool {
    let mut parts = contents(event)
        .into_iter()
        .flat_map(|content| &content.parts);
    parts.any(|part| match &part.data {
        Some(Data::InlineData(_)) => true,
        Some(Data::FunctionResponse(answer)) => !answer.parts.is_empty(),
        _ => false,
    })
}

/// The contents of an event, in order.
pub(crate) fn contents(event: &Event) -> Vec<&Content> {
    match event {
        Event::Opened { sent, exchanged } => std::iter::once(sent).chain(exchanged).collect(),
        Event::Exchanged { contents }
        | Event::Added { contents }
        | Event::Replaced { contents } => contents.iter().collect(),
        Event::Completed { response } => replies(Some(response)),
        Event::Unfinished { received, .. } => replies(received.as_ref()),
        _ => Vec::new(),
    }
}

fn replies(
    response: Option<&generativeai::protocol::response::GenerateContentResponse>,
) -> Vec<&Content> {
    let candidates = response.map(|response| &response.candidates);
    let candidates = candidates.into_iter().flatten();
    candidates
        .filter_map(|candidate| candidate.content.as_ref())
        .collect()
}

/// The media of an event, in order.
pub(crate) fn blobs_mut(event: &mut Event) -> Vec<&mut Blob> {
    let contents: Vec<&mut Content> = match event {
        Event::Opened { sent, exchanged } => std::iter::once(sent).chain(exchanged).collect(),
        Event::Exchanged { contents }
        | Event::Added { contents }
        | Event::Replaced { contents } => contents.iter_mut().collect(),
        Event::Completed { response } => replies_mut(Some(response)),
        Event::Unfinished { received, .. } => replies_mut(received.as_mut()),
        _ => Vec::new(),
    };
    let mut blobs = Vec::new();
    for part in contents.into_iter().flat_map(|content| &mut content.parts) {
        match &mut part.data {
            Some(Data::InlineData(blob)) => blobs.push(blob),
            Some(Data::FunctionResponse(answer)) => {
                let parts = answer.parts.iter_mut();
                blobs.extend(parts.filter_map(|part| part.inline_data.as_mut()));
            }
            _ => {}
        }
    }
    blobs
}

fn replies_mut(
    response: Option<&mut generativeai::protocol::response::GenerateContentResponse>,
) -> Vec<&mut Content> {
    let candidates = response.map(|response| &mut response.candidates);
    let candidates = candidates.into_iter().flatten();
    candidates
        .filter_map(|candidate| candidate.content.as_mut())
        .collect()
}

/// What is said in an event, thoughts left out, as far as it can be searched.
pub(crate) fn words(event: &Event) -> String {
    let mut text = String::new();
    let parts = contents(event)
        .into_iter()
        .flat_map(|content| &content.parts);
    for said in parts.filter(|part| part.thought != Some(true)) {
        let Some(said) = said.as_text() else {
            continue;
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(said);
    }
    text.truncate(text.floor_char_boundary(SEARCHED));
    // PostgreSQL keeps no NUL in a text.
    text.retain(|letter| letter != '\0');
    text
}
