//! Conversations as text for the terminal, and as Markdown for files.

use std::fmt;

use generativeai::protocol::content::{Content, FunctionResponse, Part, Role};

use crate::approval;
use crate::attachment;
use crate::conversation::Conversation;

/// Maximum length of a message that is shown to identify a turn, and of an error of a function, in characters.
const SHORT: usize = 200;

/// Author of a content of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Author {
    You,
    Model,
    /// Results of function calls. In the Gemini API their role is `user` as well.
    Tools,
}

impl Author {
    fn of(content: &Content) -> Self {
        let is_result = |part: &Part| part.as_function_response().is_some();
        if content.role == Some(Role::Model) {
            Self::Model
        } else if content.parts.iter().any(is_result) {
            Self::Tools
        } else {
            Self::You
        }
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::You => "you",
            Self::Model => "model",
            Self::Tools => "tools",
        })
    }
}

/// A content of the history as text, such as `you: …`, `model: …` or `tools: …`.
#[derive(Clone, Debug)]
pub(crate) struct Paragraph {
    author: Author,
    text: String,
    /// Whether the content has text, and not only function calls.
    has_text: bool,
    /// Note behind the text if the content ends an unfinished turn; otherwise empty.
    mark: String,
}

impl Paragraph {
    fn new((content, state): (&Content, Option<&str>)) -> Self {
        Self {
            author: Author::of(content),
            text: text_of(content).trim_end().to_owned(),
            has_text: !content.text().is_empty(),
            mark: state.map_or_else(String::new, |state| format!(" ({state})")),
        }
    }

    /// Removes all but the last lines of the text, and returns the number of removed lines. If this cuts a code block,
    /// its first line is repeated: without the fence, the rest would be rendered as Markdown.
    fn cut(&mut self, lines: usize) -> usize {
        let all: Vec<_> = self.text.lines().collect();
        let hidden = all.len().saturating_sub(lines);
        if hidden > 0 {
            let open = open_fence(&all[..hidden]);
            let kept = ["…"].iter().chain(&open).chain(&all[hidden..]);
            let kept: Vec<_> = kept.copied().collect();
            self.text = kept.join("\n");
        }
        hidden
    }

    /// Returns the text of a reply as Markdown, or `None` if this is not a reply. The author has its own line if the
    /// reply begins with a block that cannot follow a word: a list, code or a table.
    pub(crate) fn reply(&self) -> Option<String> {
        if self.author != Author::Model || !self.has_text {
            return None;
        }
        let first = self.text.lines().next().unwrap_or_default();
        // `1.` and `1)` begin a list, and `1,345 m` does not.
        let number = first.trim_start_matches(|char: char| char.is_ascii_digit());
        let is_text = first.starts_with(char::is_alphanumeric)
            && (number == first || !number.starts_with(['.', ')']))
            && !first.contains('|');
        let between = if is_text { " " } else { "\n\n" };
        let (author, text, mark) = (self.author, &self.text, &self.mark);
        Some(format!("{author}:{between}{text}{mark}"))
    }
}

impl fmt::Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", self.author, self.text, self.mark)
    }
}

/// Returns the first line of the code block that is open after the lines. Only a fence of the same characters ends it.
fn open_fence<'l>(lines: &[&'l str]) -> Option<&'l str> {
    lines.iter().fold(None, |open: Option<&str>, line| {
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| line.trim_start().starts_with(mark));
        match (open, mark) {
            (None, Some(_)) => Some(line),
            (Some(open), Some(mark)) if open.trim_start().starts_with(mark) => None,
            _ => open,
        }
    })
}

/// Returns the contents of a conversation. `shown` is a copy with the part of an unfinished turn. The content at which such
/// a turn ends has its state.
fn contents<'s>(
    conversation: &Conversation,
    shown: &'s Conversation,
) -> Vec<(&'s Content, Option<&'static str>)> {
    let chat = &shown.chat;
    let history = chat.history().iter().enumerate();
    let state = |at| chat.is_interrupted(at).then_some("interrupted");
    let mut contents: Vec<_> = history.map(|(at, content)| (content, state(at))).collect();
    if !approval::waiting(&conversation.chat).is_empty() {
        // The last content reports that the calls were not run, which is not decided yet.
        contents.pop();
        if let Some((_, state)) = contents.last_mut() {
            *state = Some("waits for approval");
        }
    }
    contents
}

