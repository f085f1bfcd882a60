//! Syntax highlighting of code blocks.

use std::str::FromStr;
use std::sync::LazyLock;

use nu_ansi_term::{Color, Style};
use syntect::easy::HighlightLines;
use syntect::highlighting::{
    self, FontStyle, ScopeSelectors, StyleModifier, Theme, ThemeItem, ThemeSettings,
};
use syntect::parsing::SyntaxSet;

/// Maximum length of a line that is highlighted, in bytes. Longer lines are usually generated, and slow to highlight.
const MAX_LINE: usize = 1_000;

/// Colors of the theme. They are ANSI colors, which terminals adapt to their background.
const COLORS: &[Color] = &[
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
];

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
        let plain = || vec![(Style::new(), line.trim_end_matches('\n').to_owned())];
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
fn style_of(style: highlighting::Style) -> Style {
    let highlighting::Color { r: index, a, .. } = style.foreground;
    Style {
        foreground: (a != 0).then(|| COLORS[usize::from(index)]),
        is_dimmed: style.font_style.contains(FontStyle::ITALIC),
        ..Style::new()
    }
}

/// Returns the theme. One with RGB colors would suit either dark or light terminals.
fn theme() -> Theme {
    let item = |scopes: &str, color: Option<Color>, font_style: Option<FontStyle>| ThemeItem {
        scope: ScopeSelectors::from_str(scopes)
            .expect("the scopes are constants, covered by a test"),
        style: StyleModifier {
            foreground: Some(index(color)),
            background: None,
            font_style,
        },
    };
    let scopes = vec![
        item("comment", None, Some(FontStyle::ITALIC)),
        item("string", Some(Color::Green), None),
        item(
            "constant.numeric, constant.language, constant.character",
            Some(Color::Yellow),
            None,
        ),
        item(
            "keyword, storage.modifier, storage.type.function",
            Some(Color::Magenta),
            None,
        ),
        item("keyword.operator", None, None),
        item(
            "storage.type, support.type, entity.name.type, entity.name.class, entity.name.struct, entity.name.enum, entity.other.inherited-class",
            Some(Color::Cyan),
            None,
        ),
        item(
            "entity.name.function, support.function, meta.function-call variable.function",
            Some(Color::Blue),
            None,
        ),
        item("entity.name.tag", Some(Color::Blue), None),
        item("entity.other.attribute-name", Some(Color::Cyan), None),
        item("markup.inserted", Some(Color::Green), None),
        item("markup.deleted, invalid", Some(Color::Red), None),
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

/// Encodes a color as one of the theme. syntect supports RGB only, so `r` is the index in [`COLORS`], and `a` is 0 for
/// the default color.
fn index(color: Option<Color>) -> highlighting::Color {
    let at = (0..).zip(COLORS).find(|(_, known)| color == Some(**known));
    highlighting::Color {
        r: at.map_or(0, |(at, _)| at),
        g: 0,
        b: 0,
        a: u8::from(at.is_some()),
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
        let color = |text: &str| {
            let found = pieces.iter().find(|(_, piece)| piece.contains(text));
            found.unwrap_or_else(|| panic!("no {text} in {pieces:?}")).0
        };

        assert_eq!(color("fn").foreground, Some(Color::Magenta));
        assert_eq!(color("main").foreground, Some(Color::Blue));
        assert_eq!(color("text").foreground, Some(Color::Green));
        assert_eq!(color("42").foreground, Some(Color::Yellow));
        assert!(color("why").is_dimmed);
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
