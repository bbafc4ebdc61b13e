//! The rows of widgets.

use crate::{
    base::{Result, TenantId},
    db::{Tx, execute, fetch_optional},
    tenants::widget::Widget,
};

/// The look that somebody gave it, or `None`.
pub(super) async fn get(tx: &mut Tx, tenant: &TenantId) -> Result<Option<Widget>> {
    const SQL: &str = "SELECT primary_color, position, welcome_message, widget_name, updated_at \
         FROM widgets WHERE tenant_id = $1";
    fetch_optional!(tx, Widget, SQL, tenant.as_str())
}

/// Stores the look.
pub(super) async fn put(tx: &mut Tx, tenant: &TenantId, widget: &Widget) -> Result<()> {
    const SQL: &str = "INSERT INTO widgets (tenant_id, primary_color, position, welcome_message, widget_name, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id) DO UPDATE SET primary_color = excluded.primary_color, \
         position = excluded.position, welcome_message = excluded.welcome_message, \
         widget_name = excluded.widget_name, updated_at = excluded.updated_at";
    execute!(
        tx,
        SQL,
        tenant.as_str(),
        widget.primary_color.as_str(),
        widget.position.as_str(),
        widget.welcome_message.as_str(),
        widget.widget_name.as_str(),
        widget.updated_at
    )?;
    Ok(())
}
