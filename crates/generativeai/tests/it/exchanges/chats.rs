//! Recorded chats, played through `Remote`: at several splits and cuts of the reply, saved, loaded and sent again.

use generativeai::protocol::content::Content;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::{
    ChatSession, ErrorKind, GenerativeModel, Reason, Remote, RequestOptions, Result,
};
use serde_json::{Value, json};

use super::compare::same;
use super::server::{Player, Script};
use super::{Exchange, Report, exchanges};
use crate::support::mode::Mode;

/// Bodies up to this length are also sent in small pieces and cut.
const SMALL: usize = 100_000;

/// Returns the last usage of a reply. Vertex AI sends `billablePromptUsage` in the first chunk only.
fn usage(chunks: &[Value]) -> Option<Value> {
    const BILLABLE: &str = "billablePromptUsage";
    let usages = chunks.iter().rev();
    let mut usages = usages.filter_map(|chunk| chunk.get("usageMetadata"));
    let mut usage = usages.next()?.clone();
    let earlier = usages.find_map(|usage| usage.get(BILLABLE));
    if let (None, Some(billable)) = (usage.get(BILLABLE), earlier) {
        usage[BILLABLE] = billable.clone();
    }
    Some(usage)
}

/// Content of a recorded reply, taken from its JSON.
struct Expected {
    status: u16,
    text: String,
    signatures: Vec<Value>,
    calls: Vec<Value>,
    usage: Option<Value>,
    finish_reason: Option<Value>,
    /// Data of the parts that a history contains.
    data: Value,
    has_content: bool,
}

impl Expected {
    fn of(exchange: &Exchange, chunks: &[Value]) -> Self {
        let candidate = |chunk: &Value| chunk.pointer("/candidates/0").cloned();
        let candidates: Vec<Value> = chunks.iter().filter_map(candidate).collect();
        let parts = candidates
            .iter()
            .filter_map(|one| one.pointer("/content/parts"));
        let parts: Vec<Value> = parts
            .flat_map(|parts| parts.as_array().cloned().unwrap_or_default())
            .collect();
        let last = |name: &str, values: &[Value]| {
            values
                .iter()
                .rev()
                .find_map(|value| value.get(name).cloned())
        };
        Self {
            status: exchange.status,
            text: texts(&parts, false),
            signatures: each(&parts, "thoughtSignature"),
            calls: whole_calls(&parts),
            usage: usage(chunks),
            finish_reason: last("finishReason", &candidates),
            data: data(&parts),
            has_content: !parts.iter().all(is_empty),
        }
    }

    /// Returns the kind of the error that ends the turn, if it does not complete.
    fn error(&self) -> Option<ErrorKind> {
        let reason = self.finish_reason.as_ref().and_then(Value::as_str);
        match reason {
            _ if self.status >= 400 => Some(ErrorKind::from_http_code(self.status)),
            Some("STOP" | "MAX_TOKENS") | None if !self.has_content => Some(ErrorKind::Empty),
            Some("STOP" | "MAX_TOKENS") | None => None,
            Some(_) => Some(ErrorKind::Stopped),
        }
    }
}

fn texts(parts: &[Value], thoughts: bool) -> String {
    let of = parts
        .iter()
        .filter(|part| (part["thought"] == true) == thoughts);
    of.filter_map(|part| part["text"].as_str()).collect()
}

fn each(parts: &[Value], name: &str) -> Vec<Value> {
    parts
        .iter()
        .filter_map(|part| part.get(name).cloned())
        .collect()
}

/// Returns the calls, without those that are streamed in pieces.
fn whole_calls(parts: &[Value]) -> Vec<Value> {
    let calls = each(parts, "functionCall").into_iter();
    let is_whole = |call: &Value| call["willContinue"].is_null() && call["partialArgs"].is_null();
    let calls = calls.filter(|call| is_whole(call) && *call != json!({}));
    calls.collect()
}

