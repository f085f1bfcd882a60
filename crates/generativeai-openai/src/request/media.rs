//! Conversion of media in messages: images, videos, audio, files and text.

use generativeai::Result;
use generativeai::protocol::content::{Blob, FileData, PartMediaResolutionLevel};
use serde_json::{Value, json};

use super::unsupported::refuse_unknown;
use crate::capabilities::Capabilities;
use crate::error::refused;

/// Converts inline media into a part of a message. Which kinds a server reads depends on its [`Capabilities`].
pub(super) fn inline(path: &str, blob: &Blob, capabilities: &Capabilities) -> Result<Value> {
    refuse_unknown(&format!("{path}.inlineData"), &blob.unknown)?;
    let mime_type = blob.mime_type.as_deref().unwrap_or_default();
    let refuse = |why: &str| refused(format!("{path}.inlineData is {mime_type:?}{why}"));
    let unread = || refuse(", which the server does not read");
    let text = || text_of(blob).ok_or_else(|| refuse(", but not UTF-8 text"));
    // The Gemini API accepts both alphabets of base64; a `data:` URL has the standard one (RFC 4648, section 4).
    let data = || {
        let data = blob.data.as_deref().unwrap_or_default();
        data.replace('-', "+").replace('_', "/")
    };
    let url = || format!("data:{mime_type};base64,{}", data());
    match essence(mime_type).split_once('/') {
        Some(("image", _)) => Ok(json!({"type": "image_url", "image_url": {"url": url()}})),
        Some(("video", _)) if capabilities.video => {
            Ok(json!({"type": "video_url", "video_url": {"url": url()}}))
        }
        Some(("text", _)) => Ok(json!({"type": "text", "text": text()?})),
        Some(("audio", format)) if capabilities.audio => {
            let format = match format {
                "wav" | "x-wav" | "wave" => "wav",
                "mpeg" | "mp3" => "mp3",
                _ => return Err(refuse(": use audio/wav or audio/mpeg")),
            };
            let audio = json!({"data": data(), "format": format});
            Ok(json!({"type": "input_audio", "input_audio": audio}))
        }
        Some(("application", "pdf")) if capabilities.files => {
            let name = blob.display_name.as_deref().unwrap_or("file.pdf");
            let file = json!({"filename": name, "file_data": url()});
            Ok(json!({"type": "file", "file": file}))
        }
        // JSON, XML and YAML are text as well.
        Some(("application", kind)) if kind != "pdf" => match text()? {
            // Binary data may decode as UTF-8, but usually contains a zero.
            text if text.contains('\0') => Err(unread()),
            text => Ok(json!({"type": "text", "text": text})),
        },
        _ => Err(unread()),
    }
}

/// Returns a media type in lower case, without its parameters.
fn essence(mime_type: &str) -> String {
    let essence = mime_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Returns the text of a text file without its byte order mark: the API of OpenAI has no text files, but a model reads
/// their content as text. `None` if the data is not UTF-8 text.
fn text_of(blob: &Blob) -> Option<String> {
    let text = String::from_utf8(blob.bytes().ok()?).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

/// Converts a reference to media into a part of a message. Only images and videos are possible: the server loads them
/// from their URL. Files uploaded to the Gemini API are not accessible to another service.
pub(super) fn file(path: &str, file: &FileData, capabilities: &Capabilities) -> Result<Value> {
    refuse_unknown(&format!("{path}.fileData"), &file.unknown)?;
    let uri = file.file_uri.as_deref().unwrap_or_default();
    let mime_type = file.mime_type.as_deref().unwrap_or_default();
    let is_url = ["https://", "http://", "data:"]
        .iter()
        .any(|scheme| uri.starts_with(scheme));
    let kind = match essence(mime_type).split_once('/') {
        Some(("image", _)) => Some("image_url"),
        Some(("video", _)) if capabilities.video => Some("video_url"),
        _ => None,
    };
    if let Some(kind) = kind.filter(|_| is_url) {
        return Ok(json!({"type": kind, (kind): {"url": uri}}));
    }
    let loaded = if capabilities.video {
        "images and videos"
    } else {
        "images"
    };
    // A `data:` URI contains the media itself, which must not be in an error.
    let place = if uri.starts_with("data:") {
        "data:…"
    } else {
        uri
    };
    Err(refused(format!(
        "{path}.fileData is {mime_type:?} at {place:?}: the server loads only {loaded}, by an HTTP URL"
    )))
}

/// Sets the resolution of an image (`detail`). Parts without an image have no resolution, so nothing is set there, and
/// no level is refused.
pub(super) fn set_detail(
    path: &str,
    part: &mut Value,
    level: &PartMediaResolutionLevel,
) -> Result<()> {
    let Some(image) = part.get_mut("image_url") else {
        return Ok(());
    };
    let detail = match level {
        PartMediaResolutionLevel::Unspecified => return Ok(()),
        PartMediaResolutionLevel::Low => "low",
        PartMediaResolutionLevel::Medium => "auto",
        PartMediaResolutionLevel::High => "high",
        other => {
            return Err(refused(format!(
                "{path} is {other}, which the server does not have: use a lower one"
            )));
        }
    };
    image["detail"] = detail.into();
    Ok(())
}
