//! Contents and responses as text for people.

use std::fmt;

use super::text::Text;
use crate::protocol::content::{Content, Data, Part};
use crate::protocol::response::GenerateContentResponse;

/// Prints the role and the text, such as `user: Hello`, for people to read. Without a role it prints the text.
///
/// Code that the model ran is printed as a fenced block. Thoughts are left out, and other parts are named in brackets.
///
/// ```
/// use generativeai::protocol::content::{Blob, Content, Part};
///
/// let image = Part::from(Blob::new("image/png", b"PNG"));
/// let content = Content::user([Part::text("Which mountain is this?"), image]);
/// assert_eq!(content.to_string(), "user: Which mountain is this? [image/png]");
/// ```
impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(role) = self.role.as_ref().filter(|role| !role.as_str().is_empty()) {
            write!(f, "{role}: ")?;
        }
        f.write_str(&readable(&self.parts))
    }
}

/// Prints the text of the first candidate, like a [`Content`] without its role, or the reason why the prompt was
/// blocked.
///
/// ```
/// use generativeai::protocol::content::{Content, FunctionCall};
/// use generativeai::protocol::response::GenerateContentResponse;
///
/// let response = GenerateContentResponse::from(Content::model("1,345 metres."));
/// assert_eq!(response.to_string(), "1,345 metres.");
///
/// let call = FunctionCall::new("height", Default::default());
/// let response = GenerateContentResponse::from(Content::model(call));
/// assert_eq!(response.to_string(), "[functionCall height]");
/// ```
impl fmt::Display for GenerateContentResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.candidates.first() {
            Some(candidate) => f.write_str(&readable(candidate.parts())),
            None if self.is_blocked() => write!(f, "[{}]", self.blocked_error()),
            None => Ok(()),
        }
    }
}

/// Returns the text of parts, with names for the parts that are not text.
///
/// Unlike [`text`](GenerateContentResponse::text) it cannot fail, so any reply can be printed.
fn readable(parts: &[Part]) -> String {
    let mut text = Text::default();
    let parts = parts.iter().filter(|part| part.has_data());
    for part in parts.filter(|part| !part.is_thought()) {
        if !text.add(part) {
            text.add_name(&name(part));
        }
    }
    text.written
}

/// Returns the name of a part that is not text, in brackets: its kind, and its function, media type or address.
fn name(part: &Part) -> String {
    let kind = part.kind().unwrap_or("data");
    let detail = match &part.data {
        Some(Data::FunctionCall(call)) => Some(call.name()),
        Some(Data::FunctionResponse(response)) => response.name.as_deref(),
        Some(Data::InlineData(blob)) => return format!("[{}]", or_kind(&blob.mime_type, kind)),
        Some(Data::FileData(file)) => return format!("[{}]", or_kind(&file.file_uri, kind)),
        _ => None,
    };
    match detail {
        Some(detail) => format!("[{kind} {detail}]"),
        None => format!("[{kind}]"),
    }
}

fn or_kind<'part>(detail: &'part Option<String>, kind: &'part str) -> &'part str {
    detail.as_deref().unwrap_or(kind)
}
