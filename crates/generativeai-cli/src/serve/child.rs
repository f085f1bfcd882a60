//! One process of the engine: started, spoken to, and ended with what holds it.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use generativeai::{Remote, RequestOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How the engine is started.
#[derive(Debug)]
pub(super) struct Launch {
    program: PathBuf,
    model: PathBuf,
}

/// A process of the engine that is ready to answer. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Holds the process alive: it ends when this is closed.
    _stdin: ChildStdin,
    _stdout: BufReader<ChildStdout>,
    pub(super) remote: Remote,
}

/// The engine ended before it was ready; what it had to say stands on stderr.
#[derive(Debug)]
pub(super) struct Stillborn(pub(super) ExitStatus);

impl std::fmt::Display for Stillborn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the engine ended while it loaded the model ({})", self.0)
    }
}

impl std::error::Error for Stillborn {}

impl Launch {
    /// Prepares to start this program as the engine of a model.
    pub(super) fn new(model: PathBuf) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        Ok(Self { program, model })
    }

    /// Starts the engine, and waits until it is ready.
    pub(super) async fn start(&self) -> anyhow::Result<Process> {
        let key = key()?;
        let mut child = Command::new(&self.program)
            .args(["engine", "--model"])
            .arg(&self.model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the engine")?;
        let mut stdin = child.stdin.take().context("the engine has no stdin")?;
        let stdout = child.stdout.take().context("the engine has no stdout")?;
        let mut stdout = BufReader::new(stdout);
        let mut address = String::new();
        // If it does not listen it does not speak either, and its end tells more than this.
        let _ = stdin.write_all(format!("{key}\n").as_bytes()).await;
        let read = stdout.read_line(&mut address).await;
        read.context("the engine does not say where it is")?;
        if address.is_empty() {
            let status = child.wait().await.context("the engine is lost")?;
            return Err(Stillborn(status).into());
        }
        let remote = Remote::builder()
            .base_url(format!("http://{}", address.trim_end()))
            .api_key(key)
            .request_options(patient())
            .build()
            .context("the engine cannot be asked")?;
        Ok(Process {
            child,
            _stdin: stdin,
            _stdout: stdout,
            remote,
        })
    }
}

impl Process {
    /// Waits for the end of the process, and says what it was.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// The embedded model may take its time, and whoever asks decides about asking again.
fn patient() -> RequestOptions {
    RequestOptions::default()
        .timeout(Duration::MAX)
        .idle_timeout(Duration::MAX)
        .without_retry()
}

/// A key that nobody can guess, for one process.
fn key() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system has no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
