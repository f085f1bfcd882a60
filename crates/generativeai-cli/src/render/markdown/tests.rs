//! Rendering of text, whole and in pieces.

use super::*;

const PLAIN: Layout = Layout {
    width: 40,
    styled: false,
};
const STYLED: Layout = Layout {
    width: 40,
    styled: true,
};

/// Renders the text in one piece, split in two at every position, and character by character. All must agree.
fn rendered(text: &str, layout: Layout) -> String {
    let whole = in_pieces([text], layout);
    for (at, _) in text.char_indices() {
        let (head, tail) = text.split_at(at);
        assert_eq!(in_pieces([head, tail], layout), whole, "split at {at}");
    }
    let single: Vec<String> = text.chars().map(String::from).collect();
    let single = single.iter().map(String::as_str);
    assert_eq!(in_pieces(single, layout), whole, "split everywhere");
    whole
}

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a str>, layout: Layout) -> String {
    let mut markdown = Markdown::new(layout);
    let rendered: String = pieces
        .into_iter()
        .map(|piece| markdown.push(piece))
        .collect();
    rendered + &markdown.end()
}

#[test]
fn words_are_wrapped_at_the_width() {
    let text =
        "Ben Nevis is the highest mountain in Scotland, the United Kingdom\nand the British Isles.";

    assert_eq!(
        rendered(text, PLAIN),
        "Ben Nevis is the highest mountain in\nScotland, the United Kingdom and the\nBritish Isles."
    );
}

#[test]
fn styles_are_set_and_reset() {
    assert_eq!(
        rendered("a **bold** and *it* `x y` ~~no~~", STYLED),
        "a \x1b[1mbold\x1b[0m and \x1b[3mit\x1b[0m \x1b[36mx\x1b[0m \x1b[36my\x1b[0m \x1b[9mno\x1b[0m"
    );
    assert_eq!(
        rendered("a **bold** and *it* `x y` ~~no~~", PLAIN),
        "a **bold** and *it* `x y` ~~no~~"
    );
}

#[test]
fn link_reference_definitions_are_shown() {
    let text = "See [docs][1].\n\n[1]: http://a.b/c\n[2]:\nhttp://d.e\n\nA note[^1] here.\n\n[^1]: The note.";

    assert_eq!(
        rendered(text, PLAIN),
        "See [docs][1].\n\n[1]: http://a.b/c [2]: http://d.e\n\nA note[^1] here.\n\n[^1]: The note."
    );
    assert_eq!(rendered("```\n[1]: x y\n```", PLAIN), "```\n[1]: x y\n```");
}

/// One parse finds all of them: a reply may have thousands.
#[test]
fn all_definitions_are_found_at_once() {
    let text = "[a]: x\n\n> [a]: y\n\n1. [b]: z\n\ntext\n[c]: no\n\n```\n[d]: no\n```\n";

    assert_eq!(definitions::offsets(text), [0, 10, 21]);
}

#[test]
fn a_rule_has_empty_lines_around_it() {
    let rule = "─".repeat(40);

    assert_eq!(
        rendered("a\n\n---\n\nb", PLAIN),
        format!("a\n\n{rule}\n\nb")
    );
}

#[test]
fn headings_have_empty_lines_around_them() {
    assert_eq!(
        rendered("# Top\nText\n## Sub\n\nMore", PLAIN),
        "# Top\n\nText\n\n## Sub\n\nMore"
    );
    assert_eq!(
        rendered("## Sub\nText", STYLED),
        "\x1b[1mSub\x1b[0m\n\nText"
    );
}

#[test]
fn lists_are_indented() {
    let text = "Take:\n\n* one that is so long that it needs another line\n  * inner\n\n* two\n\n  more\n1. first\n2. second\n";

    assert_eq!(
        rendered(text, PLAIN),
        "Take:\n\n• one that is so long that it needs\n  another line\n  ◦ inner\n• two\n\n  more\n\n1. first\n2. second"
    );
}

