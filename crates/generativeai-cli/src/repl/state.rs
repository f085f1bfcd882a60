//! State of a session at the terminal, and sending messages.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use generativeai::protocol::content::{Content, Part};
use generativeai::{Error, ErrorKind, Toolbox, Unfinished};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::conversations::Conversations;
use super::input::Prompt;
use super::level::Level;
use super::line::line_of;
use super::next::{Decisions, Next};
use super::type_ahead::TypeAhead;
use crate::approval::{self, Approvals};
use crate::attachment::mention::{self, Mention};
use crate::attachment::{self, Attachment, upload};
use crate::backend::OpenModel;
use crate::conversation::Conversation;
use crate::engine_options::EngineOptions;
use crate::exit::{ReaderGone, has_kind};
use crate::render::Printer;
use crate::reply::{self, Outcome, Received};
use crate::schema;
use crate::signals::Signals;
use crate::storage::{self, SessionLock};
use crate::transcript::{self, Paragraph};
use crate::usage::ReplyUsage;

/// Maximum number of lines of the last exchange that are shown when a session is resumed.
const MAX_RESUMED_LINES: usize = 24;

/// Note about a reply that ended at the token limit.
const CUT: &str = "(reply cut off: token limit reached; /continue continues it, \
                   genai chat --max-output-tokens sets the limit)";

/// Options of a session at the terminal.
#[derive(Clone, Debug)]
pub(crate) struct ReplOptions {
    /// Whether to print token counts after each reply.
    pub(crate) stats: bool,
    /// Whether sessions are saved.
    pub(crate) save: bool,
    /// The JSON Schema of the replies.
    pub(crate) schema: Option<Value>,
    /// Options of a model that runs on this computer.
    pub(crate) engine: EngineOptions,
    /// Approvals of tool calls. `None` without tools.
    pub(crate) approvals: Option<Approvals>,
    /// The first model.
    pub(crate) model: OpenModel,
}

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is in the history, whole or in part, or waits for approval.
    Kept,
    /// The history is as before.
    Discarded,
    /// It is discarded, and the session was read again, since another process changed it.
    Reloaded,
}

/// A session at the terminal.
pub(super) struct Repl<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) signals: Signals,
    pub(super) prompt: Prompt,
    pub(super) printer: &'a mut Printer,
    pub(super) options: ReplOptions,
    pub(super) conversations: Conversations,
    /// Files for the next message.
    pub(super) attachments: Vec<Attachment>,
    /// Lock of the session, from sending a message until it is saved.
    pub(super) lock: Option<SessionLock>,
    /// Lines typed before the prompt, for example during the last reply.
    pub(super) type_ahead: TypeAhead,
    /// Maximum numbers of tokens of a request, by the name of the model. `None` if a model does not report its limit, so
    /// that it is not requested again.
    pub(super) token_limits: HashMap<String, Option<i32>>,
    /// Models of this run, by the names that the SDK uses.
    pub(super) models: HashMap<String, OpenModel>,
    /// The last message, while it is edited at the prompt.
    pub(super) editing: Option<Content>,
    /// Whether it was reported that messages are not saved.
    pub(super) reported_unsaved: bool,
}

impl<'a> Repl<'a> {
    pub(super) fn new(
        runtime: &'a Runtime,
        signals: Signals,
        prompt: Prompt,
        printer: &'a mut Printer,
        conversation: Conversation,
        options: ReplOptions,
    ) -> Self {
        let model = options.model.clone();
        Self {
            runtime,
            signals,
            prompt,
            printer,
            models: HashMap::from([(model.model.name().to_owned(), model)]),
            editing: None,
            options,
            conversations: Conversations::new(conversation),
            attachments: Vec::new(),
            lock: None,
            type_ahead: TypeAhead::default(),
            token_limits: HashMap::new(),
            reported_unsaved: false,
        }
    }

    /// Returns the conversation in use.
    pub(super) fn conversation(&mut self) -> &mut Conversation {
        self.conversations.current_mut()
    }

