//! A fresh database for each test, on either engine, and a look at it from outside.

use super::postgres::postgres;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};
use syncline::{
    base::Clock,
    db::{Db, Engine, Options, migrate},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A database of one test. Gone on drop.
pub struct Database(Place);

enum Place {
    Postgres { name: String },
    Sqlite { file: PathBuf, _folder: TempDir },
}

/// Makes two tests of each `async fn fact(database: Database)`: `fact::on_postgres` and `fact::on_sqlite`.
macro_rules! each_engine {
    ($($fact:ident),* $(,)?) => {$(
        mod $fact {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                super::$fact($crate::kit::Database::new(syncline::db::Engine::Postgres).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$fact($crate::kit::Database::new(syncline::db::Engine::Sqlite).await).await;
            }
        }
    )*};
}
pub(crate) use each_engine;

/// A migrated database that the others are copied from.
const TEMPLATE: &str = "syncline_template";

impl Database {
    /// A database at the newest schema.
    pub async fn new(engine: Engine) -> Self {
        match engine {
            Engine::Postgres => {
                static MIGRATED: OnceCell<Result<(), String>> = OnceCell::const_new();
                let migrated = MIGRATED.get_or_init(make_template).await;
                migrated
                    .as_ref()
                    .expect("an empty database can be migrated");
                Self::copy_of(TEMPLATE).await
            }
            Engine::Sqlite => {
                let database = Self::empty(engine).await;
                let db = database.connect().await;
                migrate::run(&db)
                    .await
                    .expect("an empty file can be migrated");
                db.close().await;
                database
            }
        }
    }

    /// A database with nothing in it.
    pub async fn empty(engine: Engine) -> Self {
        match engine {
            Engine::Postgres => Self::copy_of("template1").await,
            Engine::Sqlite => {
                let folder = super::temp_dir();
                Self(Place::Sqlite {
                    file: folder.path().join("syncline.db"),
                    _folder: folder,
                })
            }
        }
    }

    async fn copy_of(template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        postgres().copy_database(&name, template).await;
        Self(Place::Postgres { name })
    }

    /// Which engine it is on.
    pub fn engine(&self) -> Engine {
        match self.0 {
            Place::Postgres { .. } => Engine::Postgres,
            Place::Sqlite { .. } => Engine::Sqlite,
        }
    }

    /// How the program opens it.
    pub fn options(&self) -> Options {
        match &self.0 {
            Place::Postgres { .. } => Options::postgres(self.url()),
            Place::Sqlite { file, .. } => Options::sqlite(file),
        }
    }

    /// As DATABASE_URL wants it.
    pub fn url(&self) -> String {
        match &self.0 {
            Place::Postgres { name } => postgres().url(name),
            Place::Sqlite { file, .. } => format!("sqlite:{}", file.display()),
        }
    }

    /// The URL for another user of the server; PostgreSQL only.
    pub fn url_of(&self, user: &str) -> String {
        match &self.0 {
            Place::Postgres { name } => postgres().url_of(user, name),
            Place::Sqlite { .. } => panic!("a file has no users"),
        }
    }

    /// Its name on the server; PostgreSQL only.
    pub fn name(&self) -> &str {
        match &self.0 {
            Place::Postgres { name } => name,
            Place::Sqlite { .. } => panic!("a file has no name on a server"),
        }
    }

    /// Its file; SQLite only.
    pub fn file(&self) -> &Path {
        match &self.0 {
            Place::Sqlite { file, .. } => file,
            Place::Postgres { .. } => panic!("a server's database is not one file"),
        }
    }

    /// Opens it by the machine's clock, as the program does.
    pub async fn connect(&self) -> Db {
        self.connect_at(Clock::system()).await
    }

    /// Opens it by a clock of the test's.
    pub async fn connect_at(&self, clock: Clock) -> Db {
        Db::connect(self.options(), clock)
            .await
            .expect("the database can be opened")
    }

    /// Runs statements past the program, as somebody with all rights. In PostgreSQL that is a superuser, whom row-level
    /// security does not bind; names need their schema.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        let outcome = match self.engine() {
            Engine::Postgres => self
                .superuser()
                .await
                .execute(sqlx::raw_sql(sql))
                .await
                .map(drop),
            Engine::Sqlite => self
                .outsider()
                .await
                .execute(sqlx::raw_sql(sql))
                .await
                .map(drop),
        };
        outcome.expect("the statement is right");
    }

    /// The first column of a query's rows, as text; past the program, as [`Database::execute`].
    pub async fn column(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        let rows = match self.engine() {
            Engine::Postgres => {
                sqlx::query_scalar(sql)
                    .fetch_all(&mut self.superuser().await)
                    .await
            }
            Engine::Sqlite => {
                sqlx::query_scalar(sql)
                    .fetch_all(&mut self.outsider().await)
                    .await
            }
        };
        rows.expect("the query is right")
    }

    /// A connection as the superuser of the server; PostgreSQL only.
    pub async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&self.url_of("postgres"))
            .await
            .expect("the server is up")
    }

    /// A connection of somebody who knows nothing of the program; SQLite only. Changes no setting of the file.
    pub async fn outsider(&self) -> SqliteConnection {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.file())
            .create_if_missing(true);
        SqliteConnection::connect_with(&options)
            .await
            .expect("the file can be opened")
    }

    /// Everything in it: what `pg_dump` prints, or the bytes of the file and its log.
    pub fn dump(&self) -> Vec<u8> {
        match &self.0 {
            Place::Postgres { name } => {
                let mut command = postgres().program("pg_dump");
                super::server::run(command.args(["-d", &postgres().admin_url(name)])).stdout
            }
            Place::Sqlite { file, .. } => {
                let mut bytes = std::fs::read(file).expect("the file is there");
                let log = file.with_extension("db-wal");
                bytes.extend(std::fs::read(log).unwrap_or_default());
                bytes
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::Postgres { name } = &self.0 {
            let mut command = postgres().program("dropdb");
            command.args([
                "--force",
                "--if-exists",
                "--maintenance-db",
                &postgres().admin_url("postgres"),
                name,
            ]);
            // Nobody waits for it: it only keeps the disk from filling up.
            std::thread::spawn(move || command.output());
        }
    }
}

/// Keeps the error, so that each test shows it.
async fn make_template() -> Result<(), String> {
    postgres().create_database(TEMPLATE, "pg_default").await;
    let options = Options::postgres(postgres().url(TEMPLATE));
    let migrate = async {
        let db = Db::connect(options, Clock::system()).await?;
        migrate::run(&db).await?;
        db.close().await;
        Ok(())
    };
    migrate
        .await
        .map_err(|error: syncline::base::Error| error.to_string())
}
