//! Requests: converts requests of the Gemini API into bodies of `/chat/completions`.
//!
//! A setting without an equivalent is an error and not ignored: the reply would differ from what the caller configured
//! without a sign of it. [`unsupported`] refuses most of these settings before the body is written.

mod config;
mod media;
mod messages;
mod tools;
mod unsupported;

use generativeai::Result;
use generativeai::protocol::models::id_of;
use generativeai::protocol::request::GenerateContentRequest;
use serde_json::{Value, json};

use crate::capabilities::Capabilities;
use crate::error::refused;
pub(crate) use unsupported::{check_content, check_members, refuse_unknown};

/// Whether the reply is received in one piece or in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In one piece.
    Unary,
    /// In chunks.
    Stream,
}

/// Creates the body of a request.
///
/// # Errors
///
/// [`Request`](generativeai::ErrorKind::Request): the server has no equivalent of a member. The message names it.
pub(crate) fn body(
    request: &GenerateContentRequest,
    capabilities: &Capabilities,
    mode: Mode,
) -> Result<Value> {
    unsupported::check(request, capabilities)?;
    let model = request.model.as_deref().map(id_of).unwrap_or_default();
    if model.is_empty() {
        return Err(refused("the request has no model"));
    }
    let mut body = json!({"model": model});
    body["messages"] = messages::messages(request, capabilities)?.into();
    if mode == Mode::Stream {
        body["stream"] = true.into();
        // Without this option, OpenAI and vLLM report no token counts in a stream.
        if capabilities.stream_options {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    tools::write(request, &mut body)?;
    if let Some(store) = request.store.filter(|_| capabilities.storage_and_tiers) {
        body["store"] = store.into();
    }
    if let Some(tier) = unsupported::tier(request)? {
        body["service_tier"] = tier.into();
    }
    // Last: an unknown member of the config must not replace any other member.
    if let Some(config) = request.generation_config.as_deref() {
        config::write(config, capabilities, &mut body)?;
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
