//! Media and searchable text of the contents of an event.

use generativeai::Event;
use generativeai::protocol::content::{Blob, Data};

/// The maximum length of the searchable text of an event, in bytes. PostgreSQL limits the word list of
/// a text to 1 MiB, and the list may be longer than the text.
const MAX_SEARCHABLE: usize = 256 * 1024;

/// Returns the text of an event that can be searched, without thoughts, up to 256 KiB.
pub(crate) fn searchable_text(event: &Event) -> String {
    let texts: Vec<&str> = event
        .contents()
        .into_iter()
        .flat_map(|content| &content.parts)
        .filter(|part| part.thought != Some(true))
        .filter_map(|part| part.as_text())
        .collect();
    let mut text = texts.join("\n");
    text.truncate(text.floor_char_boundary(MAX_SEARCHABLE));
    // PostgreSQL does not store NUL characters in text.
    text.retain(|character| character != '\0');
    text
}

/// Returns the media of an event, in order: in messages, replies and function responses.
///
/// Media in a summary are left out and stay inside the event, since schema version 2 reads them there.
pub(crate) fn media_mut(event: &mut Event) -> Vec<&mut Blob> {
    let mut media = Vec::new();
    if matches!(event, Event::Compacted { .. }) {
        return media;
    }
    for part in event
        .contents_mut()
        .into_iter()
        .flat_map(|content| &mut content.parts)
    {
        match &mut part.data {
            Some(Data::InlineData(blob)) => media.push(blob),
            Some(Data::FunctionResponse(response)) => {
                let parts = response.parts.iter_mut();
                media.extend(parts.filter_map(|part| part.inline_data.as_mut()));
            }
            _ => {}
        }
    }
    media
}
