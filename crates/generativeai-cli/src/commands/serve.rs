//! `genai serve`: serves the Gemini REST API with any model.

mod access;
mod files;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueHint};
use clap_complete::ArgValueCompleter;
use generativeai::Backend;
use generativeai_openai::OpenAi;
use generativeai_server::{Faults, Server};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::backend::{self, ModelChoice};
use crate::catalog::LOCAL;
use crate::completions;
use crate::continuation_key;
use crate::engine_options::EngineOptions;
use crate::exit::{Exit, UsageError};
use crate::hint::Place;
use crate::openai;
use crate::render::Printer;
use crate::settings::with_place;
use crate::signals::StopSignals;
use crate::supervisor::{self, StartFailed, Supervisor};
use access::{host, host_name, origin, print_refusals};

/// Heading of options that only tests of clients need.
const FOR_CLIENTS: &str = "For developers of clients";

/// Default limit of a reply in tokens, for a model on this computer. Without a limit, a small model may continue until
/// its context is full, which takes minutes.
const MAX_OUTPUT_TOKENS: i32 = 2_048;

/// Maximum number of concurrent requests if a service runs the model. It is high, since the service queues requests
/// itself.
const SERVICE_REQUESTS: usize = 1_024;

/// Maximum wait for running replies when the server stops. The help contains it.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time after which a server that is stopping prints why it waits.
const REPORT_AFTER: Duration = Duration::from_millis(200);

/// Serve the Gemini REST API, so that any Gemini client works offline.
///
/// With --upstream, an OpenAI-compatible server runs the models: vLLM, llama-server, Ollama or another.
///
/// Prints `listening on http://ADDRESS` when it is ready; a browser shows a chat page there. Ctrl-C, SIGTERM
/// or SIGHUP stops the server after the running replies, for which it waits at most 10 s. Ctrl-C or SIGTERM again stops
/// it at once.
// Each option is also a setting, unless it has the mark `SingleRun`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on; any other than a loopback address is open to the network
    #[arg(long, value_name = "ADDRESS", value_parser = host, default_value_t = Ipv4Addr::LOCALHOST.into())]
    host: IpAddr,

    /// Port to listen on; 0 picks a free port
    #[arg(short, long, default_value_t = 8080)]
    port: u16,

    /// The model to use: `local` for the default embedded model, a .gguf file, one of `genai models list`, a
    /// Gemini model, or openai:NAME or ollama:NAME
    ///
    /// By default `local`. With --upstream, requests for Gemini models are answered by this model, by default the first
    /// one of that server.
    #[arg(short, long, add = ArgValueCompleter::new(completions::models_and_files))]
    pub(crate) model: Option<String>,

    /// Let the OpenAI-compatible server at this base URL run the models, as in http://vllm:8000/v1
    #[arg(long, value_name = "URL", conflicts_with = "in_process")]
    upstream: Option<String>,

    /// API key for the upstream server; by default the key in OPENAI_API_KEY, if set
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    upstream_key: Option<String>,

    /// Run the model in this process. By default it runs in a child process, which is restarted if it crashes
    #[arg(long)]
    in_process: bool,

    /// Maximum number of requests at a time; others wait. By default 16, or 1,024 if a service runs the model
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    max_concurrent: Option<u16>,

    /// API key that clients must send; by default none
    #[arg(
        long,
        value_name = "KEY",
        value_parser = NonEmptyStringValueParser::new(),
        env = "GENAI_SERVE_KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,

    /// Maximum length of a reply in tokens, unless its request sets one; by default 2,048 for a model that runs on this
    /// computer
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(1..))]
    max_output_tokens: Option<i32>,

    /// Folder for uploaded files, which are deleted after 48 hours; by default `generativeai/served-files` in the data
    /// folder of the user
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    files: Option<PathBuf>,

    /// Reject unknown model names instead of answering with the default model
    #[arg(long)]
    strict_names: bool,

    /// Accept requests for this host name, not only for loopback names; `*` for any
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    allow_host: Vec<String>,

    /// Accept requests from web pages of this origin (CORS); `*` for any
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    allow_origin: Vec<String>,

    #[command(flatten)]
    engine: EngineOptions,

    #[command(flatten)]
    hops: HopOptions,

    /// Inject faults: 429, 500, 503, delay=250ms, cut=3, error=500, seed=7; `503x2` for the first two requests,
    /// `503@0.5` for half of them
    #[arg(long, value_name = "FAULTS", value_delimiter = ',', help_heading = FOR_CLIENTS)]
    fault: Vec<String>,

    /// Place of the model in the configuration file, if it is set there.
    #[arg(skip)]
    pub(crate) place_of_model: Option<String>,
}

