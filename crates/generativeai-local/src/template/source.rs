//! Rewrites a template to the syntax that minijinja parses.

/// Returns a template with `\n` line ends, as Jinja2's lexer does, and without `generation` tags.
///
/// `{% generation %}…{% endgeneration %}` marks the tokens of the assistant for training and renders its
/// body. It becomes a `with` block, which has its own scope as well. minijinja cannot be extended with tags, so the
/// source is changed. Comments, strings and raw blocks may contain the same words and are skipped.
pub(super) fn normalize(source: &str) -> String {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut normalized = String::with_capacity(source.len());
    let mut rest = source.as_str();
    while let Some((at, kind)) = next_delimiter(rest) {
        let (before, tag) = rest.split_at(at);
        normalized.push_str(before);
        let length = match kind {
            Kind::Comment => end_of(tag, "#}"),
            Kind::Expression => end_of(tag, "}}"),
            Kind::Block if name_of(tag) == "raw" => end_of_raw(tag),
            Kind::Block => end_of(tag, "%}"),
        };
        let (tag, after) = tag.split_at(length);
        match (kind, name_of(tag)) {
            (Kind::Block, "generation") => {
                normalized.push_str(&tag.replacen("generation", "with", 1))
            }
            (Kind::Block, "endgeneration") => {
                normalized.push_str(&tag.replacen("endgeneration", "endwith", 1));
            }
            _ => normalized.push_str(tag),
        }
        rest = after;
    }
    normalized.push_str(rest);
    normalized
}

/// Kind of a tag.
#[derive(Clone, Copy)]
enum Kind {
    Block,
    Comment,
    Expression,
}

/// Finds the next `{%`, `{#` or `{{`.
fn next_delimiter(text: &str) -> Option<(usize, Kind)> {
    text.match_indices('{').find_map(|(at, _)| {
        let kind = match text.as_bytes().get(at + 1)? {
            b'%' => Kind::Block,
            b'#' => Kind::Comment,
            b'{' => Kind::Expression,
            _ => return None,
        };
        Some((at, kind))
    })
}

/// Returns the length of a tag that ends with `delimiter`, which may also occur in its strings. A tag that does not end
/// extends to the end of the text; minijinja reports the error.
fn end_of(tag: &str, delimiter: &str) -> usize {
    // A quote in a comment does not begin a string.
    let is_comment = delimiter == "#}";
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in tag.char_indices().skip(2) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if !is_comment && matches!(c, '"' | '\'') => quote = Some(c),
            None if tag[at..].starts_with(delimiter) => return at + delimiter.len(),
            None => {}
        }
    }
    tag.len()
}

/// Returns the length of a raw block, its end tag included.
fn end_of_raw(tag: &str) -> usize {
    let body = end_of(tag, "%}");
    tag[body..]
        .match_indices("{%")
        .find(|(at, _)| name_of(&tag[body + at..]) == "endraw")
        .map_or(tag.len(), |(at, _)| {
            body + at + end_of(&tag[body + at..], "%}")
        })
}

/// Returns the name of a block tag, such as `for` of `{%- for x in y %}`.
fn name_of(tag: &str) -> &str {
    let inner = tag.get(2..).unwrap_or_default();
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start();
    let end = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(inner.len());
    &inner[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_tags_become_with_blocks_and_keep_their_whitespace_control() {
        let source = "{%- generation -%}a{% endgeneration %}{%+ generation%}b{%endgeneration -%}";

        assert_eq!(
            normalize(source),
            "{%- with -%}a{% endwith %}{%+ with%}b{%endwith -%}"
        );
    }

    #[test]
    fn everything_else_is_unchanged() {
        for source in [
            "{{ '{% generation %}' }}",
            "{# {% generation %} ' #}{% if x %}{% endif %}",
            "{% raw %}{% generation %}{% endraw %}{% set generation = '%}' %}",
            "{% if generation %}{{ generation }}{% endif %}",
            "{% generationx %}{ % generation %}{%",
            "ü{{ \"\\\"}}\" }}",
        ] {
            assert_eq!(normalize(source), source);
        }
    }

    #[test]
    fn line_ends_are_normalized() {
        assert_eq!(normalize("a\r\nb\rc\n"), "a\nb\nc\n");
    }
}
