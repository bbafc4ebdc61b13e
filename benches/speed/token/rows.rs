//! Reads of a token's row in PostgreSQL, with row-level security and without it: what a read costs that memory cannot
//! answer.

use crate::{figure::median, postgres::Postgres};
use std::time::Instant;
use syncline::{
    app::App,
    base::{Clock, TokenName},
    config::Config,
    db::{Db, Options, migrate},
    startup,
    tokens::{self, Create, Given, Provider},
};

/// Each database is measured so often, in turn.
const ROUNDS: usize = 7;
const READS: u32 = 2_000;

/// Reads in a second: with, and without.
pub fn measure() -> anyhow::Result<(f64, f64)> {
    let postgres = Postgres::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let folder = crate::temp_dir();
        let mut sides = Vec::new();
        for name in ["guarded_rows", "open_rows"] {
            postgres.create_database(name, "pg_default").await;
            let db = Db::connect(Options::postgres(postgres.url(name)), Clock::system()).await?;
            migrate::run(&db).await?;
            let app = startup::assemble(Config::with_defaults(folder.path()), db).await?;
            let create = Create {
                provider: Some(Provider::Clockify),
                given: Some(Given::ApiKey("composed-for-this-benchmark".into())),
                ..Create::default()
            };
            let token = tokens::create(&app, create).await?.name();
            if name == "open_rows" {
                open(&postgres, name).await?;
            }
            sides.push((app, token, Vec::new()));
        }
        for _ in 0..ROUNDS {
            for (app, token, rates) in &mut sides {
                rates.push(rate(app, token).await?);
            }
        }
        let mut rates = sides.into_iter().map(|(_, _, rates)| median(rates));
        let mut next = || rates.next().unwrap_or(f64::NAN);
        Ok((next(), next()))
    })
}

/// Takes the protection off; this program does not look whether it is there.
async fn open(postgres: &Postgres, database: &str) -> anyhow::Result<()> {
    use sqlx::{Connection as _, Executor as _};
    let url = postgres.admin_url(database);
    let mut admin = sqlx::PgConnection::connect(&url).await?;
    admin
        .execute("ALTER TABLE syncline.tokens DISABLE ROW LEVEL SECURITY")
        .await?;
    Ok(admin.close().await?)
}

async fn rate(app: &App, token: &TokenName) -> anyhow::Result<f64> {
    let begun = Instant::now();
    for _ in 0..READS {
        tokens::get(app, token).await?;
    }
    Ok(f64::from(READS) / begun.elapsed().as_secs_f64())
}
