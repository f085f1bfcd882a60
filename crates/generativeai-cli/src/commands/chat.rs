//! `genai chat`: a session at the terminal, or a single message.

mod files;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Args;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use generativeai::protocol::config::GenerationConfig;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::approval::{Approvals, DefaultDecision};
use crate::attachment;
use crate::backend::{ModelChoice, OpenModel};
use crate::completions;
use crate::engine_options::EngineOptions;
use crate::exit::{Exit, UsageError, refused};
use crate::message;
use crate::oneshot::{OneShot, Output};
use crate::project;
use crate::prompts::Prompt;
use crate::render::Printer;
use crate::repl::{self, ReplOptions};
use crate::schema;
use crate::settings::{self, ConfigFile, SingleRun, with_place};
use crate::signals::Signals;
use crate::storage::{self, SessionChoice};
use crate::terminal;
use crate::tools::{ServerLog, ToolServers};
use files::{Mentioned, attached, mentioned};

/// Chat with a model, or send it a single message.
///
/// With a message or piped input, prints the reply and exits. Otherwise starts a session at the terminal,
/// where /help lists the commands.
// Each option is also a setting, unless it has the mark `SingleRun`.
#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// The message. Piped input is added to it, or replaces the word `-`; `@FILE` attaches an image, a video, a PDF
    /// or a text file
    #[arg(value_name = "MESSAGE")]
    words: Vec<String>,

    /// The model to use: a Gemini model, `local` for the default embedded model, one of `genai models list`,
    /// a .gguf file, or openai:NAME or ollama:NAME
    ///
    /// By default gemini-flash-latest if GEMINI_API_KEY or GOOGLE_API_KEY is set, else the embedded model. openai:NAME
    /// is a model of the OpenAI-compatible server in OPENAI_BASE_URL, with the key in OPENAI_API_KEY; ollama:NAME is a
    /// model of Ollama on this machine. With several names, separated by commas, the next model answers if one is
    /// overloaded or unreachable.
    #[arg(short, long, add = ArgValueCompleter::new(completions::models_and_files))]
    pub(crate) model: Option<String>,

    /// System instruction
    #[arg(short, long, value_name = "TEXT")]
    system: Option<String>,

    /// Ignore the project's instructions: GENAI.md or AGENTS.md in this folder
    #[arg(long)]
    no_project: bool,

    /// Send a named prompt, with {{input}} replaced by the message. Prompts are in the table "prompts" of the settings,
    /// or in files prompts/NAME.md next to them
    #[arg(short = 't', long, value_name = "NAME", add = SingleRun)]
    template: Option<String>,

    /// A value for {{NAME}} in the named prompt. The option can be repeated.
    #[arg(short, long, value_name = "NAME=VALUE", requires = "template", value_parser = parameter, add = SingleRun)]
    param: Vec<(String, String)>,

    /// Randomness, from 0 (most likely words) to 2
    #[arg(long, value_name = "NUMBER", value_parser = temperature)]
    temperature: Option<f64>,

    /// Choose among the most likely tokens with this total probability, from 0 to 1
    #[arg(long, value_name = "NUMBER", value_parser = probability)]
    top_p: Option<f64>,

    /// Choose among this many of the most likely tokens
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    top_k: Option<i32>,

    /// Maximum number of tokens of a reply
    #[arg(long, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(i32).range(1..))]
    max_output_tokens: Option<i32>,

    /// Random seed; the same seed usually gives the same reply
    #[arg(long, value_name = "NUMBER")]
    seed: Option<i32>,

    /// Continue the most recently used session
    #[arg(short = 'c', long = "continue", conflicts_with_all = ["session", "new"], add = SingleRun)]
    continue_last: bool,

    /// Continue the session with this name or number
    #[arg(long, value_name = "NAME", add = SingleRun)]
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    session: Option<String>,

    /// Start the session of --session if it does not exist
    #[arg(long, requires = "session", add = SingleRun)]
    new: bool,

    /// Do not save anything; a continued session stays unchanged
    #[arg(long)]
    no_save: bool,

    /// Make the reply JSON that matches the JSON Schema in this file; a reply that does not match is an error
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    /// Let the model call the tools of an MCP server: a command that starts it, its http(s) URL, or its name in the
    /// table "servers" of the settings
    ///
    /// At the terminal you are asked before each call, unless the server declares its tool read-only. Otherwise calls
    /// need --allow or --yes. The option can be repeated.
    #[arg(long, value_name = "COMMAND")]
    tool: Vec<String>,

    /// Let this tool run without asking, in addition to the list "allow" in the settings: TOOL of any server, or
    /// SERVER:TOOL. The option can be repeated.
    #[arg(long, value_name = "TOOL")]
    pub(crate) allow: Vec<String>,

    /// Let all tools run without asking: use servers you trust
    #[arg(long, add = SingleRun)]
    yes: bool,

    /// Output format for a single answer
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Output,

    /// Print only the first code block of the answer; an answer without one is an error and goes to stderr
    #[arg(short = 'x', long, conflicts_with = "output", add = SingleRun)]
    code: bool,

    /// Show the log of MCP servers, instead of writing it to generativeai/servers.log in the state folder
    #[arg(short, long)]
    verbose: bool,

    /// Print token and timing statistics to stderr
    #[arg(long)]
    stats: bool,

    #[command(flatten)]
    engine: EngineOptions,

    /// Whether it is an error if the session does not exist, as for `genai sessions resume`.
    #[arg(skip)]
    pub(crate) session_must_exist: bool,

    /// Place of the model in the configuration file, if it is set there.
    #[arg(skip)]
    pub(crate) place_of_model: Option<String>,

    /// The configuration file.
    #[arg(skip)]
    pub(crate) config: ConfigFile,
}

