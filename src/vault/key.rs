//! One sealing key, and the name it goes by.

use crate::base::{Error, Result, Secret, random_bytes};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    digest::{Context, SHA256},
    error::Unspecified,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::fmt;
use zeroize::Zeroizing;

/// The form of a sealed text. Another cipher would get another number.
pub(super) const VERSION: u8 = 1;

/// Bytes of a key.
pub(super) const LENGTH: usize = 32;

/// What is hashed before the key, so that an id is good for nothing else.
const ID_LABEL: &[u8] = b"syncline key id\0";

/// Names a key and says nothing about it: the first bytes of a digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::LENGTH]);

impl KeyId {
    pub(super) const LENGTH: usize = 8;

    pub(super) fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// What every text begins with that this key sealed.
    pub fn head(&self) -> Vec<u8> {
        let mut head = vec![VERSION];
        head.extend_from_slice(&self.0);
        head
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An AES-256-GCM key. The bytes live in the cipher alone, which wipes them.
pub struct Key {
    id: KeyId,
    cipher: RandomizedNonceKey,
}

impl Key {
    /// Parses 32 bytes in base64; `from` says where the text stands, for the error. The text is not repeated.
    pub fn parse(text: &str, from: &str) -> Result<Self> {
        let wrong = || {
            Error::precondition(
                "KEY_UNREADABLE",
                format!("{from} is not a key: expected 32 bytes in base64"),
            )
        };
        // Room for the longest text of the right length, so that decoding never moves the key and leaves a copy.
        let mut bytes = Zeroizing::new([0; LENGTH + 1]);
        match BASE64_STANDARD.decode_slice(text.trim(), bytes.as_mut_slice()) {
            Ok(LENGTH) => Self::from_bytes(&bytes[..LENGTH]).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    /// Thirty-two fresh random bytes in base64.
    pub(super) fn generate() -> Result<Secret> {
        Ok(Secret::new(BASE64_STANDARD.encode(random_bytes()?)))
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Unspecified> {
        let mut digest = Context::new(&SHA256);
        digest.update(ID_LABEL);
        digest.update(bytes);
        let mut id = [0; KeyId::LENGTH];
        id.copy_from_slice(&digest.finish().as_ref()[..KeyId::LENGTH]);
        Ok(Self {
            id: KeyId(id),
            cipher: RandomizedNonceKey::new(&AES_256_GCM, bytes)?,
        })
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Encrypts `text` in place and appends the tag; returns the nonce.
    pub(super) fn seal(&self, aad: &[u8], text: &mut Vec<u8>) -> Result<Nonce, Unspecified> {
        self.cipher.seal_in_place_append_tag(Aad::from(aad), text)
    }

    /// Decrypts in place and returns the plain part.
    pub(super) fn open<'a>(
        &self,
        nonce: Nonce,
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], Unspecified> {
        self.cipher
            .open_in_place(nonce, Aad::from(aad), sealed)
            .map(|plain| &*plain)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}
