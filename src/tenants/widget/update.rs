//! Changes a widget's look.

use crate::{
    app::App,
    audit,
    base::{Error, Result, TenantId, Violation, error::all_valid},
    db::Scope,
    tenants::{
        gather, store as tenants,
        tenant::not_found,
        update::check_mask,
        widget::{
            Position, Widget, check_color, check_name, check_welcome, name_of, parse_name, store,
        },
    },
};

const COLOR: &str = "primary_color";
const POSITION: &str = "position";
const WELCOME: &str = "welcome_message";
const NAME: &str = "widget_name";

/// A change to a widget.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Its full name.
    pub name: String,
    /// Which fields to change; empty means all that are given. One that is named and empty goes back to what it was from the
    /// start; the welcome is empty then.
    pub mask: Vec<String>,
    /// `#RRGGBB`.
    pub primary_color: String,
    /// Where it stands.
    pub position: Option<Position>,
    /// What it says first.
    pub welcome_message: String,
    /// Its title.
    pub widget_name: String,
    /// What could not be read at all.
    pub unreadable: Vec<Violation>,
}

/// Changes it; what is not meant stays as it is.
pub async fn update(app: &App, update: Update) -> Result<(TenantId, Widget)> {
    let mut wrong = update.unreadable.clone();
    let tenant = gather(&mut wrong, parse_name("widget.name", &update.name));
    check_mask(&mut wrong, &update.mask, &[COLOR, POSITION, WELCOME, NAME]);
    let meant = |path: &str, given: bool| match update.mask.as_slice() {
        [] => given,
        mask => mask.iter().any(|named| named == path),
    };
    let color = meant(COLOR, !update.primary_color.is_empty());
    if color && !update.primary_color.is_empty() {
        check_color(&mut wrong, &update.primary_color);
    }
    check_welcome(&mut wrong, &update.welcome_message);
    check_name(&mut wrong, &update.widget_name);
    all_valid(wrong)?;
    let tenant = tenant.ok_or_else(|| Error::internal("a valid request lacks its name"))?;

    let now = app.db.now();
    let mut tx = app.db.write(Scope::Tenant(tenant.clone())).await?;
    if tenants::get(&mut tx, &tenant).await?.is_none() {
        return Err(not_found(&tenant));
    }
    let mut widget = store::get(&mut tx, &tenant).await?.unwrap_or_default();
    let usual = Widget::default();
    let or = |text: &str, usual: String| match text {
        "" => usual,
        text => text.to_owned(),
    };
    if color {
        widget.primary_color = or(&update.primary_color, usual.primary_color);
    }
    if meant(POSITION, update.position.is_some()) {
        widget.position = update.position.unwrap_or(usual.position);
    }
    if meant(WELCOME, !update.welcome_message.is_empty()) {
        widget.welcome_message.clone_from(&update.welcome_message);
    }
    if meant(NAME, !update.widget_name.is_empty()) {
        widget.widget_name = or(&update.widget_name, usual.widget_name);
    }
    widget.updated_at = Some(now);
    store::put(&mut tx, &tenant, &widget).await?;
    let entry = audit::Entry::new(Some(tenant.clone()), "widget.update", name_of(&tenant));
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    Ok((tenant, widget))
}
