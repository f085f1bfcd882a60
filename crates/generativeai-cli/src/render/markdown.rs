//! Incremental rendering of Markdown: output is only appended, never changed.
//!
//! A terminal cannot change lines that were scrolled off the screen, so text is rendered only when later text cannot
//! change it: complete words, up to the first delimiter of a style that is still open. The parser is not incremental:
//! each piece parses the last block again. Earlier blocks are complete and dropped.

mod code;
mod cut;
mod definitions;
mod draw;
mod page;
mod style;
mod table;

use std::fmt;

use nu_ansi_term::Style;

use code::Code;
use cut::Cut;
use page::Page;
pub(super) use style::Layout;

/// Maximum size of a block, in bytes. A longer one is rendered as if it were complete. The limit bounds the cost of a
/// piece, which parses the whole block.
const MAX_BLOCK: usize = 64 << 10;

/// A reply in Markdown that arrives in pieces.
pub(super) struct Markdown {
    layout: Layout,
    /// Source of the last block.
    source: String,
    /// Output of the last block that was already returned.
    shown: String,
    /// Length of the source of that output, in bytes.
    rendered: usize,
    /// Whether the source begins in the middle of a block, whose rest starts on a new line.
    is_split: bool,
    /// Whether any text was rendered, so that an empty line precedes the next block.
    begun: bool,
    /// Highlighted code in the last block. A list may contain several code blocks.
    codes: Vec<Code>,
}

impl fmt::Debug for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Markdown")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

impl Markdown {
    /// Starts a reply.
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            source: String::new(),
            shown: String::new(),
            rendered: 0,
            is_split: false,
            begun: false,
            codes: Vec::new(),
        }
    }

    /// Adds the next piece, and returns the text to append to the output.
    pub(super) fn push(&mut self, piece: &str) -> String {
        self.source.push_str(piece);
        // Only whole words are rendered, so a piece within a word is not worth parsing.
        if !piece.chars().any(cut::may_end_a_word) {
            return String::new();
        }
        self.escape_definitions(self.source.len());
        if self.source.len() > MAX_BLOCK {
            let rendered = self.render(self.source.len());
            // The rest of the block is rendered like a new block, even in the middle of a code block.
            self.source.clear();
            self.shown.clear();
            self.rendered = 0;
            return rendered;
        }
        loop {
            match cut::cut(&self.source) {
                Cut::At(end) => return self.render(end),
                // Escaped in the source, so that a closing delimiter that comes later does not change the output.
                Cut::Literal(positions) => self.source = escaped(&self.source, &positions),
            }
        }
    }

    /// Ends the reply, and returns the rest of the output.
    pub(super) fn end(&mut self) -> String {
        let rendered = self.render(self.source.len());
        *self = Self::new(self.layout);
        rendered
    }

    /// Sets the width of the output that follows. The rest of a paragraph that has begun starts on a new line, since it
    /// is unknown where the terminal now breaks the earlier lines. Other blocks keep their width to the end.
    pub(super) fn set_width(&mut self, width: usize) {
        if width == self.layout.width {
            return;
        }
        if !self.shown.is_empty() && is_text(&self.source) {
            self.source.drain(..self.rendered);
            self.shown.clear();
            self.is_split = true;
        }
        if self.shown.is_empty() {
            self.layout.width = width;
        }
    }

    /// Escapes link reference definitions up to a position, so that they are rendered as text. Otherwise the targets of
    /// the links would not be visible. Returns the position, moved by the number of inserted characters.
    fn escape_definitions(&mut self, mut end: usize) -> usize {
        while self.source[..end].contains("]:") {
            let positions = definitions::offsets(&self.source[..end]);
            if positions.is_empty() {
                break;
            }
            self.source = escaped(&self.source, &positions);
            end += positions.len();
        }
        end
    }

    /// Renders the source up to a position, and returns the new output.
    fn render(&mut self, end: usize) -> String {
        let end = self.escape_definitions(end);
        let mut new = String::new();
        let blocks = draw::draw(&self.source[..end], self.layout, &mut self.codes);
        let complete = blocks.len().saturating_sub(1);
        for (at, block) in blocks.iter().enumerate() {
            if self.shown.is_empty() && !block.output.is_empty() && self.begun {
                new.push_str(if self.is_split { "\n" } else { "\n\n" });
                self.is_split = false;
            }
            self.begun |= !block.output.is_empty();
            new.push_str(rest(&block.output, &self.shown));
            // `shown` belongs to the first block of the source. The blocks after it have no output yet.
            if at < complete {
                self.shown.clear();
            } else if block.output.len() > self.shown.len() {
                self.shown.clone_from(&block.output);
            }
        }
        self.rendered = end;
        if complete > 0 {
            self.source.drain(..blocks[complete].start);
            self.rendered -= blocks[complete].start;
            self.codes.clear();
        }
        new
    }
}

/// Returns the source with a backslash before each of these positions, which are in ascending order.
fn escaped(source: &str, positions: &[usize]) -> String {
    let mut escaped = String::with_capacity(source.len() + positions.len());
    let mut begin = 0;
    for &at in positions {
        escaped.push_str(&source[begin..at]);
        escaped.push('\\');
        begin = at;
    }
    escaped + &source[begin..]
}

/// Returns whether a block is text, which can be rendered without its beginning. Code needs its fence, and a table its
/// header.
fn is_text(block: &str) -> bool {
    let begins_with = |marker: &str| block.trim_start().starts_with(marker);
    !["```", "~~~", "|"].into_iter().any(begins_with) && !block.starts_with("    ")
}

/// Wraps a line of plain text. Continuation lines have its indentation, unless that is half of the width.
pub(super) fn wrapped(line: &str, width: usize) -> String {
    let blanks = line.len() - line.trim_start_matches(' ').len();
    let margin = if blanks * 2 <= width { blanks } else { 0 };
    wrapped_after(margin, line, width)
}

/// Wraps a line of columns that are separated by two or more blanks. Continuation lines are indented to the last column
/// that begins in the first half of the width.
pub(super) fn wrapped_row(line: &str, width: usize) -> String {
    let starts = line.match_indices("  ").map(|(at, _)| {
        let rest = line[at..].trim_start_matches(' ');
        line.len() - rest.len()
    });
    let starts = starts.filter(|&at| page::visible_width(&line[..at]) * 2 <= width);
    wrapped_after(starts.last().unwrap_or_default(), line, width)
}

/// Wraps a line, and indents its continuation lines to the column of the byte offset `at`.
fn wrapped_after(at: usize, line: &str, width: usize) -> String {
    if page::visible_width(line) <= width {
        return line.to_owned();
    }
    let (before, text) = line.split_at(at);
    let mut page = Page::new(width);
    let indentation = " ".repeat(page::visible_width(before));
    page.begin_margin(Some(before.to_owned()), indentation);
    page.words(text, Style::new());
    page.finish()
}

/// Returns the part of an output after the text already shown. Shown text cannot be changed: if later source changed
/// its rendering, the same number of visible characters is skipped.
fn rest<'a>(output: &'a str, shown: &str) -> &'a str {
    if let Some(rest) = output.strip_prefix(shown) {
        return rest;
    }
    let mut left = page::visible(shown).chars().count();
    let mut chars = output.char_indices();
    while left > 0 {
        match chars.next() {
            // A style ends with `m` and is not visible.
            Some((_, '\x1b')) => {
                chars.find(|(_, char)| *char == 'm');
            }
            Some(_) => left -= 1,
            None => return "",
        }
    }
    chars.as_str()
}

#[cfg(test)]
mod tests;
