//! Tools of Model Context Protocol servers, as functions of a chat.

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{Peer, RoleClient, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ServiceError, ServiceExt};
use tokio::process::ChildStderr;

use crate::error::{Error, ErrorKind, Result};
use crate::tools::Function;

mod answer;
mod function;
mod log;

/// The longest wait for a server to say hello, and to list its tools.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a server of the Model Context Protocol.
///
/// Its tools become [functions](Self::functions) of a chat. A clone shares the connection; it ends
/// when it is [closed](Self::close), or when it and all its functions are dropped. It needs a tokio
/// runtime, on which a task of `rmcp` reads what the server sends.
///
/// The model reads what a server says of its tools and what they answer: connect to servers you trust.
///
/// ```no_run
/// use std::process::Command;
/// use generativeai::{GenerativeModel, mcp::Connection};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
/// let files = Connection::spawn(Command::new("files-server")).await?;
/// let web = Connection::open("https://mcp.example.com", [("authorization", "Bearer …")]).await?;
///
/// let model = GenerativeModel::new("gemini-flash-latest")
///     .tools((files.functions().await?, web.prefix("web_").functions().await?));
/// let mut chat = model.start_chat().automatic_function_calling(true);
/// println!("{}", chat.send_message("What is in my notes?").await?.text()?);
/// files.close().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    prefix: String,
}

struct Shared {
    /// Who is at the other end, for messages.
    name: String,
    peer: Peer<RoleClient>,
    service: Mutex<Option<RunningService<RoleClient, ClientConfig>>>,
}

impl Connection {
    /// Starts a server as a child process and speaks with it over stdin and stdout.
    ///
    /// What it writes to stderr goes where stderr of this process goes; on a terminal take
    /// [`spawn_with_log`](Self::spawn_with_log), since a server may log what a model said, control
    /// characters and all. It ends with the connection.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the command does not start,
    /// [`Unreachable`](ErrorKind::Unreachable) if it does not speak the protocol, or says nothing
    /// for 30 s.
    pub async fn spawn(command: Command) -> Result<Self> {
        let (name, process, _) = start(command, Stdio::inherit())?;
        Self::greet(name, process).await
    }

    /// [Starts](Self::spawn) a server, and hands each line that it writes to stderr to `log`, from a
    /// task on the runtime.
    ///
    /// Bytes that are no UTF-8 are replaced, and a line is cut at 8 KiB; nothing else is changed.
    ///
    /// # Errors
    /// Those of [`spawn`](Self::spawn).
    pub async fn spawn_with_log(
        command: Command,
        log: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let (name, process, stderr) = start(command, Stdio::piped())?;
        if let Some(stderr) = stderr {
            tokio::spawn(log::read(stderr, log));
        }
        Self::greet(name, process).await
    }

    /// Opens a connection to a server at an address, over streamable HTTP; headers go with every
    /// request.
    ///
    /// Redirections are not followed, and plain HTTP is for this machine alone, so that keys in
    /// headers go to that server only.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the address or a header cannot be,
    /// [`Unreachable`](ErrorKind::Unreachable) if no server of the protocol answers within 30 s.
    pub async fn open<N, V>(url: &str, headers: impl IntoIterator<Item = (N, V)>) -> Result<Self>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        needs_runtime()?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = header(name.as_ref(), value.as_ref())?;
            map.append(name, value);
        }
        let client = crate::remote::client_for(url, map)?;
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let transport = StreamableHttpClientTransport::with_client(client, config);
        Self::greet(url.to_owned(), transport).await
    }

    async fn greet<E, A>(
        name: String,
        transport: impl IntoTransport<RoleClient, E, A>,
    ) -> Result<Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let own = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), own);
        let unreached = || {
            let message = format!("the MCP server `{name}` does not answer");
            Error::new(ErrorKind::Unreachable, message)
        };
        let greeting = tokio::time::timeout(PATIENCE, config.serve(transport)).await;
        let service = greeting
            .map_err(|_| unreached().with_source(format!("nothing came within {PATIENCE:?}")))?
            .map_err(|error| unreached().with_source(error))?;
        let shared = Shared {
            peer: service.peer().clone(),
            service: Mutex::new(Some(service)),
            name,
        };
        Ok(Self {
            shared: Arc::new(shared),
            prefix: String::new(),
        })
    }

    /// Sets what the names of the functions begin with, to tell those of several servers apart.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The tools of the server, as functions that run there.
    ///
    /// What is no letter, digit, `_`, `.`, `:` or `-` in a name becomes `_`. A tool answers with its
    /// structured content if it has some, else with its texts as `{"result": …}`; pictures, sound
    /// and files go beside that as media. A call that is dropped is cancelled at the server.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) if the server does not list them within 30 s.
    pub async fn functions(&self) -> Result<Vec<Function>> {
        let listing = tokio::time::timeout(PATIENCE, self.shared.peer.list_all_tools()).await;
        let unlisted = |cause: Box<dyn std::error::Error + Send + Sync>| {
            let name = &self.shared.name;
            let message = format!("the MCP server `{name}` does not list its tools");
            Error::new(ErrorKind::Unreachable, message).with_source(cause)
        };
        let tools = listing
            .map_err(|_| unlisted(format!("nothing came within {PATIENCE:?}").into()))?
            .map_err(|error: ServiceError| unlisted(error.into()))?;
        Ok(tools.into_iter().map(|tool| self.function(tool)).collect())
    }

    /// Ends the connection, for all clones and functions of it, and waits until the server has gone.
    pub async fn close(self) {
        let service = self
            .shared
            .service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut service) = service {
            // The task of the connection ends by itself or by a panic; it is over in both cases.
            let _ = service.close().await;
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.shared.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Starts the process of a server, and gives its name and its stderr if that is piped.
fn start(
    command: Command,
    stderr: Stdio,
) -> Result<(String, TokioChildProcess, Option<ChildStderr>)> {
    needs_runtime()?;
    let name = command.get_program().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(command);
    // A runtime that is shut down has no time for the server to leave by itself.
    command.kill_on_drop(true);
    let started = TokioChildProcess::builder(command).stderr(stderr).spawn();
    let (process, stderr) = started.map_err(|error| {
        let message = format!("the MCP server `{name}` does not start");
        Error::new(ErrorKind::Configuration, message).with_source(error)
    })?;
    Ok((name, process, stderr))
}

fn needs_runtime() -> Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => {
            let message = "a connection to an MCP server needs a tokio runtime";
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let bad = |message| Error::new(ErrorKind::Configuration, message);
    let Ok(parsed) = name.parse() else {
        return Err(bad(format!("`{name}` is no name of a header")));
    };
    let Ok(mut value) = HeaderValue::from_str(value) else {
        let message = format!("the header `{name}` has characters that cannot be sent");
        return Err(bad(message));
    };
    value.set_sensitive(true);
    Ok((parsed, value))
}
