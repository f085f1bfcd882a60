//! Tools of MCP servers, which the model may call.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::join_all;
use generativeai::{Toolbox, mcp::Connection};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::exit::{NoTools, Usage};
use crate::printer::overheard;

/// How long the end of the program waits for a server: less than an order to end leaves.
const LEAVE: Duration = Duration::from_secs(1);

/// The servers whose tools the model may call.
#[derive(Debug)]
pub(super) struct Tools {
    toolbox: Toolbox,
    connections: Vec<Connection>,
}

impl Tools {
    /// Starts the servers or connects to them, and asks for their tools.
    pub(super) fn connect(runtime: &Runtime, servers: &[String]) -> anyhow::Result<Self> {
        runtime.block_on(async {
            let mut tools = Self {
                toolbox: Toolbox::default(),
                connections: Vec::new(),
            };
            for server in servers {
                let connection = open(server).await?;
                for function in connection.functions().await? {
                    tools.toolbox = tools.toolbox.function(function);
                }
                tools.connections.push(connection);
            }
            Ok(tools)
        })
    }

    /// Their tools.
    pub(super) fn toolbox(&self) -> Toolbox {
        self.toolbox.clone()
    }

    /// Ends the connections, and waits a moment for the servers that were started to leave; one that does
    /// not ends with the runtime.
    pub(super) async fn close(self) {
        let closing = self.connections.into_iter().map(Connection::close);
        let _ = timeout(LEAVE, join_all(closing)).await;
    }
}

async fn open(server: &str) -> anyhow::Result<Connection> {
    if server.starts_with("http://") || server.starts_with("https://") {
        let connection = Connection::open(server, std::iter::empty::<(&str, &str)>()).await;
        return connection.with_context(|| NoTools(server.to_owned()));
    }
    let connection = Connection::spawn_with_log(command(server)?, overheard).await;
    connection.with_context(|| NoTools(format!("`{server}`")))
}

/// The command of a line, split as a shell would, without one being asked.
fn command(line: &str) -> Result<Command, Usage> {
    let split = shlex::split(line).unwrap_or_default();
    let Some((program, arguments)) = split.split_first() else {
        return Err(Usage(format!(
            "--tool `{line}` is no command: check its quotes"
        )));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // Ctrl-C stops the reply, and must not end the server: it goes to all of the terminal's group.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_would() {
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