/// Returns the conversation as paragraphs, one for each content.
pub(crate) fn paragraphs(conversation: &Conversation) -> Vec<Paragraph> {
    let shown = conversation.with_part();
    let contents = contents(conversation, &shown).into_iter();
    contents.map(Paragraph::new).collect()
}

/// Returns the last message and all contents after it as paragraphs, limited to their last `lines` lines. Also returns
/// the number of omitted lines.
pub(crate) fn last_exchange(conversation: &Conversation, lines: usize) -> (Vec<Paragraph>, usize) {
    let shown = conversation.with_part();
    let contents = contents(conversation, &shown);
    let is_message = |(content, _): &(&Content, _)| Author::of(content) == Author::You;
    let start = contents.iter().rposition(is_message).unwrap_or(0);
    let (mut shown, mut left, mut hidden) = (Vec::new(), lines, 0);
    for &content in contents[start..].iter().rev() {
        let mut paragraph = Paragraph::new(content);
        hidden += paragraph.cut(left);
        if left > 0 {
            left = left.saturating_sub(paragraph.text.lines().count());
            shown.push(paragraph);
        }
    }
    shown.reverse();
    (shown, hidden)
}

/// Returns the conversation as Markdown.
pub(crate) fn markdown(conversation: &Conversation) -> String {
    let model = conversation.chat.model();
    let mut text = format!("# Conversation with {}\n", model.name());
    if let Some(instruction) = model.instruction() {
        let parts: Vec<_> = instruction.parts.iter().map(text_of_part).collect();
        text += &format!("\n## Instruction\n\n{}\n", parts.join("\n\n"));
    }
    for (content, state) in contents(conversation, &conversation.with_part()) {
        let (title, between) = match Author::of(content) {
            Author::You => ("You", "\n\n"),
            Author::Model => ("Model", ""),
            Author::Tools => ("Tools", "\n\n"),
        };
        let parts = content.parts.iter().filter(|part| !part.is_thought());
        let parts: Vec<_> = parts.map(text_of_part).collect();
        text += &format!("\n## {title}\n\n{}\n", parts.join(between).trim_end());
        if let Some(state) = state {
            text += &format!("\n*({state})*\n");
        }
    }
    text
}

/// Returns the beginning of the text of a message, without its files.
pub(crate) fn excerpt(content: &Content) -> String {
    short(attachment::text_of(content).trim())
}

/// Returns the beginning of a text.
fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the calls at the end of a turn that failed or were not run, each with the reason.
pub(crate) fn failed_calls(content: &Content) -> impl Iterator<Item = String> {
    let responses = content.parts.iter().filter_map(Part::as_function_response);
    responses.filter_map(failure)
}

/// Returns the name of a function and its error, if it failed or was not run.
fn failure(response: &FunctionResponse) -> Option<String> {
    let error = response.response.as_ref()?.get("error")?.as_str()?;
    // Many functions have a member that is empty after a success.
    (!error.is_empty()).then(|| format!("{}: {}", name_of(response), short(error)))
}

fn name_of(response: &FunctionResponse) -> &str {
    response.name.as_deref().unwrap_or("?")
}

/// Returns the text of a content, without thoughts. Other parts are named in brackets.
pub(crate) fn text_of(content: &Content) -> String {
    let parts = content.parts.iter().filter(|part| !part.is_thought());
    let texts: Vec<_> = parts.map(text_of_part).collect();
    // The parts of a reply are pieces of one text. Those of a message are files, and the text about them.
    let between = if content.role == Some(Role::Model) {
        ""
    } else {
        "\n"
    };
    texts.join(between)
}