#[test]
fn quotations_have_a_bar() {
    assert_eq!(
        rendered("> one\n> two\n>\n> three\n\nend", STYLED),
        "│ one two\n│\n│ three\n\nend"
    );
}

#[test]
fn code_blocks_are_not_wrapped() {
    let text = "Run:\n\n```sh\nls   -l | wc\n\n  echo *\n```\n\nDone";

    assert_eq!(
        rendered(text, PLAIN),
        "Run:\n\n```sh\nls   -l | wc\n\n  echo *\n```\n\nDone"
    );
    assert_eq!(
        rendered("1. do\n   ```\n   x\n   ```\n2. it", PLAIN),
        "1. do\n   ```\n   x\n   ```\n2. it"
    );
    assert_eq!(rendered("```\nnever closed", PLAIN), "```\nnever closed");
}

#[test]
fn code_blocks_are_highlighted() {
    let shown = rendered("```rust\nlet a = 1;\n```", STYLED);

    assert!(shown.contains("\x1b[33m1\x1b[0m"), "{shown:?}");
    assert_eq!(page::visible(&shown), "```rust\nlet a = 1;\n```");
}

#[test]
fn tables_have_columns() {
    let text = "| Mountain | Height |\n|:---|---:|\n| Ben Nevis | 1345 |\n| K2 | 8611 |\n\nend";

    assert_eq!(
        rendered(text, PLAIN),
        "Mountain  │ Height\n──────────┼───────\nBen Nevis │   1345\nK2        │   8611\n\nend"
    );
}

#[test]
fn a_table_that_is_too_wide_wraps_its_cells() {
    let text = "| a | b |\n|---|---|\n| x | one two three four five six seven eight nine |\n";

    let shown = rendered(text, PLAIN);

    assert!(
        shown.lines().all(|line| page::visible_width(line) <= 40),
        "{shown}"
    );
    assert!(shown.contains("x │ one"), "{shown}");
}

#[test]
fn the_rows_of_a_table_with_too_many_columns_are_lists() {
    let narrow = Layout { width: 20, ..PLAIN };
    let text = "| Mountain | Height | *Note* |\n|---|---|---|\n\
        | Ben Nevis | 1345 | the highest one of Scotland |\n| Mount Everest | | |\n";

    assert_eq!(
        rendered(text, narrow),
        "Mountain: Ben Nevis\nHeight: 1345\nNote: the highest\none of Scotland\n\n\
         Mountain: Mount\nEverest\nHeight:\nNote:"
    );
    let columns = |cell: &str| format!("|{}\n", format!(" {cell} |").repeat(12));
    let wide = Layout { width: 80, ..PLAIN };
    let shown = rendered(
        &(columns("column") + &columns("---") + &columns("a value")),
        wide,
    );
    assert_eq!(shown, ["column: a value"; 12].join("\n"));
    assert_eq!(
        rendered(&(columns("column") + &columns("---")), wide),
        ["column"; 12].join("\n")
    );
    assert_eq!(
        rendered("| a |\n|---|\n| one two three four five |\n", narrow),
        "a\n────────────────────\none two three four\nfive"
    );
}

#[test]
fn a_line_break_after_a_backslash_may_be_split() {
    assert_eq!(
        rendered("line one\nline two\\\nline three", PLAIN),
        "line one line two\nline three"
    );
    assert_eq!(rendered("line two\\", PLAIN), "line two\\");
}

#[test]
fn links_show_their_target() {
    assert_eq!(
        rendered("see [docs](http://a.b/c) or <http://a.b>", PLAIN),
        "see docs (http://a.b/c) or http://a.b"
    );
    assert_eq!(
        rendered("![a cat](cat.png)", PLAIN),
        "[image: a cat] (cat.png)"
    );
    let table = "| a | b |\n|---|---|\n| [docs](http://a.b/c) | <http://a.b> |\n";
    let shown = rendered(table, PLAIN);
    assert!(
        shown.contains("docs (http://a.b/c) │ http://a.b"),
        "{shown}"
    );
}

