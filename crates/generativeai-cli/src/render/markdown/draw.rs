//! Rendering of Markdown blocks, from the events of the parser.

use std::ops::Range;

use nu_ansi_term::{Color, Style};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::code::Code;
use super::page::Page;
use super::style::Layout;
use super::table;

/// Supported extensions of CommonMark.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS);

/// A rendered block, without a final line feed.
pub(super) struct Block {
    /// Start of the block's first line in the source.
    pub(super) start: usize,
    pub(super) output: String,
}

/// Renders a source. Returns its top-level blocks. `codes` caches the highlighted code of the last block between calls.
pub(super) fn draw(text: &str, layout: Layout, codes: &mut Vec<Code>) -> Vec<Block> {
    let events: Vec<_> = Parser::new_ext(text, OPTIONS).into_offset_iter().collect();
    let (mut blocks, mut depth, mut begin, mut code) = (Vec::new(), 0_usize, 0, 0);
    for (at, (event, _)) in events.iter().enumerate() {
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            _ => {}
        }
        if depth > 0 {
            continue;
        }
        let start = events[begin].1.start;
        let mut renderer = Renderer {
            text,
            layout,
            shows_delimiters: !layout.styled,
            page: Page::new(layout.width),
            codes,
            code,
            containers: Vec::new(),
            previous: Previous::Nothing,
            styles: vec![Style::new()],
            links: Vec::new(),
        };
        renderer.events(&events[begin..=at]);
        code = renderer.code;
        // The range of an event begins after the indentation of its line, which belongs to the block as well.
        blocks.push(Block {
            start: text[..start].rfind('\n').map_or(0, |line| line + 1),
            output: renderer.page.finish(),
        });
        begin = at + 1;
    }
    blocks
}

/// A block that contains other blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Container {
    Quote,
    /// A list, with the number of its next item if it is ordered.
    List(Option<u64>),
    Item,
}

/// The previous block in the same container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Previous {
    Nothing,
    Paragraph,
    Other,
}

/// Renderer of one top-level block.
struct Renderer<'a, 'c> {
    text: &'a str,
    layout: Layout,
    /// Whether Markdown delimiters are shown. Not in a table, whose columns are narrow.
    shows_delimiters: bool,
    page: Page,
    codes: &'c mut Vec<Code>,
    /// Index of the next code block.
    code: usize,
    /// Open containers, the innermost last.
    containers: Vec<Container>,
    previous: Previous,
    /// Styles of the open elements, the current one last.
    styles: Vec<Style>,
    /// Target and text so far of each open link.
    links: Vec<(String, String)>,
}

