//! Deletes our own marked entries of a window, and forgets that they were written.

use crate::{
    app::App,
    audit,
    base::{Error, Result},
    connectors::clockify::{ClockifyError, Deleted, Entry},
    runs,
    syncs::{
        Sync,
        engine::{Options, Pass},
        marker, store,
    },
};
use chrono::{DateTime, Utc};

/// What is to be deleted.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The window's start; `None` is as the definition says.
    pub start: Option<DateTime<Utc>>,
    /// The window's end; `None` is now.
    pub end: Option<DateTime<Utc>>,
    /// How many entries the person expects to be deleted.
    pub expected: u64,
    /// Only count.
    pub only_count: bool,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Marked entries in the window.
    pub found: u64,
    /// Deleted.
    pub deleted: u64,
    /// Not deleted, because the destination refused or did not answer.
    pub failed: u64,
}

/// Refuses a window that ends before it begins.
pub fn check_window(start: DateTime<Utc>, end: DateTime<Utc>) -> Result<()> {
    match start < end {
        true => Ok(()),
        false => Err(Error::invalid(
            "start_time",
            format!("expected a start before the end, got {start:?} and {end:?}"),
        )),
    }
}

/// Deletes what carries our marker and starts in the window. Refuses, and deletes nothing, when their number is not the
/// expected one, and where the settings say that nothing is written.
pub async fn clean_up(app: &App, sync: &Sync, request: Request) -> Result<Report> {
    if app.config.syncs.dry_run && !request.only_count {
        return Err(Error::precondition(
            "NOTHING_IS_WRITTEN",
            "syncs.dry_run (DRY_RUN) is set, so nothing is deleted: remove it, or only count",
        ));
    }
    let pass = Pass::open(app, sync, None, Options::default()).await?;
    let (start, end) = (
        request.start.unwrap_or(pass.window.start),
        request.end.unwrap_or(pass.window.end),
    );
    check_window(start, end)?;
    let clockify = &pass.destination.clockify;
    let account = &pass.destination.account;
    let entries = clockify
        .list_entries(&account.workspace, &account.user, start, end)
        .await?;
    let ours: Vec<Entry> = entries
        .into_iter()
        .filter(|entry| {
            entry.start >= start
                && entry.start <= end
                && !marker::found_in(&entry.description).is_empty()
        })
        .collect();
    let mut report = Report {
        found: ours.len() as u64,
        ..Report::default()
    };
    if request.only_count {
        return Ok(report);
    }
    if report.found != request.expected {
        return Err(Error::precondition(
            "COUNT_MISMATCH",
            format!(
                "{} entries would be deleted, not {}: nothing was",
                report.found, request.expected
            ),
        ));
    }
    let mut tx = app.db.read(pass.scope()).await?;
    if runs::store::any_open(&mut tx, &sync.name).await? {
        return Err(Error::precondition(
            "SYNC_RUNNING",
            "a run of the sync is not finished: cancel it first",
        ));
    }
    drop(tx);
    let mut tx = app.db.write(pass.scope()).await?;
    let entry = audit::Entry::new(Some(sync.name.tenant.clone()), "sync.clean_up", &sync.name);
    let entry = entry.detail(format!("{} entries from {start} to {end}", report.found));
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    for entry in ours {
        // Forgotten first: if we die in between, the entry is found by its marker and taken over, and can be cleaned up
        // again. The other way round it would count as deleted by the user, for good.
        let mut tx = app.db.write(pass.scope()).await?;
        for conference in marker::found_in(&entry.description) {
            store::effects::forget(&mut tx, &sync.name.tenant, account, conference, &entry.id)
                .await?;
        }
        tx.commit().await?;
        match clockify.delete_entry(&account.workspace, &entry.id).await {
            Ok(Deleted::Now | Deleted::Before) => report.deleted += 1,
            Err(error @ ClockifyError::KeyWrong { .. }) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(entry.id = %entry.id, %error, "an entry could not be deleted");
                report.failed += 1;
            }
        }
    }
    Ok(report)
}
