//! Parts of a message, in the form of the Gemini API and of other programs.

use generativeai::protocol::content::{Blob, Data, FunctionCall, FunctionResponse, Part};
use serde_json::{Map, Value};

/// Types of parts that are skipped: thoughts, which another model cannot use, markers that delimit steps, and references
/// to recordings, whose words ChatGPT has in another part.
const SKIPPED: &[&str] = &[
    "thinking",
    "redacted_thinking",
    "reasoning",
    "thoughts",
    "step-start",
    "step-finish",
    "audio_asset_pointer",
    "real_time_user_audio_video_asset_pointer",
];

/// Reads the parts of a message: a string, a part, or a list of them.
pub(super) fn read(body: Value) -> Result<Vec<Part>, String> {
    let list = match body {
        Value::Null => Vec::new(),
        // The Gemini API accepts lists of parts in the list.
        Value::Array(list) => list.into_iter().flat_map(flat).collect(),
        // ChatGPT's exports have an object around the list of parts.
        Value::Object(mut object) if object.get("parts").is_some_and(Value::is_array) => {
            return read(object.remove("parts").unwrap_or_default());
        }
        single => vec![single],
    };
    let is_skipped = |item: &Value| {
        let kind = item.as_object().and_then(kind_of);
        item.is_null() || kind.is_some_and(|kind| SKIPPED.contains(&kind))
    };
    list.into_iter()
        .filter(|item| !is_skipped(item))
        .map(part)
        // Only plain empty text is dropped. One with a thought signature stays: the service may require the signature.
        .filter(|part| !matches!(part, Ok(part) if *part == Part::text("")))
        .collect()
}

/// Returns the items of a list, and any other value as the only item.
fn flat(item: Value) -> Vec<Value> {
    match item {
        Value::Array(items) => items,
        item => vec![item],
    }
}

/// Returns the type of a part of another API. In ChatGPT's exports it is called `content_type`; those with a text, such as
/// code and transcriptions, are text.
fn kind_of(object: &Map<String, Value>) -> Option<&str> {
    let kind = |name: &str| object.get(name)?.as_str();
    kind("type").or_else(|| match kind("content_type") {
        Some(_) if object.get("text").is_some_and(Value::is_string) => Some("text"),
        kind => kind,
    })
}

/// Reads a part. One without a type has the form of the Gemini API, which distinguishes parts by their members.
fn part(item: Value) -> Result<Part, String> {
    let object = match item {
        Value::String(text) => return Ok(Part::text(text)),
        Value::Object(object) => object,
        other => return Err(format!("`{other}` is not a part of a message")),
    };
    match kind_of(&object) {
        Some("text" | "input_text" | "output_text") => {
            let text = text(&object, "text").ok_or("a text part has no text")?;
            Ok(Part::text(text))
        }
        Some("image_url" | "input_image") => {
            let url = match object.get("image_url") {
                Some(Value::Object(inner)) => text(inner, "url"),
                _ => text(&object, "image_url"),
            };
            data_url(&url.ok_or("an image has no data: only embedded images can be imported")?)
        }
        Some("input_audio") => audio(object.get("input_audio").unwrap_or(&Value::Null)),
        Some("input_file") => embedded_file(&object),
        Some("file") => {
            let inner = object.get("file").and_then(Value::as_object);
            embedded_file(inner.unwrap_or(&object))
        }
        // The forms of Anthropic's API.
        Some("image" | "document") if object.contains_key("source") => source(&object["source"]),
        // The forms of the Model Context Protocol.
        Some("image" | "audio") => embedded(&Value::Object(object)),
        Some("resource") => embedded(object.get("resource").unwrap_or(&Value::Null)),
        Some("tool_use") => call(&Value::Object(object)),
        Some("tool_result") => Ok(result(object)?.into()),
        Some(kind) => Err(format!("a part of the type `{kind}` cannot be read")),
        None => {
            let part: Part = serde_json::from_value(Value::Object(object))
                .map_err(|error| format!("a part cannot be read: {error}"))?;
            match part.kind() {
                // The Gemini API returns a thought signature in a part without data.
                None if part.thought_signature.is_none() => {
                    Err("a part has no text and no data".to_owned())
                }
                _ => Ok(part),
            }
        }
    }
}

/// Reads an image from a `data:` URL. Other URLs are refused: importing a file downloads nothing.
fn data_url(url: &str) -> Result<Part, String> {
    let data = url
        .strip_prefix("data:")
        .and_then(|url| url.split_once(";base64,"));
    let (kind, data) = data.ok_or("the image is a URL: only embedded images can be imported")?;
    Ok(Blob::from_base64(kind, data).into())
}

/// Reads the audio of OpenAI's API: `{"data": …, "format": "wav"}`.
fn audio(audio: &Value) -> Result<Part, String> {
    let data = audio["data"].as_str().ok_or("an audio part has no data")?;
    let kind = match audio["format"].as_str() {
        Some("mp3") => "audio/mpeg".to_owned(),
        format => format!("audio/{}", format.unwrap_or("wav")),
    };
    Ok(Blob::from_base64(kind, data).into())
}

