//! Conversion of the system instruction and the contents into messages.
//!
//! The two APIs structure a conversation differently. In the Gemini API one content contains parts of all kinds, and a
//! function response refers to its call by name, or by an identifier if the call has one. In the API of OpenAI each
//! function response is a message with the role `tool`. It follows the message with its call, and always has the
//! identifier of the call.

use std::collections::HashSet;

use generativeai::Result;
use generativeai::protocol::config::MediaResolution;
use generativeai::protocol::content::{
    Content, Data, FunctionCall, FunctionResponse, Part, PartMediaResolutionLevel, Role,
};
use generativeai::protocol::request::GenerateContentRequest;
use serde_json::{Value, json};

use super::media;
use super::unsupported::{check_content, check_members, refuse_first, refuse_unknown};
use crate::capabilities::Capabilities;
use crate::error::refused;
use crate::opaque::{missing_text, unpack};

/// Converts the system instruction and the contents into messages.
pub(super) fn messages(
    request: &GenerateContentRequest,
    capabilities: &Capabilities,
) -> Result<Vec<Value>> {
    let config = request.generation_config.as_deref();
    let resolution = config.and_then(|config| config.media_resolution.as_ref());
    let resolution = resolution.map(MediaResolution::as_str);
    let mut writer = Writer {
        capabilities,
        resolution: resolution.map(PartMediaResolutionLevel::from),
        messages: Vec::new(),
        open_calls: Vec::new(),
        calls: 0,
        used_ids: call_ids(request),
    };
    if let Some(instruction) = &request.system_instruction {
        check_content("systemInstruction", instruction)?;
        writer.system("systemInstruction", instruction)?;
    }
    let contents = request.contents.iter().enumerate();
    let contents: Vec<_> = contents
        .map(|(at, content)| (format!("contents[{at}]"), content))
        .collect();
    for (path, content) in &contents {
        check_content(path, content)?;
    }
    let is_model = |content: &Content| content.role == Some(Role::Model);
    // The official clients store each chunk of a streamed reply as a separate content. Together they are one message.
    for group in contents.chunk_by(|(_, one), (_, next)| is_model(one) && is_model(next)) {
        let (path, content) = &group[0];
        match &content.role {
            None | Some(Role::User | Role::Function) => writer.user(path, content)?,
            Some(Role::Model) => writer.model(group)?,
            Some(Role::System) => writer.system(path, content)?,
            // The default of the field in Protocol Buffers.
            Some(Role::Unknown(role)) if role.is_empty() => writer.user(path, content)?,
            Some(other) => {
                return Err(refused(format!(
                    "{path}.role is {:?}: use \"user\" or \"model\"",
                    other.as_str()
                )));
            }
        }
    }
    if request.contents.is_empty() {
        return Err(refused("contents is empty: add a message"));
    }
    Ok(writer.messages)
}

/// Writer of the messages of one request.
struct Writer<'request> {
    capabilities: &'request Capabilities,
    /// Resolution of media that set none themselves.
    resolution: Option<PartMediaResolutionLevel>,
    messages: Vec<Value>,
    /// Identifiers and names of the calls that have no response yet.
    open_calls: Vec<(String, String)>,
    /// Number of calls written so far, and of identifiers skipped: see [`unused_id`](Self::unused_id).
    calls: usize,
    /// Identifiers of all calls of the request.
    used_ids: HashSet<&'request str>,
}

