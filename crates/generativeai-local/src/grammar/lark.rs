//! Writes the shape of a reply in llguidance's Lark syntax.
//!
//! A reply of a thinking model with functions has the grammar:
//!
//! ```text
//! start: opened? answer                          thoughts, then the answer, for some models with a header between
//! opened: /\s{0,2}/ "<think>" thoughts
//! thoughts: closed /\s{0,4}/
//! closed[suffix="</think>"]: /(?s:.*)/           any text up to the close tag
//! answer: text | calls
//! text: TEXT                                     or `%json {…}`, with a response schema
//! calls: to_call call (/\s{0,2}/ "<tool_call>" call)*
//! to_call[suffix="<tool_call>"]: …               text up to the first call
//! call: "\n{\"name\": \"" function "}\n</tool_call>"
//! function: call_0 | call_1                      one rule for each function
//! call_0: "height\", \"arguments\": " %json {…}
//! TEXT: …                                        any text without "<tool_call>"
//! ```
//!
//! Names in lower case are rules, names in capitals are regular expressions. `%json` embeds a JSON Schema. With a
//! response format, no text precedes the calls.

use serde_json::{Value, json};

use crate::call_syntax::{CallSyntax, Parameters};
use crate::schema::{Kind, Schema, parameters};
use crate::template::Thoughts;

/// Form that a reply must have.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Thoughts in front of the answer; `None` if the model does not think.
    pub(crate) thoughts: Option<Thoughts>,
    pub(crate) answer: Answer,
    /// Tags that must not occur in the text of the reply.
    pub(crate) forbidden: Vec<String>,
}

/// The answer of a reply.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Text of a form.
    Text(Form),
    /// Text of a form, or calls. Any text may also precede the calls.
    TextOrCalls(Form, CallSyntax, Vec<Function>),
    /// One call.
    Call(CallSyntax, Vec<Function>),
}

/// Form of the text of an answer.
#[derive(Debug)]
pub(crate) enum Form {
    /// Any text.
    Any,
    /// JSON that matches a schema. The name describes the schema in error messages.
    Json { name: String, schema: Value },
    /// One of these strings.
    Choice(Vec<String>),
}

/// A function that may be called.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Schema of the arguments.
    pub(crate) schema: Value,
}

