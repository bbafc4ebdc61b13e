//! Whose credential it is: asked once, then stored. The provider's own id is what meetings and time entries are matched
//! by; names and mail addresses are not.

use crate::{
    app::App,
    base::{Error, Result, Secret, TokenName},
    connectors::{
        clockify::Clockify,
        google::{self, GoogleError, scopes},
    },
    db::Scope,
    tokens::{Provider, Scopes, Token, issue, memory, provider, store, view},
};
use chrono::TimeDelta;
use url::Url;

/// How long the credential must be good for the one call.
const CALL: TimeDelta = TimeDelta::minutes(1);

/// Each of these lets Google say who the user is.
const IDENTIFYING: [&str; 3] = [
    scopes::OPENID,
    scopes::EMAIL,
    "https://www.googleapis.com/auth/userinfo.profile",
];

/// Who a credential belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The provider's own id: Google's `sub`, Clockify's user id.
    pub id: String,
    /// For people; may be a mail address.
    pub label: Option<String>,
}

/// The account of a token; the provider is asked the first time only. SCOPE_MISSING when the grant does not let us ask.
pub async fn account(app: &App, name: &TokenName) -> Result<Account> {
    let token = view::get(app, name).await?;
    token.check_usable()?;
    match &token.account_id {
        Some(id) => Ok(Account {
            id: id.clone(),
            label: token.account_label.clone(),
        }),
        None => find(app, name).await,
    }
}

/// Asks the provider, and stores the answer where it is new.
pub(super) async fn find(app: &App, name: &TokenName) -> Result<Account> {
    let secret = issue::credential(app, name, CALL).await?;
    let token = view::get(app, name).await?;
    let account = match ask(app, &token, secret.clone()).await {
        Err(Error::NeedsReauth { .. }) => {
            let secret = issue::rejected(app, name, &secret).await?;
            ask(app, &token, secret).await?
        }
        other => other?,
    };
    if token.account_id.as_ref() != Some(&account.id) || token.account_label != account.label {
        let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
        let label = account.label.as_deref();
        // Where the secrets changed since, the account may have, too: then the next one who asks stores it.
        if store::put_account(&mut tx, &token, &account.id, label, app.db.now()).await? {
            tx.commit().await?;
            memory::of(app).forget(name);
        }
    }
    Ok(account)
}

async fn ask(app: &App, token: &Token, secret: Secret) -> Result<Account> {
    let name = token.name();
    let access = provider::access(token.provider, &name, secret);
    match token.provider {
        Provider::Google => {
            let may_ask = |scopes: &Scopes| scopes.missing(&IDENTIFYING).len() < IDENTIFYING.len();
            if !token.scopes.is_empty() && !may_ask(&token.scopes) {
                return Err(who_is_unknown(&name));
            }
            let endpoints = provider::google(app)?;
            match google::who_am_i(&app.outbound, &endpoints, access).await {
                Ok(identity) => Ok(Account {
                    id: identity.sub,
                    label: identity.email,
                }),
                Err(GoogleError::ScopeMissing { .. } | GoogleError::Forbidden { .. }) => {
                    Err(who_is_unknown(&name))
                }
                Err(error) => Err(error.into()),
            }
        }
        Provider::Clockify => {
            let base = Url::parse(&app.config.clockify.url).map_err(Error::internal)?;
            let user = Clockify::new(app.outbound.clone(), base, access)
                .user()
                .await
                .map_err(Error::from)?;
            Ok(Account {
                id: user.id,
                label: user.email.or(user.name),
            })
        }
    }
}

fn who_is_unknown(name: &TokenName) -> Error {
    Error::precondition(
        "SCOPE_MISSING",
        format!(
            "{name} was not granted openid, so it cannot be told whose it is; connect the account again and leave \
             every box ticked"
        ),
    )
}
