//! `genai engine`: the embedded model in a child process of `genai serve`.

use std::io::{BufRead, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use generativeai_server::Server;

use crate::backend;
use crate::engine_options::EngineOptions;
use crate::exit::Exit;
use crate::render::Printer;
use crate::signals::StopSignals;

// The parent enforces its own limits before it forwards a request. The limits here only need to be higher.
/// Maximum number of concurrent requests.
const REQUESTS: usize = 4_096;
/// Maximum size of a request body, in bytes.
const BODY: usize = 256 << 20;
/// Maximum size of all request bodies, in bytes.
const MEMORY: usize = 2 << 30;
/// Timeout of connections. The parent keeps its connections open for later requests.
const TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Serve requests of the parent process, which sends the API key on stdin. Exits when stdin is closed.
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// The model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,

    #[command(flatten)]
    options: EngineOptions,
}

impl Engine {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let mut key = String::new();
        let read = std::io::stdin().lock().read_line(&mut key);
        read.context("cannot read the key from stdin")?;
        let key = key.trim_end();
        ensure!(
            !key.is_empty(),
            "the engine must be started by `genai serve`"
        );
        exit_with_the_parent()?;
        exit_on_panic();
        let server = Server::new(backend::local(&self.model, &self.options)?)
            .api_key(key)
            .max_concurrent(REQUESTS)
            .body_limit(BODY)
            .memory_limit(MEMORY)
            .header_timeout(TIMEOUT)
            .body_timeout(TIMEOUT)
            .write_timeout(TIMEOUT);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.context("no free port for the engine")?;
        let address = listener
            .local_addr()
            .context("cannot determine the port of the engine")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime
            .context("cannot start the async runtime")?
            .block_on(async {
                // A terminal or a service manager sends these signals to the whole process group. The parent handles
                // them: it waits for running replies, which this process generates.
                let _ignored = StopSignals::listen()?;
                printer.answer(&format!("{address}\n"))?;
                let served = server.serve(listener, std::future::pending());
                served.await.context("cannot serve requests")
            })?;
        Ok(Exit::Success)
    }
}

/// Exits when stdin is closed. The operating system closes the parent's end of the pipe however the parent ends, even
/// if it is killed. The engine has no state that would have to be saved.
fn exit_with_the_parent() -> anyhow::Result<()> {
    let wait = || {
        let mut rest = Vec::new();
        // An error, like the end of stdin, means that the parent is gone.
        let _ = std::io::stdin().lock().read_to_end(&mut rest);
        std::process::exit(0);
    };
    let thread = std::thread::Builder::new().name("parent".to_owned());
    thread.spawn(wait).context("cannot start a thread")?;
    Ok(())
}

/// Exits on any panic. The parent then starts a new process, whose state is known.
fn exit_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        std::process::exit(101);
    }));
}
