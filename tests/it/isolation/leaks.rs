//! What belongs to somebody else answers like what is not there, in every call; and stays hidden on PostgreSQL even where
//! our statements forget whose rows they mean.

use super::{
    calls::{READS, WRITES},
    messages::{self, Answer},
    scene::{Names, Scene},
};
use crate::kit::{Database, each_engine};
use serde_json::json;
use syncline::db::Engine;
use tokio_util::sync::CancellationToken;

each_engine!(
    what_is_foreign_answers_like_what_is_not_there_in_every_call,
    a_page_token_of_somebody_else_leads_nowhere,
);

/// Answers of these have something random in them where they succeed, as they do for a token of one's own.
const RANDOM: [&str; 1] = ["TokenService/BeginAuthorization"];

/// The same answer about something else: bytes for bytes, because names that stand for each other are equally long.
fn about(answer: &Answer, these: &Names, those: &Names) -> Answer {
    let pairs = [
        ("bravo", "nobdy"),
        (these.run.as_str(), those.run.as_str()),
        (these.key.as_str(), those.key.as_str()),
    ];
    let bytes = |bytes: &[u8]| {
        pairs.iter().fold(bytes.to_vec(), |bytes, (this, that)| {
            replaced(bytes, this.as_bytes(), that.as_bytes())
        })
    };
    Answer {
        code: answer.code,
        message: String::from_utf8_lossy(&bytes(answer.message.as_bytes())).into_owned(),
        details: bytes(&answer.details),
        bodies: answer.bodies.iter().map(|body| bytes(body)).collect(),
    }
}

fn replaced(mut bytes: Vec<u8>, this: &[u8], that: &[u8]) -> Vec<u8> {
    assert_eq!(this.len(), that.len());
    let mut at = 0;
    while let Some(found) = position(&bytes[at..], this) {
        bytes[at + found..at + found + this.len()].copy_from_slice(that);
        at += found + this.len();
    }
    bytes
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

async fn what_is_foreign_answers_like_what_is_not_there_in_every_call(database: Database) {
    let scene = Scene::open(database).await;
    let before = everything_of_bravo(&scene.database).await;
    let (bravo, nobody) = (scene.bravo.clone(), Names::of_nobody());
    let mut compared = 0;
    for (method, template) in READS.iter().chain(WRITES) {
        // By name of the tenant, and by what it has, looked for in one's own.
        for (there, nowhere) in [
            (bravo.clone(), nobody.clone()),
            (bravo.in_alpha(), nobody.in_alpha()),
        ] {
            // What is one's own altogether differs from call to call, as it should.
            if there.fill(template) == nowhere.fill(template)
                || (template.contains("{t}\"") && there.tenant == "tenants/alpha")
            {
                continue;
            }
            let foreign = scene.call(method, &there.fill(template)).await;
            let unknown = scene.call(method, &nowhere.fill(template)).await;
            if RANDOM.contains(method) && foreign.code == 0 {
                assert_eq!(foreign.code, unknown.code, "{method}");
                continue;
            }
            let expected = about(&foreign, &there, &nowhere);
            let shown = |answer: &Answer| String::from_utf8_lossy(&answer.bytes()).into_owned();
            assert_eq!(
                expected,
                unknown,
                "{method} {}\n{}\n{}",
                there.fill(template),
                shown(&foreign),
                shown(&unknown)
            );
            compared += 1;
        }
    }
    assert_eq!(everything_of_bravo(&scene.database).await, before);
    println!("{compared} pairs of answers: 0 differ, nothing of the other tenant changed");
    assert!(compared > 80, "{compared}");
}

/// Counts and contents of all rows of bravo's, but for what nobody changes by a call of alpha's.
async fn everything_of_bravo(database: &Database) -> Vec<String> {
    let tables = match database.engine() {
        Engine::Postgres => "SELECT CAST(c.relname AS TEXT) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
             WHERE c.relnamespace = CAST('syncline' AS regnamespace) AND c.relkind = 'r' AND a.attname = 'tenant_id' ORDER BY 1",
        Engine::Sqlite => "SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) i
             WHERE m.type = 'table' AND i.name = 'tenant_id' ORDER BY 1",
    };
    let mut all = Vec::new();
    for table in database.column(tables).await {
        let sql = match database.engine() {
            Engine::Postgres => format!(
                "SELECT '{table} ' || CAST(t AS TEXT) FROM syncline.{table} t WHERE tenant_id = 'bravo' ORDER BY 1"
            ),
            Engine::Sqlite => {
                format!("SELECT '{table} ' || count(*) FROM {table} WHERE tenant_id = 'bravo'")
            }
        };
        all.extend(database.column(&sql).await);
    }
    assert!(all.len() > 10, "{all:?}");
    all
}

async fn a_page_token_of_somebody_else_leads_nowhere(database: Database) {
    let scene = Scene::open(database).await;
    for (method, parent) in [
        ("TokenService/ListTokens", "tenants/bravo".to_owned()),
        ("TenantService/ListAuditEntries", "tenants/bravo".to_owned()),
        (
            "TokenService/ListTokenEvents",
            format!("tenants/bravo/tokens/{}", scene.bravo.google),
        ),
        (
            "SyncService/ListRunLogs",
            format!("tenants/bravo/runs/{}", scene.bravo.run),
        ),
        (
            "SyncService/ListRecords",
            format!("tenants/bravo/syncs/{}", scene.bravo.sync),
        ),
    ] {
        let first = json!({"parent": parent, "page_size": 1});
        let page = messages::call(&scene.channel, &scene.key_of_bravo, method, &first).await;
        assert_eq!(page.code, 0, "{method}: {}", page.message);
        let body = &page.bodies[0];
        // The token is the last field, a text.
        let token = String::from_utf8_lossy(body);
        let token: String = token
            .chars()
            .rev()
            .take_while(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter))
            .collect();
        let token: String = token.chars().rev().collect();
        let lengths = 8..token.len().min(200);
        // What stands before the text may look like a letter of it.
        let tokens = [token.as_str(), token.get(1..).unwrap_or_default()];
        assert!(!lengths.is_empty(), "{method} has no second page: {token}");
        for token in tokens {
            let mine = parent.replace("bravo", "alpha");
            let stolen = json!({"parent": mine, "page_token": token});
            let made_up = json!({"parent": mine, "page_token": "made-up"});
            let stolen = scene.call(method, &stolen).await;
            assert_eq!(stolen, scene.call(method, &made_up).await, "{method}");
            assert_eq!(stolen.code, 3, "{method}: {}", stolen.message);
        }
    }
}