impl<'a> Renderer<'a, '_> {
    /// Renders events. Those within code blocks and tables are rendered together: both need all of their content.
    fn events(&mut self, events: &[(Event<'a>, Range<usize>)]) {
        let mut at = 0;
        while let Some((event, range)) = events.get(at) {
            at += 1;
            let rest = &events[at..];
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let inner = until(rest, &TagEnd::CodeBlock);
                    self.code(kind, range.clone(), &rest[..inner]);
                    at += inner + 1;
                }
                Event::Start(Tag::Table(alignments)) => {
                    let inner = until(rest, &TagEnd::Table);
                    self.block(Previous::Other);
                    let width = self.layout.width;
                    let write = |page, cell: &_, is_header| self.cell(page, cell, is_header);
                    let lines = table::lines(alignments, &rest[..inner], width, &write);
                    for (number, line) in lines.iter().enumerate() {
                        if number > 0 {
                            self.page.end_line();
                        }
                        self.page.styled_line(line);
                    }
                    at += inner + 1;
                }
                Event::Start(tag) => self.start(tag),
                Event::End(tag) => self.end(tag),
                event => self.inline(event),
            }
        }
    }

    /// Writes the content of a table cell.
    fn cell(&self, page: Page, cell: &[(Event<'a>, Range<usize>)], is_header: bool) -> Page {
        let mut renderer = Renderer {
            shows_delimiters: false,
            page,
            codes: &mut Vec::new(),
            containers: Vec::new(),
            previous: Previous::Paragraph,
            styles: vec![Style {
                is_bold: is_header && self.layout.styled,
                ..Style::new()
            }],
            links: Vec::new(),
            ..*self
        };
        renderer.events(cell);
        renderer.page
    }

    /// Starts a block on a new line, in most cases after an empty line.
    fn block(&mut self, kind: Previous) {
        let in_item = matches!(self.containers.last(), Some(Container::Item));
        match (self.previous, kind) {
            (Previous::Nothing, _) => {}
            (Previous::Paragraph, Previous::Paragraph) => self.page.skip_line(),
            _ if in_item => self.page.end_line(),
            _ => self.page.skip_line(),
        }
        self.previous = kind;
    }

    fn start(&mut self, tag: &Tag<'a>) {
        match tag {
            Tag::Paragraph => self.block(Previous::Paragraph),
            Tag::Heading { level, .. } => {
                self.block(Previous::Other);
                self.begin_style(|style| match level {
                    HeadingLevel::H1 => style.bold().underline(),
                    _ => style.bold(),
                });
                self.delimiter(&format!("{} ", "#".repeat(*level as usize)));
            }
            Tag::BlockQuote(_) => {
                self.block(Previous::Other);
                let bar = if self.layout.styled { "│ " } else { "> " };
                self.page.begin_margin(None, bar.to_owned());
                self.begin(Container::Quote);
            }
            Tag::List(first) => {
                self.block(Previous::Other);
                self.begin(Container::List(*first));
            }
            Tag::Item => self.item(),
            Tag::HtmlBlock => self.block(Previous::Other),
            Tag::Emphasis => self.begin_delimited("*", Style::italic),
            Tag::Strong => self.begin_delimited("**", Style::bold),
            Tag::Strikethrough => self.begin_delimited("~~", Style::strikethrough),
            Tag::Link { dest_url, .. } => {
                self.links.push((dest_url.to_string(), String::new()));
                self.begin_style(Style::underline);
            }
            Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.to_string(), String::new()));
                self.begin_style(|style| *style);
                self.words("[image: ");
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: &TagEnd) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.page.end_margin();
                self.containers.pop();
                self.previous = Previous::Other;
            }
            TagEnd::List(_) => {
                self.containers.pop();
                self.previous = Previous::Other;
            }
            TagEnd::Heading(_) => self.end_style(),
            TagEnd::Emphasis => self.end_delimited("*"),
            TagEnd::Strong => self.end_delimited("**"),
            TagEnd::Strikethrough => self.end_delimited("~~"),
            TagEnd::Link => {
                self.end_style();
                self.target();
            }
            TagEnd::Image => {
                self.words("]");
                self.end_style();
                self.target();
            }
            _ => {}
        }
    }

    fn inline(&mut self, event: &Event<'a>) {
        if self.previous == Previous::Nothing && *event != Event::Rule {
            // An item of a tight list contains text without a paragraph around it.
            self.previous = Previous::Paragraph;
        }
        match event {
            Event::Text(text) => self.words(text),
            Event::Code(code) => {
                let mut style = self.style();
                if self.layout.styled {
                    style.foreground = Some(Color::Cyan);
                }
                let ticks = if self.shows_delimiters { "`" } else { "" };
                self.page.words(&format!("{ticks}{code}{ticks}"), style);
                self.add_to_link(code);
            }
            Event::InlineHtml(html) if html.starts_with("<br") => self.page.end_line(),
            Event::InlineHtml(html) => self.words(html),
            Event::Html(html) => {
                for line in html.lines() {
                    if self.previous == Previous::Paragraph {
                        self.page.end_line();
                    }
                    self.page.verbatim(&[(Style::new(), line)]);
                    self.previous = Previous::Paragraph;
                }
            }
            Event::SoftBreak => self.words(" "),
            Event::HardBreak => self.page.end_line(),
            Event::TaskListMarker(done) => self.words(if *done { "[x] " } else { "[ ] " }),
            Event::Rule => {
                self.block(Previous::Other);
                let rule = "─".repeat(self.layout.width.min(40));
                self.page.verbatim(&[(self.dim(), &rule)]);
            }
            _ => {}
        }
    }

    /// Starts an item of a list, with its number or bullet.
    fn item(&mut self) {
        let in_list = matches!(self.containers.last(), Some(Container::List(_)));
        if self.previous == Previous::Other && in_list {
            self.page.end_line();
        }
        let lists = self
            .containers
            .iter()
            .filter(|container| matches!(container, Container::List(_)));
        let depth = lists.count();
        let bullet = match self.containers.last_mut() {
            Some(Container::List(Some(number))) => {
                let bullet = format!("{number}. ");
                *number = number.saturating_add(1);
                bullet
            }
            _ => ["• ", "◦ ", "▪ "][depth.saturating_sub(1) % 3].to_owned(),
        };
        let indent = " ".repeat(super::page::visible_width(&bullet));
        self.page.begin_margin(Some(bullet), indent);
        self.begin(Container::Item);
    }

    fn begin(&mut self, container: Container) {
        self.containers.push(container);
        self.previous = Previous::Nothing;
    }

    /// Renders a code block without wrapping, so that code can be copied. The closing fence is rendered once the source
    /// contains it.
    fn code(
        &mut self,
        kind: &CodeBlockKind<'a>,
        range: Range<usize>,
        inner: &[(Event<'a>, Range<usize>)],
    ) {
        self.block(Previous::Other);
        let source: String = inner.iter().map(|(event, _)| text_of(event)).collect();
        let CodeBlockKind::Fenced(about) = kind else {
            for (number, line) in source.lines().enumerate() {
                if number > 0 {
                    self.page.end_line();
                }
                self.page
                    .verbatim(&[(Style::new(), &format!("    {line}"))]);
            }
            return;
        };
        // Attributes may follow the language, as in `rust,ignore`.
        let language = about.split([' ', ',', '{']).next().unwrap_or_default();
        self.page
            .verbatim(&[(self.dim(), &format!("```{language}"))]);
        let at = self.code;
        self.code += 1;
        let language = if self.layout.styled { language } else { "" };
        if !self
            .codes
            .get(at)
            .is_some_and(|code| code.is_start_of(language, &source))
        {
            self.codes.truncate(at);
            self.codes.push(Code::new(language));
        }
        for line in self.codes[at].grow(&source) {
            self.page.end_line();
            let pieces: Vec<_> = line
                .iter()
                .map(|(style, text)| (*style, text.as_str()))
                .collect();
            self.page.verbatim(&pieces);
        }
        if is_closed(&self.text[range]) {
            self.page.end_line();
            self.page.verbatim(&[(self.dim(), "```")]);
        }
    }

    fn words(&mut self, text: &str) {
        self.page.words(text, self.style());
        self.add_to_link(text);
    }

    /// Adds text to the innermost open link.
    fn add_to_link(&mut self, text: &str) {
        if let Some((_, label)) = self.links.last_mut() {
            label.push_str(text);
        }
    }

    /// Writes the target of the innermost open link, which ends.
    fn target(&mut self) {
        if let Some((target, label)) = self.links.pop() {
            let style = Style {
                is_dimmed: self.layout.styled,
                ..self.style()
            };
            self.page.target(&target, &label, style);
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn dim(&self) -> Style {
        if self.layout.styled {
            Style::new().dimmed()
        } else {
            Style::new()
        }
    }

    fn begin_style(&mut self, change: impl FnOnce(&Style) -> Style) {
        let style = self.style();
        self.styles.push(match self.layout.styled {
            true => change(&style),
            false => style,
        });
    }

    fn end_style(&mut self) {
        self.styles.pop();
    }

    /// Writes a Markdown delimiter, if styles are off.
    fn delimiter(&mut self, delimiter: &str) {
        if self.shows_delimiters {
            self.page.words(delimiter, Style::new());
        }
    }

    fn begin_delimited(&mut self, delimiter: &str, change: impl FnOnce(&Style) -> Style) {
        if self.previous == Previous::Nothing {
            self.previous = Previous::Paragraph;
        }
        self.begin_style(change);
        self.delimiter(delimiter);
    }

    fn end_delimited(&mut self, delimiter: &str) {
        self.end_style();
        self.delimiter(delimiter);
    }
}

/// Returns the index of the event that ends a tag.
fn until(events: &[(Event<'_>, Range<usize>)], end: &TagEnd) -> usize {
    let at = events
        .iter()
        .position(|(event, _)| matches!(event, Event::End(tag) if tag == end));
    at.unwrap_or(events.len())
}

/// Returns the text of an event in a code block.
fn text_of<'e>(event: &'e Event<'_>) -> &'e str {
    match event {
        Event::Text(text) => text,
        _ => "",
    }
}

/// Returns whether a code block has its closing fence. The parser ends a block at the end of the source as well.
fn is_closed(block: &str) -> bool {
    let mut lines = block.lines();
    let open = lines.next().unwrap_or_default().trim_start();
    let fence_char = open.chars().next().unwrap_or('`');
    let length = open.chars().take_while(|char| *char == fence_char).count();
    // In a list or a quotation, margins precede the fence.
    let last = lines.last().unwrap_or_default().trim_end();
    let fence = last
        .chars()
        .rev()
        .take_while(|char| *char == fence_char)
        .count();
    fence >= length.max(3)
        && last
            .trim_end_matches(fence_char)
            .chars()
            .all(|char| " >\t".contains(char))
}
