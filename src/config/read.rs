//! Turns the text of one setting into a value, and a text that cannot be one into a fault.

use super::{
    Faults, keys,
    layers::{Value, Values},
    units,
};
use crate::base::{Secret, name::shown};
use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

/// Reads values and collects faults. After a fault the default stands in, so that the next setting is looked at too.
pub(super) struct Reader<'a> {
    pub values: &'a Values,
    pub faults: &'a mut Faults,
}

impl Reader<'_> {
    fn value(&self, key: &str) -> &Value {
        self.values
            .get(key)
            .expect("every key that is read is in the default file, as a test shows")
    }

    /// Whether `key` has any text.
    pub fn is_set(&self, key: &str) -> bool {
        !self.value(key).text.is_empty()
    }

    /// Reports `key` as wrong; `message` says what was expected.
    pub fn fault(&mut self, key: &str, message: impl Display) {
        let value = self.value(key).clone();
        let message = if keys::is_private(key) {
            message.to_string()
        } else {
            format!("{message}, got {}", shown(&value.text))
        };
        self.faults.add(key, Some(value.origin), message);
    }

    /// A setting that always has a value.
    pub fn required<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
        parse(&self.value(key).text).unwrap_or_else(|message| {
            self.fault(key, message);
            parse(&keys::all()[key]).expect("the defaults are right, as a test shows")
        })
    }

    /// A setting that may be absent.
    pub fn optional<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = &self.value(key).text;
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|message| self.fault(key, message)).ok()
    }

    /// Any text.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.optional(key, |text| Ok(text.to_owned()))
    }

    /// Any text that must not be seen.
    pub fn secret(&mut self, key: &str) -> Option<Secret> {
        self.optional(key, |text| Ok(Secret::new(text)))
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str) -> bool {
        self.required(key, |text| {
            text.parse()
                .map_err(|_| "expected true or false".to_owned())
        })
    }

    /// A number from `range`.
    pub fn number<T>(&mut self, key: &str, range: RangeInclusive<T>) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        self.required(key, |text| {
            text.parse()
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    format!(
                        "expected a number from {} to {}",
                        range.start(),
                        range.end()
                    )
                })
        })
    }

    /// A duration from `range`, whose ends are written as in a settings file.
    pub fn duration(&mut self, key: &str, least: &str, most: &str) -> Duration {
        let bound = |text| units::duration(text).expect("bounds are written by us");
        let range = bound(least)..=bound(most);
        self.required(key, |text| {
            units::duration(text).and_then(|duration| match range.contains(&duration) {
                true => Ok(duration),
                false => Err(format!("expected a duration from {least} to {most}")),
            })
        })
    }

    /// A size from `range` in bytes.
    pub fn bytes(&mut self, key: &str, range: RangeInclusive<u64>) -> usize {
        self.required(key, |text| {
            units::bytes(text)
                .ok()
                .filter(|size| range.contains(size))
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| {
                    let (least, most) = (range.start(), range.end());
                    format!(
                        "expected a size from {} to {}",
                        units::bytes_text(*least),
                        units::bytes_text(*most)
                    )
                })
        })
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> T {
        self.required(key, |text| {
            choices
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, choice)| *choice)
                .ok_or_else(|| {
                    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                    format!("expected one of {}", words.join(", "))
                })
        })
    }
}
