//! Who may call, and where we listen for it: without a password only this machine can reach us.

use super::{Auth, BasicAuth, read::Reader};
use std::net::{Ipv4Addr, SocketAddr};

const USERNAME: &str = "auth.basic_username";
const PASSWORD: &str = "auth.basic_password";

/// The name and the password; both or none.
pub(super) fn auth(read: &mut Reader<'_>) -> Auth {
    let username = read.optional(USERNAME, |text| match text.contains(':') {
        true => Err("expected a name without a colon, which ends the name in HTTP".to_owned()),
        false => Ok(text.to_owned()),
    });
    let password = read.secret(PASSWORD);
    let lonely = |missing: &str, there: &str| format!("is not set, but {there} is: {missing} too");
    let basic = match (username, password) {
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
    };
    Auth { basic }
}

/// Where to listen. `guarded`: whether callers are asked for a password.
pub(super) fn address(read: &mut Reader<'_>, key: &str, guarded: bool) -> SocketAddr {
    read.required(key, |text| {
        let addr = parse(text)?;
        match guarded || addr.ip().is_loopback() {
            true => Ok(addr),
            false => Err(
                "expected a loopback address, because nobody is asked for a password; with BASIC_AUTH_USERNAME and \
                 BASIC_AUTH_PASSWORD set it may be any"
                    .to_owned(),
            ),
        }
    })
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
