//! Forgets what nobody asks for any more: along with heartbeats, because somebody always lives.

use crate::{base::Result, db::Tx, runs::store};
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// Finished runs are looked through at a worker's first heartbeat and then now and then: it reads the whole table.
const BEATS_BETWEEN_PURGES: u64 = 720;
/// Request ids answer for so long.
const REQUEST_IDS_KEPT: TimeDelta = TimeDelta::days(7);

/// Does what is due at a worker's `beat`-th heartbeat, counted from 0.
pub(super) async fn tidy(
    tx: &mut Tx,
    retention: Duration,
    beat: u64,
    now: DateTime<Utc>,
) -> Result<()> {
    store::fail_overdue(tx, now).await?;
    store::forget_requests(tx, now - REQUEST_IDS_KEPT).await?;
    if beat.is_multiple_of(BEATS_BETWEEN_PURGES) {
        store::forget_runs(tx, now - retention).await?;
    }
    Ok(())
}
