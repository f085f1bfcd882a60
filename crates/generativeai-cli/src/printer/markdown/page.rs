//! A page: words are set one after the other, and a line that is full is broken between them.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::style::Style;
use crate::printer::clean::is_text;

/// A tab stands for that many blanks.
const TAB: &str = "    ";

/// A page of a width, as far as it is written.
#[derive(Debug)]
pub(super) struct Page {
    out: String,
    width: usize,
    /// Where on the line the next character goes.
    column: usize,
    /// What stands before each line: the bar of a quotation, the indentation of a list.
    margins: Vec<Margin>,
    /// Whether a blank stands before the next word.
    blank: bool,
    /// The word that is being written, in its styles.
    word: Vec<(Style, String)>,
    /// Whether a line was begun, so that its margin is written.
    begun: bool,
}

/// What stands before each line.
#[derive(Clone, Debug)]
struct Margin {
    /// Instead of it once, before the next line: the sign of a list's item.
    first: Option<String>,
    text: String,
}

impl Page {
    pub(super) fn new(width: usize) -> Self {
        Self {
            out: String::new(),
            width: width.max(1),
            column: 0,
            margins: Vec::new(),
            blank: false,
            word: Vec::new(),
            begun: false,
        }
    }

    /// Begins a margin; the first line gets another of the same width. The text must have room: a
    /// margin that leaves less than half of the page is left out.
    pub(super) fn begin_margin(&mut self, first: Option<String>, text: String) {
        let wide: usize = self.margins.iter().map(|margin| margin.text.width()).sum();
        let fits = (wide + text.width()) * 2 <= self.width;
        self.margins.push(Margin {
            first: first.filter(|_| fits),
            text: if fits { text } else { String::new() },
        });
    }

    pub(super) fn end_margin(&mut self) {
        self.end_word();
        self.begin_line();
        self.margins.pop();
    }

    /// Writes text of a paragraph: its words, with one blank wherever it has any.
    pub(super) fn words(&mut self, text: &str, style: Style) {
        for piece in text.graphemes(true) {
            if piece.chars().all(char::is_whitespace) {
                self.end_word();
                self.blank = true;
                continue;
            }
            let piece: String = piece.chars().filter(|&char| is_text(char)).collect();
            // Between ideographs a line can be broken.
            let alone = is_ideograph(&piece);
            if alone {
                self.end_word();
            }
            match self.word.last_mut() {
                Some((same, text)) if *same == style => text.push_str(&piece),
                _ => self.word.push((style, piece)),
            }
            if alone {
                self.end_word();
            }
        }
    }

    /// Writes a line as it is, however long.
    pub(super) fn verbatim(&mut self, pieces: &[(Style, &str)]) {
        self.begin_line();
        for (style, text) in pieces {
            let text = text.replace('\t', TAB);
            let text: String = text
                .chars()
                .filter(|&char| is_text(char) && char != '\n')
                .collect();
            style.write(&text, &mut self.out);
            self.column += text.width();
        }
    }

    /// Writes what was made as lines already, one after the other.
    pub(super) fn line_made(&mut self, line: &str) {
        self.begin_line();
        self.out.push_str(line);
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) {
        self.end_word();
        self.begin_line();
        self.trim();
        self.out.push('\n');
        (self.column, self.begun, self.blank) = (0, false, false);
    }

    /// Leaves a line empty, apart from its margin.
    pub(super) fn skip_line(&mut self) {
        self.end_line();
        self.end_line();
    }

    /// What is written, up to here.
    pub(super) fn finish(mut self) -> String {
        self.end_word();
        self.out
    }

    /// Sets the word that was being written, on the next line if this one is full.
    pub(super) fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.begin_line();
        let word = std::mem::take(&mut self.word);
        let width: usize = word.iter().map(|(_, text)| text.width()).sum();
        let blank = self.blank && self.column > self.margin_width();
        if self.column > self.margin_width()
            && self.column + usize::from(blank) + width > self.width
        {
            self.end_line();
            self.begin_line();
        } else if blank {
            self.out.push(' ');
            self.column += 1;
        }
        self.blank = false;
        for (style, text) in word {
            self.set(style, &text);
        }
    }

    /// Writes a piece of a word, broken where the line ends if it is longer than a line.
    fn set(&mut self, style: Style, text: &str) {
        let mut rest = String::new();
        for piece in text.graphemes(true) {
            let width = piece.width();
            if self.column + width > self.width && self.column > self.margin_width() {
                style.write(&std::mem::take(&mut rest), &mut self.out);
                self.end_line();
                self.begin_line();
            }
            rest.push_str(piece);
            self.column += width;
        }
        style.write(&rest, &mut self.out);
    }

    /// Writes the margin, if the line has none yet.
    fn begin_line(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        for margin in &mut self.margins {
            let text = margin.first.take();
            self.out.push_str(text.as_deref().unwrap_or(&margin.text));
        }
        self.column = self.margin_width();
    }

    fn margin_width(&self) -> usize {
        let width = |margin: &Margin| visible_width(&margin.text);
        self.margins.iter().map(width).sum()
    }

    /// Takes away blanks that end the line.
    fn trim(&mut self) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
    }
}

/// Whether a piece is one of the letters that are written without blanks between words.
fn is_ideograph(piece: &str) -> bool {
    let first = piece.chars().next();
    first.is_some_and(|char| ('\u{2e80}'..'\u{1f000}').contains(&char)) && piece.width() == 2
}

/// How many columns a text takes, styles apart.
pub(super) fn visible_width(text: &str) -> usize {
    visible(text).width()
}

/// A text without the styles that were written into it.
pub(super) fn visible(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut visible = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        visible.push_str(part.split_once('m').map_or("", |(_, text)| text));
    }
    visible
}
