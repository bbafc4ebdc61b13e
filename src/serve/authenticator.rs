//! Who may call: whoever shows the name and the password of the settings, a key, or a session; and, as long as nothing of
//! the kind is asked for, everybody on this machine.

use crate::{
    app::Door,
    base::{
        Authenticate, Caller, Credential, Error, Needs, Permissions, Result, Role, Secret, Who,
        sha256,
    },
    config::{Auth, BasicAuth},
    people,
    serve::refusals,
    tenants::{
        attempts::Attempts,
        keys::{Keys, Use},
    },
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use futures::future::BoxFuture;
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};
use zeroize::Zeroizing;

/// Who showed the key of the settings.
const SETTINGS_KEY: &str = "admin key";
/// What was shown is not good.
const WRONG: &str = "CREDENTIALS_WRONG";
/// What the audit calls a call that asks nobody who it is, as a login, and is answered whatever is shown.
const FOR_ANYBODY: &str = "-";

/// Decides as the settings and the database say.
pub(super) struct Authenticator {
    basic: Option<Expected>,
    /// The digest of the key that stands in the settings.
    admin_key: Option<[u8; 32]>,
    is_required: bool,
    door: Door,
    /// What the database knows, once it answered.
    keys: OnceLock<Keys>,
    /// Who guesses passwords meanwhile.
    passwords: Attempts,
    /// Who guesses keys meanwhile.
    attempts: Attempts,
}

struct Expected {
    username: String,
    digest: [u8; 32],
}

impl Authenticator {
    /// As the settings say; keys and sessions are looked up where `door` leads.
    pub(super) fn new(auth: &Auth, door: Door) -> Self {
        let expected = |BasicAuth { username, password }: &BasicAuth| Expected {
            username: username.clone(),
            digest: digest_of(username, password.expose()),
        };
        Self {
            basic: auth.basic.as_ref().map(expected),
            admin_key: auth.admin_key.as_ref().map(|key| sha256(key.expose())),
            is_required: auth.is_required,
            door,
            keys: OnceLock::new(),
            passwords: Attempts::new(auth.attempts),
            attempts: Attempts::new(auth.attempts),
        }
    }

    async fn still(
        &self,
        credential: Option<&Credential>,
        address: Option<IpAddr>,
    ) -> Result<Arc<Caller>> {
        self.admit(address).await?;
        let needs = Needs::Caller;
        self.recognise(credential, address, needs, Use::Continued)
            .await
    }

    async fn decide(
        &self,
        credential: Option<&Credential>,
        address: Option<IpAddr>,
        needs: Needs,
    ) -> Result<Arc<Caller>> {
        self.admit(address).await?;
        let decided = self.recognise(credential, address, needs, Use::Call).await;
        let guesses = self.guesses(credential);
        match decided {
            // Who has a session that ended must be able to log in again; who guesses is counted here, too.
            Err(Error::Unauthenticated { reason, .. }) if needs == Needs::Nothing => {
                if reason == WRONG {
                    guesses.failed(address);
                    refusals::note(
                        &self.door,
                        None,
                        address,
                        "credentials.show",
                        FOR_ANYBODY,
                        reason,
                    );
                }
                Ok(Arc::new(Caller::nobody(Permissions::none(), address)))
            }
            Err(Error::Limited { .. }) if needs == Needs::Nothing => {
                Ok(Arc::new(Caller::nobody(Permissions::none(), address)))
            }
            Err(Error::Unauthenticated { reason, message }) if reason == WRONG => {
                guesses.check(address)?;
                guesses.failed(address);
                Err(Error::Unauthenticated { reason, message })
            }
            decided => decided,
        }
    }

    /// Whether the rules of the installation take anything from there. Before the database answered the first time there is
    /// nothing to be seen, and there are no rules.
    async fn admit(&self, address: Option<IpAddr>) -> Result<()> {
        match self.keys_if_open() {
            Some(keys) => keys.admit(address).await,
            None => Ok(()),
        }
    }

