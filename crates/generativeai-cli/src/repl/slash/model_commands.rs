//! Commands about the model: its name, system instruction, tools and token counts.

use generativeai::{Backend, GenerativeModel, RequestOptions, Toolbox};

use crate::attachment::mention::{self, Mention};
use crate::backend::{ModelChoice, gemini};
use crate::catalog::LOCAL;
use crate::exit::UsageError;
use crate::repl::state::Repl;
use crate::suggest::suggest;
use crate::transcript::text_of;

impl Repl<'_> {
    /// Shows the model, or continues the conversation with another one. The settings of the chat stay.
    pub(super) fn change_model(&mut self, name: &str) -> anyhow::Result<()> {
        if name.is_empty() {
            let name = self.model_name();
            self.printer.note(name);
            return Ok(());
        }
        let choice = ModelChoice::named(name)?;
        let is_of_service = matches!(choice, ModelChoice::Gemini(_));
        // Loading a model blocks this thread for seconds, or minutes with a download.
        let opened = self
            .signals
            .exit_at_once_during(|| choice.open(&self.options.engine, self.printer))?;
        if is_of_service {
            self.refuse_unknown(name, &opened.model)?;
        }
        let model = opened.model.clone();
        let model = model.with_settings_from(self.conversation().chat.model());
        self.set_model(model)?;
        self.models.insert(opened.model.name().to_owned(), opened);
        let name = self.model_name();
        self.printer.note(format_args!("now using {name}"));
        Ok(())
    }

    /// Returns the name of the model as the user can enter it. `local` is followed by the name of the model that is loaded.
    fn model_name(&self) -> String {
        let name = self.conversations.current().chat.model().name();
        match self.models.get(name).map(|model| model.chosen.as_str()) {
            Some(LOCAL) => format!("{LOCAL} ({})", name.trim_start_matches("models/")),
            chosen => chosen.unwrap_or(name).to_owned(),
        }
    }

    /// Refuses a model that the Gemini API does not have, and suggests another. If the API cannot be reached, the model
    /// is accepted, and the next message reports the error.
    fn refuse_unknown(&mut self, name: &str, model: &GenerativeModel) -> anyhow::Result<()> {
        let described = model.describe();
        match self.within_timeout(async { Some(described.await) }) {
            Some(Ok(described)) => {
                self.add_token_limit(model, &described);
                return Ok(());
            }
            Some(Err(error)) if error.http_code() == Some(404) => {}
            _ => return Ok(()),
        }
        let listed = gemini(name)?.list_models(None, RequestOptions::default());
        let listed = self.within_timeout(async { listed.await.ok() });
        let names = listed.unwrap_or_default().models.into_iter();
        let names = names.filter_map(|model| model.name);
        let names: Vec<_> = names
            .map(|name| name.trim_start_matches("models/").to_owned())
            .collect();
        let message = format!("unknown model `{name}`: {}", suggest(name, &names));
        Err(UsageError(message).into())
    }

    /// Shows, sets or removes the system instruction.
    pub(super) fn system_instruction(&mut self, text: &str) -> anyhow::Result<()> {
        let model = self.conversation().chat.model().clone();
        match text {
            "" => match model.instruction() {
                Some(instruction) => self.printer.note(text_of(instruction)),
                None => self.printer.note("no system instruction"),
            },
            "-" => {
                self.set_model(model.without_system_instruction())?;
                self.printer.note("system instruction removed");
            }
            text => {
                self.set_model(model.system_instruction(text))?;
                for mention in mention::find(text) {
                    match mention {
                        Mention::File(path) => self.printer.note(format_args!(
                            "(`{}` is not attached: a system instruction is text)",
                            path.display()
                        )),
                        Mention::Missing(note) => self.printer.note(note),
                    }
                }
                self.printer.note("system instruction set");
            }
        }
        Ok(())
    }

    /// Continues the conversation with a model, if its settings are valid.
    fn set_model(&mut self, model: GenerativeModel) -> anyhow::Result<()> {
        model.check()?;
        self.conversation().settle();
        self.conversation().chat.set_model(model);
        Ok(())
    }

    /// Lists the tools of the model, with the first line of their descriptions.
    pub(super) fn list_tools(&mut self) {
        let model = self.conversation().chat.model().clone();
        let mut any = false;
        for tool in model.toolbox().map(Toolbox::tools).unwrap_or_default() {
            for function in &tool.function_declarations {
                any = true;
                let description = function.description.as_deref().unwrap_or_default();
                let name = function.name.as_deref().unwrap_or_default();
                let line = description.lines().next().unwrap_or_default();
                self.printer.note(format_args!("{name}  {line}"));
            }
        }
        if !any {
            self.printer.note("the model has no tools");
        }
    }

    /// Shows token counts, or sets whether they are shown after each reply.
    pub(super) fn tokens(&mut self, when: &str) {
        match when {
            "on" => {
                self.options.stats = true;
                self.printer
                    .note("token counts will be shown after each reply");
            }
            "off" => {
                self.options.stats = false;
                self.printer
                    .note("token counts will be shown only by /tokens");
            }
            "" => {
                let usage = self.conversation().usage.clone();
                match usage.last() {
                    Some(last) => {
                        self.printer.note(format_args!("last reply: {last}"));
                        let total = usage.total();
                        self.printer.note(format_args!("total:      {total}"));
                    }
                    None => self
                        .printer
                        .note("this session has no replies in this run yet"),
                }
            }
            other => self.printer.note(format_args!(
                "unknown argument `{other}`: use /tokens, /tokens on or /tokens off"
            )),
        }
    }
}
