//! Why a command failed: a message, a line for each wrong field, and what to do; or the same as a document.

use crate::{
    api::status::Refusal,
    base::{Error, Violation},
    config::{EXIT_CONFIG, Faults},
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::json;
use std::{error::Error as StdError, ffi::OsString, fmt, process::ExitCode, time::Duration};
use tonic::Status;

/// The arguments are wrong in a way that their declaration cannot say.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    exit_code: u8,
    code: String,
    reason: String,
    message: String,
    violations: Vec<Violation>,
    advice: Option<String>,
    retry_after: Option<Duration>,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<Faults>() {
            Ok(faults) => return Self::of_settings(&faults),
            Err(error) => error,
        };
        let error = match error.downcast::<Usage>() {
            Ok(usage) => return Self::usage(usage.0),
            Err(error) => error,
        };
        let error = match error.downcast::<Status>() {
            Ok(status) => return Self::of_call(of_status(&status)),
            Err(error) => error,
        };
        match error.downcast::<Error>() {
            // The person is at the machine where it happened: no reason to hide the cause.
            Ok(Error::Internal(cause)) => Self::local("INTERNAL", "INTERNAL", cause),
            Ok(error) => Self::of_call(Refusal::from(error)),
            Err(error) => Self::local("UNKNOWN", "LOCAL", format!("{error:#}")),
        }
    }
}

impl Failure {
    /// What the process ends with.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// One JSON document.
    pub fn document(&self) -> String {
        let violations = self.violations.iter().map(
            |violation| json!({ "field": violation.field, "description": violation.description }),
        );
        let error = json!({ "error": {
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "violations": violations.collect::<Vec<_>>(),
            "retry_after_seconds": self.retry_after.map(seconds),
        }});
        format!("{error:#}")
    }

    fn of_settings(faults: &Faults) -> Self {
        let violations = faults.0.iter();
        let violations = violations.map(|fault| Violation::new(fault.place(), &fault.message));
        let violations: Vec<_> = violations.collect();
        let message = match violations.len() {
            1 => "1 setting is wrong".to_owned(),
            count => format!("{count} settings are wrong"),
        };
        Self {
            exit_code: EXIT_CONFIG,
            code: "INVALID_ARGUMENT".to_owned(),
            reason: "SETTINGS_INVALID".to_owned(),
            message,
            violations,
            retry_after: None,
            advice: Some(
                "`syncline settings` lists all that there are, with their values".to_owned(),
            ),
        }
    }

    fn usage(message: impl Into<String>) -> Self {
        Self {
            exit_code: EXIT_CONFIG,
            ..Self::local("INVALID_ARGUMENT", "USAGE", message)
        }
    }

    fn of_call(refusal: Refusal) -> Self {
        Self {
            advice: advice(&refusal),
            exit_code: match refusal.code.as_str() {
                // Whoever judges what was typed: the same again would fail again.
                "INVALID_ARGUMENT" => EXIT_CONFIG,
                _ => 1,
            },
            message: match refusal.violations.is_empty() {
                true => refusal.message,
                false => "the request is wrong".to_owned(),
            },
            code: refusal.code,
            reason: refusal.reason,
            violations: refusal.violations,
            retry_after: refusal.retry_after,
        }
    }

    fn local(code: &str, reason: &str, message: impl Into<String>) -> Self {
        Self {
            exit_code: 1,
            code: code.to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            violations: Vec::new(),
            advice: None,
            retry_after: None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        for violation in &self.violations {
            writeln!(f, "  {}: {}", violation.field, violation.description)?;
        }
        match &self.advice {
            Some(advice) => writeln!(f, "{advice}"),
            None => Ok(()),
        }
    }
}

/// What a server answered; or why there is no answer, which the client library only calls a transport error.
fn of_status(status: &Status) -> Refusal {
    let refusal = Refusal::from(status);
    let causes = std::iter::successors(status.source(), |cause: &&dyn StdError| (*cause).source());
    match causes.last() {
        Some(cause) if refusal.reason.is_empty() => Refusal {
            code: "UNAVAILABLE".to_owned(),
            reason: "CONNECTION_BROKE".to_owned(),
            message: format!("the connection to the server broke: {cause}"),
            ..refusal
        },
        _ => refusal,
    }
}

/// What to do, where the message does not say it already.
fn advice(refusal: &Refusal) -> Option<String> {
    let text = match refusal.reason.as_str() {
        "NEEDS_REAUTH" => {
            "consent again with `syncline token login google`, or give a new key with `syncline token add clockify --replace`"
        }
        "TOKEN_IN_USE" => "remove or change the syncs that use it first: `syncline sync list`",
        "ALREADY_EXISTS" => "choose another id, or change the one that is there",
        "NOT_FOUND" => return not_found(refusal),
        "CONNECTION_BROKE" => {
            "is that the address of gRPC, with http:// or https:// as the server has it, and does it ask for a client certificate (client.cert)?"
        }
        "SCOPE_MISSING" => {
            "consent again with `syncline token login google`, and leave all boxes ticked"
        }
        "CREDENTIALS_MISSING" => {
            "set SYNCLINE_API_KEY, or BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD"
        }
        "COUNT_MISMATCH" => "nothing was deleted; count again with `syncline sync cleanup`",
        "" if refusal.code == "UNAVAILABLE" => "is `syncline serve` running there?",
        _ => {
            let wait = refusal.retry_after?;
            return Some(format!("try again in {} s", seconds(wait)));
        }
    };
    Some(text.to_owned())
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs().max(1)
}

/// The command that lists what there is of the kind.
fn not_found(refusal: &Refusal) -> Option<String> {
    let lists = [
        (
            "apiKeys/",
            "`syncline key list`, with --instance for those of the installation,",
        ),
        ("accessRules/", "`syncline key rules list`"),
        ("users/", "`syncline user list`"),
        ("syncs/", "`syncline sync list`"),
        ("runs/", "`syncline sync runs`"),
        ("tokens/", "`syncline token list`"),
        ("tenants/", "`syncline tenant list`"),
    ];
    let (_, list) = lists
        .iter()
        .find(|(part, _)| refusal.message.contains(part))?;
    Some(format!("{list} shows what there is"))
}

/// The arguments cannot be read, or help was asked for.
pub fn of_arguments(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // Nobody reads any more: nothing can be done about it.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--json") {
        super::Output::new(true).failure(&unreadable(error));
    } else {
        let _ = error.print();
    }
    ExitCode::from(EXIT_CONFIG)
}

/// What is wrong with the arguments, for a program; each missing one is a violation.
fn unreadable(error: &clap::Error) -> Failure {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::usage("a command is missing: --help lists them");
    }
    let text = error.to_string();
    // What is wrong comes first, then how to call it.
    let lines = text.lines().map(str::trim);
    let lines = lines.take_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    let mut message = lines.join("; ").replace(":; ", ": ");
    if let Some(rest) = message.strip_prefix("error: ") {
        message = rest.to_owned();
    }
    let missing = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(names))) => names.clone(),
        _ => Vec::new(),
    };
    let violations = missing.iter();
    let violations = violations.map(|name| Violation::new(name, "is missing"));
    Failure {
        violations: violations.collect(),
        ..Failure::usage(message)
    }
}
