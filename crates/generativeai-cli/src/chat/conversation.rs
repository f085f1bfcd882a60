//! A conversation with what the terminal knows of it: what was taken back, what was interrupted.

use std::collections::BTreeSet;
use std::path::PathBuf;

use generativeai::ChatSession;
use generativeai::protocol::{Content, Part, Role};
use generativeai_store::Session;

/// A conversation at the terminal. A clone goes its own way.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) chat: ChatSession,
    /// Where it is kept, if it is.
    pub(super) session: Option<Session>,
    /// The file it was written to, which may be written again.
    pub(super) saved: Option<PathBuf>,
    /// The turns that were taken back, the last one last.
    taken_back: Vec<Turn>,
    /// The places in the history of replies that were interrupted.
    interrupted: BTreeSet<usize>,
}

/// A turn that was taken back.
#[derive(Clone, Debug)]
struct Turn {
    contents: Vec<Content>,
    interrupted: bool,
}

impl Conversation {
    pub(super) fn new(chat: ChatSession, session: Option<Session>) -> Self {
        Self {
            chat,
            session,
            saved: None,
            taken_back: Vec::new(),
            interrupted: BTreeSet::new(),
        }
    }

    /// Takes back the last turn and gives its message.
    pub(super) fn undo(&mut self) -> Option<Content> {
        let before = self.chat.history().to_vec();
        let (sent, _) = self.chat.rewind()?;
        let contents = before[self.chat.history().len()..].to_vec();
        let interrupted = self.interrupted.remove(&(before.len() - 1));
        self.taken_back.push(Turn {
            contents,
            interrupted,
        });
        Some(sent)
    }

    /// Brings back the turn that was taken back last, and gives its message.
    pub(super) fn redo(&mut self) -> Option<Content> {
        let turn = self.taken_back.pop()?;
        let sent = turn.contents.first().cloned();
        let mut history = self.chat.history().to_vec();
        history.extend(turn.contents);
        if turn.interrupted {
            self.interrupted.insert(history.len() - 1);
        }
        self.chat.set_history(history);
        sent
    }

    /// A turn came to its end: what was taken back before it has no place any longer.
    pub(super) fn went_on(&mut self) {
        self.taken_back.clear();
    }

    /// Keeps the reply that was interrupted, marked so, and says whether there is any.
    pub(super) fn keep_what_came(&mut self) -> bool {
        let came = self
            .chat
            .unfinished()
            .is_some_and(|turn| turn.received.is_some())
            && self.chat.keep_partial();
        if came {
            self.interrupted.insert(self.chat.history().len() - 1);
            self.went_on();
        } else {
            self.chat.rewind();
        }
        came
    }

    /// What was said, by whom, and whether it was interrupted.
    pub(super) fn said(&self) -> impl Iterator<Item = (bool, &Content, bool)> {
        self.chat.history().iter().enumerate().map(|(at, content)| {
            let by_model = content.role == Some(Role::Model);
            (by_model, content, self.interrupted.contains(&at))
        })
    }
}

/// What a content says; a part that is no text is named in brackets.
pub(super) fn text_of(content: &Content) -> String {
    let parts = content.parts.iter().filter(|part| !part.is_thought());
    let texts: Vec<_> = parts.map(text_of_part).collect();
    // The parts of a reply are one text; those of a message are files, and what is said of them.
    let between = if content.role == Some(Role::Model) {
        ""
    } else {
        "\n"
    };
    texts.join(between)
}

/// What a part says; if it is no text it is named in brackets.
pub(super) fn text_of_part(part: &Part) -> String {
    if let Some(text) = part.as_text() {
        return text.to_owned();
    }
    let kind = part.kind().unwrap_or("nothing");
    let detail = if let Some(blob) = part.as_inline_data() {
        blob.mime_type.as_deref()
    } else if let Some(call) = part.as_function_call() {
        call.name.as_deref()
    } else if let Some(answer) = part.as_function_response() {
        answer.name.as_deref()
    } else {
        None
    };
    match detail {
        Some(detail) => format!("[{kind}: {detail}]"),
        None => format!("[{kind}]"),
    }
}

#[cfg(test)]
mod tests {
    use generativeai::GenerativeModel;
    use generativeai::testing::Scripted;

    use super::*;

    fn conversation() -> Conversation {
        let history = ["one", "1", "two", "2"].map(Content::from);
        let model = GenerativeModel::new("m").backend(Scripted::default());
        Conversation::new(model.start_chat().with_history(history), None)
    }

    #[test]
    fn what_is_taken_back_comes_back_in_order() {
        let mut conversation = conversation();
        let whole = conversation.chat.history().to_vec();

        assert_eq!(
            conversation.undo().map(|sent| text_of(&sent)).as_deref(),
            Some("two")
        );
        assert_eq!(
            conversation.undo().map(|sent| text_of(&sent)).as_deref(),
            Some("one")
        );
        assert!(conversation.undo().is_none() && conversation.chat.history().is_empty());

        assert_eq!(
            conversation.redo().map(|sent| text_of(&sent)).as_deref(),
            Some("one")
        );
        assert!(conversation.redo().is_some() && conversation.redo().is_none());
        assert_eq!(conversation.chat.history(), whole);
    }

    #[test]
    fn what_goes_on_has_nothing_to_bring_back() {
        let mut conversation = conversation();

        conversation.undo();
        conversation.went_on();

        assert!(conversation.redo().is_none());
    }

    #[tokio::test]
    async fn an_interrupted_reply_stays_marked_through_undo_and_redo() {
        let backend = Scripted::default().then_chunks(["Once ", "upon"]);
        let chat = GenerativeModel::new("m").backend(backend).start_chat();
        let mut conversation = Conversation::new(chat, None);
        let mut reply = conversation.chat.send_message("Tell").stream();
        assert!(reply.next().await.is_some());
        drop(reply);

        assert!(conversation.keep_what_came());
        let marks = |conversation: &Conversation| -> Vec<bool> {
            conversation.said().map(|(_, _, mark)| mark).collect()
        };
        assert_eq!(marks(&conversation), [false, true]);
        conversation.undo();
        assert!(marks(&conversation).is_empty());
        conversation.redo();
        assert_eq!(marks(&conversation), [false, true]);
    }

    #[test]
    fn a_part_that_is_no_text_is_named() {
        use generativeai::protocol::Blob;

        let content = Content::user(vec![
            Part::from(Blob::new("image/png", b"x")),
            Part::text("What is this?"),
        ]);

        assert_eq!(text_of(&content), "[inlineData: image/png]\nWhat is this?");
    }
}
