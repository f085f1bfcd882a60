//! Settings of an `OpenAi`; the environment provides defaults.

use generativeai::remote::__http::{self as http, ApiVersion, KeyRequired, Profile};
use generativeai::remote::RemoteBuilder;
use generativeai::{RequestOptions, Result};

use crate::backend::OpenAi;
use crate::capabilities::Capabilities;
use crate::error;

/// Facts about OpenAI-compatible servers.
static PROFILE: Profile = Profile {
    name: "an OpenAI-compatible server",
    base_url: "https://api.openai.com/v1",
    base_variable: "OPENAI_BASE_URL",
    api_version: ApiVersion::InBaseUrl("/v1"),
    key_variables: &["OPENAI_API_KEY"],
    key_header: "authorization",
    key_prefix: "Bearer ",
    key_required: KeyRequired::ByDefault,
    headers: &[],
    read_error: error::read,
};

/// Base URL of an Ollama on this machine.
const OLLAMA: &str = "http://127.0.0.1:11434/v1";

/// Builder of an [`OpenAi`].
///
/// Settings that are absent come from the environment: the API key from `OPENAI_API_KEY`, the base URL from
/// `OPENAI_BASE_URL`. A proxy is configured as in [`RemoteBuilder`].
///
/// ```
/// use generativeai::GenerativeModel;
/// use generativeai_openai::OpenAi;
///
/// # fn main() -> generativeai::Result<()> {
/// let vllm = OpenAi::builder().base_url("http://127.0.0.1:8000/v1").api_key("any").build()?;
/// let model = GenerativeModel::new("Qwen/Qwen3-4B").backend(vllm);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct OpenAiBuilder {
    client: RemoteBuilder,
    capabilities: Option<Capabilities>,
}

impl Default for OpenAiBuilder {
    fn default() -> Self {
        Self {
            client: http::builder(&PROFILE),
            capabilities: None,
        }
    }
}

impl OpenAi {
    /// Returns a builder.
    pub fn builder() -> OpenAiBuilder {
        OpenAiBuilder::default()
    }

    /// Creates a client from the environment: the API key from `OPENAI_API_KEY`, the base URL from
    /// `OPENAI_BASE_URL`, else the address of OpenAI.
    ///
    /// # Errors
    ///
    /// [`Configuration`](generativeai::ErrorKind::Configuration): OpenAI itself needs a key, and there is none; or a
    /// variable is invalid.
    pub fn from_env() -> Result<Self> {
        Self::builder().build()
    }

    /// Creates a client of Ollama on this machine, at its default port, 11434. Ollama needs no key, and the key in
    /// `OPENAI_API_KEY` is not sent to it.
    ///
    /// # Errors
    ///
    /// [`Configuration`](generativeai::ErrorKind::Configuration): a variable of the environment is invalid.
    pub fn ollama() -> Result<Self> {
        // Ollama ignores the key. Without one, the client would send `OPENAI_API_KEY`, the secret of another service.
        Self::builder().base_url(OLLAMA).api_key("ollama").build()
    }
}

impl OpenAiBuilder {
    /// Sets the API key, which is sent as a bearer token and never printed. Default: `OPENAI_API_KEY`. Only a client
    /// of OpenAI itself requires a key.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.client = self.client.api_key(key);
        self
    }

    /// Sets the base URL, with the version in its path: `http://localhost:8000/v1`. A URL without a path gets `/v1`.
    /// Default: `OPENAI_BASE_URL`, or the address of OpenAI.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.client = self.client.base_url(url);
        self
    }

    /// Sets the capabilities of the server. Default: [`Capabilities::of`] the base URL.
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = Some(capabilities);
        self
    }

    /// Adds a header to every request. Its value is never printed. A header `authorization` replaces the API key.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.client = self.client.header(name, value);
        self
    }

    /// Trusts further certificate authorities (PEM), see [`RemoteBuilder::root_certificate`].
    pub fn root_certificate(mut self, pem: impl Into<String>) -> Self {
        self.client = self.client.root_certificate(pem);
        self
    }

    /// Sets the default options of requests, such as timeouts and retries. Those of a model or a message take
    /// precedence.
    pub fn request_options(mut self, options: RequestOptions) -> Self {
        self.client = self.client.request_options(options);
        self
    }

    /// Allows `http://` to other machines, which sends the API key and the conversation unencrypted. Default: only to
    /// this machine.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.client = self.client.allow_plain_http(allow);
        self
    }

    /// Sets the retry budget: the number of retries of all clones while no request succeeds. Default: 100. See
    /// [`RemoteBuilder::retry_budget`].
    pub fn retry_budget(mut self, retries: u32) -> Self {
        self.client = self.client.retry_budget(retries);
        self
    }

    /// Sets the maximum number of concurrent requests of all clones. Further requests wait. Default: no limit. See
    /// [`RemoteBuilder::max_in_flight`].
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.client = self.client.max_in_flight(requests);
        self
    }

    /// Sets the maximum size in bytes of a unary response, and of each event of a stream. Default: 64 MiB.
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.client = self.client.response_limit(bytes);
        self
    }

    /// Sets the seed of the jitter, which makes the waits between attempts reproducible in tests. Default: random.
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.client = self.client.jitter_seed(seed);
        self
    }

    /// Creates the client. Nothing is sent yet, and no connection is opened.
    ///
    /// # Errors
    ///
    /// [`Configuration`](generativeai::ErrorKind::Configuration): OpenAI itself needs a key, and there is none; or a
    /// setting is invalid.
    pub fn build(self) -> Result<OpenAi> {
        let client = http::client(self.client)?;
        let capabilities = self.capabilities;
        let capabilities = capabilities.unwrap_or_else(|| Capabilities::of(client.address()));
        Ok(OpenAi {
            client,
            capabilities,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use generativeai::{ErrorKind, GenerativeModel};

    use super::*;

    /// Fault 2 of tests/faults.md. A test of the public interface cannot replace the resolver.
    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_hangs_ends_with_the_connect_timeout() {
        let mut builder = OpenAi::builder().base_url("https://server.localhost:1/v1");
        builder.client = http::with_resolver(builder.client, |_| Box::pin(pending()));
        let model = GenerativeModel::new("m").backend(builder.build().expect("a client"));
        let began = tokio::time::Instant::now();
        let mut chat = model.start_chat();

        let reply = chat.send_message("Hi").stream().finish().await;

        let error = reply.expect_err("no address");
        assert!(
            error.kind() == ErrorKind::Unreachable && error.is_timeout(),
            "{error:?}"
        );
        assert_eq!(error.to_string(), "no connection to `server.localhost:1`");
        let each: Vec<_> = error.attempts().iter().map(|a| a.took.as_secs()).collect();
        assert_eq!(each, [10; 4]);
        // Four connect timeouts, and waits of at most 0.5, 1 and 2 seconds between them.
        assert!(began.elapsed() < Duration::from_secs(44));
        assert!(chat.history().is_empty() && chat.unfinished().is_some());
    }
}
