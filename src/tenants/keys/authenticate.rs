//! Who shows a key.

use crate::{
    app::App,
    audit::{self, By, Counted},
    base::{ANYBODY, Caller, Error, Result, Secret, TenantId, reach, sha256},
    tenants::{
        attempts::Attempts,
        keys::{
            KeyName, Kind,
            memory::{self, Entry, Memory, closed},
            secret, slow, wrong,
        },
        rules,
    },
};
use std::{fmt, net::IpAddr, sync::Arc};

/// What the audit calls a key that nobody knows.
const UNKNOWN: &str = "apiKeys/-";

/// Knows the keys and the rules. What it needs is looked up once, because it is asked at every call.
pub struct Keys {
    app: App,
    memory: Arc<Memory>,
    attempts: Arc<Attempts>,
    passwords: Arc<Attempts>,
}

/// What a key is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A call, which counts.
    Call,
    /// The same call once more, because it is still being answered.
    Continued,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    /// Those of the process of `app`.
    pub fn of(app: &App) -> Self {
        Self {
            app: app.clone(),
            memory: memory::of(app),
            attempts: Attempts::at_keys(app),
            passwords: Attempts::of(app),
        }
    }

    /// The application.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Who guesses keys.
    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Who guesses passwords.
    pub fn passwords(&self) -> &Attempts {
        &self.passwords
    }

    /// Whether calls are taken from `address`: [`Error::Denied`] where a rule of the installation says no.
    pub async fn admit(&self, address: Option<IpAddr>) -> Result<()> {
        let general = self.memory.general(&self.app).await;
        match general.rules.permit_anybody(address, self.app.db.now()) {
            true => Ok(()),
            false => Err(rules::refused(address)),
        }
    }

    /// Whether this tenant is disabled: its keys and members are refused.
    pub fn is_disabled(&self, tenant: &TenantId) -> bool {
        self.memory.known_general().disabled.contains(tenant)
    }

    /// Who shows this key; `digest` is its SHA-256. [`Error::Unauthenticated`] alike for an unknown, a revoked and an ended
    /// one, [`Error::Denied`] where a rule of the key refuses the address, [`Error::Limited`] for one that is used too much.
    pub async fn authenticate(
        &self,
        text: &Secret,
        digest: &[u8; 32],
        address: Option<IpAddr>,
        used: Use,
    ) -> Result<Arc<Caller>> {
        let entry = self.secret(text, digest, address).await?;
        if used == Use::Call {
            self.count(&entry)?;
        }
        Ok(entry.caller(address))
    }

    async fn secret(
        &self,
        text: &Secret,
        digest: &[u8; 32],
        address: Option<IpAddr>,
    ) -> Result<Arc<Entry>> {
        if secret::kind(text.expose()) == Kind::Widget {
            return Err(Error::Unauthenticated {
                reason: "CREDENTIALS_WRONG",
                message: "a widget's key (pk_live_…) asks for the widget alone: show a secret key"
                    .to_owned(),
            });
        }
        let entry = self.entry(text, digest, address).await?;
        match entry.key.kind {
            Kind::Secret => Ok(entry),
            Kind::Widget => Err(wrong()),
        }
    }

    /// The key, if it works now.
    async fn entry(
        &self,
        text: &Secret,
        digest: &[u8; 32],
        address: Option<IpAddr>,
    ) -> Result<Arc<Entry>> {
        let entry = match self.memory.recall(&self.app, digest).await? {
            Some(entry) => entry,
            // In a box, because it is rare: the future of every call would be as large.
            None => Box::pin(self.look_up(text, digest, address)).await?,
        };
        let now = self.app.db.now();
        let refuse = |reason| self.refuse(Some(&entry.key.name), address, reason);
        if let Some(fault) = entry.key.fault(now) {
            refuse(fault);
            return Err(wrong());
        }
        if !entry.rules.permit(address, now) {
            refuse("ADDRESS_REFUSED");
            return Err(rules::refused(address));
        }
        Ok(entry)
    }

    /// Counts a call with this key: [`Error::Limited`] where that is one too many.
    fn count(&self, entry: &Entry) -> Result<()> {
        let now = self.app.db.now();
        let limit = match entry.key.rate_limit {
            0 => u64::from(self.app.config.auth.key_rate_limit),
            own => u64::try_from(own).unwrap_or_default(),
        };
        if limit > 0 {
            entry.life.spent.spend(limit, now)?;
        }
        entry.used(now);
        Ok(())
    }

    /// Tells the owner of a key that it was refused, why, and where whoever shows it comes from. One that nobody knows is the
    /// installation's affair.
    fn refuse(&self, key: Option<&KeyName>, address: Option<IpAddr>, reason: &'static str) {
        let name = key.map_or_else(|| UNKNOWN.to_owned(), KeyName::to_string);
        let tenant = key.and_then(|key| key.tenant.as_ref());
        let by = By {
            name: ANYBODY,
            address,
        };
        let refused = Counted::done(tenant, "api_key.use", name, by).refused(reason);
        audit::count(&self.app, refused.by_stranger());
    }

    /// Asks the database, for which who guesses must wait longer than others.
    async fn look_up(
        &self,
        text: &Secret,
        digest: &[u8; 32],
        address: Option<IpAddr>,
    ) -> Result<Arc<Entry>> {
        let unknown = || {
            self.refuse(None, address, "KEY_UNKNOWN");
            wrong()
        };
        if !secret::is_possible(text.expose()) {
            return Err(unknown());
        }
        let suspicion = self.attempts.check(address);
        let turns = match suspicion {
            Ok(()) => &self.memory.lookups,
            Err(_) => &self.memory.suspicious,
        };
        let _turn = turns.acquire().await.map_err(closed)?;
        let hash = secret::stored(digest);
        if let Some(entry) = self.memory.learn(&self.app, digest, &hash).await? {
            return Ok(entry);
        }
        if self.memory.has_slow() {
            // Counted before the work, so that calls at once and calls that are given up count, too.
            self.attempts.reserve(address)?;
            if slow::find(&self.app, &self.memory, text, &hash).await?
                && let Some(entry) = self.memory.learn(&self.app, digest, &hash).await?
            {
                self.attempts.give_back(address);
                return Ok(entry);
            }
        }
        Err(unknown())
    }
}

/// Whose widget the holder of this key may ask for. [`Error::Unauthenticated`] alike for an unknown key, one that was
/// revoked or has ended, and one that is not a widget's; [`Error::Limited`] for who tries many.
pub async fn widget_tenant(app: &App, key: &Secret) -> Result<TenantId> {
    let keys = Keys::of(app);
    let address = reach::caller().and_then(|caller| caller.address);
    let found = match secret::kind(key.expose()) {
        Kind::Widget => keys.entry(key, &sha256(key.expose()), address).await,
        Kind::Secret => Err(wrong()),
    };
    let counted = found.and_then(|entry| keys.count(&entry).map(|()| entry));
    match counted.map(|entry| (entry.key.kind, entry.key.name.tenant.clone())) {
        Ok((Kind::Widget, Some(tenant))) => Ok(tenant),
        Ok(_) | Err(Error::Unauthenticated { .. }) => {
            keys.attempts.check(address)?;
            keys.attempts.failed(address);
            Err(wrong())
        }
        Err(error) => Err(error),
    }
}
