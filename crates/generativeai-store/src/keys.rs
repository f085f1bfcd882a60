//! The keys a store knows: which one opens it, and which are in use while the key is changed.

use generativeai::{Error, ErrorKind};
use sqlx::Row;

use crate::fault::Fault;
use crate::key::Key;
use crate::seal::{Cipher, Seal};
use crate::transaction::Transaction;

/// Finds out how to read a store with this key, or without one; `None` if nothing is written there yet
/// that would tell.
pub(crate) async fn unlock(
    transaction: &mut Transaction<'_>,
    key: Option<&Key>,
) -> Result<Option<Seal>, Fault> {
    match (key, &*known(transaction).await?) {
        (None, []) => Ok(Some(Seal::default())),
        (None, _) => Err(locked("the store is encrypted: open it with its key")),
        (Some(_), []) => Ok(None),
        (Some(key), [one]) => match one.unlock(key) {
            Some(cipher) => Ok(Some(Seal::with(cipher))),
            None => Err(wrong()),
        },
        (Some(_), _) => Err(locked(
            "the key of the store is being changed: go on with that, by `rotate_key` with both keys",
        )),
    }
}

/// Makes a new store an encrypted one, unless somebody did.
pub(crate) async fn encrypt(transaction: &mut Transaction<'_>, key: &Key) -> Result<Seal, Fault> {
    lock(transaction).await?;
    if let Some(seal) = unlock(transaction, Some(key)).await? {
        return Ok(seal);
    }
    let any = transaction.sql("SELECT id FROM session LIMIT 1");
    if transaction.first(any).await?.is_some() {
        let message = "the store is not encrypted: export its sessions and import them into a new \
            one that is opened with a key";
        return Err(Error::new(ErrorKind::Configuration, message).into());
    }
    let cipher = Cipher::first(key)?;
    add(transaction, &cipher).await?;
    Ok(Seal::with(cipher))
}

/// Sees to it that the store is written as it was when it was opened, until the transaction ends.
pub(crate) async fn guard(transaction: &mut Transaction<'_>) -> Result<(), Fault> {
    // The table, not its row: all who append would write that.
    let share = transaction.either("SELECT 1", "LOCK TABLE cipher IN ROW SHARE MODE");
    transaction.run(share).await?;
    let numbers = transaction.sql("SELECT number FROM cipher");
    let rows = transaction.all(numbers).await?;
    let numbers: Result<Vec<i64>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    let numbers = numbers?;
    let is_as_it_was = match transaction.seal.key() {
        Some(number) => numbers.contains(&number),
        None => numbers.is_empty(),
    };
    match is_as_it_was {
        true => Ok(()),
        false => Err(locked("the store has another key by now: open it anew")),
    }
}

/// Begins to change the key, or goes on with it: gives the old key, unless all is done, and the new one.
pub(crate) async fn change(
    transaction: &mut Transaction<'_>,
    old: &Key,
    new: &Key,
) -> Result<(Option<Cipher>, Cipher), Fault> {
    lock(transaction).await?;
    match &*known(transaction).await? {
        [] => {
            let message = "the store is not encrypted: it has no key that could be changed";
            Err(Error::new(ErrorKind::Configuration, message).into())
        }
        [one] => {
            if let Some(cipher) = one.unlock(new) {
                return Ok((None, cipher));
            }
            let old = one.unlock(old).ok_or_else(wrong)?;
            let new = old.successor(new);
            add(transaction, &new).await?;
            Ok((Some(old), new))
        }
        [first, second, ..] => match (first.unlock(old), second.unlock(new)) {
            (Some(old), Some(new)) => Ok((Some(old), new)),
            _ => Err(locked(
                "the key of the store is being changed, and these are not the old and the new one",
            )),
        },
    }
}

/// Forgets the old key if nothing needs it any more, and says whether it did.
pub(crate) async fn forget(transaction: &mut Transaction<'_>, old: i64) -> Result<bool, Fault> {
    lock(transaction).await?;
    for rest in [
        "SELECT 1 FROM session WHERE cipher = $1 LIMIT 1",
        "SELECT 1 FROM event WHERE cipher = $1 LIMIT 1",
        "SELECT 1 FROM blob WHERE cipher = $1 LIMIT 1",
    ] {
        let rest = transaction.sql(rest).bind(old);
        if transaction.first(rest).await?.is_some() {
            return Ok(false);
        }
    }
    let delete = transaction.sql("DELETE FROM cipher WHERE number = $1");
    transaction.run(delete.bind(old)).await?;
    Ok(true)
}

/// A row of the table of keys.
struct Known {
    number: i64,
    secret: Vec<u8>,
}

impl Known {
    fn unlock(&self, key: &Key) -> Option<Cipher> {
        Cipher::read(key, self.number, self.secret.clone())
    }
}

async fn known(transaction: &mut Transaction<'_>) -> Result<Vec<Known>, Fault> {
    let all = transaction.sql("SELECT number, secret FROM cipher ORDER BY number");
    let rows = transaction.all(all).await?;
    let known = rows.iter().map(|row| {
        Ok(Known {
            number: row.try_get(0)?,
            secret: row.try_get(1)?,
        })
    });
    known.collect()
}

async fn add(transaction: &mut Transaction<'_>, cipher: &Cipher) -> Result<(), Fault> {
    let insert = transaction.sql("INSERT INTO cipher (number, secret) VALUES ($1, $2)");
    let insert = insert.bind(cipher.number).bind(cipher.sealed_secret()?);
    transaction.run(insert).await?;
    Ok(())
}

/// Waits for all who [guard](guard) the keys, and keeps others from doing so. In SQLite a transaction
/// that writes is alone.
async fn lock(transaction: &mut Transaction<'_>) -> Result<(), Fault> {
    let lock = transaction.either("SELECT 1", "LOCK TABLE cipher IN EXCLUSIVE MODE");
    transaction.run(lock).await?;
    Ok(())
}

fn wrong() -> Fault {
    locked("the key is not that of the store, or the row of the store's key is damaged")
}

fn locked(message: &'static str) -> Fault {
    Error::new(ErrorKind::Authentication, message).into()
}
