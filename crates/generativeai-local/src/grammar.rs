//! Constrained decoding: compiles the form that a reply must have to a grammar.
//!
//! Before each token, the grammar engine ([llguidance](https://docs.rs/llguidance)) computes the set of tokens that may
//! follow. The sampler picks one of them, so every reply has the required form, unless its length is cut off.

mod lark;

use std::sync::{Arc, OnceLock};

use generativeai::Result;
use llama_cpp_2::token::LlamaToken;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

use crate::error::{internal, invalid_argument};
use crate::ignored::IgnoredSettings;
use crate::model::Model;

pub(crate) use lark::{Answer, Form, Function, Shape};

/// Compiler of grammars for the vocabulary of one model. The vocabulary is indexed for the first grammar, which
/// therefore takes longer; a model that is never constrained does not need the index.
#[derive(Default)]
pub(crate) struct Grammars(OnceLock<Result<ParserFactory>>);

impl Grammars {
    /// Compiles the grammar of a reply; `None` if the reply may be any text.
    ///
    /// A schema that the grammar engine rejects is left out, so that any JSON value is allowed in its place, or any
    /// object for the arguments of a function. The complete reply is still checked against the schema.
    ///
    /// # Errors
    ///
    /// 400 if no value can match a schema, if a parameter cannot be named in a call, or if the grammar is too complex. In strict mode, also for a schema that
    /// cannot be enforced as a whole.
    pub(crate) fn compile(
        &self,
        model: &Model,
        shape: Shape,
        ignored: &IgnoredSettings,
    ) -> Result<Option<Matcher>> {
        if shape.is_free() {
            return Ok(None);
        }
        let factory = self
            .0
            .get_or_init(|| environment(model).and_then(|tokens| factory(&tokens)));
        compile(factory.as_ref().map_err(Clone::clone)?, shape, ignored).map(Some)
    }
}

impl std::fmt::Debug for Grammars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

/// Compiles a shape, first with all of its schemas, then without those that the grammar engine rejects.
fn compile(
    factory: &ParserFactory,
    mut shape: Shape,
    ignored: &IgnoredSettings,
) -> Result<Matcher> {
    if let Some((function, parameter)) = shape.unnamable() {
        return Err(invalid_argument(format!(
            "function `{function}`: the model cannot name the parameter {parameter:?} in a call: rename it"
        )));
    }
    let mut matcher = matcher(factory, &shape.to_lark());
    if matcher.get_error().is_none() && matcher.grammar_warnings().is_empty() {
        return Ok(matcher);
    }
    // Find the schemas that are to blame, since errors and warnings do not name them.
    for (name, schema, fallback) in shape.schemas_mut() {
        let mut alone = self::matcher(factory, &lark::of_schema(schema));
        for warning in alone.grammar_warnings() {
            let warning = first_line(&warning).to_owned();
            ignored.ignore(format!("{name} is not enforced as a whole: {warning}"))?;
        }
        let Some(error) = alone.get_error() else {
            continue;
        };
        let reason = first_line(&error).to_owned();
        // llguidance reports errors as text. A schema that no value matches is "Unsatisfiable schema", or
        // "unsatisfiable" within a longer message.
        if reason.contains("nsatisfiable") {
            return Err(invalid_argument(format!(
                "{name}: no value can match the schema: {reason}"
            )));
        }
        ignored.ignore(format!("{name} is not enforced: {reason}"))?;
        schema.clone_from(&fallback.enforced);
    }
    let matcher = self::matcher(factory, &shape.to_lark());
    match matcher.get_error() {
        None => Ok(matcher),
        Some(reason) => Err(invalid_argument(format!(
            "the schemas of the request cannot be enforced: {}",
            first_line(&reason)
        ))),
    }
}

/// Compiles one grammar. A failure is the error of the returned matcher.
fn matcher(factory: &ParserFactory, grammar: &str) -> Matcher {
    Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned())))
}

fn factory(tokens: &TokEnv) -> Result<ParserFactory> {
    let mut factory = ParserFactory::new_simple(tokens).map_err(|error| {
        internal("the vocabulary of the model cannot be constrained").with_source(error.to_string())
    })?;
    // Otherwise llguidance writes warnings to the standard error stream.
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// Describes the vocabulary of a model. Control tokens have no bytes, so no grammar allows them, except for those that
/// structure a reply.
fn environment(model: &Model) -> Result<TokEnv> {
    let end_tokens: Vec<u32> = (0u32..)
        .zip(model.pieces())
        .filter(|&(token, _)| model.is_end_of_generation(LlamaToken::new(token.cast_signed())))
        .map(|(token, _)| token)
        .collect();
    let words: Vec<Vec<u8>> = model.pieces().iter().map(|piece| piece.to_vec()).collect();
    environment_of(&words, &end_tokens)
}

/// Describes a vocabulary by the bytes of all tokens and the tokens that end a reply.
///
/// # Errors
///
/// No token ends a reply, so that a grammar could not end.
fn environment_of(words: &[Vec<u8>], end_tokens: &[u32]) -> Result<TokEnv> {
    let Some(&first) = end_tokens.first() else {
        return Err(invalid_argument(
            "this model has no token that ends a reply, so that no form of a reply can be enforced: use another \
             model, or remove the functions and the response schema",
        ));
    };
    let count = u32::try_from(words.len()).expect("llama.cpp counts tokens in 32 bits");
    let trie = TokTrie::from(&TokRxInfo::new(count, first), words).with_eos_tokens(end_tokens);
    Ok(Arc::new(ApproximateTokEnv::new(trie)))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
