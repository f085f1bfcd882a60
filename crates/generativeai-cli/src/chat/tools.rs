//! Tools of MCP servers, which the model may call.

use std::process::Command;

use anyhow::Context;
use generativeai::{Toolbox, mcp::Connection};
use tokio::runtime::Runtime;

use crate::exit::Usage;

/// Starts the servers or connects to them, and gives their tools.
pub(super) fn connect(runtime: &Runtime, servers: &[String]) -> anyhow::Result<Toolbox> {
    runtime.block_on(async {
        let mut toolbox = Toolbox::default();
        for server in servers {
            let connection = open(server).await?;
            for function in connection.functions().await? {
                toolbox = toolbox.function(function);
            }
        }
        Ok(toolbox)
    })
}

async fn open(server: &str) -> anyhow::Result<Connection> {
    if server.starts_with("http://") || server.starts_with("https://") {
        let connection = Connection::open(server, std::iter::empty::<(&str, &str)>()).await;
        return connection.with_context(|| format!("cannot use the tools of {server}"));
    }
    let connection = Connection::spawn(command(server)?).await;
    connection.with_context(|| format!("cannot use the tools of `{server}`"))
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
