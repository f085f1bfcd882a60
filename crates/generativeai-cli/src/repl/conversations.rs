//! The open conversations of a session at the terminal.

use crate::conversation::Conversation;

/// All conversations of this run, one of which is in use. Earlier ones stay open, so that `/session` returns to one that
/// is not saved.
pub(super) struct Conversations {
    /// At least one.
    open: Vec<Conversation>,
    /// Index of the conversation in use.
    current: usize,
}

impl Conversations {
    pub(super) fn new(first: Conversation) -> Self {
        Self {
            open: vec![first],
            current: 0,
        }
    }

    /// Returns the conversation in use.
    pub(super) fn current(&self) -> &Conversation {
        &self.open[self.current]
    }

    /// Returns the conversation in use.
    pub(super) fn current_mut(&mut self) -> &mut Conversation {
        &mut self.open[self.current]
    }

    /// Adds a conversation, which is in use from then on.
    pub(super) fn add(&mut self, conversation: Conversation) {
        self.current = self.open.len();
        self.open.push(conversation);
    }

    /// Switches to the open conversation with a [key]. Returns `false` if there is none.
    pub(super) fn select(&mut self, name: &str) -> bool {
        let found = (0..self.open.len()).find(|&at| key(&self.label_at(at)) == name);
        self.current = found.unwrap_or(self.current);
        found.is_some()
    }

    /// Returns the label of the conversation in use.
    pub(super) fn label(&self) -> String {
        self.label_at(self.current)
    }

    /// Returns the label of a conversation: its number in the store, or its position in this run if it is not saved.
    fn label_at(&self, at: usize) -> String {
        match &self.open[at].session {
            Some(session) => format!("session {}", session.id()),
            None => format!("unsaved-{}", at + 1),
        }
    }

    /// Returns all conversations, to close them.
    pub(super) fn into_all(self) -> Vec<Conversation> {
        self.open
    }
}

/// Returns the argument of `/session` for a label.
pub(super) fn key(label: &str) -> &str {
    label.strip_prefix("session ").unwrap_or(label)
}
