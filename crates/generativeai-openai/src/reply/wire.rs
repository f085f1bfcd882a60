//! Wire types of completions and of chunks. One set of types serves both, as they differ only in `message` and `delta`.
//!
//! All servers are read with the same types. Every member is optional, and members whose type differs between servers
//! use [`lenient`]. Two names of one member are two fields: some servers send both, which `serde(alias)` refuses. A
//! member that is read nowhere has to be listed only if it would otherwise appear among the unknown members of the
//! response.
//!
//! `chunks` destructures [`Completion`], [`Choice`] and [`Message`], so the compiler demands that a new field is read.
//! A new name of the text or the thoughts also belongs in `expected` of `tests/it/recorded.rs`, which reads recorded
//! replies without these types.

use generativeai::remote::__http::Reply;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::error::BARE;
use crate::lenient;

/// A completion, or a chunk of one. Servers also send `null` for absent members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Completion {
    #[serde(deserialize_with = "lenient::text")]
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice>>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) usage: Option<Usage>,
    /// URLs of web pages, at Perplexity and xAI.
    pub(super) citations: Option<Value>,
    /// Web pages, at Perplexity.
    pub(super) search_results: Option<Value>,
    /// Groq's own members: the usage of a stream, and an error.
    pub(super) x_groq: Option<Value>,
    pub(super) object: Option<String>,
    pub(super) error: Option<Value>,
    /// Listed so that it is not among the unknown members: the Gemini API has no equivalent.
    pub(super) created: IgnoredAny,
    /// Random padding, so that the size of an encrypted chunk does not reveal the length of its text.
    pub(super) obfuscation: IgnoredAny,
    /// Members that only some servers have.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

impl Reply for Completion {
    fn read(&mut self, json: &[u8]) -> serde_json::Result<()> {
        *self = lenient::from_json(json)?;
        Ok(())
    }

    fn has_error(&self) -> bool {
        let choices = self.choices.iter().flatten();
        let groq = self.x_groq.as_ref().and_then(|groq| groq.get("error"));
        // Some servers end a stream with an error whose members are not nested in `error`.
        let is_bare =
            self.choices.is_none() && BARE.iter().any(|name| self.others.contains_key(*name));
        self.error.is_some()
            || is_bare
            || self.object.as_deref() == Some("error")
            || groq.is_some_and(|error| !error.is_null())
            || choices.into_iter().any(|choice| choice.error.is_some())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(deserialize_with = "lenient::integer")]
    pub(super) index: Option<i64>,
    pub(super) message: Option<Message>,
    pub(super) delta: Option<Message>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) finish_reason: Option<String>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) logprobs: Option<Logprobs>,
    /// Usage of a stream, at Moonshot.
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) usage: Option<Usage>,
    /// Error of the provider, at OpenRouter. See [`Completion::has_error`].
    pub(super) error: Option<Value>,
    /// Random padding, as in [`Completion`].
    pub(super) obfuscation: IgnoredAny,
    /// Members that only some servers have, such as the results of filters.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// A message of the assistant, or the delta of a chunk.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    pub(super) content: Option<Text>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) reasoning_content: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) reasoning: Option<String>,
    /// Thoughts at GitHub Copilot.
    #[serde(deserialize_with = "lenient::text")]
    pub(super) reasoning_text: Option<String>,
    /// Encrypted thoughts at GitHub Copilot, at the end of `reasoning_text`.
    #[serde(deserialize_with = "lenient::text")]
    pub(super) reasoning_opaque: Option<String>,
    /// Thoughts of OpenRouter, next to `reasoning`; MiniMax sends them without it.
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) reasoning_details: Option<Vec<Value>>,
    /// Thoughts of Anthropic's models behind LiteLLM, next to `reasoning_content`.
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) thinking_blocks: Option<Vec<Value>>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) refusal: Option<String>,
    #[serde(deserialize_with = "lenient::objects")]
    pub(super) tool_calls: Option<Vec<ToolCall>>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) function_call: Option<Function>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) annotations: Option<Vec<Value>>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) images: Option<Vec<Value>>,
    /// Audio of a reply, with its transcript.
    pub(super) audio: Option<Value>,
    /// Members of Google's OpenAI layer: whether the content is a thought, and its signature.
    pub(super) extra_content: Option<Value>,
    /// Listed so that it is not among the unknown members: the role of a reply is always the model.
    pub(super) role: IgnoredAny,
    /// Members that only some servers have, such as the results of tools that they ran.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

