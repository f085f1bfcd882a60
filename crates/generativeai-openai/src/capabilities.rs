//! Differences between the requests of OpenAI-compatible servers, and a table of the known servers.

/// Capabilities of an OpenAI-compatible server.
///
/// They decide how a request is written, and which settings are refused before sending. Replies of all servers are read
/// alike. [`of`](Self::of) chooses the capabilities by the base URL. If a known server has another address, or a server
/// differs from the others of its kind, change the fields:
///
/// ```
/// use generativeai_openai::{Capabilities, OpenAi};
///
/// let url = "http://localhost:8000/v1";
/// let mut capabilities = Capabilities::of(url);
/// capabilities.audio = false;
/// let server = OpenAi::builder().base_url(url).capabilities(capabilities).build()?;
/// # Ok::<(), generativeai::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Member for the maximum length of a reply: `max_tokens`, or `max_completion_tokens` at OpenAI, whose newer
    /// models refuse `max_tokens`.
    pub max_tokens: &'static str,
    /// Member for the seed: `seed`, or `random_seed` at Mistral.
    pub seed: &'static str,
    /// Whether to request the token counts of a stream with `stream_options`. If not, the server sends them anyway, or
    /// not at all.
    pub stream_options: bool,
    /// Whether the server has `top_k`. If not, a request that sets `topK` is refused.
    pub top_k: bool,
    /// Whether the server generates several replies (`n`). If not, a `candidateCount` above 1 is refused.
    pub several_candidates: bool,
    /// Whether the server returns log probabilities. If not, `responseLogprobs` is refused.
    pub logprobs: bool,
    /// Member of a request that sets the amount of thinking.
    pub thinking: Thinking,
    /// Member that contains the thoughts of an assistant message in the history of a request. `None` if the server
    /// refuses them; then thoughts are omitted from the history. A reply is read under every known name.
    pub thoughts: Option<&'static str>,
    /// Whether assistant messages may contain `extra_content`, in which Google's OpenAI layer sends the signatures of
    /// thoughts. If not, it is omitted from the history.
    pub extra_content: bool,
    /// Whether messages of tools may contain images. If not, images in a function response are sent in a user message
    /// after it.
    pub images_in_tool_messages: bool,
    /// Whether messages may contain audio (`input_audio`).
    pub audio: bool,
    /// Whether messages may contain videos (`video_url`), as data or by their URL.
    pub video: bool,
    /// Whether messages may contain PDF files (`file`).
    pub files: bool,
    /// Whether the server has `store` and `service_tier`.
    pub storage_and_tiers: bool,
}

/// Member of a request that sets the amount of thinking.
///
/// It is the translation of `thinkingLevel` and `thinkingBudget`. A level or budget without a translation is refused,
/// and so is a request with both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thinking {
    /// `reasoning_effort`, with `none` for a budget of 0. Other budgets are refused.
    Effort,
    /// `reasoning_effort`. A budget of 0 sets `enable_thinking` to false in `chat_template_kwargs`, which the chat
    /// template of the model reads. Other budgets are refused.
    Template,
    /// `thinking`, which a budget of 0 disables. Levels and other budgets are refused.
    Switch,
    /// An object `reasoning` with a level (`effort`) or a budget (`max_tokens`).
    Object,
}

/// vLLM, llama.cpp, SGLang, LM Studio, and every other server.
const GENERIC: Capabilities = Capabilities {
    max_tokens: "max_tokens",
    seed: "seed",
    stream_options: true,
    top_k: true,
    several_candidates: true,
    logprobs: true,
    thinking: Thinking::Template,
    thoughts: Some("reasoning_content"),
    // A proxy may forward to Gemini, which refuses calls without their signature.
    extra_content: true,
    images_in_tool_messages: true,
    audio: true,
    video: true,
    files: false,
    storage_and_tiers: false,
};

