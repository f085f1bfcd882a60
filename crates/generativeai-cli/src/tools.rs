//! Tools of MCP servers, which the model may call.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use generativeai::{Toolbox, mcp::Connection};
use tokio::time::timeout;

use crate::exit::{ToolServerError, UsageError};
use crate::render::{Printer, print_server_log};
use crate::settings::Named;
use crate::state_file;
use crate::suggest::nearest;

/// Maximum wait for servers to exit. It is shorter than the time after which SIGTERM ends the program in any case.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time after which the wait for a server is reported.
const REPORT_AFTER: Duration = Duration::from_secs(2);

/// Connected MCP servers and their tools.
#[derive(Debug)]
pub(crate) struct ToolServers {
    toolbox: Toolbox,
    connections: Vec<Connection>,
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
        let mut tools = Self {
            toolbox: Toolbox::default(),
            connections: Vec::new(),
        };
        for name in servers {
            let command = names.get(name);
            let (write, path) = log.writer();
            let opened = async {
                let connection = open(command.unwrap_or(name), write).await?;
                // The user chose the server, and so trusts its declarations of read-only tools, which run without
                // a question.
                let connection = connection.trust_read_only_hints();
                let functions = connection.functions().await?;
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
            tools.toolbox = functions.into_iter().fold(tools.toolbox, Toolbox::function);
            tools.connections.push(connection);
        }
        Ok(tools)
    }

    /// Returns the tools of all servers.
    pub(crate) fn toolbox(&self) -> Toolbox {
        self.toolbox.clone()
    }

    /// Closes the connections, and waits up to a second for the started servers to exit. A server that does not exit is
    /// killed when the runtime is dropped.
    pub(crate) async fn close(self) {
        let closing = self.connections.into_iter().map(Connection::close);
        let _ = timeout(EXIT_TIMEOUT, join_all(closing)).await;
    }
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
    /// Returns a function that writes a line, and the path of the file if there is one.
    fn writer(self) -> (WriteLine, Option<PathBuf>) {
        let opened = match self {
            Self::File => state_file::open("servers.log").ok(),
            Self::Stderr => None,
        };
        match opened {
            Some((path, mut file)) => {
                // An error is ignored: a full disk must not stop the chat.
                let write = move |line: &str| drop(writeln!(file, "{line}"));
                (Box::new(write), Some(path))
            }
            None => (Box::new(print_server_log), None),
        }
    }
}

/// Connects to a server at a URL, or starts one with a command.
async fn open(server: &str, write: WriteLine) -> anyhow::Result<Connection> {
    let opened = match is_url(server) {
        true => Connection::open(server, std::iter::empty::<(&str, &str)>()).await,
        false => Connection::spawn_with_log(command(server)?, write).await,
    };
    Ok(opened?)
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
    fn a_line_without_a_command_is_refused() {
        for line in ["", "  ", "'open"] {
            assert!(command(line).is_err(), "{line:?}");
        }
    }
}
