//! Tools of servers of the Model Context Protocol (MCP), as functions of a chat.
//!
//! An MCP server offers tools to any program that connects to it: files, databases, issue trackers, browsers. This
//! module connects to servers that run as child processes ([`Connection::spawn`]) or are reached over HTTP
//! ([`Connection::open`]). Each of their tools becomes a [`Function`]. Prompts, resources and sampling of the protocol
//! are not supported.
//!
//! | MCP | here |
//! | --- | --- |
//! | name of a tool | name of the function, changed where the API does not allow it |
//! | description, or title | description |
//! | input schema | parameters as JSON Schema |
//! | structured content and text of a result | response |
//! | images, audio and files of a result | media of the response |
//! | a result with `isError` | error of the function, which the model reads |
//! | dropped call | cancelled at the server |
//! | annotation `readOnlyHint` | ignored without [`trust_read_only_hints`](Connection::trust_read_only_hints) |
//!
//! # Servers as processes
//!
//! Most servers are programs that read requests from stdin and write responses to stdout. They inherit the environment
//! of this process, which may contain the API key: remove the variables that they do not need, as the example at
//! [`Connection::spawn_with_log`] does. If a server fails at its start, the handshake fails, and the reason is on the
//! stderr of the server.
//!
//! # Many tools
//!
//! Each declaration is part of each request, so a server with a hundred tools costs tokens. Models also choose worse
//! among many tools. [`Connection::functions`] returns a list, from which a program selects the functions that it
//! needs:
//!
//! ```no_run
//! use generativeai::{Function, GenerativeModel, mcp::Connection};
//!
//! # async fn example(files: Connection) -> generativeai::Result<()> {
//! let wanted = ["read_file", "search"];
//! let mut functions = files.functions().await?;
//! functions.retain(|function: &Function| wanted.contains(&function.name()));
//! let model = GenerativeModel::new("gemini-flash-latest").tools(functions);
//! # Ok(()) }
//! ```

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use reqwest::header::HeaderMap;
use rmcp::ServiceExt;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::RoleClient;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport, TokioChildProcess};
use tokio::process::ChildStderr;

use crate::error::{Error, ErrorKind, Result};
use crate::remote;
use crate::stream::BoxFuture;
use crate::tools::Function;

mod function;
mod group;
mod log;
mod names;
mod response;
mod server;

use group::StartingGroup;
use server::{Server, TIMEOUT, cause_of};

/// Connection to a server of the Model Context Protocol.
///
/// [`functions`](Self::functions) returns the tools of the server as functions of a chat. Clones share the
/// connection. It closes when [`close`](Self::close) is called, or when the last clone and the last function
/// are dropped. It needs a tokio runtime, on which a task of `rmcp` reads the messages of the server.
///
/// The model reads the descriptions and results that the server sends, and may follow instructions in them:
/// connect only to servers that you trust.
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
    server: Arc<Server>,
    prefix: String,
    trusts_read_only: bool,
}

impl Connection {
    /// Starts a server as a child process and connects to it over stdin and stdout.
    ///
    /// The process ends with the connection. If it does not start in time, or this future is dropped, it is killed,
    /// with its process group if the command makes it the leader of one. Its stderr goes to the stderr of this process.
    /// On a terminal use
    /// [`spawn_with_log`](Self::spawn_with_log) instead: a server may log text of a model, which may contain
    /// control characters.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the process cannot be started or there is no tokio
    /// runtime, [`Unreachable`](ErrorKind::Unreachable) if the handshake fails or takes more than 30 s.
    pub async fn spawn(command: Command) -> Result<Self> {
        let (name, process, _) = start(command, Stdio::inherit())?;
        Self::started(name, process).await
    }

