//! Who answers, what it is told, with what tools, and for how many tokens.

use generativeai::GenerativeModel;

use super::Talk;
use crate::chat::conversation::text_of;
use crate::model::Choice;

impl Talk<'_> {
    /// Shows who answers, or lets another answer from now on.
    pub(super) fn model(&mut self, name: &str) -> anyhow::Result<()> {
        if name.is_empty() {
            let name = self.conversation().chat.model().name().to_owned();
            self.printer.note(name);
            return Ok(());
        }
        let choice = Choice::named(name)?;
        let model = self.signals.at_once(|| choice.open(self.printer))?;
        let model = model.like(self.conversation().chat.model());
        self.go_on_with(model)?;
        let name = self.conversation().chat.model().name().to_owned();
        self.printer
            .note(format_args!("{name} answers from now on"));
        Ok(())
    }

    /// Shows or sets what the model is told before the conversation.
    pub(super) fn system(&mut self, text: &str) -> anyhow::Result<()> {
        let model = self.conversation().chat.model().clone();
        match text {
            "" => match model.instruction() {
                Some(told) => self.printer.note(text_of(told)),
                None => self
                    .printer
                    .note("the model is told nothing before the conversation"),
            },
            "-" => {
                self.go_on_with(model.without_system_instruction())?;
                self.printer
                    .note("the model is told nothing before the conversation any longer");
            }
            text => {
                self.go_on_with(model.system_instruction(text))?;
                self.printer
                    .note("the model is told so before the conversation, from now on");
            }
        }
        Ok(())
    }

    /// Goes on with a model, if it can be asked.
    fn go_on_with(&mut self, model: GenerativeModel) -> anyhow::Result<()> {
        model.check()?;
        self.conversation().chat.set_model(model);
        Ok(())
    }

    pub(super) fn tell_tools(&mut self) {
        let model = self.conversation().chat.model().clone();
        let mut told = false;
        for tool in model.toolbox().map_or(&[][..], |toolbox| toolbox.tools()) {
            for function in &tool.function_declarations {
                told = true;
                let says = function.description.as_deref().unwrap_or_default();
                let name = function.name.as_deref().unwrap_or_default();
                let line = says.lines().next().unwrap_or_default();
                self.printer.note(format_args!("{name}  {line}"));
            }
        }
        if !told {
            self.printer.note("the model has no tools");
        }
    }

    /// Tells what was spent, or says whether to tell it after each reply.
    pub(super) fn tokens(&mut self, when: &str) {
        match when {
            "on" => {
                self.spent.told_each_time = true;
                self.printer.note("tokens are told after each reply");
            }
            "off" => {
                self.spent.told_each_time = false;
                self.printer.note("tokens are told when you ask");
            }
            _ => {
                self.printer
                    .note(format_args!("the last reply: {}", self.spent.last()));
                self.printer
                    .note(format_args!("all in all:     {}", self.spent.sum()));
            }
        }
    }
}
