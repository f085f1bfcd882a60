//! The history: reading it, setting it, and taking back a turn.

use std::borrow::Cow;
use std::iter::once;
use std::sync::Arc;

use super::unfinished::reply_of;
use super::{ChatSession, Event, Unfinished};
use crate::protocol::content::{Content, Data, Part, Role};
use crate::protocol::response::GenerateContentResponse;

/// What was taken back.
#[derive(Clone)]
pub(super) enum Undone {
    Turn(Vec<Content>),
    Unfinished(Box<Unfinished>),
}

impl ChatSession {
    /// What was said, and what the next request sends before its message: complete turns only.
    ///
    /// With a [budget](Self::context_budget) the next message may leave the oldest turns out; they are
    /// in [`left_out`](Self::left_out) then.
    pub fn history(&self) -> &[Content] {
        self.history.contents()
    }

    /// The last response that came, complete or not, until the next message is sent, the turn is
    /// [taken back](Self::rewind), or the history [set](Self::set_history).
    pub fn last(&self) -> Option<&GenerateContentResponse> {
        match &self.unfinished {
            Some(unfinished) => unfinished.received.as_ref(),
            None => self.last.as_ref(),
        }
    }

    /// Replaces the history, as given; [`last`](Self::last) and the unfinished turn are forgotten.
    ///
    /// Missing roles are filled: a function response is the user's, else user and model alternate
    /// from the first role that is known.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, protocol::content::Content, testing::Scripted};
    /// # let mut chat = GenerativeModel::new("m").backend(Scripted::default()).start_chat();
    /// chat.set_history([Content::user("Hello"), Content::model("Hello!")]);
    /// assert_eq!(chat.history().len(), 2);
    /// ```
    pub fn set_history(&mut self, history: impl IntoIterator<Item = impl Into<Content>>) {
        let mut contents: Vec<Content> = history.into_iter().map(Into::into).collect();
        fill_roles(&mut contents);
        self.record(|_| Event::Replaced {
            contents: contents.clone(),
        });
        self.history = Arc::default();
        self.remember(contents);
        self.left_out = Arc::default();
        self.summary = 0;
        self.last = None;
        self.unfinished = None;
    }

    /// Takes back the unfinished turn if there is one, else the last turn, and gives what was sent
    /// and what was received; `None` if no turn is left.
    ///
    /// A turn goes whole, its rounds of function calls included. If nothing was received, the
    /// received content has no parts.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Four."));
    /// let mut chat = model.start_chat();
    /// chat.send_message("What is two and two?").await?;
    ///
    /// let (sent, received) = chat.rewind().expect("a turn");
    ///
    /// assert_eq!(received.parts[0].as_text(), Some("Four."));
    /// assert!(chat.history().is_empty() && chat.rewind().is_none());
    /// # Ok(()) }
    /// ```
    pub fn rewind(&mut self) -> Option<(Content, Content)> {
        let length = match self.unfinished {
            Some(_) => self.history().len(),
            None => last_turn(self.history())?,
        };
        self.record_outcome();
        self.record(|_| Event::Rewound { length });
        match self.take_back(length) {
            Undone::Unfinished(turn) => Some(turn.clone().into_pair()),
            Undone::Turn(turn) => Some((turn.first()?.clone(), turn.last()?.clone())),
        }
    }

    /// Puts back what was [taken back](Self::rewind) last, and says whether there was something:
    /// nothing is left once a message is sent or the history is set.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Four."));
    /// let mut chat = model.start_chat();
    /// chat.send_message("What is two and two?").await?;
    /// chat.rewind();
    ///
    /// assert!(chat.restore());
    /// assert_eq!(chat.history().len(), 2);
    /// assert!(!chat.restore());
    /// # Ok(()) }
    /// ```
    pub fn restore(&mut self) -> bool {
        let Some(undone) = self.undone.pop() else {
            return false;
        };
        match undone {
            Undone::Unfinished(turn) => self.unfinished = Some(turn),
            Undone::Turn(turn) => Arc::make_mut(&mut self.history).extend(turn),
        }
        self.record(|_| Event::Restored);
        true
    }

    /// Takes back the unfinished turn if there is one, else the contents from `length` on.
    pub(super) fn take_back(&mut self, length: usize) -> &Undone {
        let undone = match self.unfinished.take() {
            Some(turn) => Undone::Unfinished(turn),
            None => {
                self.last = None;
                self.summary = self.summary.min(length);
                Undone::Turn(Arc::make_mut(&mut self.history).split_off(length))
            }
        };
        self.undone.push_mut(undone)
    }

