//! Keys whose hash takes bcrypt to check: they were imported that way. The first use shows the key, and from then on it is
//! checked like any other.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    db::Scope,
    tenants::keys::{
        memory::{Memory, closed},
        store,
    },
};
use std::time::Duration;
use tokio::time::timeout;

/// So many such keys are tried for one that is shown.
const MOST: i64 = 50;
/// One at a time is checked, whoever shows it: each takes a good part of a second of a core.
const PATIENCE: Duration = Duration::from_secs(5);
/// How the originals ended a beginning that they had cut.
const CUT: &str = "...";

/// Looks for a key among those with a slow hash. Where it is one of them, `hash` takes the place of that; returns whether it
/// was.
pub(super) async fn find(app: &App, memory: &Memory, text: &Secret, hash: &str) -> Result<bool> {
    let turn = timeout(PATIENCE, memory.slow.acquire()).await;
    let _turn = turn.map_err(|_| too_many())?.map_err(closed)?;
    let mut tx = app.db.read(Scope::System("keys with a slow hash")).await?;
    let candidates = store::slow(&mut tx, MOST).await?;
    drop(tx);
    let begins = |prefix: &str| text.expose().starts_with(prefix.trim_end_matches(CUT));
    let candidates: Vec<_> = candidates
        .into_iter()
        .filter(|slow| begins(&slow.prefix))
        .collect();
    let shown = text.clone();
    let fitting = tokio::task::spawn_blocking(move || {
        candidates
            .into_iter()
            .find(|slow| bcrypt::verify(shown.expose(), &slow.hash).unwrap_or(false))
    });
    let Some(slow) = fitting.await.map_err(Error::internal)? else {
        return Ok(false);
    };
    let mut tx = app.db.write(Scope::System("keys with a slow hash")).await?;
    store::quicken(&mut tx, &slow, hash).await?;
    tx.commit().await?;
    Ok(true)
}

fn too_many() -> Error {
    Error::Limited {
        reason: "TOO_MANY_ATTEMPTS",
        message: "too many keys are being checked: try again".to_owned(),
        wait: PATIENCE,
    }
}