impl Shape {
    /// Returns whether the reply may be any text.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.answer, Answer::Text(Form::Any)) && self.forbidden.is_empty()
    }

    /// Returns the schemas of the reply with their names, and the schema that may replace each of them.
    pub(super) fn schemas_mut(&mut self) -> Vec<(String, &mut Value, Schema)> {
        let (form, functions) = match &mut self.answer {
            Answer::Text(form) => (Some(form), &mut [][..]),
            Answer::TextOrCalls(form, _, functions) => (Some(form), &mut functions[..]),
            Answer::Call(_, functions) => (None, &mut functions[..]),
        };
        let response = match form {
            Some(Form::Json { name, schema }) => Some((name.clone(), schema, Schema::anything())),
            _ => None,
        };
        // The arguments of a call that are not an object could not be parsed.
        let arguments = functions.iter_mut().map(|it| {
            let name = format!("function `{}`", it.name);
            (name, &mut it.schema, Schema::any_object())
        });
        response.into_iter().chain(arguments).collect()
    }

    /// Returns a function and a parameter that would not be found in a call, such as a name with the text that follows
    /// names; `None` if there is none.
    pub(super) fn unnamable(&self) -> Option<(&str, String)> {
        let (Answer::TextOrCalls(_, syntax, functions) | Answer::Call(syntax, functions)) =
            &self.answer
        else {
            return None;
        };
        let form = syntax.parameters.as_ref()?;
        functions.iter().find_map(|function| {
            let (parameters, _) = parameters(&function.schema);
            let mut names = parameters.into_iter().map(|parameter| parameter.name);
            let unnamable = names.find(|name| !form.can_name(name))?;
            Some((function.name.as_str(), unnamable))
        })
    }

    /// Writes the grammar.
    pub(super) fn to_lark(&self) -> String {
        let mut rules = HEADER.to_owned();
        let thoughts = self.thoughts(&mut rules);
        push_line(&mut rules, &format!("start: {thoughts}answer"));
        let text = self.text_regex();
        match &self.answer {
            Answer::Text(form) => {
                push_line(&mut rules, "answer: text");
                push_line(&mut rules, &form.to_rule(&text));
            }
            Answer::Call(syntax, functions) => {
                let start = literal(syntax.start());
                push_line(&mut rules, &format!("answer: {start} call"));
                push_line(&mut rules, &call(syntax, None));
                self::functions(&mut rules, syntax, functions);
            }
            Answer::TextOrCalls(form, syntax, functions) => {
                let start = literal(syntax.start());
                // Plain text excludes the start of a call. Otherwise the rest of the reply could be parsed as text, and
                // the call would not be constrained.
                let no_call = format!("{text} & ~/(?s:.*){}(?s:.*)/", escape(syntax.start()));
                let to_call = match form {
                    Form::Any => format!("to_call[suffix={start}]: {text}"),
                    _ => format!("to_call: {start}"),
                };
                let rule = format!(
                    "answer: text | calls\n\
                     calls: to_call call (/\\s{{0,2}}/ {start} call)*\n\
                     {to_call}"
                );
                push_line(&mut rules, &rule);
                push_line(&mut rules, &form.to_rule(&no_call));
                push_line(&mut rules, &call(syntax, syntax.between_calls.as_deref()));
                self::functions(&mut rules, syntax, functions);
            }
        }
        rules
    }

    /// Writes the rules of the thoughts; returns the beginning of the start rule that refers to them.
    ///
    /// The lengths of white space are bounded: a small model may repeat it until the reply is cut off.
    fn thoughts(&self, rules: &mut String) -> String {
        let Some(Thoughts { tags, is_open }) = self.thoughts else {
            return String::new();
        };
        let headers = tags.headers.iter().map(|header| literal(header));
        // The first header begins an answer.
        let must_call = matches!(self.answer, Answer::Call(..));
        let headers: Vec<_> = headers.skip(usize::from(must_call)).collect();
        let header = match headers.is_empty() {
            true => String::new(),
            // gpt-oss names a channel, and then begins the message. A call may begin with a blank instead.
            false => format!(
                "/\\s{{0,2}}/ (({}) /\\s{{0,4}}/){{0,2}} ",
                headers.join(" | ")
            ),
        };
        let (open, close) = (literal(tags.open), literal(tags.close));
        let rule = format!("thoughts: closed /\\s{{0,4}}/\nclosed[suffix={close}]: /(?s:.*)/");
        push_line(rules, &rule);
        if is_open {
            return format!("thoughts {header}");
        }
        push_line(rules, &format!("opened: /\\s{{0,2}}/ {open} thoughts"));
        format!("opened? {header}")
    }

    /// Writes the regular expression of text: without forbidden tags, and not beginning with thoughts.
    fn text_regex(&self) -> String {
        let mut regex = "/(?s:.*)/".to_owned();
        if !self.forbidden.is_empty() {
            let tags: Vec<_> = self.forbidden.iter().map(|tag| escape(tag)).collect();
            regex.push_str(&format!(" & ~/(?s:.*)({})(?s:.*)/", tags.join("|")));
        }
        if let Some(Thoughts { tags, .. }) = self.thoughts {
            regex.push_str(&format!(" & ~/\\s*{}(?s:.*)/", escape(tags.open)));
        }
        regex
    }
}

impl Form {
    /// Writes the rule of the text. `any` is the regular expression of any text.
    fn to_rule(&self, any: &str) -> String {
        match self {
            Self::Any => format!("text: TEXT\nTEXT: {any}"),
            Self::Json { schema, .. } => format!("text: %json {}", with_options(schema)),
            Self::Choice(choices) => {
                let choices: Vec<_> = choices.iter().map(|choice| literal(choice)).collect();
                format!("text: {}", choices.join(" | "))
            }
        }
    }
}

/// Options of every grammar. With `no_forcing`, llguidance does not compute ahead which bytes must follow. The engine
/// samples every token, so it has no use for them, and the computation may not terminate.
const HEADER: &str = "%llguidance {\"no_forcing\": true}\n";

/// Writes the grammar of JSON that matches a schema.
pub(super) fn of_schema(schema: &Value) -> String {
    format!("{HEADER}start: %json {}\n", with_options(schema))
}

/// Adds options of the grammar engine to a schema.
///
/// White space is limited to one space after a separator: a small model may repeat it until the reply is cut
/// off. `lenient` turns constraints that the engine only approximates into warnings.
fn with_options(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["x-guidance"] = json!({
        "whitespace_flexible": false,
        "item_separator": ", ?",
        "key_separator": ": ?",
        "lenient": true,
    });
    schema
}

/// Writes the rule of a call without the text that marks its start. With `between`, it is a list of calls.
fn call(syntax: &CallSyntax, between: Option<&str>) -> String {
    let before = literal(&syntax.before_name[syntax.start().len()..]);
    let after = literal(&syntax.after_arguments);
    let more = between.map(|between| format!("({} function)*", literal(between)));
    format!(
        "call: {before} function {} {after}",
        more.unwrap_or_default()
    )
}

