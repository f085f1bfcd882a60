//! `Cipher`: authenticated encryption of single values, and keyed checksums.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use crate::error::{Result, TransactionError};
use crate::key::Key;
use crate::random;

/// The column and row that hold an encrypted value.
///
/// A value is encrypted for one field: copied into another row, session or store it does not decrypt.
#[derive(Clone, Copy)]
pub(crate) enum Field<'a> {
    /// The body of an event.
    Event {
        /// The session that the event is stored under.
        session: i64,
        /// The number of the event in the session, from 1.
        seq: i64,
        /// The random id of the event.
        id: &'a [u8],
    },
    /// Media data, stored under its keyed checksum.
    Media { hash: &'a str },
    /// The name of a session.
    Name { session: i64 },
    /// The secret of the store, encrypted with the key of this number.
    Secret { key: i64 },
}

impl Field<'_> {
    /// Encodes the field so that no two fields have the same bytes: a letter for the column, then
    /// numbers of fixed length, then at most one part of variable length.
    ///
    /// The encoding is part of the stored format. It never changes.
    fn to_bytes(self) -> Vec<u8> {
        let (letter, numbers, rest): (u8, [i64; 2], &[u8]) = match self {
            Self::Event { session, seq, id } => (b'e', [session, seq], id),
            Self::Media { hash } => (b'm', [0, 0], hash.as_bytes()),
            Self::Name { session } => (b'n', [session, 0], &[]),
            Self::Secret { key } => (b's', [key, 0], &[]),
        };
        [&[letter], &*numbers.map(i64::to_le_bytes).concat(), rest].concat()
    }
}

/// Formats the field for errors.
impl fmt::Display for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { session, seq, .. } => write!(f, "event {seq} of session {session}"),
            Self::Media { hash } => write!(f, "media {hash}"),
            Self::Name { session } => write!(f, "the name of session {session}"),
            Self::Secret { key } => write!(f, "the secret of key {key}"),
        }
    }
}

/// A key with the secret of its store: encrypts values and computes checksums.
///
/// Each store has a random secret of 256 bits, stored encrypted with the key. Row keys are derived from
/// both, so that stores with the same key cannot exchange rows. Checksums depend on the secret alone
/// and survive a change of the key.
#[derive(Clone)]
pub(crate) struct Cipher {
    /// The number of the key in the store: 1 for the first, one more after each rotation.
    pub(crate) number: i64,
    /// Derived from the key alone. Encrypts the secret, and nothing else.
    secret_key: hkdf::Prk,
    /// Derived from the key and the secret. Encrypts all other fields.
    row_key: hkdf::Prk,
    secret: [u8; 32],
    checksum_key: hmac::Key,
}

impl Cipher {
    /// Creates the first cipher of a store, with a new random secret.
    pub(crate) fn generate(key: &Key) -> Result<Self> {
        Ok(Self::new(key, 1, random::bytes()?))
    }

    /// Restores a cipher from the number and the [encrypted secret](Self::encrypted_secret) that the
    /// store holds. Returns `None` if the key is wrong or the secret is damaged.
    pub(crate) fn restore(key: &Key, number: i64, encrypted_secret: Vec<u8>) -> Option<Self> {
        let field = Field::Secret { key: number };
        let secret = decrypt(&secret_key(key), field, encrypted_secret)?;
        Some(Self::new(key, number, secret.try_into().ok()?))
    }

    /// Creates the cipher of the same store for a new key.
    pub(crate) fn successor(&self, key: &Key) -> Self {
        Self::new(key, self.number + 1, self.secret)
    }

    /// Derives all keys from the key and the secret.
    fn new(key: &Key, number: i64, secret: [u8; 32]) -> Self {
        Self {
            number,
            secret_key: secret_key(key),
            row_key: hkdf::Salt::new(hkdf::HKDF_SHA256, &secret).extract(key.bytes()),
            secret,
            checksum_key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        }
    }

    /// Encrypts the secret of the store with the key.
    pub(crate) fn encrypted_secret(&self) -> Result<Vec<u8>> {
        let field = Field::Secret { key: self.number };
        encrypt(&self.secret_key, field, self.secret.to_vec())
    }

    /// Encrypts a value for one field.
    pub(crate) fn encrypt(&self, field: Field<'_>, value: Vec<u8>) -> Result<Vec<u8>> {
        encrypt(&self.row_key, field, value)
    }

    /// Decrypts the value of a field. Returns `None` unless it was encrypted by this cipher for this
    /// field and is unchanged.
    pub(crate) fn decrypt(&self, field: Field<'_>, value: Vec<u8>) -> Option<Vec<u8>> {
        decrypt(&self.row_key, field, value)
    }

    /// Computes an HMAC of `label` and `parts`. The label separates the uses of the checksum.
    pub(crate) fn checksum(&self, label: &str, parts: &[&[u8]]) -> Vec<u8> {
        let mut checksum = hmac::Context::with_key(&self.checksum_key);
        checksum.update(label.as_bytes());
        parts.iter().for_each(|part| checksum.update(part));
        checksum.sign().as_ref().to_vec()
    }
}

/// Derives the key that encrypts the secret of a store.
///
/// A [`Key`] is 256 uniformly random bits, so HKDF can use it without the extract step (RFC 5869 §3.3).
/// That step needs a salt, and the salt is the secret.
fn secret_key(key: &Key) -> hkdf::Prk {
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key.bytes())
}

/// Encrypts a value. The result is a random nonce, the ciphertext and the tag.
fn encrypt(from: &hkdf::Prk, field: Field<'_>, mut value: Vec<u8>) -> Result<Vec<u8>> {
    let field = field.to_bytes();
    let nonce = random::bytes::<NONCE_LEN>()?;
    field_key(from, &field)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&field),
            &mut value,
        )
        .map_err(|_| TransactionError::corrupt("a value is too large to be encrypted"))?;
    Ok([&nonce, &*value].concat())
}

/// Splits off the nonce, and decrypts the rest.
fn decrypt(from: &hkdf::Prk, field: Field<'_>, mut value: Vec<u8>) -> Option<Vec<u8>> {
    let field = field.to_bytes();
    let (nonce, ciphertext) = value.split_first_chunk_mut::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plaintext = field_key(from, &field).open_in_place(nonce, Aad::from(&field), ciphertext);
    Some(plaintext.ok()?.to_vec())
}

/// Derives the key of one field.
///
/// A nonce of 96 random bits must not repeat under one key. With a key for each field it would have to
/// repeat among the writes of a single row, which takes billions of them.
fn field_key(from: &hkdf::Prk, field: &[u8]) -> LessSafeKey {
    let info = [b"generativeai-store".as_slice(), field];
    let key = from
        .expand(&info, &CHACHA20_POLY1305)
        .expect("HKDF-SHA-256 yields keys of this length");
    LessSafeKey::new(UnboundKey::from(key))
}
