//! Tags between which a model writes its thoughts.
//!
//! Each family of models has its own tags. No file or API declares them, but the chat template mentions them, because
//! it removes the thoughts of earlier turns or opens those of the next one.

/// Tags around thoughts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThinkingTags {
    /// Text before the thoughts.
    pub(crate) open: &'static str,
    /// Text after the thoughts.
    pub(crate) close: &'static str,
    /// Texts between the thoughts and an answer or a call, the first one before an answer. Most models write none.
    pub(crate) headers: &'static [&'static str],
}

/// Thoughts before the answer of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thoughts {
    pub(crate) tags: ThinkingTags,
    /// Whether the prompt ends with the open tag, so that the reply begins inside the thoughts.
    pub(crate) is_open: bool,
}

/// Known tags. A model thinks if its chat template mentions one of them.
const KNOWN: [ThinkingTags; 13] = [
    // gpt-oss: each message names its channel. A reply consists of several.
    ThinkingTags {
        open: "<|channel|>analysis<|message|>",
        close: "<|end|><|start|>assistant",
        headers: &[
            "<|channel|>final<|message|>",
            "<|channel|>commentary",
            "<|message|>",
        ],
    },
    // Apriel. Its templates mention `<thinking>` as well.
    tags("Here are my reasoning steps:", "[BEGIN FINAL RESPONSE]"),
    tags("<think>", "</think>"),
    tags("<thinking>", "</thinking>"),
    tags("[THINK]", "[/THINK]"),
    tags("<|START_THINKING|>", "<|END_THINKING|>"),
    tags("<seed:think>", "</seed:think>"),
    tags("<|begin_of_thought|>", "<|end_of_thought|>"),
    tags("<thought>", "</thought>"),
    tags("<reasoning>", "</reasoning>"),
    tags("<|inner_prefix|>", "<|inner_suffix|>"),
    tags("<|channel>thought", "<channel|>"),
    tags("◁think▷", "◁/think▷"),
];

const fn tags(open: &'static str, close: &'static str) -> ThinkingTags {
    ThinkingTags {
        open,
        close,
        headers: &[],
    }
}

impl ThinkingTags {
    /// Returns the tags that a template mentions; `None` if the model does not think.
    pub(crate) fn of_template(source: &str) -> Option<Self> {
        // One of the two is enough: many templates only split replies at the close tag.
        KNOWN
            .into_iter()
            .find(|tags| source.contains(tags.open) || source.contains(tags.close))
    }

    /// Returns text that ends thoughts and begins the answer, or the call that must follow. `call` is the start of that
    /// call.
    pub(crate) fn closing(self, call: Option<&str>) -> String {
        let close = self.close;
        match (self.headers.first(), call) {
            // The call names its channel itself.
            (Some(_), Some(start)) => format!("\n{close} {start}"),
            (header, _) => format!("\n{close}{}\n\n", header.unwrap_or(&"")),
        }
    }

    /// Returns whether a prompt ends with an open tag.
    pub(super) fn are_open_at_end(self, prompt: &str) -> bool {
        prompt.trim_end().ends_with(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINK: ThinkingTags = tags("<think>", "</think>");

    /// Row 18 of tests/field.md: other models than Qwen3.
    #[test]
    fn each_model_has_its_own_tags() {
        for (template, open) in [
            ("{{ '[THINK]' + message.thinking + '[/THINK]' }}", "[THINK]"),
            ("<|START_THINKING|><|END_THINKING|>", "<|START_THINKING|>"),
            ("{{ content.split('</thought>')[-1] }}", "<thought>"),
            ("<|inner_prefix|>", "<|inner_prefix|>"),
            (
                "{{- '<|channel|>analysis<|message|>' + message.thinking + '<|end|>' }}",
                "<|channel|>analysis<|message|>",
            ),
            ("{{ text.split('<channel|>')[-1] }}", "<|channel>thought"),
            (
                "{{ '<thinking>' }}{{ text.split('[BEGIN FINAL RESPONSE]')[-1] }}",
                "Here are my reasoning steps:",
            ),
        ] {
            let tags = ThinkingTags::of_template(template).expect(template);
            assert_eq!(tags.open, open);
            assert!(tags.are_open_at_end(&format!("<|assistant|>{open}\n")));
        }
    }

    #[test]
    fn the_tags_that_the_template_mentions_are_used() {
        let splits = "{{ message.content.split('</think>')[-1] }}";

        assert_eq!(ThinkingTags::of_template(splits), Some(THINK));
        assert_eq!(
            ThinkingTags::of_template("[THINK]"),
            Some(tags("[THINK]", "[/THINK]"))
        );
        assert_eq!(ThinkingTags::of_template("{{ message.content }}"), None);
    }

    #[test]
    fn forced_tags_begin_the_answer_or_the_call() {
        let channels = ThinkingTags::of_template("<|channel|>analysis<|message|>").unwrap();

        assert_eq!(THINK.closing(None), "\n</think>\n\n");
        assert_eq!(THINK.closing(Some("<tool_call>")), "\n</think>\n\n");
        assert_eq!(
            channels.closing(None),
            "\n<|end|><|start|>assistant<|channel|>final<|message|>\n\n"
        );
        assert_eq!(
            channels.closing(Some("to=functions.")),
            "\n<|end|><|start|>assistant to=functions."
        );
    }

    #[test]
    fn a_prompt_may_open_the_thoughts() {
        let tags = THINK;

        assert!(tags.are_open_at_end("<|assistant|><think>\n"));
        assert!(!tags.are_open_at_end("<|assistant|><think>\n\n</think>\n\n"));
    }
}
