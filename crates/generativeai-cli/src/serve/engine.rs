//! `genai engine`: the embedded model in a process of its own, for `genai serve`.

use std::io::{BufRead, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use generativeai_server::Server;

use crate::exit::Exit;
use crate::model::Choice;
use crate::printer::Printer;

/// Whoever is let in by the parent is let in here: requests, bytes of one body, bytes of all.
const REQUESTS: usize = 4_096;
const BODY: usize = 256 << 20;
const MEMORY: usize = 2 << 30;
/// A connection of the parent is kept as long as it likes.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Answer one parent, which shows the key that it wrote to stdin; end when stdin does.
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// The model file
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
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
            "the engine is started by `genai serve` alone"
        );
        end_with_the_parent()?;
        end_with_a_panic();
        let server = Server::new(Choice::local(&self.model)?)
            .api_key(key)
            .max_concurrent(REQUESTS)
            .body_limit(BODY)
            .memory_limit(MEMORY)
            .header_timeout(LONG)
            .body_timeout(LONG)
            .write_timeout(LONG);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.context("no port is free for the engine")?;
        let address = listener.local_addr().context("a port without a number")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        runtime.context("cannot start")?.block_on(async {
            let _deaf = leave_signals_to_the_parent()?;
            printer.answer(&format!("{address}\n"))?;
            let served = server.serve(listener, std::future::pending());
            served.await.context("the engine cannot be reached")
        })?;
        Ok(Exit::Done)
    }
}

/// Ends this process when stdin ends: the parent holds the other end, and the system closes it
/// however the parent dies. There is nothing here to be saved.
fn end_with_the_parent() -> anyhow::Result<()> {
    let wait = || {
        let mut rest = Vec::new();
        // Whether it ended or broke: nobody is there any longer.
        let _ = std::io::stdin().lock().read_to_end(&mut rest);
        std::process::exit(0);
    };
    let thread = std::thread::Builder::new().name("parent".to_owned());
    thread.spawn(wait).context("no thread can be started")?;
    Ok(())
}

/// Ends this process with any panic in it: a fresh one is worth more than half of one.
fn end_with_a_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::exit(101);
    }));
}

/// Takes the signals that a terminal or a service manager sends to all processes alike: the parent
/// heeds them, and lets the replies on their way end first.
#[cfg(unix)]
fn leave_signals_to_the_parent() -> anyhow::Result<impl Sized> {
    use tokio::signal::unix::{SignalKind, signal};
    let deaf = |kind| signal(kind).context("cannot listen for the signal to stop");
    Ok((
        deaf(SignalKind::interrupt())?,
        deaf(SignalKind::terminate())?,
    ))
}

#[cfg(not(unix))]
fn leave_signals_to_the_parent() -> anyhow::Result<impl Sized> {
    Ok(())
}
