//! Where settings may come from. Everything is passed in, so that tests need no environment of their own.

use super::{Faults, variables::Variables};
use std::{collections::BTreeMap, path::PathBuf};

/// The places that [`super::Config::load`] looks at. Not `Debug`: the environment holds secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// The working directory: `syncline.toml` and `.env` are read from here if they are there, and relative names of
    /// files are meant from here. Empty is the directory of the process.
    pub dir: PathBuf,
    /// A settings file that was asked for (`--config`); it must exist.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Settings from the command line: dotted key and text.
    pub flags: Vec<(String, String)>,
    /// Whether the caller obeys the variables of meet-clockify-sync.
    pub obeys_original: bool,
}

impl Sources {
    /// The working directory and the environment of this process. Text that is not UTF-8 keeps a replacement
    /// character, which is reported when it is in a variable that is ours.
    pub fn of_process() -> Self {
        Self {
            dir: PathBuf::new(),
            environment: std::env::vars_os()
                .map(|(name, value)| {
                    (
                        name.to_string_lossy().into_owned(),
                        value.to_string_lossy().into_owned(),
                    )
                })
                .collect(),
            ..Self::default()
        }
    }

    /// A variable of the environment, else of `.env`; what is wrong with that file is for [`super::Config::load`] to say.
    pub fn variable(&self, name: &str) -> Option<String> {
        let variables = Variables::of(self, &mut Faults::default());
        variables.get(name).map(|value| value.text.clone())
    }

    /// Adds a setting from the command line.
    #[must_use]
    pub fn with_flag(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.flags.push((key.into(), text.into()));
        self
    }
}
