//! Chats as people read them.

use std::time::Duration;

use generativeai::protocol::content::Content;
use generativeai_store::Hit;

use crate::chat::{Conversation, Speaker, text_of};

/// How much is shown around what was found, in characters.
const AROUND: usize = 60;

/// What was said, by whom, in paragraphs.
pub(super) fn said(conversation: &Conversation) -> String {
    let paragraph = |(who, content, interrupted): (Speaker, &Content, bool)| {
        let mark = if interrupted { " (interrupted)" } else { "" };
        format!("{who}: {}{mark}\n", text_of(content).trim_end())
    };
    let mut paragraphs: Vec<_> = conversation.said().map(paragraph).collect();
    if let Some(sent) = conversation.unanswered() {
        paragraphs.push(format!(
            "you: {} (not answered)\n",
            text_of(sent).trim_end()
        ));
    }
    paragraphs.join("\n")
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
    use generativeai::GenerativeModel;

    use super::*;

    #[test]
    fn what_was_said_is_shown_with_who_said_it() {
        let of = |history: &[Content]| {
            let chat = GenerativeModel::new("m").start_chat();
            said(&Conversation::new(
                chat.with_history(history.to_vec()),
                None,
            ))
        };
        let contents = [Content::user("How tall?"), Content::model("1,345 m.\n")];

        assert_eq!(of(&contents), "you: How tall?\n\nmodel: 1,345 m.\n");
        assert_eq!(of(&[]), "");
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
