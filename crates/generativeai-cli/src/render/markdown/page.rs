//! Word wrapping with margins and styles.

use nu_ansi_term::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::style::paint;
use crate::render::sanitizer::is_text;

/// Replacement of a tab, whose width would depend on the terminal.
const TAB: &str = "    ";

/// Text that is wrapped at a width.
#[derive(Debug)]
pub(super) struct Page {
    out: String,
    width: usize,
    /// Column of the next character.
    column: usize,
    /// Prefixes of each line: the bars of quotations and the indentation of lists.
    margins: Vec<Margin>,
    /// Whether a blank precedes the next word.
    blank: bool,
    /// The current word, in pieces of one style each.
    word: Vec<(Style, String)>,
    /// Whether the margin of the current line was written.
    begun: bool,
}

/// Prefix of each line.
#[derive(Clone, Debug)]
struct Margin {
    /// Prefix of the next line only: the bullet of a list item.
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

    /// Starts a margin, whose first line may have another prefix of the same width. A margin that would leave less than
    /// half of the width for the text is omitted, so deeply nested text stays readable.
    pub(super) fn begin_margin(&mut self, first: Option<String>, text: String) {
        let width: usize = self.margins.iter().map(|margin| margin.text.width()).sum();
        let fits = (width + text.width()) * 2 <= self.width;
        self.margins.push(Margin {
            first: first.filter(|_| fits),
            text: if fits { text } else { String::new() },
        });
    }

    /// Ends the innermost margin. An item without text still gets its line.
    pub(super) fn end_margin(&mut self) {
        self.end_word();
        self.begin_line();
        self.margins.pop();
    }

    /// Writes the text of a paragraph. A run of whitespace becomes one blank.
    pub(super) fn words(&mut self, text: &str, style: Style) {
        for piece in text.graphemes(true) {
            if piece.chars().all(char::is_whitespace) {
                self.end_word();
                self.blank = true;
                continue;
            }
            // The source was sanitized, but a reference such as `&#27;` becomes an escape character only in the parser.
            let piece: String = piece.chars().filter(|&char| is_text(char)).collect();
            // A line may be broken before and after each ideograph.
            let is_word = piece.chars().next().is_some_and(is_ideograph) && piece.width() == 2;
            if is_word {
                self.end_word();
            }
            match self.word.last_mut() {
                Some((same, text)) if *same == style => text.push_str(&piece),
                _ => self.word.push((style, piece)),
            }
            if is_word {
                self.end_word();
            }
        }
    }

    /// Writes the target of a link after its text, unless they are equal.
    pub(super) fn target(&mut self, target: &str, text: &str, style: Style) {
        let bare = target.strip_prefix("mailto:").unwrap_or(target);
        if !target.is_empty() && text != bare {
            self.words(&format!(" ({target})"), style);
        }
    }

    /// Writes a line without wrapping it.
    pub(super) fn verbatim(&mut self, pieces: &[(Style, &str)]) {
        self.begin_line();
        for &(style, text) in pieces {
            let text = text.replace('\t', TAB);
            let text: String = text
                .chars()
                .filter(|&char| is_text(char) && char != '\n')
                .collect();
            paint(style, &text, &mut self.out);
            self.column += text.width();
        }
    }

    /// Writes a line that contains styles already.
    pub(super) fn styled_line(&mut self, line: &str) {
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

    /// Ends the line and adds an empty one, with its margin.
    pub(super) fn skip_line(&mut self) {
        self.end_line();
        self.end_line();
    }

    /// Returns the text.
    pub(super) fn finish(mut self) -> String {
        self.end_word();
        self.out
    }

    /// Writes the current word, on the next line if it does not fit.
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
            self.write_broken(style, &text);
        }
    }

    /// Writes a piece of a word. A word longer than a line is broken.
    fn write_broken(&mut self, style: Style, text: &str) {
        let mut rest = String::new();
        for piece in text.graphemes(true) {
            let width = piece.width();
            if self.column + width > self.width && self.column > self.margin_width() {
                paint(style, &std::mem::take(&mut rest), &mut self.out);
                self.end_line();
                self.begin_line();
            }
            rest.push_str(piece);
            self.column += width;
        }
        paint(style, &rest, &mut self.out);
    }

    /// Writes the margin, unless the line already has it.
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

    /// Removes trailing blanks of the line, such as that of a margin.
    fn trim(&mut self) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
    }
}

/// Returns whether a character is an ideograph. Ideographs are written without blanks between words, so a line can be
/// broken after each one.
pub(super) fn is_ideograph(char: char) -> bool {
    ('\u{2e80}'..'\u{1f000}').contains(&char)
}

/// Returns the width of the text in columns, without its styles.
pub(super) fn visible_width(text: &str) -> usize {
    visible(text).width()
}

/// Returns the text without its styles.
pub(super) fn visible(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut visible = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        visible.push_str(part.split_once('m').map_or("", |(_, text)| text));
    }
    visible
}
