//! Rendering of tables, with aligned columns and wrapped cells. If they do not fit, each row is a list of its cells.

use std::ops::Range;

use nu_ansi_term::Style;
use pulldown_cmark::{Alignment, Event, Tag, TagEnd};

use super::page::{Page, visible_width};

/// Separator of two columns.
const SEPARATOR: &str = " │ ";
/// Separator of two columns in the rule below the header.
const CROSS: &str = "─┼─";
/// Width below which a column is not shrunk, in columns of the terminal.
const MIN_WIDTH: usize = 6;

/// Cells of a table by rows, each with its parser events.
type Rows<'e, 'a> = Vec<Vec<&'e [(Event<'a>, Range<usize>)]>>;

/// Function that writes a cell to a page. The flag is whether the cell is in the header.
type Write<'w, 'a> = &'w dyn Fn(Page, &[(Event<'a>, Range<usize>)], bool) -> Page;

/// Renders a table from its parser events, as lines.
pub(super) fn lines<'a>(
    alignments: &[Alignment],
    events: &[(Event<'a>, Range<usize>)],
    width: usize,
    write: Write<'_, 'a>,
) -> Vec<String> {
    let rows = rows(events);
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths = vec![0; columns];
    for row in &rows {
        for (cell, width) in row.iter().zip(&mut widths) {
            let unwrapped = wrap(cell, usize::MAX, false, write);
            let widest = unwrapped.iter().map(|line| visible_width(line)).max();
            *width = widest.unwrap_or_default().max(*width);
        }
    }
    let separators = columns.saturating_sub(1) * visible_width(SEPARATOR);
    if !shrink(&mut widths, width.saturating_sub(separators)) {
        return lists(&rows, width, write);
    }
    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| wrap(cell, *width, number == 0, write))
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
            lines.push(line.join(SEPARATOR).trim_end().to_owned());
        }
        if number == 0 {
            let rule: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
            lines.push(rule.join(CROSS));
        }
    }
    lines
}

/// Renders each row as a list of its cells, one a line, with the name of their column.
fn lists<'a>(rows: &Rows<'_, 'a>, width: usize, write: Write<'_, 'a>) -> Vec<String> {
    let Some((names, rows)) = rows.split_first() else {
        return Vec::new();
    };
    if rows.is_empty() {
        let names = names.iter();
        return names
            .flat_map(|name| wrap(name, width, true, write))
            .collect();
    }
    let mut lines = Vec::new();
    for row in rows {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        for (name, cell) in names.iter().zip(row) {
            let mut page = Page::new(width);
            if !name.is_empty() {
                page = write(page, name, true);
                page.words(": ", Style::new());
            }
            page = write(page, cell, false);
            lines.extend(page.finish().lines().map(str::to_owned));
        }
    }
    lines
}

/// Divides the events of a table into rows and cells. The first row is the header.
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

/// Returns the lines of a cell, wrapped at a width.
fn wrap<'a>(
    cell: &[(Event<'a>, Range<usize>)],
    width: usize,
    is_header: bool,
    write: Write<'_, 'a>,
) -> Vec<String> {
    let page = write(Page::new(width), cell, is_header);
    page.finish().lines().map(str::to_owned).collect()
}

/// Shrinks columns, the widest first, until they fit. Returns `false` if there are too many columns.
fn shrink(widths: &mut [usize], room: usize) -> bool {
    while widths.iter().sum::<usize>() > room {
        let widest = widths.iter_mut().max();
        match widest {
            Some(width) if *width > MIN_WIDTH => *width -= 1,
            _ => return false,
        }
    }
    true
}

/// Pads a text to the width of its column. The length of the text is its visible width, so `format!` cannot pad it.
fn align(text: &str, width: usize, alignment: Option<&Alignment>) -> String {
    let room = width.saturating_sub(visible_width(text));
    let before = match alignment {
        Some(Alignment::Right) => room,
        Some(Alignment::Center) => room / 2,
        _ => 0,
    };
    format!("{}{text}{}", " ".repeat(before), " ".repeat(room - before))
}
