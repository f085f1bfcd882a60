//! OpenAI-compatible servers: `openai:NAME`, `ollama:NAME`, and the upstream server of `genai serve`.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use generativeai::protocol::models::{Model, id_of};
use generativeai::{Backend, RequestOptions};
use generativeai_openai::OpenAi;
use reqwest::Url;

use crate::environment;
use crate::exit::UsageError;
use crate::loopback::is_loopback;
use crate::render::Printer;

/// Timeout of the request for the list of models.
const LIST_TIMEOUT: Duration = Duration::from_secs(10);

/// An OpenAI-compatible server that a prefix of the model name selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    /// The server in `OPENAI_BASE_URL`, else OpenAI.
    OpenAi,
    /// Ollama on this machine.
    Ollama,
}

/// A model of an OpenAI-compatible server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServedModel {
    provider: Provider,
    /// Name of the model at the server.
    pub(crate) name: String,
}

impl Provider {
    /// Returns the prefix of its models in this program.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::OpenAi => "openai:",
            Self::Ollama => "ollama:",
        }
    }

    /// Creates a client. The address and the key come from the environment.
    pub(crate) fn client(self, printer: &mut Printer) -> anyhow::Result<OpenAi> {
        let client = match self {
            Self::Ollama => OpenAi::ollama(),
            // Servers in a local network rarely have TLS. The user chose the server by setting the variable, and a hint
            // reports that the connection is not encrypted.
            Self::OpenAi => OpenAi::builder().allow_plain_http(true).build(),
        };
        // If the variable is set, the cause describes the mistake in it.
        let message = match environment::is_set("OPENAI_BASE_URL") {
            true => "cannot use the OpenAI-compatible server",
            false => {
                "cannot use an OpenAI-compatible server: set OPENAI_BASE_URL to its address, such as \
                 http://localhost:8000/v1, or OPENAI_API_KEY"
            }
        };
        let client = client.context(UsageError(message.to_owned()))?;
        report_plain_http(&client, printer);
        Ok(client)
    }
}

/// The name with which the user selects the model.
impl fmt::Display for ServedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.provider.prefix(), self.name)
    }
}

impl ServedModel {
    /// Returns the model of a name such as `openai:gpt-5-mini`, or `None` if the name has no such prefix.
    pub(crate) fn named(name: &str) -> Option<Result<Self, UsageError>> {
        let providers = [Provider::OpenAi, Provider::Ollama];
        let of = |provider: Provider| Some((provider, name.strip_prefix(provider.prefix())?));
        let (provider, name) = providers.into_iter().find_map(of)?;
        let prefix = provider.prefix();
        Some(match name.trim() {
            "" => Err(UsageError(format!(
                "the model name is empty: try --model {prefix}NAME; `genai models list` has the names"
            ))),
            name => Ok(Self {
                provider,
                name: name.to_owned(),
            }),
        })
    }

    /// Creates a client of the server.
    pub(crate) fn client(&self, printer: &mut Printer) -> anyhow::Result<OpenAi> {
        self.provider.client(printer)
    }
}

/// Creates a client of the server at a URL. Without a key, the one in `OPENAI_API_KEY` is used.
pub(crate) fn upstream(
    url: &str,
    key: Option<String>,
    printer: &mut Printer,
) -> anyhow::Result<OpenAi> {
    let mut builder = OpenAi::builder().base_url(url).allow_plain_http(true);
    if let Some(key) = key {
        builder = builder.api_key(key);
    }
    let client = builder
        .build()
        .with_context(|| UsageError(format!("cannot use the upstream server {url}")))?;
    report_plain_http(&client, printer);
    Ok(client)
}

/// Requests the models of a server, without retries: a server that does not run is reported at once.
pub(crate) async fn models(client: &OpenAi) -> anyhow::Result<Vec<Model>> {
    let options = RequestOptions::default().timeout(LIST_TIMEOUT);
    let list = client.list_models(None, options.without_retry()).await;
    let list = list.with_context(|| format!("{} does not list its models", client.base_url()))?;
    Ok(list.models)
}

/// Returns the name of a model at the server. The client adds the prefix `models/`, as the Gemini API has it.
pub(crate) fn name_of(model: &Model) -> &str {
    id_of(model.name.as_deref().unwrap_or_default())
}

/// Prints a hint if the client sends messages and its key over a network without TLS.
fn report_plain_http(client: &OpenAi, printer: &mut Printer) {
    let url = client.base_url();
    let is_local = Url::parse(url).is_ok_and(|url| is_loopback(&url));
    if url.starts_with("http://") && !is_local {
        printer.hint(format_args!(
            "The connection to {url} is not encrypted: use https:// if others can read the network"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_selects_the_server() {
        let named = |name| ServedModel::named(name).map(|model| model.ok());
        let served = |provider, name: &str| {
            Some(Some(ServedModel {
                provider,
                name: name.to_owned(),
            }))
        };

        assert_eq!(
            named("openai:Qwen/Qwen3-4B"),
            served(Provider::OpenAi, "Qwen/Qwen3-4B")
        );
        assert_eq!(
            named("ollama:qwen3:4b"),
            served(Provider::Ollama, "qwen3:4b")
        );
        assert_eq!(named("gemini-flash-latest"), None);
        assert_eq!(named("ollama: "), Some(None));
    }
}
