//! Credentials and budgets for the providers' clients.

use crate::{
    app::App,
    base::{Error, Result, TokenName},
    config::{Budget, units},
    connectors::{Access, google::Endpoints},
    outbound::{self, Account},
    tokens,
};
use chrono::TimeDelta;
use url::Url;

/// A run reads for minutes; the token should not end in the middle.
const MIN_VALIDITY: TimeDelta = TimeDelta::minutes(10);

/// What Google's clients need: Meet and Calendar have budgets of their own.
pub struct GoogleAccess {
    /// Who I am, as participants are named: `users/{id}`.
    pub me: String,
    /// The provider's id of the account.
    pub account_id: String,
    /// For Meet.
    pub meet: Access,
    /// For Calendar.
    pub calendar: Access,
}

/// A Google token, fresh enough for a run.
pub async fn to_google(app: &App, token: &TokenName) -> Result<GoogleAccess> {
    let account_id = tokens::account(app, token).await?.id;
    let secret = tokens::credential(app, token, MIN_VALIDITY).await?;
    let own = own_budget(app, token).await?;
    let access = |service: &str, budget: Option<Budget>| Access {
        token: token.clone(),
        account: Account {
            key: format!("google.{service}:{account_id}"),
            budget: own.unwrap_or(budget).map(budget_of),
        },
        secret: secret.clone(),
    };
    Ok(GoogleAccess {
        me: format!("users/{account_id}"),
        meet: access("meet", app.config.google.meet_budget),
        calendar: access("calendar", app.config.google.calendar_budget),
        account_id,
    })
}

/// A Clockify key.
pub async fn to_clockify(app: &App, token: &TokenName) -> Result<Access> {
    let asked_before = tokens::get(app, token).await?.account_id.is_some();
    let account_id = tokens::account(app, token).await?.id;
    let budget = own_budget(app, token)
        .await?
        .unwrap_or(app.config.clockify.budget);
    let account = Account {
        key: format!("clockify:{account_id}"),
        budget: budget.map(budget_of),
    };
    if !asked_before {
        // Asking who it is was a request, too.
        app.outbound.charge(&account).await?;
    }
    Ok(Access {
        token: token.clone(),
        account,
        secret: tokens::credential(app, token, MIN_VALIDITY).await?,
    })
}

/// Where Google is.
pub fn google_endpoints(app: &App) -> Result<Endpoints> {
    let google = &app.config.google;
    Ok(Endpoints {
        auth_url: url("google.auth_url", &google.auth_url)?,
        token_url: url("google.token_url", &google.token_url)?,
        revoke_url: url("google.revoke_url", &google.revoke_url)?,
        userinfo_url: url("google.userinfo_url", &google.userinfo_url)?,
        meet_url: url("google.meet_url", &google.meet_url)?,
        calendar_url: url("google.calendar_url", &google.calendar_url)?,
    })
}

/// A URL of the settings, which were checked when they were loaded.
pub fn url(key: &str, text: &str) -> Result<Url> {
    Url::parse(text).map_err(|cause| Error::invalid(key, format!("expected a URL: {cause}")))
}

/// The budget that a token was given; the outer `None` is the provider's, the inner one no limit.
async fn own_budget(app: &App, token: &TokenName) -> Result<Option<Option<Budget>>> {
    let token = tokens::get(app, token).await?;
    token
        .request_budget
        .as_deref()
        .filter(|text| !text.is_empty())
        .map(|text| {
            units::budget(text).map_err(|why| Error::invalid("request_budget", why.to_string()))
        })
        .transpose()
}

fn budget_of(budget: Budget) -> outbound::Budget {
    outbound::Budget {
        limit: budget.limit,
        period: budget.period,
    }
}