/// Content of a message: a string, a list of parts, or from Cloudflare the value that a schema requires.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Plain(String),
    Parts(Vec<Value>),
    Json(Value),
}

/// A tool call, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall {
    /// Position of the call among those of the reply. Z.ai numbers all calls -1.
    #[serde(deserialize_with = "lenient::integer")]
    pub(super) index: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub(super) id: Option<String>,
    #[serde(rename = "type", deserialize_with = "lenient::text")]
    pub(super) kind: Option<String>,
    pub(super) function: Option<Function>,
    pub(super) custom: Option<Custom>,
    /// Signature of a thought, in Google's OpenAI layer.
    pub(super) extra_content: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<Arguments>,
}

impl Function {
    /// Returns whether the function has neither a name nor arguments. Snowflake sends such a `function_call` with each
    /// message.
    pub(super) fn is_empty(&self) -> bool {
        let has_name = self.name.as_deref().is_some_and(|name| !name.is_empty());
        let has_arguments = match &self.arguments {
            None => false,
            Some(Arguments::Text(text)) => !text.is_empty(),
            Some(Arguments::Json(json)) => !json.is_null(),
        };
        !has_name && !has_arguments
    }
}

/// Arguments of a call: JSON in a string, or the JSON itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Arguments {
    Text(String),
    Json(Value),
}

/// Call of a custom tool, whose input is plain text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Custom {
    pub(super) name: Option<String>,
    pub(super) input: Option<String>,
}

impl Custom {
    /// Returns whether the call has neither a name nor an input. Snowflake adds such a `custom` to calls of functions.
    pub(super) fn is_empty(&self) -> bool {
        let members = [&self.name, &self.input];
        members
            .into_iter()
            .all(|member| member.as_deref().is_none_or(str::is_empty))
    }
}

/// Citation of a web page. The indices are positions in the text of the message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Citation {
    #[serde(deserialize_with = "lenient::count")]
    pub(super) start_index: Option<i32>,
    #[serde(deserialize_with = "lenient::count")]
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
    #[serde(deserialize_with = "lenient::count")]
    pub(super) prompt_tokens: Option<i32>,
    #[serde(deserialize_with = "lenient::count")]
    pub(super) completion_tokens: Option<i32>,
    #[serde(deserialize_with = "lenient::count")]
    pub(super) total_tokens: Option<i32>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) prompt_tokens_details: Option<Details>,
    #[serde(deserialize_with = "lenient::optional")]
    pub(super) completion_tokens_details: Option<Details>,
    /// Tokens of thinking, at SGLang and Perplexity.
    #[serde(deserialize_with = "lenient::count")]
    pub(super) reasoning_tokens: Option<i32>,
    /// Cached tokens, at DeepSeek.
    #[serde(deserialize_with = "lenient::count")]
    pub(super) prompt_cache_hit_tokens: Option<i32>,
    /// Cached tokens, at Together and Moonshot.
    #[serde(deserialize_with = "lenient::count")]
    pub(super) cached_tokens: Option<i32>,
    /// Members that only some servers have, such as the cost.
    #[serde(flatten)]
    pub(super) others: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    #[serde(deserialize_with = "lenient::count")]
    pub(super) cached_tokens: Option<i32>,
    #[serde(deserialize_with = "lenient::count")]
    pub(super) reasoning_tokens: Option<i32>,
}
