//! Stored sessions: finding, opening, naming and saving them.

mod lock;

use std::time::Duration;

use anyhow::bail;
use generativeai::protocol::content::Content;
use generativeai::{ChatSession, Error, ErrorKind, GenerativeModel, Result};
use generativeai_store::{Session, Store};

use crate::approval;
use crate::conversation::Conversation;
use crate::exit::{UsageError, refused};
use crate::import;
use crate::render::{Printer, sanitize};
use crate::signals::Signals;
use crate::suggest::nearest;
use crate::transcript::excerpt;
pub(crate) use lock::{OpenMark, SessionLock};

/// Maximum length of a name that is derived from the first message, in characters.
const MAX_NAME: usize = 40;

/// Time after which work on the store is reported to the user.
const REPORT_AFTER: Duration = Duration::from_millis(800);

/// Session to open.
#[derive(Debug)]
pub(crate) enum SessionChoice {
    /// A session that exists.
    Existing(Session),
    /// A new session. With an empty name, it is named after its first message.
    New(String),
}

/// Opens a session, and locks it if it is saved. If the store cannot be used, a new session without a name is not
/// saved, with a note. One with a name then is an error, since the user wants a stored session.
///
/// Without `save` nothing is written: the conversation is a copy of the stored session.
pub(crate) async fn open(
    choice: SessionChoice,
    model: &GenerativeModel,
    save: bool,
    printer: &mut Printer,
) -> anyhow::Result<(Conversation, Option<SessionLock>)> {
    let (session, is_new) = match choice {
        SessionChoice::Existing(session) => (session, false),
        SessionChoice::New(_) if !save => return Ok((unsaved(model), None)),
        SessionChoice::New(name) if name.is_empty() => match new_session("").await {
            Ok(session) => (session, true),
            Err(error) => {
                printer.note(format_args!("(this session is not saved: {error})"));
                return Ok((unsaved(model), None));
            }
        },
        SessionChoice::New(name) => {
            // Another process may have created it meanwhile.
            let store = Store::open_default().await?;
            let session = store.find_or_create(&name).await.map_err(refused)?;
            printer.note(format_args!("(new session `{name}`)"));
            (session, true)
        }
    };
    if !save {
        printer.note("(with --no-save this is a copy: new messages are not saved)");
        return Ok((copy(session, model).await?, None));
    }
    // Locked before it is read: another process may be sending a message in this session, which would be missing.
    let lock = SessionLock::acquire(&session, printer).await;
    let mut conversation = read(session, model).await?;
    conversation.is_new = is_new;
    Ok((conversation, lock))
}

/// Checks the name of a new session.
///
/// # Errors
/// A usage error if the store would refuse the name.
pub(crate) async fn check_name(name: &str) -> anyhow::Result<()> {
    // An empty store: the rules are those of the store, and nothing may be written yet.
    let store = Store::open("sqlite::memory:").await?;
    store.new_session(name).await.map(drop).map_err(refused)
}

/// Creates a session in the store. An empty name means none.
async fn new_session(name: &str) -> Result<Session> {
    let store = Store::open_default().await?;
    for id in OpenMark::take_abandoned() {
        if let Ok(session) = store.session_by_id(id).await {
            delete_if_unused(&session).await;
        }
    }
    store.new_session(name).await
}

/// Starts a conversation that is not saved.
pub(crate) fn unsaved(model: &GenerativeModel) -> Conversation {
    Conversation::new(model.start_chat(), None)
}

