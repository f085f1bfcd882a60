//! The table `cipher`: the keys that a store is encrypted with.
//!
//! It has no row in a plain store, one in an encrypted store, and two while the key is rotated. A row
//! holds the number of a key and the store's secret, encrypted with that key.

use generativeai::{Error, ErrorKind};
use sqlx::Row;

use crate::cipher::Cipher;
use crate::encryption::Encryption;
use crate::error::{Result, TransactionError};
use crate::key::Key;
use crate::transaction::{DatabaseKind, Transaction, params};

/// Checks a key, or its absence, against the table.
///
/// Returns `None` if there is a key and the store is still plain: it may be a new store.
///
/// # Errors
/// [`ErrorKind::Authentication`] if the key is wrong or missing, or a rotation was interrupted.
pub(crate) async fn unlock(
    tx: &mut Transaction<'_>,
    key: Option<&Key>,
) -> Result<Option<Encryption>> {
    match (key, &*read_rows(tx).await?) {
        (None, []) => Ok(Some(Encryption::default())),
        (None, _) => Err(locked("the store is encrypted: open it with its key")),
        (Some(_), []) => Ok(None),
        (Some(key), [row]) => match row.unlock(key) {
            Some(cipher) => Ok(Some(Encryption::with(cipher))),
            None => Err(wrong_key()),
        },
        (Some(_), _) => Err(locked(
            "a rotation of the store's key was interrupted: call `rotate_key` with both keys to finish it",
        )),
    }
}

/// Encrypts a store without sessions. If another program has just encrypted it, checks the key.
pub(crate) async fn encrypt_new_store(tx: &mut Transaction<'_>, key: &Key) -> Result<Encryption> {
    lock_exclusively(tx).await?;
    if let Some(encryption) = unlock(tx, Some(key)).await? {
        return Ok(encryption);
    }
    let session = "SELECT id FROM session LIMIT 1";
    if tx.fetch_optional(session, params![]).await?.is_some() {
        let message = "the store is not encrypted: export its sessions, and import them into a new \
            store that is opened with a key";
        return Err(Error::new(ErrorKind::Configuration, message).into());
    }
    let cipher = Cipher::generate(key)?;
    insert(tx, &cipher).await?;
    Ok(Encryption::with(cipher))
}

/// Checks that the store still has the key it was opened with, and prevents a rotation from starting
/// until the transaction ends.
///
/// Without it a program could write plain rows into a store that became encrypted, or rows with a key
/// that is already retired.
pub(crate) async fn check_key_generation(tx: &mut Transaction<'_>) -> Result<()> {
    // A lock on the table, which writers share. A lock on the row would be a write to the row in each transaction.
    // SQLite needs no lock: a writing transaction is alone.
    if tx.kind == DatabaseKind::Postgres {
        let lock = "LOCK TABLE cipher IN ROW SHARE MODE";
        tx.execute(lock, params![]).await?;
    }
    let rows = tx.fetch_all("SELECT number FROM cipher", params![]).await?;
    let numbers: Result<Vec<i64>, _> = rows.iter().map(|row| row.try_get("number")).collect();
    let is_current = match tx.encryption.key_number() {
        Some(number) => numbers?.contains(&number),
        None => numbers?.is_empty(),
    };
    match is_current {
        true => Ok(()),
        false => Err(locked(
            "the key of the store has changed: open the store again",
        )),
    }
}

/// Begins a rotation, or resumes an interrupted one.
///
/// Returns the ciphers of the old and the new key; the old one is `None` if the rotation is complete.
pub(crate) async fn begin_rotation(
    tx: &mut Transaction<'_>,
    old: &Key,
    new: &Key,
) -> Result<(Option<Cipher>, Cipher)> {
    lock_exclusively(tx).await?;
    match &*read_rows(tx).await? {
        [] => {
            let message = "the store is not encrypted: there is no key to rotate";
            Err(Error::new(ErrorKind::Configuration, message).into())
        }
        [row] => {
            if let Some(cipher) = row.unlock(new) {
                return Ok((None, cipher));
            }
            let old = row.unlock(old).ok_or_else(wrong_key)?;
            let new = old.successor(new);
            insert(tx, &new).await?;
            Ok((Some(old), new))
        }
        [first, second, ..] => match (first.unlock(old), second.unlock(new)) {
            (Some(old), Some(new)) => Ok((Some(old), new)),
            _ => Err(locked(
                "a rotation of the store's key was interrupted, and these are not its old and new key",
            )),
        },
    }
}

/// Deletes the old key once no row is encrypted with it. Returns whether it was deleted.
pub(crate) async fn end_rotation(tx: &mut Transaction<'_>, old: i64) -> Result<bool> {
    lock_exclusively(tx).await?;
    for remaining in [
        "SELECT 1 FROM session WHERE cipher = $1 LIMIT 1",
        "SELECT 1 FROM event WHERE cipher = $1 LIMIT 1",
        "SELECT 1 FROM blob WHERE cipher = $1 LIMIT 1",
    ] {
        let row = tx.fetch_optional(remaining, params![old]).await?;
        if row.is_some() {
            return Ok(false);
        }
    }
    tx.execute("DELETE FROM cipher WHERE number = $1", params![old])
        .await?;
    Ok(true)
}

/// A row of the table.
struct KeyRow {
    /// The number that encrypted rows refer to.
    number: i64,
    /// The encrypted secret of the store.
    secret: Vec<u8>,
}

impl KeyRow {
    /// Decrypts the secret. Returns `None` if the key is wrong.
    fn unlock(&self, key: &Key) -> Option<Cipher> {
        Cipher::restore(key, self.number, self.secret.clone())
    }
}

/// Reads the keys, the oldest first.
async fn read_rows(tx: &mut Transaction<'_>) -> Result<Vec<KeyRow>> {
    let select = "SELECT number, secret FROM cipher ORDER BY number";
    let rows = tx.fetch_all(select, params![]).await?;
    rows.iter()
        .map(|row| {
            Ok(KeyRow {
                number: row.try_get("number")?,
                secret: row.try_get("secret")?,
            })
        })
        .collect()
}

/// Adds a key, with the secret encrypted by it.
async fn insert(tx: &mut Transaction<'_>, cipher: &Cipher) -> Result<()> {
    let secret = cipher.encrypted_secret()?;
    let insert = "INSERT INTO cipher (number, secret) VALUES ($1, $2)";
    tx.execute(insert, params![cipher.number, secret]).await?;
    Ok(())
}

/// Waits for all transactions that [checked](check_key_generation) the key, and blocks new ones.
async fn lock_exclusively(tx: &mut Transaction<'_>) -> Result<()> {
    if tx.kind == DatabaseKind::Postgres {
        let lock = "LOCK TABLE cipher IN EXCLUSIVE MODE";
        tx.execute(lock, params![]).await?;
    }
    Ok(())
}

/// Builds the error for a key that does not decrypt the secret. A damaged secret looks the same.
fn wrong_key() -> TransactionError {
    locked("the key does not open the store: it is wrong, or the stored secret is damaged")
}

/// Builds the error for a store that cannot be read or written with the given key.
fn locked(message: &'static str) -> TransactionError {
    Error::new(ErrorKind::Authentication, message).into()
}