    /// Begins a turn: from here on it is unfinished.
    pub(super) fn open(&mut self, turn: Box<Unfinished>) {
        self.last = None;
        self.unfinished = Some(turn);
        self.undone.clear();
    }

    /// Puts the unfinished turn into the history, as it is complete.
    pub(super) fn complete(&mut self) {
        let Some(turn) = self.unfinished.take() else {
            return;
        };
        let reply = turn.received.as_ref().and_then(reply_of);
        let reply = reply.map(Cow::into_owned);
        let said = once(turn.sent).chain(turn.exchanged);
        self.remember(said.chain(reply));
        self.last = turn.received;
    }

    /// Puts contents into the history.
    pub(super) fn remember(&mut self, contents: impl IntoIterator<Item = Content>) {
        Arc::make_mut(&mut self.history).extend(contents);
        self.undone.clear();
    }
}

/// Where the last turn starts: a reply and what it answers, back over the rounds of function calls.
/// A turn that was kept before its reply came ends with the answers of a round.
fn last_turn(history: &[Content]) -> Option<usize> {
    let reply = history.len().checked_sub(1)?;
    let before_reply = reply.checked_sub(1)?;
    let mut start = if answers_functions(&history[reply]) {
        reply
    } else {
        before_reply
    };
    while answers_functions(&history[start])
        && let Some(before) = start.checked_sub(2)
    {
        start = before;
    }
    Some(start.min(before_reply))
}

/// The lengths of the history at which a turn ends; `message` comes after the last. What calls a function
/// is in the same turn as what answers it.
pub(super) fn turn_ends(history: &[Content], message: &Content) -> Vec<usize> {
    let next = history.iter().skip(1).chain([message]);
    let ends = |(content, next): &(&Content, &Content)| {
        let is_end = content.role == Some(Role::Model) || answers_functions(content);
        is_end && next.role != Some(Role::Model) && !answers_functions(next)
    };
    let pairs = history.iter().zip(next).enumerate();
    pairs
        .filter(|(_, pair)| ends(pair))
        .map(|(at, _)| at + 1)
        .collect()
}

fn answers_functions(content: &Content) -> bool {
    let answer = |part: &Part| matches!(part.data, Some(Data::FunctionResponse(_)));
    content.role != Some(Role::Model) && content.parts.iter().any(answer)
}

/// Fills the roles that are missing, alternating from the first that is known.
fn fill_roles(contents: &mut [Content]) {
    let known = |content: &Content| match &content.role {
        Some(role) if !role.as_str().is_empty() => Some(role.clone()),
        _ if answers_functions(content) => Some(Role::User),
        _ => None,
    };
    let first = contents
        .iter()
        .enumerate()
        .find_map(|(at, content)| Some((at, known(content)?)));
    let mut model_is_next = match first {
        Some((at, role)) => (role == Role::Model) == at.is_multiple_of(2),
        None => false,
    };
    for content in contents {
        let role = known(content).unwrap_or(if model_is_next {
            Role::Model
        } else {
            Role::User
        });
        model_is_next = role != Role::Model;
        content.role = Some(role);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GenerativeModel;
    use crate::protocol::content::{FunctionCall, FunctionResponse};

    #[test]
    fn a_history_that_ends_with_answers_is_taken_back_to_nothing() {
        let call = Content::model(FunctionCall::new("f", serde_json::Map::new()));
        let answer = Content::user(FunctionResponse::new("f", serde_json::Map::new()));
        for history in [
            vec![call.clone(), answer.clone()],
            vec![Content::user("x"), call, answer.clone()],
            vec![answer.clone(), answer],
        ] {
            let first = history[0].clone();
            let mut chat = GenerativeModel::new("m").start_chat().with_history(history);

            assert_eq!(chat.rewind().expect("a turn").0, first);
            assert!(chat.history().is_empty() && chat.rewind().is_none());
        }
    }

    fn roles(mut contents: Vec<Content>) -> Vec<Role> {
        fill_roles(&mut contents);
        contents
            .into_iter()
            .filter_map(|content| content.role)
            .collect()
    }

    #[test]
    fn roles_alternate_from_the_first_that_is_known() {
        let unknown = || Content::from("x");
        let answer = Content::from(FunctionResponse::new("f", serde_json::Map::new()));

        assert_eq!(roles(vec![unknown(), unknown()]), [Role::User, Role::Model]);
        assert_eq!(
            roles(vec![unknown(), Content::user("x"), unknown()]),
            [Role::Model, Role::User, Role::Model]
        );
        assert_eq!(roles(vec![unknown(), unknown(), answer])[2], Role::User);
        assert_eq!(
            roles(vec![Content::model("x"), unknown()]),
            [Role::Model, Role::User]
        );
    }
}
