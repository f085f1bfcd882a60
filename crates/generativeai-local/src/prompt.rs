//! The prompt: a conversation as the tokens the model reads.

use generativeai::Result;
use llama_cpp_2::token::LlamaToken;

use crate::asked::Asked;
use crate::model::Model;
use crate::refusal::invalid;
use crate::template::Message;

/// Characters that are none, by definition of Unicode.
const NONCHARACTERS: std::ops::RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// The tokens of a conversation, up to where the model speaks next.
///
/// What is said cannot pass for the marks of the template: a control token written out in a message
/// is read as its letters.
pub(crate) fn tokens(model: &Model, asked: &Asked, most: usize) -> Result<Vec<LlamaToken>> {
    let said = || {
        asked
            .messages
            .iter()
            .map(|message| &message.content)
            .chain(&asked.system)
    };
    let bytes: usize = said().map(String::len).sum();
    let at_least = bytes / model.longest_piece();
    if at_least > most {
        return Err(invalid(format!(
            "the prompt has more than {at_least} tokens, and the context holds {most}: shorten the chat"
        )));
    }
    let breaker = NONCHARACTERS
        .into_iter()
        .find(|&breaker| !said().any(|text| text.contains(breaker)))
        .ok_or_else(|| invalid("the contents have every noncharacter of Unicode: leave one out"))?;
    let plain = |text: &String| without_marks(text, model.marks(), breaker);
    let messages: Vec<_> = asked
        .messages
        .iter()
        .map(|message| Message {
            role: message.role,
            content: plain(&message.content),
        })
        .collect();
    let system = asked.system.as_ref().map(plain);
    let prompt = model.template().render(system.as_deref(), &messages)?;
    Ok(model.tokenize(&prompt, breaker))
}

/// A text with a breaker after the first character of every mark in it.
fn without_marks(text: &str, marks: &[String], breaker: char) -> String {
    let mut broken = text.to_owned();
    for mark in marks.iter().filter(|mark| text.contains(mark.as_str())) {
        let first = mark.chars().next().map_or(0, char::len_utf8);
        let split = format!("{}{breaker}{}", &mark[..first], &mark[first..]);
        broken = broken.replace(mark.as_str(), &split);
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_in_a_message_is_broken_up_wherever_it_stands() {
        let marks = ["<|end|>".to_owned(), "</s>".to_owned()];

        let broken = without_marks("a<|end|>b</s><|end|>", &marks, '#');

        assert_eq!(broken, "a<#|end|>b<#/s><#|end|>");
        assert_eq!(without_marks("<|begin|>", &marks, '#'), "<|begin|>");
    }
}
