//! Fenced code blocks in a Markdown reply.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// Returns the contents of all fenced code blocks, in order.
pub(crate) fn all(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open = None;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => open = Some(String::new()),
            Event::Text(text) => {
                if let Some(block) = &mut open {
                    block.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_all_fenced_blocks_is_returned() {
        let markdown =
            "Run\n```sh\nls -l\n\ncd\n```\nor\n\n- ```\n  a < b\n  ```\n\n    indented\n";

        assert_eq!(all(markdown), ["ls -l\n\ncd\n", "a < b\n"]);
        assert_eq!(all("`code`"), [""; 0]);
    }
}
