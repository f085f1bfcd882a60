//! How what is said stands in the rows: as it is, or encrypted.

use std::fmt;

use generativeai::{Error, ErrorKind};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hkdf, hmac};

use crate::fault::Fault;
use crate::key::{Key, draw};

/// Where a value belongs: encrypted for one place it opens in no other.
#[derive(Clone, Copy)]
pub(crate) enum Slot<'a> {
    Event {
        session: i64,
        seq: i64,
        id: &'a [u8],
    },
    Media {
        hash: &'a str,
    },
    Name {
        session: i64,
    },
    Secret {
        key: i64,
    },
}

impl Slot<'_> {
    /// Differs between any two places: each kind has its letter and numbers of one length.
    fn bytes(&self) -> Vec<u8> {
        let (letter, numbers, rest): (u8, [i64; 2], &[u8]) = match *self {
            Self::Event { session, seq, id } => (b'e', [session, seq], id),
            Self::Media { hash } => (b'm', [0, 0], hash.as_bytes()),
            Self::Name { session } => (b'n', [session, 0], &[]),
            Self::Secret { key } => (b's', [key, 0], &[]),
        };
        let numbers = numbers.map(i64::to_le_bytes).concat();
        [&[letter], &*numbers, rest].concat()
    }
}

impl fmt::Display for Slot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { session, seq, .. } => write!(f, "event {seq} of session {session}"),
            Self::Media { hash } => write!(f, "media {hash}"),
            Self::Name { session } => write!(f, "the name of session {session}"),
            Self::Secret { key } => write!(f, "the secret of key {key}"),
        }
    }
}

/// How a store writes its rows: plain, or with a key.
#[derive(Default)]
pub(crate) struct Seal(Option<Cipher>);

impl Seal {
    pub(crate) fn with(cipher: Cipher) -> Self {
        Self(Some(cipher))
    }

    /// The number of the key; `None` if the store is plain.
    pub(crate) fn key(&self) -> Option<i64> {
        self.0.as_ref().map(|cipher| cipher.number)
    }

    /// A value as it is written.
    pub(crate) fn close(&self, slot: Slot<'_>, value: Vec<u8>) -> Result<Vec<u8>, Fault> {
        match &self.0 {
            Some(cipher) => cipher.close(slot, value),
            None => Ok(value),
        }
    }

    /// A value as it was, by the number of the key that the row names.
    pub(crate) fn open(
        &self,
        slot: Slot<'_>,
        key: Option<i64>,
        value: Vec<u8>,
    ) -> Result<Vec<u8>, Fault> {
        let Some(cipher) = &self.0 else {
            return Ok(value);
        };
        match key {
            Some(key) if key == cipher.number => cipher.open(slot, value).ok_or_else(|| {
                Fault::corrupt(format!(
                    "{slot} cannot be authenticated: it was changed, cut short or exchanged"
                ))
            }),
            Some(_) => {
                let message = format!("{slot} is encrypted with another key: open the store anew");
                Err(Error::new(ErrorKind::Authentication, message).into())
            }
            None => {
                let message = format!("{slot} is not encrypted: it was not written with the key");
                Err(Fault::corrupt(message))
            }
        }
    }

    /// A checksum of these bytes; in an encrypted store one that nobody can make without the key. The
    /// label tells apart what is summed.
    pub(crate) fn sum(&self, label: &str, parts: &[&[u8]]) -> Vec<u8> {
        match &self.0 {
            Some(cipher) => {
                let mut sum = hmac::Context::with_key(&cipher.sums);
                sum.update(label.as_bytes());
                parts.iter().for_each(|part| sum.update(part));
                sum.sign().as_ref().to_vec()
            }
            None => {
                let mut sum = digest::Context::new(&digest::SHA256);
                parts.iter().for_each(|part| sum.update(part));
                sum.finish().as_ref().to_vec()
            }
        }
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Encrypted",
            None => "Plain",
        })
    }
}

/// A key at work, with the secret of the store.
#[derive(Clone)]
pub(crate) struct Cipher {
    pub(crate) number: i64,
    /// The key alone: it encrypts nothing but the secret.
    key: hkdf::Prk,
    /// The key and the secret: a row opens in no other store, whatever its key.
    rows: hkdf::Prk,
    secret: [u8; 32],
    sums: hmac::Key,
}

impl Cipher {
    /// The first key of a store, with a new secret.
    pub(crate) fn first(key: &Key) -> Result<Self, Fault> {
        let mut secret = [0; 32];
        draw(&mut secret)?;
        Ok(Self::new(key, 1, secret))
    }

    /// A key by its number and the secret that was [sealed](Self::sealed_secret) with it; `None` if it was
    /// not this key.
    pub(crate) fn read(key: &Key, number: i64, sealed: Vec<u8>) -> Option<Self> {
        let secret = open(&alone(key), Slot::Secret { key: number }, sealed)?;
        Some(Self::new(key, number, secret.try_into().ok()?))
    }

    /// Another key for the same store.
    pub(crate) fn successor(&self, key: &Key) -> Self {
        Self::new(key, self.number + 1, self.secret)
    }

    fn new(key: &Key, number: i64, secret: [u8; 32]) -> Self {
        Self {
            number,
            key: alone(key),
            rows: hkdf::Salt::new(hkdf::HKDF_SHA256, &secret).extract(key.bytes()),
            secret,
            sums: hmac::Key::new(hmac::HMAC_SHA256, &secret),
        }
    }

    pub(crate) fn sealed_secret(&self) -> Result<Vec<u8>, Fault> {
        let slot = Slot::Secret { key: self.number };
        close(&self.key, slot, self.secret.to_vec())
    }

    pub(crate) fn close(&self, slot: Slot<'_>, value: Vec<u8>) -> Result<Vec<u8>, Fault> {
        close(&self.rows, slot, value)
    }

    pub(crate) fn open(&self, slot: Slot<'_>, value: Vec<u8>) -> Option<Vec<u8>> {
        open(&self.rows, slot, value)
    }
}

fn alone(key: &Key) -> hkdf::Prk {
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key.bytes())
}

/// A nonce drawn by chance, what is encrypted, and its tag.
fn close(from: &hkdf::Prk, slot: Slot<'_>, mut value: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let slot = slot.bytes();
    let mut nonce = [0; NONCE_LEN];
    draw(&mut nonce)?;
    let (once, place) = (Nonce::assume_unique_for_key(nonce), Aad::from(&slot));
    let closed = place_key(from, &slot);
    let closed = closed.seal_in_place_append_tag(once, place, &mut value);
    closed.map_err(|_| Fault::corrupt("a value is too large to be encrypted".to_owned()))?;
    Ok([&nonce, &*value].concat())
}

fn open(from: &hkdf::Prk, slot: Slot<'_>, mut value: Vec<u8>) -> Option<Vec<u8>> {
    let slot = slot.bytes();
    let (nonce, closed) = value.split_first_chunk_mut::<NONCE_LEN>()?;
    let (once, place) = (Nonce::assume_unique_for_key(*nonce), Aad::from(&slot));
    let opened = place_key(from, &slot).open_in_place(once, place, closed);
    Some(opened.ok()?.to_vec())
}

/// Each place has a key of its own, so that a nonce drawn by chance repeats only if one row is written
/// some billion times.
fn place_key(from: &hkdf::Prk, slot: &[u8]) -> LessSafeKey {
    let what = [b"generativeai-store".as_slice(), slot];
    let key = from.expand(&what, &CHACHA20_POLY1305);
    LessSafeKey::new(UnboundKey::from(
        key.expect("the length of a key is allowed"),
    ))
}
