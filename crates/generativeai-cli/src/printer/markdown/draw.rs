//! Blocks of Markdown as they are drawn.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::code::Code;
use super::page::Page;
use super::style::{CYAN, Style};
use super::table;

/// What is understood beside the standard.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS);

/// How an answer is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// How many columns there are.
    pub(crate) width: usize,
    /// Whether there are styles and colours; else the signs stand for them.
    pub(crate) styled: bool,
}

/// A block as it is drawn, without an end of its last line.
pub(super) struct Block {
    /// Where the line begins in which the block begins.
    pub(super) start: usize,
    pub(super) drawing: String,
}

/// Where a text defines where a link leads, for the first time.
pub(super) fn definition(text: &str) -> Option<usize> {
    let parser = Parser::new_ext(text, OPTIONS);
    let definitions = parser.reference_definitions().iter();
    definitions
        .map(|(_, definition)| definition.span.start)
        .min()
}

/// Draws a text, block by block.
pub(super) fn draw(text: &str, look: Look, codes: &mut Vec<Code>) -> Vec<Block> {
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
        let mut draw = Draw {
            text,
            look,
            page: Page::new(look.width),
            codes,
            code,
            within: Vec::new(),
            before: Before::Nothing,
            styles: vec![Style::plain()],
            links: Vec::new(),
        };
        draw.events(&events[begin..=at]);
        code = draw.code;
        blocks.push(Block {
            start: text[..start].rfind('\n').map_or(0, |line| line + 1),
            drawing: draw.page.finish(),
        });
        begin = at + 1;
    }
    blocks
}

/// What a block stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Within {
    Quote,
    /// A list, and the number of its next item, if they are counted.
    List(Option<u64>),
    Item,
}

/// What stands before a block, in what it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Paragraph,
    Other,
}

struct Draw<'a, 'c> {
    text: &'a str,
    look: Look,
    page: Page,
    codes: &'c mut Vec<Code>,
    /// Which of the codes comes next.
    code: usize,
    within: Vec<Within>,
    before: Before,
    styles: Vec<Style>,
    /// Where the links go that are open, and what they say so far.
    links: Vec<(String, String)>,
}

