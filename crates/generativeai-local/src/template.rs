//! Chat templates: render a conversation to the text of a prompt.

use generativeai::{Error, ErrorKind, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use crate::error;

/// A message as chat templates take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: &'static str,
    pub(crate) content: String,
}

/// A compiled chat template.
///
/// A template is a program from an untrusted file, so the number of its steps is limited.
pub(crate) struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

/// Maximum number of steps for one conversation.
const MAX_STEPS: u64 = 20_000_000;
const NAME: &str = "chat";

impl Template {
    /// Compiles a template. `bos` and `eos` are the texts of the tokens that begin and end a text.
    pub(crate) fn new(source: String, bos: &str, eos: &str) -> Result<Self> {
        let invalid = |error: minijinja::Error| {
            let message =
                "the chat template of the model is invalid: set another one with `chat_template`";
            Error::new(ErrorKind::Configuration, message).with_source(error)
        };
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(invalid)?);
        environment.set_fuel(Some(MAX_STEPS));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise);
        environment.add_filter("tojson", to_json);
        environment
            .add_template_owned(NAME, source)
            .map_err(invalid)?;
        Ok(Self {
            environment,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
        })
    }

    /// Returns the text of the token that begins a text; empty if the model has none.
    pub(crate) fn bos(&self) -> &str {
        &self.bos
    }

    /// Renders a conversation, up to where the model's reply begins.
    ///
    /// If the template has no system role, the system instruction is put in front of the first
    /// message of the user.
    pub(crate) fn render(&self, system: Option<&str>, messages: &[Message]) -> Result<String> {
        let Some(system) = system else {
            return self.render_messages(messages);
        };
        let first = Message {
            role: "system",
            content: system.to_owned(),
        };
        let with_role: Vec<_> = std::iter::once(first)
            .chain(messages.iter().cloned())
            .collect();
        match self.render_messages(&with_role) {
            Ok(text) if text.contains(system.trim()) => Ok(text),
            _ => self.render_messages(&prepend_system(system, messages)),
        }
    }

    fn render_messages(&self, messages: &[Message]) -> Result<String> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|Message { role, content }| context! { role => *role, content })
            .collect();
        let values = context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| {
                let reason = error.detail().unwrap_or("it failed").to_owned();
                error::invalid_argument(format!(
                    "the chat template of the model rejects this conversation: {reason}"
                ))
                .with_source(error)
            })
    }
}

fn prepend_system(system: &str, messages: &[Message]) -> Vec<Message> {
    let mut messages = messages.to_vec();
    match messages.first_mut() {
        Some(first) if first.role == "user" => {
            first.content = format!("{system}\n\n{}", first.content);
        }
        _ => messages.insert(
            0,
            Message {
                role: "user",
                content: system.to_owned(),
            },
        ),
    }
    messages
}

fn raise(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(
        minijinja::ErrorKind::InvalidOperation,
        message,
    ))
}

/// Serializes a value to JSON. Unlike Jinja's own filter it does not escape HTML.
fn to_json(value: &Value, indent: Option<usize>) -> Result<Value, minijinja::Error> {
    let text = match indent {
        Some(_) => serde_json::to_string_pretty(value),
        None => serde_json::to_string(value),
    };
    text.map(Value::from_safe_string).map_err(|error| {
        let kind = minijinja::ErrorKind::InvalidOperation;
        minijinja::Error::new(kind, "cannot be written as JSON").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT_ML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + \
        message['content'] + '<|im_end|>' + '\n' }}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    const NO_SYSTEM: &str = "{{ bos_token }}{% if messages[0]['role'] == 'system' %}\
        {{ raise_exception('System role not supported') }}{% endif %}\
        {% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\
        {{ raise_exception('roles must alternate') }}{% endif %}\
        [{{ m.role }}]{{ m.content | trim }}\n{% endfor %}[model]";
    const IGNORES_SYSTEM: &str =
        "{% for m in messages if m.role != 'system' %}{{ m.content.strip() }};{% endfor %}";

    fn render(
        source: &str,
        system: Option<&str>,
        messages: &[(&'static str, &str)],
    ) -> Result<String> {
        let message = |&(role, content): &(&'static str, &str)| Message {
            role,
            content: content.to_owned(),
        };
        let messages: Vec<_> = messages.iter().map(message).collect();
        Template::new(source.to_owned(), "<s>", "</s>")
            .unwrap()
            .render(system, &messages)
    }

    #[test]
    fn a_system_instruction_is_rendered_with_the_system_role() {
        let text = render(CHAT_ML, Some("Be brief."), &[("user", "Hi")]).unwrap();

        assert_eq!(
            text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn without_a_system_role_the_instruction_begins_the_first_message() {
        let refuses = render(NO_SYSTEM, Some("Be brief."), &[("user", "Hi")]).unwrap();
        let ignores = render(IGNORES_SYSTEM, Some("Be brief."), &[("user", "Hi")]).unwrap();

        assert_eq!(refuses, "<s>[user]Be brief.\n\nHi\n[model]");
        assert_eq!(ignores, "Be brief.\n\nHi;");
    }

    #[test]
    fn the_error_of_a_template_is_reported() {
        let error = render(NO_SYSTEM, None, &[("assistant", "Hi")]).unwrap_err();

        assert!(
            error.to_string().ends_with("roles must alternate"),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Request);
    }

    #[test]
    fn the_steps_of_a_template_are_limited() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";

        assert!(render(endless, None, &[("user", "Hi")]).is_err());
    }

    #[test]
    fn an_invalid_template_is_an_error() {
        assert!(Template::new("{% for %}".to_owned(), "", "").is_err());
    }
}
