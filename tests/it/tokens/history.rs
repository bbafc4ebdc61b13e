//! What happened to tokens, and who read them, is forgotten after a while.

use super::Office;
use crate::kit::{self, Database};
use chrono::TimeDelta;
use std::time::Duration;
use syncline::{base::TokenName, db::Engine, tokens};
use tokio_util::sync::CancellationToken;

kit::each_engine!(old_history_is_forgotten_and_the_rest_is_kept);

/// Events by kind, and how many counts of reads there are.
async fn history(office: &Office, name: &TokenName) -> (Vec<&'static str>, String) {
    let schema = match office.database.engine() {
        Engine::Postgres => "syncline.",
        Engine::Sqlite => "",
    };
    let count = format!("SELECT CAST(count(*) AS TEXT) FROM {schema}token_reads");
    let reads = office.database.column(&count).await;
    (office.event_kinds(name).await, reads.concat())
}

async fn old_history_is_forgotten_and_the_rest_is_kept(database: Database) {
    let office = Office::open(database).await;
    let name = office.clockify().await;
    let read = async || {
        let minute = TimeDelta::minutes(1);
        tokens::issue(&office.app, &name, minute, &[], "caller")
            .await
            .unwrap();
        tokens::flush_reads(&office.app).await.unwrap();
    };
    read().await;
    let retention = TimeDelta::from_std(office.config.tokens.history_retention).unwrap();
    office.advance(retention - TimeDelta::minutes(2));
    read().await;
    tokens::revoke(&office.app, &name).await.unwrap();
    assert_eq!(
        history(&office, &name).await,
        (vec!["revoked", "created"], "2".to_owned())
    );

    tokens::forget_history(&office.app).await.unwrap();
    assert_eq!(history(&office, &name).await.1, "2", "it is not old yet");

    office.advance(TimeDelta::minutes(4));
    let stop = CancellationToken::new();
    let books = tokio::spawn(tokens::keep_books(office.app.clone(), stop.clone()));
    kit::eventually(Duration::from_secs(30), || async {
        let now = history(&office, &name).await;
        let left = (vec!["revoked"], "1".to_owned());
        (now == left).then_some(()).ok_or(format!("{now:?}"))
    })
    .await;
    stop.cancel();
    books.await.unwrap();
}
