//! Rotating the key of an encrypted store, a few rows at a time.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::cipher::{Cipher, Field};
use crate::database::Database;
use crate::encryption::Encryption;
use crate::error::Result;
use crate::key::Key;
use crate::key_table;
use crate::store::Store;
use crate::transaction::{Params, Transaction, for_update, params};

impl Store {
    /// Changes the key of an encrypted store, and opens it with the new key.
    ///
    /// All rows are encrypted again, a few in each transaction, so memory stays constant. If the rotation
    /// is interrupted, nothing is lost: neither key alone opens the store, and the same call resumes. A
    /// store that has the new key already is opened.
    ///
    /// Stop other programs that use the store. They can append until the rotation ends, but cannot read
    /// rows that have the new key. A row damaged before stays damaged, an error for its session.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`](generativeai::ErrorKind::Authentication) if a key is wrong,
    /// [`ErrorKind::Configuration`](generativeai::ErrorKind::Configuration) if the store is not
    /// encrypted.
    ///
    /// ```
    /// use generativeai_store::{Key, Store};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> generativeai::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let address = format!("sqlite:{}", folder.path().join("chats.sqlite").display());
    /// # let old = Key::random()?;
    /// # drop(Store::open_encrypted(&address, &old).await?);
    /// let new = Key::random()?;
    /// let store = Store::rotate_key(&address, &old, &new).await?;
    /// assert!(Store::open_encrypted(&address, &old).await.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn rotate_key(address: &str, old: &Key, new: &Key) -> generativeai::Result<Self> {
        let database = Database::connect(address).await?;
        let context = "the key of the store cannot be rotated";
        let input = (old.clone(), new.clone());
        let begun = database.write(context, input, |tx, (old, new)| {
            Box::pin(key_table::begin_rotation(tx, old, new))
        });
        let (old, new) = begun.await?;
        if let Some(old) = old {
            let mut is_complete = false;
            while !is_complete {
                let input = (old.clone(), new.clone());
                let stepped = database.write(context, input, |tx, (old, new)| {
                    Box::pin(step(tx, old, new))
                });
                is_complete = stepped.await?;
            }
        }
        Ok(Self {
            database: database.with_encryption(Encryption::with(new)),
        })
    }
}

/// Encrypts a few rows with the new key. Returns whether the rotation is complete.
async fn step(tx: &mut Transaction<'_>, old: &Cipher, new: &Cipher) -> Result<bool> {
    for table in [Table::Session, Table::Event, Table::Blob] {
        if table.step(tx, old, new).await? {
            return Ok(false);
        }
    }
    key_table::end_rotation(tx, old.number).await
}

/// A table with encrypted values.
#[derive(Clone, Copy)]
enum Table {
    Session,
    Event,
    Blob,
}

impl Table {
    /// Encrypts a few rows of the table with the new key. Returns whether there were any.
    async fn step(self, tx: &mut Transaction<'_>, old: &Cipher, new: &Cipher) -> Result<bool> {
        let rows = tx.fetch_all(self.select(tx), params![old.number]).await?;
        for row in &rows {
            let (update, params) = self.update(row, old, new)?;
            tx.execute(update, params).await?;
        }
        Ok(!rows.is_empty())
    }

    /// Returns the query for a few rows that have the old key, few enough for one transaction.
    fn select(self, tx: &Transaction<'_>) -> &'static str {
        match self {
            // Locked, since other programs may rename or delete a session in the meantime, and the old title would
            // overwrite the new one. Events and media are never updated.
            Self::Session => for_update!(
                tx,
                "SELECT id, title FROM session WHERE cipher = $1 LIMIT 64"
            ),
            Self::Event => "SELECT session_id, seq, id, body FROM event WHERE cipher = $1 LIMIT 64",
            // Media may be large.
            Self::Blob => "SELECT hash, data FROM blob WHERE cipher = $1 LIMIT 4",
        }
    }

    /// Encrypts a row with the new key. Returns the statement that writes it.
    fn update(self, row: &AnyRow, old: &Cipher, new: &Cipher) -> Result<(&'static str, Params)> {
        Ok(match self {
            Self::Session => {
                let session: i64 = row.try_get("id")?;
                // A deleted session has no title.
                let title: Option<Vec<u8>> = row.try_get("title")?;
                let title = title
                    .map(|title| reencrypt(Field::Name { session }, title, old, new))
                    .transpose()?;
                (
                    "UPDATE session SET title = $1, cipher = $2 WHERE id = $3",
                    params![title, new.number, session],
                )
            }
            Self::Event => {
                let session: i64 = row.try_get("session_id")?;
                let seq: i64 = row.try_get("seq")?;
                let id: Vec<u8> = row.try_get("id")?;
                let id = id.as_slice();
                let field = Field::Event { session, seq, id };
                let body = reencrypt(field, row.try_get("body")?, old, new)?;
                (
                    "UPDATE event SET body = $1, cipher = $2 WHERE session_id = $3 AND seq = $4",
                    params![body, new.number, session, seq],
                )
            }
            Self::Blob => {
                let hash: String = row.try_get("hash")?;
                let field = Field::Media { hash: &hash };
                let data = reencrypt(field, row.try_get("data")?, old, new)?;
                (
                    "UPDATE blob SET data = $1, cipher = $2 WHERE hash = $3",
                    params![data, new.number, hash],
                )
            }
        })
    }
}

/// Encrypts a value with the new key. A damaged value is kept: it stays an error for its session alone.
fn reencrypt(field: Field<'_>, value: Vec<u8>, old: &Cipher, new: &Cipher) -> Result<Vec<u8>> {
    match old.decrypt(field, value.clone()) {
        Some(plaintext) => new.encrypt(field, plaintext),
        // The row gets the number of the new key anyway: otherwise the rotation would never end.
        None => Ok(value),
    }
}
