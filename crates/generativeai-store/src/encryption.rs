//! `Encryption`: whether a store is plain or encrypted, and how its values are written and read.

use std::fmt;

use generativeai::{Error, ErrorKind};
use ring::digest;

use crate::cipher::{Cipher, Field};
use crate::error::{Result, TransactionError};

/// Encryption of the values of a store: none, or with a key.
///
/// All rows pass through it, so the rest of the crate does not distinguish the two.
#[derive(Default)]
pub(crate) struct Encryption(Option<Cipher>);

impl Encryption {
    /// Creates the encryption of a store unlocked with a key.
    pub(crate) fn with(cipher: Cipher) -> Self {
        Self(Some(cipher))
    }

    /// Returns whether the store is encrypted.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the number of the key, which each encrypted row stores in its column `cipher`. `None` in a plain
    /// store.
    pub(crate) fn key_number(&self) -> Option<i64> {
        self.0.as_ref().map(|cipher| cipher.number)
    }

    /// Encrypts a value for its field. A plain store keeps the value unchanged.
    pub(crate) fn encrypt(&self, field: Field<'_>, value: Vec<u8>) -> Result<Vec<u8>> {
        match &self.0 {
            Some(cipher) => cipher.encrypt(field, value),
            None => Ok(value),
        }
    }

    /// Decrypts a value. `key_number` is the number of the key in its row.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if the value was changed, truncated, moved from another field, or written
    /// without the key; [`ErrorKind::Authentication`] if the row was written with another key, as
    /// happens when the key is rotated while the store is open.
    pub(crate) fn decrypt(
        &self,
        field: Field<'_>,
        key_number: Option<i64>,
        value: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let Some(cipher) = &self.0 else {
            return Ok(value);
        };
        match key_number {
            Some(number) if number == cipher.number => {
                cipher.decrypt(field, value).ok_or_else(|| {
                    TransactionError::corrupt(format!(
                        "{field} cannot be authenticated: it was modified, truncated or swapped"
                    ))
                })
            }
            Some(_) => {
                let message =
                    format!("{field} is encrypted with another key: open the store again");
                Err(Error::new(ErrorKind::Authentication, message).into())
            }
            None => Err(TransactionError::corrupt(format!(
                "{field} is not encrypted: it was written without the key"
            ))),
        }
    }

    /// Computes a checksum of `parts`: SHA-256 in a plain store, a keyed HMAC in an encrypted one.
    ///
    /// The first detects damage, the second also forgery. The label separates the uses of the keyed
    /// checksum; the plain one has none, as in schema version 1.
    pub(crate) fn checksum(&self, label: &str, parts: &[&[u8]]) -> Vec<u8> {
        match &self.0 {
            Some(cipher) => cipher.checksum(label, parts),
            None => {
                let mut checksum = digest::Context::new(&digest::SHA256);
                parts.iter().for_each(|part| checksum.update(part));
                checksum.finish().as_ref().to_vec()
            }
        }
    }
}

/// Prints whether there is a key, and nothing of it.
impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Encrypted",
            None => "Plain",
        })
    }
}
