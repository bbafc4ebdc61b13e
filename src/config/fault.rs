//! What is wrong with the settings, and where it was said. A fault never carries a value that may be secret.

use std::{fmt, path::PathBuf};

/// The exit code of a process whose settings or arguments are wrong (`EX_USAGE`), so that a supervisor can tell it from a
/// crash.
pub const EXIT_CONFIG: u8 = 64;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The built-in defaults.
    Default,
    /// A line of a settings file or of `.env`; the name is the variable's, for `.env`.
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The variable, for `.env`.
        variable: Option<String>,
    },
    /// A variable of the process.
    Variable(String),
    /// The content of a file that a `…_FILE` variable names.
    Content {
        /// The variable, with `_FILE`.
        variable: String,
        /// The file it names.
        path: PathBuf,
    },
    /// A command-line flag.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::Line {
                path,
                line,
                variable: None,
            } => write!(f, "{} line {line}", path.display()),
            Self::Line {
                path,
                line,
                variable: Some(variable),
            } => write!(f, "{variable} in {} line {line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Content { variable, path } => write!(f, "{} by {variable}", path.display()),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The dotted key, the variable, or the file that is wrong.
    pub what: String,
    /// Where that was said; absent where `what` says it already.
    pub origin: Option<Origin>,
    /// What was expected, and what came instead unless it may be secret.
    pub message: String,
}

impl Fault {
    /// What is wrong, and where that was said; a variable that is both is named once.
    pub fn place(&self) -> String {
        let what = &self.what;
        match &self.origin {
            None => what.clone(),
            Some(Origin::Variable(name)) if name == what => what.clone(),
            Some(Origin::Line {
                path,
                line,
                variable: Some(name),
            }) if name == what => format!("{what} ({} line {line})", path.display()),
            Some(origin) => format!("{what} ({origin})"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

/// Everything that is wrong, at once. Never empty when it is returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds one fault.
    pub(super) fn add(
        &mut self,
        what: impl Into<String>,
        origin: Option<Origin>,
        message: impl Into<String>,
    ) {
        self.0.push(Fault {
            what: what.into(),
            origin,
            message: message.into(),
        });
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("1 setting is wrong:")?,
            count => write!(f, "{count} settings are wrong:")?,
        }
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}

/// Something worth saying that stops nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it concerns a name so common that it is only worth a debug line.
    pub quiet: bool,
    /// One sentence for a person.
    pub text: String,
}

impl Notice {
    /// A notice for everybody.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            quiet: false,
            text: text.into(),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_wrong_is_named_once() {
        let fault = |origin| Fault {
            what: "SYNC_DAYS".to_owned(),
            origin: Some(origin),
            message: "expected a number".to_owned(),
        };
        let variable = |name: &str| Origin::Variable(name.to_owned());
        assert_eq!(
            fault(variable("SYNC_DAYS")).to_string(),
            "SYNC_DAYS: expected a number"
        );
        let line = Origin::Line {
            path: ".env".into(),
            line: 3,
            variable: Some("SYNC_DAYS".to_owned()),
        };
        assert_eq!(fault(line).place(), "SYNC_DAYS (.env line 3)");
        assert_eq!(
            fault(variable("OTHER")).place(),
            "SYNC_DAYS (variable OTHER)"
        );
    }
}
