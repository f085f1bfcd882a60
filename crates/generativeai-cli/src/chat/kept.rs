//! Where a chat is kept, so that it can be gone on with.

use generativeai::protocol::content::Content;
use generativeai::{ChatSession, Error, ErrorKind, GenerativeModel};
use generativeai_store::{Session, Store};

use super::conversation::{Conversation, in_short};
use crate::exit::Usage;
use crate::printer::Printer;

/// The longest name that is made of a first message, in characters.
const LONGEST: usize = 40;

/// Which conversation a chat is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// A new one; its name comes from its first message.
    New,
    /// The one that was spoken in last.
    Last,
    /// The one of that name: it is gone on with, or begun.
    Named(String),
    /// A new one that is not kept.
    Unkept,
}

/// Opens a chat with a model. A new chat goes on without being kept if the store cannot be used, and
/// says so.
pub(super) async fn open(
    which: Which,
    model: &GenerativeModel,
    automatic: bool,
    printer: &mut Printer,
) -> anyhow::Result<Conversation> {
    let mut conversation = match which {
        Which::Unkept => Conversation::new(model.start_chat(), None),
        Which::Last => read(last(&Store::open_default().await?).await?, model).await?,
        Which::Named(name) => named(&name, model).await?,
        Which::New => match begin(model).await {
            Ok(begun) => begun,
            Err(error) => {
                printer.note(format_args!("(this chat is not kept: {error})"));
                Conversation::new(model.start_chat(), None)
            }
        },
    };
    conversation.calls_functions(automatic);
    take_up(&mut conversation, printer);
    Ok(conversation)
}

/// Reads a conversation that is kept.
pub(crate) async fn read(
    session: Session,
    model: &GenerativeModel,
) -> generativeai::Result<Conversation> {
    let (chat, log) = tokio::try_join!(session.chat(model), session.log())?;
    let mut conversation = Conversation::new(chat, Some(session));
    conversation.mark(&log);
    Ok(conversation)
}

/// The conversation of that name, which is begun if there is none.
pub(super) async fn named(
    name: &str,
    model: &GenerativeModel,
) -> generativeai::Result<Conversation> {
    let store = Store::open_default().await?;
    let session = match store.session(name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => store.new_session(name).await?,
        found => found?,
    };
    read(session, model).await
}

async fn begin(model: &GenerativeModel) -> generativeai::Result<Conversation> {
    let session = Store::open_default().await?.new_session("").await?;
    let chat = session.chat(model).await?;
    let mut conversation = Conversation::new(chat, Some(session));
    conversation.nameless = true;
    Ok(conversation)
}

/// Takes a conversation up where it was left, and says so if that was within a turn.
pub(super) fn take_up(conversation: &mut Conversation, printer: &mut Printer) {
    let Some(sent) = conversation.unanswered().map(in_short) else {
        return;
    };
    if conversation.keep_what_came() {
        printer.note("(the last reply was interrupted; what came of it is in the conversation)");
    } else {
        conversation.chat.rewind();
        printer.note(format_args!(
            "(what was said last was not answered, and is taken back: {sent})"
        ));
    }
}

/// Writes what is not written yet, and names a chat after its first message.
pub(super) async fn save(conversation: &mut Conversation) -> generativeai::Result<()> {
    conversation.chat.save().await?;
    let Some(session) = conversation.session.as_ref() else {
        return Ok(());
    };
    if conversation.nameless
        && let Some(said) = first(&conversation.chat)
    {
        let title = title(&in_short(said));
        // A name is a help and no more: without one it has its number.
        if session.rename(&title).await.is_err() {
            let _ = session.rename(&format!("{title} ({})", session.id())).await;
        }
        conversation.nameless = false;
    }
    Ok(())
}

/// Ends a conversation: what is not written yet is, and a new one is thrown away if nothing was said.
pub(super) async fn close(mut conversation: Conversation) -> generativeai::Result<()> {
    save(&mut conversation).await?;
    if conversation.nameless
        && first(&conversation.chat).is_none()
        && let Some(session) = conversation.session
    {
        // What cannot be thrown away is an empty chat, which disturbs nobody.
        let _ = session.delete().await;
    }
    Ok(())
}

/// Tells that what was said last is not kept.
pub(super) fn missing(error: &Error, printer: &mut Printer) {
    printer.note(format_args!("(what was said last is not kept: {error})"));
}

/// What was said first.
fn first(chat: &ChatSession) -> Option<&Content> {
    let sent = chat.unfinished().map(|turn| &turn.sent);
    chat.history().first().or(sent)
}

/// Lets a copy of a conversation be kept by itself. If it cannot be, it goes on without.
pub(super) async fn fork(copy: &mut Conversation) -> generativeai::Result<()> {
    let (model, automatic) = (copy.chat.model().clone(), copy.chat.calls_functions());
    let session = copy.session.take();
    let own = model
        .start_chat()
        .with_history(copy.chat.history().to_vec());
    let mut shared = std::mem::replace(&mut copy.chat, own);
    copy.calls_functions(automatic);
    if let Some(session) = session {
        shared.save().await?;
        let session = session.fork("", None).await?;
        copy.chat = session.chat(&model).await?;
        copy.calls_functions(automatic);
        copy.session = Some(session);
        copy.nameless = true;
    }
    Ok(())
}

async fn last(store: &Store) -> anyhow::Result<Session> {
    let sessions = store.list().await?;
    match sessions.iter().find(|session| session.events > 0) {
        Some(session) => Ok(store.session(&session.id.to_string()).await?),
        None => Err(Usage("there is no chat to go on with yet".to_owned()).into()),
    }
}

/// The beginning of a first message, as a name.
fn title(said: &str) -> String {
    let words = said.split(|char: char| char.is_whitespace() || char.is_control());
    let mut title = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if title.chars().count() + word.chars().count() >= LONGEST {
            break;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    if title.is_empty() {
        title = said
            .trim()
            .chars()
            .filter(|char| !char.is_control())
            .take(LONGEST)
            .collect();
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_words_and_no_more() {
        assert_eq!(title(" How tall\nis  it?\u{1b} "), "How tall is it?");
        let long = "A question that goes on and on and on for ever and ever";
        assert_eq!(title(long), "A question that goes on and on and on");
        assert_eq!(title(&"x".repeat(99)), "x".repeat(40));
        assert_eq!(title(""), "");
    }
}
