//! Lists rules.

use crate::{
    api::page::Page,
    app::App,
    base::{Error, Result, reach},
    db::Scope,
    tenants::{
        gather,
        keys::KeyName,
        rules::{Rule, store},
    },
};
use uuid::Uuid;

/// A page of rules, the oldest first, and the token of the next page (empty on the last). `key` names the key whose rules
/// are wanted; all when empty.
pub async fn list(
    app: &App,
    key: &str,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<Rule>, String)> {
    reach::check_instance()?;
    let mut wrong = Vec::new();
    let name = match key {
        "" => None,
        key => gather(&mut wrong, KeyName::parse("api_key", key)),
    };
    let page = Page::parse(page_size, page_token, &["access rules", key]);
    let Some(page) = gather(&mut wrong, page).filter(|_| wrong.is_empty()) else {
        return Err(Error::Invalid(wrong));
    };
    let after = page.after.as_deref().map_or(Ok(Uuid::nil()), str::parse);
    let after = after
        .map_err(|_| Error::invalid("page_token", "expected next_page_token of the page before"))?;
    let mut tx = app.db.read(Scope::System("access rules")).await?;
    let key = name.map(|name| name.id);
    let mut rules = store::list(&mut tx, key, after, page.limit()).await?;
    let next = page.cut(&mut rules, |rule| rule.id.to_string());
    Ok((rules, next))
}