/// Returns the text of a part, or the name of its kind in brackets.
fn text_of_part(part: &Part) -> String {
    if let Some(text) = part.as_text() {
        return text.to_owned();
    }
    if let Some(call) = part.as_function_call() {
        return format!("[calls {}]", call.name());
    }
    if let Some(response) = part.as_function_response() {
        let result = || format!("result of {}", name_of(response));
        return format!("[{}]", failure(response).unwrap_or_else(result));
    }
    let kind = part.kind().unwrap_or("empty part");
    let media = part
        .as_inline_data()
        .and_then(|blob| blob.mime_type.as_deref());
    match media {
        Some(media) => format!("[{kind}: {media}]"),
        None => format!("[{kind}]"),
    }
}

#[cfg(test)]
mod tests {
    use generativeai::GenerativeModel;
    use generativeai::protocol::content::Blob;

    use super::*;

    fn conversation(history: &[Content]) -> Conversation {
        let model = GenerativeModel::new("m").system_instruction("Be brief.");
        Conversation::new(model.start_chat().with_history(history.to_vec()), None)
    }

    #[test]
    fn a_part_that_is_not_text_is_named() {
        let content = Content::user(vec![
            Part::from(Blob::new("image/png", b"x")),
            Part::text("What is this?"),
        ]);

        assert_eq!(text_of(&content), "[inlineData: image/png]\nWhat is this?");
    }

    #[test]
    fn a_result_with_an_empty_error_is_not_shown_as_failed() {
        for (error, shown) in [("", "[result of pay]"), ("no money", "[pay: no money]")] {
            let response = serde_json::json!({ "error": error });
            let part = Part::from(FunctionResponse::new("pay", response));
            assert_eq!(text_of(&Content::user(vec![part])), shown);
        }
    }

    #[test]
    fn each_paragraph_begins_with_its_author() {
        let history = [Content::user("How tall?"), Content::model("1,345 m.\n")];

        let paragraphs_of = |history| {
            let paragraphs = paragraphs(&conversation(history));
            paragraphs
                .iter()
                .map(Paragraph::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            paragraphs_of(&history),
            ["you: How tall?", "model: 1,345 m."]
        );
        assert!(paragraphs(&conversation(&[])).is_empty());
    }

    #[test]
    fn a_long_exchange_is_cut_to_its_last_lines() {
        let history = ["old", "old", "1\n2\n3", "4\n```sh\nls\nls -l\n```"].map(Content::from);
        let shown = |lines| {
            let (paragraphs, hidden) = last_exchange(&conversation(&history), lines);
            let texts = paragraphs.iter().map(Paragraph::to_string);
            (texts.collect::<Vec<_>>().join("|"), hidden)
        };

        let whole = "you: 1\n2\n3|model: 4\n```sh\nls\nls -l\n```";
        assert_eq!(shown(8), (whole.to_owned(), 0));
        let cut = whole.replace("1\n2", "…");
        assert_eq!(shown(6), (cut, 2));
        assert_eq!(shown(5).1, 3);
        let tildes = ["~~~", "```", "ls"];
        assert_eq!(open_fence(&tildes), Some("~~~"));
        assert_eq!(open_fence(&["~~~", "```", "~~~ "]), None);
        let code = "model: …\n```sh\nls -l\n```";
        assert_eq!(shown(2), (code.to_owned(), 6));
    }

    #[test]
    fn the_author_of_a_reply_has_its_own_line_above_a_list_code_or_a_table() {
        for (text, expected) in [
            ("1,345 m, **high**", "model: 1,345 m, **high**"),
            ("1. One", "model:\n\n1. One"),
            ("```\ncode\n```", "model:\n\n```\ncode\n```"),
            ("a | b\n--|--", "model:\n\na | b\n--|--"),
        ] {
            let paragraphs = paragraphs(&conversation(&[Content::model(text)]));
            assert_eq!(paragraphs[0].reply().as_deref(), Some(expected));
        }
        let message = paragraphs(&conversation(&[Content::user("*")]));
        assert_eq!(message[0].reply(), None);
    }

    #[test]
    fn the_markdown_has_a_heading_for_each_author() {
        let history = [Content::user("How tall?"), Content::model("**1,345** m")];

        assert_eq!(
            markdown(&conversation(&history)),
            "# Conversation with models/m\n\n## Instruction\n\nBe brief.\n\n## You\n\nHow tall?\n\n\
             ## Model\n\n**1,345** m\n"
        );
    }
}