impl<'a> Draw<'a, '_> {
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
                    self.block(Before::Other);
                    let lines = table::lines(alignments, &rest[..inner], self.look);
                    for (number, line) in lines.iter().enumerate() {
                        if number > 0 {
                            self.page.end_line();
                        }
                        self.page.line_made(line);
                    }
                    at += inner + 1;
                }
                Event::Start(tag) => self.start(tag),
                Event::End(tag) => self.end(tag),
                event => self.inline(event),
            }
        }
    }

    /// Begins a block: on a line of its own, and mostly after an empty one.
    fn block(&mut self, kind: Before) {
        let in_item = matches!(self.within.last(), Some(Within::Item));
        match (self.before, kind) {
            (Before::Nothing, _) => {}
            (Before::Paragraph, Before::Paragraph) => self.page.skip_line(),
            _ if in_item => self.page.end_line(),
            _ => self.page.skip_line(),
        }
        self.before = kind;
    }

    fn start(&mut self, tag: &Tag<'a>) {
        match tag {
            Tag::Paragraph => self.block(Before::Paragraph),
            Tag::Heading { level, .. } => {
                self.block(Before::Other);
                self.begin_style(|style| {
                    style.bold = true;
                    style.underline = *level == HeadingLevel::H1;
                });
                self.sign(&format!("{} ", "#".repeat(*level as usize)));
            }
            Tag::BlockQuote(_) => {
                self.block(Before::Other);
                let bar = self.sign_or("│ ", "> ");
                self.page.begin_margin(None, bar);
                self.begin(Within::Quote);
            }
            Tag::List(first) => {
                self.block(Before::Other);
                self.begin(Within::List(*first));
            }
            Tag::Item => self.item(),
            Tag::HtmlBlock => self.block(Before::Other),
            Tag::Emphasis => self.begin_sign("*", |style| style.italic = true),
            Tag::Strong => self.begin_sign("**", |style| style.bold = true),
            Tag::Strikethrough => self.begin_sign("~~", |style| style.strike = true),
            Tag::Link { dest_url, .. } => {
                self.links.push((dest_url.to_string(), String::new()));
                self.begin_style(|style| style.underline = true);
            }
            Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.to_string(), String::new()));
                self.begin_style(|_| {});
                self.words("[image: ");
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: &TagEnd) {
        match tag {
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.page.end_margin();
                self.within.pop();
                self.before = Before::Other;
            }
            TagEnd::List(_) => {
                self.within.pop();
                self.before = Before::Other;
            }
            TagEnd::Heading(_) => self.end_style(),
            TagEnd::Emphasis => self.end_sign("*"),
            TagEnd::Strong => self.end_sign("**"),
            TagEnd::Strikethrough => self.end_sign("~~"),
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
        if self.before == Before::Nothing && *event != Event::Rule {
            // The text of an item whose list has no empty lines.
            self.before = Before::Paragraph;
        }
        match event {
            Event::Text(text) => self.words(text),
            Event::Code(code) => {
                let style = Style {
                    colour: Some(CYAN),
                    ..self.style()
                };
                let ticks = if self.look.styled { "" } else { "`" };
                let style = if self.look.styled {
                    style
                } else {
                    self.style()
                };
                self.page.words(&format!("{ticks}{code}{ticks}"), style);
                self.heard(code);
            }
            Event::InlineHtml(html) if html.starts_with("<br") => self.page.end_line(),
            Event::InlineHtml(html) => self.words(html),
            Event::Html(html) => {
                for line in html.lines() {
                    if self.before == Before::Paragraph {
                        self.page.end_line();
                    }
                    self.page.verbatim(&[(Style::plain(), line)]);
                    self.before = Before::Paragraph;
                }
            }
            Event::SoftBreak => self.words(" "),
            Event::HardBreak => self.page.end_line(),
            Event::TaskListMarker(done) => self.words(if *done { "[x] " } else { "[ ] " }),
            Event::Rule => {
                self.block(Before::Other);
                let rule = "─".repeat(self.look.width.min(40));
                self.page.verbatim(&[(self.dim(), &rule)]);
            }
            _ => {}
        }
    }

    fn item(&mut self) {
        let in_list = matches!(self.within.last(), Some(Within::List(_)));
        if self.before == Before::Other && in_list {
            self.page.end_line();
        }
        let lists = self
            .within
            .iter()
            .filter(|within| matches!(within, Within::List(_)));
        let depth = lists.count();
        let sign = match self.within.last_mut() {
            Some(Within::List(Some(number))) => {
                let sign = format!("{number}. ");
                *number = number.saturating_add(1);
                sign
            }
            _ => ["• ", "◦ ", "▪ "][depth.saturating_sub(1) % 3].to_owned(),
        };
        let indent = " ".repeat(super::page::visible_width(&sign));
        self.page.begin_margin(Some(sign), indent);
        self.begin(Within::Item);
    }

    fn begin(&mut self, within: Within) {
        self.within.push(within);
        self.before = Before::Nothing;
    }

    /// Draws a code between fences, line by line as it is. The last fence comes when it came.
    fn code(
        &mut self,
        kind: &CodeBlockKind<'a>,
        range: Range<usize>,
        inner: &[(Event<'a>, Range<usize>)],
    ) {
        self.block(Before::Other);
        let source: String = inner.iter().map(|(event, _)| text_of(event)).collect();
        let CodeBlockKind::Fenced(about) = kind else {
            for (number, line) in source.lines().enumerate() {
                if number > 0 {
                    self.page.end_line();
                }
                self.page
                    .verbatim(&[(Style::plain(), &format!("    {line}"))]);
            }
            return;
        };
        let language = about.split([' ', ',', '{']).next().unwrap_or_default();
        self.page
            .verbatim(&[(self.dim(), &format!("```{language}"))]);
        let at = self.code;
        self.code += 1;
        let language = if self.look.styled { language } else { "" };
        if !self
            .codes
            .get(at)
            .is_some_and(|code| code.begins(language, &source))
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
        self.heard(text);
    }

    /// Notes what a link says.
    fn heard(&mut self, text: &str) {
        if let Some((_, says)) = self.links.last_mut() {
            says.push_str(text);
        }
    }

    /// Tells where a link goes, unless it says so itself.
    fn target(&mut self) {
        let Some((target, says)) = self.links.pop() else {
            return;
        };
        let bare = target.strip_prefix("mailto:").unwrap_or(&target);
        if !target.is_empty() && says != bare {
            let style = Style {
                dim: self.look.styled,
                ..self.style()
            };
            self.page.words(&format!(" ({target})"), style);
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn dim(&self) -> Style {
        if self.look.styled {
            Style::DIM
        } else {
            Style::plain()
        }
    }

    fn begin_style(&mut self, change: impl FnOnce(&mut Style)) {
        let mut style = self.style();
        if self.look.styled {
            change(&mut style);
        }
        self.styles.push(style);
    }

    fn end_style(&mut self) {
        self.styles.pop();
    }

    /// Writes a sign that stands for a style where there are none.
    fn sign(&mut self, sign: &str) {
        if !self.look.styled {
            self.page.words(sign, Style::plain());
        }
    }

    fn sign_or(&self, styled: &str, plain: &str) -> String {
        (if self.look.styled { styled } else { plain }).to_owned()
    }

    fn begin_sign(&mut self, sign: &str, change: impl FnOnce(&mut Style)) {
        if self.before == Before::Nothing {
            self.before = Before::Paragraph;
        }
        self.begin_style(change);
        self.sign(sign);
    }

    fn end_sign(&mut self, sign: &str) {
        self.end_style();
        self.sign(sign);
    }
}

/// Where something ends.
fn until(events: &[(Event<'_>, Range<usize>)], end: &TagEnd) -> usize {
    let at = events
        .iter()
        .position(|(event, _)| matches!(event, Event::End(tag) if tag == end));
    at.unwrap_or(events.len())
}

/// The text of an event within a code.
fn text_of<'e>(event: &'e Event<'_>) -> &'e str {
    match event {
        Event::Text(text) => text,
        _ => "",
    }
}

/// Whether a fenced code has its last fence.
fn is_closed(block: &str) -> bool {
    let mut lines = block.lines();
    let open = lines.next().unwrap_or_default().trim_start();
    let sign = open.chars().next().unwrap_or('`');
    let length = open.chars().take_while(|char| *char == sign).count();
    // In a list or a quotation something stands before the fence.
    let last = lines.last().unwrap_or_default().trim_end();
    let fence = last.chars().rev().take_while(|char| *char == sign).count();
    fence >= length.max(3)
        && last
            .trim_end_matches(sign)
            .chars()
            .all(|char| " >\t".contains(char))
}