/// Options for replies in hops.
#[derive(Debug, Args)]
#[command(next_help_heading = FOR_CLIENTS)]
struct HopOptions {
    /// End each request for a reply after this number of tokens, with CONTINUATION and a continuationToken, as Gemini 4
    /// models do
    ///
    /// To continue a reply the model generates it again from its beginning. The model is --deterministic, so that hops
    /// equal one reply.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    hop_tokens: Option<u32>,

    /// Add a continuationToken to a chunk of a stream each time this number of tokens was sent. A client resumes a
    /// broken stream with it. 1 for every chunk
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_tokens: Option<u32>,

    /// Key of continuation tokens; by default a random one, stored in the state folder
    #[arg(
        long,
        value_name = "KEY",
        value_parser = NonEmptyStringValueParser::new(),
        env = "GENAI_SERVE_CONTINUATION_KEY",
        hide_env_values = true
    )]
    continuation_key: Option<String>,
}

impl HopOptions {
    /// Returns whether clients can continue or resume replies.
    fn are_set(&self) -> bool {
        self.hop_tokens.is_some() || self.checkpoint_tokens.is_some()
    }

    /// Applies the options to a server. Without `--continuation-key`, the key is read from the state folder.
    fn apply(self, mut server: Server) -> anyhow::Result<Server> {
        if !self.are_set() {
            return Ok(server);
        }
        if let Some(tokens) = self.hop_tokens {
            server = server.hop_tokens(tokens);
        }
        if let Some(tokens) = self.checkpoint_tokens {
            server = server.checkpoint_tokens(tokens);
        }
        Ok(match self.continuation_key {
            Some(key) => server.continuation_key(key),
            None => server.continuation_key(continuation_key::read()?),
        })
    }
}

impl Serve {
    /// Runs the command.
    pub(crate) fn run(mut self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let faults: Result<Faults, _> = self.fault.join(",").parse();
        let faults = faults.map_err(|error| UsageError(error.to_string()))?;
        // A reply is continued by generating it again and skipping its beginning. So it has to be reproducible.
        if self.hops.are_set() {
            self.engine.make_deterministic();
        }
        let address = SocketAddr::new(self.host, self.port);
        // Bound before the model is loaded: a port in use is reported at once, and early clients wait for the server.
        let listener = TcpListener::bind(address).map_err(|error| {
            let remedy = match error.kind() {
                ErrorKind::AddrNotAvailable => {
                    "use an address of this computer, or 0.0.0.0 for all networks"
                }
                _ => "try another port, or --port 0 for a free one",
            };
            anyhow::Error::new(error).context(format!("cannot listen on {address}: {remedy}"))
        })?;
        let address = listener.local_addr().context("cannot determine the port")?;
        if !self.host.is_loopback() && self.api_key.is_none() {
            printer.note(
                "Anyone who can reach this address can use the server: set --api-key to prevent it",
            );
        }
        let files = files::open(self.files.clone(), printer)?;
        let runtime = Runtime::new().context("cannot start the async runtime")?;
        let (server, context, supervisor) = match self.start(&runtime, printer) {
            // The engine process has reported the reason on stderr, so it is not printed twice.
            Err(error) if has_reported(&error) => return Ok(Exit::Failure),
            started => started?,
        };
        let mut server = self.configured(server, context, printer)?;
        if let Some(files) = files {
            server = server.files(files);
        }
        // `serve` ends the wait.
        let server = server.faults(faults).drain_timeout(2 * DRAIN_TIMEOUT);
        runtime.block_on(async {
            let signals = StopSignals::listen()?;
            printer.answer(&format!("listening on http://{address}\n"))?;
            tokio::select! {
                served = serve(server, listener, signals) => served,
                () = supervise(supervisor, printer) => Ok(Exit::Success),
            }
        })
    }

    /// Starts a server with the model. The default model is downloaded if necessary.
    fn start(&self, runtime: &Runtime, printer: &mut Printer) -> anyhow::Result<Started> {
        if let Some(url) = &self.upstream {
            printer.set_place(Place::Upstream);
            let client = openai::upstream(url, self.upstream_key.clone(), printer)?;
            let model = match &self.model {
                Some(name) => name.clone(),
                None => runtime.block_on(first_model(&client, printer))?,
            };
            return Ok((of_service(client).default_model(model), None, None));
        }
        if self.upstream_key.is_some() {
            let message = "--upstream-key needs --upstream with the URL of the server";
            return Err(UsageError(message.to_owned()).into());
        }
        let started = self.start_named(self.model.as_deref().unwrap_or(LOCAL), runtime, printer);
        with_place(started, self.place_of_model.as_deref())
    }

