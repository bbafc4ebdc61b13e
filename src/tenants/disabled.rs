//! Which tenants are disabled: asked for every caller, so it is remembered for a moment.

use crate::{
    app::App,
    base::{Result, TenantId},
    db::Scope,
    tenants::store,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long an answer is believed. While one asks again the others believe the old one so long once more: a tenant's keys
/// may go on for twice as long after it was disabled.
const BELIEVED: Duration = Duration::from_millis(250);

type Set = Arc<BTreeSet<TenantId>>;

#[derive(Default)]
struct Known(Mutex<Option<(Instant, Set)>>);

/// The disabled tenants, as they were half a second ago at the earliest: their keys and members are refused.
pub async fn disabled(app: &App) -> Result<Set> {
    let known = app.memory.of::<Known>();
    let now = Instant::now();
    {
        let mut remembered = known.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, set)) = &mut *remembered {
            if *until > now {
                return Ok(Arc::clone(set));
            }
            *until = now + BELIEVED;
        }
    }
    let mut tx = app
        .db
        .read(Scope::System("see which tenants are disabled"))
        .await?;
    let found: Set = Arc::new(store::disabled(&mut tx).await?.into_iter().collect());
    let mut remembered = known.0.lock().unwrap_or_else(PoisonError::into_inner);
    *remembered = Some((now + BELIEVED, Arc::clone(&found)));
    Ok(found)
}
