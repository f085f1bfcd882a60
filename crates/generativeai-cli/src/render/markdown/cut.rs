//! Decides how much of an incomplete source can be rendered, so that later text cannot change the output.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::draw::OPTIONS;
use super::page::is_ideograph;

/// Maximum distance of a delimiter to the one that closes it, in bytes. A delimiter that stays open longer is treated
/// as a character, since the text after it is not shown until then.
const MAX_OPEN: usize = 240;

/// Result of [`cut`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The source can be rendered up to here.
    At(usize),
    /// The delimiters at these positions are treated as characters: escape them, and try again.
    Literal(Vec<usize>),
}

/// Kind of the last block.
enum Leaf {
    /// A block of text such as a paragraph, with the ranges of its plain text.
    Text(Vec<Range<usize>>),
    Code,
    /// A table, with its start.
    Table(usize),
}

/// Returns whether a word may end with this character.
pub(super) fn may_end_a_word(char: char) -> bool {
    char.is_whitespace() || is_ideograph(char)
}

/// Finds how much of the source can be rendered.
pub(super) fn cut(text: &str) -> Cut {
    let line = line_start(text);
    let end = last_word(text, line);
    match leaf(&text[..end]) {
        // Lines of code are complete, since they are not wrapped, and highlighting does not depend on later lines.
        Leaf::Code => Cut::At(line),
        // The width of the columns depends on all rows.
        Leaf::Table(start) => Cut::At(trimmed(text, start)),
        Leaf::Text(bare) => {
            let end = before_rows(text, line).min(end);
            let mut open = bare
                .into_iter()
                .flat_map(|range| open_delimiters(text, range, end))
                .peekable();
            match open.peek() {
                Some(at) if end - at > MAX_OPEN => {
                    Cut::Literal(open.take_while(|at| end - at > MAX_OPEN).collect())
                }
                Some(&at) => Cut::At(trimmed(text, at)),
                None => Cut::At(trimmed(text, end)),
            }
        }
    }
}

/// Returns the start of the last line.
fn line_start(text: &str) -> usize {
    text.rfind('\n').map_or(0, |at| at + 1)
}

/// Returns the end of the text before `end` without trailing whitespace, and without a backslash that the next line
/// turns into a line break.
fn trimmed(text: &str, end: usize) -> usize {
    let trimmed = text[..end].trim_end();
    let before = trimmed.trim_end_matches('\\');
    // Each pair of backslashes is a character.
    match (trimmed.len() - before.len()) % 2 {
        0 => trimmed.len(),
        _ => trimmed[..trimmed.len() - 1].trim_end().len(),
    }
}

/// Returns the end of the last complete word. A line without a word may become a list item, a heading or a rule, so
/// none of it is complete.
fn last_word(text: &str, line: usize) -> usize {
    let last = &text[line..];
    let mut ends = last
        .char_indices()
        .filter(|(_, char)| may_end_a_word(*char));
    let Some((end, _)) = ends.next_back() else {
        return line;
    };
    // The number of a list item is not a word.
    let has_text = last[..end].split_whitespace().any(|word| {
        let number = word.trim_end_matches(['.', ')']);
        let counts = number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit());
        !counts && word.chars().any(char::is_alphanumeric)
    });
    if has_text { line + end } else { line }
}

/// Returns the kind of the last block that contains no other blocks.
fn leaf(text: &str) -> Leaf {
    let mut leaf = Leaf::Text(Vec::new());
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_)) => leaf = Leaf::Code,
            Event::Start(Tag::Table(_)) => leaf = Leaf::Table(range.start),
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::HtmlBlock)
            | Event::Rule => leaf = Leaf::Text(Vec::new()),
            Event::Text(_) => {
                if let Leaf::Text(bare) = &mut leaf {
                    bare.push(range);
                }
            }
            _ => {}
        }
    }
    leaf
}

/// Returns the position before the last lines that may become rows of a table. A paragraph with `|` becomes the header
/// when a line such as `|---|` follows.
fn before_rows(text: &str, line: usize) -> usize {
    let last = &text[line..];
    let may_be_rule = last.chars().all(|char| "|-: \t".contains(char));
    let before = text[..line].trim_end_matches('\n');
    let previous = line_start(before);
    if may_be_rule && before.len() + 1 >= line && before[previous..].contains('|') {
        previous
    } else if last.contains('|') {
        line
    } else {
        text.len()
    }
}

