//! Constrained decoding: compiles response formats and function declarations to grammars.

use std::sync::{Arc, OnceLock};

use generativeai::Result;
use llama_cpp_2::token::LlamaToken;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::error::{internal, invalid_argument};
use crate::model::Model;
use crate::request::{CALL_BEGIN, CALL_END, CallingMode, Function, ResponseFormat, Tools};
use crate::schema;

/// Compiler of grammars for the vocabulary of one model. The first grammar takes longer, since it
/// indexes the vocabulary.
#[derive(Default)]
pub(crate) struct Grammars(OnceLock<Result<ParserFactory>>);

impl Grammars {
    /// Compiles the grammar of a reply; `None` if the reply may be any text.
    ///
    /// # Errors
    ///
    /// 400 if the format cannot be enforced.
    pub(crate) fn compile(
        &self,
        model: &Model,
        format: &ResponseFormat,
        tools: &Tools,
    ) -> Result<Option<Matcher>> {
        let Some(grammar) = grammar(format, tools)? else {
            return Ok(None);
        };
        let factory = self.0.get_or_init(|| factory(&environment(model)));
        matcher(factory.as_ref().map_err(Clone::clone)?, grammar).map(Some)
    }
}

/// Writes the grammar of a reply in llguidance's Lark syntax; `None` if the reply may be any text.
fn grammar(format: &ResponseFormat, tools: &Tools) -> Result<Option<TopLevelGrammar>> {
    let rules = match (tools.mode, format) {
        (CallingMode::Any, _) => format!("start: {}", call(&tools.functions)?),
        (CallingMode::Auto, _) => calls_in_text(&tools.functions)?,
        (CallingMode::None, ResponseFormat::Text) => return Ok(None),
        (CallingMode::None, ResponseFormat::Json(schema)) => {
            format!("start: %json {}", schema::prepare(schema)?)
        }
        (CallingMode::None, ResponseFormat::Choice(choices)) => one_of(choices),
    };
    // `no_forcing`: computing the forced bytes ahead has no use here, and may not terminate.
    Ok(Some(TopLevelGrammar::from_lark(format!(
        "%llguidance {{\"no_forcing\": true}}\n{rules}"
    ))))
}

/// Compiles a grammar. A warning of the compiler is an error, since it means that a constraint would be
/// dropped silently.
fn matcher(factory: &ParserFactory, grammar: TopLevelGrammar) -> Result<Matcher> {
    let mut matcher = Matcher::new(factory.create_parser(grammar));
    let problem = matcher
        .get_error()
        .or_else(|| matcher.grammar_warnings().into_iter().next());
    match problem {
        Some(reason) => Err(invalid_argument(format!(
            "the schema cannot be enforced: {}",
            first_line(&reason)
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
        internal("the vocabulary of the model cannot be constrained").with_source(error.to_string())
    })?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// Describes the vocabulary of a model. Control tokens have no bytes, so no grammar allows them.
fn environment(model: &Model) -> TokEnv {
    let end_tokens: Vec<u32> = (0u32..)
        .zip(model.pieces())
        .filter(|&(token, _)| model.is_end_of_generation(LlamaToken::new(token.cast_signed())))
        .map(|(token, _)| token)
        .collect();
    let count = u32::try_from(model.pieces().len()).expect("llama.cpp counts tokens in 32 bits");
    let info = TokRxInfo::new(count, end_tokens.first().copied().unwrap_or_default());
    let words: Vec<Vec<u8>> = model.pieces().iter().map(|piece| piece.to_vec()).collect();
    let trie = TokTrie::from(&info, &words).with_eos_tokens(&end_tokens);
    Arc::new(ApproximateTokEnv::new(trie))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Writes the grammar of fixed texts.
fn one_of(choices: &[String]) -> String {
    let choices: Vec<_> = choices.iter().map(|choice| literal(choice)).collect();
    format!("start: {}", choices.join(" | "))
}

/// Quotes a text for a grammar.
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes the rule of one call of any function.
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

/// Writes the grammar of free text that may be followed by calls.
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
