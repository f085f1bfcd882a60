//! The chat template of a model.

use generativeai::{Error, ErrorKind, Result};
use serde_json::Value;

use crate::call_syntax::CallSyntax;
use crate::conversation::{Body, Conversation};
use crate::error;

use super::environment::Compiled;
use super::lower::{self, Form, Lowered, TEXT_TAGS};
use super::probe::{self, NativeTools};
use super::thinking_tags::{ThinkingTags, Thoughts};
use super::variables::{Rendering, Thinking, Variables};
use super::verify;

/// A compiled chat template, and the features that it supports.
#[derive(Debug)]
pub(crate) struct Template {
    compiled: Compiled,
    variables: Variables,
    /// `None` if functions are passed as text.
    native_tools: Option<NativeTools>,
    /// `None` if the model does not think.
    thinking: Option<ThinkingTags>,
    /// Whether a variable of the template turns thinking off.
    can_stop_thinking: bool,
}

/// Beginnings of a typed piece as Python or JSON writes it. In a prompt, they show that the template expected a string
/// and printed the list.
const TYPED_REPRS: [&str; 2] = ["'type': 'text'", "\"type\": \"text\""];

/// A rendered conversation.
#[derive(Debug)]
pub(crate) struct Rendered {
    /// Text of the prompt.
    pub(crate) prompt: String,
    /// Text form of the calls in the prompt and the reply.
    pub(crate) calls: CallSyntax,
    /// Tags that the prompt contains because of functions. They must not occur in the text of a reply.
    pub(crate) tags: Vec<String>,
    /// Thoughts of the reply; `None` if the model does not think.
    pub(crate) thoughts: Option<Thoughts>,
}

impl Template {
    /// Compiles a template. `bos` and `eos` are the strings of the tokens that begin and end text; they
    /// are empty if the model has none. `ends` are the strings of all tokens that end a reply.
    ///
    /// # Errors
    ///
    /// The template is not valid Jinja.
    pub(crate) fn new(source: &str, bos: &str, eos: &str, ends: &[String]) -> Result<Self> {
        let compiled = Compiled::new(source).map_err(|error| {
            let message =
                "the chat template of the model is invalid: use another model or template";
            Error::new(ErrorKind::Configuration, message).with_source(error)
        })?;
        let variables = Variables {
            bos: bos.to_owned(),
            eos: eos.to_owned(),
        };
        let thinking = ThinkingTags::of_template(source);
        let mut native_tools = probe::native_tools(&compiled, &variables);
        if let Some(native) = &mut native_tools {
            let thoughts_end = thinking.map(|tags| tags.close);
            native.calls.trim(thoughts_end, ends);
            native.tags.retain(|tag| !native.calls.is_inside(tag));
        }
        // Without it, the end of a call would not be found.
        native_tools.take_if(|native| native.calls.end().is_empty());
        Ok(Self {
            native_tools,
            thinking,
            can_stop_thinking: probe::can_stop_thinking(&compiled, &variables),
            compiled,
            variables,
        })
    }

    /// Returns the string of the token that begins text; empty if the model has none.
    pub(crate) fn bos(&self) -> &str {
        &self.variables.bos
    }

    /// Returns the tags around thoughts; `None` if the model does not think.
    pub(crate) fn thinking(&self) -> Option<ThinkingTags> {
        self.thinking
    }

    /// Returns whether thinking can be turned off.
    pub(crate) fn can_stop_thinking(&self) -> bool {
        self.can_stop_thinking
    }

    /// Returns all strings that structure a reply: parts of calls, and thinking tags.
    pub(crate) fn reply_marks(&self) -> Vec<&str> {
        let mut marks = Vec::new();
        if let Some(native) = &self.native_tools {
            marks.extend(native.calls.marks().into_iter().map(String::as_str));
        }
        if let Some(tags) = self.thinking {
            marks.extend([tags.open, tags.close]);
            marks.extend(tags.headers);
        }
        marks
    }

    /// Renders a conversation, up to where the model's reply begins.
    ///
    /// Templates differ in what they accept, so several forms of the conversation are tried, the most
    /// natural one first. The prompt contains every message.
    ///
    /// # Errors
    ///
    /// 400 if the template rejects the conversation, or leaves out a message, in every form.
    pub(crate) fn render(
        &self,
        conversation: &Conversation,
        thinking: Thinking,
    ) -> Result<Rendered> {
        // The first form is the one that the template most likely supports, so its error explains most.
        let mut first_failure = None;
        for form in self.forms(conversation) {
            match self.render_form(conversation, thinking, form) {
                Ok(rendered) => return Ok(rendered),
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                }
            }
        }
        Err(first_failure.unwrap_or_else(|| error::internal("the chat template was not rendered")))
    }

    /// Returns the forms in which a conversation is tried, the most natural one first.
    fn forms(&self, conversation: &Conversation) -> Vec<Form> {
        let mut forms = Vec::new();
        for (native_tools, split_calls) in [(true, false), (true, true), (false, false)] {
            for system_role in [true, false] {
                for typed_content in [false, true] {
                    forms.push(Form {
                        native_tools,
                        split_calls,
                        typed_content,
                        system_role,
                    });
                }
            }
        }
        let native = self.native_tools.is_some() && conversation.uses_functions();
        let mut messages = conversation.messages.iter();
        let has_calls = messages
            .any(|it| matches!(&it.body, Body::Assistant { calls, .. } if !calls.is_empty()));
        forms.retain(|form| (native || !form.native_tools) && (has_calls || !form.split_calls));
        forms
    }

    /// Renders a conversation in one form.
    fn render_form(
        &self,
        conversation: &Conversation,
        thinking: Thinking,
        form: Form,
    ) -> Result<Rendered> {
        let Lowered { messages, paths } = lower::messages(conversation, form);
        let tools = match form.native_tools && !conversation.functions.is_empty() {
            true => lower::tools(&conversation.functions),
            false => Value::Null,
        };
        let variables = self.variables.with(Rendering {
            messages: messages.as_slice().into(),
            tools,
            add_generation_prompt: true,
            thinking,
        });
        let prompt = self.compiled.render(variables).map_err(rejected)?;
        // Many templates ignore what they do not support, without an error. The model would then answer a different
        // conversation.
        if let Some(missing) = verify::first_missing(&prompt, &messages) {
            return Err(left_out(&paths[missing]));
        }
        if form.typed_content && TYPED_REPRS.iter().any(|repr| prompt.contains(repr)) {
            return Err(left_out(&paths[0]));
        }
        let (calls, tags) = match &self.native_tools {
            Some(native) if form.native_tools => (native.calls.clone(), native.tags.clone()),
            _ if conversation.uses_functions() => {
                (CallSyntax::default(), TEXT_TAGS.map(str::to_owned).to_vec())
            }
            _ => (CallSyntax::default(), Vec::new()),
        };
        Ok(Rendered {
            calls,
            tags,
            thoughts: self.thinking.map(|tags| Thoughts {
                tags,
                is_open: tags.are_open_at_end(&prompt),
            }),
            prompt,
        })
    }
}

fn rejected(error: minijinja::Error) -> Error {
    let kind = error.kind().to_string();
    let reason = error.detail().unwrap_or(&kind).to_owned();
    error::invalid_argument(format!(
        "the chat template of the model rejects this conversation: {reason}"
    ))
    .with_source(error)
}

fn left_out(path: &str) -> Error {
    error::invalid_argument(format!(
        "the chat template of the model leaves out {path}: use another model or template"
    ))
}

#[cfg(test)]
mod tests;
