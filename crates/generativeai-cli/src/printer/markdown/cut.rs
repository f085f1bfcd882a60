//! Where an unfinished text can be cut, so that nothing to come changes what stands before.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::draw::OPTIONS;

/// The sign of a style that is not closed within so many bytes is taken for a character.
const PATIENCE: usize = 240;

/// Where to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Here.
    At(usize),
    /// Nowhere yet: the sign here is to be taken for a character first.
    Literal(usize),
}

/// What the text ends in.
enum Leaf {
    /// A paragraph or its like, with the places of its bare text.
    Text(Vec<Range<usize>>),
    Code,
    Table(usize),
}

/// Whether a word may be over with this character.
pub(super) fn may_end_a_word(char: char) -> bool {
    char.is_whitespace() || is_ideograph(char)
}

/// Ideographs are words of their own.
fn is_ideograph(char: char) -> bool {
    ('\u{2e80}'..'\u{1f000}').contains(&char)
}

/// Finds where to cut.
pub(super) fn cut(text: &str) -> Cut {
    let line = line_start(text);
    let end = last_word(text, line);
    match leaf(&text[..end]) {
        Leaf::Code => Cut::At(line),
        Leaf::Table(start) => Cut::At(trimmed(text, start)),
        Leaf::Text(bare) => {
            let end = before_rows(text, line).min(end);
            let open = bare
                .into_iter()
                .find_map(|range| open_sign(text, range, end));
            match open {
                Some(at) if end - at > PATIENCE => Cut::Literal(at),
                Some(at) => Cut::At(trimmed(text, at)),
                None => Cut::At(trimmed(text, end)),
            }
        }
    }
}

fn line_start(text: &str) -> usize {
    text.rfind('\n').map_or(0, |at| at + 1)
}

fn trimmed(text: &str, end: usize) -> usize {
    text[..end].trim_end().len()
}

/// The end of the last word that is whole. A line that has only signs so far may become anything.
fn last_word(text: &str, line: usize) -> usize {
    let last = &text[line..];
    let mut ends = last
        .char_indices()
        .filter(|(_, char)| may_end_a_word(*char));
    let Some((end, _)) = ends.next_back() else {
        return line;
    };
    let says_something = last[..end].split_whitespace().any(|word| {
        let number = word.trim_end_matches(['.', ')']);
        let counts = number.len() < word.len() && number.bytes().all(|byte| byte.is_ascii_digit());
        !counts && word.chars().any(char::is_alphanumeric)
    });
    if says_something { line + end } else { line }
}

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

/// The place before the lines at the end that may be rows of a table.
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

/// The first sign in a bare text that may open a style, a code or a link with what is to come.
fn open_sign(text: &str, range: Range<usize>, end: usize) -> Option<usize> {
    let range = range.start..range.end.min(end);
    let bare = text.get(range.clone())?;
    bare.char_indices()
        .map(|(at, sign)| (range.start + at, sign))
        .find(|&(at, sign)| opens(text, at, sign, end))
        .map(|(at, _)| at)
}

fn opens(text: &str, at: usize, sign: char, end: usize) -> bool {
    let before = text[..at].chars().next_back();
    let behind = &text[at + sign.len_utf8()..end];
    let next = behind.chars().next();
    if before == Some('\\') {
        return false;
    }
    match sign {
        '`' => true,
        '*' | '~' => next.is_some_and(|next| !next.is_whitespace()),
        '_' => {
            next.is_some_and(|next| !next.is_whitespace())
                && !before.is_some_and(char::is_alphanumeric)
        }
        '<' => {
            next.is_some_and(|next| next.is_ascii_alphabetic() || "/!".contains(next))
                && !behind.contains('>')
        }
        '!' => next == Some('['),
        '[' => match behind.find(']') {
            None => true,
            Some(close) => {
                let link = behind[close + 1..].strip_prefix('(');
                link.is_some_and(|link| !link.contains(')'))
            }
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands before the cut.
    fn kept(text: &str) -> &str {
        match cut(text) {
            Cut::At(end) => &text[..end],
            Cut::Literal(at) => panic!("literal at {at}"),
        }
    }

    #[test]
    fn words_are_kept_once_they_are_whole() {
        assert_eq!(kept("Ben Nev"), "Ben");
        assert_eq!(kept("Ben Nevis is\n"), "Ben Nevis is");
        assert_eq!(kept("Ben"), "");
        assert_eq!(kept("你好吗"), "你好");
    }

    #[test]
    fn a_line_of_signs_is_not_known_yet() {
        for line in ["- ", "1. ", "## ", "> ", "--- ", "``` ", "* ", "12) "] {
            assert_eq!(kept(&format!("a\n\n{line}")), "a", "{line:?}");
        }
        assert_eq!(kept("1. one two"), "1. one");
    }

    #[test]
    fn nothing_behind_an_open_sign_is_kept() {
        assert_eq!(kept("so **very bold"), "so");
        assert_eq!(kept("so **very bold** it"), "so **very bold**");
        assert_eq!(kept("the `ls -l` and `rm it"), "the `ls -l` and");
        assert_eq!(kept("see [the docs](http://x y"), "see");
        assert_eq!(
            kept("see [the docs](http://x) or"),
            "see [the docs](http://x)"
        );
        assert_eq!(kept("an array[1] of it"), "an array[1] of");
        assert_eq!(kept("2 * 3 < 4 a_b it"), "2 * 3 < 4 a_b");
        assert_eq!(kept("an ![image of it"), "an");
    }

    #[test]
    fn a_sign_that_stays_open_is_taken_for_a_character() {
        let text = format!("a *b {}", "word ".repeat(60));

        assert_eq!(cut(&text), Cut::Literal(2));
        assert_eq!(
            kept(&text.replace('*', "\\*")),
            text.replace('*', "\\*").trim_end()
        );
    }

    #[test]
    fn code_is_kept_by_lines() {
        assert_eq!(
            kept("```rust\nfn main() {\n    let a = "),
            "```rust\nfn main() {\n"
        );
        assert_eq!(kept("```\na | b\n*\n"), "```\na | b\n*\n");
    }

    #[test]
    fn a_table_is_kept_back_until_it_is_whole() {
        assert_eq!(kept("So:\n\n| a | b |\n"), "So:");
        assert_eq!(kept("So:\n\n| a | b |\n|---|"), "So:");
        assert_eq!(kept("So:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"), "So:");
        assert_eq!(kept("a | b\nno table "), "a | b\nno table");
    }
}
