//! Events: the changes of a conversation, as a journal stores them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::{fmt, iter};

use serde::{Deserialize, Serialize};

use super::reason::{Reason, recorded};
use crate::protocol::content::Content;
use crate::protocol::response::GenerateContentResponse;
use crate::tools::Decision;

/// Change of a conversation.
///
/// A conversation is the result of its events. [`ChatSession::resume`](crate::ChatSession::resume) rebuilds it by
/// applying them in order, and applies the same function as a running turn does.
///
/// A turn is a message, rounds of function calls, and a reply. Its events are, in order:
///
/// 1. [`Opened`](Self::Opened), before the message is sent;
/// 2. for each round of function calls [`Called`](Self::Called), [`Decided`](Self::Decided),
///    [`Started`](Self::Started), and [`Answered`](Self::Answered) for each call that runs. The last answer ends the
///    round;
/// 3. [`Completed`](Self::Completed) or [`Unfinished`](Self::Unfinished). If neither follows, the turn was
///    interrupted.
///
/// In JSON an event is an object with one member that is named after the event, for example
/// `{"rewound": {"length": 2}}`. Members with default values are left out.
///
/// ```
/// use generativeai::protocol::content::Content;
/// use generativeai::{Event, GenerativeModel};
/// # use generativeai::testing::Scripted;
///
/// # let model = GenerativeModel::new("m").backend(Scripted::default());
/// let json = r#"[
///     {"added": {"contents": [
///         {"role": "user", "parts": [{"text": "Hi"}]},
///         {"role": "model", "parts": [{"text": "Hello!"}]}
///     ]}},
///     {"opened": {"sent": {"role": "user", "parts": [{"text": "How are you?"}]}}}
/// ]"#;
/// let events: Vec<Event> = serde_json::from_str(json)?;
///
/// // The second turn has no end: it was interrupted.
/// # let journal = ();
/// let chat = model.start_chat().resume(journal, events)?;
/// assert_eq!(chat.history().len(), 2);
/// assert_eq!(chat.unfinished().map(|turn| turn.sent.text()).as_deref(), Some("How are you?"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// A message is about to be sent. Its turn is unfinished from here on, and replaces any other unfinished turn.
    Opened {
        /// The message.
        sent: Content,
        /// Rounds of function calls that an earlier attempt of the turn completed: calls and responses in turn.
        // Stored journals have the former names of this field and of `Redone`.
        #[serde(rename = "exchanged", default, skip_serializing_if = "Vec::is_empty")]
        rounds: Vec<Content>,
    },
    /// A round of function calls was added to the open turn. Older journals contain it instead of the steps of a round.
    Exchanged {
        /// The content with the calls, and the content with a response to each of them.
        contents: Vec<Content>,
    },
    /// The reply calls functions that are answered within the turn, and each call waits for a decision.
    Called {
        /// Random text that identifies the round. The [ids of its waiting calls](crate::WaitingCall::id) begin with it.
        id: String,
        /// Response with the calls. Its token counts cover all requests of the turn so far.
        received: Arc<GenerateContentResponse>,
    },
    /// Decisions on calls of the open round were made. Calls without a decision wait.
    ///
    /// Without a [policy](crate::AutomaticFunctionCalling::approve) all calls run, and so do calls that the service
    /// rejected: their answers contain the reason.
    Decided {
        /// Decisions by the index of the call in its reply.
        decisions: BTreeMap<usize, Decision>,
    },
    /// The functions of the open round are about to start. The denied calls are answered.
    Started,
    /// A function of the open round responded, or was interrupted.
    Answered {
        /// Index of the call in its reply.
        call: usize,
        /// Content with the response.
        answer: Content,
    },
    /// The open turn completed, and its message, rounds and reply entered the history.
    Completed {
        /// Response with the reply. Its token counts cover all requests of the turn.
        response: Arc<GenerateContentResponse>,
    },
    /// The open turn ended without completing. It stays unfinished.
    Unfinished {
        /// Reason why the turn ended.
        #[serde(flatten, with = "recorded")]
        reason: Reason,
        /// Received part of the reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        received: Option<Arc<GenerateContentResponse>>,
    },
    /// Contents other than a completed turn were added to the history.
    ///
    /// If a turn is unfinished, the contents are that turn, kept with the received part of the reply.
    /// Otherwise they are an older conversation.
    Added {
        /// The contents.
        contents: Vec<Content>,
        /// Indices into `contents` at which interrupted turns end.
        ///
        /// Empty in older journals: there, a kept unfinished turn ends with the last content.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        interrupted: Vec<usize>,
    },
    /// The history was replaced, and the rest of the conversation was discarded: the unfinished turn, the turns that
    /// were undone, the dropped contents and the summary.
    Replaced {
        /// The new history.
        contents: Vec<Content>,
    },
    /// The unfinished turn was undone if there was one, otherwise the last turn of the history.
    Rewound {
        /// Number of contents that remain in the history.
        length: usize,
    },
    /// The last undone turn was redone.
    #[serde(rename = "restored")]
    Redone,
    /// The oldest contents of the history were dropped, to keep within the
    /// [context budget](crate::ChatSession::context_budget).
    Compacted {
        /// Number of dropped contents.
        length: usize,
        /// Contents that replace them: nothing, or the request for a summary and the summary.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        summary: Vec<Content>,
    },
}

