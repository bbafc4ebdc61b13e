//! Behind PgBouncer in transaction mode, where one connection serves one tenant after the other, no transaction sees what
//! the one before it was allowed to.

use super::messages::good;
use crate::{
    cli::{LONG, Stage},
    keys::served::{channel, command, first_start, list, make_sync},
    kit::{self, Database},
    web::Server,
};
use serde_json::json;
use sqlx::{Connection as _, Row as _};
use std::{
    fs,
    process::{Child, Stdio},
    time::Duration,
};
use syncline::{
    api::v1,
    base::{Clock, ResourceId},
    db::{Db, Engine, Options, Scope, execute, fetch_all, fetch_optional},
};
use tempfile::TempDir;
use uuid::Uuid;

/// Connections of PgBouncer to the server: fewer than transactions at a time.
const SERVER_CONNECTIONS: usize = 3;
/// Transactions at a time.
const TASKS: usize = 16;

/// A running PgBouncer. Ends on drop.
struct Bouncer {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Bouncer {
    /// In front of a database of the kit's.
    async fn start(database: &Database) -> Self {
        let folder = kit::temp_dir();
        let server = url::Url::parse(&database.url()).unwrap();
        let port = kit::free_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\n\
             max_client_conn = 200\nserver_reset_query =\nignore_startup_parameters = extra_float_digits,options\n",
            server.port().unwrap()
        );
        // Whoever is connected is that user; the settings name none.
        let settings = settings.replace(
            "host=127.0.0.1",
            &format!("host=127.0.0.1 user={}", server.username()),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = kit::unprivileged(&kit::daemon("pgbouncer"), folder.path())
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it is installed");
        let bouncer = Self {
            child,
            port,
            _folder: folder,
        };
        kit::eventually(Duration::from_secs(20), || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .map_err(|error| {
                    let said = fs::read_to_string(bouncer._folder.path().join("log"));
                    format!("{error}: {}", said.unwrap_or_default())
                })
        })
        .await;
        bouncer
    }

