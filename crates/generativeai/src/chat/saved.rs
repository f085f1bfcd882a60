//! Saving a conversation and loading it again.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::budget::Budget;
use super::{ChatSession, Reason, Unfinished};
use crate::error::{Error, ErrorKind};
use crate::model::{GenerativeModel, SavedModel};
use crate::protocol::content::{Content, Contents, Transcript};
use crate::protocol::response::{FinishReason, GenerateContentResponse};

/// A conversation as it is saved.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    model: SavedModel,
    #[serde(default)]
    automatic_function_calling: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context_budget: Option<Budget>,
    #[serde(default)]
    history: Contents,
    /// What left the history to keep the budget.
    #[serde(default, skip_serializing_if = "Contents::is_empty")]
    left_out: Contents,
    /// How many contents the history begins with that are a summary.
    #[serde(default, skip_serializing_if = "is_zero")]
    summary: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<GenerateContentResponse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<SavedTurn>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedTurn {
    sent: Content,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exchanged: Vec<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    received: Option<GenerateContentResponse>,
    reason: Reason,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SavedReason {
    Interrupted,
    Truncated,
    Failed(String),
    Stopped(FinishReason),
    Blocked,
    CallsReturned,
}

/// A conversation is saved with its model's name and settings, its history, what left it to keep the
/// budget, and the unfinished turn, unknown members and signatures included. The backend is not saved,
/// nor the functions that run here, nor keys: after loading, [`backend`](ChatSession::backend) and
/// [`tools`](ChatSession::tools) set them anew. What becomes of an error is its message.
///
/// ```
/// use generativeai::{ChatSession, GenerativeModel, testing::Scripted};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let model = GenerativeModel::new("m").backend(Scripted::default().then_text("Hello!"));
/// # let mut chat = model.start_chat();
/// chat.send_message("Hi").await?;
/// let saved = serde_json::to_string(&chat)?;
///
/// let backend = Scripted::default().then_text("As I said: hello!");
/// let mut chat = serde_json::from_str::<ChatSession>(&saved)?.backend(backend);
/// chat.send_message("Again, please").await?;
/// assert_eq!(chat.history().len(), 4);
/// # Ok(()) }
/// ```
impl Serialize for ChatSession {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = Saved {
            model: self.model.save(),
            automatic_function_calling: self.automatic.is_some(),
            context_budget: self.budget,
            history: Contents::new(Arc::clone(&self.history), Vec::new()),
            left_out: Contents::new(Arc::clone(&self.left_out), Vec::new()),
            summary: self.summary,
            last: self.last.clone(),
            unfinished: self.unfinished().cloned().map(SavedTurn::from),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChatSession {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        let mut chat = ChatSession::new(GenerativeModel::load(saved.model))
            .automatic_function_calling(saved.automatic_function_calling);
        chat.budget = saved.context_budget;
        chat.history = transcript(&saved.history);
        chat.left_out = transcript(&saved.left_out);
        chat.summary = saved.summary;
        chat.last = saved.last;
        chat.unfinished = saved.unfinished.map(Unfinished::from).map(Box::new);
        Ok(chat)
    }
}

fn transcript(contents: &Contents) -> Arc<Transcript> {
    let contents: Vec<Content> = contents.iter().cloned().collect();
    Arc::new(contents.into())
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl From<Unfinished> for SavedTurn {
    fn from(mut turn: Unfinished) -> Self {
        turn.close_round();
        let Unfinished {
            sent,
            exchanged,
            received,
            reason,
            ..
        } = turn;
        Self {
            sent,
            exchanged,
            received,
            reason,
        }
    }
}

impl From<SavedTurn> for Unfinished {
    fn from(saved: SavedTurn) -> Self {
        let mut turn = Unfinished::new(saved.sent);
        turn.exchanged = saved.exchanged;
        turn.received = saved.received;
        turn.reason = saved.reason;
        turn
    }
}

/// What becomes of an error is its message.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = match self.clone() {
            Self::Interrupted => SavedReason::Interrupted,
            Self::Truncated => SavedReason::Truncated,
            Self::Failed(error) => SavedReason::Failed(error.to_string()),
            Self::Stopped(reason) => SavedReason::Stopped(reason),
            Self::Blocked => SavedReason::Blocked,
            Self::CallsReturned => SavedReason::CallsReturned,
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match SavedReason::deserialize(deserializer)? {
            SavedReason::Interrupted => Self::Interrupted,
            SavedReason::Truncated => Self::Truncated,
            SavedReason::Failed(message) => {
                Self::Failed(Error::new(ErrorKind::Unreachable, message))
            }
            SavedReason::Stopped(reason) => Self::Stopped(reason),
            SavedReason::Blocked => Self::Blocked,
            SavedReason::CallsReturned => Self::CallsReturned,
        })
    }
}
