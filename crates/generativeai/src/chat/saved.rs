//! Saved form of a conversation, for serde.
//!
//! The members are separate from the fields of `ChatSession`: names in files stay when a field is renamed, and loading
//! applies the events of a [`Snapshot`], so that a damaged file is refused.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::budget::Budget;
use super::session::ChatSession;
use super::snapshot::{SavedTurn, Snapshot};
use super::state::State;
use crate::model::{GenerativeModel, SavedModel};
use crate::protocol::content::Contents;
use crate::protocol::response::GenerateContentResponse;

/// Saved form of a conversation.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Saved {
    model: SavedModel,
    #[serde(default)]
    automatic_function_calling: bool,
    /// Whether automatic function calling has a policy. Older files lack this member.
    #[serde(default, skip_serializing_if = "is_false")]
    has_approval_policy: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context_budget: Option<Budget>,
    #[serde(default)]
    history: Contents,
    /// Indices into the history at which interrupted turns end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    interrupted: Vec<usize>,
    /// Contents that left the history to keep within the budget. The member has the field's former name.
    #[serde(
        default,
        skip_serializing_if = "Contents::is_empty",
        rename = "leftOut"
    )]
    dropped: Contents,
    /// Number of contents at the start of the history that are a summary.
    #[serde(default, skip_serializing_if = "is_zero")]
    summary: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Arc<GenerateContentResponse>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfinished: Option<SavedTurn>,
}

/// A saved conversation contains the name and the settings of its model, the history, the dropped contents,
/// and the unfinished turn. Unknown members and thought signatures are included.
///
/// The backend, keys, the code of functions, the policy, limits and observer of automatic calls, the journal, and
/// undone turns are not saved. After loading, set [`backend`](ChatSession::backend) and [`tools`](ChatSession::tools)
/// again. An error is saved as its message and its kind.
///
/// If the chat had a [policy](crate::AutomaticFunctionCalling::approve), sending fails with
/// [`Configuration`](crate::ErrorKind::Configuration) after loading, until
/// [`automatic_function_calling`](ChatSession::automatic_function_calling) was called again. So no function runs
/// without the approval that it needed before.
///
/// The format is an object whose members contain JSON of the API. Files of older versions can be read. Newer versions
/// may add members.
///
/// ```json
/// {
///   "model": {"name": "models/gemini-flash-latest"},
///   "automaticFunctionCalling": false,
///   "history": [
///     {"role": "user", "parts": [{"text": "Hi"}]},
///     {"role": "model", "parts": [{"text": "Hello!"}]}
///   ],
///   "unfinished": {"sent": {"role": "user", "parts": [{"text": "Bye"}]}, "reason": "interrupted"}
/// }
/// ```
///
/// The file contains the whole conversation: protect it accordingly.
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
        let state = &self.state;
        let is_complete = state.unfinished().is_none();
        let automatic = self.automatic.as_ref();
        let has_policy = automatic.is_some_and(|automatic| automatic.policy.is_some());
        let saved = Saved {
            model: self.model.save(),
            automatic_function_calling: automatic.is_some(),
            has_approval_policy: self.lacks_policy || has_policy,
            context_budget: self.budget,
            history: Contents::new(Arc::clone(state.transcript()), Vec::new()),
            interrupted: state.interrupted().to_vec(),
            dropped: Contents::shared(Arc::clone(state.dropped())),
            summary: state.summary(),
            // The response of an unfinished turn is saved with the turn.
            last: state.last().filter(|_| is_complete).cloned(),
            unfinished: state.unfinished().map(SavedTurn::from),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChatSession {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::deserialize(deserializer)?;
        // Older files have no mark, but a turn that waits for approval had a policy.
        let waiting = saved
            .unfinished
            .as_ref()
            .is_some_and(|turn| turn.approval.is_some());
        let snapshot = Snapshot {
            history: saved.history.into(),
            interrupted: saved.interrupted,
            last: saved.last,
            unfinished: saved.unfinished,
            dropped: saved.dropped.into(),
            summary: saved.summary,
        };
        let state = State::load(snapshot);
        Ok(Self {
            lacks_policy: saved.has_approval_policy || waiting,
            budget: saved.context_budget,
            state: state
                .map_err(|invalid| D::Error::custom(format!("the conversation {invalid}")))?,
            ..Self::new(GenerativeModel::load(saved.model))
                .automatic_function_calling(saved.automatic_function_calling)
        })
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
