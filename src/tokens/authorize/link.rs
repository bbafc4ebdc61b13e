//! Links by which somebody without a login may give one consent: for the owner of the account, who need not be a user here.

use crate::{
    app::App,
    audit,
    base::{Error, Result, Secret, TenantId, TokenName, reach},
    db::Scope,
    tenants::tenant::check_served,
    tokens::{
        authorize::{Begin, backing, check_begin, hash, random_secret},
        provider, store,
    },
};
use chrono::{DateTime, TimeDelta, Utc};

/// How long a link is good.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);

/// A link that was made.
#[derive(Clone, Debug)]
pub struct Link {
    /// For a browser; good once. Do not log it.
    pub url: Secret,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Makes a link to our page that begins the consent; `redirect_uri` is not looked at. Makes no call. TENANT_DISABLED for a
/// tenant that is not served.
pub async fn link(app: &App, begin: Begin) -> Result<Link> {
    let begin = Begin {
        redirect_uri: app.config.redirect_uri(),
        ..begin
    };
    let name = check_begin(&begin)?;
    // Who gets the link cannot do anything about a client that is missing.
    provider::configured_client(app)?;
    let text = random_secret()?;
    let now = app.db.now();
    let row = store::Link {
        token_id: name.id.to_string(),
        scopes: begin.extra_scopes.join(" "),
        login_hint: begin.login_hint,
        ask_again: begin.ask_again,
        made_by: reach::caller().map_or_else(String::new, |caller| caller.name.clone()),
        expires_at: now + GOOD_FOR,
    };
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    check_served(&mut tx, &name.tenant).await?;
    store::drop_old_links(&mut tx, &name.tenant, now).await?;
    store::add_link(&mut tx, &name.tenant, &hash(&text), &row).await?;
    let entry = audit::Entry::new(Some(name.tenant.clone()), "token.link", &name);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    let page = app.config.public_url();
    Ok(Link {
        url: Secret::new(format!(
            "{page}/auth?link={}.{}",
            name.tenant,
            text.expose()
        )),
        expires_at: row.expires_at,
    })
}

/// Whether a link of ours may end so: 256 bits in base64.
fn is_possible(text: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.len() == 43 && text.chars().all(is_digit)
}

/// Which token a link is for. Nothing comes of it: who only looks whether a link is there must not use it up. LINK_UNKNOWN when
/// it is not ours, was used, or is too old; `Denied` also when its tenant is disabled, or whoever made it may not any more.
pub async fn find_link(app: &App, link: &Secret) -> Result<TokenName> {
    let (tenant, hash) = read(link)?;
    let now = app.db.now();
    let mut tx = app.db.read(Scope::Tenant(tenant.clone())).await?;
    let row = store::link(&mut tx, &tenant, &hash).await?;
    let row = row.filter(|row| row.expires_at > now).ok_or_else(unknown)?;
    check_served(&mut tx, &tenant).await?;
    drop(tx);
    backing::check(app, &tenant, &row.made_by).await?;
    Ok(TokenName::new(tenant, row.token_id.parse()?))
}

/// What a link is for, and who made it. It is used up by this. Refused as [`find_link`] refuses it.
pub async fn follow_link(app: &App, link: &Secret) -> Result<(Begin, String)> {
    let name = find_link(app, link).await?;
    let (tenant, hash) = read(link)?;
    let mut tx = app.db.write(Scope::Tenant(tenant.clone())).await?;
    let row = store::take_link(&mut tx, &tenant, &hash).await?;
    tx.commit().await?;
    // Somebody else was quicker.
    let row = row.ok_or_else(unknown)?;
    let begin = Begin {
        name: name.to_string(),
        redirect_uri: app.config.redirect_uri(),
        extra_scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
        login_hint: row.login_hint,
        ask_again: row.ask_again,
        ..Begin::default()
    };
    Ok((begin, row.made_by))
}

/// Whose a link is, and the hash that it is kept under. Whoever makes one up makes no work for the database.
fn read(link: &Secret) -> Result<(TenantId, String)> {
    let (tenant, text) = link.expose().split_once('.').ok_or_else(unknown)?;
    let tenant = TenantId::parse("link", tenant).map_err(|_| unknown())?;
    match is_possible(text) {
        true => Ok((tenant, hash(&text.into()))),
        false => Err(unknown()),
    }
}

fn unknown() -> Error {
    Error::Denied {
        reason: "LINK_UNKNOWN",
        message:
            "the link is not one of ours, was used, or is older than ten minutes: ask for a new one"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_link_is_told_from_one() {
        assert!(is_possible(random_secret().unwrap().expose()));
        for made_up in ["", "x", &"é".repeat(43), &"+".repeat(43), &"a".repeat(44)] {
            assert!(!is_possible(made_up), "{made_up}");
        }
    }
}
