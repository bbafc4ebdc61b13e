//! The ready-made faults, each with a name and a sentence.

use serde::Serialize;

use super::Rule;

/// Which provider a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    OAuth,
    Meet,
    Calendar,
    Clockify,
}

/// A named fault.
#[derive(Debug, Clone, Serialize)]
pub struct Fault {
    pub name: &'static str,
    pub area: Area,
    pub description: &'static str,
    pub rules: Vec<Rule>,
}

impl Fault {
    /// All of them.
    pub fn menu() -> Vec<Self> {
        Vec::new()
    }

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::menu().into_iter().find(|fault| fault.name == name)
    }
}
