//! A conversation of the program: a chat, the stored session it belongs to, and its undo stack.

use std::collections::BTreeSet;
use std::path::PathBuf;

use generativeai::protocol::content::Content;
use generativeai::{ChatSession, Event};
use generativeai_store::Session;

/// A conversation of the program. A clone continues independently.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) chat: ChatSession,
    /// The stored session; `None` if the conversation is not saved.
    pub(crate) session: Option<Session>,
    /// Whether the session still waits for its name, which is derived from the first message.
    pub(crate) unnamed: bool,
    /// The file it was saved to, which may be overwritten.
    pub(crate) file: Option<PathBuf>,
    /// Undone turns, the last one last.
    undone: Vec<Turn>,
    /// Positions in the history of replies that were interrupted.
    interrupted: BTreeSet<usize>,
}

/// An undone turn.
#[derive(Clone, Debug)]
struct Turn {
    contents: Vec<Content>,
    interrupted: bool,
}

impl Conversation {
    pub(crate) fn new(chat: ChatSession, session: Option<Session>) -> Self {
        Self {
            chat,
            session,
            unnamed: false,
            file: None,
            undone: Vec::new(),
            interrupted: BTreeSet::new(),
        }
    }

    /// Sets whether functions called by the model are run.
    pub(crate) fn set_automatic_function_calling(&mut self, automatic: bool) {
        let nothing = self.chat.model().start_chat();
        let chat = std::mem::replace(&mut self.chat, nothing);
        self.chat = chat.automatic_function_calling(automatic);
    }

    /// Undoes the last turn and returns its message.
    pub(crate) fn undo(&mut self) -> Option<Content> {
        let before = self.chat.history().to_vec();
        let (sent, _) = self.chat.rewind()?;
        let contents = before[self.chat.history().len()..].to_vec();
        let interrupted = self.interrupted.remove(&(before.len() - 1));
        self.undone.push(Turn {
            contents,
            interrupted,
        });
        Some(sent)
    }

    /// Restores the turn that was undone last and returns its message.
    pub(crate) fn redo(&mut self) -> Option<Content> {
        let turn = self.undone.pop()?;
        let sent = turn.contents.first().cloned();
        let mut history = self.chat.history().to_vec();
        history.extend(turn.contents);
        if turn.interrupted {
            self.interrupted.insert(history.len() - 1);
        }
        self.chat.set_history(history);
        sent
    }

    /// Records that a turn was completed: undone turns can no longer be restored.
    pub(crate) fn turn_completed(&mut self) {
        self.undone.clear();
    }

    /// Keeps the part of an interrupted turn that arrived, marked as interrupted. Returns `false` if
    /// nothing arrived: neither a part of the reply nor a function call.
    pub(crate) fn keep_partial(&mut self) -> bool {
        let kept = self.chat.keep_partial();
        if kept {
            self.interrupted.insert(self.chat.history().len() - 1);
            self.turn_completed();
        }
        kept
    }

    /// The last message, if it has no reply and was not undone.
    pub(crate) fn unanswered(&self) -> Option<&Content> {
        self.chat.unfinished().map(|turn| &turn.sent)
    }

    /// Marks interrupted replies, as recorded in the log of a stored session.
    pub(crate) fn mark_interrupted(&mut self, log: &[Event]) {
        let (mut open, mut kept) = (false, Vec::new());
        for event in log {
            match event {
                Event::Opened { .. } => open = true,
                Event::Exchanged { .. } | Event::Unfinished { .. } => {}
                Event::Added { contents, .. } if open => {
                    kept.extend(contents.last());
                    open = false;
                }
                _ => open = false,
            }
        }
        let history = self.chat.history().iter().enumerate();
        let marked = history.filter(|(_, content)| kept.contains(content));
        self.interrupted = marked.map(|(at, _)| at).collect();
    }

    /// Contents of the history, each with whether it is an interrupted reply.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (&Content, bool)> {
        let history = self.chat.history().iter().enumerate();
        history.map(|(at, content)| (content, self.interrupted.contains(&at)))
    }
}

#[cfg(test)]
mod tests {
    use generativeai::GenerativeModel;
    use generativeai::testing::Scripted;

    use super::*;
    use crate::transcript::text_of;

    fn conversation() -> Conversation {
        let history = ["one", "1", "two", "2"].map(Content::from);
        let model = GenerativeModel::new("m").backend(Scripted::default());
        Conversation::new(model.start_chat().with_history(history), None)
    }

    #[test]
    fn undone_turns_are_restored_in_order() {
        let mut conversation = conversation();
        let history = conversation.chat.history().to_vec();
        let text = |content: Option<Content>| content.as_ref().map(text_of);

        assert_eq!(text(conversation.undo()).as_deref(), Some("two"));
        assert_eq!(text(conversation.undo()).as_deref(), Some("one"));
        assert!(conversation.undo().is_none() && conversation.chat.history().is_empty());

        assert_eq!(text(conversation.redo()).as_deref(), Some("one"));
        assert!(conversation.redo().is_some() && conversation.redo().is_none());
        assert_eq!(conversation.chat.history(), history);
    }

    #[test]
    fn a_completed_turn_clears_the_undone_ones() {
        let mut conversation = conversation();

        conversation.undo();
        conversation.turn_completed();

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

        assert!(conversation.keep_partial());
        let marks = |conversation: &Conversation| -> Vec<bool> {
            conversation.contents().map(|(_, mark)| mark).collect()
        };
        assert_eq!(marks(&conversation), [false, true]);
        conversation.undo();
        assert!(marks(&conversation).is_empty());
        conversation.redo();
        assert_eq!(marks(&conversation), [false, true]);
    }
}
