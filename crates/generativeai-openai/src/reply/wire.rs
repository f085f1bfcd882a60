//! Completions and chunks of completions, as servers send them. One set of types serves both.

use generativeai::remote::__http::Reply;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A completion, or a chunk of one. Servers send `null` for absent members.
#[derive(Debug, Deserialize)]
pub(crate) struct Completion {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    error: Option<Value>,
}

impl Reply for Completion {
    fn has_error(&self) -> bool {
        self.error.is_some() || self.object.as_deref() == Some("error")
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    #[serde(default)]
    pub(super) index: Option<usize>,
    #[serde(default)]
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) delta: Option<Message>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
    #[serde(default)]
    pub(super) logprobs: Option<Logprobs>,
}

/// A message of the assistant, or what a chunk adds to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) content: Option<Text>,
    pub(super) reasoning_content: Option<String>,
    pub(super) reasoning: Option<String>,
    pub(super) reasoning_details: Option<Vec<Value>>,
    pub(super) refusal: Option<String>,
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    pub(super) function_call: Option<Function>,
    pub(super) annotations: Option<Vec<Annotation>>,
    pub(super) images: Option<Vec<Value>>,
    role: Option<Value>,
    /// Members that only some servers have, such as the results of tools that they ran.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// Content of a message: a text, a list of parts, or at Cloudflare the object that a schema requires.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Plain(String),
    Parts(Vec<Value>),
    Object(Map<String, Value>),
}

/// A tool call, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall {
    /// Place of the call. Z.ai numbers all calls -1.
    pub(super) index: Option<i64>,
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<Arguments>,
}

/// Arguments of a call: JSON in a text, or an object.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Arguments {
    Text(String),
    Object(Map<String, Value>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Annotation {
    pub(super) url_citation: Option<Citation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Citation {
    pub(super) start_index: Option<i32>,
    pub(super) end_index: Option<i32>,
    pub(super) url: Option<String>,
    pub(super) title: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Logprobs {
    pub(super) content: Option<Vec<Token>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    pub(super) token: Option<String>,
    pub(super) logprob: Option<f64>,
    pub(super) top_logprobs: Option<Vec<Token>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    pub(super) prompt_tokens: Option<i32>,
    pub(super) completion_tokens: Option<i32>,
    pub(super) total_tokens: Option<i32>,
    pub(super) prompt_tokens_details: Option<Details>,
    pub(super) completion_tokens_details: Option<Details>,
    /// Cached tokens, at DeepSeek.
    pub(super) prompt_cache_hit_tokens: Option<i32>,
    /// Cached tokens, at Together and Moonshot.
    pub(super) cached_tokens: Option<i32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) cached_tokens: Option<i32>,
    pub(super) reasoning_tokens: Option<i32>,
}