/// Finds a session by its name or number. The store is not created for this.
pub(crate) async fn find(name: &str) -> Result<Option<Session>> {
    let Some(store) = Store::find_default().await? else {
        return Ok(None);
    };
    match store.session_by_name_or_id(name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Returns the names of all sessions, the most recently used first. If the store does not exist or cannot be read,
/// there are none.
pub(crate) async fn names() -> Vec<String> {
    let sessions = match Store::find_default().await {
        Ok(Some(store)) => store.list().await.unwrap_or_default(),
        _ => Vec::new(),
    };
    let names = sessions.into_iter().map(|session| session.name);
    // The names are suggested and completed unchanged, so one with control characters could control the terminal.
    names.filter(|name| sanitize(name) == *name).collect()
}

/// Finds a session by its name or number. It is a usage error if it does not exist.
pub(crate) async fn existing(store: &Store, name: &str) -> anyhow::Result<Session> {
    match store.session_by_name_or_id(name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unknown(name, "").await.into()),
        found => Ok(found?),
    }
}

/// Returns whether a text is the number of a session. It is not a valid name then.
pub(crate) fn is_number(name: &str) -> bool {
    name.trim().parse::<i64>().is_ok()
}

/// Creates the error for an unknown session. It suggests the most similar name; `remedy` is added at its end.
pub(crate) async fn unknown(name: &str, remedy: &str) -> UsageError {
    if is_number(name) {
        return UsageError(format!(
            "no session has the number {name}: `genai sessions list` lists all"
        ));
    }
    let names = names().await;
    let similar = nearest(name, names.iter().map(String::as_str));
    let question = similar.map(|similar| format!("did you mean `{similar}`? "));
    let question = question.unwrap_or_default();
    UsageError(format!(
        "unknown session `{name}`: {question}`genai sessions list` lists all{remedy}"
    ))
}

/// Returns the most recently used session that contains a message.
pub(crate) async fn last() -> anyhow::Result<Session> {
    let none = || UsageError("there is no session to continue: start one first".to_owned());
    let store = Store::find_default().await?.ok_or_else(none)?;
    let sessions = store.list().await?;
    let last = sessions.iter().find(|session| session.events > 0);
    let id = last.ok_or_else(none)?.id;
    Ok(store.session_by_id(id).await?)
}

/// Opens a stored session to continue it. New messages are saved in it.
pub(crate) async fn read(session: Session, model: &GenerativeModel) -> Result<Conversation> {
    let open_mark = OpenMark::new(session.id());
    let chat = session.chat(model).await?;
    let mut conversation = Conversation::new(chat, Some(session));
    conversation.open_mark = open_mark;
    Ok(conversation)
}

/// Opens a session that was just created.
pub(crate) async fn read_new(session: Session, model: &GenerativeModel) -> Result<Conversation> {
    let mut conversation = read(session, model).await?;
    conversation.is_new = true;
    Ok(conversation)
}

/// Deletes a session.
///
/// # Errors
/// Another process has the session open: its next messages would fail.
pub(crate) async fn delete(session: &Session, name: &str) -> anyhow::Result<()> {
    let mark = OpenMark::of_deletion(session.id());
    if matches!(mark, Ok(None)) {
        bail!("session `{name}` is open in another genai: quit that one first");
    }
    Ok(session.delete().await?)
}

/// Opens a copy of a stored session that is not saved. Calls that wait for approval are not run in the copy: the
/// original decides about them, and they would run twice.
pub(crate) async fn copy(session: Session, model: &GenerativeModel) -> Result<Conversation> {
    let mut chat = session.chat(model).await?.fork();
    if !approval::waiting(&chat).is_empty() {
        chat.keep_partial();
    }
    Ok(Conversation::new(chat, None))
}

/// Creates a session. Without a name, it is named after its first message.
pub(crate) async fn create(name: &str, model: &GenerativeModel) -> Result<Conversation> {
    read_new(new_session(name).await?, model).await
}

/// Imports the conversation in a file. Also returns its system instruction, which a session does not store.
///
/// Without a `name`, the session gets the name in the file. If it has none, or the name is taken or only a number, the
/// session is named after its first message.
pub(crate) async fn import(
    store: &Store,
    name: &str,
    file: &[u8],
) -> anyhow::Result<(Session, Option<String>)> {
    // An export of this program contains all events of a session, including undone turns. Other formats contain only
    // messages.
    let (session, instruction) = if import::is_event_log(file) {
        (store.import_jsonl(name, file).await, None)
    } else {
        let imported = import::parse(file)?;
        let session = store.import_contents(name, imported.contents).await;
        (session, imported.instruction)
    };
    let session = session.map_err(refused)?;
    if name.is_empty() {
        // An empty name would remove the name of the session.
        let own = import::name_in_log(file).filter(|name| !name.trim().is_empty());
        if let Some(own) = own
            && let Err(error) = session.rename(&own).await
            && error.kind() != ErrorKind::Request
        {
            return Err(error.into());
        }
        if let Some(first) = session.contents().await?.first() {
            name_after_message(&session, first).await;
        }
    }
    Ok((session, instruction))
}

/// Resolves a turn that an earlier process left unfinished: keeps the part of the reply that arrived, or discards and
/// returns the message if there is none. Calls that wait for approval continue to wait.
pub(crate) fn recover(conversation: &mut Conversation, printer: &mut Printer) -> Option<Content> {
    if !approval::waiting(&conversation.chat).is_empty() {
        return None;
    }
    let message = conversation.unanswered()?.clone();
    if conversation.chat.keep_partial() {
        printer.note("(the last reply was interrupted; the part that arrived was kept)");
        return None;
    }
    conversation.chat.rewind();
    printer.note(format_args!(
        "(the last message was not answered and was discarded: {})",
        excerpt(&message)
    ));
    Some(message)
}

/// Saves pending events, and names the session after its first message.
pub(crate) async fn save(conversation: &mut Conversation) -> Result<()> {
    conversation.chat.save().await?;
    if !conversation.is_named
        && let Some(session) = &conversation.session
        && let Some(message) = first_message(&conversation.chat)
    {
        name_after_message(session, message).await;
        conversation.is_named = true;
    }
    Ok(())
}

/// Names a session after its first message, unless it has a name. Another process may have renamed it.
async fn name_after_message(session: &Session, first: &Content) {
    if !is_unnamed(session).await {
        return;
    }
    let name = name_from(&excerpt(first));
    // Names are unique, so the second attempt adds the number. If both fail, the session keeps its number as its name.
    if session.rename(&name).await.is_err() {
        let _ = session.rename(&format!("{name} ({})", session.id())).await;
    }
}

/// Returns whether a session has no name, as stored now. It is called by its number then, which is not a valid name.
async fn is_unnamed(session: &Session) -> bool {
    let info = session.info().await;
    info.is_ok_and(|info| info.name == session.id().to_string())
}

/// Closes a conversation at the end of the program, and reports messages that are not saved. Returns `false` if Ctrl-C
/// stopped that.
pub(crate) async fn close(
    conversation: Conversation,
    signals: &Signals,
    printer: &mut Printer,
) -> bool {
    let closing = wait(save_or_delete(conversation), printer);
    let closed = signals.unless_interrupted(closing).await;
    match &closed {
        Some(Ok(())) => {}
        Some(Err(error)) => report_unsaved(error, printer),
        None => printer.note("(the last messages are not saved)"),
    }
    closed.is_some()
}

/// Saves pending events. Deletes a session of this run that was not used.
async fn save_or_delete(mut conversation: Conversation) -> Result<()> {
    save(&mut conversation).await?;
    let may_delete = conversation.is_new && conversation.is_empty();
    if let Some(session) = conversation.session.filter(|_| may_delete) {
        drop(conversation.open_mark);
        delete_if_unused(&session).await;
    }
    Ok(())
}

/// Deletes a session without a name, and without messages that could be shown or redone, unless it is open.
async fn delete_if_unused(session: &Session) {
    // Held to the end, so that no process opens the session after the checks. An error is ignored: then an empty session
    // remains, which does no harm.
    let Ok(Some(_mark)) = OpenMark::of_deletion(session.id()) else {
        return;
    };
    // Another process may have named the session, or used it by its number.
    let has_no_message = async {
        let stored = copy(session.clone(), &GenerativeModel::new("none")).await;
        stored.is_ok_and(|mut stored| stored.is_empty() && stored.redo().is_none())
    };
    if is_unnamed(session).await && has_no_message.await {
        let _ = session.delete().await;
    }
}

/// Reports that the last messages are not saved.
pub(crate) fn report_unsaved(error: &Error, printer: &mut Printer) {
    printer.note(format_args!("(the last messages are not saved: {error})"));
}

/// Returns the first message of a chat, answered or not.
fn first_message(chat: &ChatSession) -> Option<&Content> {
    let sent = chat.unfinished().map(|turn| &turn.sent);
    chat.history().first().or(sent)
}

/// Creates a session that continues a conversation independently. Without a name, it is named after its first message.
pub(crate) async fn fork(conversation: &mut Conversation, name: &str) -> Result<Conversation> {
    let model = conversation.chat.model().clone();
    let forked = match &conversation.session {
        Some(session) => {
            conversation.chat.save().await?;
            session.fork(name, None).await?
        }
        None => {
            let history = conversation.with_part().chat.history().to_vec();
            let store = Store::open_default().await?;
            store.import_contents(name, history).await?
        }
    };
    read_new(forked, &model).await
}

/// Waits for work on the store, with a note if it takes long.
pub(crate) async fn wait<T>(work: impl Future<Output = T>, printer: &mut Printer) -> T {
    let note = "(waiting for the session store; Ctrl-C stops waiting)";
    printer.note_after(REPORT_AFTER, note, work).await
}

/// Derives a name from the first words of a message, or from its first characters if the first word is too long.
fn name_from(message: &str) -> String {
    let words = message.split(|char: char| char.is_whitespace() || char.is_control());
    let mut name = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if name.chars().count() + word.chars().count() >= MAX_NAME {
            break;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
    }
    if name.is_empty() {
        name = message
            .trim()
            .chars()
            .filter(|char| !char.is_control())
            .take(MAX_NAME)
            .collect();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_after_the_first_words_of_its_message() {
        assert_eq!(name_from(" How tall\nis  it?\u{1b} "), "How tall is it?");
        let long = "A rather long question about many hills and lakes";
        assert_eq!(name_from(long), "A rather long question about many hills");
        assert_eq!(name_from(&"x".repeat(99)), "x".repeat(40));
        assert_eq!(name_from(""), "");
    }
}
