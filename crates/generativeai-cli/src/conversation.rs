//! A conversation of the program: a chat, and the stored session it belongs to.

use std::path::PathBuf;

use generativeai::protocol::content::Content;
use generativeai::{ChatSession, Compaction};
use generativeai_store::Session;

use crate::storage::OpenMark;
use crate::usage::SessionUsage;

/// A conversation of the program.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) chat: ChatSession,
    /// The stored session; `None` if the conversation is not saved.
    pub(crate) session: Option<Session>,
    /// Prevents other processes from deleting the session.
    pub(crate) open_mark: Option<OpenMark>,
    /// Whether this run created the session.
    pub(crate) is_new: bool,
    /// Whether the session is known to have a name, so that the first message does not determine it.
    pub(crate) is_named: bool,
    /// The file that `/save` wrote last. Only this file may be overwritten.
    pub(crate) file: Option<PathBuf>,
    /// Usage of the replies of this run.
    pub(crate) usage: SessionUsage,
    /// Maximum number of tokens of a request, and what shortens a longer one. It is not stored.
    budget: Option<(u32, Compaction)>,
}

impl Conversation {
    pub(crate) fn new(chat: ChatSession, session: Option<Session>) -> Self {
        Self {
            chat,
            session,
            open_mark: None,
            is_new: false,
            is_named: false,
            file: None,
            usage: SessionUsage::default(),
            budget: None,
        }
    }

    pub(crate) fn budget(&self) -> Option<(u32, Compaction)> {
        self.budget
    }

    /// Sets the maximum number of tokens of a request, or removes it.
    pub(crate) fn set_budget(&mut self, budget: Option<(u32, Compaction)>) {
        self.budget = budget;
        match budget {
            Some((tokens, compaction)) => self.chat.set_context_budget(tokens, compaction),
            None => self.chat.remove_context_budget(),
        }
    }

    /// Replaces the chat by that of the same session, read again. The budget and the other data that the store does not
    /// have stay.
    pub(crate) fn replace(&mut self, read: Self) {
        self.chat = read.chat;
        self.session = read.session;
        self.set_budget(self.budget);
    }

    /// Keeps the part of an interrupted reply that could be continued, before something else follows it, or changes the
    /// request that its token belongs to.
    pub(crate) fn settle(&mut self) {
        if self.can_continue() {
            self.chat.keep_partial();
        }
    }

    /// Returns a copy that is [settled](Self::settle), to show or write the interrupted reply. In this conversation it
    /// stays unfinished: otherwise it would lose its token.
    pub(crate) fn settled(&self) -> Self {
        let mut copy = Self::new(self.chat.fork(), None);
        copy.settle();
        copy
    }

    /// Undoes the last turn and returns its message. An unfinished turn that cannot be continued is undone as well.
    pub(crate) fn undo(&mut self) -> Option<Content> {
        self.settle();
        if self.chat.unfinished().is_some() {
            self.chat.rewind();
        }
        self.chat.rewind().map(|(message, _)| message)
    }

    /// Restores the last undone turn and returns its message. Unfinished turns are skipped, and stay undone. A turn
    /// that an interrupted reply has followed cannot be restored.
    pub(crate) fn redo(&mut self) -> Option<Content> {
        if self.can_continue() {
            return None;
        }
        let length = self.chat.history().len();
        let had_unfinished = self.chat.unfinished().is_some();
        // An unfinished turn adds nothing to the history.
        while self.chat.history().len() == length && self.chat.redo() {}
        let restored = self.chat.history().get(length).cloned();
        if !had_unfinished && self.chat.unfinished().is_some() {
            self.chat.rewind();
        }
        restored
    }

    /// Returns whether the conversation has no messages, answered or not.
    pub(crate) fn is_empty(&self) -> bool {
        self.chat.history().is_empty() && self.unanswered().is_none()
    }

    /// Returns the message of the unfinished turn, if there is one.
    pub(crate) fn unanswered(&self) -> Option<&Content> {
        self.chat.unfinished().map(|turn| &turn.sent)
    }

    /// Returns whether the service sent a continuation token for the last reply, so that it can be continued.
    pub(crate) fn can_continue(&self) -> bool {
        let unfinished = self.chat.unfinished();
        unfinished.is_some_and(|turn| turn.continuation_token().is_some())
    }

    /// Returns the contents of the history, each with whether it is an interrupted reply.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (&Content, bool)> {
        let history = self.chat.history().iter().enumerate();
        history.map(|(at, content)| (content, self.chat.is_interrupted(at)))
    }
}

#[cfg(test)]
mod tests {
    use generativeai::testing::Scripted;
    use generativeai::{Error, ErrorKind, GenerativeModel};

    use super::*;
    use crate::transcript::text_of;

    #[tokio::test]
    async fn undo_and_redo_skip_a_failed_message() {
        let backend = Scripted::default().then_error(&[], Error::new(ErrorKind::Request, "no"));
        let history = ["one", "1", "two", "2"].map(Content::from);
        let chat = GenerativeModel::new("m")
            .backend(backend)
            .start_chat()
            .with_history(history);
        let mut conversation = Conversation::new(chat, None);
        let text = |content: Option<Content>| content.as_ref().map(text_of);

        assert!(conversation.chat.send_message("three").await.is_err());
        assert_eq!(text(conversation.undo()).as_deref(), Some("two"));
        assert_eq!(text(conversation.undo()).as_deref(), Some("one"));
        assert!(conversation.undo().is_none());

        assert_eq!(text(conversation.redo()).as_deref(), Some("one"));
        assert_eq!(text(conversation.redo()).as_deref(), Some("two"));
        assert!(conversation.redo().is_none());
        assert_eq!(conversation.chat.history().len(), 4);
    }
}
