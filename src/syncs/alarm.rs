//! Meet forgets meetings after thirty days. A sync that reads nothing until then loses them for ever, so somebody is told while
//! there is time: after 7, 14 and 21 days, each once over all processes, until it reads again.

use crate::{
    app::App,
    audit,
    base::{ResourceId, Result, SyncName, notify::Notice},
    db::Scope,
    schedules::ticker::Chore,
    syncs::store::unread::{self, Unread},
};
use chrono::{DateTime, TimeDelta, Utc};

/// How long Meet keeps what a sync reads.
const HORIZON: TimeDelta = TimeDelta::days(30);
/// After how many days without reading somebody is told.
const DAYS: [i64; 3] = [7, 14, 21];
/// Why.
pub const REASON: &str = "SOURCE_UNREAD";

/// The chores of this room.
pub const CHORES: [Chore; 1] = [Chore {
    name: "tell of syncs that read nothing",
    cron: "40 * * * * *",
    work: |app| Box::pin(look(app)),
}];

/// Tells of every sync that has read nothing for too long, where nobody was told before. That is one whose source token does not
/// work, or that has a schedule which no person paused.
pub async fn look(app: App) -> Result<()> {
    let now = app.db.now();
    let mut tx = app.db.read(scope()).await?;
    let late = unread::since_before(&mut tx, now - TimeDelta::days(DAYS[0])).await?;
    drop(tx);
    for sync in late {
        tell(&app, &sync, now).await?;
    }
    Ok(())
}

/// How many syncs have read nothing for so long that somebody was told.
pub async fn count(app: &App) -> Result<usize> {
    let mut tx = app.db.read(scope()).await?;
    let before = app.db.now() - TimeDelta::days(DAYS[0]);
    Ok(unread::since_before(&mut tx, before).await?.len())
}

async fn tell(app: &App, sync: &Unread, now: DateTime<Utc>) -> Result<()> {
    let name = SyncName::new(
        ResourceId::parse("tenant_id", &sync.tenant_id)?,
        ResourceId::parse("sync_id", &sync.sync_id)?,
    );
    let mut tx = app.db.write(Scope::Tenant(name.tenant.clone())).await?;
    let mut told = None;
    for days in DAYS {
        // Where several are due at once, as after a stop of everything, the last one says it all.
        if now - sync.read_to >= TimeDelta::days(days)
            && unread::mark(&mut tx, sync, days, now).await?
        {
            told = Some(days);
        }
    }
    let Some(days) = told else {
        return Ok(());
    };
    let message = message(&name, sync, now);
    let entry = audit::Entry::new(Some(name.tenant.clone()), "sync.unread", &name)
        .detail(format!("after {days} days: {message}"));
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    app.notify.tell(&Notice {
        reason: REASON,
        tenant: name.tenant.clone(),
        about: name.to_string(),
        message,
    });
    Ok(())
}

fn message(name: &SyncName, sync: &Unread, now: DateTime<Utc>) -> String {
    let token = format!("tenants/{}/tokens/{}", sync.tenant_id, sync.source_token);
    let unread = (now - sync.read_to).num_days();
    let what = match (sync.read_to + HORIZON - now).num_days() {
        left if left > 0 => format!("in {left} days Meet begins to forget what it has not read"),
        _ => "Meet forgets each day what it has not read, for ever".to_owned(),
    };
    let help = match sync.token_works {
        true => "look at why its runs fail, or do not happen".to_owned(),
        false => format!("{token} needs a new consent"),
    };
    format!("{name} has read nothing for {unread} days, and {what}: {help}")
}

fn scope() -> Scope {
    Scope::System("tell of syncs of all tenants that read nothing")
}
