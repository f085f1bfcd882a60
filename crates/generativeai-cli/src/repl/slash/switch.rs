//! Commands that switch to another session: a new one, a copy, or a saved one.

use generativeai::ErrorKind;
use generativeai_store::{Session, Store};

use crate::completions::session_names;
use crate::conversation::Conversation;
use crate::repl::conversations::key;
use crate::repl::state::Repl;
use crate::suggest::nearest;
use crate::{session_list, storage};

impl Repl<'_> {
    /// Continues in a copy of the session. If the copy cannot be saved, it exists in this run only.
    ///
    /// # Errors
    /// The name is taken or invalid.
    pub(super) fn fork(&mut self, name: &str) -> anyhow::Result<()> {
        let from = self.conversations.label();
        let budget = self.conversation().budget();
        let unsaved = Conversation::new(self.conversation().chat.fork(), None);
        let mut copy = if self.options.save {
            let fork = storage::fork(self.conversations.current_mut(), name);
            let fork = storage::wait(fork, self.printer);
            match self.runtime.block_on(self.signals.unless_stopped(fork)) {
                Some(Ok(copy)) => copy,
                Some(Err(error)) if error.kind() == ErrorKind::Request => return Err(error.into()),
                Some(Err(error)) => {
                    self.printer
                        .note(format_args!("(the copy is not saved: {error})"));
                    unsaved
                }
                None => {
                    self.printer.note("(the copy is not saved)");
                    unsaved
                }
            }
        } else {
            unsaved
        };
        copy.set_budget(budget);
        self.conversations.add(copy);
        let label = self.conversations.label();
        self.printer.note(format_args!(
            "now in {label}, a copy of {from}; /session {} returns to it",
            key(&from)
        ));
        Ok(())
    }

    /// Starts a new session with the model of the current one. If it cannot be saved, it exists in this run only.
    ///
    /// # Errors
    /// The name is invalid.
    pub(super) fn new_session(&mut self, name: &str) -> anyhow::Result<()> {
        let model = self.conversation().chat.model().clone();
        let conversation = if self.options.save {
            let work = async {
                if !name.is_empty() && storage::find(name).await?.is_some() {
                    return Ok(None);
                }
                storage::create(name, &model).await.map(Some)
            };
            match self.wait(work) {
                None => {
                    self.printer.note("(stopped: still in this session)");
                    return Ok(());
                }
                Some(Ok(None)) => {
                    self.printer.note(format_args!(
                        "session `{name}` exists: /session {name} switches to it"
                    ));
                    return Ok(());
                }
                Some(Ok(Some(conversation))) => conversation,
                Some(Err(error)) if error.kind() == ErrorKind::Request => return Err(error.into()),
                Some(Err(error)) => {
                    self.printer
                        .note(format_args!("(the new session is not saved: {error})"));
                    storage::unsaved(&model)
                }
            }
        } else {
            storage::unsaved(&model)
        };
        self.switch_to(conversation);
        Ok(())
    }

    /// Shows the session, or switches to another one of this run or of the store.
    pub(super) fn switch_session(&mut self, name: &str) -> anyhow::Result<()> {
        if name.is_empty() {
            return self.show_session();
        }
        let from = self.conversations.label();
        if self.conversations.select(name) {
            return self.announce_open(&from);
        }
        let model = self.conversation().chat.model().clone();
        let save = self.options.save;
        let work = async {
            match storage::find(name).await? {
                Some(session) if save => storage::read(session, &model).await.map(Some),
                Some(session) => storage::copy(session, &model).await.map(Some),
                None => Ok(None),
            }
        };
        let Some(found) = self.wait(work) else {
            self.printer.note("(stopped: still in this session)");
            return Ok(());
        };
        let Some(mut conversation) = found? else {
            self.unknown_session(name);
            return Ok(());
        };
        // The session may be open under its number. A second conversation with it would be a second writer.
        let number = conversation.session.as_ref().map(Session::id);
        if number.is_some_and(|number| self.conversations.select(&number.to_string())) {
            return self.announce_open(&from);
        }
        if !save {
            self.printer
                .note("(with --no-save this is a copy: new messages are not saved)");
        }
        storage::recover_or_continue(&mut conversation, self.printer);
        self.switch_to(conversation);
        Ok(())
    }

    /// Reports a session that does not exist, and suggests one with a similar name.
    fn unknown_session(&mut self, name: &str) {
        let names = session_names();
        let similar = nearest(name, names.iter().map(String::as_str));
        let suggestion = similar.map(|similar| format!("did you mean `{similar}`? "));
        self.printer.note(format_args!(
            "unknown session `{name}`: {}/sessions lists all, /new {name} starts it",
            suggestion.unwrap_or_default()
        ));
    }

    /// Lists the saved sessions.
    pub(super) fn list_sessions(&mut self) -> anyhow::Result<()> {
        let work = async {
            match Store::find_default().await? {
                Some(store) => session_list::read(&store).await,
                None => Ok(Vec::new()),
            }
        };
        let Some(sessions) = self.wait(work) else {
            return Ok(());
        };
        let sessions = sessions?;
        let used: Vec<_> = sessions
            .into_iter()
            .filter(|(info, _)| info.events > 0)
            .collect();
        if used.is_empty() {
            self.printer.note("no saved sessions");
        } else {
            self.printer
                .rows(session_list::lines(&used).trim_end_matches('\n'));
            self.printer.note("/session NUMBER switches to one");
        }
        Ok(())
    }

    /// Switches to a conversation that is not open in this run yet.
    pub(super) fn switch_to(&mut self, conversation: Conversation) {
        let from = self.conversations.label();
        self.conversations.add(conversation);
        self.announce(&from);
    }

    /// Reports a switch to an open conversation, which may be the same one.
    fn announce_open(&mut self, from: &str) -> anyhow::Result<()> {
        if self.conversations.label() == from {
            return self.show_session();
        }
        self.announce(from);
        Ok(())
    }

    /// Reports a switch, and shows the end of the conversation.
    fn announce(&mut self, from: &str) {
        let label = self.conversations.label();
        let is_new = self.conversation().chat.history().is_empty();
        let new = if is_new { ", a new session" } else { "" };
        self.printer.note(format_args!(
            "now in {label}{new}; /session {} returns to {from}",
            key(from)
        ));
        self.show_resumed();
    }

    /// Shows the label of the session and its name, if it is saved.
    fn show_session(&mut self) -> anyhow::Result<()> {
        let label = self.conversations.label();
        let Some(session) = self.conversation().session.clone() else {
            self.printer.note(format_args!("{label} (not saved)"));
            return Ok(());
        };
        if let Some(info) = self.wait(session.info()) {
            self.printer.note(format_args!("{label}: {}", info?.name));
        }
        Ok(())
    }
}
