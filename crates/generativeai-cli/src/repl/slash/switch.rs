//! Commands that switch to another session: a new one, a copy, or a saved one.

use generativeai::ErrorKind;
use generativeai_store::Store;

use crate::approval;
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
        // Its calls stay with the original: approved in both, they would run twice.
        if copy.session.is_none() {
            approval::leave_waiting(&mut copy.chat, self.printer);
        }
        self.conversations.add(copy);
        self.recover();
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
                    self.stay();
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
        let Some(found) = self.wait(storage::find(name)) else {
            self.stay();
            return Ok(());
        };
        let Some(session) = found? else {
            self.unknown_session(name);
            return Ok(());
        };
        // The session may be open under its number. A second conversation with it would be a second writer.
        if self.conversations.select(&session.id().to_string()) {
            return self.announce_open(&from);
        }
        let model = self.conversation().chat.model().clone();
        let choice = storage::SessionChoice::Existing(session);
        let opened = storage::open(choice, &model, self.options.save, self.printer);
        let Some(opened) = self.runtime.block_on(self.signals.unless_stopped(opened)) else {
            self.stay();
            return Ok(());
        };
        let (conversation, lock) = opened?;
        // Held until the changes of `recover` are saved.
        self.lock = lock;
        self.switch_to(conversation);
        Ok(())
    }

    fn stay(&mut self) {
        self.printer.note("(stopped: still in this session)");
    }

    /// Reports a session that does not exist, and suggests one with a similar name.
    fn unknown_session(&mut self, name: &str) {
        if storage::is_number(name) {
            return self.printer.note(format_args!(
                "no session has the number {name}: /sessions lists all"
            ));
        }
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
        self.recover();
        self.announce(&from);
    }

    /// Reports a switch to an open conversation, which may be the same one.
    fn announce_open(&mut self, from: &str) -> anyhow::Result<()> {
        if self.conversations.label() == from {
            return self.show_session();
        }
        let read = self.read_again();
        self.announce(from);
        read
    }

    /// Reads the session again, in case another process added messages. If the conversation cannot be saved, it stays as
    /// it is: a turn that is not in the store would be lost.
    fn read_again(&mut self) -> anyhow::Result<()> {
        let Some(session) = self.conversation().session.clone() else {
            return Ok(());
        };
        // Another process may be sending a message.
        if !self.lock_session() {
            return Ok(());
        }
        let conversation = self.conversations.current_mut();
        let model = conversation.chat.model().clone();
        let work = async {
            // An error is reported after this line.
            match storage::save(conversation).await {
                Ok(()) => storage::read(session, &model).await.map(Some),
                Err(_) => Ok(None),
            }
        };
        let work = storage::wait(work, self.printer);
        let read = self.runtime.block_on(self.signals.unless_stopped(work));
        // An unchanged conversation keeps what the store does not have, such as the end of a stopped reply.
        if let Some(read) = read.transpose()?.flatten()
            && read.chat.history() != self.conversation().chat.history()
        {
            self.conversation().replace(read);
            self.recover();
        }
        Ok(())
    }

    /// Renames the session.
    pub(super) fn rename(&mut self, name: &str) -> anyhow::Result<()> {
        let Some(session) = self.conversation().session.clone() else {
            self.printer
                .note("this session is not saved, so it has no name");
            return Ok(());
        };
        if name.is_empty() {
            self.printer.note("no name given: try /rename NAME");
        } else if let Some(renamed) = self.wait(session.rename(name)) {
            renamed?;
            self.conversation().is_named = true;
            self.show_session()?;
        }
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