impl Writer<'_> {
    fn system(&mut self, path: &str, content: &Content) -> Result<()> {
        let mut text = String::new();
        for (path, part) in parts(path, content) {
            check_members(&path, part)?;
            match part.as_text() {
                Some(more) => text.push_str(more),
                None => return Err(refused(format!("{path} is not text"))),
            }
        }
        self.messages
            .push(json!({"role": "system", "content": text}));
        Ok(())
    }

    /// Writes a user message. Function responses in it are written before it, as messages of tools: OpenAI requires
    /// them directly after the message with their calls.
    fn user(&mut self, path: &str, content: &Content) -> Result<()> {
        let mut pieces = Vec::new();
        for (path, part) in parts(path, content) {
            match &part.data {
                Some(Data::FunctionResponse(response)) => {
                    check_members(&path, part)?;
                    pieces.extend(self.response(&path, response)?);
                }
                _ => pieces.push(self.piece(&path, part)?),
            }
        }
        if !pieces.is_empty() {
            self.messages
                .push(json!({"role": "user", "content": joined(pieces)}));
        }
        Ok(())
    }

    /// Writes consecutive contents of the model as one message.
    fn model(&mut self, contents: &[(String, &Content)]) -> Result<()> {
        let (mut pieces, mut thoughts) = (Vec::new(), Thoughts::default());
        let (mut calls, mut extra) = (Vec::new(), None);
        // A response belongs to a call of the last message of the model, never to an earlier one.
        self.open_calls.clear();
        let parts = contents
            .iter()
            .flat_map(|(path, content)| parts(path, content));
        for (path, part) in parts {
            let signed = part.thought_signature.as_deref().and_then(unpack);
            let original = original(part);
            if original.is_none() {
                check_members(&path, part)?;
            }
            match &part.data {
                Some(Data::Text(text)) if part.is_thought() => thoughts.push(text, signed),
                Some(Data::FunctionCall(call)) => {
                    let mut call = self.call(&path, call)?;
                    if let Some(extra) = signed.and_then(|signed| self.extra_content(signed)) {
                        call["extra_content"] = extra;
                    }
                    calls.push(call);
                }
                _ => {
                    // A signature that arrived after the text is in a separate part, with an empty text or no data.
                    let is_bare = match &part.data {
                        None => part.thought_signature.is_some(),
                        Some(_) => signed.is_some() && part.as_text() == Some(""),
                    };
                    if let Some(original) = original {
                        pieces.push(original.clone());
                    } else if !is_bare {
                        pieces.push(self.piece(&path, part)?);
                    }
                    extra = signed
                        .and_then(|signed| self.extra_content(signed))
                        .or(extra);
                }
            }
        }
        // Only a message with calls may have no content: OpenAI, Ollama and DeepSeek refuse `null` in any other.
        let text = (!pieces.is_empty() || calls.is_empty()).then(|| joined(pieces));
        let mut message = json!({"role": "assistant", "content": text});
        if let Some(mut name) = self.capabilities.thoughts {
            if let Some(opaque) = thoughts.opaque {
                message["reasoning_opaque"] = opaque;
                name = "reasoning_text";
            }
            if !thoughts.text.is_empty() {
                message[name] = thoughts.text.into();
            }
            for (name, details) in [
                ("reasoning_details", thoughts.details),
                ("thinking_blocks", thoughts.blocks),
            ] {
                if !details.is_empty() {
                    message[name] = details.into();
                }
            }
        }
        if let Some(extra) = extra {
            message["extra_content"] = extra;
        }
        if !calls.is_empty() {
            message["tool_calls"] = calls.into();
        }
        self.messages.push(message);
        Ok(())
    }

    /// Returns the extra content of Google's OpenAI layer that a signature contains, if the server reads it.
    fn extra_content(&self, mut signed: Value) -> Option<Value> {
        let extra = signed.get_mut("extra_content").map(Value::take);
        extra.filter(|_| self.capabilities.extra_content)
    }

    /// Converts a function call, and adds it to the open calls.
    fn call(&mut self, path: &str, call: &FunctionCall) -> Result<Value> {
        if !call.is_complete() {
            return Err(refused(format!(
                "{path}.functionCall is not complete: remove the message, or undo its turn"
            )));
        }
        refuse_unknown(&format!("{path}.functionCall"), &call.unknown)?;
        self.calls += 1;
        let id = call.id.clone().filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| self.unused_id());
        self.open_calls.push((id.clone(), call.name().to_owned()));
        let arguments = call.args.clone().unwrap_or_default();
        let arguments = Value::Object(arguments).to_string();
        let function = json!({"name": call.name(), "arguments": arguments});
        Ok(json!({"id": id, "type": "function", "function": function}))
    }

    /// Returns an identifier for a call that has none, as the Gemini API sends them: `call_` and its number. Numbers of
    /// identifiers that another call has are skipped, since a response would belong to both calls.
    fn unused_id(&mut self) -> String {
        loop {
            let id = format!("call_{}", self.calls);
            if !self.used_ids.contains(id.as_str()) {
                return id;
            }
            self.calls += 1;
        }
    }

    /// Writes a function response as a message of a tool. Returns the media that this message cannot contain, which the
    /// caller adds to a user message.
    fn response(&mut self, path: &str, response: &FunctionResponse) -> Result<Vec<Value>> {
        let path = format!("{path}.functionResponse");
        let set = [
            ("willContinue", response.will_continue == Some(true)),
            ("scheduling", response.scheduling.is_some()),
        ];
        refuse_first(&path, &set)?;
        refuse_unknown(&path, &response.unknown)?;
        let name = response.name.as_deref().unwrap_or_default();
        // Without an identifier, the responses to several calls of one function are in the order of the calls.
        let open = |wanted: &dyn Fn(&str, &str) -> bool| {
            let mut calls = self.open_calls.iter();
            calls.position(|(id, called)| wanted(id, called))
        };
        let found = match response.id.as_deref().filter(|id| !id.is_empty()) {
            Some(wanted) => open(&|id, _| id == wanted),
            // RubyLLM sends the identifier of the call as the name, and the Gemini API accepts any name.
            None => open(&|_, called| called == name)
                .or_else(|| open(&|id, _| id == name))
                .or_else(|| (self.open_calls.len() == 1).then_some(0)),
        };
        let found = found.ok_or_else(|| {
            refused(format!(
                "{path} of `{name}` answers no call of the message before it"
            ))
        })?;
        let (id, _) = self.open_calls.remove(found);
        let result = response.response.clone().unwrap_or_default();
        let result = json!({"type": "text", "text": Value::Object(result).to_string()});
        let mut media = Vec::new();
        for (at, part) in response.parts.iter().enumerate() {
            let path = format!("{path}.parts[{at}]");
            refuse_unknown(&path, &part.unknown)?;
            media.push(match (&part.inline_data, &part.file_data) {
                (Some(_), Some(_)) => {
                    return Err(refused(format!(
                        "{path} has both inlineData and fileData: remove one of them"
                    )));
                }
                (Some(blob), None) => media::inline(&path, blob, self.capabilities)?,
                (None, Some(file)) => media::file(&path, file, self.capabilities)?,
                (None, None) => return Err(refused(format!("{path} is empty"))),
            });
        }
        let is_image = |part: &Value| part["type"] == "image_url";
        let stays = self.capabilities.images_in_tool_messages && media.iter().all(is_image);
        let mut content = vec![result];
        if stays {
            content.append(&mut media);
        } else if !media.is_empty() {
            let about = format!("Media of the response of `{name}`:");
            media.insert(0, json!({"type": "text", "text": about}));
        }
        let content = joined(content);
        self.messages
            .push(json!({"role": "tool", "tool_call_id": id, "content": content}));
        Ok(media)
    }

    /// Converts a part that messages of both sides may contain: text, media, or code that the Gemini API has run.
    fn piece(&self, path: &str, part: &Part) -> Result<Value> {
        check_members(path, part)?;
        let text = |text: &str| json!({"type": "text", "text": text});
        let mut piece = match &part.data {
            Some(Data::Text(words)) => text(words),
            Some(Data::InlineData(blob)) => media::inline(path, blob, self.capabilities)?,
            Some(Data::FileData(file)) => media::file(path, file, self.capabilities)?,
            Some(Data::ExecutableCode(code)) => {
                refuse_unknown(&format!("{path}.executableCode"), &code.unknown)?;
                let code = code.code.as_deref().unwrap_or_default();
                text(&format!("\n```python\n{code}\n```\n"))
            }
            Some(Data::CodeExecutionResult(result)) => {
                refuse_unknown(&format!("{path}.codeExecutionResult"), &result.unknown)?;
                let output = result.output.as_deref().unwrap_or_default();
                text(&format!("\n```\n{output}\n```\n"))
            }
            Some(_) => {
                return Err(refused(format!(
                    "{path} is a {}, which the server does not read in this message",
                    part.kind().unwrap_or("part")
                )));
            }
            None => return Err(refused(format!("{path} is empty or unknown"))),
        };
        let own = part.media_resolution.as_deref();
        let own = own.and_then(|resolution| resolution.level.as_ref());
        if let Some(level) = own {
            media::set_detail(&format!("{path}.mediaResolution"), &mut piece, level)?;
        } else if let Some(level) = &self.resolution {
            media::set_detail("generationConfig.mediaResolution", &mut piece, level)?;
        }
        Ok(piece)
    }
}

