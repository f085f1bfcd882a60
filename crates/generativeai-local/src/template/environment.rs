//! Jinja environment of chat templates: the functions, filters and tests of Hugging Face's `apply_chat_template`.
//!
//! The reference is `_compile_jinja_template` in `transformers/utils/chat_template_utils.py`: Jinja2 with
//! `trim_blocks`, `lstrip_blocks`, loop controls, the `generation` tag, the filter `tojson` and the
//! functions `raise_exception` and `strftime_now`.

use std::fmt::Write as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::bounded::BoundedText;
use super::filters;
use super::methods;
use super::python::{self, Style};
use super::source;

/// Maximum number of steps for one conversation. A template is a program from an untrusted file.
///
/// minijinja calls this fuel. One step is an instruction, or about 64 bytes of data that the template creates or
/// processes. So the limit bounds the time, and the memory to about 320 MB.
///
/// A list may contain another one twice, which again contains a third one twice. The text of such a value is far larger
/// than the value, and fuel only limits it once it exists. [`BoundedText`] limits what this crate writes, but not what
/// minijinja writes itself, for example for the operator `~`.
const MAX_STEPS: u64 = 5_000_000;
/// Name of the only template of an environment.
const NAME: &str = "chat";

/// A compiled template.
#[derive(Debug)]
pub(super) struct Compiled(Environment<'static>);

impl Compiled {
    /// Compiles a template.
    ///
    /// # Errors
    ///
    /// The template is not valid Jinja.
    pub(super) fn new(source: &str) -> Result<Self, Error> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(MAX_STEPS));
        environment.set_unknown_method_callback(methods::call);
        // Jinja2 prints values as Python's `str` does, and undefined values as nothing. Prompts are not HTML, so
        // nothing is escaped.
        environment.set_formatter(|out, _, value| {
            if value.is_undefined() {
                return Ok(());
            }
            Ok(out.write_str(&python::to_str(value)?)?)
        });
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment.add_filter("tojson", to_json);
        filters::add_to(&mut environment);
        // Jinja2 uses Python's protocols for these; the results of minijinja differ for strings and `none`.
        environment.add_test("iterable", |value: &Value| !is_scalar(value));
        environment.add_test("sequence", |value: &Value| !is_scalar(value));
        environment.add_template_owned(NAME, source::normalize(source))?;
        Ok(Self(environment))
    }

    /// Renders the template.
    ///
    /// # Errors
    ///
    /// The template raised an exception, or an operation failed.
    pub(super) fn render(&self, context: Value) -> Result<String, Error> {
        self.0.get_template(NAME)?.render(context)
    }
}

/// Returns whether a value is a number, a boolean or `none`. All others can be iterated in Jinja2, undefined
/// values included.
fn is_scalar(value: &Value) -> bool {
    matches!(
        value.kind(),
        ValueKind::Number | ValueKind::Bool | ValueKind::None
    )
}

/// Ends the rendering. Templates call this for conversations that they do not support.
fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// Formats the local time with the directives of C's `strftime`.
fn strftime_now(format: &str) -> Result<String, Error> {
    let mut text = BoundedText::default();
    // chrono reports an invalid format only when it writes, and `to_string` would panic.
    write!(text, "{}", chrono::Local::now().format(format)).map_err(|_| {
        let message = "strftime_now: the format is invalid, or its result too long";
        Error::new(ErrorKind::InvalidOperation, message)
    })?;
    Ok(text.0)
}

