//! The source of a sync, opened: Google's clients with a fresh access token, who I am, and what is remembered.

use crate::{
    app::App,
    base::{Result, TokenName},
    connectors::{
        Access,
        google::{Calendar, Meet},
    },
    db::Scope,
    syncs::{SourceAccount, store},
    tokens,
};
use chrono::DateTime;
use std::{collections::HashMap, time::Duration};

/// A run reads for minutes; the token should not end in the middle.
const MIN_VALIDITY: Duration = Duration::from_secs(600);
/// What facts about spaces are called.
const SPACE: &str = "space:";

/// An opened source.
pub struct Source {
    /// Conferences.
    pub meet: Meet,
    /// Events.
    pub calendar: Calendar,
    /// Who I am, as participants are named: `users/{id}`.
    pub me: String,
    /// Whose records they are.
    pub account: SourceAccount,
    /// The credential in use.
    pub access: Access,
    /// Calls at the same time.
    pub concurrency: usize,
    /// Meeting codes by space, as remembered.
    pub codes: HashMap<String, String>,
}

impl Source {
    /// Opens the source of a token: refreshes it when needed, and finds out once whose it is.
    pub async fn open(app: &App, token: &TokenName) -> Result<Self> {
        let account = tokens::account(app, token).await?;
        let access = tokens::access(app, token, MIN_VALIDITY).await?;
        let endpoints = app.google_endpoints()?;
        let mut tx = app.db.read(Scope::Tenant(token.tenant.clone())).await?;
        let codes = store::facts::with_prefix(&mut tx, token, SPACE)
            .await?
            .into_iter()
            .filter_map(|(name, code)| {
                Some((name.strip_prefix(SPACE)?.to_owned(), code.as_str()?.to_owned()))
            })
            .collect();
        Ok(Self {
            meet: Meet::new(app.outbound.clone(), &endpoints, access.meet()),
            calendar: Calendar::new(app.outbound.clone(), &endpoints, access.calendar()),
            me: format!("users/{}", account.id),
            account: SourceAccount { provider: "google", id: account.id },
            access,
            concurrency: app.config.outbound.concurrency,
            codes,
        })
    }

    /// Remembers which code a space has.
    pub async fn remember(&self, app: &App, token: &TokenName, codes: &HashMap<String, String>) -> Result<()> {
        let mut tx = app.db.write(Scope::Tenant(token.tenant.clone())).await?;
        for (space, code) in codes {
            if self.codes.get(space) != Some(code) {
                store::facts::put(&mut tx, token, &format!("{SPACE}{space}"), code, app.db.now()).await?;
            }
        }
        tx.commit().await
    }
}