impl Event {
    /// Returns the contents of the event, in order: messages, function calls and responses, the replies of all
    /// candidates, and summaries.
    ///
    /// A journal uses it to index the text of a conversation, or to store its media separately.
    ///
    /// ```
    /// use generativeai::Event;
    /// use generativeai::protocol::content::Content;
    ///
    /// let contents = vec![Content::user("Hi"), Content::model("Hello!")];
    /// let event = Event::Added { contents, interrupted: Vec::new() };
    /// let texts: Vec<String> = event.contents().into_iter().map(Content::text).collect();
    /// assert_eq!(texts, ["Hi", "Hello!"]);
    /// ```
    pub fn contents(&self) -> Vec<&Content> {
        // Without a wildcard, so that the compiler reports a new kind of event here. A store builds its search index
        // from these contents, and moves the media out of them.
        match self {
            Self::Opened { sent, rounds } => iter::once(sent).chain(rounds).collect(),
            Self::Exchanged { contents }
            | Self::Added { contents, .. }
            | Self::Replaced { contents } => contents.iter().collect(),
            Self::Completed { response }
            | Self::Called {
                received: response, ..
            } => replies(response),
            Self::Answered { answer, .. } => vec![answer],
            Self::Unfinished { received, .. } => received.as_deref().map_or_else(Vec::new, replies),
            Self::Compacted { summary, .. } => summary.iter().collect(),
            Self::Rewound { .. } | Self::Redone | Self::Decided { .. } | Self::Started => {
                Vec::new()
            }
        }
    }

    /// Returns the [`contents`](Self::contents) of the event as mutable references.
    ///
    /// A response that other clones of the event share is copied first.
    ///
    /// A journal that stores media separately uses it to remove and to restore them.
    pub fn contents_mut(&mut self) -> Vec<&mut Content> {
        match self {
            Self::Opened { sent, rounds } => iter::once(sent).chain(rounds).collect(),
            Self::Exchanged { contents }
            | Self::Added { contents, .. }
            | Self::Replaced { contents } => contents.iter_mut().collect(),
            Self::Completed { response }
            | Self::Called {
                received: response, ..
            } => replies_mut(response),
            Self::Answered { answer, .. } => vec![answer],
            Self::Unfinished { received, .. } => {
                received.as_mut().map_or_else(Vec::new, replies_mut)
            }
            Self::Compacted { summary, .. } => summary.iter_mut().collect(),
            Self::Rewound { .. } | Self::Redone | Self::Decided { .. } | Self::Started => {
                Vec::new()
            }
        }
    }
}

fn replies(response: &GenerateContentResponse) -> Vec<&Content> {
    let candidates = response.candidates.iter();
    candidates
        .filter_map(|candidate| candidate.content.as_ref())
        .collect()
}

fn replies_mut(response: &mut Arc<GenerateContentResponse>) -> Vec<&mut Content> {
    let candidates = Arc::make_mut(response).candidates.iter_mut();
    candidates
        .filter_map(|candidate| candidate.content.as_mut())
        .collect()
}

