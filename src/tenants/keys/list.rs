//! Lists keys.

use crate::{
    api::page::Page,
    app::App,
    base::{Error, Result, Violation, name::parse_parent},
    tenants::{
        gather,
        keys::{Key, owner, store},
    },
};
use uuid::Uuid;

/// A page of a tenant's keys, or of those of the whole installation, the newest first, and the token of the next page (empty
/// on the last).
pub async fn list(
    app: &App,
    parent: &str,
    instance: bool,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<Key>, String)> {
    let mut wrong = Vec::new();
    let tenant = match instance {
        true => None,
        false => gather(&mut wrong, parse_parent("parent", parent)),
    };
    if instance && !parent.is_empty() {
        let expected = "expected nothing, because the keys of the whole installation are asked for";
        wrong.push(Violation::new("parent", expected));
    }
    let whose = if instance { "*" } else { parent };
    let page = Page::parse(page_size, page_token, &["keys", whose]);
    let Some(page) = gather(&mut wrong, page).filter(|_| wrong.is_empty()) else {
        return Err(Error::Invalid(wrong));
    };
    let before = page.after.as_deref().map_or(Ok(Uuid::max()), str::parse);
    let before = before
        .map_err(|_| Error::invalid("page_token", "expected next_page_token of the page before"))?;
    let mut tx = app.db.read(owner(tenant.as_ref())?).await?;
    let owner = tenant.as_ref().map_or("", |tenant| tenant.as_str());
    let mut keys = store::list(&mut tx, owner, before, page.limit()).await?;
    let next = page.cut(&mut keys, |key| key.name.id.to_string());
    Ok((keys, next))
}
