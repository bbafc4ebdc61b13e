//! All keys at hand: the first seals, each of them opens.

use crate::{
    base::{Error, Result, Secret},
    vault::{Key, KeyCommand, KeyFile, KeyId, Place, key::VERSION},
};
use aws_lc_rs::aead::{NONCE_LEN, Nonce};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::runtime::{Handle, RuntimeFlavor};
use zeroize::Zeroizing;

/// Bytes before the ciphertext.
const HEAD: usize = 1 + KeyId::LENGTH + NONCE_LEN;

/// A program that does not know a key is left alone for so long.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(5);

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
    source: Source,
    /// When it was last asked because of a key that was not at hand.
    asked: Mutex<Option<Instant>>,
}

/// Where keys come from.
#[derive(Debug)]
enum Source {
    Settings,
    File(KeyFile),
    Command(KeyCommand),
}

impl Source {
    /// The keys as they are there now; `None` where they cannot change while the process lives.
    fn read(&self) -> Result<Option<Vec<Key>>> {
        match self {
            Self::Settings => Ok(None),
            Self::File(file) => file.read(),
            Self::Command(command) => patiently(|| command.ask()).map(Some),
        }
    }
}

/// A program may take seconds: the other tasks of this thread go on elsewhere meanwhile.
fn patiently<T>(work: impl FnOnce() -> T) -> T {
    let runtime = Handle::try_current().map(|handle| handle.runtime_flavor());
    match runtime {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
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
        Ok(Self::new(keys?, Source::Settings))
    }

    /// Keys from a file. Made when it is not there, unless `needed` names keys: then what was sealed with them could
    /// never be opened with a new one, and the answer is KEY_MISSING.
    pub fn from_file(file: KeyFile, needed: &BTreeSet<KeyId>) -> Result<Self> {
        let keys = match file.read()? {
            Some(keys) => keys,
            None if needed.is_empty() => file.create()?,
            None => return Err(missing(needed, &format!("the key file {file} is missing"))),
        };
        Ok(Self::new(keys, Source::File(file)))
    }

    /// Keys that a program prints. Blocks while it runs.
    pub fn from_command(command: KeyCommand) -> Result<Self> {
        Ok(Self::new(command.ask()?, Source::Command(command)))
    }

    fn new(keys: Vec<Key>, source: Source) -> Self {
        Self(Arc::new(Ring {
            keys: RwLock::new(keys.into_iter().map(Arc::new).collect()),
            source,
            asked: Mutex::default(),
        }))
    }

    /// Refuses with KEY_MISSING, naming them, when one of `needed` is not at hand.
    pub fn check(&self, needed: &BTreeSet<KeyId>) -> Result<()> {
        let there: BTreeSet<KeyId> = self.keys().iter().map(|key| key.id()).collect();
        let absent: BTreeSet<KeyId> = needed.difference(&there).copied().collect();
        if absent.is_empty() {
            return Ok(());
        }
        let source = match &self.0.source {
            Source::File(file) => format!("the key file {file} is another one, or lost a key"),
            Source::Settings => {
                "the setting key (SYNCLINE_KEY) is another one, or lost a key".to_owned()
            }
            Source::Command(command) => format!(
                "the program {} (key_command) prints others, or not all",
                command.program()
            ),
        };
        Err(missing(&absent, &source))
    }

    /// The key that seals now.
    pub fn newest(&self) -> KeyId {
        self.sealing().id()
    }

    /// What everything begins with that [`Keyring::newest`] seals.
    pub fn head(&self) -> Vec<u8> {
        self.newest().head()
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

    /// Seals with a new key from now on: one that is made and put in front of the file, or the one that the program prints first
    /// meanwhile. KEY_NOT_IN_FILE where keys come from the settings, KEY_NOT_ROTATED where the program prints the same one.
    pub fn rotate(&self) -> Result<KeyId> {
        let before = self.newest();
        let keys = match &self.0.source {
            Source::Settings => {
                return Err(Error::precondition(
                    "KEY_NOT_IN_FILE",
                    "the keys come from the setting key (SYNCLINE_KEY): put a new one in front of them there, separated by a comma, and restart",
                ));
            }
            Source::File(file) => file.add()?,
            Source::Command(command) => patiently(|| command.ask())?,
        };
        self.take(keys);
        match (&self.0.source, self.newest()) {
            (Source::Command(command), newest) if newest == before => Err(Error::precondition(
                "KEY_NOT_ROTATED",
                format!(
                    "the program {} (key_command) still prints the key {before} first: make a new one in the KMS, which it prints before the others, then ask again",
                    command.program()
                ),
            )),
            (_, newest) => Ok(newest),
        }
    }

    /// Looks whether somebody put a new key in front meanwhile, so that this process seals with it, too.
    pub fn refresh(&self) -> Result<()> {
        if let Some(keys) = self.0.source.read()? {
            self.take(keys);
        }
        Ok(())
    }

    /// Whether looking is too much to do it often.
    pub fn is_slow(&self) -> bool {
        matches!(self.0.source, Source::Command(_))
    }

    /// Takes keys out of the file, never the one that seals; returns whether that is where they were. From elsewhere a person
    /// takes them.
    pub fn remove(&self, retired: &BTreeSet<KeyId>) -> Result<bool> {
        let Source::File(file) = &self.0.source else {
            return Ok(false);
        };
        self.take(file.remove(retired)?);
        Ok(true)
    }

    /// All keys at hand, the one that seals first.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys().iter().map(|key| key.id()).collect()
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
            // Those who wait for the one that asks wait as patiently.
            match self.0.source {
                Source::Command(_) => patiently(|| self.look_again(find)),
                _ => self.look_again(find),
            }
            find()
        })
    }

    /// Asks where the keys come from, once for all who miss one at the same time. A program that does not know it is not asked
    /// again for a while.
    fn look_again(&self, find: impl Fn() -> Option<Arc<Key>>) {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_command = matches!(self.0.source, Source::Command(_));
        let lately = asked.is_some_and(|at| at.elapsed() < BETWEEN_QUESTIONS);
        if find().is_some() || (is_command && lately) {
            return;
        }
        match self.0.source.read() {
            Ok(Some(keys)) => self.take(keys),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a key that is needed cannot be looked for"),
        }
        *asked = Some(Instant::now());
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