/// OpenAI, and Azure, which serves its models.
const OPENAI: Capabilities = Capabilities {
    max_tokens: "max_completion_tokens",
    top_k: false,
    thinking: Thinking::Effort,
    thoughts: None,
    extra_content: false,
    images_in_tool_messages: false,
    video: false,
    files: true,
    storage_and_tiers: true,
    ..GENERIC
};

const OLLAMA: Capabilities = Capabilities {
    top_k: false,
    several_candidates: false,
    thinking: Thinking::Effort,
    thoughts: Some("reasoning"),
    extra_content: false,
    audio: false,
    video: false,
    ..GENERIC
};

const OPENROUTER: Capabilities = Capabilities {
    several_candidates: false,
    thinking: Thinking::Object,
    thoughts: Some("reasoning"),
    extra_content: false,
    files: true,
    ..GENERIC
};

const DEEPSEEK: Capabilities = Capabilities {
    top_k: false,
    several_candidates: false,
    thinking: Thinking::Switch,
    extra_content: false,
    images_in_tool_messages: false,
    audio: false,
    video: false,
    ..GENERIC
};

const GROQ: Capabilities = Capabilities {
    top_k: false,
    several_candidates: false,
    logprobs: false,
    thinking: Thinking::Effort,
    thoughts: Some("reasoning"),
    extra_content: false,
    images_in_tool_messages: false,
    audio: false,
    video: false,
    ..GENERIC
};

/// Mistral. It refuses a request with an unknown member, so every missing ability has to be listed.
const MISTRAL: Capabilities = Capabilities {
    seed: "random_seed",
    stream_options: false,
    top_k: false,
    logprobs: false,
    thinking: Thinking::Effort,
    thoughts: None,
    extra_content: false,
    images_in_tool_messages: false,
    audio: false,
    video: false,
    ..GENERIC
};

/// Google's OpenAI layer of Gemini.
const GEMINI: Capabilities = Capabilities {
    top_k: false,
    logprobs: false,
    thinking: Thinking::Effort,
    thoughts: None,
    images_in_tool_messages: false,
    video: false,
    ..GENERIC
};

/// Capabilities by a part of the base URL. Ollama is recognized by its default port, since it runs on any machine.
const SERVERS: [(&str, &Capabilities); 9] = [
    ("//api.openai.com", &OPENAI),
    (":11434", &OLLAMA),
    ("//openrouter.ai", &OPENROUTER),
    ("//api.deepseek.com", &DEEPSEEK),
    ("//api.groq.com", &GROQ),
    (".openai.azure.com", &OPENAI),
    ("//api.mistral.ai", &MISTRAL),
    ("//generativelanguage.googleapis.com", &GEMINI),
    ("aiplatform.googleapis.com", &GEMINI),
];

impl Capabilities {
    /// Returns the capabilities of the server at a base URL.
    ///
    /// The known servers are OpenAI (also at Azure), Ollama at its default port, OpenRouter, DeepSeek, Groq, Mistral
    /// and Google's OpenAI layer. Any other server is assumed to be like vLLM and llama.cpp.
    pub fn of(base_url: &str) -> Self {
        let base_url = base_url.to_ascii_lowercase();
        let mut known = SERVERS.iter();
        let known = known.find(|(part, _)| base_url.contains(part));
        known.map_or(GENERIC, |(_, capabilities)| (*capabilities).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_url_selects_the_capabilities() {
        for (url, capabilities) in [
            ("https://api.openai.com/v1", OPENAI),
            ("https://API.OpenAI.com./v1", OPENAI),
            ("http://localhost:11434/v1", OLLAMA),
            ("https://openrouter.ai/api/v1", OPENROUTER),
            ("https://x.openai.azure.com/openai/v1", OPENAI),
            ("https://api.mistral.ai/v1", MISTRAL),
            (
                "https://generativelanguage.googleapis.com/v1beta/openai",
                GEMINI,
            ),
            ("http://vllm:8000/v1", GENERIC),
            ("http://127.0.0.1:8080/v1", GENERIC),
        ] {
            assert_eq!(Capabilities::of(url), capabilities, "{url}");
        }
    }
}
