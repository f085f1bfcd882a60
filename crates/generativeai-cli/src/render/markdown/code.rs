//! Syntax highlighting of code blocks.

use std::str::FromStr;
use std::sync::LazyLock;

use syntect::easy::HighlightLines;
use syntect::highlighting::{
    Color, FontStyle, ScopeSelectors, StyleModifier, Theme, ThemeItem, ThemeSettings,
};
use syntect::parsing::SyntaxSet;

use super::style::{BLUE, CYAN, GREEN, MAGENTA, RED, Style, YELLOW};

/// Maximum length of a line that is highlighted, in bytes. Longer lines are usually generated, and slow to highlight.
const MAX_LINE: usize = 1_000;

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);
static THEME: LazyLock<Theme> = LazyLock::new(theme);

/// A code block that is highlighted while it grows.
///
/// Each piece of a reply renders the whole block again. The highlighted lines are cached, so each is highlighted once.
pub(super) struct Code {
    language: String,
    /// Source of the highlighted lines.
    source: String,
    lines: Vec<Vec<(Style, String)>>,
    /// State of the highlighter after these lines. `None` for an unknown language.
    state: Option<HighlightLines<'static>>,
}

impl Code {
    /// Starts a block of a language, which is given by its name or a file extension.
    pub(super) fn new(language: &str) -> Self {
        let known = SYNTAXES.find_syntax_by_token(alias(language));
        Self {
            language: language.to_owned(),
            source: String::new(),
            lines: Vec::new(),
            state: known.map(|syntax| HighlightLines::new(syntax, &THEME)),
        }
    }

    /// Returns whether a block continues this one, so that its cached lines can be used.
    pub(super) fn is_start_of(&self, language: &str, source: &str) -> bool {
        self.language == language && source.starts_with(&self.source)
    }

    /// Highlights the new lines of a source that starts with the earlier one, and returns all lines.
    pub(super) fn grow(&mut self, source: &str) -> &[Vec<(Style, String)>] {
        // A line is highlighted once, so it must be whole. `cut` divides code only at the start of a line.
        for line in source[self.source.len()..].split_inclusive('\n') {
            self.source.push_str(line);
            let line = self.highlight(line);
            self.lines.push(line);
        }
        &self.lines
    }

    fn highlight(&mut self, line: &str) -> Vec<(Style, String)> {
        let plain = || vec![(Style::plain(), line.trim_end_matches('\n').to_owned())];
        if line.len() > MAX_LINE {
            return plain();
        }
        let Some(state) = &mut self.state else {
            return plain();
        };
        // The syntaxes expect lines with their line feed, which is not drawn.
        let Ok(pieces) = state.highlight_line(line, &SYNTAXES) else {
            return plain();
        };
        pieces
            .into_iter()
            .map(|(style, text)| (style_of(style), text.trim_end_matches('\n').to_owned()))
            .collect()
    }
}

/// Maps language names that models use to the names of the syntax definitions. A language without a definition, such as
/// Kotlin, is mapped to a similar one.
fn alias(language: &str) -> &str {
    match language.to_ascii_lowercase().as_str() {
        "typescript" | "ts" | "jsx" | "tsx" | "javascript" | "node" => "js",
        "shell" | "console" | "zsh" | "fish" => "sh",
        "python3" | "py3" => "py",
        "golang" => "go",
        "c++" | "cc" => "cpp",
        "kotlin" | "kt" => "java",
        "jsonc" | "json5" | "jsonl" => "json",
        _ => language,
    }
}

/// Converts a style of the theme. Its italics mark comments, which are shown dim.
fn style_of(style: syntect::highlighting::Style) -> Style {
    let Color { r: colour, a, .. } = style.foreground;
    Style {
        colour: (a != 0).then_some(colour),
        dim: style.font_style.contains(FontStyle::ITALIC),
        ..Style::plain()
    }
}

/// Returns the theme. It uses the ANSI colours, which terminals adapt to their background; a theme with RGB colours
/// would suit either dark or light terminals.
fn theme() -> Theme {
    let item = |scopes: &str, colour: Option<u8>, font_style: Option<FontStyle>| ThemeItem {
        scope: ScopeSelectors::from_str(scopes)
            .expect("the scopes are constants, covered by a test"),
        style: StyleModifier {
            foreground: Some(index(colour)),
            background: None,
            font_style,
        },
    };
    let scopes = vec![
        item("comment", None, Some(FontStyle::ITALIC)),
        item("string", Some(GREEN), None),
        item(
            "constant.numeric, constant.language, constant.character",
            Some(YELLOW),
            None,
        ),
        item(
            "keyword, storage.modifier, storage.type.function",
            Some(MAGENTA),
            None,
        ),
        item("keyword.operator", None, None),
        item(
            "storage.type, support.type, entity.name.type, entity.name.class, entity.name.struct, entity.name.enum, entity.other.inherited-class",
            Some(CYAN),
            None,
        ),
        item(
            "entity.name.function, support.function, meta.function-call variable.function",
            Some(BLUE),
            None,
        ),
        item("entity.name.tag", Some(BLUE), None),
        item("entity.other.attribute-name", Some(CYAN), None),
        item("markup.inserted", Some(GREEN), None),
        item("markup.deleted, invalid", Some(RED), None),
    ];
    Theme {
        settings: ThemeSettings {
            foreground: Some(index(None)),
            ..ThemeSettings::default()
        },
        scopes,
        ..Theme::default()
    }
}

/// Encodes an ANSI colour, or the default colour, as a colour of the theme. syntect supports RGB only, so `r` is the
/// number of the colour and `a` is 0 for the default.
fn index(colour: Option<u8>) -> Color {
    Color {
        r: colour.unwrap_or_default(),
        g: 0,
        b: 0,
        a: u8::from(colour.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn styles(language: &str, source: &str) -> Vec<(Style, String)> {
        Code::new(language).grow(source).concat()
    }

    #[test]
    fn code_is_highlighted_by_its_syntax() {
        let pieces = styles("rust", "fn main() { \"text\"; 42 } // why\n");
        let colour = |text: &str| {
            let found = pieces.iter().find(|(_, piece)| piece.contains(text));
            found.unwrap_or_else(|| panic!("no {text} in {pieces:?}")).0
        };

        assert_eq!(colour("fn").colour, Some(MAGENTA));
        assert_eq!(colour("main").colour, Some(BLUE));
        assert_eq!(colour("text").colour, Some(GREEN));
        assert_eq!(colour("42").colour, Some(YELLOW));
        assert!(colour("why").dim);
    }

    #[test]
    fn highlighting_does_not_change_the_text() {
        let source = "def f(x):\n\treturn x * 2  \n\n\nprint(f(1))\n";
        for language in ["python", "rust", "html", "nonsense", ""] {
            let mut code = Code::new(language);
            let text = |lines: &[Vec<(Style, String)>]| -> String {
                let line = |line: &Vec<(Style, String)>| -> String {
                    line.iter()
                        .map(|(_, text)| text.as_str())
                        .chain(["\n"])
                        .collect()
                };
                lines.iter().map(line).collect()
            };
            assert_eq!(text(code.grow(&source[..10])), source[..10]);
            assert!(code.is_start_of(language, source));
            assert_eq!(text(code.grow(source)), source, "{language}");
        }
    }
}