/// Returns the original of a part of an unknown kind, which a server sent in a list. It is sent back unchanged.
fn original(part: &Part) -> Option<&Value> {
    let mut members = part.unknown.iter();
    match (&part.data, members.next(), members.next()) {
        // A part without a type is kept as `part`.
        (None, Some((kind, original)), None) => {
            (original["type"].as_str().unwrap_or("part") == kind).then_some(original)
        }
        _ => None,
    }
}

/// Returns the identifiers of the calls of a request.
fn call_ids(request: &GenerateContentRequest) -> HashSet<&str> {
    let parts = request.contents.iter().flat_map(|content| &content.parts);
    let ids = parts.filter_map(|part| match &part.data {
        Some(Data::FunctionCall(call)) => call.id.as_deref(),
        _ => None,
    });
    ids.collect()
}

/// Returns the parts of a content with their paths.
fn parts<'content>(
    path: &str,
    content: &'content Content,
) -> impl Iterator<Item = (String, &'content Part)> {
    let parts = content.parts.iter().enumerate();
    parts.map(move |(at, part)| (format!("{path}.parts[{at}]"), part))
}

/// Returns the content of a message: a list of parts, or a string if all parts are text. Every server accepts a string,
/// but not every server accepts a list.
fn joined(pieces: Vec<Value>) -> Value {
    let texts: Option<Vec<&str>> = pieces.iter().map(|piece| piece["text"].as_str()).collect();
    match texts {
        Some(texts) => texts.concat().into(),
        None => pieces.into(),
    }
}

