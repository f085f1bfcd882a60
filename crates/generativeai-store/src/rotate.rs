//! Changing the key of an encrypted store, row by row.

use std::sync::Arc;

use generativeai::Result;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::fault::Fault;
use crate::key::Key;
use crate::keys;
use crate::seal::{Cipher, Seal, Slot};
use crate::store::Store;
use crate::transaction::{Kind, Sql, Transaction};

impl Store {
    /// Gives an encrypted store another key, and opens it with that.
    ///
    /// Everything is encrypted anew, a few rows in a transaction, in memory that does not grow with the
    /// store. If it breaks off, nothing is lost: the store opens with neither key alone then, and the same
    /// call goes on where it was. If the key is the new one already, nothing is done.
    ///
    /// Let no other program use the store meanwhile: it can write until the end, but cannot read what was
    /// encrypted anew. A row that was damaged before is as damaged afterwards, an error for its session.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`](generativeai::ErrorKind::Authentication) if a key is wrong,
    /// [`ErrorKind::Configuration`](generativeai::ErrorKind::Configuration) if the store is not encrypted.
    pub async fn rotate_key(address: &str, old: &Key, new: &Key) -> Result<Self> {
        let database = Database::connect(address).await?;
        let what = "the key of the store cannot be changed";
        let (before, after) = (old.clone(), new.clone());
        let begun = database.write(what.to_owned(), move |mut transaction| {
            let (old, new) = (before.clone(), after.clone());
            Box::pin(async move { keys::change(&mut transaction, &old, &new).await })
        });
        let (old, new) = begun.await?;
        if let Some(old) = old {
            let ciphers = Arc::new((old, new.clone()));
            while !step(&database, &ciphers).await? {}
        }
        Ok(Self {
            database: database.with(Seal::with(new)),
        })
    }
}

/// Goes one transaction further; says whether that was the last.
async fn step(database: &Arc<Database>, ciphers: &Arc<(Cipher, Cipher)>) -> Result<bool> {
    let what = "the key of the store cannot be changed";
    let ciphers = Arc::clone(ciphers);
    let stepped = database.write(what.to_owned(), move |mut transaction| {
        let ciphers = Arc::clone(&ciphers);
        Box::pin(async move {
            let (old, new) = &*ciphers;
            for table in [Table::Session, Table::Event, Table::Blob] {
                if table.step(&mut transaction, old, new).await? {
                    return Ok(false);
                }
            }
            keys::forget(&mut transaction, old.number).await
        })
    });
    stepped.await
}

/// A table with encrypted rows.
#[derive(Clone, Copy)]
enum Table {
    Session,
    Event,
    Blob,
}

impl Table {
    /// Encrypts a few rows anew; `false` if none are left.
    async fn step(
        self,
        transaction: &mut Transaction<'_>,
        old: &Cipher,
        new: &Cipher,
    ) -> Result<bool, Fault> {
        let some = match self {
            // Others may rename and delete meanwhile. In SQLite a transaction that writes is alone.
            Self::Session => match transaction.kind {
                Kind::Sqlite => "SELECT title, id FROM session WHERE cipher = $1 LIMIT 64",
                Kind::Postgres => {
                    "SELECT title, id FROM session WHERE cipher = $1 LIMIT 64 FOR UPDATE"
                }
            },
            Self::Event => "SELECT body, session_id, seq, id FROM event WHERE cipher = $1 LIMIT 64",
            // They may be large.
            Self::Blob => "SELECT data, hash FROM blob WHERE cipher = $1 LIMIT 4",
        };
        let some = transaction.sql(some).bind(old.number);
        let rows = transaction.all(some).await?;
        for row in &rows {
            let value: Option<Vec<u8>> = row.try_get(0)?;
            let update = match self {
                Self::Session => "UPDATE session SET title = $1, cipher = $2 WHERE id = $3",
                Self::Event => {
                    "UPDATE event SET body = $1, cipher = $2 WHERE session_id = $3 AND seq = $4"
                }
                Self::Blob => "UPDATE blob SET data = $1, cipher = $2 WHERE hash = $3",
            };
            let update = transaction.sql(update);
            let update = self.anew(row, value, update, (old, new))?;
            transaction.run(update).await?;
        }
        Ok(!rows.is_empty())
    }

    /// Binds a value, encrypted anew, and where it belongs.
    fn anew(
        self,
        row: &AnyRow,
        value: Option<Vec<u8>>,
        update: Sql,
        (old, new): (&Cipher, &Cipher),
    ) -> Result<Sql, Fault> {
        let close = |slot: Slot<'_>| {
            let Some(value) = value else {
                return Ok(None);
            };
            match old.open(slot, value.clone()) {
                Some(opened) => new.close(slot, opened).map(Some),
                // Damaged, and not made worse.
                None => Ok(Some(value)),
            }
        };
        Ok(match self {
            Self::Session => {
                let session = row.try_get(1)?;
                let value = close(Slot::Name { session })?;
                update.bind(value).bind(new.number).bind(session)
            }
            Self::Event => {
                let (session, seq) = (row.try_get(1)?, row.try_get(2)?);
                let id: Vec<u8> = row.try_get(3)?;
                let id = &*id;
                let value = close(Slot::Event { session, seq, id })?;
                update.bind(value).bind(new.number).bind(session).bind(seq)
            }
            Self::Blob => {
                let hash: String = row.try_get(1)?;
                let value = close(Slot::Media { hash: &hash })?;
                update.bind(value).bind(new.number).bind(hash)
            }
        })
    }
}
