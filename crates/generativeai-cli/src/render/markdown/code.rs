//! Syntax highlighting of code blocks.

use std::sync::LazyLock;

use nu_ansi_term::{Color, Style};
use syntect::easy::ScopeRegionIterator;
use syntect::highlighting::ScopeSelectors;
use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

/// Maximum length of a line that is highlighted, in bytes. Longer lines are usually generated, and slow to highlight.
const MAX_LINE: usize = 1_000;

static SYNTAXES: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);
/// Styles by the scopes that the syntaxes give to a text. The innermost scope decides, but all text of a comment is
/// dimmed. The colors are ANSI colors, which terminals adapt to their background: the themes of syntect have RGB colors,
/// for either dark or light terminals.
static STYLES: LazyLock<Vec<(ScopeSelectors, Style)>> = LazyLock::new(|| {
    let styles = [
        ("comment", Style::new().dimmed()),
        ("string", Color::Green.normal()),
        (
            "constant.numeric, constant.language, constant.character",
            Color::Yellow.normal(),
        ),
        (
            "keyword, storage.modifier, storage.type.function",
            Color::Magenta.normal(),
        ),
        ("keyword.operator", Style::new()),
        (
            "storage.type, support.type, entity.name.type, entity.name.class, entity.name.struct, entity.name.enum, \
             entity.other.inherited-class",
            Color::Cyan.normal(),
        ),
        (
            "entity.name.function, support.function, meta.function-call variable.function",
            Color::Blue.normal(),
        ),
        ("entity.name.tag", Color::Blue.normal()),
        ("entity.other.attribute-name", Color::Cyan.normal()),
        ("markup.inserted", Color::Green.normal()),
        ("markup.deleted, invalid", Color::Red.normal()),
    ];
    let parsed = styles.map(|(scopes, style)| {
        let selectors = scopes.parse();
        let why = "the scopes are constants, covered by a test";
        (selectors.expect(why), style)
    });
    parsed.into()
});

/// A code block that is highlighted while it grows.
///
/// Each piece of a reply renders the whole block again. The highlighted lines are cached, so each is highlighted once.
pub(super) struct Code {
    language: String,
    /// Source of the highlighted lines.
    source: String,
    lines: Vec<Vec<(Style, String)>>,
    /// State of the parser and open scopes after these lines. `None` for an unknown language.
    state: Option<(ParseState, ScopeStack)>,
}

impl Code {
    /// Starts a block of a language, which is given by its name or a file extension.
    pub(super) fn new(language: &str) -> Self {
        let known = SYNTAXES.find_syntax_by_token(alias(language));
        Self {
            language: language.to_owned(),
            source: String::new(),
            lines: Vec::new(),
            state: known.map(|syntax| (ParseState::new(syntax), ScopeStack::new())),
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
        // The syntaxes expect lines with their line feed, which is not drawn.
        let drawn = |piece: &str| piece.trim_end_matches('\n').to_owned();
        let plain = || vec![(Style::new(), drawn(line))];
        let Some((parser, scopes)) = &mut self.state else {
            return plain();
        };
        if line.len() > MAX_LINE {
            return plain();
        }
        let Ok(changes) = parser.parse_line(line, &SYNTAXES) else {
            return plain();
        };
        let mut pieces = Vec::new();
        for (piece, change) in ScopeRegionIterator::new(&changes, line) {
            if scopes.apply(change).is_err() {
                return plain();
            }
            pieces.push((style_of(scopes), drawn(piece)));
        }
        pieces
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

/// Returns the style of a text with these open scopes.
fn style_of(scopes: &ScopeStack) -> Style {
    let matching: Vec<_> = STYLES
        .iter()
        .filter_map(|(selectors, style)| Some((selectors.does_match(scopes.as_slice())?, style)))
        .collect();
    let best = matching.iter().max_by_key(|(power, _)| *power);
    let mut style = best.map_or(Style::new(), |(_, style)| **style);
    style.is_dimmed = matching.iter().any(|(_, style)| style.is_dimmed);
    style
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
        let javadoc = styles("java", "/**\n * @param x why\n */\n");
        let dimmed = |(style, text): &(Style, String)| style.is_dimmed || text.trim().is_empty();
        assert!(javadoc.iter().all(dimmed), "{javadoc:?}");
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