    /// [Starts](Self::spawn) a server and passes each line of its stderr to `log`, which runs on a task of the
    /// runtime.
    ///
    /// Invalid UTF-8 is replaced, and a line is cut at 8 KiB; nothing else is changed.
    ///
    /// ```no_run
    /// use std::process::Command;
    /// use generativeai::mcp::Connection;
    ///
    /// # async fn example() -> generativeai::Result<()> {
    /// let mut command = Command::new("files-server");
    /// command.arg("--read-only").env_remove("GEMINI_API_KEY");
    /// let files = Connection::spawn_with_log(command, |line| eprintln!("files: {line:?}")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// See [`spawn`](Self::spawn).
    pub async fn spawn_with_log(
        command: Command,
        log: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let (name, process, stderr) = start(command, Stdio::piped())?;
        if let Some(stderr) = stderr {
            tokio::spawn(log::read(stderr, log));
        }
        Self::started(name, process).await
    }

    /// Performs the handshake with a process. If it fails or is dropped, kills the process and its group.
    async fn started(name: String, process: TokioChildProcess) -> Result<Self> {
        let mut group = StartingGroup::of(process.id());
        let connection = Self::handshake(name, process).await?;
        group.keep();
        Ok(connection)
    }

    /// Connects to a server at an address, over streamable HTTP. The headers are sent with every request.
    ///
    /// Redirects are not followed, and plain `http://` is allowed for this machine only. So keys in the headers are
    /// sent to this server alone. Errors do not contain the query of the address, which may contain a key as well.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if the address or a header is invalid or there is no tokio
    /// runtime, [`Unreachable`](ErrorKind::Unreachable) if the handshake fails or takes more than 30 s.
    pub async fn open<N, V>(url: &str, headers: impl IntoIterator<Item = (N, V)>) -> Result<Self>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        needs_runtime()?;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = remote::header(name.as_ref(), value.as_ref())?;
            map.append(name, value);
        }
        let client = remote::client_for(url, map)?;
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let transport = StreamableHttpClientTransport::with_client(client, config);
        Self::handshake(url.to_owned(), transport).await
    }

    /// Performs the handshake of the protocol.
    async fn handshake<E, A>(
        name: String,
        transport: impl IntoTransport<RoleClient, E, A>,
    ) -> Result<Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let own = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let config = ClientConfig::new(ClientCapabilities::default(), own);
        let has_query = name.contains('?');
        let name = name.split('?').next().unwrap_or_default().to_owned();
        let unreachable = || {
            let message = format!("the MCP server `{name}` does not answer");
            Error::new(ErrorKind::Unreachable, message)
        };
        let handshake = tokio::time::timeout(TIMEOUT, config.serve(transport)).await;
        let service = handshake
            .map_err(|_| unreachable().with_source(format!("no response within {TIMEOUT:?}")))?
            .map_err(|error| {
                unreachable().with_source(cause_of(server::of_handshake(error), has_query))
            })?;
        Ok(Self {
            server: Arc::new(Server::new(name, has_query, service)),
            prefix: String::new(),
            trusts_read_only: false,
        })
    }

    /// Sets a prefix for the names of the functions, to distinguish the tools of several servers.
    ///
    /// Two servers may both have a tool `search`. A model with both fails its requests, because names are unique;
    /// with the prefixes `files_` and `web_` it has `files_search` and `web_search`.
    ///
    /// ```no_run
    /// use generativeai::mcp::Connection;
    /// use generativeai::{GenerativeModel, Result};
    ///
    /// async fn model(files: Connection, web: Connection) -> Result<GenerativeModel> {
    ///     let files = files.prefix("files_").functions().await?;
    ///     let web = web.prefix("web_").functions().await?;
    ///     Ok(GenerativeModel::new("gemini-flash-latest").tools((files, web)))
    /// }
    /// ```
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Trusts the server with the annotation `readOnlyHint`: the functions of tools that have it are
    /// [read-only](Function::is_read_only), so that a policy may run them without asking. By default none is.
    ///
    /// The annotation may be false: call this only for servers that you would let run any of their tools. Other
    /// annotations are ignored, except that a tool with `destructiveHint` is never read-only.
    #[must_use]
    pub fn trust_read_only_hints(mut self) -> Self {
        self.trusts_read_only = true;
        self
    }

    /// Sets how to connect again after the connection has ended, for example because the server has crashed. By
    /// default all later calls fail.
    ///
    /// The next call of a function, or of [`functions`](Self::functions), runs `connect`, which must return a new
    /// connection. Concurrent calls run it once. If it fails, so do they. A call during which the connection ends fails
    /// as well, and is not repeated: its tool may have run. The end is noticed by a task of the runtime, within a few
    /// seconds. The functions stay those of the first connection.
    ///
    /// `connect` applies to all clones and functions, and the first one that is set stays. It must not contain a clone
    /// of this connection, which would never close then. Over HTTP an expired session is renewed without it.
    ///
    /// ```no_run
    /// use std::process::Command;
    /// use generativeai::mcp::Connection;
    ///
    /// # async fn example() -> generativeai::Result<()> {
    /// let start = || Connection::spawn(Command::new("files-server"));
    /// let files = start().await?.reconnect_with(start);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reconnect_with<C, F>(self, connect: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<Self>> + Send + 'static,
    {
        let connect = move || -> BoxFuture<_> {
            let connecting = connect();
            Box::pin(async move {
                connecting.await?.server.take().ok_or_else(|| {
                    let message = "the new connection to the MCP server is closed";
                    Error::new(ErrorKind::Configuration, message)
                })
            })
        };
        self.server.reconnect_with(Box::new(connect));
        self
    }

    /// Returns the tools of the server as functions that run there.
    ///
    /// The API allows letters, digits, `_`, `.`, `:` and `-` in a name: other characters are replaced by `_`. Names
    /// that would be equal get a number.
    ///
    /// The response of a function has the structured content of the tool's result. Its member `text` contains the
    /// texts, unless they repeat the structured content. Without structured content the response is
    /// `{"result": texts}`. Images, audio and files are its media. A call that is dropped is cancelled at the server.
    ///
    /// # Errors
    /// [`Unreachable`](ErrorKind::Unreachable) if the server does not list its tools within 30 s.
    pub async fn functions(&self) -> Result<Vec<Function>> {
        let tools = self.server.tools().await?;
        let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
        let names = names::unique_names(&self.prefix, &names);
        let functions = names.into_iter().zip(tools);
        Ok(functions
            .map(|(name, tool)| {
                let is_read_only = self.trusts_read_only && function::claims_to_read_only(&tool);
                let function = function::function(name, tool, Arc::clone(&self.server));
                match is_read_only {
                    true => function.read_only(),
                    false => function,
                }
            })
            .collect())
    }

    /// Closes the connection, including its clones and functions, and waits until a child process has ended. A process
    /// that a call starts meanwhile, with [`reconnect_with`](Self::reconnect_with), ends during that call.
    pub async fn close(self) {
        self.server.close().await;
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("server", &self.server.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Starts the process of a server. Returns its name, and its stderr if that is piped.
fn start(
    command: Command,
    stderr: Stdio,
) -> Result<(String, TokioChildProcess, Option<ChildStderr>)> {
    needs_runtime()?;
    let name = command.get_program().to_string_lossy().into_owned();
    let mut command = tokio::process::Command::from(command);
    // When the runtime shuts down, the connection task is dropped before the server has ended.
    command.kill_on_drop(true);
    let started = TokioChildProcess::builder(command).stderr(stderr).spawn();
    let (process, stderr) = started.map_err(|error| {
        let message = format!("cannot start the MCP server `{name}`");
        Error::new(ErrorKind::Configuration, message).with_source(error)
    })?;
    Ok((name, process, stderr))
}

/// Returns an error outside a tokio runtime. `rmcp` and the log spawn tasks, and tokio would panic.
fn needs_runtime() -> Result<()> {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => Ok(()),
        Err(_) => {
            let message = "a connection to an MCP server needs a tokio runtime";
            Err(Error::new(ErrorKind::Configuration, message))
        }
    }
}
