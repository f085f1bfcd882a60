//! The names of sessions: which ones are valid, and how they are stored.
//!
//! A plain store has the name in the column `name`. An encrypted store has a keyed checksum there, to
//! find the session by, and the encrypted name in the column `title`. The column `cipher` has the number of the key that
//! `title` is encrypted with.

use generativeai::{Error, ErrorKind};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::cipher::Field;
use crate::encryption::Encryption;
use crate::error::{Result, TransactionError};
use crate::transaction::{Transaction, params};

/// The maximum length of a name, in characters.
const MAX_LENGTH: usize = 200;

/// Checks the name of a session. Returns `None` if it is empty: the session is then called by its
/// number.
///
/// # Errors
/// [`ErrorKind::Request`] if the name is too long, contains control characters, or is a number. Names are printed on
/// terminals, and a number would be ambiguous: users find sessions by both.
pub(crate) fn validate(name: &str) -> Result<Option<String>, Error> {
    let problem = if name.chars().count() > MAX_LENGTH {
        "is longer than 200 characters: choose another name"
    } else if name.chars().any(char::is_control) {
        "contains control characters: choose another name"
    } else if name.parse::<i64>().is_ok() {
        "is a number: use a prefix, such as `user-1`"
    } else {
        return Ok(Some(name.to_owned()).filter(|name| !name.is_empty()));
    };
    Err(invalid(problem))
}

/// Checks the name to find a session by.
///
/// # Errors
/// Those of [`validate`], and [`ErrorKind::Request`] if the name is empty: no session has such a name. A name that comes
/// from a user must not find the session with that number, which may belong to another user.
pub(crate) fn required(name: &str) -> Result<String, Error> {
    validate(name)?.ok_or_else(|| invalid("is empty: use a prefix, such as `user-`"))
}

/// Returns an upper bound of the names with a prefix, by their bytes. The prefix itself is the lower bound.
pub(crate) fn upper_bound(prefix: &str) -> String {
    prefix.to_owned() + &char::MAX.to_string().repeat(MAX_LENGTH)
}

/// Builds the error for an invalid name. `problem` ends with advice.
fn invalid(problem: &str) -> Error {
    let message = format!("the name of the session {problem}");
    Error::new(ErrorKind::Request, message)
}

/// Returns the value of the column `name`, for finding a session.
pub(crate) fn lookup_value(encryption: &Encryption, name: &str) -> String {
    match encryption.is_on() {
        true => hex::encode(encryption.checksum("name", &[name.as_bytes()])),
        false => name.to_owned(),
    }
}

/// Returns the value of the column `title`: the encrypted name, `None` in a plain store.
///
/// The absence of a name is encrypted as well, so that nobody can remove a name unnoticed.
pub(crate) fn title(
    encryption: &Encryption,
    session: i64,
    name: Option<&str>,
) -> Result<Option<Vec<u8>>> {
    match encryption.is_on() {
        true => {
            let name = name.unwrap_or_default().into();
            encryption.encrypt(Field::Name { session }, name).map(Some)
        }
        false => Ok(None),
    }
}

/// Returns whether a session exists, whatever the state of its name.
pub(crate) async fn exists(tx: &mut Transaction<'_>, session: i64) -> Result<bool> {
    let select = "SELECT id FROM session WHERE id = $1 AND deleted = 0";
    Ok(tx.fetch_optional(select, params![session]).await?.is_some())
}

/// Finds a session by its name.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if the encrypted name is damaged.
pub(crate) async fn find(tx: &mut Transaction<'_>, name: &str) -> Result<Option<i64>> {
    let lookup = lookup_value(tx.encryption, name);
    let select = "SELECT id, name, title, cipher FROM session WHERE name = $1 AND deleted = 0";
    let Some(row) = tx.fetch_optional(select, params![lookup]).await? else {
        return Ok(None);
    };
    let session = row.try_get("id")?;
    read(tx.encryption, session, &row)?;
    Ok(Some(session))
}

/// Renames a session. Returns whether the session exists.
///
/// # Errors
/// [`ErrorKind::Request`] if another session has the name.
pub(crate) async fn update(
    tx: &mut Transaction<'_>,
    session: i64,
    name: Option<&str>,
) -> Result<bool> {
    let lookup = name.map(|name| lookup_value(tx.encryption, name));
    let title = title(tx.encryption, session, name)?;
    // During a rotation the new key may differ from that of the row. This is correct only as long as `title` is the one
    // encrypted column: any other would have to be encrypted again here.
    let key = tx.encryption.key_number();
    let update = "UPDATE session SET name = $1, title = $2, cipher = $3
        WHERE id = $4 AND deleted = 0";
    let updated = tx
        .execute(update, params![lookup, title, key, session])
        .await;
    match (updated, name) {
        (Ok(updated), _) => Ok(updated > 0),
        (Err(sqlx::Error::Database(error)), Some(name)) if error.is_unique_violation() => {
            Err(taken(name).into())
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// Builds the error for a name that another session has.
pub(crate) fn taken(name: &str) -> Error {
    let message = format!("a session named `{name}` already exists: choose another name");
    Error::new(ErrorKind::Request, message)
}

/// Reads the name of a session from the columns `name`, `title` and `cipher` of its row. A session
/// without a name is called by its number.
///
/// # Errors
/// [`ErrorKind::Corrupt`] if the encrypted name was changed, or does not match the column `name`.
pub(crate) fn read(encryption: &Encryption, session: i64, row: &AnyRow) -> Result<String> {
    let lookup: Option<String> = row.try_get("name")?;
    if !encryption.is_on() {
        return Ok(lookup.unwrap_or_else(|| session.to_string()));
    }
    let damaged = || {
        TransactionError::corrupt(format!(
            "the name of session {session} is damaged: find the session by its number, and rename it"
        ))
    };
    let title: Option<Vec<u8>> = row.try_get("title")?;
    let name = encryption
        .decrypt(
            Field::Name { session },
            row.try_get("cipher")?,
            title.unwrap_or_default(),
        )
        .map_err(|error| damaged().with_source(error))?;
    let name = String::from_utf8(name).map_err(|_| damaged())?;
    match lookup {
        None if name.is_empty() => Ok(session.to_string()),
        Some(lookup) if lookup == lookup_value(encryption, &name) => Ok(name),
        _ => Err(damaged()),
    }
}
