//! What a database's complaint means to the caller.

use crate::base::Error;

/// Turns a violated constraint into the domain's own error; everything else passes. `name` is looked for in the
/// constraint's name (PostgreSQL) and in the message, which names the columns (SQLite).
pub fn on_constraint(error: sqlx::Error, names: &[&str], meaning: impl FnOnce() -> Error) -> Error {
    if let sqlx::Error::Database(cause) = &error {
        let text = cause.constraint().unwrap_or_else(|| cause.message());
        if names.iter().any(|name| text.contains(name)) {
            return meaning();
        }
    }
    error.into()
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => match cause.code().as_deref() {
                Some(code) => from_code(code, cause.message()),
                None => Error::internal(cause.message()),
            },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Error::unavailable(
                "DATABASE_UNREACHABLE",
                format!("the database does not answer: {error}"),
            ),
            sqlx::Error::PoolTimedOut => Error::unavailable(
                "DATABASE_BUSY",
                "no database connection became free in time",
            ),
            sqlx::Error::PoolClosed => {
                Error::unavailable("SHUTTING_DOWN", "the database is being closed")
            }
            _ => Error::internal(error),
        }
    }
}

/// SQLite gives numbers (the low byte is the primary code), PostgreSQL five characters.
fn from_code(code: &str, message: &str) -> Error {
    let primary = match code.len() {
        5 => None,
        _ => code.parse::<u32>().ok().map(|code| code & 0xff),
    };
    match (primary, code) {
        (Some(5 | 6), _) | (_, "40001" | "40P01" | "55P03" | "57014") => Error::unavailable(
            "DATABASE_BUSY",
            "the database is locked by somebody else's write",
        ),
        (Some(8), _) | (_, "25006") => {
            Error::precondition("DATABASE_READ_ONLY", "the database is read-only")
        }
        (Some(13), _) | (_, "53100") => {
            Error::unavailable("DATABASE_FULL", "the database's disk is full")
        }
        (Some(14), _) => Error::unavailable(
            "DATABASE_UNREACHABLE",
            format!("the database cannot be opened: {message}"),
        ),
        (Some(11 | 26), _) => Error::precondition(
            "DATABASE_DAMAGED",
            format!("this is not an intact database: {message}"),
        ),
        (_, "53300" | "57P03" | "57P01" | "57P02" | "08006" | "08001") => Error::unavailable(
            "DATABASE_UNREACHABLE",
            format!("the database does not take us: {message}"),
        ),
        // A process stood still for longer than the server waits for one within a transaction.
        (_, "25P03" | "57P05") => Error::unavailable(
            "DATABASE_UNREACHABLE",
            format!("the database ended the connection: {message}"),
        ),
        (_, "28P01" | "28000" | "3D000") => Error::unavailable(
            "DATABASE_UNREACHABLE",
            format!("the database refuses us: {message}"),
        ),
        (_, "42501") => rights_missing(message),
        _ => Error::internal(message),
    }
}

/// Why the migrator's own `user` cannot connect. A login that the server refuses does not pass by waiting.
pub(super) fn login_refused(cause: sqlx::Error, user: &str) -> Error {
    let code = cause.as_database_error().and_then(|cause| cause.code());
    match code.as_deref() {
        Some("28P01" | "28000") => Error::precondition(
            "DATABASE_LOGIN_REFUSED",
            format!(
                "the database refuses {user}, the user of SYNCLINE_MIGRATE_URL (database.migrate_url): {cause}. Make it or correct \
                 its password; a database that was there before an update needs it, too"
            ),
        ),
        _ => cause.into(),
    }
}

/// The database's user may not do what was asked.
fn rights_missing(message: &str) -> Error {
    Error::precondition(
        "DATABASE_RIGHTS_MISSING",
        format!(
            "the database user may not do this: {message}; let an administrator run `syncline db migrate` once, \
             or give a user who may in SYNCLINE_MIGRATE_URL"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_unavailable() {
        for (codes, expected) in [
            (
                &["5", "6", "262", "55P03", "40P01", "57014"][..],
                "DATABASE_BUSY",
            ),
            (&["13", "53100"], "DATABASE_FULL"),
            (
                &["57P01", "57P02", "57P03", "53300", "25P03", "57P05"],
                "DATABASE_UNREACHABLE",
            ),
        ] {
            for code in codes {
                let error = from_code(code, "told");
                let Error::Unavailable { reason, .. } = error else {
                    panic!("{code}: {error:?}");
                };
                assert_eq!(reason, expected, "{code}");
            }
        }
    }
}
