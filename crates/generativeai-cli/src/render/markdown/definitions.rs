//! Search for link reference definitions, which the parser does not report.

use pulldown_cmark::{Event, Parser, Tag};

use super::draw::OPTIONS;

/// Returns the offsets of the link reference definitions in a source, in ascending order.
///
/// The parser knows only the first definition of each label. But definitions are the only text without an event, except
/// for the markers of containers.
pub(super) fn offsets(text: &str) -> Vec<usize> {
    let (mut found, mut end) = (Vec::new(), 0);
    let mut add = |gap: &str, start: usize| {
        let mut line = start;
        for source in gap.split_inclusive('\n') {
            let text = source.trim_start_matches(is_marker);
            if text.starts_with('[') {
                found.push(line + source.len() - text.len());
            }
            line += source.len();
        }
    };
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        if matches!(
            event,
            Event::Start(Tag::BlockQuote(_) | Tag::List(_) | Tag::Item) | Event::End(_)
        ) {
            continue;
        }
        if range.start > end {
            add(&text[end..range.start], end);
        }
        end = end.max(range.end);
    }
    add(&text[end..], end);
    found
}

/// Returns whether a character may precede the content of a line in a list or a quotation.
fn is_marker(char: char) -> bool {
    char.is_ascii_digit() || " \t>-*+.)".contains(char)
}
