//! Chats as people read them.

use std::time::Duration;

use generativeai::protocol::{Content, Part, Role};
use generativeai_store::Hit;

/// How much is shown around what was found, in characters.
const AROUND: usize = 60;

/// What was said, each content under who said it.
pub(super) fn said(contents: &[Content]) -> String {
    let paragraphs: Vec<_> = contents
        .iter()
        .map(|content| {
            let who = match content.role {
                Some(Role::Model) => "model",
                _ => "you",
            };
            format!("{who}: {}\n", text(content).trim_end())
        })
        .collect();
    paragraphs.join("\n")
}

/// What a content says; a part that is no text is named in brackets, thoughts are left out.
fn text(content: &Content) -> String {
    let parts = content.parts.iter().filter(|part| !part.is_thought());
    let text = |part: &Part| match part.as_text() {
        Some(text) => text.to_owned(),
        None => format!("[{}]", part.kind().unwrap_or("nothing")),
    };
    parts.map(text).collect()
}

/// A line about a message in which words were found: its chat, and what stands around the first of them.
pub(super) fn hit(hit: &Hit, words: &[String]) -> String {
    let folded = hit.text.to_lowercase();
    let word = words
        .first()
        .map(|word| word.to_lowercase())
        .unwrap_or_default();
    let at = folded
        .find(&word)
        .map_or(0, |at| folded[..at].chars().count());
    let begin = at.saturating_sub(AROUND / 2);
    let shown: String = hit
        .text
        .chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .skip(begin)
        .take(AROUND)
        .collect();
    let (before, after) = (
        if begin > 0 { "…" } else { "" },
        if hit.text.chars().count() > begin + AROUND {
            "…"
        } else {
            ""
        },
    );
    format!("{}: {before}{}{after}\n", hit.session, shown.trim())
}

/// How long ago something was, in its largest unit.
pub(super) fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => "now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_shown_with_who_said_it() {
        let contents = [Content::user("How tall?"), Content::model("1,345 m.\n")];

        assert_eq!(said(&contents), "you: How tall?\n\nmodel: 1,345 m.\n");
        assert_eq!(said(&[]), "");
    }

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let told = |seconds| ago(Duration::from_secs(seconds));

        assert_eq!(told(59), "now");
        assert_eq!(told(3_599), "59 min");
        assert_eq!(told(86_399), "23 h");
        assert_eq!(told(200_000), "2 days");
    }
}
