//! Keys whose hash takes bcrypt to check: they were imported that way. The first use shows the key, and from then on it is
//! checked like any other.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    db::Scope,
    tenants::keys::{
        memory::{Memory, closed},
        store::{self, Slow},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use uuid::Uuid;

/// So many such keys are read at a time.
const BATCH: i64 = 50;
/// One at a time is checked, whoever shows it: each takes a good part of a second of a core.
const PATIENCE: Duration = Duration::from_secs(5);
/// How the originals ended a beginning that they had cut.
const CUT: &str = "...";

/// Looks for a key among those with a slow hash. Where it is one of them, `hash` takes the place of that; returns whether it
/// was.
pub(super) async fn find(app: &App, memory: &Memory, text: &Secret, hash: &str) -> Result<bool> {
    let turn = timeout(PATIENCE, Arc::clone(&memory.slow).acquire_owned()).await;
    let mut turn = turn.map_err(|_| too_many())?.map_err(closed)?;
    let (mut after, now) = (Uuid::nil(), app.db.now());
    loop {
        let mut tx = app.db.read(Scope::System("keys with a slow hash")).await?;
        let batch = store::slow(&mut tx, after, now, BATCH).await?;
        drop(tx);
        let Some(last) = batch.last() else {
            return Ok(false);
        };
        after = last.key_id;
        let shown = text.clone();
        // The turn goes along: the work goes on although its caller may go away.
        let work = tokio::task::spawn_blocking(move || (fitting(batch, &shown), turn));
        let fitting;
        (fitting, turn) = work.await.map_err(Error::internal)?;
        if let Some(slow) = fitting {
            let mut tx = app.db.write(Scope::System("keys with a slow hash")).await?;
            store::quicken(&mut tx, &slow, hash).await?;
            tx.commit().await?;
            return Ok(true);
        }
    }
}

/// The one of them that was shown.
fn fitting(batch: Vec<Slow>, shown: &Secret) -> Option<Slow> {
    let begins = |slow: &Slow| {
        shown
            .expose()
            .starts_with(slow.prefix.trim_end_matches(CUT))
    };
    let is_it = |slow: &Slow| bcrypt::verify(shown.expose(), &slow.hash).unwrap_or(false);
    batch.into_iter().find(|slow| begins(slow) && is_it(slow))
}

fn too_many() -> Error {
    Error::Limited {
        reason: "TOO_MANY_ATTEMPTS",
        message: "too many keys are being checked: try again".to_owned(),
        wait: PATIENCE,
    }
}
