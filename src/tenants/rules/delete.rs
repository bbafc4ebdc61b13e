//! Removes a rule.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, reach},
    db::Scope,
    tenants::{
        keys,
        rules::{create::check_own_way, network, parse_name, store},
    },
};

/// Removes the rule of this name. [`Error::Precondition`] where that would shut the caller out,
/// [`Error::Denied`] for a key that is bounded: the rule may be what bounds it, or another key of the same hands.
pub async fn delete(app: &App, name: &str) -> Result<()> {
    reach::check_instance()?;
    keys::check_unbounded(app, "removes no access rules").await?;
    let id = parse_name("name", name)?;
    let now = app.db.now();
    let mut tx = app.db.write(Scope::System("access rules")).await?;
    let rule = store::delete(&mut tx, id).await?;
    let rule = rule.ok_or_else(|| Error::not_found("access rule", name))?;
    check_own_way(&mut tx, now).await?;
    keys::changed(&mut tx).await?;
    let detail = format!("{} {}", rule.effect, network::text(&rule.network));
    let entry = Entry::new(None, "access_rule.delete", name).detail(detail);
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await
}