/// Returns the data of parts by kind: merging and sending again must not change any of it.
fn data(parts: &[Value]) -> Value {
    let all = |path: &str| -> String {
        parts
            .iter()
            .filter_map(|part| part.pointer(path)?.as_str())
            .collect()
    };
    json!({
        "text": texts(parts, false),
        "thoughts": texts(parts, true),
        "code": all("/executableCode/code"),
        "results": all("/codeExecutionResult/output"),
        "signatures": each(parts, "thoughtSignature"),
        "media": each(parts, "inlineData"),
    })
}

/// Returns the chat of a recorded request: its history, and its message.
fn chat(exchange: &Exchange, player: &Player) -> Option<(ChatSession, Content)> {
    let contents: Vec<Content> =
        serde_json::from_value(exchange.request["contents"].clone()).ok()?;
    let (message, history) = contents.split_last()?;
    let chat = GenerativeModel::new("m")
        .backend(remote(player))
        .start_chat();
    Some((chat.with_history(history), message.clone()))
}

fn remote(player: &Player) -> Remote {
    let options = RequestOptions::default().without_retry();
    let remote = Remote::builder()
        .base_url(&player.url)
        .api_key("k")
        .request_options(options);
    remote.build().expect("good settings")
}

fn script(exchange: &Exchange, piece: usize, cut: Option<usize>) -> Script {
    Script {
        status: exchange.status,
        content_type: exchange.content_type.clone(),
        body: exchange.body.clone().into_bytes(),
        piece,
        cut,
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found:?} instead of {expected:?}")),
    }
}

/// Compares a reply with the recording.
fn compare(reply: &GenerateContentResponse, expected: &Expected) -> Result<(), String> {
    let first = reply.candidates.first().ok_or("no candidate")?;
    let written = json!(first);
    let parts = written.pointer("/content/parts").and_then(Value::as_array);
    let parts = parts.cloned().unwrap_or_default();
    equal(texts(&parts, false), expected.text.clone())?;
    equal(
        each(&parts, "thoughtSignature"),
        expected.signatures.clone(),
    )?;
    equal(data(&parts), expected.data.clone())?;
    let calls = each(&parts, "functionCall");
    for (at, call) in expected.calls.iter().enumerate() {
        same(call, calls.get(at).unwrap_or(&Value::Null))?;
    }
    same(&json!(expected.usage), &json!(reply.usage_metadata))?;
    equal(
        written.get("finishReason").cloned(),
        expected.finish_reason.clone(),
    )
}

/// Compares the outcome of a turn with the recording.
fn judge(
    chat: &ChatSession,
    outcome: &Result<GenerateContentResponse>,
    expected: &Expected,
) -> Result<(), String> {
    match (outcome, expected.error()) {
        (Ok(reply), None) => compare(reply, expected),
        (Err(error), Some(kind)) => {
            let is_about_key =
                error.kind() == ErrorKind::Authentication || error.kind() == ErrorKind::Quota;
            if !(is_about_key && expected.status >= 400) {
                equal(error.kind(), kind)?;
            }
            if expected.status >= 400 {
                equal(error.http_code(), Some(expected.status))?;
                let status = error.status().and_then(|status| status.message.as_deref());
                equal(status.is_some_and(|message| !message.is_empty()), true)?;
            }
            equal(chat.unfinished().is_some(), true)
        }
        (Ok(_), Some(kind)) => Err(format!("complete instead of {kind}")),
        (Err(error), None) => Err(format!("{error:#?}")),
    }
}

