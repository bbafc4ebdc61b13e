//! Stores a credential under a new name.

use crate::{
    app::App,
    base::{Error, ResourceId, Result, TokenName, Violation, error::all_valid, name::parse_parent},
    db::Scope,
    tokens::{
        EventKind, Given, Kind, Provider, Token, gather,
        given::{check_budget, check_display_name},
        store,
    },
};

/// What an OAuth token without a grant says of itself.
const NO_CONSENT: &str =
    "nobody has given their consent yet; connect the account (`syncline token login google`)";

/// A token to be made.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// `tenants/{tenant}`, or empty for the default one.
    pub parent: String,
    /// The last part of its name; empty is the provider's name.
    pub token_id: String,
    /// Who issued it; may be absent with a `token.json`, which is Google's.
    pub provider: Option<Provider>,
    /// For people; empty is the id.
    pub display_name: String,
    /// As in `30/1h` or `none`; empty is the provider's setting.
    pub request_budget: String,
    /// The secret; an OAuth token may wait for its consent.
    pub given: Option<Given>,
    /// Check everything, store nothing.
    pub validate_only: bool,
}

/// Makes the token. All wrong fields are named at once; `Exists` when the name is taken, and nothing is overwritten.
pub async fn create(app: &App, create: Create) -> Result<Token> {
    let mut wrong = Vec::new();
    let tenant = gather(&mut wrong, parse_parent("parent", &create.parent));
    let provider = create.provider.or(match create.given {
        Some(Given::TokenJson(_)) => Some(Provider::Google),
        _ => None,
    });
    if provider.is_none() {
        wrong.push(Violation::new(
            "token.provider",
            "expected PROVIDER_GOOGLE or PROVIDER_CLOCKIFY",
        ));
    }
    let id = match (create.token_id.as_str(), provider) {
        ("", Some(provider)) => provider.as_str(),
        (id, _) => id,
    };
    let id = match id {
        // The missing provider was complained about.
        "" => None,
        id => gather(&mut wrong, ResourceId::parse("token_id", id)),
    };
    check_display_name(&mut wrong, &create.display_name);
    check_budget(&mut wrong, &create.request_budget);
    let checked = match (&create.given, provider) {
        (Some(given), provider) => {
            // Without a provider it is judged as what it looks like, so that its faults are named too.
            let provider = provider.unwrap_or(given.usual_provider());
            gather(&mut wrong, given.check(app, provider))
        }
        (None, Some(provider)) if provider.kind() == Kind::ApiKey => {
            wrong.push(Violation::new(
                "api_key",
                format!("a {} token needs its key", provider.label()),
            ));
            None
        }
        _ => None,
    };
    all_valid(wrong)?;
    let (Some(tenant), Some(provider), Some(id)) = (tenant, provider, id) else {
        return Err(Error::internal("a valid request lacks a part"));
    };

    let name = TokenName::new(tenant.clone(), id);
    let secrets = match checked {
        Some(checked) => Some(checked.seal(app, &name)?),
        None => None,
    };
    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(tenant)).await?;
    let new = store::New {
        name: &name,
        provider,
        kind: provider.kind(),
        display_name: match create.display_name.as_str() {
            "" => name.id.as_str(),
            text => text,
        },
        request_budget: Some(create.request_budget.as_str()).filter(|text| !text.is_empty()),
        state_reason: if secrets.is_none() { NO_CONSENT } else { "" },
        at: now,
    };
    let mut token = store::insert(&mut tx, &new).await?;
    let mut detail = "without a consent";
    if let Some(secrets) = &secrets {
        token = store::put_secrets(&mut tx, &name, secrets, now).await?;
        detail = match create.given {
            Some(Given::TokenJson(_)) => "imported from a token file",
            _ => "with its credential",
        };
    }
    store::add_event(&mut tx, &name, EventKind::Created, detail, now).await?;
    if !create.validate_only {
        tx.commit().await?;
        tracing::info!(token = %name, provider = provider.as_str(), "a token was stored");
    }
    Ok(token)
}
