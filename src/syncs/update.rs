//! Changes a definition.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, SyncName, TokenName},
    db::Scope,
    schedules::{self, Spec},
    syncs::{Sync, create::check, definition::Definition, schedule, store},
};

/// What is to change; `None` stays as it is.
#[derive(Clone, Debug)]
pub struct Update {
    /// The sync.
    pub name: SyncName,
    /// For people.
    pub display_name: Option<String>,
    /// The Google token.
    pub source: Option<TokenName>,
    /// The Clockify token.
    pub destination: Option<TokenName>,
    /// What is done.
    pub definition: Option<Definition>,
    /// When it runs by itself, checked; `Some(None)` removes the schedule.
    pub schedule: Option<Option<Spec>>,
    /// The etag the change is based on; empty for whatever is there.
    pub etag: String,
    /// Check everything, store nothing.
    pub validate_only: bool,
}

/// Stores the change. A change of the source, or of how far it looks back, makes the next run read the whole window.
pub async fn update(app: &App, update: Update) -> Result<Sync> {
    let mut tx = app
        .db
        .read(Scope::Tenant(update.name.tenant.clone()))
        .await?;
    let before = store::syncs::get(&mut tx, &update.name)
        .await?
        .ok_or_else(|| update.name.not_found())?;
    let changed = || Error::Conflict {
        what: update.name.to_string(),
    };
    if !update.etag.is_empty() && update.etag != before.etag() {
        return Err(changed());
    }
    let mut sync = Sync {
        display_name: update
            .display_name
            .unwrap_or_else(|| before.display_name.clone()),
        source: update.source.unwrap_or_else(|| before.source.clone()),
        destination: update
            .destination
            .unwrap_or_else(|| before.destination.clone()),
        definition: update
            .definition
            .unwrap_or_else(|| before.definition.clone()),
        version: before.version + 1,
        updated_at: app.db.now(),
        ..before.clone()
    };
    let reads_as_before = sync.source == before.source
        && sync.definition.days == before.definition.days
        && sync.definition.calendars == before.definition.calendars;
    if !reads_as_before {
        sync.watermark = None;
    }
    // Checked outside of the transaction: the version makes sure that nothing changed meanwhile.
    drop(tx);
    check(app, &sync).await?;
    if update.validate_only {
        return Ok(sync);
    }
    let mut tx = app
        .db
        .write(Scope::Tenant(sync.name.tenant.clone()))
        .await?;
    if !store::syncs::update(&mut tx, &sync).await? {
        return Err(changed());
    }
    if let Some(spec) = update.schedule {
        schedule::set(app, &mut tx, &sync, spec).await?;
    }
    if sync.destination != before.destination {
        let key = schedule::key(&sync.name);
        schedules::store::set_lane(&mut tx, &key, schedule::lane(&sync)).await?;
    }
    let entry = Entry::new(Some(sync.name.tenant.clone()), "sync.update", &sync.name);
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    Ok(sync)
}
