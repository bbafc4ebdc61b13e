//! Counts people and logins.

use crate::{
    app::App,
    base::Result,
    people::{sessions::idle_since, store},
};
use chrono::TimeDelta;

/// Seven times 24 hours, whatever the calendar says.
const WEEK: TimeDelta = TimeDelta::hours(7 * 24);
/// Thirty times 24 hours.
const MONTH: TimeDelta = TimeDelta::hours(30 * 24);

/// How many there are. A week is [`WEEK`] before now, its first instant included; a month is [`MONTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// All people.
    pub total: i64,
    /// With a password here.
    pub local: i64,
    /// By Google.
    pub google: i64,
    /// By Google and Firebase.
    pub firebase_google: i64,
    /// Made within the last week.
    pub made_last_week: i64,
    /// Made within the last month.
    pub made_last_month: i64,
    /// Logins within the last week, of people who are gone too.
    pub logins_last_week: i64,
    /// Logins within the last month.
    pub logins_last_month: i64,
    /// Sessions that are not over.
    pub active_sessions: i64,
}

/// Counts, all at one moment.
pub async fn stats(app: &App) -> Result<Stats> {
    let now = app.db.now();
    let (week, month) = (now - WEEK, now - MONTH);
    let mut tx = app.db.read(store::SCOPE).await?;
    let people = store::count(&mut tx, week, month).await?;
    let (logins_last_week, logins_last_month) = store::count_logins(&mut tx, week, month).await?;
    let active_sessions = store::count_sessions(&mut tx, now, idle_since(app, now)).await?;
    Ok(Stats {
        total: people.total,
        local: people.local,
        google: people.google,
        firebase_google: people.firebase,
        made_last_week: people.last_week,
        made_last_month: people.last_month,
        logins_last_week,
        logins_last_month,
        active_sessions,
    })
}