/// How many answers to alpha's own questions hold something of bravo's.
async fn leaks(scene: &Scene) -> Vec<String> {
    let stop = CancellationToken::new();
    let channel = scene.forgetful(&stop).await;
    let nobody = Names::of_nobody();
    let mut leaks = Vec::new();
    for (method, template) in READS {
        for names in [scene.bravo.in_alpha(), nobody.in_alpha(), own()] {
            let request = names.fill(template);
            // What was asked may be repeated.
            let asked = request.to_string();
            let answer = messages::call(&channel, &scene.key, method, &request).await;
            let bytes = answer.bytes();
            let mut canaries = scene
                .canaries
                .iter()
                .filter(|canary| !asked.contains(*canary));
            if canaries.any(|canary| position(&bytes, canary.as_bytes()).is_some())
                || (answer.code == 0 && asked.contains("of-bravo") && !asked.contains("filter"))
            {
                leaks.push(format!("{method} {asked}"));
            }
        }
    }
    stop.cancel();
    leaks
}

/// What alpha has.
fn own() -> Names {
    Names {
        tenant: "tenants/alpha".to_owned(),
        token: "own".to_owned(),
        google: "own-grant".to_owned(),
        sync: "own".to_owned(),
        ..Names::of_nobody()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_forget_the_tenant_show_no_row_of_another_on_postgres() {
    let scene = Scene::open(Database::new(Engine::Postgres).await).await;
    let leaks = leaks(&scene).await;
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// An SQLite file has no row-level security, so there the statements are all there is. This shows, too, that the test
/// above would see a leak.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_forget_the_tenant_would_show_rows_of_others_on_sqlite() {
    let scene = Scene::open(Database::new(Engine::Sqlite).await).await;
    let leaks = leaks(&scene).await;
    println!(
        "without row-level security: {} answers with foreign rows",
        leaks.len()
    );
    assert!(leaks.len() > 5, "{leaks:#?}");
}
