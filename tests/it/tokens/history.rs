//! What happened to tokens is forgotten after a while.

use super::{Office, access};
use crate::kit::{self, Database};
use chrono::TimeDelta;
use std::time::Duration;
use syncline::tokens;
use tokio_util::sync::CancellationToken;

kit::each_engine!(old_history_is_forgotten_and_the_rest_is_kept);

async fn old_history_is_forgotten_and_the_rest_is_kept(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    access(&office.app, &name).await;
    let retention = TimeDelta::from_std(office.config.tokens.history_retention).unwrap();
    office.advance(retention - TimeDelta::minutes(2));
    tokens::revoke(&office.app, &name).await.unwrap();
    let kept = ["revoked", "created"];
    assert_eq!(office.event_kinds(&name).await, kept);
    tokens::forget_history(&office.app).await.unwrap();
    assert_eq!(office.event_kinds(&name).await, kept, "it is not old yet");

    office.advance(TimeDelta::minutes(4));
    let stop = CancellationToken::new();
    let books = tokio::spawn(tokens::keep_books(office.app.clone(), stop.clone()));
    kit::eventually(Duration::from_secs(30), || async {
        let now = office.event_kinds(&name).await;
        (now == ["revoked"]).then_some(()).ok_or(format!("{now:?}"))
    })
    .await;
    stop.cancel();
    books.await.unwrap();
}
