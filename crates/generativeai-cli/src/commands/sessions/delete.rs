//! `genai sessions rm`.

use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use anyhow::bail;
use clap::Args;
use clap_complete::ArgValueCandidates;
use generativeai::ErrorKind;
use generativeai_store::{SessionInfo, Store};

use crate::commands::result_of;
use crate::exit::{UsageError, has_kind};
use crate::render::Printer;
use crate::{completions, storage};

/// Delete sessions permanently.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Names or numbers of sessions
    #[arg(value_name = "NAME", required_unless_present_any = ["older", "all"])]
    #[arg(add = ArgValueCandidates::new(completions::sessions))]
    names: Vec<String>,

    /// Delete sessions that have not been used for this long, such as 30d, 12h or 8w
    #[arg(long, value_name = "AGE", value_parser = age, conflicts_with_all = ["names", "all"])]
    older: Option<Duration>,

    /// Delete all sessions
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
}

impl Delete {
    pub(super) async fn run(self, store: &Store, printer: &mut Printer) -> anyhow::Result<()> {
        if !self.names.is_empty() {
            return delete_named(store, &self.names, printer).await;
        }
        // `None` if `SystemTime` cannot represent a time so long ago: no session is that old.
        let unused_since = SystemTime::now().checked_sub(self.older.unwrap_or_default());
        let sessions = store.list().await?;
        let is_old = |session: &SessionInfo| {
            self.all || unused_since.is_some_and(|time| session.changed < time)
        };
        let count = sessions.iter().filter(|session| is_old(session)).count();
        if count == 0 {
            printer.note("no sessions to delete");
            return Ok(());
        }
        let all = counted(sessions.len());
        let question = format!("Delete {count} of {all}? [y/N] ");
        if !self.yes {
            if !io::stdin().is_terminal() {
                let message = "deleting many sessions must be confirmed: add --yes";
                return Err(UsageError(message.to_owned()).into());
            }
            if !printer.confirm(question) {
                printer.note("nothing deleted");
                return Ok(());
            }
        }
        // Listed again, so that a session used while the user was asked is kept.
        let sessions = store.list().await?;
        let mut kept = 0;
        for old in sessions.iter().filter(|session| is_old(session)) {
            let deletion = async {
                let session = store.session_by_id(old.id).await?;
                storage::delete(&session, &old.name).await
            };
            match deletion.await {
                Ok(()) => printer.note(format_args!("{} deleted: {}", old.id, old.name)),
                // Another process has deleted it meanwhile.
                Err(error) if has_kind(&error, ErrorKind::NotFound) => {}
                Err(error) => {
                    printer.error(&error);
                    kept += 1;
                }
            }
        }
        if kept > 0 {
            bail!("{} not deleted", counted(kept));
        }
        Ok(())
    }
}

/// Deletes the sessions with these names. The others are deleted even if some do not exist or are open.
async fn delete_named(
    store: &Store,
    names: &[String],
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let mut errors = Vec::new();
    for name in names {
        let deletion = async {
            let session = storage::existing(store, name).await?;
            storage::delete(&session, name).await
        };
        match deletion.await {
            Ok(()) => printer.note(format_args!("{name} deleted")),
            Err(error) => errors.push(error),
        }
    }
    result_of(errors, printer)
}

/// Formats a number of sessions.
fn counted(sessions: usize) -> String {
    match sessions {
        1 => "1 session".to_owned(),
        _ => format!("{sessions} sessions"),
    }
}

/// Parses an age such as `30d`.
fn age(text: &str) -> Result<Duration, String> {
    let invalid = || "use a number and a unit, such as 30d, 12h or 8w".to_owned();
    let number = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let seconds = match &text[number.len()..] {
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(invalid()),
    };
    let number: u64 = number.parse().map_err(|_| invalid())?;
    let seconds = number.checked_mul(seconds).ok_or_else(invalid)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_is_counted_in_the_singular() {
        assert_eq!(
            [0, 1, 2].map(counted),
            ["0 sessions", "1 session", "2 sessions"]
        );
    }

    #[test]
    fn an_age_has_a_number_and_a_unit() {
        assert_eq!(age("12h"), Ok(Duration::from_secs(43_200)));
        assert_eq!(age("30d"), Ok(Duration::from_secs(2_592_000)));
        assert_eq!(age("1w"), Ok(Duration::from_secs(604_800)));
        for text in [
            "",
            "d",
            "30",
            "30 days",
            "-1d",
            "99999999999999999999d",
            "18446744073709551615w",
        ] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
