//! Who may call, as the settings say.

use crate::{
    base::{Authenticate, Caller, Credential, Error, Result, sha256},
    config::{Auth, BasicAuth},
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use futures::future::{BoxFuture, FutureExt as _, ready};
use zeroize::Zeroizing;

/// What stands for callers who need not show who they are.
const NOBODY: &str = "anybody";

/// Everybody, or who shows the name and the password.
pub(super) struct Access(Option<Expected>);

struct Expected {
    username: String,
    digest: [u8; 32],
}

impl Access {
    /// As the settings say.
    pub(super) fn new(auth: &Auth) -> Self {
        let expected = |BasicAuth { username, password }: &BasicAuth| Expected {
            username: username.clone(),
            digest: digest_of(username, password.expose()),
        };
        Self(auth.basic.as_ref().map(expected))
    }

    fn decide(&self, credential: Option<&Credential>) -> Result<Caller> {
        let refused = |reason, message: &str| {
            let message = message.to_owned();
            Err(Error::Unauthenticated { reason, message })
        };
        let caller = |name: &str| Caller {
            name: name.to_owned(),
        };
        let Some(expected) = &self.0 else {
            return Ok(caller(NOBODY));
        };
        match credential {
            Some(Credential::Basic { username, password })
                if expected.fits(username, password.expose()) =>
            {
                Ok(caller(&expected.username))
            }
            Some(Credential::Basic { .. }) => {
                refused("CREDENTIALS_WRONG", "the name or the password is wrong")
            }
            Some(Credential::Bearer(_)) => refused(
                "CREDENTIALS_WRONG",
                "there are no keys yet: show name and password by HTTP Basic authentication",
            ),
            None => refused(
                "CREDENTIALS_MISSING",
                "show name and password by HTTP Basic authentication (BASIC_AUTH_USERNAME, BASIC_AUTH_PASSWORD)",
            ),
        }
    }
}

impl Authenticate for Access {
    fn authenticate<'a>(
        &'a self,
        credential: Option<&'a Credential>,
    ) -> BoxFuture<'a, Result<Caller>> {
        ready(self.decide(credential)).boxed()
    }
}

impl Expected {
    /// Takes the same time wherever the texts differ, and however long they are: digests are compared.
    fn fits(&self, username: &str, password: &str) -> bool {
        let shown = digest_of(username, password);
        verify_slices_are_equal(&shown, &self.digest).is_ok()
    }
}

/// The name's length stands in front, so that different pairs are different texts.
fn digest_of(username: &str, password: &str) -> [u8; 32] {
    let text = Zeroizing::new(format!("{} {username}{password}", username.len()));
    sha256(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(username: &str, password: &str) -> Option<Credential> {
        Some(Credential::Basic {
            username: username.to_owned(),
            password: password.into(),
        })
    }

    #[test]
    fn only_the_name_with_its_password_is_let_in() {
        let access = Access::new(&Auth {
            basic: Some(BasicAuth {
                username: "ada".to_owned(),
                password: "secret:1".into(),
            }),
        });
        let decide = |credential: Option<Credential>| access.decide(credential.as_ref());
        assert_eq!(decide(shown("ada", "secret:1")).unwrap().name, "ada");
        for wrong in [
            None,
            shown("ada", "secret:2"),
            shown("ada", ""),
            shown("Ada", "secret:1"),
            shown("ada:secret", "1"),
            Some(Credential::Bearer("secret:1".into())),
        ] {
            let error = decide(wrong.clone()).unwrap_err();
            assert!(matches!(error, Error::Unauthenticated { .. }), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_password_everybody_is_let_in() {
        let access = Access::new(&Auth { basic: None });
        assert!(access.decide(None).is_ok());
        assert!(access.decide(shown("ada", "x").as_ref()).is_ok());
    }
}
