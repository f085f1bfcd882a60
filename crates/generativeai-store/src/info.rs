//! `SessionInfo` and `SessionDetails`: descriptions of a session, for lists.

use std::time::{Duration, SystemTime};

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::encryption::Encryption;
use crate::error::Result;
use crate::names;
use crate::transaction::{Transaction, params};

/// Name, size and age of a session, from [`Store::list`](crate::Store::list) or
/// [`Session::info`](crate::Session::info).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The number of the session. It is unique in the store and never assigned again.
    pub id: i64,
    /// The name of the session, or its number as text if it has no name.
    pub name: String,
    /// The number of events in its log, including undone ones. A turn without function calls has two:
    /// the message and the outcome.
    pub events: u64,
    /// The number of the session that this one was forked from.
    pub parent: Option<i64>,
    /// Time when the session was created, in whole seconds, by the clock of the program that created it.
    pub created: SystemTime,
    /// Time when an event was last appended, in whole seconds, by the clock of the program that did it.
    /// Clocks differ: use the order of the list to find the latest session.
    pub changed: SystemTime,
    /// Position in the order of last use: greater than those of all sessions that were written before.
    /// [`ListSessions::start_after`](crate::ListSessions::start_after) continues a list after it.
    pub position: u64,
}

/// Size, model and waiting calls of a conversation, from [`Session::details`](crate::Session::details).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionDetails {
    /// The number of contents in the history and in an unfinished turn: messages, replies, and the calls and results
    /// of functions. Undone turns are not counted.
    pub messages: usize,
    /// The model version of the latest reply that names one, such as `gemini-2.5-flash`.
    pub model: Option<String>,
    /// The names of the functions whose calls wait for [approval](generativeai::Reason::AwaitingApproval), in the
    /// order of the calls. Empty if the conversation does not wait.
    pub waiting: Vec<String>,
    /// Whether the last message has no reply, not even a part of one: the program ended before it arrived, or the reply
    /// failed.
    pub unanswered: bool,
    /// Whether only a part of the last reply arrived. It is `true` for calls that wait as well.
    pub interrupted: bool,
}

/// Selects the columns of a [`SessionInfo`].
macro_rules! select_info {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, title, cipher, length, parent, created_at, changed_at, touched
               FROM session WHERE deleted = 0 ",
            $rest
        )
    };
}
pub(crate) use select_info;

/// Reads the info of one session. Returns `None` if it does not exist.
pub(crate) async fn find(tx: &mut Transaction<'_>, session: i64) -> Result<Option<SessionInfo>> {
    let select = select_info!("AND id = $1");
    let row = tx.fetch_optional(select, params![session]).await?;
    row.map(|row| decode(tx.encryption, &row)).transpose()
}

/// Decodes the info from the columns that `select_info` names.
pub(crate) fn decode(encryption: &Encryption, row: &AnyRow) -> Result<SessionInfo> {
    let count = |column: &str| row.try_get(column).map(|count: i64| count.max(0) as u64);
    let time = |column: &str| {
        let seconds = Duration::from_secs(count(column)?);
        Ok::<_, sqlx::Error>(SystemTime::UNIX_EPOCH + seconds)
    };
    let id = row.try_get("id")?;
    Ok(SessionInfo {
        id,
        name: names::read(encryption, id, row)?,
        events: count("length")?,
        parent: row.try_get("parent")?,
        created: time("created_at")?,
        changed: time("changed_at")?,
        position: count("touched")?,
    })
}
