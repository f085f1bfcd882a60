//! The chat template of a model: how a conversation becomes one text.

use generativeai::{Error, ErrorKind, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use crate::refusal;

/// One message, as templates know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: &'static str,
    pub(crate) content: String,
}

/// A chat template, read once.
///
/// Templates are programs that come with a file: they may compute, but not for ever.
pub(crate) struct Template {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

/// No template may take more steps than this for one conversation.
const STEPS: u64 = 20_000_000;
const NAME: &str = "chat";

impl Template {
    /// Reads a template; `begin` and `end` are the texts of the tokens around a conversation.
    pub(crate) fn new(source: String, begin: &str, end: &str) -> Result<Self> {
        let wrong = |error: minijinja::Error| {
            let message =
                "the chat template of the model cannot be read: name one with `chat_template`";
            Error::new(ErrorKind::Configuration, message).with_source(error)
        };
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(wrong)?);
        environment.set_fuel(Some(STEPS));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise);
        environment.add_filter("tojson", to_json);
        environment
            .add_template_owned(NAME, source)
            .map_err(wrong)?;
        Ok(Self {
            environment,
            begin: begin.to_owned(),
            end: end.to_owned(),
        })
    }

    /// The text of the token a conversation begins with; empty if the model has none.
    pub(crate) fn begin(&self) -> &str {
        &self.begin
    }

    /// Writes a conversation down, up to where the model speaks next.
    ///
    /// A template that does not know a system's words gets them as the beginning of the first
    /// message of the user.
    pub(crate) fn render(&self, system: Option<&str>, messages: &[Message]) -> Result<String> {
        let Some(system) = system else {
            return self.write(messages);
        };
        let first = Message {
            role: "system",
            content: system.to_owned(),
        };
        let with_role: Vec<_> = std::iter::once(first)
            .chain(messages.iter().cloned())
            .collect();
        match self.write(&with_role) {
            Ok(text) if text.contains(system.trim()) => Ok(text),
            _ => self.write(&folded(system, messages)),
        }
    }

    fn write(&self, messages: &[Message]) -> Result<String> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|Message { role, content }| context! { role => *role, content })
            .collect();
        let values = context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
        };
        let template = self.environment.get_template(NAME);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| {
                let why = error.detail().unwrap_or("it fails").to_owned();
                refusal::invalid(format!(
                    "the chat template of the model refuses this conversation: {why}"
                ))
                .with_source(error)
            })
    }
}

fn folded(system: &str, messages: &[Message]) -> Vec<Message> {
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

fn raise(why: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(
        minijinja::ErrorKind::InvalidOperation,
        why,
    ))
}

/// JSON as models were taught to read it: not made safe for HTML.
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
    const DEAF: &str =
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
    fn a_system_role_is_used_where_there_is_one() {
        let text = render(CHAT_ML, Some("Be brief."), &[("user", "Hi")]).unwrap();

        assert_eq!(
            text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn without_a_system_role_its_words_begin_the_first_message() {
        let refuses = render(NO_SYSTEM, Some("Be brief."), &[("user", "Hi")]).unwrap();
        let ignores = render(DEAF, Some("Be brief."), &[("user", "Hi")]).unwrap();

        assert_eq!(refuses, "<s>[user]Be brief.\n\nHi\n[model]");
        assert_eq!(ignores, "Be brief.\n\nHi;");
    }

    #[test]
    fn what_a_template_refuses_is_told_in_its_words() {
        let error = render(NO_SYSTEM, None, &[("assistant", "Hi")]).unwrap_err();

        assert!(
            error.to_string().ends_with("roles must alternate"),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Request);
    }

    #[test]
    fn a_template_cannot_run_for_ever() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";

        assert!(render(endless, None, &[("user", "Hi")]).is_err());
    }

    #[test]
    fn a_template_that_is_none_is_an_error() {
        assert!(Template::new("{% for %}".to_owned(), "", "").is_err());
    }
}