    /// Waits for work on the store, with a note if it takes long. Returns `None` if a signal stopped the wait.
    pub(super) fn wait<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let work = storage::wait(work, self.printer);
        self.runtime.block_on(self.signals.unless_stopped(work))
    }

    /// Queues the lines entered since the last prompt, so that the next prompt does not read them.
    pub(super) fn read_entered(&mut self) {
        if self.prompt.can_edit() {
            self.type_ahead.read_entered();
        }
    }

    /// Shows the last exchange, if the session has one.
    pub(super) fn show_resumed(&mut self) {
        let (paragraphs, hidden) =
            transcript::last_exchange(self.conversation(), MAX_RESUMED_LINES);
        if hidden > 0 {
            self.printer
                .note(format_args!("(… {hidden} more lines: /history shows all)"));
        }
        if let Err(error) = self.show_paragraphs(&paragraphs) {
            self.printer.error(&error);
        }
    }

    /// Shows contents of the history. Replies are rendered as Markdown if a terminal shows them.
    pub(super) fn show_paragraphs(&mut self, paragraphs: &[Paragraph]) -> anyhow::Result<()> {
        for paragraph in paragraphs {
            match paragraph.reply().filter(|_| self.printer.renders()) {
                Some(reply) => {
                    self.printer.reply(&reply)?;
                    self.printer.end_answer()?;
                }
                None => self.printer.note(paragraph),
            }
        }
        Ok(())
    }

    /// Sends the text, with the files it mentions and the attached ones.
    pub(super) fn send_text(&mut self, text: &str) -> anyhow::Result<()> {
        self.attach_mentions(mention::find(text))?;
        let content = attachment::message(&self.attachments, text);
        // After a failure the files stay attached, for another attempt.
        if self.send(content)? {
            self.attachments.clear();
        }
        Ok(())
    }

    /// Attaches mentioned files to the next message, and reports those that do not exist.
    pub(super) fn attach_mentions(&mut self, mentions: Vec<Mention>) -> anyhow::Result<()> {
        for mention in mentions {
            match mention {
                Mention::File(path) => self.attach(&path)?,
                Mention::Missing(note) => self.printer.note(note),
            }
        }
        Ok(())
    }

    /// Attaches a file to the next message. A file that is attached already is read again.
    pub(super) fn attach(&mut self, path: &Path) -> anyhow::Result<()> {
        let mut file = match Attachment::is_large(path) {
            true => self.upload(path)?,
            false => Attachment::read(path)?,
        };
        file.tokens = self.tokens_of(file.part.clone());
        self.printer.note(format_args!("attached {file}"));
        self.attachments.retain(|attached| attached.path != path);
        self.attachments.push(file);
        Ok(())
    }

    /// Uploads a file that is too large for a message. Ctrl-C stops the upload.
    fn upload(&mut self, path: &Path) -> anyhow::Result<Attachment> {
        let model = self
            .models
            .get(self.conversations.current().chat.model().name());
        let client = model.and_then(|model| model.uploader.as_ref());
        let upload = upload::upload(path, client, self.printer);
        let uploaded = self.runtime.block_on(self.signals.unless_stopped(upload));
        self.signals.clear();
        uploaded.unwrap_or_else(|| bail!("the upload of {} was stopped", path.display()))
    }

    /// Counts the tokens of a part. Returns `None` if the model cannot count them, or after Ctrl-C.
    fn tokens_of(&mut self, part: Part) -> Option<i32> {
        let model = self.conversation().chat.model().clone();
        // The system instruction and the tools would be counted with the part.
        let model = model.without_system_instruction().tools(Toolbox::default());
        let counted = model.count_tokens(Content::user(part));
        let counted = self.runtime.block_on(self.signals.unless_stopped(counted));
        self.signals.clear();
        counted?.ok()?.total_tokens
    }

    /// Sends a message and shows the reply. Returns whether the turn was kept, whole or in part.
    pub(super) fn send(&mut self, message: Content) -> anyhow::Result<bool> {
        let text = attachment::text_of(&message).to_owned();
        Ok(self.converse(Next::Message(message), &text)? == Ending::Kept)
    }

    /// Sends a request, shows the reply, asks about calls of tools, and reports the outcome. After a conflict, `draft` is
    /// inserted into the prompt, so that the user can send it again.
    pub(super) fn converse(&mut self, next: Next, draft: &str) -> anyhow::Result<Ending> {
        if !self.lock_session() {
            return Ok(Ending::Discarded);
        }
        if matches!(next, Next::Message(_)) {
            self.leave_waiting();
            self.conversation().settle();
        }
        let is_retry = matches!(next, Next::Retry);
        let mut took = Duration::ZERO;
        let (keeps_partial, kept_note, discarded_note) = match self.receive_all(next, &mut took) {
            // The program ends, and calls of tools continue to wait for approval.
            Ok(None) => return Ok(Ending::Kept),
            // Ctrl-C may have stopped only the saving of a reply that was complete.
            Ok(Some(received))
                if received.outcome == Outcome::Complete
                    || self.conversation().chat.unfinished().is_none() =>
            {
                self.check_schema();
                self.count(took, received.hops);
                return Ok(Ending::Kept);
            }
            Ok(Some(_)) => {
                // The queued lines were typed for the reply that the user has stopped.
                self.type_ahead.clear();
                (
                    true,
                    "(stopped; the part that arrived is kept: /continue continues it)",
                    "(stopped before the reply began; your message was discarded)",
                )
            }
            Err(error) if error.is::<ReaderGone>() => return Err(error),
            // Another process changed the session.
            Err(error) if has_kind(&error, ErrorKind::Conflict) => {
                self.reload(draft)?;
                return Ok(Ending::Reloaded);
            }
            Err(error) => (
                // The error may be about the part that arrived, for example if it was blocked. The part that a retry
                // continues arrived before.
                self.report_failure(&error) || is_retry,
                "(the part that arrived is kept: /continue continues it)",
                "(your message was discarded: the session is unchanged)",
            ),
        };
        let conversation = self.conversation();
        // The model has to know of functions that were called.
        let unfinished = conversation.chat.unfinished();
        let has_rounds = unfinished.is_some_and(Unfinished::functions_started);
        // A reply with a token stays unfinished, so that a retry can continue it.
        let kept = conversation.can_continue()
            || ((keeps_partial || has_rounds) && conversation.chat.keep_partial());
        if kept {
            self.report_failed_calls();
            self.printer.note(kept_note);
            Ok(Ending::Kept)
        } else {
            self.discard();
            self.printer.note(discarded_note);
            Ok(Ending::Discarded)
        }
    }

    /// Reports the error of a reply. Returns whether a retry may succeed, for example after a broken connection.
    fn report_failure(&mut self, error: &anyhow::Error) -> bool {
        self.printer.error(error);
        let error = error.downcast_ref::<Error>();
        if error.is_some_and(Error::is_over_budget) {
            self.printer
                .note("(/compact N sets another budget, /compact off removes it)");
        }
        error.is_some_and(Error::is_retryable)
    }

    /// Receives replies, and asks about their calls, until no call waits. Returns `None` if the program ends first.
    /// Adds to `took` the time without that in which the user decides about calls.
    fn receive_all(
        &mut self,
        mut next: Next,
        took: &mut Duration,
    ) -> anyhow::Result<Option<Received>> {
        loop {
            let started = Instant::now();
            let received = self.receive(next);
            *took += started.elapsed();
            let Some(decisions) = self.decisions(&received) else {
                return received.map(Some);
            };
            next = match decisions {
                Decisions::Made(decisions) => Next::Decide(decisions),
                Decisions::Stop => {
                    let hops = received?.hops;
                    let outcome = Outcome::Stopped;
                    return Ok(Some(Received { outcome, hops }));
                }
                Decisions::Later => return Ok(None),
            };
        }
    }

    /// Locks the session, if it is saved. Returns `false` if the user stopped waiting for another process.
    pub(super) fn lock_session(&mut self) -> bool {
        let Some(session) = self.conversation().session.clone() else {
            return true;
        };
        // Each lock opens the file again, so one that this process already holds would block it as well.
        self.lock = None;
        let acquire = SessionLock::acquire(&session, self.printer);
        let Some(lock) = self.runtime.block_on(self.signals.unless_stopped(acquire)) else {
            self.printer.note("(stopped; nothing was sent)");
            return false;
        };
        self.lock = lock;
        true
    }

    /// Reports the calls at the end of a turn that was just kept that failed, or were not run.
    fn report_failed_calls(&mut self) {
        let chat = &self.conversations.current().chat;
        let last = chat
            .history()
            .last()
            .filter(|_| chat.unfinished().is_none());
        for call in last.into_iter().flat_map(transcript::failed_calls) {
            self.printer.note(format_args!("({call})"));
        }
    }

    /// Reads the session again, since another process changed it, and shows its last exchange. Inserts a message that
    /// was not sent into the prompt.
    fn reload(&mut self, draft: &str) -> anyhow::Result<()> {
        let conversation = self.conversations.current();
        let Some(session) = conversation.session.clone() else {
            return Ok(());
        };
        let model = conversation.chat.model().clone();
        let read = self.runtime.block_on(storage::read(session, &model))?;
        self.conversation().replace(read);
        let remedy = match draft {
            "" => "",
            _ => ": send yours again",
        };
        self.printer.note(format_args!(
            "(another process added messages, which are now part of this session{remedy})"
        ));
        self.show_resumed();
        self.insert_draft(draft);
        Ok(())
    }

    /// Inserts a message into the prompt, where the user can edit and send it.
    pub(super) fn insert_draft(&mut self, text: &str) {
        if !text.is_empty() {
            self.prompt.insert(&line_of(text));
        }
    }

    /// Resolves a turn that an earlier process left unfinished, unless the model can continue it. A message without a
    /// reply becomes a draft.
    pub(super) fn recover(&mut self) {
        let conversation = self.conversations.current_mut();
        if conversation.can_continue() {
            self.printer
                .note("(the last reply was interrupted: /continue continues it)");
        } else if let Some(message) = storage::recover(conversation, self.printer) {
            self.insert_draft(attachment::text_of(&message));
        }
    }

    /// Removes a message without a reply from the session.
    ///
    /// The store keeps the message as not answered if the program ends.
    fn discard(&mut self) {
        let is_exiting = self.signals.exit().is_some();
        let chat = &mut self.conversations.current_mut().chat;
        // Without an unfinished turn the message was refused, and a rewind would undo the turn before it.
        let is_discarded = chat.unfinished().is_some() && approval::waiting(chat).is_empty();
        if is_discarded && !is_exiting {
            chat.rewind();
        }
    }

    /// Reports a reply that does not match the JSON Schema. It stays in the history.
    fn check_schema(&mut self) {
        let last = self.conversations.current().chat.last();
        if let (Some(schema), Some(last)) = (&self.options.schema, last)
            && let Err(error) = schema::check_response(schema, last)
        {
            self.printer.error(&error);
        }
    }

    /// Adds the usage of the last reply to that of the session, and shows it if the user wants to see it.
    fn count(&mut self, took: Duration, hops: usize) {
        let last = self.conversations.current().chat.last();
        let tokens = last.and_then(|last| last.usage_metadata.as_deref());
        let usage = ReplyUsage::new(tokens, took).hops(hops);
        let is_cut = last.is_some_and(reply::is_cut);
        let level = self.full_context(&usage);
        if is_cut {
            self.printer.note(match level.is_some_and(Level::is_full) {
                true => "(reply cut off: the context is full)",
                false => CUT,
            });
        }
        if self.options.stats {
            self.printer.note(&usage);
        }
        if let Some(level) = level {
            self.printer.note(level);
        }
        self.conversation().usage.add(usage);
    }
}
