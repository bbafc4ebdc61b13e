//! The layers, one over the other: defaults, file, `.env`, environment, flags. A later one wins; empty text says nothing.

use super::{Faults, Origin, Sources, file, keys, variables::Variables};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The settings file that is read if it is there.
const USUAL_FILE: &str = "syncline.toml";

/// The variable that names another one.
pub(super) const FILE_VARIABLE: &str = "SYNCLINE_CONFIG";

/// Text with its origin. Not `Debug`: it may be a secret.
#[derive(Clone)]
pub(super) struct Value {
    pub text: String,
    pub origin: Origin,
}

impl Value {
    /// Blanks around a value never mean anything here, and are easily pasted.
    pub fn new(text: impl AsRef<str>, origin: Origin) -> Self {
        let text = text.as_ref().trim().to_owned();
        Self { text, origin }
    }
}

/// Every key with its text; the text is empty where nothing is set.
pub(super) type Values = BTreeMap<String, Value>;

/// The lowest layer.
pub(super) fn defaults() -> Values {
    keys::all()
        .iter()
        .map(|(key, text)| (key.clone(), Value::new(text, Origin::Default)))
        .collect()
}

/// All layers.
pub(super) fn gather(sources: &Sources, variables: &Variables, faults: &mut Faults) -> Values {
    let mut values = defaults();
    let mut set = |key: &str, value: Value| {
        if !value.text.is_empty() {
            values.insert(key.to_owned(), value);
        }
    };
    if let Some((path, content)) = settings_file(sources, variables, faults) {
        for (key, value) in of_file(&path, &content, faults) {
            set(&key, value);
        }
    }
    for key in keys::all().keys() {
        let names = keys::variables(key);
        if let Some(value) = variables.find(&names, keys::has_file_form(key), faults) {
            set(key, value);
        }
    }
    for (key, text) in &sources.flags {
        if keys::all().contains_key(key) {
            set(key, Value::new(text, Origin::Flag));
        } else {
            unknown(key, Origin::Flag, faults);
        }
    }
    values
}

fn unknown(key: &str, origin: Origin, faults: &mut Faults) {
    let suggestion = keys::suggestion(key, keys::all().keys().map(String::as_str));
    faults.add(
        key,
        Some(origin),
        format!("there is no such setting{suggestion}"),
    );
}

/// The settings file and its content: the one that was asked for, or the usual one if it is there.
fn settings_file(
    sources: &Sources,
    variables: &Variables,
    faults: &mut Faults,
) -> Option<(PathBuf, String)> {
    let asked = sources.file.clone().or_else(|| {
        variables
            .get(FILE_VARIABLE)
            .map(|value| PathBuf::from(&value.text))
    });
    let path = sources
        .dir
        .join(asked.as_deref().unwrap_or(Path::new(USUAL_FILE)));
    match std::fs::read_to_string(&path) {
        Ok(content) => Some((path, content)),
        Err(error) if asked.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            faults.add(
                path.display().to_string(),
                None,
                format!("cannot be read: {error}"),
            );
            None
        }
    }
}

fn of_file(path: &Path, content: &str, faults: &mut Faults) -> Vec<(String, Value)> {
    let origin = |line| Origin::Line {
        path: path.to_owned(),
        line,
        variable: None,
    };
    for (line, message) in file::errors(content) {
        faults.add(format!("{} line {line}", path.display()), None, message);
    }
    let sections: BTreeSet<&str> = keys::all()
        .keys()
        .filter_map(|key| Some(key.split_once('.')?.0))
        .collect();
    let mut values = Vec::new();
    for setting in file::settings(content) {
        match setting.text {
            Ok(text) if keys::all().contains_key(&setting.key) => {
                values.push((setting.key, Value::new(text, origin(setting.line))));
            }
            _ if sections.contains(setting.key.as_str()) => faults.add(
                &setting.key,
                Some(origin(setting.line)),
                format!("is a section: write [{}]", setting.key),
            ),
            Err(kind) if keys::all().contains_key(&setting.key) => faults.add(
                &setting.key,
                Some(origin(setting.line)),
                format!("expected text, a number or a boolean, got {kind}"),
            ),
            _ => unknown(&setting.key, origin(setting.line), faults),
        }
    }
    values
}
