//! Where a chat is kept, so that it can be gone on with.

use generativeai::{ChatSession, ErrorKind, GenerativeModel};
use generativeai_store::{Session, Store};

use super::conversation::Conversation;
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

/// A chat, and the session in which it is kept, if it is.
pub(super) struct Kept {
    pub(super) chat: ChatSession,
    pub(super) session: Option<Session>,
    /// Whether the session has no name of its own yet.
    nameless: bool,
}

impl Kept {
    /// Opens a chat with a model. A new chat goes on without being kept if the store cannot be used, and
    /// says so.
    pub(super) async fn open(
        which: Which,
        model: &GenerativeModel,
        printer: &mut Printer,
    ) -> anyhow::Result<Self> {
        let nameless = which == Which::New;
        let session = match which {
            Which::Unkept => None,
            Which::Last => Some(last(&Store::open_default().await?).await?),
            Which::Named(name) => Some(named(&Store::open_default().await?, &name).await?),
            Which::New => match begin().await {
                Ok(session) => Some(session),
                Err(error) => {
                    printer.note(format_args!("(this chat is not kept: {error})"));
                    None
                }
            },
        };
        let chat = match &session {
            Some(session) => session.chat(model).await?,
            None => model.start_chat(),
        };
        Ok(Self {
            chat,
            session,
            nameless,
        })
    }

    /// Ends the chat: gives it a name after its first message, and throws it away if nothing was said.
    pub(super) async fn close(self, printer: &mut Printer) {
        let Self {
            mut chat,
            session,
            nameless,
        } = self;
        if let Err(error) = chat.save().await {
            printer.note(format_args!("(what was said last is not kept: {error})"));
        }
        let Some(session) = session.filter(|_| nameless) else {
            return;
        };
        let first = chat.history().first();
        let sent = chat.unfinished().map(|turn| &turn.sent);
        let said: Option<String> = first.or(sent).map(|content| {
            content
                .parts
                .iter()
                .filter_map(|part| part.as_text())
                .collect()
        });
        // A name is a help and no more: without one it has its number.
        let _ = match said {
            Some(said) => session.rename(&title(&said)).await,
            None => session.delete().await,
        };
    }
}

/// Lets a copy of a conversation be kept by itself. If it cannot be, it goes on without.
pub(super) async fn fork(copy: &mut Conversation) -> generativeai::Result<()> {
    let (model, automatic) = (copy.chat.model().clone(), copy.chat.calls_functions());
    let session = copy.session.take();
    let own = model
        .start_chat()
        .with_history(copy.chat.history().to_vec())
        .automatic_function_calling(automatic);
    let mut shared = std::mem::replace(&mut copy.chat, own);
    if let Some(session) = session {
        shared.save().await?;
        let session = session.fork("", None).await?;
        let chat = session.chat(&model).await?;
        copy.chat = chat.automatic_function_calling(automatic);
        copy.session = Some(session);
    }
    Ok(())
}

async fn begin() -> generativeai::Result<Session> {
    Store::open_default().await?.new_session("").await
}

async fn last(store: &Store) -> anyhow::Result<Session> {
    let sessions = store.list().await?;
    match sessions.iter().find(|session| session.events > 0) {
        Some(session) => Ok(store.session(&session.id.to_string()).await?),
        None => Err(Usage("there is no chat to go on with yet".to_owned()).into()),
    }
}

async fn named(store: &Store, name: &str) -> anyhow::Result<Session> {
    match store.session(name).await {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(store.new_session(name).await?),
        found => Ok(found?),
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