/// Serializes a value as Python's `json.dumps` does, with its arguments `ensure_ascii`, `indent`,
/// `separators` and `sort_keys`. Unlike Jinja's own filter it does not escape HTML.
fn to_json(value: &Value, ascii: Option<bool>, arguments: Kwargs) -> Result<Value, Error> {
    let ascii: Option<bool> = ascii.or(arguments.get("ensure_ascii")?);
    let indent: Option<Value> = arguments.get("indent")?;
    let separators: Option<Vec<String>> = arguments.get("separators")?;
    let sort_keys: Option<bool> = arguments.get("sort_keys")?;
    arguments.assert_all_used()?;
    let mut style = Style {
        ensure_ascii: ascii.unwrap_or(false),
        sort_keys: sort_keys.unwrap_or(false),
        ..Style::default()
    };
    if let Some(indent) = indent.filter(|indent| !indent.is_none()) {
        style = style.with_indent(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(usize::try_from(indent)?.min(python::MAX_INDENT)),
        });
    }
    if let Some(separators) = separators {
        let [item, key] = <[String; 2]>::try_from(separators).map_err(|_| {
            let message = "tojson: separators must be a pair of strings";
            Error::new(ErrorKind::InvalidOperation, message)
        })?;
        (style.item_separator, style.key_separator) = (item, key);
    }
    let mut text = BoundedText::default();
    python::write(value, &style, &mut text)?;
    Ok(Value::from_safe_string(text.0))
}

#[cfg(test)]
mod tests {
    use minijinja::value::Serde;

    use super::*;

    /// Row 17 of tests/field.md: each case was rendered by Jinja2 3.1 with the environment of transformers.
    #[test]
    fn templates_render_as_the_reference_renders_them() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/templates.json")).unwrap();
        for case in fixture["cases"].as_array().unwrap() {
            let template = Compiled::new(case["template"].as_str().unwrap()).unwrap();

            let text = template.render(Serde(&fixture["context"]).into());

            let text = text.unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
            assert_eq!(text, case["expected"], "{}", case["name"]);
        }
    }

    #[test]
    fn an_exception_of_a_template_is_an_error() {
        let template = Compiled::new("{{ raise_exception('roles must alternate') }}").unwrap();

        let error = template.render(Value::from(())).unwrap_err();

        assert_eq!(error.detail(), Some("roles must alternate"));
    }

    #[test]
    fn the_local_time_is_formatted() {
        let render = |format: &str| {
            let source = format!("{{{{ strftime_now('{format}') }}}}");
            Compiled::new(&source).unwrap().render(Value::from(()))
        };

        let date = render("%d %b %Y").unwrap();
        assert!(
            date.ends_with(&chrono::Local::now().format("%Y").to_string()),
            "{date}"
        );
        assert!(render("%-d. %B, %H:%M %p %j %%").is_ok());
        assert!(render("%Q").is_err());
    }

    #[test]
    fn the_data_of_a_template_is_limited() {
        let copies = "{% for a in range(600) %}{% set copy = text ~ a %}{% endfor %}";
        let context = serde_json::json!({ "text": "x".repeat(1 << 20) });

        let copied = Compiled::new(copies)
            .unwrap()
            .render(Serde(&context).into());

        assert!(copied.is_err());
    }

    #[test]
    fn the_text_of_a_value_is_limited() {
        let nested = "{% set n = namespace(l=['a']) %}{% for i in range(30) %}{% set n.l = [n.l, n.l] %}{% endfor %}";
        let context = serde_json::json!({ "text": "x".repeat(1 << 20) });
        for print in [
            "{{ n.l }}",
            "{{ n.l | string }}",
            "{{ n.l | tojson }}",
            "{{ ','.join([n.l]) }}",
            "{{ ','.join([text] * 10000) }}",
            "{{ range(99) | list | tojson(indent=text) }}",
            "{{ range(99) | list | tojson(separators=[text, text]) }}",
        ] {
            let template = Compiled::new(&format!("{nested}{print}")).unwrap();

            assert!(template.render(Serde(&context).into()).is_err(), "{print}");
        }
    }

    /// A longer fill is a `TypeError` in Python.
    #[test]
    fn text_is_padded_with_one_character() {
        for (method, is_valid) in [
            ("ljust", true),
            ("rjust", true),
            ("center", true),
            ("ljust", false),
        ] {
            let fill = if is_valid { "ä" } else { "ab" };
            let template = Compiled::new(&format!("{{{{ 'x'.{method}(3, '{fill}') }}}}")).unwrap();

            assert_eq!(
                template.render(Value::from(())).is_ok(),
                is_valid,
                "{method} {fill}"
            );
        }
    }

    #[test]
    fn the_steps_of_a_template_are_limited() {
        let endless =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";

        assert!(
            Compiled::new(endless)
                .unwrap()
                .render(Value::from(()))
                .is_err()
        );
    }
}
