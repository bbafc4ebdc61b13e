//! The environment and `.env`, looked at together: the environment wins, and `NAME_FILE` names a file that holds the
//! value of `NAME`.

use super::{Faults, Origin, Sources, layers::Value};
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Largest content of a `…_FILE`: far more than any secret, so that a wrong name cannot fill the memory.
const LARGEST_CONTENT: u64 = 64 * 1024;

/// What the variables say. Empty ones count as not set, because that is what `${NAME:-}` leaves in a compose file.
pub(super) struct Variables {
    dir: PathBuf,
    /// The environment first, then `.env`.
    layers: [BTreeMap<String, Value>; 2],
}

impl Variables {
    /// Reads `.env` if there is one.
    pub fn of(sources: &Sources, faults: &mut Faults) -> Self {
        let environment = sources
            .environment
            .iter()
            .map(|(name, text)| {
                let origin = Origin::Variable(name.clone());
                (name.clone(), Value::new(text, origin))
            })
            .filter(|(_, value)| !value.text.is_empty())
            .collect();
        Self {
            layers: [environment, dotenv(&sources.dir.join(".env"), faults)],
            dir: sources.dir.clone(),
        }
    }

    /// The names of all variables that are set, each once.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let [environment, dotenv] = &self.layers;
        environment
            .keys()
            .chain(
                dotenv
                    .keys()
                    .filter(|name| !environment.contains_key(*name)),
            )
            .map(String::as_str)
    }

    /// The variable itself, without its `_FILE` form.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.layers.iter().find_map(|layer| layer.get(name))
    }

    /// The value of the first of `names` that is set; all of them in the environment before any in `.env`.
    pub fn find(&self, names: &[String], file_form: bool, faults: &mut Faults) -> Option<Value> {
        self.layers.iter().find_map(|layer| {
            names.iter().find_map(|name| {
                let plain = layer.get(name);
                let file = file_form
                    .then(|| layer.get(&format!("{name}_FILE")))
                    .flatten();
                match (plain, file) {
                    (Some(_), Some(_)) => {
                        let message =
                            format!("is set together with {name}_FILE: remove one of them");
                        faults.add(name, None, message);
                        None
                    }
                    (Some(value), None) if value.text.contains(char::REPLACEMENT_CHARACTER) => {
                        faults.add(name, None, "is not valid UTF-8");
                        None
                    }
                    (Some(value), None) => Some(value.clone()),
                    (None, Some(path)) => self.content(&format!("{name}_FILE"), path, faults),
                    (None, None) => None,
                }
            })
        })
    }

    fn content(&self, variable: &str, path: &Value, faults: &mut Faults) -> Option<Value> {
        let path = self.dir.join(&path.text);
        let content = match read_limited(&path) {
            Ok(content) => content,
            Err(error) => {
                faults.add(
                    variable,
                    None,
                    format!("{} cannot be read: {error}", path.display()),
                );
                return None;
            }
        };
        let text = content.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            faults.add(variable, None, format!("{} is empty", path.display()));
            return None;
        }
        let variable = variable.to_owned();
        Some(Value::new(text, Origin::Content { variable, path }))
    }
}

fn read_limited(path: &Path) -> std::io::Result<String> {
    let mut content = String::new();
    let file = File::open(path)?;
    if file
        .take(LARGEST_CONTENT + 1)
        .read_to_string(&mut content)? as u64
        > LARGEST_CONTENT
    {
        return Err(std::io::Error::other("larger than 64 KiB"));
    }
    Ok(content)
}

fn dotenv(path: &Path, faults: &mut Faults) -> BTreeMap<String, Value> {
    let content = match std::fs::read_to_string(path) {
        Ok(content) => content,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            faults.add(
                path.display().to_string(),
                None,
                format!("cannot be read: {error}"),
            );
            return BTreeMap::new();
        }
    };
    let content = content.trim_start_matches('\u{feff}');
    let mut variables = BTreeMap::new();
    for item in dotenvy::from_read_iter(content.as_bytes()) {
        match item {
            Ok((_, text)) if text.is_empty() => {}
            Ok((name, text)) => {
                let origin = Origin::Line {
                    path: path.to_owned(),
                    line: line_of_variable(content, &name),
                    variable: Some(name.clone()),
                };
                variables.insert(name, Value::new(text, origin));
            }
            // Its own message repeats the line, which may hold a secret.
            Err(dotenvy::Error::LineParse(wrong, _)) => {
                let line = line_where(content, |line| wrong.starts_with(line.trim_end()));
                let what = format!("{} line {line}", path.display());
                faults.add(
                    what,
                    None,
                    "expected NAME=value; quote values that contain blanks",
                );
            }
            Err(error) => {
                faults.add(
                    path.display().to_string(),
                    None,
                    format!("cannot be read: {error}"),
                );
                break;
            }
        }
    }
    variables
}

/// The last line that sets `name`, because the last one wins.
fn line_of_variable(content: &str, name: &str) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("export ")
            .unwrap_or(line)
            .trim_start()
            .strip_prefix(name)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let from_the_end = content.lines().rev().position(sets);
    from_the_end.map_or(1, |back| content.lines().count() - back)
}

fn line_where(content: &str, matches: impl Fn(&str) -> bool) -> usize {
    1 + content
        .lines()
        .position(|line| !line.trim().is_empty() && matches(line))
        .unwrap_or(0)
}