/// Writes the rules of the functions: the name and the arguments of a call.
fn functions(rules: &mut String, syntax: &CallSyntax, functions: &[Function]) {
    let names: Vec<_> = (0..functions.len())
        .map(|at| format!("call_{at}"))
        .collect();
    push_line(rules, &format!("function: {}", names.join(" | ")));
    if let Some(Parameters {
        text: Some(text), ..
    }) = &syntax.parameters
    {
        let end = literal(text.end());
        push_line(rules, &format!("text_value[suffix={end}]: /(?s:.*)/"));
    }
    for (name, function) in names.iter().zip(functions) {
        let before = literal(&format!("{}{}", function.name, syntax.before_arguments));
        let arguments = match &syntax.parameters {
            Some(form) => arguments(rules, name, form, &function.schema),
            None => format!("%json {}", with_options(&function.schema)),
        };
        push_line(rules, &format!("{name}: {before} {arguments}"));
    }
}

/// Maximum number of parameters of a function whose order is enforced.
///
/// The rule of a parameter refers to that of the next one, and llguidance recurses along the references. With two
/// megabytes of stack, as threads have, it overflows between 320 and 350 parameters.
const MAX_ORDERED: usize = 128;

/// Writes the rules of arguments that are not one JSON object; returns the expression that refers to them. As in JSON,
/// the parameters have a fixed order, unless there are more than [`MAX_ORDERED`]: then they may have any order, and the
/// check of the complete call finds missing ones. `prefix` begins the names of the rules.
fn arguments(rules: &mut String, prefix: &str, form: &Parameters, schema: &Value) -> String {
    let (mut declared, is_open) = parameters(schema);
    if form.is_sorted {
        declared.sort_by_key(|parameter| parameter.name.to_lowercase());
    }
    let between = literal(&form.between);
    // Names of the rules of the parameters from a position on: as the first ones, and after others.
    let (mut first, mut rest) = (literal(""), literal(""));
    if is_open {
        let any = Schema::anything().enforced;
        let other = value(form, "/[a-zA-Z0-9_.-]+/", &any, Kind::Any);
        push_line(rules, &format!("{prefix}_other: {other}"));
        rest = format!("({between} {prefix}_other)*");
        first = format!("({prefix}_other {rest})?");
    }
    if declared.len() > MAX_ORDERED {
        for (at, parameter) in declared.iter().enumerate() {
            let name = literal(&parameter.name);
            let value = value(form, &name, &parameter.schema, parameter.kind);
            push_line(rules, &format!("{prefix}_{at}: {value}"));
        }
        let other = is_open.then(|| format!("{prefix}_other"));
        let names = (0..declared.len()).map(|at| format!("{prefix}_{at}"));
        let names: Vec<_> = names.chain(other).collect();
        push_line(rules, &format!("{prefix}_any: {}", names.join(" | ")));
        return format!("({prefix}_any ({between} {prefix}_any)*)?");
    }
    for (at, parameter) in declared.iter().enumerate().rev() {
        let name = literal(&parameter.name);
        let value = value(form, &name, &parameter.schema, parameter.kind);
        let skip = |others: &str| match parameter.is_required {
            true => String::new(),
            false => format!(" | {others}"),
        };
        let rule = format!(
            "{prefix}_from_{at}: {value} {rest}\n\
             {prefix}_first_{at}: {prefix}_from_{at}{}\n\
             {prefix}_rest_{at}: {between} {prefix}_from_{at}{}",
            skip(&first),
            skip(&rest)
        );
        push_line(rules, &rule);
        first = format!("{prefix}_first_{at}");
        rest = format!("{prefix}_rest_{at}");
    }
    first
}

/// Writes the expression of a parameter. `name` is the expression of its name.
fn value(form: &Parameters, name: &str, schema: &Value, kind: Kind) -> String {
    let name = format!("{} {name}", literal(&form.before_name));
    let json = || {
        let (before, after) = (literal(&form.json.before), literal(&form.json.after));
        format!("{name} {before} %json {} {after}", with_options(schema))
    };
    let Some(text) = &form.text else {
        return json();
    };
    let (before, after) = (literal(&text.before), literal(&text.after));
    let choices = schema["enum"].as_array().filter(|_| kind == Kind::Text);
    let text = match choices {
        Some(choices) => {
            let choices: Vec<_> = choices.iter().map(Value::to_string).collect();
            format!("{name} {before} ({}) {after}", choices.join(" | "))
        }
        None => format!("{name} {before} text_value"),
    };
    match kind {
        Kind::Other => json(),
        // JSON is text as well if only the schema distinguishes the two.
        Kind::Any if !form.is_untyped() => format!("({text} | {})", json()),
        Kind::Any | Kind::Text => text,
    }
}

/// Quotes the text for a grammar. Strings in Lark have the escapes of JSON.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// Escapes the text for a regular expression of a grammar.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // The characters of `regex_syntax::is_meta_character`, and `/`, which ends a regular expression in Lark.
        if "\\.+*?()|[]{}^$#&-~/".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped.replace('\n', "\\n")
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}
