//! Reads tokens, without their secrets, and what happened to them.

pub use super::store::Event;
use crate::{
    api::page::Page,
    app::App,
    base::{Error, Result, TokenName, name::parse_parent},
    db::Scope,
    tokens::{Token, gather, store},
};
use uuid::Uuid;

/// One token. `NotFound` for an unknown one and for somebody else's alike.
pub async fn get(app: &App, name: &TokenName) -> Result<Token> {
    let mut tx = app.db.read(Scope::Tenant(name.tenant.clone())).await?;
    store::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())
}

/// A page of a tenant's tokens by id, and the token of the next page (empty on the last).
pub async fn list(
    app: &App,
    parent: &str,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<Token>, String)> {
    let mut wrong = Vec::new();
    let tenant = gather(&mut wrong, parse_parent("parent", parent));
    let page = Page::parse(page_size, page_token, &["tokens", parent]);
    let (Some(tenant), Some(page)) = (tenant, gather(&mut wrong, page)) else {
        return Err(Error::Invalid(wrong));
    };
    let mut tx = app.db.read(Scope::Tenant(tenant.clone())).await?;
    let after = page.after.as_deref().unwrap_or_default();
    let mut tokens = store::list(&mut tx, &tenant, after, page.limit()).await?;
    let next = page.cut(&mut tokens, |token| token.token_id.to_string());
    Ok((tokens, next))
}

/// Which page of a token's events is meant; judged apart from the token's name, so that all faults are named at once.
pub(super) fn events_page(parent: &str, page_size: i32, page_token: &str) -> Result<Page> {
    Page::parse(page_size, page_token, &["token events", parent])
}

/// A page of what happened to a token, the newest first. Events outlive their token; `NotFound` when there never was
/// one of that name.
pub async fn events(
    app: &App,
    parent: &TokenName,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<Event>, String)> {
    let page = events_page(&parent.to_string(), page_size, page_token)?;
    let before = match &page.after {
        None => Uuid::max(),
        Some(text) => text.parse().map_err(|_| {
            Error::invalid("page_token", "expected next_page_token of the page before")
        })?,
    };
    let mut tx = app.db.read(Scope::Tenant(parent.tenant.clone())).await?;
    let mut events = store::events(&mut tx, parent, before, page.limit()).await?;
    if events.is_empty() && page.after.is_none() && store::get(&mut tx, parent).await?.is_none() {
        return Err(parent.not_found());
    }
    let next = page.cut(&mut events, |event| event.event_id.to_string());
    Ok((events, next))
}
