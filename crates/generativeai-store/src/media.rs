//! Media: large blobs, stored once and apart from the events that contain them.
//!
//! The table `blob` holds the base64 data under a checksum of it, the table `media` lists the
//! events that refer to it. In the JSON of an event a reference replaces the data.

use std::collections::HashMap;

use generativeai::Event;
use generativeai::protocol::content::Blob;
use sqlx::Row;

use crate::cipher::Field;
use crate::contents::media_mut;
use crate::encryption::Encryption;
use crate::error::{Result, TransactionError};
use crate::transaction::{Transaction, params};

/// Data longer than this many characters of base64 is stored apart from its event.
const MAX_INLINE: usize = 1024;
/// Precedes the checksum in a reference. No base64 data begins like this, as `:` is not a digit.
const REFERENCE: &str = "blob:";

/// The data of a blob, and the checksum it is stored under.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Media {
    /// The checksum in hexadecimal digits.
    hash: String,
    /// The data in base64, exactly as the event had it.
    data: String,
}

/// Moves the large media out of an event, which gets references to them.
///
/// Data that looks like a reference is moved as well, however short.
pub(crate) fn detach(event: &mut Event, encryption: &Encryption) -> Vec<Media> {
    let mut media = Vec::new();
    for blob in media_mut(event) {
        let is_detached =
            |data: &mut String| data.len() > MAX_INLINE || data.starts_with(REFERENCE);
        if let Some(data) = blob.data.take_if(is_detached) {
            let hash = hash(encryption, &data);
            blob.data = Some(format!("{REFERENCE}{hash}"));
            media.push(Media { hash, data });
        }
    }
    media.sort_unstable();
    media.dedup();
    media
}

/// Puts the media back into an event. `cache` contains the media of earlier events: a picture that occurs often is read
/// and decrypted once.
///
/// # Errors
/// [`Corrupt`](generativeai::ErrorKind::Corrupt) if data is missing or was changed.
pub(crate) async fn attach(
    tx: &mut Transaction<'_>,
    event: &mut Event,
    cache: &mut HashMap<String, String>,
) -> Result<()> {
    for blob in media_mut(event) {
        let Some(hash) = referenced(blob) else {
            continue;
        };
        if !cache.contains_key(hash) {
            let data = read(tx, hash).await?;
            cache.insert(hash.to_owned(), data);
        }
        blob.data = cache.get(hash).cloned();
    }
    Ok(())
}

/// Stores media, and that an event refers to them.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    session: i64,
    seq: i64,
    Media { hash, data }: &Media,
) -> Result<()> {
    let encryption = tx.encryption;
    let data = encryption.encrypt(Field::Media { hash }, data.as_bytes().to_vec())?;
    let blob = "INSERT INTO blob (hash, data, cipher) VALUES ($1, $2, $3)
        ON CONFLICT (hash) DO NOTHING";
    tx.execute(blob, params![hash, data, encryption.key_number()])
        .await?;
    // In PostgreSQL a deletion may have removed the existing blob in between. The foreign key then fails, and the
    // attempt is repeated.
    let media = "INSERT INTO media (session_id, seq, hash) VALUES ($1, $2, $3)";
    tx.execute(media, params![session, seq, hash]).await?;
    Ok(())
}

/// Returns the checksum that a blob refers to, if its data is stored apart.
fn referenced(blob: &Blob) -> Option<&str> {
    blob.data.as_deref()?.strip_prefix(REFERENCE)
}

/// Computes the checksum that media are stored under. In an encrypted store it is keyed, so that nobody
/// can test whether the store holds a known file.
fn hash(encryption: &Encryption, data: &str) -> String {
    hex::encode(encryption.checksum("media", &[data.as_bytes()]))
}

/// Reads the data that is stored under a checksum.
async fn read(tx: &mut Transaction<'_>, hash: &str) -> Result<String> {
    let damaged = |problem: &str| TransactionError::corrupt(format!("media {hash} {problem}"));
    let select = "SELECT data, cipher FROM blob WHERE hash = $1";
    let row = tx.fetch_optional(select, params![hash]).await?;
    let row = row.ok_or_else(|| damaged("is missing"))?;
    let unreadable = |_| damaged("cannot be read");
    let key_number = row.try_get("cipher").map_err(unreadable)?;
    let data = row.try_get("data").map_err(unreadable)?;
    let data = tx
        .encryption
        .decrypt(Field::Media { hash }, key_number, data)?;
    String::from_utf8(data)
        .ok()
        .filter(|data| self::hash(tx.encryption, data) == hash)
        .ok_or_else(|| damaged("does not match its checksum"))
}