/// Arguments that have been checked.
struct Checked {
    /// The message; `None` for a session at the terminal.
    message: Option<String>,
    files: Vec<Mentioned>,
    session: SessionChoice,
    model: ModelSettings,
}

/// The model to load, and its settings.
struct ModelSettings {
    choice: ModelChoice,
    config: GenerationConfig,
    /// The system instruction.
    system: Option<String>,
}

impl Chat {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let runtime = super::runtime()?;
        let checked = self.check(&runtime, printer)?;
        // From here on, a signal ends the process only where this program handles it.
        let signals = Signals::listen(&runtime)?;
        let log = match self.verbose {
            true => ServerLog::Stderr,
            false => ServerLog::File,
        };
        let tools = ToolServers::connect(&self.tool, &self.config.servers, log, printer);
        let Some(tools) = runtime.block_on(signals.unless_stopped(tools)) else {
            return Ok(signals.exit_code());
        };
        let tools = tools?;
        let schema = checked.model.config.response_json_schema.clone();
        let opened =
            signals.exit_at_once_during(|| self.open_model(checked.model, &tools, printer));
        let model = opened?;
        let opened = async {
            let attachments = attached(checked.files, model.uploader.as_ref(), printer).await?;
            let choice = checked.session;
            let opened = storage::open(choice, &model.model, !self.no_save, printer).await?;
            anyhow::Ok((attachments, opened))
        };
        let Some(opened) = runtime.block_on(signals.unless_stopped(opened)) else {
            return Ok(signals.exit_code());
        };
        let (attachments, (mut conversation, lock)) = opened?;
        let approvals = self.approvals(checked.message.is_none(), &tools, printer);
        if self.schema.is_some() {
            // The reply is JSON: characters such as `*` and `_` are not markup.
            printer.disable_markdown();
        }
        let exit = if let Some(message) = checked.message {
            storage::recover(&mut conversation, printer);
            let message = attachment::message(&attachments, &message);
            let one_shot = self.one_shot(schema, approvals);
            let exit = one_shot.run(&runtime, &signals, conversation, message, printer);
            drop(lock);
            exit
        } else {
            // The prompt locks the session again for each message, so that another process can use it in between.
            drop(lock);
            let options = ReplOptions {
                stats: self.stats,
                save: !self.no_save,
                schema,
                engine: self.engine,
                approvals,
                model,
            };
            repl::run(&runtime, conversation, options, signals, printer)
        };
        runtime.block_on(tools.close());
        exit
    }

    /// Checks all arguments that can be checked without the model, which may take minutes to load or download.
    fn check(&self, runtime: &Runtime, printer: &mut Printer) -> anyhow::Result<Checked> {
        let session = self.session_choice(runtime, printer)?;
        let message = self.message(printer)?;
        self.require_message(message.is_some())?;
        let files = mentioned(&self.words, printer)?;
        let config = self.generation_config()?;
        let choice = ModelChoice::new(self.model.as_deref(), printer);
        let choice = with_place(choice, self.place_of_model.as_deref())?;
        self.check_schema(&choice, &config)?;
        Ok(Checked {
            message,
            files,
            session,
            model: ModelSettings {
                choice,
                config,
                system: self.system_instruction(printer),
            },
        })
    }

    /// Loads the model, and applies its settings.
    fn open_model(
        &self,
        settings: ModelSettings,
        tools: &ToolServers,
        printer: &mut Printer,
    ) -> anyhow::Result<OpenModel> {
        let opened = settings.choice.open(&self.engine, printer);
        let opened = with_place(opened, self.place_of_model.as_deref())?;
        let mut model = opened.model.generation_config(settings.config);
        if let Some(system) = settings.system {
            model = model.system_instruction(system);
        }
        if !self.tool.is_empty() {
            model = model.tools(tools.toolbox());
        }
        model.check().map_err(refused)?;
        Ok(OpenModel { model, ..opened })
    }

    /// Refuses options for a single answer in a session at the terminal.
    fn require_message(&self, has_message: bool) -> Result<(), UsageError> {
        if has_message || (self.output == Output::Text && !self.code) {
            return Ok(());
        }
        let option = if self.code { "--code" } else { "--output" };
        Err(UsageError(format!(
            "{option} needs a message: add one, as in genai chat \"Hello\""
        )))
    }

    /// Refuses a schema that the embedded model cannot use. A service checks schemas itself.
    fn check_schema(
        &self,
        choice: &ModelChoice,
        config: &GenerationConfig,
    ) -> Result<(), UsageError> {
        match (&self.schema, &config.response_json_schema) {
            (Some(path), Some(schema)) if choice.runs_embedded() => schema::check(path, schema),
            _ => Ok(()),
        }
    }

    /// Returns the settings for a single answer.
    fn one_shot(&self, schema: Option<Value>, approvals: Option<Approvals>) -> OneShot {
        OneShot {
            output: match self.code {
                true => Output::Code,
                false => self.output,
            },
            schema,
            stats: self.stats,
            approvals,
        }
    }

    /// Returns the approvals of tool calls, if there are tools.
    fn approvals(
        &self,
        is_interactive: bool,
        tools: &ToolServers,
        printer: &mut Printer,
    ) -> Option<Approvals> {
        if self.tool.is_empty() {
            return None;
        }
        for entry in &self.allow {
            if tools.named(entry).next().is_none() {
                printer.note(format_args!("(--allow {entry}: no server has this tool)"));
            }
        }
        // As a default of clap, the list of the settings would be replaced by `--allow` instead of extended.
        let of_settings = settings::allowed(&self.config.settings);
        let entries = self.allow.iter().chain(&of_settings);
        let allowed = entries.flat_map(|entry| tools.named(entry));
        let default = match is_interactive {
            _ if self.yes => DefaultDecision::Run,
            true => DefaultDecision::Ask,
            false if terminal::can_ask() => DefaultDecision::Ask,
            false => DefaultDecision::Deny,
        };
        Some(Approvals::new(tools.tools().clone(), allowed, default))
    }

    /// Chooses the session. A named session that does not exist is created with `--new`, or if the user confirms it at
    /// the terminal.
    ///
    /// # Errors
    /// The session does not exist, or its name is empty or invalid.
    fn session_choice(
        &self,
        runtime: &Runtime,
        printer: &mut Printer,
    ) -> anyhow::Result<SessionChoice> {
        let Some(name) = &self.session else {
            if self.session_must_exist {
                let message = "name the session: `genai sessions list` lists all";
                return Err(UsageError(message.to_owned()).into());
            }
            return Ok(match self.continue_last {
                true => SessionChoice::Existing(runtime.block_on(storage::last())?),
                false => SessionChoice::New(String::new()),
            });
        };
        // `/session` trims its argument, so it would not find a name with a blank at its ends.
        let name = name.trim();
        if name.is_empty() {
            let message = "the session name is empty: write its name or number";
            return Err(UsageError(message.to_owned()).into());
        }
        if let Some(session) = runtime.block_on(storage::find(name))? {
            return Ok(SessionChoice::Existing(session));
        }
        if !self.new {
            let has_message = !self.words.is_empty() || self.template.is_some();
            let may_ask = terminal::can_ask()
                && !has_message
                && !self.session_must_exist
                && !storage::is_number(name);
            let question = format_args!("There is no session `{name}`. Start it? [y/N] ");
            if !may_ask || !printer.confirm(question) {
                let remedy = match self.session_must_exist {
                    true => "",
                    false => ", --new starts it",
                };
                return Err(runtime.block_on(storage::unknown(name, remedy)).into());
            }
        }
        runtime.block_on(storage::check_name(name))?;
        Ok(SessionChoice::New(name.to_owned()))
    }

    /// Returns the message of the command line and stdin, inserted into the named prompt if there is one.
    fn message(&self, printer: &mut Printer) -> anyhow::Result<Option<String>> {
        let Some(name) = &self.template else {
            return message::message(&self.words, "chat", printer);
        };
        let prompt = Prompt::find(name, &self.config.prompts)?;
        // A prompt may need no message. So input that cannot contain one, such as `/dev/null`, is not an empty message.
        let message = match self.words.is_empty() && !message::is_piped() {
            true => None,
            false => message::message(&self.words, "chat", printer)?,
        };
        Ok(Some(prompt.fill(message.as_deref(), &self.param)?))
    }

    /// Returns the instructions of the project, followed by those of the user. A note names the file of the project.
    fn system_instruction(&self, printer: &mut Printer) -> Option<String> {
        let project = match self.no_project {
            true => Ok(None),
            false => project::read(Path::new(".")),
        };
        // The file may be for other programs. It must not prevent each chat in its folder.
        let project = project.unwrap_or_else(|why| {
            printer.note(format_args!("({why}; --no-project ignores the file)"));
            None
        });
        if let Some(project) = &project {
            printer.hint(format_args!(
                "Using the instructions of {}. To leave them out: --no-project",
                project.file
            ));
        }
        let texts = project.map(|project| project.text).into_iter();
        let texts: Vec<_> = texts.chain(self.system.clone()).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }

    /// Returns the sampling options and the schema.
    fn generation_config(&self) -> anyhow::Result<GenerationConfig> {
        let mut config = GenerationConfig::default();
        config.temperature = self.temperature;
        config.top_p = self.top_p;
        config.top_k = self.top_k;
        config.max_output_tokens = self.max_output_tokens;
        config.seed = self.seed;
        if let Some(path) = &self.schema {
            let schema = schema::read(path)?;
            config = config
                .response_mime_type("application/json")
                .response_json_schema(schema);
        }
        Ok(config)
    }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

fn temperature(text: &str) -> Result<f64, String> {
    number_in(text, 0.0..=2.0)
}

fn probability(text: &str) -> Result<f64, String> {
    number_in(text, 0.0..=1.0)
}

fn number_in(text: &str, range: RangeInclusive<f64>) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it must be a number")?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(format!(
            "it must be from {} to {}",
            range.start(),
            range.end()
        ))
    }
}
