//! Whose credential it is: asked once, then stored. The provider's own id is what meetings and time entries are matched
//! by, and what requests are counted for; names and mail addresses are not.

use crate::{
    app::App,
    base::{Error, Result, Secret, TokenName},
    config::units,
    connectors::{
        Access,
        google::{self, GoogleError, scopes},
    },
    db::Scope,
    outbound::{self, Budget},
    tokens::{Provider, Scopes, Token, issue, memory, provider, store, view},
};
use chrono::TimeDelta;

/// How long the credential must be good for the one call.
const CALL: TimeDelta = TimeDelta::minutes(1);
/// Whoever opens a token works with it for minutes; it should not end in the middle.
const WORK: TimeDelta = TimeDelta::minutes(10);

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

/// A token to make calls with: whose it is, and a credential that is good for a while.
#[derive(Debug)]
pub struct Opened {
    /// Whose it is.
    pub account: Account,
    /// The workspace that the user looked at, where the provider was asked just now and has such things.
    pub workspace: Option<String>,
    token: Token,
    secret: Secret,
}

impl Opened {
    /// What calls to a service of the provider are made with, as in `google.meet`. Their budget is the token's own; where
    /// it has none, it is `usual`.
    pub fn access(&self, service: &str, usual: Option<Budget>) -> Result<Access> {
        Ok(Access {
            token: self.token.name(),
            account: counted(&self.token, service, &self.account.id, usual)?,
            secret: self.secret.clone(),
        })
    }
}

/// What the provider says of a credential's owner.
struct Owner {
    account: Account,
    workspace: Option<String>,
}

/// The account of a token, which may be one that needs a new credential; the provider is asked the first time only.
/// SCOPE_MISSING when the grant does not let us ask.
pub async fn account(app: &App, name: &TokenName) -> Result<Account> {
    match known(&view::get(app, name).await?) {
        Some(account) => Ok(account),
        None => find(app, name).await,
    }
}

/// Opens a token: refreshes it when needed, and finds out once whose it is.
pub async fn open(app: &App, name: &TokenName) -> Result<Opened> {
    let secret = issue::credential(app, name, WORK).await?;
    let token = view::get(app, name).await?;
    let (owner, secret) = match known(&token) {
        Some(account) => {
            let workspace = None;
            (Owner { account, workspace }, secret)
        }
        None => identify(app, &token, secret).await?,
    };
    Ok(Opened {
        account: owner.account,
        workspace: owner.workspace,
        token,
        secret,
    })
}

/// Asks the provider, and stores the answer where it is new.
pub(super) async fn find(app: &App, name: &TokenName) -> Result<Account> {
    let secret = issue::credential(app, name, CALL).await?;
    let token = view::get(app, name).await?;
    let (owner, _) = identify(app, &token, secret).await?;
    Ok(owner.account)
}

fn known(token: &Token) -> Option<Account> {
    Some(Account {
        id: token.account_id.clone()?,
        label: token.account_label.clone(),
    })
}

/// Asks the provider, and stores the answer where it is new. Gives back the credential, or, where that was rejected, the
/// one that works.
async fn identify(app: &App, token: &Token, secret: Secret) -> Result<(Owner, Secret)> {
    let name = token.name();
    let (owner, secret) = match ask(app, token, secret.clone()).await {
        Err(Error::NeedsReauth { .. }) => {
            let secret = issue::rejected(app, &name, &secret).await?;
            (ask(app, token, secret.clone()).await?, secret)
        }
        other => (other?, secret),
    };
    if known(token).as_ref() != Some(&owner.account) {
        let Account { id, label } = &owner.account;
        let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
        // Where the secrets changed since, the account may have, too: then the next one who asks stores it.
        if store::put_account(&mut tx, token, id, label.as_deref(), app.db.now()).await? {
            tx.commit().await?;
            memory::of(app).forget(&name);
        }
    }
    Ok((owner, secret))
}

async fn ask(app: &App, token: &Token, secret: Secret) -> Result<Owner> {
    match token.provider {
        Provider::Google => ask_google(app, token, secret).await,
        Provider::Clockify => ask_clockify(app, token, secret).await,
    }
}

async fn ask_google(app: &App, token: &Token, secret: Secret) -> Result<Owner> {
    let name = token.name();
    let may_ask = |scopes: &Scopes| scopes.missing(&IDENTIFYING).len() < IDENTIFYING.len();
    if !token.scopes.is_empty() && !may_ask(&token.scopes) {
        return Err(who_is_unknown(&name));
    }
    let access = Access {
        account: outbound::Account {
            key: format!("google.identity:{name}"),
            budget: None,
        },
        token: name.clone(),
        secret,
    };
    let endpoints = provider::google_endpoints(app)?;
    match google::who_am_i(&app.outbound, &endpoints, access).await {
        Ok(identity) => Ok(Owner {
            account: Account {
                id: identity.sub,
                label: identity.email,
            },
            workspace: None,
        }),
        Err(GoogleError::ScopeMissing { .. } | GoogleError::Forbidden { .. }) => {
            Err(who_is_unknown(&name))
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask_clockify(app: &App, token: &Token, secret: Secret) -> Result<Owner> {
    let name = token.name();
    let service = token.provider.as_str();
    let usual = app.config.clockify.budget;
    // The question uses the budget, too, but whose that is only the answer says: until then the token stands for it.
    let stand_in = name.to_string();
    let counted_for = token.account_id.as_ref().unwrap_or(&stand_in);
    let asked_as = counted(token, service, counted_for, usual)?;
    let access = Access {
        token: name,
        account: asked_as.clone(),
        secret,
    };
    let user = provider::clockify(app, access)?.user().await?;
    if token.account_id.is_none() {
        let account = counted(token, service, &user.id, usual)?;
        app.outbound.carry_over(&asked_as, &account).await?;
    }
    Ok(Owner {
        account: Account {
            id: user.id,
            label: user.email.or(user.name),
        },
        workspace: user.active_workspace.or(user.default_workspace),
    })
}

/// Whose budget calls to a service use: the token's own one, else the usual one.
fn counted(
    token: &Token,
    service: &str,
    owner: &str,
    usual: Option<Budget>,
) -> Result<outbound::Account> {
    let budget = match token.request_budget.as_deref().unwrap_or_default() {
        "" => usual,
        own => units::budget(own).map_err(|why| Error::invalid("request_budget", why))?,
    };
    Ok(outbound::Account {
        key: format!("{service}:{owner}"),
        budget,
    })
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
