//! How a tenant's syncs are, in words for its own customers: no ids, and nothing of what went wrong inside.

use crate::{
    app::App,
    base::{Result, TenantId, words},
    db::Scope,
    runs,
    schedules::{self, schedule::PausedBy},
    syncs::{job::KIND, store},
};
use chrono::{DateTime, Utc};

/// Most syncs that are told of.
const MOST: i64 = 50;

words! {
    /// How a sync is.
    State {
        /// Its last run did everything, or there was none yet.
        Ok = "ok",
        /// Its last run did not do everything, or it does not run any more because of that.
        Trouble = "trouble",
        /// A run is under way.
        Running = "running",
        /// Somebody paused it.
        Paused = "paused",
    }
}

/// A sync, as customers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name for people.
    pub name: String,
    /// How it is.
    pub state: State,
    /// When it last did everything.
    pub last_success: Option<DateTime<Utc>>,
    /// When it runs by itself next.
    pub next_run: Option<DateTime<Utc>>,
}

/// The syncs of a tenant, by id.
pub async fn of_tenant(app: &App, tenant: &TenantId) -> Result<Vec<Standing>> {
    let mut tx = app.db.read(Scope::Tenant(tenant.clone())).await?;
    let syncs = store::syncs::list(&mut tx, tenant, "", MOST).await?;
    let ids: Vec<&str> = syncs.iter().map(|sync| sync.name.id.as_str()).collect();
    let runs = runs::store::standings(&mut tx, tenant, KIND, &ids).await?;
    let schedules = schedules::store::of_subjects(&mut tx, tenant, KIND, &ids).await?;
    let standings = syncs.iter().map(|sync| {
        let id = sync.name.id.as_str();
        let run = runs.iter().find(|run| run.subject == id);
        let schedule = schedules.iter().find(|schedule| schedule.key.subject == id);
        let pause = schedule.and_then(|schedule| schedule.pause.as_ref());
        let last_state = run.and_then(|run| run.last_state.as_deref());
        let went_wrong = last_state.is_some_and(|state| state != runs::State::Succeeded.as_str());
        Standing {
            name: sync.display_name.clone(),
            state: match pause.map(|pause| pause.by) {
                Some(PausedBy::User | PausedBy::Copy) => State::Paused,
                _ if run.is_some_and(|run| run.is_under_way) => State::Running,
                Some(PausedBy::Failure | PausedBy::Fault) => State::Trouble,
                None if went_wrong => State::Trouble,
                None => State::Ok,
            },
            last_success: run.and_then(|run| run.last_success),
            next_run: schedule.and_then(|schedule| schedule.next_at),
        }
    });
    Ok(standings.collect())
}
