//! Who may call, and where we listen for it: where nobody is asked who he is, only this machine can reach us.

use super::{Auth, BasicAuth, read::Reader, units};
use crate::base::Secret;
use std::net::{Ipv4Addr, SocketAddr};

const USERNAME: &str = "auth.basic_username";
const PASSWORD: &str = "auth.basic_password";
const ADMIN_KEY: &str = "auth.admin_key";
const REQUIRED: &str = "auth.required";

/// Shorter ones can be guessed.
const SHORTEST_KEY: usize = 32;

/// Who may call a server that listens on these addresses.
pub(super) fn auth(read: &mut Reader<'_>, addresses: &[(&str, SocketAddr)]) -> Auth {
    let choices = [("auto", None), ("true", Some(true)), ("false", Some(false))];
    let wanted = read.choice(REQUIRED, &choices);
    let basic = basic(read);
    let admin_key = read.optional(ADMIN_KEY, admin_key);
    let open = |(_, address): &&(&str, SocketAddr)| !address.ip().is_loopback();
    if wanted == Some(false) {
        for (key, _) in addresses.iter().filter(open) {
            read.fault(
                key,
                "expected a loopback address, because nobody is asked who he is (auth.required is false)",
            );
        }
    }
    let guards = basic.is_some() || admin_key.is_some();
    Auth {
        is_required: wanted.unwrap_or(guards || addresses.iter().any(|address| open(&address))),
        basic,
        admin_key,
        api_key: read.optional("auth.api_key", api_key),
        key_rate_limit: read.number("auth.key_rate_limit", 0..=100_000_000),
        attempts: read.required("auth.attempts", units::budget),
    }
}

fn admin_key(text: &str) -> Result<Secret, String> {
    let fine = text.len() >= SHORTEST_KEY && text.chars().all(|c| c.is_ascii_graphic());
    match fine {
        true => Ok(Secret::new(text)),
        false => Err(format!(
            "expected at least {SHORTEST_KEY} letters, digits and signs without spaces (openssl rand -hex 32)"
        )),
    }
}

fn api_key(text: &str) -> Result<Secret, String> {
    match text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(Secret::new(text)),
        false => Err("expected one key, without spaces or line breaks in it".to_owned()),
    }
}

/// The name and the password; both or none.
fn basic(read: &mut Reader<'_>) -> Option<BasicAuth> {
    let username = read.optional(USERNAME, |text| match text.contains(':') {
        true => Err("expected a name without a colon, which ends the name in HTTP".to_owned()),
        false => Ok(text.to_owned()),
    });
    let password = read.secret(PASSWORD);
    let lonely = |missing: &str, there: &str| format!("is not set, but {there} is: {missing} too");
    match (username, password) {
        (Some(username), Some(password)) => Some(BasicAuth { username, password }),
        (Some(_), None) => {
            let message = lonely("set BASIC_AUTH_PASSWORD", USERNAME);
            read.faults.add(PASSWORD, None, message);
            None
        }
        // A name that is wrong was reported already.
        (None, Some(_)) if read.is_set(USERNAME) => None,
        (None, Some(_)) => {
            let message = lonely("set BASIC_AUTH_USERNAME", PASSWORD);
            read.faults.add(USERNAME, None, message);
            None
        }
        (None, None) => None,
    }
}

/// Where to listen.
pub(super) fn address(read: &mut Reader<'_>, key: &str) -> SocketAddr {
    read.required(key, parse)
}

/// An address and a port; a port alone is on this machine.
fn parse(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.replacen("localhost:", "127.0.0.1:", 1)
        .parse()
        .map_err(|_| {
            "expected an address and a port, as in 127.0.0.1:50051, or a port of this machine"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_port_alone_is_on_this_machine() {
        assert_eq!(parse("3000"), Ok(([127, 0, 0, 1], 3000).into()));
        assert_eq!(parse("localhost:0"), Ok(([127, 0, 0, 1], 0).into()));
        assert_eq!(parse("0.0.0.0:1"), Ok(([0, 0, 0, 0], 1).into()));
        for wrong in ["", "localhost", "example.org:1", "70000", ":3000"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