#[test]
fn wide_characters_take_two_columns() {
    let layout = Layout { width: 10, ..PLAIN };

    assert_eq!(rendered("你好世界你好世界", layout), "你好世界你\n好世界");
    assert_eq!(
        rendered("ab 👩‍👩‍👧 e\u{301}e\u{301}e\u{301} xyz", layout),
        "ab 👩‍👩‍👧 e\u{301}e\u{301}e\u{301}\nxyz"
    );
}

#[test]
fn a_word_longer_than_a_line_is_broken() {
    let layout = Layout { width: 4, ..PLAIN };

    assert_eq!(rendered("abcdefghij k", layout), "abcd\nefgh\nij k");
}

#[test]
fn punctuation_that_is_not_markdown_is_unchanged() {
    for text in [
        "2 * 3 * 4 < 5 > 1",
        "snake_case_name",
        "a ** b",
        "[ ] done",
        "<T> a & b",
    ] {
        assert_eq!(rendered(text, PLAIN), text);
    }
    let open = format!("a *b {}", "word ".repeat(80));
    assert_eq!(
        rendered(&open, PLAIN)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        open.trim()
    );
}

#[test]
fn character_references_cannot_control_the_terminal() {
    let text = "a&#27;]0;x&#7;b &#x9b;2J `c&#27;` &#x202e;d\n\n```a&#27;b\nx\n```\n";

    for layout in [PLAIN, STYLED] {
        let shown = page::visible(&rendered(text, layout));
        assert!(
            !shown.contains(|char: char| char.is_control() && char != '\n'),
            "{shown:?}"
        );
        assert!(!shown.contains('\u{202e}'), "{shown:?}");
    }
}

#[test]
fn output_is_never_changed() {
    // The second piece turns the paragraph that is already shown into a heading.
    let shown = in_pieces(["A title \nof two lines\n", "---\n", "\ntext"], STYLED);

    assert_eq!(page::visible(&shown), "A title of two lines\n\ntext");
}

#[test]
fn text_of_any_size_and_depth_is_rendered() {
    let deep = "> ".repeat(2_000) + "x";
    let list = (0..300)
        .map(|depth| " ".repeat(depth * 2) + "- x\n")
        .collect::<String>();
    for text in [
        deep,
        list,
        "a ".repeat(100_000),
        "*".repeat(5_000),
        "[".repeat(5_000) + " x",
    ] {
        assert!(in_pieces([text.as_str()], PLAIN).len() <= text.len() * 50 + 1_000);
    }
}

/// Finding 31 of tests/newcomer.md.
#[test]
fn a_resize_within_a_paragraph_keeps_words_whole() {
    let mut markdown = Markdown::new(Layout { width: 40, ..PLAIN });
    let mut shown = markdown.push("alpha beta gamma delta ");
    markdown.set_width(10);
    shown += &markdown.push("epsilon zeta eta theta iota\n\nNext paragraph.\n");
    shown += &markdown.end();

    assert_eq!(
        shown,
        "alpha beta gamma delta\nepsilon\nzeta eta\ntheta iota\n\nNext\nparagraph."
    );
}

#[test]
fn a_long_row_continues_below_its_last_column() {
    let row = "/save [FILE]   write the session as JSON  (now)";

    assert_eq!(
        wrapped_row(row, 30),
        "/save [FILE]   write the\n               session as JSON\n               (now)"
    );
    assert_eq!(wrapped_row(row, 80), row);
    assert_eq!(
        wrapped_row("no columns, but  words", 12),
        "no columns,\nbut words"
    );
    assert_eq!(wrapped_row("    a b", 4), "a b");
}

#[test]
fn wrapped_lines_keep_their_indentation() {
    assert_eq!(
        wrapped("  hint: check the network", 16),
        "  hint: check\n  the network"
    );
    assert_eq!(wrapped("      deep text", 10), "deep text");
}
