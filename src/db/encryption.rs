//! Whether a connection to PostgreSQL may go without TLS: only where nobody can listen, or where somebody said so.

use crate::base::{Error, Result};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::net::IpAddr;

/// The same options, with TLS where it is needed. A URL that says nothing about it (`prefer`) gets TLS towards another machine;
/// one that does not want any is refused with `DATABASE_PLAINTEXT`.
pub(super) fn checked(
    options: PgConnectOptions,
    allow_plaintext: bool,
) -> Result<PgConnectOptions> {
    if allow_plaintext || is_here(&options) {
        return Ok(options);
    }
    match options.get_ssl_mode() {
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(options),
        PgSslMode::Prefer => Ok(options.ssl_mode(PgSslMode::Require)),
        PgSslMode::Disable | PgSslMode::Allow => Err(plaintext(
            options.get_host(),
            "its URL says sslmode=disable or allow",
        )),
    }
}

fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    let loopback = || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.ends_with(".localhost")
        || loopback()
}

/// What a failure in the handshake means; `None` where it was not in the handshake. None of it passes by waiting.
pub(super) fn failure(cause: &sqlx::Error, options: &PgConnectOptions) -> Option<Error> {
    let host = options.get_host();
    let untrusted = |why: &dyn std::fmt::Display| {
        Error::precondition(
            "DATABASE_UNTRUSTED",
            format!(
                "the database at {host} is not who it should be: {why}; sslrootcert=… in its URL names the file of who signs \
                 its certificate, which must be for this very host name with sslmode=verify-full"
            ),
        )
    };
    match cause {
        sqlx::Error::Tls(why) if why.to_string().contains("does not support TLS") => {
            Some(plaintext(host, "that server offers no TLS"))
        }
        sqlx::Error::Tls(why) => Some(untrusted(why)),
        sqlx::Error::Io(cause) => match cause.get_ref()?.downcast_ref::<rustls::Error>()? {
            why @ rustls::Error::InvalidCertificate(_) => Some(untrusted(why)),
            why => Some(Error::unavailable(
                "DATABASE_UNREACHABLE",
                format!("the TLS handshake with the database at {host} failed: {why}"),
            )),
        },
        _ => None,
    }
}

fn plaintext(host: &str, why: &str) -> Error {
    Error::precondition(
        "DATABASE_PLAINTEXT",
        format!(
            "the database at {host} is not on this machine, and everything would travel in clear: {why}. Give it TLS \
             (sslmode=verify-full&sslrootcert=… in DATABASE_URL), or, where the network between is trusted, set \
             database.allow_plaintext (SYNCLINE_DATABASE_ALLOW_PLAINTEXT=true)"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, allow: bool) -> Option<PgSslMode> {
        let options = checked(url.parse().unwrap(), allow).ok()?;
        Some(options.get_ssl_mode())
    }

    #[test]
    fn another_machine_is_spoken_to_by_tls_or_not_at_all() {
        let is = |url: &str| mode(url, false).map(|mode| format!("{mode:?}"));
        let is = |url: &str| is(url).unwrap_or_default();
        assert_eq!(is("postgres://u@db.example.org/d"), "Require");
        assert_eq!(is("postgres://u@10.0.0.1/d?sslmode=prefer"), "Require");
        assert_eq!(is("postgres://u@db/d?sslmode=verify-full"), "VerifyFull");
        assert_eq!(is("postgres://u@db/d?sslmode=disable"), "");
        assert_eq!(is("postgres://u@db/d?sslmode=allow"), "");
        for here in [
            "postgres://u@127.0.0.1/d",
            "postgres://u@localhost/d",
            "postgres://u@[::1]/d",
            "postgres:///d?host=/run/postgresql",
        ] {
            assert_eq!(is(here), "Prefer", "{here}");
        }
        let allowed = mode("postgres://u@db/d?sslmode=disable", true);
        assert!(matches!(allowed, Some(PgSslMode::Disable)));
    }
}
