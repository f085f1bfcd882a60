//! Rewrites a template to the syntax that minijinja parses.

/// Returns a template with `\n` line ends, as Jinja2's lexer does, and without `generation` tags. A line break at the
/// beginning of a raw block is doubled: minijinja drops one, and Jinja2 keeps it.
///
/// `{% generation %}…{% endgeneration %}` marks the tokens of the assistant for training and renders its
/// body. It becomes a `with` block, which has its own scope as well. minijinja cannot be extended with tags, so the
/// source is changed.
///
/// The source is not parsed, so these tags are replaced in strings, comments and raw blocks as well:
/// `{{ '{% generation %}' }}` prints `{% with %}`.
pub(super) fn normalize(source: &str) -> String {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut tags = source.split("{%");
    let mut normalized = tags.next().unwrap_or_default().to_owned();
    for tag in tags {
        normalized.push_str("{%");
        let name = tag.trim_start_matches(['-', '+']).trim_start();
        let name_ends = |c: char| !c.is_alphanumeric() && c != '_';
        match name.split(name_ends).next() {
            Some("generation") => normalized.push_str(&tag.replacen("generation", "with", 1)),
            Some("endgeneration") => {
                normalized.push_str(&tag.replacen("endgeneration", "endwith", 1));
            }
            Some("raw") => match tag.split_once("%}\n") {
                Some((tag, block)) if tag.trim_end().ends_with("raw") => {
                    normalized.extend([tag, "%}\n\n", block]);
                }
                _ => normalized.push_str(tag),
            },
            _ => normalized.push_str(tag),
        }
    }
    normalized
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
            "{% set generation = '%}' %}{% if generation %}{{ generation }}{% endif %}",
            "{% generationx %}{ % generation %}{%",
            "ü{{ 'generation' }}{# generation #}",
        ] {
            assert_eq!(normalize(source), source);
        }
    }

    #[test]
    fn line_ends_are_normalized() {
        assert_eq!(normalize("a\r\nb\rc\n"), "a\nb\nc\n");
    }
}
