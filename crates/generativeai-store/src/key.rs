//! The key of an encrypted store.

use std::fmt;

use generativeai::{Error, ErrorKind, Result};
use ring::rand::{SecureRandom, SystemRandom};

use crate::record::{hex, unhex};

/// The key of an [encrypted store](crate::Store::open_encrypted): 256 bits, drawn by chance.
///
/// Whoever has it can read the store, and without it nobody can: keep it apart from the store and its
/// backups, and keep a copy of it. A password is no key; a function made for passwords (Argon2, scrypt)
/// makes one of it.
///
/// It is shown nowhere: its `Debug` is `Key(..)`.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// Draws a key.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the system gives no random numbers.
    pub fn random() -> Result<Self> {
        let mut bytes = [0; 32];
        draw(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The key that has these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what [`to_hex`](Self::to_hex) wrote; blanks around it do not count.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is not of 64 digits. The text is not shown.
    pub fn from_hex(text: &str) -> Result<Self> {
        let bytes = unhex(text.trim()).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            let message = "the key of a store has 64 hexadecimal digits: this text is no key";
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// The key as 64 hexadecimal digits, to be kept in a safe place.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Fills bytes by chance.
pub(crate) fn draw(bytes: &mut [u8]) -> Result<()> {
    let drawn = SystemRandom::new().fill(bytes);
    drawn.map_err(|_| Error::new(ErrorKind::Storage, "the system gives no random numbers"))
}
