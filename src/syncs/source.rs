//! The source of a sync, opened: Google's clients with a fresh access token, who I am, and what is remembered.

use crate::{
    app::App,
    base::{Result, Secret, TokenName},
    connectors::google::{Calendar, Meet},
    db::Scope,
    syncs::{SourceAccount, store},
    tokens,
};
use std::collections::HashMap;

/// What facts about spaces are called.
const SPACE: &str = "space:";
/// Whose records Google's are.
const PROVIDER: &str = "google";

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
    /// Calls at the same time.
    pub concurrency: usize,
    /// Meeting codes by space, as remembered.
    pub codes: HashMap<String, String>,
    secret: Secret,
}

impl Source {
    /// Opens the source of a token: refreshes it when needed, and finds out once whose it is.
    pub async fn open(app: &App, token: &TokenName) -> Result<Self> {
        let opened = tokens::open(app, token).await?;
        // Meet and Calendar have budgets of their own.
        let google = &app.config.google;
        let meet = opened.access("google.meet", google.meet_budget)?;
        let calendar = opened.access("google.calendar", google.calendar_budget)?;
        let secret = meet.secret.clone();
        let endpoints = tokens::google_endpoints(app)?;
        let mut tx = app.db.read(Scope::Tenant(token.tenant.clone())).await?;
        let codes = store::facts::with_prefix(&mut tx, token, SPACE)
            .await?
            .into_iter()
            .filter_map(|(name, code)| {
                Some((
                    name.strip_prefix(SPACE)?.to_owned(),
                    code.as_str()?.to_owned(),
                ))
            })
            .collect();
        Ok(Self {
            meet: Meet::new(app.outbound.clone(), &endpoints, meet),
            calendar: Calendar::new(app.outbound.clone(), &endpoints, calendar),
            me: format!("users/{}", opened.account.id),
            account: SourceAccount {
                provider: PROVIDER,
                id: opened.account.id,
            },
            concurrency: app.config.outbound.concurrency,
            codes,
            secret,
        })
    }

    /// Whose records a token's are, without opening it when that is known.
    pub async fn account_of(app: &App, token: &TokenName) -> Result<SourceAccount> {
        Ok(SourceAccount {
            provider: PROVIDER,
            id: tokens::account(app, token).await?.id,
        })
    }

    /// The source again, with another access token than the one that was rejected.
    pub async fn reopen(self, app: &App, token: &TokenName) -> Result<Self> {
        tokens::rejected(app, token, &self.secret).await?;
        Self::open(app, token).await
    }

    /// Remembers which code a space has.
    pub async fn remember(
        &self,
        app: &App,
        token: &TokenName,
        codes: &HashMap<String, String>,
    ) -> Result<()> {
        let news: Vec<_> = codes
            .iter()
            .filter(|(space, code)| self.codes.get(*space) != Some(*code))
            .collect();
        if news.is_empty() {
            return Ok(());
        }
        let mut tx = app.db.write(Scope::Tenant(token.tenant.clone())).await?;
        for (space, code) in news {
            store::facts::put(
                &mut tx,
                token,
                &format!("{SPACE}{space}"),
                code,
                app.db.now(),
            )
            .await?;
        }
        tx.commit().await
    }
}