/// Thoughts of a message in the history: their text, and the details that the server sent, which are stored as
/// signatures.
#[derive(Default)]
struct Thoughts {
    text: String,
    /// Details of OpenRouter.
    details: Vec<Value>,
    /// Details of LiteLLM.
    blocks: Vec<Value>,
    /// Encrypted thoughts of Copilot.
    opaque: Option<Value>,
    /// Length of the text that the details so far cover.
    detailed: usize,
}

impl Thoughts {
    fn push(&mut self, text: &str, signed: Option<Value>) {
        self.text.push_str(text);
        let mut detail = signed.unwrap_or_default();
        let details = match detail["type"].as_str() {
            Some("reasoning_opaque") => {
                self.opaque = Some(detail["data"].take());
                return;
            }
            Some("thinking" | "redacted_thinking") => &mut self.blocks,
            Some(kind) if kind.starts_with("reasoning.") => &mut self.details,
            _ => return,
        };
        // A stream contains the text in pieces, and then the signature alone. The server signed both together, so the
        // text is put back into the detail.
        let signed_text = &self.text[self.detailed..];
        if let Some(name) = missing_text(&detail).filter(|_| !signed_text.is_empty()) {
            detail[name] = signed_text.into();
        }
        self.detailed = self.text.len();
        details.push(detail);
    }
}