/// Reads a file of OpenAI's API: its `file_data` is a `data:` URL.
fn embedded_file(file: &Map<String, Value>) -> Result<Part, String> {
    let data = text(file, "file_data");
    let part = data.as_deref().map(data_url).and_then(Result::ok);
    part.ok_or_else(|| "a file is not embedded, so it cannot be imported".to_owned())
}

/// Reads an image of Ollama's API: base64 without a media type, which the beginning of the data shows.
pub(super) fn image(data: &str) -> Result<Part, String> {
    if data.contains(':') {
        return data_url(data);
    }
    let kinds = [("/9j/", "jpeg"), ("R0lGOD", "gif"), ("UklGR", "webp")];
    let kind = kinds.iter().find(|(start, _)| data.starts_with(start));
    let kind = kind.map_or("png", |(_, kind)| kind);
    Ok(Blob::from_base64(format!("image/{kind}"), data).into())
}

/// Reads the data of an image or a document: `{"type": "base64", "media_type": …, "data": …}`.
fn source(source: &Value) -> Result<Part, String> {
    match (source["media_type"].as_str(), source["data"].as_str()) {
        (Some(kind), Some(data)) if source["type"] == "base64" => {
            Ok(Blob::from_base64(kind, data).into())
        }
        (_, Some(text)) if source["type"] == "text" => Ok(Part::text(text)),
        _ => Err("an image or document is not embedded, so it cannot be imported".to_owned()),
    }
}

/// Reads media or a resource of the Model Context Protocol: `{"mimeType": …, "data": …}`, with `blob` or `text` for the
/// data of a resource.
fn embedded(item: &Value) -> Result<Part, String> {
    let data = item["data"].as_str().or_else(|| item["blob"].as_str());
    match (item["text"].as_str(), item["mimeType"].as_str(), data) {
        (Some(text), _, _) => Ok(Part::text(text)),
        (None, Some(kind), Some(data)) => Ok(Blob::from_base64(kind, data).into()),
        _ => Err("media is not embedded, so it cannot be imported".to_owned()),
    }
}

/// Reads a function call of another API: its name and arguments are members of the call, or of its `function`.
pub(super) fn call(call: &Value) -> Result<Part, String> {
    let function = call.get("function").unwrap_or(call);
    let name = function["name"]
        .as_str()
        .ok_or("a function call has no name")?;
    let arguments = ["arguments", "args", "input"]
        .iter()
        .find_map(|member| function.get(*member));
    let arguments = arguments.cloned().unwrap_or_default();
    let mut part = FunctionCall::new(name, arguments_of(name, arguments)?);
    part.id = ["call_id", "id"]
        .iter()
        .find_map(|member| call[*member].as_str().map(str::to_owned));
    Ok(part.into())
}

/// Reads the arguments of a call: an object, or its JSON as a string. Some programs encode the string twice. Programs
/// in PHP and R write an empty object as `[]`.
fn arguments_of(name: &str, arguments: Value) -> Result<Map<String, Value>, String> {
    match arguments {
        Value::Object(arguments) => Ok(arguments),
        Value::Null => Ok(Map::new()),
        Value::Array(list) if list.is_empty() => Ok(Map::new()),
        Value::String(text) if text.is_empty() => Ok(Map::new()),
        Value::String(text) => {
            let inner = serde_json::from_str(&text)
                .map_err(|error| format!("the arguments of {name} are not JSON: {error}"))?;
            arguments_of(name, inner)
        }
        _ => Err(format!("the arguments of {name} are not an object")),
    }
}

/// Reads a `tool_result` of Anthropic's API. It has no function name: the caller finds it in the call with the same id.
fn result(mut object: Map<String, Value>) -> Result<FunctionResponse, String> {
    let mut media = Vec::new();
    let value = match object.remove("content") {
        Some(Value::Array(list)) => {
            let mut texts = Vec::new();
            for item in list.into_iter().filter(|item| !item.is_null()) {
                // The JSON of an item that cannot be read, such as a reference to a tool or a URL, is text.
                let json = item.to_string();
                match part(item) {
                    Ok(part) => match part.data {
                        Some(Data::InlineData(blob)) => media.push(blob),
                        _ => texts.push(part.as_text().map_or(json, str::to_owned)),
                    },
                    Err(_) => texts.push(json),
                }
            }
            texts.join("\n").into()
        }
        content => content.unwrap_or_default(),
    };
    let is_error = object.get("is_error") == Some(&Value::Bool(true));
    let member = if is_error { "error" } else { "result" };
    let mut response = FunctionResponse::default();
    response.id = text(&object, "tool_use_id");
    response.response = Some(Map::from_iter([(member.to_owned(), value)]));
    Ok(response.parts(media))
}

/// Returns the member with this name, if it is a string.
pub(super) fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}