    /// How the program opens the database through it, as `database.pooler = "transaction"` has it.
    fn options(&self, database: &Database) -> Options {
        Options {
            persistent: false,
            max_connections: u32::try_from(TASKS).unwrap(),
            ..Options::postgres(url_of(self, database))
        }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tenant(id: &str) -> Scope {
    Scope::Tenant(ResourceId::parse("tenant", id).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleaved_transactions_of_two_tenants_through_pgbouncer_see_nothing_of_each_other() {
    const ADD: &str = "INSERT INTO token_events (tenant_id, event_id, token_id, at, kind, detail)
        VALUES ($1, $2, 't', $3, 'test', '')";
    const TENANTS: &str = "SELECT DISTINCT tenant_id FROM token_events";
    const WHO: &str = "SELECT current_setting('role') || ' ' || COALESCE(current_setting('syncline.tenant', true), '')";
    let database = Database::new(Engine::Postgres).await;
    let bouncer = Bouncer::start(&database).await;
    let db = Db::connect(bouncer.options(&database), Clock::system())
        .await
        .unwrap();
    let rounds = kit::rounds(3_000, 50_000);
    let worker = |number: usize| {
        let db = db.clone();
        tokio::spawn(async move {
            let (mut seen, mut failed) = (0_usize, 0_usize);
            for round in 0..rounds / TASKS {
                let id = ["alpha", "bravo"][(number + round) % 2];
                let mut tx = db.write(tenant(id)).await.unwrap();
                // One of eight adds, and every third that does not ends without a commit.
                if round % 8 == 0 {
                    execute!(tx, ADD, id, Uuid::now_v7(), db.now()).unwrap();
                }
                // No WHERE: nothing but the policy keeps the others out.
                let tenants = fetch_all!(tx, (String,), TENANTS).unwrap();
                let foreign = tenants.iter().any(|(tenant,)| tenant != id);
                let who = fetch_optional!(tx, (String,), WHO).unwrap().unwrap();
                let expected = format!("syncline_app {id}");
                seen += usize::from(foreign || who.0 != expected);
                if round % 8 == 0 || round % 3 == 0 {
                    tx.commit().await.unwrap();
                    continue;
                }
                failed += 1;
                // A statement that fails leaves the connection to the next tenant, too.
                if round % 5 == 0 {
                    execute!(tx, "SELECT 1 / 0").unwrap_err();
                }
            }
            (seen, failed)
        })
    };
    let workers: Vec<_> = (0..TASKS).map(worker).collect();
    let (mut leaks, mut dropped) = (0, 0);
    for worker in workers {
        let (seen, without_commit) = worker.await.unwrap();
        leaks += seen;
        dropped += without_commit;
    }
    println!(
        "{} transactions of two tenants on {SERVER_CONNECTIONS} connections of PgBouncer, {dropped} without a commit: {leaks} leaks",
        rounds / TASKS * TASKS
    );
    assert_eq!(leaks, 0);
    // Nobody who steps out of a transaction is anybody.
    let mut outside = sqlx::postgres::PgConnection::connect(&url_of(&bouncer, &database))
        .await
        .unwrap();
    // One round trip: outside of a transaction the second one could go elsewhere.
    let asked = sqlx::raw_sql("SELECT current_setting('role')").fetch_one(&mut outside);
    let role: String = asked.await.unwrap().get(0);
    assert_eq!(role, "none");
    db.close().await;
}

/// A whole server through it: without `database.pooler` the second call would meet a statement that another connection has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_pgbouncer_syncs_makes_keys_and_logs_people_in() {
    let database = Database::new(Engine::Postgres).await;
    let bouncer = Bouncer::start(&database).await;
    let (stage, url) = (Stage::new(), url_of(&bouncer, &database));
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("SYNCLINE_DATABASE_POOLER", "transaction"),
    ];
    let (server, first) = first_start(&stage, &variables).await;
    let other = Server::ready(command(&stage, &variables)).await;
    let (here, there) = (channel(&server, None).await, channel(&other, None).await);

    let request = json!({"parent": "tenants/default", "api_key": {"role": 3}});
    let made = good(&here, &first, "TenantService/CreateApiKey", &request);
    let made: v1::CreateApiKeyResponse = made.await;
    list(&there, &made.secret).await.unwrap();
    let person = json!({"user": {"username": "ada"}, "password": "composed for this test"});
    let _: v1::RegisterResponse = good(&here, &first, "AccountService/Register", &person).await;
    let login = json!({"login": "Ada", "password": "composed for this test"});
    let begun: v1::LoginResponse = good(&there, "", "AccountService/Login", &login).await;
    let session = begun.session_token;
    let me: v1::GetMeResponse = good(&here, &session, "AccountService/GetMe", &json!({})).await;
    assert_eq!(me.user.unwrap().username, "ada");

    make_sync(&here, &made.secret, &stage).await;
    let sync = json!({"name": "tenants/default/syncs/work"});
    let run: v1::Run = good(&there, &made.secret, "SyncService/RunSync", &sync).await;
    let name = json!({"name": run.name});
    let ended = kit::eventually(LONG, || async {
        let run: v1::Run = good(&here, &made.secret, "SyncService/GetRun", &name).await;
        match run.finish_time {
            Some(_) => Ok(run),
            None => Err(format!("{run:?}")),
        }
    });
    let run = ended.await;
    assert_eq!(run.state(), v1::RunState::Succeeded, "{run:?}");
    assert_eq!(stage.entries(), 16);
    for server in [server, other] {
        let output = server.process.output();
        assert!(!output.contains("prepared statement"), "{output}");
    }
}

fn url_of(bouncer: &Bouncer, database: &Database) -> String {
    let mut url = url::Url::parse(&database.url()).unwrap();
    url.set_port(Some(bouncer.port)).unwrap();
    url.to_string()
}
