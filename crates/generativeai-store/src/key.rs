//! `Key`: the secret that opens an encrypted store.

use std::fmt;

use generativeai::{Error, ErrorKind, Result};

use crate::random;

/// Key of an [encrypted store](crate::Store::open_encrypted): 256 random bits.
///
/// A store cannot be read without its key. Keep the key apart from the store and its backups, for
/// example in the system's keyring, and keep a copy of it.
///
/// A password is too weak to be a key. Derive a key from it with a password hash such as Argon2 or
/// scrypt, and pass the result to [`from_bytes`](Self::from_bytes).
///
/// `Debug` prints `Key(..)`: the key never appears in logs or errors.
///
/// ```
/// use generativeai_store::Key;
///
/// # fn main() -> generativeai::Result<()> {
/// let key = Key::random()?;
/// let hex = key.to_hex(); // 64 digits, for a keyring
/// let key = Key::from_hex(&hex)?;
/// assert_eq!(format!("{key:?}"), "Key(..)");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// Generates a random key.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the operating system has no source of random numbers.
    pub fn random() -> Result<Self> {
        random::bytes().map(Self)
    }

    /// Wraps 32 bytes that a password hash or a key manager returned.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Parses the 64 hexadecimal digits that [`to_hex`](Self::to_hex) returns, in lower or upper case.
    /// Whitespace around them is ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for any other text. The error does not contain the text.
    pub fn from_hex(text: &str) -> Result<Self> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text.trim(), &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            // The error of the decoder quotes a character of the key, so it is not the source.
            Err(_) => {
                let message = "the key of a store consists of 64 hexadecimal digits";
                Err(Error::new(ErrorKind::Configuration, message))
            }
        }
    }

    /// Formats the key as 64 hexadecimal digits, for a keyring or a secret store.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the bytes, to derive other keys from.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Hides the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
