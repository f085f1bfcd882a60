//! Lists of stored sessions and of search results, for people and for programs.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use generativeai::Result;
use generativeai_store::{Hit, SessionDetails, SessionInfo, Store};
use serde_json::{Value, json};

/// Number of characters shown around the first match of a search.
const CONTEXT: usize = 60;

/// Maximum number of sessions whose details are read. For the details of a session its whole log is read.
const MAX_DETAILS: usize = 100;

/// A session in a list. It has no details if its log is damaged or was not read.
pub(crate) type Listed = (SessionInfo, Option<SessionDetails>);

/// Lists the sessions of a store, the most recently used first.
pub(crate) async fn read(store: &Store) -> Result<Vec<Listed>> {
    let mut listed = Vec::new();
    for info in store.list().await? {
        let details = if listed.len() < MAX_DETAILS {
            match store.session_by_id(info.id).await {
                Ok(session) => session.details().await.ok(),
                Err(_) => None,
            }
        } else {
            None
        };
        listed.push((info, details));
    }
    Ok(listed)
}

/// Returns a line for each session: number, last use, number of messages, name, model, and the calls that wait for
/// approval or the state of the last reply.
pub(crate) fn lines(sessions: &[Listed]) -> String {
    sessions.iter().map(line).collect()
}

/// Returns the line of a session, with the number of events if the number of messages is not known.
fn line((info, details): &Listed) -> String {
    let (id, name) = (info.id, &info.name);
    let used = age(info.changed, SystemTime::now());
    let size = match details.as_ref().map(|details| details.messages) {
        Some(1) => "1 message".to_owned(),
        Some(count) => format!("{count} messages"),
        None => format!("{} events", info.events),
    };
    let model = details.as_ref().and_then(|details| details.model.as_ref());
    let model = model.map(|model| format!("  ({model})"));
    let state = details.as_ref().map(state).unwrap_or_default();
    format!(
        "{id:>4}  {used:>10}  {size:>12}  {name}{}{state}\n",
        model.unwrap_or_default(),
    )
}

/// Returns the open work of a session: calls that wait, or a message without a complete reply. Usually empty.
fn state(details: &SessionDetails) -> String {
    let waiting = details.waiting.join(", ");
    if !waiting.is_empty() {
        format!("  [waits for approval: {waiting}]")
    } else if details.unanswered {
        "  [not answered]".to_owned()
    } else if details.interrupted {
        "  [interrupted]".to_owned()
    } else {
        String::new()
    }
}

/// Returns the sessions as JSON, with times in RFC 3339.
pub(crate) fn json(sessions: &[Listed]) -> Value {
    let session = |(info, details): &Listed| {
        json!({
            "id": info.id,
            "name": info.name,
            "events": info.events,
            "messages": details.as_ref().map(|details| details.messages),
            "model": details.as_ref().map(|details| &details.model),
            "waiting": details.as_ref().map(|details| &details.waiting),
            "unanswered": details.as_ref().map(|details| details.unanswered),
            "interrupted": details.as_ref().map(|details| details.interrupted),
            "parent": info.parent,
            "created": rfc3339(info.created),
            "changed": rfc3339(info.changed),
        })
    };
    sessions.iter().map(session).collect()
}

/// Returns a line for a search result: the session's number and name, and the text around the first match.
pub(crate) fn hit_line(hit: &Hit, words: &[String]) -> String {
    format!("{:>4}  {}: {}\n", hit.id, hit.session, excerpt(hit, words))
}

/// Returns the search results as JSON.
pub(crate) fn hits_json(hits: &[Hit]) -> Value {
    let hit = |hit: &Hit| json!({ "id": hit.id, "name": hit.session, "event": hit.event, "text": hit.text });
    hits.iter().map(hit).collect()
}

/// Returns the text around the first match of the first word.
fn excerpt(hit: &Hit, words: &[String]) -> String {
    let text = hit.text.to_lowercase();
    let word = words
        .first()
        .map(|word| word.to_lowercase())
        .unwrap_or_default();
    // Lower case may have another length in bytes, so the position is counted in characters.
    let at = text.find(&word).map_or(0, |at| text[..at].chars().count());
    let start = at.saturating_sub(CONTEXT / 2);
    let shown: String = hit
        .text
        .chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .skip(start)
        .take(CONTEXT)
        .collect();
    let is_cut = hit.text.chars().count() > start + CONTEXT;
    let (before, after) = (
        if start > 0 { "…" } else { "" },
        if is_cut { "…" } else { "" },
    );
    format!("{before}{}{after}", shown.trim())
}

/// Formats the time since an event, or its date if it is older than a week.
fn age(time: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(time).unwrap_or_default().as_secs();
    match seconds {
        0..60 => "now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "1 day ago".to_owned(),
        172_800..604_800 => format!("{} days ago", seconds / 86_400),
        _ => rfc3339(time)[..10].to_owned(),
    }
}

/// Formats a time as in RFC 3339, in UTC and whole seconds.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_age_has_a_suitable_unit_and_old_times_are_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_208_000);
        let ago = |seconds| age(now - Duration::from_secs(seconds), now);

        assert_eq!(ago(59), "now");
        assert_eq!(ago(3_599), "59 min ago");
        assert_eq!(ago(86_399), "23 h ago");
        assert_eq!(ago(90_000), "1 day ago");
        assert_eq!(ago(200_000), "2 days ago");
        assert_eq!(ago(8 * 86_400), "2024-02-21");
    }

    #[test]
    fn times_are_formatted_as_in_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(rfc3339(time), text);
        }
    }
}
