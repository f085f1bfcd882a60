//! The turn that did not complete: what was sent, what came, why it ended, and what to do with it.

use std::borrow::Cow;
use std::fmt;
use std::iter::once;

use super::calls::Round;
use super::send::SendMessage;
use super::{ChatSession, Event};
use crate::error::{Error, ErrorKind};
use crate::model::Settings;
use crate::protocol::content::{Content, Role};
use crate::protocol::response::{FinishReason, GenerateContentResponse, UsageMetadata};

/// A turn that was begun and did not complete.
#[derive(Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// The message that was sent.
    pub sent: Content,
    /// The rounds of function calls that were completed: calls and their answers in turn.
    pub exchanged: Vec<Content>,
    /// What came of the reply to the last request, all chunks joined.
    pub received: Option<GenerateContentResponse>,
    /// Why it ended.
    pub reason: Reason,
    /// The round of calls that was being answered.
    pub(super) round: Option<Round>,
    /// How many rounds of calls were run, since the calls were last handed to the caller.
    pub(super) rounds: u32,
    /// What the requests before the present one used.
    pub(super) used: Option<Box<UsageMetadata>>,
    /// What the message said about how it is sent; on the heap, since most say nothing.
    pub(super) settings: Option<Box<Settings>>,
    /// How many tokens the first request has, if they were counted.
    pub(super) weight: Option<u32>,
}

/// Why a turn did not complete.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody waited for it any longer: the future or the stream was dropped.
    Interrupted,
    /// The stream ended without a finish reason.
    Truncated,
    /// An error came.
    Failed(Error),
    /// The model stopped for a reason that is no end.
    Stopped(FinishReason),
    /// The prompt was blocked.
    Blocked,
    /// The limit of function rounds was reached, and the calls were handed to the caller. A message
    /// that answers them goes on with the turn.
    CallsReturned,
}

impl Unfinished {
    pub(super) fn new(sent: Content) -> Self {
        Self {
            sent,
            exchanged: Vec::new(),
            received: None,
            reason: Reason::Interrupted,
            round: None,
            rounds: 0,
            used: None,
            settings: None,
            weight: None,
        }
    }

    /// What to send again after the history: the message and the completed rounds.
    pub(super) fn contents(&self) -> Vec<Content> {
        once(&self.sent).chain(&self.exchanged).cloned().collect()
    }

    /// The reply as far as it came, as a content of the model.
    pub(super) fn reply(&self) -> Option<Content> {
        let reply = self.received.as_ref().and_then(reply_of);
        reply.map(Cow::into_owned)
    }

    /// Goes on with the turn whose calls were handed to the caller, with their answers; rounds count
    /// anew.
    pub(super) fn answered(&mut self, exchange: [Content; 2]) {
        self.exchanged.extend(exchange);
        self.rounds = 0;
        self.used = self
            .received
            .take()
            .and_then(|received| received.usage_metadata);
    }

    /// Adds what the request used whose reply is at hand.
    pub(super) fn add_usage(&mut self) {
        let more = self
            .received
            .as_ref()
            .and_then(|received| received.usage_metadata.as_ref());
        match (&mut self.used, more) {
            (Some(used), Some(more)) => used.add(more),
            (used @ None, Some(more)) => *used = Some(more.clone()),
            (_, None) => {}
        }
    }

    /// Makes the response at hand bear what all requests of the turn used.
    pub(super) fn sum_usage(&mut self) {
        if self.used.is_none() {
            return;
        }
        self.add_usage();
        let used = self.used.take();
        if let Some(received) = &mut self.received {
            received.usage_metadata = used;
        }
    }

    pub(super) fn into_pair(self) -> (Content, Content) {
        let nothing = || Content::default().role(Role::Model);
        let received = self.reply().unwrap_or_else(nothing);
        (self.sent, received)
    }

    /// Closes the round that was being answered: calls that were not answered say so.
    pub(super) fn close_round(&mut self) {
        if let Some(round) = self.round.take() {
            self.exchanged.extend(round.close());
            self.received = None;
        }
    }
}

/// The content of a reply's first candidate; `None` if it has no parts.
pub(super) fn said_in(response: &GenerateContentResponse) -> Option<&Content> {
    let content = response.candidates.first()?.content.as_ref()?;
    (!content.parts.is_empty()).then_some(content)
}

/// The same with its role.
pub(super) fn reply_of(response: &GenerateContentResponse) -> Option<Cow<'_, Content>> {
    let content = said_in(response)?;
    Some(if content.has_role() {
        Cow::Borrowed(content)
    } else {
        Cow::Owned(content.clone().role(Role::Model))
    })
}

impl ChatSession {
    /// Puts the unfinished turn into the history as it is, and says whether it did.
    ///
    /// What came of the reply becomes the reply. Calls that were not answered are answered with an
    /// error that says so, since a request with an unanswered call is refused. If nothing came,
    /// there is nothing to keep: the turn stays unfinished.
    ///
    /// ```
    /// # use generativeai::{GenerativeModel, testing::Scripted};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let model = GenerativeModel::new("m")
    /// #     .backend(Scripted::default().then_chunks(["Once upon ", "a time…"]));
    /// let mut chat = model.start_chat();
    /// let mut reply = chat.send_message("Tell me a story").stream();
    /// reply.next().await;
    /// drop(reply); // the user pressed Ctrl-C
    ///
    /// assert!(chat.history().is_empty());
    /// assert!(chat.keep_partial());
    /// assert_eq!(chat.history()[1].parts[0].as_text(), Some("Once upon "));
    /// # Ok(()) }
    /// ```
    pub fn keep_partial(&mut self) -> bool {
        let Some(mut unfinished) = self.unfinished.clone() else {
            return false;
        };
        let reply = unfinished.reply();
        if reply.is_none() && unfinished.exchanged.is_empty() {
            return false;
        }
        self.unfinished = None;
        if unfinished.round.is_none()
            && let Some(round) = reply.as_ref().and_then(Round::of)
        {
            unfinished.round = Some(round);
        }
        let answered = unfinished.round.is_some();
        self.last = unfinished.received.clone();
        unfinished.close_round();
        let kept = once(unfinished.sent).chain(unfinished.exchanged);
        let contents: Vec<Content> = kept.chain(reply.filter(|_| !answered)).collect();
        self.record(|_| Event::Added {
            contents: contents.clone(),
        });
        self.remember(contents);
        true
    }

    /// Sends the unfinished turn again, with the settings it was sent with.
    ///
    /// It goes on after the rounds of function calls that were completed: no function is run a
    /// second time for the same call. One that was still running when the turn was interrupted is
    /// answered with an error that says so. Without an unfinished turn the message is an error.
    pub fn retry(&mut self) -> SendMessage<'_> {
        match self.unfinished.clone() {
            Some(unfinished) => SendMessage::again(self, unfinished),
            None => {
                let message = "there is no unfinished turn to send again";
                SendMessage::failed(self, Error::new(ErrorKind::Request, message))
            }
        }
    }
}

impl fmt::Debug for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unfinished")
            .field("reason", &self.reason)
            .field("rounds", &(self.exchanged.len() / 2))
            .field("received", &self.received.is_some())
            .finish_non_exhaustive()
    }
}
