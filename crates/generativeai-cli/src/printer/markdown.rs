//! Markdown drawn while it comes: what is drawn stays, and what comes is added.
//!
//! The blocks that are over are forgotten. Of the last one everything is drawn that nothing to come
//! can change: whole words, but none behind the sign of a style that is still open.

mod code;
mod cut;
mod draw;
mod page;
mod style;
mod table;

use std::fmt;

use code::Code;
use cut::Cut;
pub(super) use draw::Look;
use page::Page;
use style::Style;

/// A block that is longer, in bytes, is taken to be over.
const LONGEST: usize = 64 << 10;

/// An answer in Markdown, which comes in pieces.
pub(super) struct Markdown {
    look: Look,
    /// The text from the beginning of the last block.
    open: String,
    /// What is drawn of the last block.
    shown: String,
    /// Whether anything is drawn.
    begun: bool,
    /// The code in the last block, coloured as far as it came.
    codes: Vec<Code>,
}

impl fmt::Debug for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Markdown")
            .field("look", &self.look)
            .finish_non_exhaustive()
    }
}

impl Markdown {
    /// Begins an answer.
    pub(super) fn new(look: Look) -> Self {
        Self {
            look,
            open: String::new(),
            shown: String::new(),
            begun: false,
            codes: Vec::new(),
        }
    }

    /// Takes the next piece, and gives what is to be drawn now.
    pub(super) fn push(&mut self, piece: &str) -> String {
        self.open.push_str(piece);
        if !piece.chars().any(cut::may_end_a_word) {
            return String::new();
        }
        self.show_definitions(self.open.len());
        if self.open.len() > LONGEST {
            let drawn = self.draw(self.open.len());
            self.open.clear();
            self.shown.clear();
            return drawn;
        }
        loop {
            match cut::cut(&self.open) {
                Cut::At(end) => return self.draw(end),
                Cut::Literal(at) => self.open.insert(at, '\\'),
            }
        }
    }

    /// Ends the answer, and gives what is still to be drawn.
    pub(super) fn end(&mut self) -> String {
        let drawn = self.draw(self.open.len());
        *self = Self::new(self.look);
        drawn
    }

    /// Sets how wide the blocks to come are.
    pub(super) fn set_width(&mut self, width: usize) {
        if self.shown.is_empty() {
            self.look.width = width;
        }
    }

    /// Lets definitions of links up to a place be text, which they look like until they are whole: nobody
    /// would see where the links lead. Gives that place, which has moved.
    fn show_definitions(&mut self, mut end: usize) -> usize {
        while self.open[..end].contains("]:")
            && let Some(at) = draw::definition(&self.open[..end])
        {
            self.open.insert(at, '\\');
            end += 1;
        }
        end
    }

    /// Draws up to a place what is not drawn yet.
    fn draw(&mut self, end: usize) -> String {
        let end = self.show_definitions(end);
        let mut new = String::new();
        let blocks = draw::draw(&self.open[..end], self.look, &mut self.codes);
        let over = blocks.len().saturating_sub(1);
        for (at, block) in blocks.iter().enumerate() {
            if self.shown.is_empty() && !block.drawing.is_empty() && self.begun {
                new.push_str("\n\n");
            }
            self.begun |= !block.drawing.is_empty();
            new.push_str(rest(&block.drawing, &self.shown));
            if at < over {
                self.shown.clear();
            } else if block.drawing.len() > self.shown.len() {
                self.shown.clone_from(&block.drawing);
            }
        }
        if over > 0 {
            self.open.drain(..blocks[over].start);
            self.codes.clear();
        }
        new
    }
}

/// A line of plain text in as many lines as it needs.
pub(super) fn wrapped(line: &str, width: usize) -> String {
    if page::visible_width(line) <= width {
        return line.to_owned();
    }
    let mut page = Page::new(width);
    page.words(line, Style::plain());
    page.finish()
}

/// What a drawing has beyond what is shown of it. If what came changed what is shown, that stays as
/// it is: so much text is passed over.
fn rest<'a>(drawing: &'a str, shown: &str) -> &'a str {
    if let Some(rest) = drawing.strip_prefix(shown) {
        return rest;
    }
    let mut left = page::visible(shown).chars().count();
    let mut chars = drawing.char_indices();
    while left > 0 {
        match chars.next() {
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
