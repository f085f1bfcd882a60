//! A conversation with what the terminal knows of it: what was taken back, what was interrupted.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use generativeai::protocol::content::{Content, Part, Role};
use generativeai::{ChatSession, Event};
use generativeai_store::Session;

/// A conversation at the terminal. A clone goes its own way.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(super) chat: ChatSession,
    /// Where it is kept, if it is.
    pub(super) session: Option<Session>,
    /// Whether the session has no name of its own yet.
    pub(super) nameless: bool,
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
    pub(crate) fn new(chat: ChatSession, session: Option<Session>) -> Self {
        Self {
            chat,
            session,
            nameless: false,
            saved: None,
            taken_back: Vec::new(),
            interrupted: BTreeSet::new(),
        }
    }

    /// Says whether the functions that the model calls are run.
    pub(super) fn calls_functions(&mut self, automatic: bool) {
        let nothing = self.chat.model().start_chat();
        let chat = std::mem::replace(&mut self.chat, nothing);
        self.chat = chat.automatic_function_calling(automatic);
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

    /// Keeps what came of the turn that was interrupted, marked so, and says whether there is any: a part
    /// of the reply, or functions that were called.
    pub(crate) fn keep_what_came(&mut self) -> bool {
        let came = self.chat.keep_partial();
        if came {
            self.interrupted.insert(self.chat.history().len() - 1);
            self.went_on();
        }
        came
    }

    /// What was said last, if nothing came of it and it is not taken back.
    pub(crate) fn unanswered(&self) -> Option<&Content> {
        self.chat.unfinished().map(|turn| &turn.sent)
    }

    /// Marks the replies that were interrupted, by what was written down of the conversation.
    pub(super) fn mark(&mut self, log: &[Event]) {
        let (mut open, mut kept) = (false, Vec::new());
        for event in log {
            match event {
                Event::Opened { .. } => open = true,
                Event::Exchanged { .. } | Event::Unfinished { .. } => {}
                Event::Added { contents } if open => {
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

    /// What was said, by whom, and whether it was interrupted.
    pub(crate) fn said(&self) -> impl Iterator<Item = (Speaker, &Content, bool)> {
        let history = self.chat.history().iter().enumerate();
        history.map(|(at, content)| {
            let interrupted = self.interrupted.contains(&at);
            (Speaker::of(content), content, interrupted)
        })
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    You,
    Model,
    Tools,
}

impl Speaker {
    fn of(content: &Content) -> Self {
        let answers = |part: &Part| part.as_function_response().is_some();
        if content.role == Some(Role::Model) {
            Self::Model
        } else if content.parts.iter().any(answers) {
            Self::Tools
        } else {
            Self::You
        }
    }
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::You => "you",
            Self::Model => "model",
            Self::Tools => "tools",
        })
    }
}

/// The most characters that are shown of what was said, where it stands for a turn.
const SHORT: usize = 200;

/// What somebody said, in short: without files, and no more than its beginning.
pub(super) fn in_short(content: &Content) -> String {
    let said = content.parts.iter().rev().find_map(Part::as_text);
    let said = said.unwrap_or_default().trim();
    match said.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

/// What a content says; a part that is no text is named in brackets.
pub(crate) fn text_of(content: &Content) -> String {
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
    if let Some(call) = part.as_function_call() {
        return format!("[calls {}]", call.name());
    }
    if let Some(answer) = part.as_function_response() {
        return format!("[{} answers]", answer.name.as_deref().unwrap_or_default());
    }
    let kind = part.kind().unwrap_or("nothing");
    let media = part
        .as_inline_data()
        .and_then(|blob| blob.mime_type.as_deref());
    match media {
        Some(media) => format!("[{kind}: {media}]"),
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
        use generativeai::protocol::content::Blob;

        let content = Content::user(vec![
            Part::from(Blob::new("image/png", b"x")),
            Part::text("What is this?"),
        ]);

        assert_eq!(text_of(&content), "[inlineData: image/png]\nWhat is this?");
    }
}
