//! Recorded requests and replies, read and written.

use std::collections::BTreeMap;
use std::fmt::Debug;

use generativeai::protocol::caches::CachedContent;
use generativeai::protocol::embeddings::{BatchEmbedContentsRequest, BatchEmbedContentsResponse};
use generativeai::protocol::files::UploadedFile;
use generativeai::protocol::models::ListModelsResponse;
use generativeai::protocol::request::GenerateContentRequest;
use generativeai::protocol::response::GenerateContentResponse;
use generativeai::protocol::status::ErrorBody;
use generativeai::protocol::tokens::{CountTokensRequest, CountTokensResponse};
use generativeai::protocol::{ReadJson, read_json};
use serde::Serialize;
use serde_json::Value;

use super::compare::same;
use super::{Exchange, Report, exchanges, print};

/// Number of times that an unknown member or value may occur before it has to get a field or a variant.
const MAX_UNKNOWN: usize = 2;

/// Message after reading and writing: its JSON, and its `Debug` output.
type Echo = Result<(Value, String), String>;

fn echo<T: ReadJson + Serialize + Debug>(json: &Value) -> Echo {
    let read: T = read_json(json.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    Ok((written, format!("{read:?}")))
}

/// Reads and writes a request; `None` if this library does not make such requests.
fn echo_request(exchange: &Exchange) -> Option<Echo> {
    let json = &exchange.request;
    Some(match exchange.kind().as_str() {
        _ if json.is_null() => return None,
        "generateContent" | "streamGenerateContent" => echo::<GenerateContentRequest>(json),
        "countTokens" => echo::<CountTokensRequest>(json),
        "batchEmbedContents" => echo::<BatchEmbedContentsRequest>(json),
        "POST cachedContents" | "PATCH cachedContents" => echo::<CachedContent>(json),
        "POST files" => echo::<UploadedFile>(json),
        _ => return None,
    })
}

/// Reads and writes a reply, or a chunk of one.
fn echo_reply(exchange: &Exchange, json: &Value) -> Option<Echo> {
    Some(match exchange.kind().as_str() {
        _ if json.get("error").is_some() => echo::<ErrorBody>(json),
        "generateContent" | "streamGenerateContent" => echo::<GenerateContentResponse>(json),
        "countTokens" => echo::<CountTokensResponse>(json),
        "batchEmbedContents" => echo::<BatchEmbedContentsResponse>(json),
        "GET models" => echo::<ListModelsResponse>(json),
        "POST cachedContents" | "PATCH cachedContents" => echo::<CachedContent>(json),
        "GET cachedContents" if json.get("name").is_some() => echo::<CachedContent>(json),
        _ => return None,
    })
}

/// Unknown members and values in `Debug` output, and how often each occurs.
#[derive(Default)]
struct Unknown(BTreeMap<String, usize>);

impl Unknown {
    fn note(&mut self, debug: &str) {
        for mark in ["unknown: {\"", "Unknown(\""] {
            for found in debug.split(mark).skip(1) {
                let name = found.split('"').next().unwrap_or_default();
                *self.0.entry(format!("{mark}{name}")).or_default() += 1;
            }
        }
    }
}

#[test]
fn recorded_messages_are_written_as_they_were_read() {
    let mut report = Report::default();
    let mut unknown = Unknown::default();
    for exchange in &exchanges() {
        report.exchanges += 1;
        let replies = exchange.values();
        let request = echo_request(exchange).map(|echo| (&exchange.request, echo));
        let replies = replies
            .iter()
            .filter_map(|json| Some((json, echo_reply(exchange, json)?)));
        let messages: Vec<_> = request.into_iter().chain(replies).collect();
        if messages.is_empty() {
            report.explain("of a method that this library does not have");
        }
        for (json, echo) in messages {
            let written = echo.and_then(|(written, debug)| {
                unknown.note(&debug);
                same(json, &written)
            });
            report.check(&exchange.id, &exchange.kind(), written);
        }
    }
    for (name, count) in &unknown.0 {
        print(&format!("  {count} × {name}"));
        if *count > MAX_UNKNOWN {
            report
                .deviations
                .push(format!("{name} occurs {count} times and is not typed"));
        }
    }
    report.finish("recorded messages");
}
