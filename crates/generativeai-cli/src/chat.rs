//! `genai chat`: a conversation with a model.

mod attach;
mod conversation;
mod editor;
mod files;
mod input;
mod kept;
mod once;
mod output;
mod prompt;
mod reply;
mod retries;
mod saving;
mod schema;
mod screen;
mod signals;
mod spent;
mod spoken;
mod talk;
mod tools;

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use generativeai::protocol::config::GenerationConfig;
use tokio::runtime::{Builder, Runtime};

use crate::completions::names;
use crate::exit::{Exit, Usage};
use crate::model::Choice;
use crate::printer::Printer;
pub(crate) use conversation::{Conversation, Speaker, text_of};
use kept::Which;
pub(crate) use kept::read;
use once::Once;
use output::Output;
use tools::Tools;

/// Talk with a model, or ask it once.
///
/// With a message it is answered once. With something piped in that is answered. Otherwise a
/// conversation begins, in which /help tells the commands.
#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// What to say; `-` stands for what is piped in, `@FILE` sends an image, a PDF or a text along
    #[arg(value_name = "MESSAGE")]
    words: Vec<String>,

    /// Who answers: a Gemini model by name, `local` for the embedded model, one of `genai models list`,
    /// or a .gguf file
    ///
    /// By default the Gemini API if GEMINI_API_KEY or GOOGLE_API_KEY is set, else the embedded
    /// model.
    #[arg(short, long, add = ArgValueCompleter::new(names::who))]
    model: Option<String>,

    /// What the model is told before the conversation
    #[arg(short, long, value_name = "TEXT")]
    system: Option<String>,

    /// How freely words are chosen: from 0, always the likeliest, to 2
    #[arg(short, long, value_name = "NUMBER", allow_negative_numbers = true)]
    temperature: Option<f64>,

    /// Choose among the likeliest tokens that together are this likely, from 0 to 1
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    top_p: Option<f64>,

    /// Choose among that many of the likeliest tokens
    #[arg(long, value_name = "COUNT")]
    top_k: Option<i32>,

    /// The most tokens a reply may have
    #[arg(long, value_name = "COUNT")]
    max_output_tokens: Option<i32>,

    /// Where chance begins: the same seed tends to give the same reply
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    seed: Option<i32>,

    /// Go on with the chat that was spoken in last
    #[arg(short = 'c', long = "continue", conflicts_with = "session")]
    go_on: bool,

    /// Go on with the chat of this name or number, or begin it
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(names::chats))]
    session: Option<String>,

    /// Do not keep a new chat for `genai sessions` and `--continue`
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "true|false")]
    #[arg(
        default_value_t = false,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    no_save: bool,

    /// Let the reply be JSON of a shape: that of the JSON Schema in this file
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    /// Let the model call the tools of an MCP server: a command that starts it, or its http(s) address
    ///
    /// What it calls runs without a question: name servers you trust. Can be given several times.
    #[arg(long, value_name = "COMMAND")]
    tool: Vec<String>,

    /// In which form the answer to one message goes to stdout
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,

    /// Tell on stderr what each reply cost, in tokens and time
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "true|false")]
    #[arg(
        default_value_t = false,
        default_missing_value = "true",
        hide_possible_values = true
    )]
    stats: bool,
}

impl Chat {
    /// Runs the command.
    pub(crate) fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let message = input::message(&self.words)?;
        if message.is_none() && self.output != Output::Text {
            let message = "--output is for one message: say it, as in genai chat \"Hello\"";
            return Err(Usage(message.to_owned()).into());
        }
        let attached = attach::mentioned(&self.words, printer)?;
        if self
            .session
            .as_deref()
            .is_some_and(|name| name.trim().is_empty())
        {
            return Err(Usage("the session has no name: give --session one".to_owned()).into());
        }
        let config = self.generation_config()?;
        let choice = Choice::of(self.model.as_deref(), printer)?;
        let runtime = runtime()?;
        let tools = Tools::connect(&runtime, &self.tool)?;
        let mut model = choice.open(printer)?.generation_config(config);
        if let Some(system) = &self.system {
            model = model.system_instruction(system.as_str());
        }
        if !self.tool.is_empty() {
            model = model.tools(tools.toolbox());
        }
        model.check()?;
        let automatic = !self.tool.is_empty();
        let opened = kept::open(self.which(), &model, automatic, printer);
        let conversation = runtime.block_on(opened)?;
        if self.schema.is_some() {
            printer.as_they_are();
        }
        let once = Once {
            output: self.output,
            structured: self.schema.is_some(),
            stats: self.stats,
        };
        let ended = match message {
            Some(message) => {
                let message = attach::message(&attached, &message);
                once.ask(&runtime, conversation, message, printer)
            }
            None => talk::talk(&runtime, conversation, self.stats, printer),
        };
        runtime.block_on(tools.close());
        ended
    }

    /// Which chat is meant.
    fn which(&self) -> Which {
        match &self.session {
            _ if self.go_on => Which::Last,
            Some(name) => Which::Named(name.clone()),
            None if self.no_save => Which::Unkept,
            None => Which::New,
        }
    }

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

/// Where replies come in; it goes on while a line is typed, so that connections stay alive.
fn runtime() -> anyhow::Result<Runtime> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    runtime.context("cannot start a thread")
}