    /// Who shows this.
    async fn recognise(
        &self,
        credential: Option<&Credential>,
        address: Option<IpAddr>,
        needs: Needs,
        used: Use,
    ) -> Result<Arc<Caller>> {
        match credential {
            None => self.nothing_shown(address).map(Arc::new),
            Some(Credential::Basic { username, password }) => {
                self.password(username, password, address).map(Arc::new)
            }
            Some(Credential::Bearer(text)) => {
                let caller = self.key_or_session(text, address, used).await?;
                self.without_disabled(caller, needs).await
            }
        }
    }

    fn nothing_shown(&self, address: Option<IpAddr>) -> Result<Caller> {
        match self.is_required {
            false => Ok(Caller::nobody(Permissions::Instance(Role::Admin), address)),
            true => Err(refused(
                "CREDENTIALS_MISSING",
                "show a key (authorization: Bearer sl_live_…), a session, or name and password by HTTP Basic authentication; the command line takes them from SYNCLINE_API_KEY or BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD",
            )),
        }
    }

    fn password(
        &self,
        username: &str,
        password: &Secret,
        address: Option<IpAddr>,
    ) -> Result<Caller> {
        match &self.basic {
            // Nobody is asked for a password, so none is wrong.
            None if !self.is_required => self.nothing_shown(address),
            expected => {
                // A password can be guessed: after too many wrong ones not even the right one is looked at.
                self.passwords().check(address)?;
                match expected {
                    Some(expected) if expected.fits(username, password.expose()) => {
                        Ok(of_settings(&expected.username, address))
                    }
                    _ => Err(refused(
                        WRONG,
                        "the name or the password is wrong: Basic authentication takes the pair of BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD alone; people log in at /login, programs show a key",
                    )),
                }
            }
        }
    }

    async fn key_or_session(
        &self,
        text: &Secret,
        address: Option<IpAddr>,
        used: Use,
    ) -> Result<Arc<Caller>> {
        let digest = sha256(text.expose());
        if let Some(expected) = &self.admin_key
            && verify_slices_are_equal(&digest, expected).is_ok()
        {
            return Ok(Arc::new(of_settings(SETTINGS_KEY, address)));
        }
        let keys = self.keys().await?;
        match people::is_session(text) {
            true => Box::pin(people::authenticate(keys.app(), text, address)).await,
            false => keys.authenticate(text, &digest, address, used).await,
        }
    }

    /// What the database knows; an error while it has not answered yet.
    async fn keys(&self) -> Result<&Keys> {
        if self.keys.get().is_none() {
            let app = self.door.app().await?;
            return Ok(self.keys.get_or_init(|| Keys::of(&app)));
        }
        self.keys_if_open()
            .ok_or_else(|| Error::internal("what was there is gone"))
    }

    fn keys_if_open(&self) -> Option<&Keys> {
        if let Some(keys) = self.keys.get() {
            return Some(keys);
        }
        let app = self.door.now().ok()?;
        Some(self.keys.get_or_init(|| Keys::of(&app)))
    }

    /// Where wrong ones of this kind are counted.
    fn guesses(&self, credential: Option<&Credential>) -> &Attempts {
        match credential {
            Some(Credential::Bearer(_)) => self.keys.get().map_or(&self.attempts, Keys::attempts),
            _ => self.passwords(),
        }
    }

    fn passwords(&self) -> &Attempts {
        self.keys.get().map_or(&self.passwords, Keys::passwords)
    }

    /// Takes the tenants that are disabled from what `caller` may do. A key that may do nothing else is refused; a person may
    /// still look after their own account.
    async fn without_disabled(&self, mut caller: Arc<Caller>, needs: Needs) -> Result<Arc<Caller>> {
        let (Permissions::Tenants(roles) | Permissions::Both(_, roles)) = &caller.permissions
        else {
            return Ok(caller);
        };
        let keys = self.keys().await?;
        if !roles.keys().any(|tenant| keys.is_disabled(tenant)) {
            return Ok(caller);
        }
        let mut left = roles.clone();
        left.retain(|tenant, _| !keys.is_disabled(tenant));
        let left = Permissions::of(caller.permissions.instance_role(), left);
        let has_use_for_none =
            matches!(caller.who, Who::User { .. }) && !matches!(needs, Needs::Tenant(_));
        if left == Permissions::none() && !has_use_for_none {
            return Err(refused_tenant(&caller));
        }
        Arc::make_mut(&mut caller).permissions = left;
        Ok(caller)
    }
}

