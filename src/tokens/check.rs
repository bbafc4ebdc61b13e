//! Asks a provider whether a credential works, without changing anything there.

use crate::{
    app::App,
    audit::{self, Counted},
    base::{Error, Result, TokenName, reach},
    tokens::{Standing, Token, account, view},
};
use chrono::TimeDelta;

/// A grant that ends sooner is worth a word.
const ENDS_SOON: TimeDelta = TimeDelta::days(2);

/// What was found.
#[derive(Debug)]
pub struct Health {
    /// With the account, where it was found.
    pub token: Token,
    /// Whether the provider accepts it and everything needed was granted.
    pub usable: bool,
    /// What is wrong and what to do, a sentence each.
    pub problems: Vec<String>,
}

/// Looks, uses the credential once, and says what it found. An access token that is fresh is used as it is, so the
/// refresh token is not spent. A provider that does not answer is an error: then nothing was found out.
pub async fn check(app: &App, name: &TokenName) -> Result<Health> {
    let mut problems = Vec::new();
    let works = match account::find(app, name).await {
        Ok(_) => true,
        Err(
            error
            @ (Error::NeedsReauth { .. } | Error::Precondition { .. } | Error::Refused { .. }),
        ) => {
            problems.push(error.to_string());
            false
        }
        Err(error) => return Err(error),
    };
    let token = view::get(app, name).await?;
    let (caller, resource) = (reach::caller(), name.to_string());
    let by = audit::by(caller.as_deref());
    let checked = Counted::done(Some(&name.tenant), "token.check", resource, by);
    audit::count(app, checked);
    let now = app.db.now();
    let missing = token.missing_scopes();
    if works && !missing.is_empty() {
        problems.push(format!(
            "{name} was not granted {}; connect the account again and leave every box ticked",
            missing.join(" ")
        ));
    }
    if let Some(end) = token.grant_expires_at.filter(|end| *end - now < ENDS_SOON) {
        problems.push(format!(
            "the grant ends at {end}; publish the OAuth app (in testing, grants last seven days), or connect again"
        ));
    }
    let usable = works && missing.is_empty() && token.standing(now) == Standing::Active;
    Ok(Health {
        token,
        usable,
        problems,
    })
}