    fn start_named(
        &self,
        name: &str,
        runtime: &Runtime,
        printer: &mut Printer,
    ) -> anyhow::Result<Started> {
        Ok(match ModelChoice::named(name)? {
            ModelChoice::Gemini(_) if self.hops.are_set() => {
                let message = "--hop-tokens and --checkpoint-tokens are not for Gemini models: name another \
                               one with --model, or `local` for the default embedded model";
                return Err(UsageError(message.to_owned()).into());
            }
            ModelChoice::Gemini(name) => (of_service(backend::gemini(&name)?), None, None),
            ModelChoice::OpenAi(model) => {
                let server = of_service(model.client(printer)?);
                (server.default_model(model.name), None, None)
            }
            choice if self.in_process => {
                let local = backend::local(&choice.file(printer)?, &self.engine)?;
                let context = i32::try_from(local.context()).ok();
                (Server::new(local), context, None)
            }
            choice => {
                let started = supervisor::start(choice.file(printer)?, &self.engine);
                let (engine, supervisor) = runtime.block_on(started)?;
                let context = engine.context();
                (Server::new(engine), context, Some(supervisor))
            }
        })
    }

    /// Applies the options to the server of a model with this size of the context in tokens.
    fn configured(
        self,
        mut server: Server,
        context: Option<i32>,
        printer: &mut Printer,
    ) -> anyhow::Result<Server> {
        if let Some(requests) = self.max_concurrent {
            server = server.max_concurrent(requests.into());
        }
        let default = context.map(|_| MAX_OUTPUT_TOKENS);
        if let Some(limit) = self.max_output_tokens.or(default) {
            server = server.max_output_tokens(limit);
            if let Some(context) = context {
                printer.hint(format_args!(
                    "The context holds {context} tokens (--context). Replies end after {limit} tokens, unless a request \
                     sets maxOutputTokens (--max-output-tokens)"
                ));
            }
        }
        server = self.hops.apply(server)?;
        if let Some(key) = self.api_key {
            server = server.api_key(key);
        }
        server = server.strict_model_names(self.strict_names);
        server = server.on_refused(print_refusals());
        server = self.allow_host.into_iter().fold(server, Server::allow_host);
        let origins = self.allow_origin.into_iter();
        Ok(origins.fold(server, Server::allow_origin))
    }
}

/// Server of a model. If this computer runs the model, with the size of its context in tokens, and with the supervisor of
/// its child process, unless it runs in this process.
type Started = (Server, Option<i32>, Option<Supervisor>);

/// Returns a server that forwards requests to a service.
fn of_service(service: impl Backend + 'static) -> Server {
    Server::new(service).max_concurrent(SERVICE_REQUESTS)
}

/// Serves requests until a signal stops the server. It then finishes the running replies, unless another signal comes
/// or the time is over. Returns the exit code of the signal if replies were cut off.
async fn serve(
    server: Server,
    listener: TcpListener,
    mut signals: StopSignals,
) -> anyhow::Result<Exit> {
    let (stop, stopped) = oneshot::channel();
    let served = server.serve(listener, async { stopped.await.unwrap_or_default() });
    let stopped_at_once = async {
        let first = signals.next().await;
        // The server runs until this future is dropped, so it receives the message.
        let _ = stop.send(());
        tokio::select! {
            second = signals.next() => return second,
            () = sleep(REPORT_AFTER) => report_drain(),
        }
        tokio::select! {
            second = signals.next() => second,
            () = sleep(DRAIN_TIMEOUT) => first,
        }
    };
    tokio::select! {
        served = served => served.map(|()| Exit::Success).context("cannot serve"),
        exit = stopped_at_once => {
            // The supervisor may hold the printer of the command.
            Printer::new().note("(stopped before the running replies were complete)");
            Ok(exit)
        }
    }
}

/// Restarts the child process of the model whenever it ends. Never returns.
async fn supervise(supervisor: Option<Supervisor>, printer: &mut Printer) {
    match supervisor {
        Some(supervisor) => match supervisor.run(printer).await {},
        None => std::future::pending().await,
    }
}

/// Returns the first model of a server, and prints a hint with its name.
async fn first_model(client: &OpenAi, printer: &mut Printer) -> anyhow::Result<String> {
    let models = openai::models(client).await;
    let models =
        models.context("cannot choose a model of the upstream server: name one with --model")?;
    let url = client.base_url();
    let first = models.first().map(openai::name_of);
    let first = first.with_context(|| format!("the server {url} has no model"))?;
    printer.hint(format_args!(
        "Requests for Gemini models are answered by {first} of {url}. To use another one: --model"
    ));
    Ok(first.to_owned())
}

/// Returns whether the engine failed to start and printed the reason itself. An engine that was killed by a signal has
/// no exit code, and could not print anything.
fn has_reported(error: &anyhow::Error) -> bool {
    error
        .downcast_ref()
        .is_some_and(|StartFailed(status)| status.code().is_some())
}

/// Prints that the server waits for running replies. The supervisor may hold the printer of the command.
fn report_drain() {
    let seconds = DRAIN_TIMEOUT.as_secs();
    Printer::new().note(format_args!(
        "(finishing the running replies, at most {seconds} s; Ctrl-C again stops now)"
    ));
}
