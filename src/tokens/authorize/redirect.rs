//! The address that a browser is sent to after a consent: what it may be, and what is read from it.

use crate::base::{Error, Result, Secret, Violation, error::all_valid, name::shown};
use url::{Host, Url, form_urlencoded};

/// Longest redirect address that we ask for, in bytes.
const LONGEST_URI: usize = 512;
/// Longest address that comes back; Google's codes have at most 256 bytes.
const LONGEST_REDIRECT: usize = 8192;

/// What came back.
#[derive(Clone, Debug)]
pub enum Redirected {
    /// The whole address, or what stands behind its question mark, as a person pastes it.
    Address(Secret),
    /// Its two parts.
    Parts {
        /// The code.
        code: Secret,
        /// The state.
        state: Secret,
    },
}

/// What came back, read.
pub(super) struct Answer {
    pub state: Secret,
    /// The code, or why there is none.
    pub outcome: Result<Secret>,
}

impl Redirected {
    /// Reads it; violations where it is no such address at all.
    pub(super) fn read(&self) -> Result<Answer> {
        match self {
            Self::Address(address) => read_address(address),
            Self::Parts { code, state } => {
                let mut wrong = Vec::new();
                for (field, value) in [("code", code), ("state", state)] {
                    let reason = match value.expose().len() {
                        0 => "expected redirect_url, or both code and state",
                        length if length > LONGEST_REDIRECT => "it is too long",
                        _ => continue,
                    };
                    wrong.push(Violation::new(field, reason));
                }
                all_valid(wrong)?;
                Ok(Answer {
                    state: state.clone(),
                    outcome: Ok(code.clone()),
                })
            }
        }
    }
}

fn read_address(address: &Secret) -> Result<Answer> {
    let wrong = |why: &str| Err(Error::invalid("redirect_url", why));
    let text = address.expose().trim();
    if text.len() > LONGEST_REDIRECT {
        return wrong("it is too long to be the address that the browser was sent to");
    }
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let part = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    let Some(state) = part("state") else {
        return wrong(
            "there is no state in it: paste the whole address of the page that the browser ended on, \
             also if that page could not be shown",
        );
    };
    let outcome = match (part("error"), part("code")) {
        (Some(error), _) => Err(refusal(&error)),
        (None, Some(code)) => Ok(code.into()),
        (None, None) => return wrong("there is neither a code nor an error in it"),
    };
    Ok(Answer {
        state: state.into(),
        outcome,
    })
}

fn refusal(error: &str) -> Error {
    if error == "access_denied" {
        return Error::Denied {
            reason: "CONSENT_REFUSED",
            message: "the person refused the consent; nothing was changed".to_owned(),
        };
    }
    Error::precondition(
        "CONSENT_FAILED",
        format!(
            "Google ended the consent with {}; nothing was changed",
            shown(error)
        ),
    )
}

/// A loopback address over HTTP, for installed applications, or anything over HTTPS.
pub(super) fn check_uri(uri: &str) -> Result<()> {
    let wrong = || {
        Error::invalid(
            "redirect_uri",
            format!(
                "expected http://127.0.0.1:{{port}} (or [::1], localhost), or an https URL that is registered with the \
                 OAuth client; without user, password and fragment, at most {LONGEST_URI} bytes; got {}",
                shown(uri)
            ),
        )
    };
    if uri.len() > LONGEST_URI {
        return Err(wrong());
    }
    let url = Url::parse(uri).map_err(|_| wrong())?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    };
    let fine_scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if fine_scheme && bare {
        Ok(())
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Answer> {
        Redirected::Address(text.into()).read()
    }

    #[test]
    fn code_and_state_are_read_from_whatever_was_pasted() {
        for text in [
            "http://127.0.0.1:8085/?state=s%2B1&code=4%2F0composed&scope=openid",
            " http://127.0.0.1:8085?code=4/0composed&state=s%2B1#_=_ \n",
            "?code=4/0composed&state=s%2B1",
            "code=4/0composed&state=s%2B1",
        ] {
            let answer = read(text).unwrap();
            assert_eq!(answer.state.expose(), "s+1");
            assert_eq!(answer.outcome.unwrap().expose(), "4/0composed");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        let denied = read("http://localhost/?error=access_denied&state=s").unwrap();
        assert!(matches!(denied.outcome, Err(Error::Denied { .. })));
        let failed = read("http://localhost/?error=org_internal&state=s").unwrap();
        assert!(matches!(failed.outcome, Err(Error::Precondition { .. })));
    }

    #[test]
    fn what_is_no_redirect_is_refused() {
        for text in [
            "",
            "http://localhost/",
            "hello",
            "?code=4/0composed",
            "?state=s",
            &"x".repeat(1 << 20),
        ] {
            assert!(
                matches!(read(text), Err(Error::Invalid(_))),
                "{}",
                text.len()
            );
        }
    }

    #[test]
    fn only_loopback_may_go_without_tls() {
        for uri in [
            "http://127.0.0.1:8085",
            "http://[::1]:1/",
            "http://localhost/cb",
            "https://a.example.com/oauth2callback",
        ] {
            assert!(check_uri(uri).is_ok(), "{uri}");
        }
        for uri in [
            "",
            "urn:ietf:wg:oauth:2.0:oob",
            "http://a.example.com/",
            "https://u:p@a.example.com/",
            "http://127.0.0.1/#x",
            "ftp://127.0.0.1/",
            "http://127.0.0.1.example.com/",
        ] {
            assert!(check_uri(uri).is_err(), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn no_address_makes_the_reader_panic(text in ".{0,200}") {
            let _ = read(&text);
            let _ = check_uri(&text);
        }
    }
}
