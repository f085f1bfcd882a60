//! Tables: columns side by side, in as many lines as their cells need.

use std::ops::Range;

use pulldown_cmark::{Alignment, Event, Tag, TagEnd};

use super::draw::Look;
use super::page::{Page, visible_width};
use super::style::{CYAN, Style};

/// What stands between two columns.
const BETWEEN: &str = " │ ";
/// What stands between two columns below the head.
const CROSS: &str = "─┼─";
/// No column is narrower than this, in characters, unless its text is.
const NARROW: usize = 6;

/// The cells of a table, row by row, each with the events of its text.
type Rows<'e, 'a> = Vec<Vec<&'e [(Event<'a>, Range<usize>)]>>;

/// Draws a table from the events within it.
pub(super) fn lines(
    alignments: &[Alignment],
    events: &[(Event<'_>, Range<usize>)],
    look: Look,
) -> Vec<String> {
    let rows = rows(events);
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for row in &rows {
        for (cell, width) in row.iter().zip(&mut widths) {
            let whole = set(cell, usize::MAX, look, false);
            let widest = whole.iter().map(|line| visible_width(line)).max();
            *width = widest.unwrap_or_default().max(*width);
        }
    }
    let between = columns.saturating_sub(1) * visible_width(BETWEEN);
    narrow(&mut widths, look.width.saturating_sub(between));
    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| set(cell, *width, look, number == 0))
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for at in 0..height {
            let line = cells
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    let text = cell.get(at).map(String::as_str).unwrap_or_default();
                    align(text, *width, alignments.get(column))
                });
            let line: Vec<_> = line.collect();
            lines.push(line.join(BETWEEN).trim_end().to_owned());
        }
        if number == 0 {
            let rule: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
            lines.push(rule.join(CROSS));
        }
    }
    lines
}

fn rows<'e, 'a>(events: &'e [(Event<'a>, Range<usize>)]) -> Rows<'e, 'a> {
    let mut rows: Rows<'e, 'a> = Vec::new();
    let mut begin = 0;
    for (at, (event, _)) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => begin = at + 1,
            Event::End(TagEnd::TableCell) => {
                if let Some(row) = rows.last_mut() {
                    row.push(&events[begin..at]);
                }
            }
            _ => {}
        }
    }
    rows
}

/// Sets the text of a cell in lines of a width.
fn set(cell: &[(Event<'_>, Range<usize>)], width: usize, look: Look, head: bool) -> Vec<String> {
    let mut page = Page::new(width);
    let mut styles = vec![Style {
        bold: head && look.styled,
        ..Style::plain()
    }];
    for (event, _) in cell {
        let mut style = styles.last().copied().unwrap_or_default();
        match event {
            Event::Start(tag) => {
                if look.styled {
                    style.bold |= matches!(tag, Tag::Strong);
                    style.italic |= matches!(tag, Tag::Emphasis);
                    style.strike |= matches!(tag, Tag::Strikethrough);
                    style.underline |= matches!(tag, Tag::Link { .. });
                }
                styles.push(style);
            }
            Event::End(_) => {
                styles.pop();
            }
            Event::Code(code) => {
                style.colour = look.styled.then_some(CYAN);
                page.words(code, style);
            }
            Event::InlineHtml(html) if html.starts_with("<br") => page.end_line(),
            Event::Text(text) | Event::InlineHtml(text) => page.words(text, style),
            _ => page.words(" ", style),
        }
    }
    page.finish().lines().map(str::to_owned).collect()
}

/// Makes columns narrower, the widest first, until they fit.
fn narrow(widths: &mut [usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let widest = widths.iter_mut().max();
        match widest {
            Some(width) if *width > NARROW => *width -= 1,
            _ => break,
        }
    }
}

fn align(text: &str, width: usize, alignment: Option<&Alignment>) -> String {
    let room = width.saturating_sub(visible_width(text));
    let before = match alignment {
        Some(Alignment::Right) => room,
        Some(Alignment::Center) => room / 2,
        _ => 0,
    };
    format!("{}{text}{}", " ".repeat(before), " ".repeat(room - before))
}
