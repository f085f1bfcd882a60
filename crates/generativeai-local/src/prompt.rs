//! Renders a conversation and tokenizes it, so that messages cannot forge control tokens.

use generativeai::Result;
use llama_cpp_2::token::LlamaToken;

use crate::error::invalid_argument;
use crate::model::Model;
use crate::request::Request;
use crate::template::Message;

/// Unicode noncharacters. They never have a meaning in text, so one that does not occur in the
/// messages can serve as a separator.
const NONCHARACTERS: std::ops::RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// Returns the tokens of a conversation, up to where the model's reply begins.
///
/// The text of a control token in a message is tokenized as plain letters: a separator is inserted
/// into it before the template runs, and removed after the prompt was split at it.
///
/// # Errors
///
/// 400 if the prompt certainly has more than `max_tokens` tokens, or the chat template rejects it.
pub(crate) fn tokens(
    model: &Model,
    request: &Request,
    max_tokens: usize,
) -> Result<Vec<LlamaToken>> {
    let texts = || {
        request
            .messages
            .iter()
            .map(|message| &message.content)
            .chain(&request.system)
    };
    // A bound that needs no tokenizer: megabytes of text would keep it busy for seconds.
    let bytes: usize = texts().map(String::len).sum();
    let at_least = bytes / model.longest_piece();
    if at_least > max_tokens {
        return Err(invalid_argument(format!(
            "the prompt has more than {at_least} tokens, but the context holds {max_tokens}: \
             shorten the chat"
        )));
    }
    let separator = NONCHARACTERS
        .into_iter()
        .find(|&separator| !texts().any(|text| text.contains(separator)))
        .ok_or_else(|| {
            invalid_argument("contents has all Unicode noncharacters: remove one of them")
        })?;
    let escape = |text: &String| split_control_tokens(text, model.control_tokens(), separator);
    let messages: Vec<_> = request
        .messages
        .iter()
        .map(|message| Message {
            role: message.role,
            content: escape(&message.content),
        })
        .collect();
    let system = request.system.as_ref().map(escape);
    let prompt = model.template().render(system.as_deref(), &messages)?;
    Ok(model.tokenize(&prompt, separator))
}

/// Inserts a separator after the first character of every control token in a text.
fn split_control_tokens(text: &str, control_tokens: &[String], separator: char) -> String {
    let mut split = text.to_owned();
    for token in control_tokens
        .iter()
        .filter(|token| text.contains(token.as_str()))
    {
        let first = token.chars().next().map_or(0, char::len_utf8);
        let replacement = format!("{}{separator}{}", &token[..first], &token[first..]);
        split = split.replace(token.as_str(), &replacement);
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_token_in_a_message_is_split() {
        let tokens = ["<|end|>".to_owned(), "</s>".to_owned()];

        let split = split_control_tokens("a<|end|>b</s><|end|>", &tokens, '#');

        assert_eq!(split, "a<#|end|>b<#/s><#|end|>");
        assert_eq!(split_control_tokens("<|begin|>", &tokens, '#'), "<|begin|>");
    }
}
