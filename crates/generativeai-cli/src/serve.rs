//! `genai serve`: the Gemini REST API in front of a model.

mod child;
mod engine;
mod patience;
mod supervised;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;
use clap::Args;
use clap_complete::ArgValueCompleter;
use generativeai_server::{Faults, Server};
use tokio::runtime::Builder;

use crate::completions::names;
use crate::exit::{Exit, Usage};
use crate::model::Choice;
use crate::printer::Printer;
use child::Stillborn;
pub(crate) use engine::Engine;
use supervised::Supervisor;

/// Serve the Gemini REST API, so that any Gemini client can be used offline.
///
/// Prints `listening on http://ADDRESS` when it is ready; a chat page is there too. Ctrl-C lets the
/// replies on their way end, and stops.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The address to listen at; others than those of this machine are open to the network
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,

    /// The port to listen at; 0 takes a free one
    #[arg(short, long, default_value_t = 8080)]
    port: u16,

    /// Who answers: `local` for the embedded model, a .gguf file, or a model by name: a Gemini model,
    /// or one of `genai models list`
    #[arg(short, long, default_value = "local", add = ArgValueCompleter::new(names::who))]
    model: String,

    /// Run the model in this process; else it has one of its own, and is started again if it dies
    #[arg(long)]
    in_process: bool,

    /// The key that clients must show; by default none
    #[arg(
        long,
        value_name = "KEY",
        env = "GENAI_SERVE_KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,

    /// Make faults on purpose: 429, 500, 503, delay=250ms, cut=3, error=500, seed=7; `503x2` is the
    /// first two requests, `503@0.5` half of them
    #[arg(long, value_name = "FAULTS", value_delimiter = ',')]
    fault: Vec<String>,

    /// Let a name stand for the model of that name alone; else any gemini-… is the model there is
    #[arg(long)]
    strict_names: bool,

    /// Allow to be asked under this name, beside those of this machine for itself; `*` for all
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,

    /// Allow web pages of this origin to ask; `*` for all
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
}

impl Serve {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let faults: Result<Faults, _> = self.fault.join(",").parse();
        let faults = faults.map_err(|error| Usage(error.to_string()))?;
        let address = SocketAddr::new(self.host, self.port);
        let listener = TcpListener::bind(address)
            .with_context(|| format!("cannot listen at {address}; --port 0 takes a free port"))?;
        let address = listener
            .local_addr()
            .context("the listener has no address")?;
        if !self.host.is_loopback() && self.api_key.is_none() {
            printer.note("Whoever reaches this address may ask: --api-key keeps others out");
        }
        let runtime = Builder::new_multi_thread().enable_all().build();
        let served = runtime.context("cannot start")?.block_on(async {
            let (server, supervisor) = self.server(printer).await?;
            let stop = stop()?;
            printer.answer(&format!("listening on http://{address}\n"))?;
            let served = server.faults(faults).serve(listener, stop);
            let served = match supervisor {
                None => served.await,
                Some(supervisor) => tokio::select! {
                    served = served => served,
                    never = supervisor.run(printer) => match never {},
                },
            };
            served.context("cannot serve")
        });
        match served {
            // It said why before it ended.
            Err(error) if error.is::<Stillborn>() && told(&error) => Ok(Exit::Failed),
            served => served.map(|()| Exit::Done),
        }
    }

    /// The server, and whoever looks after its model if that has a process of its own.
    async fn server(self, printer: &mut Printer) -> anyhow::Result<(Server, Option<Supervisor>)> {
        let mut supervisor = None;
        let mut server = match Choice::named(&self.model)? {
            Choice::Gemini(name) => Server::new(Choice::remote(&name)?),
            local => {
                let path = local.file(printer)?;
                if self.in_process {
                    Server::new(Choice::local(&path)?)
                } else {
                    let (engine, its) = supervised::start(path).await?;
                    supervisor = Some(its);
                    Server::new(engine)
                }
            }
        };
        server = server.strict_model_names(self.strict_names);
        if let Some(key) = self.api_key {
            server = server.api_key(key);
        }
        server = self.allow_host.into_iter().fold(server, Server::allow_host);
        let origins = self.allow_origin.into_iter();
        Ok((origins.fold(server, Server::allow_origin), supervisor))
    }
}

/// Whether an engine that did not start could still say why.
fn told(error: &anyhow::Error) -> bool {
    error
        .downcast_ref()
        .is_some_and(|Stillborn(status)| status.code().is_some())
}

/// Ends when the program is asked to stop.
fn stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal;
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())
        .context("cannot listen for the signal to stop")?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        // Without a signal to wait for, the server runs until it is killed.
        #[cfg(not(unix))]
        if signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
