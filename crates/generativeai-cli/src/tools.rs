//! Tools of MCP servers, which the model may call.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::future::join_all;
use generativeai::mcp::Connection;
use generativeai::{Error, ErrorKind, Function, Toolbox};
use tokio::time::timeout;

use crate::exit::{ToolServerError, UsageError};
use crate::render::{Printer, print_line};
use crate::settings::Named;
use crate::state_file;
use crate::suggest::nearest;

/// Maximum wait for servers to exit. It is shorter than the time after which SIGTERM ends the program in any case.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time after which the wait for a server is reported.
const REPORT_AFTER: Duration = Duration::from_secs(2);

/// Name of the log of the servers, in the state folder of the user.
const LOG: &str = "servers.log";

/// Size from which the log is replaced when a server starts, in bytes.
const MAX_LOG: u64 = 10 << 20;

/// Connected MCP servers and their tools.
#[derive(Debug)]
pub(crate) struct ToolServers {
    toolbox: Toolbox,
    /// The tools by the names of their functions.
    tools: BTreeMap<String, ServerTool>,
    connections: Vec<Connection>,
}

/// A tool of a server, as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerTool {
    /// Name of the server in the settings, its command line, or its address without the query.
    pub(crate) server: String,
    /// Name of the function, without the prefix that distinguishes it from a tool of another server.
    name: String,
}

impl ServerTool {
    /// Returns whether an entry of the list `allow` names the tool: as `SERVER:TOOL`, or by its name at any server.
    fn is_named(&self, entry: &str) -> bool {
        // A server could name a tool like an entry for the tool of another server. So a name with a colon alone does
        // not suffice.
        entry == self.to_string() || (entry == self.name && !entry.contains(':'))
    }
}

impl fmt::Display for ServerTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.server, self.name)
    }
}

impl ToolServers {
    /// Starts or connects to the servers, and requests their tools. A server is a command, a URL, or one of `names`,
    /// the table `[servers]` of the settings.
    ///
    /// If this future is dropped, a server that is starting is killed.
    pub(crate) async fn connect(
        servers: &[String],
        names: &Named,
        log: ServerLog,
        printer: &mut Printer,
    ) -> anyhow::Result<Self> {
        let mut connected = Vec::new();
        for name in servers {
            let command = names.get(name);
            let (write, path) = log.writer(name.clone());
            let opened = async {
                let connection = open(command.unwrap_or(name), write).await?;
                // The user chose the server, and so trusts its declarations of read-only tools, which run without
                // a question.
                let connection = connection.trust_read_only_hints();
                let functions = connection.functions().await?;
                let (server, name) = (command.unwrap_or(name).to_owned(), name.clone());
                let connection = connection
                    .reconnect_with(move || open_again(server.clone(), name.clone(), log));
                anyhow::Ok((connection, functions))
            };
            let note = format_args!("(waiting for the tools of `{name}`; Ctrl-C stops)");
            let opened = printer.note_after(REPORT_AFTER, note, opened).await;
            let (connection, functions) = opened.map_err(|error| {
                let known = names.keys().map(String::as_str);
                let similar = nearest(name, known.filter(|_| command.is_none()));
                let error_of = ToolServerError(described(name, path, similar));
                match error.is::<UsageError>() {
                    true => error,
                    false => error.context(error_of),
                }
            })?;
            let server = match command {
                None if is_url(name) => name.split('?').next().unwrap_or_default(),
                _ => name,
            };
            // A command line is too long for the name of a function.
            let prefix = match command {
                Some(_) => prefix(name),
                None => format!("server{}_", connected.len() + 1),
            };
            connected.push(Connected {
                server: server.to_owned(),
                prefix,
                connection,
                functions,
            });
        }
        Ok(Self::combined(connected).await?)
    }

    /// Combines the tools of servers. If several servers have a tool of the same name, the names of their functions get
    /// prefixes: the user cannot rename the tools.
    async fn combined(servers: Vec<Connected>) -> generativeai::Result<Self> {
        let mut counts = BTreeMap::<_, usize>::new();
        for function in servers.iter().flat_map(|server| &server.functions) {
            *counts.entry(function.name().to_owned()).or_default() += 1;
        }
        let mut combined = Self {
            toolbox: Toolbox::default(),
            tools: BTreeMap::new(),
            connections: Vec::new(),
        };
        for mut connected in servers {
            let connection = connected.connection;
            let mut functions = connected.functions.iter();
            match functions.any(|function| counts[function.name()] > 1) {
                true => {
                    let prefixed = connection.clone().prefix(&connected.prefix);
                    connected.functions = prefixed.functions().await?;
                }
                false => connected.prefix.clear(),
            }
            for function in connected.functions {
                let name = function.name();
                let tool = ServerTool {
                    server: connected.server.clone(),
                    name: name
                        .strip_prefix(&connected.prefix)
                        .unwrap_or(name)
                        .to_owned(),
                };
                combined.tools.insert(name.to_owned(), tool);
                combined.toolbox = combined.toolbox.function(function);
            }
            combined.connections.push(connection);
        }
        Ok(combined)
    }

    /// Returns the tools of all servers.
    pub(crate) fn toolbox(&self) -> Toolbox {
        self.toolbox.clone()
    }

    /// Returns the tools by the names of their functions.
    pub(crate) fn tools(&self) -> &BTreeMap<String, ServerTool> {
        &self.tools
    }