/// Saves and loads a chat, sends another message, and compares what is sent with the recorded conversation.
async fn send_again(
    exchange: &Exchange,
    chat: &ChatSession,
    player: &Player,
    expected: &Expected,
) -> Result<(), String> {
    let saved = serde_json::to_string(chat).map_err(|error| error.to_string())?;
    let loaded: ChatSession = serde_json::from_str(&saved).map_err(|error| error.to_string())?;
    equal(loaded.history(), chat.history())?;
    let reply =
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Fine."}]}}]});
    player.play(Script {
        status: 200,
        content_type: "application/json".into(),
        body: reply.to_string().into_bytes(),
        piece: 1 << 20,
        cut: None,
    });
    let mut chat = loaded.backend(remote(player));
    chat.send_message("And then?")
        .await
        .map_err(|error| error.to_string())?;
    let sent = player.last_request();
    let mut recorded = exchange.request["contents"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    recorded.iter_mut().for_each(without_empty_texts);
    let sent = sent["contents"].as_array().cloned().unwrap_or_default();
    let Some((reply, earlier)) = sent.get(..sent.len() - 1).and_then(<[Value]>::split_last) else {
        return Err("nothing was sent".into());
    };
    same(&json!(recorded), &json!(earlier))?;
    let parts = reply["parts"].as_array().cloned().unwrap_or_default();
    equal(data(&parts), expected.data.clone())
}

/// Removes empty text next to other parts of a model's content: a history does not contain it.
fn without_empty_texts(content: &mut Value) {
    if content["role"] == "model"
        && let Some(parts) = content["parts"].as_array_mut()
        && !parts.iter().all(is_empty)
    {
        parts.retain(|part| !is_empty(part));
    }
}

fn is_empty(part: &Value) -> bool {
    let members = part.as_object().into_iter().flatten();
    members
        .into_iter()
        .all(|(name, value)| name == "thought" || name == "text" && value == "")
}

/// Checks a reply whose body ends early: it is an error with a part of the reply, or was complete before.
fn judge_cut(
    chat: &ChatSession,
    outcome: &Result<GenerateContentResponse>,
    expected: &Expected,
) -> Result<(), String> {
    let received = json!(chat.last());
    let parts = received.pointer("/candidates/0/content/parts");
    let parts = parts.and_then(Value::as_array).map(Vec::as_slice);
    let text = texts(parts.unwrap_or_default(), false);
    equal(expected.text.starts_with(&text), true)?;
    match outcome {
        Ok(_) => equal(text, expected.text.clone()),
        Err(error) => {
            let turn = chat.unfinished().ok_or("no unfinished turn")?;
            equal(matches!(turn.reason, Reason::Interrupted), false)?;
            let kinds = [
                ErrorKind::Truncated,
                ErrorKind::Unreachable,
                ErrorKind::Empty,
                ErrorKind::Stopped,
            ];
            match kinds.contains(&error.kind()) || expected.status >= 400 {
                true => Ok(()),
                false => Err(format!("{error:#?}")),
            }
        }
    }
}

#[tokio::test]
async fn recorded_chats_are_played_at_any_split_and_cut() {
    let mut report = Report::default();
    let player = Player::start();
    for exchange in &exchanges() {
        let mode = match exchange.kind().as_str() {
            "generateContent" => Mode::Awaited,
            "streamGenerateContent" => Mode::Streamed,
            _ => continue,
        };
        report.exchanges += 1;
        let id = &exchange.id;
        let expected = Expected::of(exchange, &exchange.values());
        let length = exchange.body.len();
        let pieces = [1 << 20, 7, 1_000]
            .into_iter()
            .take(if length < SMALL { 3 } else { 1 });
        for piece in pieces {
            let Some((mut chat, message)) = chat(exchange, &player) else {
                report.check(id, "contents", Err("cannot be read".into()));
                break;
            };
            player.play(script(exchange, piece, None));
            let outcome = mode.send(&mut chat, message).await;
            player.last_request();
            let what = format!("in pieces of {piece}");
            report.check(id, &what, judge(&chat, &outcome, &expected));
            if outcome.is_ok() && piece == 1 << 20 {
                let again = send_again(exchange, &chat, &player, &expected).await;
                report.check(id, "sent again", again);
            }
        }
        let cuts = [
            length / 3,
            length / 2,
            length * 9 / 10,
            length.saturating_sub(3),
        ];
        for cut in cuts.into_iter().filter(|_| length < SMALL) {
            let Some((mut chat, message)) = chat(exchange, &player) else {
                break;
            };
            player.play(script(exchange, 500, Some(cut)));
            let outcome = mode.send(&mut chat, message).await;
            player.last_request();
            report.check(
                id,
                &format!("cut at {cut}"),
                judge_cut(&chat, &outcome, &expected),
            );
        }
    }
    report.finish("recorded chats");
}
