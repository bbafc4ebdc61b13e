//! All keys at hand: the first seals, each of them opens.

use crate::{
    base::{Error, Result, Secret},
    vault::{Key, KeyFile, KeyId, Place},
};
use aws_lc_rs::aead::{NONCE_LEN, Nonce};
use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};
use zeroize::Zeroizing;

/// The form of a sealed text. Another cipher would get another number.
const VERSION: u8 = 1;

/// Bytes before the ciphertext.
const HEAD: usize = 1 + KeyId::LENGTH + NONCE_LEN;

/// Why a sealed text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed by a key that is not at hand.
    #[error("it was sealed with the key {0}, which is not there")]
    UnknownKey(KeyId),
    /// It was altered, cut, or belongs to another row.
    #[error("it is damaged, or belongs to another row")]
    Damaged,
}

/// The keys, cheap to clone: all clones see a rotation.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    keys: RwLock<Vec<Arc<Key>>>,
    file: Option<KeyFile>,
}

impl Keyring {
    /// Keys from the settings: base64, separated by commas, the newest first.
    pub fn from_text(text: &Secret) -> Result<Self> {
        let keys: Result<Vec<_>> = text
            .expose()
            .split(',')
            .enumerate()
            .map(|(index, part)| {
                Key::parse(part, &format!("number {} of the setting key", index + 1))
            })
            .collect();
        Ok(Self::new(keys?, None))
    }

    /// Keys from a file. Made when it is not there, unless `needed` names keys: then what was sealed with them could
    /// never be opened with a new one, and the answer is KEY_MISSING.
    pub fn from_file(file: KeyFile, needed: &BTreeSet<KeyId>) -> Result<Self> {
        let keys = match file.read()? {
            Some(keys) => keys,
            None if needed.is_empty() => file.create()?,
            None => return Err(missing(needed, &format!("the key file {file} is missing"))),
        };
        Ok(Self::new(keys, Some(file)))
    }

    fn new(keys: Vec<Key>, file: Option<KeyFile>) -> Self {
        Self(Arc::new(Ring {
            keys: RwLock::new(keys.into_iter().map(Arc::new).collect()),
            file,
        }))
    }

    /// Refuses with KEY_MISSING, naming them, when one of `needed` is not at hand.
    pub fn check(&self, needed: &BTreeSet<KeyId>) -> Result<()> {
        let there: BTreeSet<KeyId> = self.keys().iter().map(|key| key.id()).collect();
        let absent: BTreeSet<KeyId> = needed.difference(&there).copied().collect();
        if absent.is_empty() {
            return Ok(());
        }
        let source = match &self.0.file {
            Some(file) => format!("the key file {file} is another one, or lost a key"),
            None => "the setting key (SYNCLINE_KEY) is another one, or lost a key".to_owned(),
        };
        Err(missing(&absent, &source))
    }

    /// The key that seals now.
    pub fn newest(&self) -> KeyId {
        self.sealing().id()
    }

    /// What everything begins with that [`Keyring::newest`] seals.
    pub fn head(&self) -> Vec<u8> {
        let mut head = vec![VERSION];
        head.extend_from_slice(self.newest().bytes());
        head
    }

    /// Seals `plain` for `place`.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>> {
        let key = self.sealing();
        let mut text = Vec::with_capacity(plain.len() + 16);
        text.extend_from_slice(plain);
        let nonce = key
            .seal(&place.bytes(), &mut text)
            .map_err(|_| Error::internal("a secret cannot be sealed"))?;
        let mut sealed = Vec::with_capacity(HEAD + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(key.id().bytes());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what was sealed for `place`. A key that another process put into the file meanwhile is found there.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let id = sealed_with(sealed).ok_or(OpenError::Damaged)?;
        let (head, text) = sealed.split_at_checked(HEAD).ok_or(OpenError::Damaged)?;
        let key = self.key(id).ok_or(OpenError::UnknownKey(id))?;
        let nonce = Nonce::try_assume_unique_for_key(&head[HEAD - NONCE_LEN..])
            .map_err(|_| OpenError::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = key
            .open(nonce, &place.bytes(), &mut text)
            .map_err(|_| OpenError::Damaged)?
            .len();
        text.truncate(length);
        Ok(text)
    }

    /// Puts a new key in front of the file and seals with it from now on. KEY_NOT_IN_FILE when there is no file.
    pub fn rotate(&self) -> Result<KeyId> {
        let file = self.0.file.as_ref().ok_or_else(|| {
            Error::precondition(
                "KEY_NOT_IN_FILE",
                "the keys come from the setting key (SYNCLINE_KEY): put a new one in front of them there, separated by a comma, and restart",
            )
        })?;
        self.take(file.add()?);
        Ok(self.newest())
    }

    fn sealing(&self) -> Arc<Key> {
        Arc::clone(
            self.keys()
                .first()
                .expect("a ring is never made without a key"),
        )
    }

    fn key(&self, id: KeyId) -> Option<Arc<Key>> {
        let find = || self.keys().iter().find(|key| key.id() == id).cloned();
        find().or_else(|| {
            let keys = self.0.file.as_ref()?.read().ok()??;
            self.take(keys);
            find()
        })
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Vec<Arc<Key>>> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, keys: Vec<Key>) {
        let mut ring = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        *ring = keys.into_iter().map(Arc::new).collect();
    }
}

/// The key that sealed `sealed`; `None` when it is no sealed text.
pub fn sealed_with(sealed: &[u8]) -> Option<KeyId> {
    let (version, rest) = sealed.split_first()?;
    let id = rest.first_chunk()?;
    (*version == VERSION).then(|| KeyId::from_bytes(*id))
}

fn missing(keys: &BTreeSet<KeyId>, source: &str) -> Error {
    let ids: Vec<String> = keys.iter().map(ToString::to_string).collect();
    Error::precondition(
        "KEY_MISSING",
        format!(
            "stored secrets are sealed with {}: {source}; put the right key back, nothing was changed",
            match ids.as_slice() {
                [one] => format!("the key {one}"),
                several => format!("the keys {}", several.join(", ")),
            }
        ),
    )
}
