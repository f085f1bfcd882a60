//! Keeping a reply to a form: every token is checked before it can be chosen.

pub(crate) mod schema;

use std::sync::{Arc, OnceLock};

use generativeai::Result;
use llama_cpp_2::token::LlamaToken;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::asked::{CALL_BEGIN, CALL_END, Form, Function, Mode, Tools};
use crate::model::Model;
use crate::refusal::{self, invalid};

/// Makes grammars for the tokens of one model. The first one takes longer: it reads all tokens.
#[derive(Default)]
pub(crate) struct Grammars(OnceLock<Result<ParserFactory>>);

impl Grammars {
    /// The grammar for a form, or for calls; none where any text will do.
    ///
    /// # Errors
    ///
    /// 400 if it asks for more than can be kept to.
    pub(crate) fn make(
        &self,
        model: &Model,
        form: &Form,
        tools: &Tools,
    ) -> Result<Option<Matcher>> {
        let Some(grammar) = grammar(form, tools)? else {
            return Ok(None);
        };
        let factory = self.0.get_or_init(|| factory(&environment(model)));
        matcher(factory.as_ref().map_err(Clone::clone)?, grammar).map(Some)
    }
}

/// What a form or the functions ask for, in the language of grammars; none where any text will do.
fn grammar(form: &Form, tools: &Tools) -> Result<Option<TopLevelGrammar>> {
    let rules = match (tools.mode, form) {
        (Mode::Always, _) => format!("start: {}", call(&tools.functions)?),
        (Mode::Freely, _) => calls_in_text(&tools.functions)?,
        (Mode::Never, Form::Text) => return Ok(None),
        (Mode::Never, Form::Json(schema)) => format!("start: %json {}", schema::prepare(schema)?),
        (Mode::Never, Form::Choice(choices)) => one_of(choices),
    };
    // Looking ahead for bytes that can only be one way is of no use here, and may not end.
    Ok(Some(TopLevelGrammar::from_lark(format!(
        "%llguidance {{\"no_forcing\": true}}\n{rules}"
    ))))
}

/// Compiles a grammar. What would only be a warning there is an error here: it is a constraint that
/// would be dropped in silence.
fn matcher(factory: &ParserFactory, grammar: TopLevelGrammar) -> Result<Matcher> {
    let mut matcher = Matcher::new(factory.create_parser(grammar));
    let wrong = matcher
        .get_error()
        .or_else(|| matcher.grammar_warnings().into_iter().next());
    match wrong {
        Some(why) => Err(invalid(format!(
            "the schema cannot be kept to: {}",
            first_line(&why)
        ))),
        None => Ok(matcher),
    }
}

impl std::fmt::Debug for Grammars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

fn factory(tokens: &TokEnv) -> Result<ParserFactory> {
    let mut factory = ParserFactory::new_simple(tokens).map_err(|error| {
        refusal::broken("the tokens of the model cannot be constrained")
            .with_source(error.to_string())
    })?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// The tokens of a model, as grammars see them: control tokens can never be part of a text.
fn environment(model: &Model) -> TokEnv {
    let ends: Vec<u32> = (0u32..)
        .zip(model.pieces())
        .filter(|&(token, _)| model.ends(LlamaToken::new(token.cast_signed())))
        .map(|(token, _)| token)
        .collect();
    let count = u32::try_from(model.pieces().len()).expect("tokens are counted in 32 bits");
    let info = TokRxInfo::new(count, ends.first().copied().unwrap_or_default());
    let words: Vec<Vec<u8>> = model.pieces().iter().map(|piece| piece.to_vec()).collect();
    let trie = TokTrie::from(&info, &words).with_eos_tokens(&ends);
    Arc::new(ApproximateTokEnv::new(trie))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A grammar of fixed texts.
fn one_of(choices: &[String]) -> String {
    let choices: Vec<_> = choices.iter().map(|choice| literal(choice)).collect();
    format!("start: {}", choices.join(" | "))
}

/// A text as a grammar writes it.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// The rule of one call of any of the functions.
fn call(functions: &[Function]) -> Result<String> {
    let calls: Vec<Value> = functions
        .iter()
        .map(
            |Function {
                 name, arguments, ..
             }| {
                json!({
                    "type": "object",
                    "properties": { "name": { "const": name }, "arguments": arguments },
                    "required": ["name", "arguments"],
                    "additionalProperties": false,
                })
            },
        )
        .collect();
    let schema = schema::prepare(&json!({ "anyOf": calls }))?;
    Ok(format!(
        "{} %json {schema} {}",
        literal(CALL_BEGIN),
        literal(CALL_END)
    ))
}

/// The grammar of free text that may go over into calls.
fn calls_in_text(functions: &[Function]) -> Result<String> {
    let call = call(functions)?;
    let call = call.strip_prefix(&literal(CALL_BEGIN)).unwrap_or(&call);
    let begin = literal(CALL_BEGIN);
    Ok(format!(
        "start: TEXT | calls\n\
         calls: to_call call (/\\n?/ {begin} call)*\n\
         call: {call}\n\
         to_call[suffix={begin}]: /(?s:.*)/\n\
         TEXT: /(?s:.*)/ & ~/(?s:.*){CALL_BEGIN}(?s:.*)/\n"
    ))
}

#[cfg(test)]
mod tests;
