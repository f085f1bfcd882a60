//! The engine process: `genai engine` as a child process, with a client for it.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use generativeai::{Remote, RequestOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::engine_options::EngineOptions;

/// Command line of the engine process.
#[derive(Debug)]
pub(super) struct Launch {
    program: PathBuf,
    model: PathBuf,
    options: Vec<String>,
}

/// An engine process that is ready for requests. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Kept open, since the process exits when its stdin is closed.
    _stdin: ChildStdin,
    _stdout: BufReader<ChildStdout>,
    pub(super) remote: Remote,
}

/// Error of an engine that exited before it was ready. It has printed the reason to stderr, unless a signal killed it.
#[derive(Debug, thiserror::Error)]
#[error("the engine exited while loading the model ({0})")]
pub(crate) struct StartFailed(pub(crate) ExitStatus);

impl Launch {
    /// Prepares to start this program as the engine for a model.
    pub(super) fn new(model: PathBuf, options: &EngineOptions) -> anyhow::Result<Self> {
        let program =
            std::env::current_exe().context("cannot find the executable of this program")?;
        Ok(Self {
            program,
            model,
            options: options.arguments(),
        })
    }

    /// Starts the engine and waits until it is ready: when it has loaded the model, it prints its address.
    pub(super) async fn start(&self) -> anyhow::Result<Process> {
        // Any process of this machine can connect to the engine. The key goes through stdin, since other users can read
        // the arguments of a process.
        let key = key()?;
        let mut child = Command::new(&self.program)
            .args(["engine", "--model"])
            .arg(&self.model)
            .args(&self.options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the engine")?;
        let mut stdin = child.stdin.take().context("the engine has no stdin")?;
        let stdout = child.stdout.take().context("the engine has no stdout")?;
        let mut stdout = BufReader::new(stdout);
        let mut address = String::new();
        // If this fails, the process has exited. Its exit status is read below.
        let _ = stdin.write_all(format!("{key}\n").as_bytes()).await;
        let read = stdout.read_line(&mut address).await;
        read.context("cannot read the address of the engine")?;
        if address.is_empty() {
            let status = child.wait().await.context("cannot wait for the engine")?;
            return Err(StartFailed(status).into());
        }
        let remote = Remote::builder()
            .base_url(format!("http://{}", address.trim_end()))
            .api_key(key)
            .request_options(without_limits())
            .build()
            .context("cannot create a client for the engine")?;
        Ok(Process {
            child,
            _stdin: stdin,
            _stdout: stdout,
            remote,
        })
    }
}

impl Process {
    /// Waits until the process exits, and describes its exit status.
    pub(super) async fn exited(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

/// Returns options without timeouts and retries. The clients of the server have their own.
fn without_limits() -> RequestOptions {
    RequestOptions::default()
        .timeout(Duration::MAX)
        .idle_timeout(Duration::MAX)
        .without_retry()
}

/// Returns a random API key for one process.
fn key() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system cannot generate random numbers")?;
    Ok(hex::encode(bytes))
}
