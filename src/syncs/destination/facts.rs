//! What a provider told about an account, remembered.

use crate::{
    app::App,
    base::{Result, TokenName},
    connectors::clockify::ClockifyError,
    db::{Db, Scope},
    syncs::store::facts,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, de::DeserializeOwned};

/// How long a fact about an account is taken for true.
const FACTS_HOLD: TimeDelta = TimeDelta::hours(24);

/// What is remembered about the account of a token.
pub(super) struct Facts {
    db: Db,
    token: TokenName,
    /// Begins all names, because a token may be given another account's key.
    account: String,
}

impl Facts {
    pub(super) fn new(app: &App, token: &TokenName, account: &str) -> Self {
        Self {
            db: app.db.clone(),
            token: token.clone(),
            account: account.to_owned(),
        }
    }

    /// What is remembered under `name`, however old it is.
    pub(super) async fn remembered<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.since(name, DateTime::UNIX_EPOCH).await
    }

    /// What is remembered under `name` and not too old, else what `ask` finds out; that is remembered, unless it is
    /// nothing.
    pub(super) async fn known<T, F>(&self, name: &str, ask: impl FnOnce() -> F) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = std::result::Result<T, ClockifyError>>,
    {
        let since = self.db.now() - FACTS_HOLD;
        match self.since(name, since).await? {
            Some(value) => Ok(value),
            None => self.find_out(name, ask).await,
        }
    }

    /// The same for what never gets too old.
    pub(super) async fn known_for_good<T, F>(
        &self,
        name: &str,
        ask: impl FnOnce() -> F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = std::result::Result<T, ClockifyError>>,
    {
        match self.remembered(name).await? {
            Some(value) => Ok(value),
            None => self.find_out(name, ask).await,
        }
    }

    /// Forgets everything whose name begins with one of `kinds`.
    pub(super) async fn forget(&self, kinds: &[String]) -> Result<()> {
        let mut tx = self.db.write(self.scope()).await?;
        for kind in kinds {
            facts::forget(&mut tx, &self.token, &self.full(kind)).await?;
        }
        tx.commit().await
    }

    async fn since<T: DeserializeOwned>(
        &self,
        name: &str,
        since: DateTime<Utc>,
    ) -> Result<Option<T>> {
        let mut tx = self.db.read(self.scope()).await?;
        facts::get(&mut tx, &self.token, &self.full(name), since).await
    }

    async fn find_out<T, F>(&self, name: &str, ask: impl FnOnce() -> F) -> Result<T>
    where
        T: Serialize,
        F: Future<Output = std::result::Result<T, ClockifyError>>,
    {
        let value = ask().await?;
        if !matches!(serde_json::to_value(&value), Ok(serde_json::Value::Null)) {
            let (name, now) = (self.full(name), self.db.now());
            let mut tx = self.db.write(self.scope()).await?;
            facts::put(&mut tx, &self.token, &name, &value, now).await?;
            tx.commit().await?;
        }
        Ok(value)
    }

    fn scope(&self) -> Scope {
        Scope::Tenant(self.token.tenant.clone())
    }

    fn full(&self, name: &str) -> String {
        format!("{}/{name}", self.account)
    }
}