/// Who shows what stands in the settings may do everything.
fn of_settings(name: &str, address: Option<IpAddr>) -> Caller {
    Caller {
        name: name.to_owned(),
        who: Who::Password,
        permissions: Permissions::Instance(Role::Admin),
        address,
    }
}

fn refused_tenant(caller: &Caller) -> Error {
    Error::Denied {
        reason: "TENANT_DISABLED",
        message: format!("{} belongs to a tenant that is disabled", caller.name),
    }
}

fn refused(reason: &'static str, message: &str) -> Error {
    let message = message.to_owned();
    Error::Unauthenticated { reason, message }
}

impl Authenticate for Authenticator {
    fn authenticate<'a>(
        &'a self,
        credential: Option<&'a Credential>,
        address: Option<IpAddr>,
        needs: Needs,
    ) -> BoxFuture<'a, Result<Arc<Caller>>> {
        Box::pin(self.decide(credential, address, needs))
    }

    fn still<'a>(
        &'a self,
        credential: Option<&'a Credential>,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<Arc<Caller>>> {
        Box::pin(self.still(credential, address))
    }

    fn admit(&self, address: Option<IpAddr>) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.admit(address))
    }

    fn refused(&self, caller: Option<&Caller>, address: Option<IpAddr>, call: &str, reason: &str) {
        let action = match call.starts_with('/') {
            true => "http.request",
            false => "rpc.call",
        };
        refusals::note(&self.door, caller, address, action, call, reason);
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

    fn authenticator(basic: Option<BasicAuth>) -> Authenticator {
        let auth = Auth {
            is_required: basic.is_some(),
            basic,
            admin_key: None,
            api_key: None,
            key_rate_limit: 0,
            attempts: None,
        };
        let (_, door) = crate::app::door();
        Authenticator::new(&auth, door)
    }

    async fn decide(
        authenticator: &Authenticator,
        shown: Option<Credential>,
    ) -> Result<Arc<Caller>> {
        authenticator
            .decide(shown.as_ref(), None, Needs::Caller)
            .await
    }

    #[tokio::test]
    async fn only_the_name_with_its_password_is_let_in() {
        let authenticator = authenticator(Some(BasicAuth {
            username: "ada".to_owned(),
            password: "secret:1".into(),
        }));
        let right = decide(&authenticator, shown("ada", "secret:1"))
            .await
            .unwrap();
        assert_eq!((right.name.as_str(), &right.who), ("ada", &Who::Password));
        for wrong in [
            None,
            shown("ada", "secret:2"),
            shown("ada", ""),
            shown("Ada", "secret:1"),
            shown("ada:secret", "1"),
        ] {
            let error = decide(&authenticator, wrong.clone()).await.unwrap_err();
            assert!(matches!(error, Error::Unauthenticated { .. }), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn without_a_password_everybody_is_let_in() {
        let authenticator = authenticator(None);
        assert!(decide(&authenticator, None).await.is_ok());
        assert!(decide(&authenticator, shown("ada", "x")).await.is_ok());
    }

    #[tokio::test]
    async fn who_wants_to_log_in_need_not_show_anything_good() {
        let authenticator = authenticator(Some(BasicAuth {
            username: "ada".to_owned(),
            password: "secret:1".into(),
        }));
        for shown in [None, shown("ada", "wrong")] {
            let caller = authenticator
                .decide(shown.as_ref(), None, Needs::Nothing)
                .await;
            assert_eq!(caller.unwrap().permissions, Permissions::none());
        }
    }
}
