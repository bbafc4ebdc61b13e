//! Which tenants are disabled: asked for every caller.

use crate::{
    app::App,
    base::{Result, TenantId},
    db::Scope,
    tenants::{recent::Recent, store},
};
use std::{collections::BTreeSet, sync::Arc};

/// The disabled tenants, as they were half a second ago at the earliest: their keys and members are refused.
pub async fn disabled(app: &App) -> Result<Arc<BTreeSet<TenantId>>> {
    let known = app.memory.of::<Recent<BTreeSet<TenantId>>>();
    let read = async {
        let scope = Scope::System("see which tenants are disabled");
        let mut tx = app.db.read(scope).await?;
        Ok(store::disabled(&mut tx).await?.into_iter().collect())
    };
    known.get(read).await
}