    /// Returns the names of the functions that an entry of the list `allow` names.
    pub(crate) fn named(&self, entry: &str) -> impl Iterator<Item = String> {
        let named = move |(function, tool): (&String, &ServerTool)| {
            (function == entry && !entry.contains(':') || tool.is_named(entry))
                .then(|| function.clone())
        };
        self.tools.iter().filter_map(named)
    }

    /// Closes the connections, and waits up to a second for the started servers to exit. A server that does not exit is
    /// killed when the runtime is dropped.
    pub(crate) async fn close(self) {
        let closing = self.connections.into_iter().map(Connection::close);
        let _ = timeout(EXIT_TIMEOUT, join_all(closing)).await;
    }
}

/// A connected server.
struct Connected {
    server: String,
    /// Prefix of its functions, if another server has a tool of the same name.
    prefix: String,
    connection: Connection,
    functions: Vec<Function>,
}

/// Destination of the lines that servers write to their stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerLog {
    /// To a file in the state folder of the user. If it cannot be written, to stderr.
    File,
    /// To the stderr of this program.
    Stderr,
}

/// Function that writes a line. It runs on a task of the runtime, which reads the stderr of a server.
type WriteLine = Box<dyn FnMut(&str) + Send>;

impl ServerLog {
    /// Returns a function that writes a line of a server, and the path of the file if there is one.
    fn writer(self, server: String) -> (WriteLine, Option<PathBuf>) {
        let opened = match self {
            Self::File => open_log().ok(),
            Self::Stderr => None,
        };
        match opened {
            Some((path, mut file)) => {
                // An error is ignored: a full disk must not stop the chat.
                let write = move |line: &str| drop(writeln!(file, "{} {server}: {line}", now()));
                (Box::new(write), Some(path))
            }
            None => (Box::new(print_line), None),
        }
    }
}

/// Opens the log. One that has become large is replaced, and kept as `servers.log.old`.
fn open_log() -> anyhow::Result<(PathBuf, File)> {
    let (path, file) = state_file::open(LOG)?;
    if file.metadata()?.len() < MAX_LOG {
        return Ok((path, file));
    }
    std::fs::rename(&path, path.with_extension("log.old"))?;
    state_file::open(LOG)
}

/// Returns the time in UTC, for the log.
fn now() -> String {
    DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns the prefix for the functions of a server of the settings. It has only characters that every name may have.
fn prefix(server: &str) -> String {
    format!("{server}_").replace(|char: char| !char.is_ascii_alphanumeric(), "_")
}

/// Connects to a server at a URL, or starts one with a command.
async fn open(server: &str, write: WriteLine) -> anyhow::Result<Connection> {
    let opened = match is_url(server) {
        true => Connection::open(server, std::iter::empty::<(&str, &str)>()).await,
        false => Connection::spawn_with_log(command(server)?, write).await,
    };
    Ok(opened?)
}

/// Connects to a server that has ended, or starts it, and says so: its tools may have lost their state.
async fn open_again(
    server: String,
    name: String,
    log: ServerLog,
) -> generativeai::Result<Connection> {
    print_line(&format!(
        "(the MCP server `{name}` has ended; connecting again)"
    ));
    let (write, path) = log.writer(name.clone());
    let opened = open(&server, write).await;
    opened.map_err(|error| {
        let server = described(&name, path, None);
        print_line(&format!("(cannot connect again to {server}: {error:#})"));
        let other = |error| Error::new(ErrorKind::Configuration, format!("{error:#}"));
        error.downcast().unwrap_or_else(other)
    })
}

fn is_url(server: &str) -> bool {
    server.starts_with("http://") || server.starts_with("https://")
}

/// Describes a server in an error, with the file of its log, and a similar name of the settings.
fn described(name: &str, log: Option<PathBuf>, similar: Option<&str>) -> String {
    let log = log.filter(|_| !is_url(name));
    let log = log.map(|path| format!(" (its log: {})", path.display()));
    let question = similar.map(|similar| format!("; did you mean `{similar}`?"));
    format!(
        "`{name}`{}{}",
        log.unwrap_or_default(),
        question.unwrap_or_default()
    )
}

/// Splits a command line into words like a shell, without running one.
fn command(line: &str) -> Result<Command, UsageError> {
    let words = shlex::split(line).unwrap_or_default();
    let Some((program, arguments)) = words.split_first() else {
        return Err(UsageError(format!(
            "--tool `{line}` is not a command: check its quotes"
        )));
    };
    let mut command = Command::new(program);
    // A terminal sends SIGINT to its whole foreground process group. The server is in another group, so that Ctrl-C
    // stops only the reply.
    command.args(arguments).process_group(0);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_split_like_in_a_shell() {
        let command = command("npx -y 'my server' \"a b\" c\\ d").expect("a command");

        assert_eq!(command.get_program(), "npx");
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["-y", "my server", "a b", "c d"]);
    }

    #[test]
    fn a_tool_is_named_with_its_server_or_alone() {
        let tool = |server: &str, name: &str| ServerTool {
            server: server.to_owned(),
            name: name.to_owned(),
        };

        let greet = tool("notes", "greet");
        assert!(greet.is_named("greet") && greet.is_named("notes:greet"));
        assert!(!greet.is_named("other:greet") && !greet.is_named("notes"));
        let imitation = tool("other", "notes:greet");
        assert!(!imitation.is_named("notes:greet"));
        assert!(imitation.is_named("other:notes:greet"));
    }

    #[test]
    fn a_line_without_a_command_is_refused() {
        for line in ["", "  ", "'open"] {
            assert!(command(line).is_err(), "{line:?}");
        }
    }
}
