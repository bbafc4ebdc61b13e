//! The key file: one base64 key a line, the newest first, readable by its owner alone.

use crate::{
    base::{Error, Result},
    vault::{Key, KeyId},
};
use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Largest file that is read, in bytes: room for two hundred keys.
const LARGEST: u64 = 10_000;

/// The first line of a file that we make.
const HEADER: &str = "# Sealing keys of Syncline, the newest first. Without them stored credentials are lost: keep a copy, apart from the database.\n";

/// A key file, there or not.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// Names the file; nothing is read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its keys, the newest first; `None` when there is no such file. Refuses, saying why, a file that others may read,
    /// that is no plain file, or that holds anything but whole keys.
    pub fn read(&self) -> Result<Option<Vec<Key>>> {
        Ok(match self.text()? {
            Some(text) => Some(self.parse(&text)?),
            None => None,
        })
    }

    /// Makes the file with one new key. When another process makes it at the same time, its key is the one.
    pub(super) fn create(&self) -> Result<Vec<Key>> {
        let _lock = self.lock()?;
        if let Some(keys) = self.read()? {
            return Ok(keys);
        }
        let key = Key::generate()?;
        self.publish(&[HEADER, key.expose(), "\n"])?;
        self.parse(key.expose())
    }

    /// Puts a new key in front of the others.
    pub(super) fn add(&self) -> Result<Vec<Key>> {
        let _lock = self.lock()?;
        let text = self.text()?.ok_or_else(|| {
            Error::precondition("KEY_MISSING", format!("the key file {self} is missing"))
        })?;
        self.parse(&text)?;
        let key = Key::generate()?;
        let mut parts = vec![HEADER, key.expose(), "\n"];
        for line in key_lines(&text) {
            parts.extend([line, "\n"]);
        }
        self.publish(&parts)?;
        self.read()?
            .ok_or_else(|| Error::internal("the key file vanished while it was written"))
    }

    /// Takes these keys out, never the first one, which seals; returns those that are left.
    pub(super) fn remove(&self, retired: &BTreeSet<KeyId>) -> Result<Vec<Key>> {
        let _lock = self.lock()?;
        let text = self.text()?.ok_or_else(|| {
            Error::precondition("KEY_MISSING", format!("the key file {self} is missing"))
        })?;
        let keys = self.parse(&text)?;
        let mut parts = vec![HEADER];
        for (index, (line, key)) in key_lines(&text).zip(&keys).enumerate() {
            if index == 0 || !retired.contains(&key.id()) {
                parts.extend([line, "\n"]);
            }
        }
        self.publish(&parts)?;
        self.read()?
            .ok_or_else(|| Error::internal("the key file vanished while it was written"))
    }

    fn parse(&self, text: &str) -> Result<Vec<Key>> {
        let keys: Result<Vec<_>> = key_lines(text)
            .enumerate()
            .map(|(index, line)| {
                Key::parse(
                    line,
                    &format!("number {} in the key file {self}", index + 1),
                )
            })
            .collect();
        let keys = keys?;
        if keys.is_empty() {
            return Err(unreadable(format!("the key file {self} holds no key")));
        }
        Ok(keys)
    }

    fn text(&self) -> Result<Option<Zeroizing<String>>> {
        let failed =
            |cause: io::Error| unreadable(format!("the key file {self} cannot be read: {cause}"));
        let mut file = match File::open(&self.0) {
            Ok(file) => file,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(unreadable(format!(
                "{self} is not a plain file, so it cannot be the key file"
            )));
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(Error::precondition(
                "KEY_EXPOSED",
                format!("others may read the key file {self}: run chmod 600 on it"),
            ));
        }
        if metadata.len() > LARGEST {
            return Err(unreadable(format!(
                "the key file {self} is too large to be one"
            )));
        }
        let length = usize::try_from(metadata.len()).unwrap_or_default();
        let mut text = Zeroizing::new(String::with_capacity(length));
        file.read_to_string(&mut text).map_err(failed)?;
        Ok(Some(text))
    }

    /// Writes the whole file beside its place and moves it there, so that nobody ever reads half of it.
    fn publish(&self, parts: &[&str]) -> Result<()> {
        let beside = self
            .0
            .with_extension(format!("new-{}", uuid::Uuid::new_v4()));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&beside)?;
            for part in parts {
                file.write_all(part.as_bytes())?;
            }
            file.sync_all()?;
            fs::rename(&beside, &self.0)?;
            File::open(self.dir())?.sync_all()
        };
        write().map_err(|cause| {
            // Nothing to be done about a half written file that cannot be removed either.
            let _ = fs::remove_file(&beside);
            Error::precondition(
                "KEY_UNWRITABLE",
                format!("the key file {self} cannot be written: {cause}"),
            )
        })
    }

    /// Held while the file is made or changed; processes wait for one another.
    fn lock(&self) -> Result<File> {
        let dir = self.dir();
        let lock = || -> io::Result<File> {
            DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
            let dir = File::open(dir)?;
            dir.lock()?;
            Ok(dir)
        };
        lock().map_err(|cause| {
            Error::precondition(
                "KEY_UNWRITABLE",
                format!("the folder of the key file {self} cannot be used: {cause}"),
            )
        })
    }

    fn dir(&self) -> &Path {
        match self.0.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        }
    }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// The lines that should hold keys.
pub(super) fn key_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn unreadable(message: String) -> Error {
    Error::precondition("KEY_UNREADABLE", message)
}
