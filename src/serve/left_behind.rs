//! Says at start when an empty PostgreSQL database is used beside an SQLite file that holds something: whoever set
//! `DATABASE_URL` for the first time may think that the data came along.

use crate::{
    app::App,
    base::Result,
    db::{Db, Engine, Options, Scope, fetch_one},
};
use std::path::Path;

/// Looks, and writes a warning where something is left behind. What cannot be looked at is not worth a failed start.
pub(super) async fn mention(app: &App) {
    let file = app.config.data.sqlite_file();
    if app.db.engine() != Engine::Postgres || !file.exists() {
        return;
    }
    match compare(app, &file).await {
        Ok(Some((tokens, syncs))) => tracing::warn!(
            "the PostgreSQL database is empty, and {file} beside it holds {tokens} tokens and {syncs} syncs, which are \
             not used. To go on with the file, unset DATABASE_URL. There is no command yet that moves it: to go on \
             with PostgreSQL, give the tokens again (`syncline token login google`, `syncline token add clockify`) and \
             create the syncs again (`syncline sync create`); entries that are in Clockify already are recognised",
            file = file.display(),
        ),
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "could not look into the SQLite file"),
    }
}

/// What is in the file, where nothing is in the database.
async fn compare(app: &App, file: &Path) -> Result<Option<(i64, i64)>> {
    if count(&app.db).await? != (0, 0) {
        return Ok(None);
    }
    let left = Db::connect(Options::sqlite(file), app.db.clock().clone()).await?;
    let found = count(&left).await;
    left.close().await;
    Ok(found.ok().filter(|found| *found != (0, 0)))
}

/// Tokens and syncs of all tenants: what a person would miss.
async fn count(db: &Db) -> Result<(i64, i64)> {
    const SQL: &str = "SELECT (SELECT count(*) FROM tokens), (SELECT count(*) FROM syncs)";
    let mut tx = db.read(Scope::System("whether anything is here")).await?;
    fetch_one!(&mut tx, (i64, i64), SQL)
}