/// Prints the name of the event alone: prompts and replies do not belong in logs.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opened { .. } => "Opened",
            Self::Exchanged { .. } => "Exchanged",
            Self::Called { .. } => "Called",
            Self::Decided { .. } => "Decided",
            Self::Started => "Started",
            Self::Answered { .. } => "Answered",
            Self::Completed { .. } => "Completed",
            Self::Unfinished { .. } => "Unfinished",
            Self::Added { .. } => "Added",
            Self::Replaced { .. } => "Replaced",
            Self::Rewound { .. } => "Rewound",
            Self::Redone => "Redone",
            Self::Compacted { .. } => "Compacted",
        })
    }
}

/// Error of an event that does not fit the state of its conversation.
///
/// The message is the rest of a sentence that begins with the event, such as "event 3 of the journal …".
#[derive(Debug, PartialEq)]
pub(super) struct InvalidEvent(pub(super) &'static str);

impl fmt::Display for InvalidEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Entry of a [journal](crate::Journal): an event and its unique id.
///
/// A conversation repeats a write whose result was lost. The journal recognizes the repeated entries by their ids.
/// Cloning is cheap: clones share the event.
///
/// ```
/// use generativeai::protocol::content::Content;
/// use generativeai::{Entry, Event};
///
/// let entry = Entry::new(Event::Replaced { contents: vec![Content::user("Hi")] });
/// let copy = entry.clone();
/// assert_eq!(entry.id(), copy.id());
/// assert_eq!(entry.event().contents()[0].text(), "Hi");
/// ```
#[derive(Clone, Debug)]
pub struct Entry(Arc<(u128, Event)>);

impl Entry {
    /// Creates an entry with a random id.
    ///
    /// # Panics
    /// If the operating system provides no random numbers.
    pub fn new(event: Event) -> Self {
        let mut id = [0; 16];
        getrandom::fill(&mut id).expect("the operating system provides random numbers");
        Self(Arc::new((u128::from_ne_bytes(id), event)))
    }

    /// Returns the id: 128 random bits.
    pub fn id(&self) -> u128 {
        self.0.0
    }

    /// Returns the event.
    pub fn event(&self) -> &Event {
        &self.0.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_of_every_kind_of_event_are_returned_in_order() {
        let content = |text: &str| Content::user(text);
        let response = Arc::new(GenerateContentResponse::from(Content::model("reply")));
        let contents = vec![content("a"), content("b")];
        for (mut event, expected) in [
            (
                Event::Opened {
                    sent: content("sent"),
                    rounds: contents.clone(),
                },
                &["sent", "a", "b"][..],
            ),
            (
                Event::Exchanged {
                    contents: contents.clone(),
                },
                &["a", "b"],
            ),
            (
                Event::Completed {
                    response: Arc::clone(&response),
                },
                &["reply"],
            ),
            (
                Event::Unfinished {
                    reason: Reason::Interrupted,
                    received: Some(Arc::clone(&response)),
                },
                &["reply"],
            ),
            (
                Event::Added {
                    contents: contents.clone(),
                    interrupted: Vec::new(),
                },
                &["a", "b"],
            ),
            (
                Event::Replaced {
                    contents: contents.clone(),
                },
                &["a", "b"],
            ),
            (
                Event::Called {
                    id: "1".to_owned(),
                    received: Arc::clone(&response),
                },
                &["reply"],
            ),
            (
                Event::Answered {
                    call: 0,
                    answer: content("a"),
                },
                &["a"],
            ),
            (
                Event::Decided {
                    decisions: BTreeMap::new(),
                },
                &[],
            ),
            (Event::Started, &[]),
            (Event::Rewound { length: 1 }, &[]),
            (Event::Redone, &[]),
            (
                Event::Compacted {
                    length: 1,
                    summary: contents.clone(),
                },
                &["a", "b"],
            ),
        ] {
            let texts: Vec<_> = event
                .contents()
                .iter()
                .map(|content| content.parts[0].as_text())
                .collect();
            let expected: Vec<_> = expected.iter().copied().map(Some).collect();
            assert_eq!(texts, expected, "{event:?}");
            let kind = format!("{event:?}");
            let texts: Vec<_> = event
                .contents_mut()
                .into_iter()
                .map(|content| content.parts[0].as_text())
                .collect();
            assert_eq!(texts, expected, "{kind}");
        }
    }
}
