//! Renders a conversation and tokenizes it, so that messages cannot forge control tokens.
//!
//! A control token such as `<|im_end|>` ends a turn. The chat template writes it as text, and the tokenizer recognizes
//! it in text. If a message contained that text and became a token, its author could write turns of other roles.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use generativeai::Result;
use llama_cpp_2::token::LlamaToken;

use crate::error::invalid_argument;
use crate::ignored::IgnoredSettings;
use crate::model::Model;
use crate::request::{Effort, Request, ThinkingSettings};
use crate::template::{Rendered, Template, Thinking};

/// Unicode noncharacters. They never have a meaning in text, so one that does not occur in the
/// messages can serve as a separator.
const NONCHARACTERS: std::ops::RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// The prompt of a request.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) tokens: Vec<LlamaToken>,
    pub(crate) rendered: Rendered,
}

impl Prompt {
    /// Renders and tokenizes the conversation of a request, up to where the model's reply begins. The conversation is
    /// moved out of the request.
    ///
    /// The text of a control token in a message is tokenized as plain letters. For this, a separator is inserted into
    /// it before the template runs. The tokenizer splits the prompt at the separators, and drops them.
    ///
    /// # Errors
    ///
    /// 400 if the prompt certainly has more than `max_tokens` tokens, the chat template rejects the
    /// conversation, or the model cannot stop thinking.
    pub(crate) fn new(
        model: &Model,
        request: &mut Request,
        max_tokens: usize,
        ignored: &IgnoredSettings,
    ) -> Result<Self> {
        let mut conversation = std::mem::take(&mut request.conversation);
        // The separator must not occur in any message, since it is removed from the prompt.
        let (mut bytes, mut unused) = (0, NONCHARACTERS.collect::<Vec<_>>());
        conversation.visit_texts(&mut |text| {
            bytes += text.len();
            unused.retain(|&separator| !text.contains(separator));
        });
        let at_least = model.min_tokens(bytes);
        if at_least > max_tokens {
            return Err(invalid_argument(format!(
                "the prompt has more than {at_least} tokens, but the context holds {max_tokens}: \
                 shorten the chat, or load the model with a larger context"
            )));
        }
        let Some(&separator) = unused.first() else {
            return Err(invalid_argument(
                "contents has all Unicode noncharacters: remove one of them",
            ));
        };
        let thinking = thinking(model.template(), request.settings.thinking, ignored)?;
        conversation.visit_texts(&mut |text| {
            split_control_tokens(text, model.control_tokens(), separator);
        });
        let rendered = model.template().render(&conversation, thinking)?;
        Ok(Self {
            tokens: model.tokenize(&rendered.prompt, separator),
            rendered,
        })
    }
}

/// Decides whether the template is asked to think.
///
/// # Errors
///
/// 400 for a budget of 0 if the model cannot stop thinking. The level `MINIMAL` is not an error: it asks for few
/// thoughts, not for none.
fn thinking(
    template: &Template,
    settings: ThinkingSettings,
    ignored: &IgnoredSettings,
) -> Result<Thinking> {
    if template.thinking().is_none() {
        if settings.include || matches!(settings.effort, Effort::Some | Effort::Tokens(_)) {
            ignored.ignore("thinkingConfig: this model does not think".to_owned())?;
        }
        return Ok(Thinking::Default);
    }
    match settings.effort {
        Effort::Default => Ok(Thinking::Default),
        Effort::Some | Effort::Tokens(_) => Ok(Thinking::On),
        Effort::None | Effort::Minimal if template.can_stop_thinking() => Ok(Thinking::Off),
        Effort::Minimal => Ok(Thinking::Default),
        Effort::None => Err(invalid_argument(
            "thinkingConfig.thinkingBudget is 0, but this model cannot stop thinking: remove it",
        )),
    }
}

/// Inserts a separator after the first character of every control token in the text. Tokens may overlap.
fn split_control_tokens(text: &mut String, control_tokens: &AhoCorasick, separator: char) {
    let starts = control_tokens.find_overlapping_iter(text.as_str());
    let starts: BTreeSet<usize> = starts.map(|token| token.start()).collect();
    if starts.is_empty() {
        return;
    }
    let mut split = String::with_capacity(text.len() + starts.len() * separator.len_utf8());
    let mut from = 0;
    for start in starts {
        let first = text[start..].chars().next().map_or(0, char::len_utf8);
        split.push_str(&text[from..start + first]);
        split.push(separator);
        from = start + first;
    }
    split.push_str(&text[from..]);
    *text = split;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_token_in_a_message_is_split() {
        let tokens = AhoCorasick::new(["<|end|>", "</s>", "<<", "|><|"]).unwrap();
        let split = |text: &str| {
            let mut text = text.to_owned();
            split_control_tokens(&mut text, &tokens, '#');
            text
        };

        assert_eq!(split("a<|end|>b</s><|end|>"), "a<#|end|>b<#/s><#|end|>");
        assert_eq!(split("<<<"), "<#<#<");
        assert_eq!(split("<|end|><|"), "<#|end|#><|");
        assert_eq!(split("<|begin|>"), "<|begin|>");
    }
}