/// Returns the positions of the delimiters in a plain text that may open a style, code or a link.
fn open_delimiters(
    text: &str,
    range: Range<usize>,
    end: usize,
) -> impl Iterator<Item = usize> + '_ {
    let bare = text.get(range.start..range.end.min(end));
    bare.unwrap_or_default()
        .char_indices()
        .map(move |(at, char)| (range.start + at, char))
        .filter(move |&(at, char)| opens(text, at, char, end))
        .map(|(at, _)| at)
}

/// Returns whether a character opens a style, code, HTML or a link that is not closed before `end`.
///
/// The parser reports such a character as plain text, since without its other half it is. The rules are those of
/// CommonMark for an opening delimiter: for example, a blank cannot follow it, and `_` does not open within a word.
fn opens(text: &str, at: usize, delimiter: char, end: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = &text[at + delimiter.len_utf8()..end];
    let next = after.chars().next();
    if before == Some('\\') {
        return false;
    }
    match delimiter {
        '`' => true,
        '*' | '~' => next.is_some_and(|next| !next.is_whitespace()),
        '_' => {
            next.is_some_and(|next| !next.is_whitespace())
                && !before.is_some_and(char::is_alphanumeric)
        }
        '<' => {
            next.is_some_and(|next| next.is_ascii_alphabetic() || "/!".contains(next))
                && !after.contains('>')
        }
        '!' => next == Some('['),
        '[' => match after.find(']') {
            None => true,
            Some(close) => {
                let link = after[close + 1..].strip_prefix('(');
                link.is_some_and(|link| !link.contains(')'))
            }
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the part of the source that can be rendered.
    fn rendered(text: &str) -> &str {
        match cut(text) {
            Cut::At(end) => &text[..end],
            Cut::Literal(at) => panic!("literal at {at:?}"),
        }
    }

    #[test]
    fn words_are_rendered_when_they_are_complete() {
        assert_eq!(rendered("Ben Nev"), "Ben");
        assert_eq!(rendered("Ben Nevis is\n"), "Ben Nevis is");
        assert_eq!(rendered("Ben"), "");
        assert_eq!(rendered("你好吗"), "你好");
    }

    #[test]
    fn a_backslash_at_the_end_of_a_line_is_not_rendered_before_the_next_line() {
        assert_eq!(rendered("one two\\\n"), "one two");
        assert_eq!(rendered("one two\\\nthree "), "one two\\\nthree");
        assert_eq!(rendered("one two\\\\\n"), "one two\\\\");
    }

    #[test]
    fn a_line_of_punctuation_is_not_rendered() {
        for line in ["- ", "1. ", "## ", "> ", "--- ", "``` ", "* ", "12) "] {
            assert_eq!(rendered(&format!("a\n\n{line}")), "a", "{line:?}");
        }
        assert_eq!(rendered("1. one two"), "1. one");
    }

    #[test]
    fn nothing_after_an_open_delimiter_is_rendered() {
        assert_eq!(rendered("so **very bold"), "so");
        assert_eq!(rendered("so **very bold** it"), "so **very bold**");
        assert_eq!(rendered("the `ls -l` and `rm it"), "the `ls -l` and");
        assert_eq!(rendered("see [the docs](http://x y"), "see");
        assert_eq!(
            rendered("see [the docs](http://x) or"),
            "see [the docs](http://x)"
        );
        assert_eq!(rendered("an array[1] of it"), "an array[1] of");
        assert_eq!(rendered("2 * 3 < 4 a_b it"), "2 * 3 < 4 a_b");
        assert_eq!(rendered("an ![image of it"), "an");
    }

    #[test]
    fn a_delimiter_that_stays_open_becomes_a_character() {
        let text = format!("a *b {}", "word ".repeat(60));

        assert_eq!(cut(&text), Cut::Literal(vec![2]));
        assert_eq!(cut(&text.replace("a", "*a")), Cut::Literal(vec![0, 3]));
        assert_eq!(
            rendered(&text.replace('*', "\\*")),
            text.replace('*', "\\*").trim_end()
        );
    }

    #[test]
    fn code_is_rendered_by_lines() {
        assert_eq!(
            rendered("```rust\nfn main() {\n    let a = "),
            "```rust\nfn main() {\n"
        );
        assert_eq!(rendered("```\na | b\n*\n"), "```\na | b\n*\n");
    }

    #[test]
    fn a_table_is_rendered_when_it_is_complete() {
        assert_eq!(rendered("So:\n\n| a | b |\n"), "So:");
        assert_eq!(rendered("So:\n\n| a | b |\n|---|"), "So:");
        assert_eq!(rendered("So:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"), "So:");
        assert_eq!(rendered("a | b\nno table "), "a | b\nno table");
    }
}
