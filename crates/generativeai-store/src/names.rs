//! The names of sessions: what they may be, and how they are written.

use generativeai::{Error, ErrorKind, Result};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::fault::Fault;
use crate::record::hex;
use crate::seal::{Seal, Slot};
use crate::transaction::Transaction;

/// A name that a session may have; `None` if it is empty.
pub(crate) fn checked(name: &str) -> Result<Option<&str>> {
    let wrong = if name.chars().count() > 200 {
        "has more than 200 characters"
    } else if name.chars().any(char::is_control) {
        "has control characters"
    } else if !name.is_empty() && name.parse::<i64>().is_ok() {
        "is a number"
    } else {
        return Ok(Some(name).filter(|name| !name.is_empty()));
    };
    let message = format!("the name of a session {wrong}: choose another");
    Err(Error::new(ErrorKind::Request, message))
}

/// What a name is found by: itself, or in an encrypted store a checksum of it.
pub(crate) fn found_by(seal: &Seal, name: &str) -> String {
    match seal.key() {
        Some(_) => hex(&seal.sum("name", &[name.as_bytes()])),
        None => name.to_owned(),
    }
}

/// Gives a session a name or none; says whether there is such a session.
pub(crate) async fn write(
    transaction: &mut Transaction<'_>,
    session: i64,
    name: Option<&str>,
) -> Result<bool, Fault> {
    let seal = transaction.seal;
    let title = match seal.key() {
        // That there is no name is encrypted as well: nobody takes one away unnoticed.
        Some(_) => Some(seal.close(Slot::Name { session }, name.unwrap_or_default().into())?),
        None => None,
    };
    let update = "UPDATE session SET name = $1, title = $2, cipher = $3
        WHERE id = $4 AND deleted = 0";
    let update = transaction.sql(update);
    let update = update
        .bind(name.map(|name| found_by(seal, name)))
        .bind(title);
    let update = update.bind(seal.key()).bind(session);
    match (transaction.run(update).await.map_err(Fault::from), name) {
        (Err(fault), Some(name)) if fault.is_double() => {
            let message = format!("there is a session `{name}` already: choose another name");
            Err(Error::new(ErrorKind::Request, message).into())
        }
        (updated, _) => Ok(updated? > 0),
    }
}

/// The name of a session, its number if it has none, from the columns `name`, `title` and `cipher`.
pub(crate) fn read(seal: &Seal, session: i64, row: &AnyRow) -> Result<String, Fault> {
    let found: Option<String> = row.try_get("name")?;
    if seal.key().is_none() {
        return Ok(found.unwrap_or_else(|| session.to_string()));
    }
    let damaged = || {
        let wrong = "is not what was written: find it by its number, and rename it";
        Fault::corrupt(format!("the name of session {session} {wrong}"))
    };
    let title: Option<Vec<u8>> = row.try_get("title")?;
    let title = title.unwrap_or_default();
    let name = seal.open(Slot::Name { session }, row.try_get("cipher")?, title);
    let name = name.map_err(|fault| damaged().because(fault))?;
    let name = String::from_utf8(name).map_err(|_| damaged())?;
    match found {
        None if name.is_empty() => Ok(session.to_string()),
        Some(found) if found == found_by(seal, &name) => Ok(name),
        _ => Err(damaged()),
    }
}
