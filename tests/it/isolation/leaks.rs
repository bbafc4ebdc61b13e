//! What belongs to somebody else answers like what is not there, in every call; and stays hidden on PostgreSQL even where
//! our statements forget whose rows they mean.

use super::{
    calls::{READS, WRITES},
    messages::{self, Answer},
    scene::{Names, Scene},
};
use crate::kit::{Database, each_engine};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use syncline::{api::v1, db::Engine};
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
        (these.user.as_str(), those.user.as_str()),
        (these.session.as_str(), those.session.as_str()),
        (these.rule.as_str(), those.rule.as_str()),
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
    let (mut by_key, mut by_person) = (0, 0);
    for calls in [READS, WRITES] {
        by_key += compared(&scene, &scene.key, calls).await;
        // A person is looked at by other rules than a key is.
        by_person += compared(&scene, &scene.session, calls).await;
    }
    assert_eq!(everything_of_bravo(&scene.database).await, before);
    println!(
        "{by_key} pairs of answers to a key, {by_person} to a person: 0 differ, nothing of the other tenant changed"
    );
    assert!(by_key.min(by_person) > 80, "{by_key} {by_person}");
}

/// Asks for what bravo has and for what nobody has; gives how many answers were compared, which are all alike.
async fn compared(scene: &Scene, shown: &str, calls: &[(&str, &str)]) -> usize {
    let (bravo, nobody) = (scene.bravo.clone(), Names::of_nobody());
    let mut compared = 0;
    for (method, template) in calls {
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
            let ask = async |names: &Names| {
                messages::call(&scene.channel, shown, method, &names.fill(template)).await
            };
            let (foreign, unknown) = (ask(&there).await, ask(&nowhere).await);
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
    compared
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
        // How often bravo's own run read its tokens is written down a few seconds later.
        let but = match table.as_str() {
            "audit_counts" => "AND actor <> 'syncline'",
            _ => "",
        };
        let sql = match database.engine() {
            Engine::Postgres => format!(
                "SELECT '{table} ' || CAST(t AS TEXT) FROM syncline.{table} t WHERE tenant_id = 'bravo' {but} ORDER BY 1"
            ),
            Engine::Sqlite => {
                format!(
                    "SELECT '{table} ' || count(*) FROM {table} WHERE tenant_id = 'bravo' {but}"
                )
            }
        };
        all.extend(database.column(&sql).await);
    }
    // People and sessions belong to no tenant: all of them, but for when they were used and logged in.
    let schema = match database.engine() {
        Engine::Postgres => "syncline.",
        Engine::Sqlite => "",
    };
    for (table, columns) in [
        (
            "people",
            "username || display_name || password_hash || version",
        ),
        ("person_sessions", "address || created_at || expires_at"),
    ] {
        let sql = format!("SELECT '{table} ' || {columns} FROM {schema}{table} ORDER BY 1");
        all.extend(database.column(&sql).await);
    }
    assert!(all.len() > 10, "{all:?}");
    all
}

/// The token of the second page of such a list.
async fn second_page(scene: &Scene, shown: &str, method: &str, request: &Value) -> String {
    let page = messages::call(&scene.channel, shown, method, request).await;
    assert_eq!(page.code, 0, "{method}: {}", page.message);
    let token = messages::next_page_token(method, &page.bodies[0]);
    assert!(!token.is_empty(), "{method} has no second page");
    token
}

/// The same request with another token.
fn with_token(request: &Value, token: &str) -> Value {
    let mut request = request.clone();
    request["page_token"] = token.into();
    request
}

async fn a_page_token_of_somebody_else_leads_nowhere(database: Database) {
    let scene = Scene::open(database).await;
    let mut tried: BTreeSet<&str> = BTreeSet::new();
    scene.two_of_everything_of_bravo().await;
    let Names {
        google,
        sync,
        run,
        key,
        user,
        ..
    } = scene.bravo.clone();
    // In a tenant: whoever has a token of bravo's asks alpha's with it, and bravo's.
    for (method, parent) in [
        ("TokenService/ListTokens", "{t}".to_owned()),
        (
            "TokenService/ListTokenEvents",
            format!("{{t}}/tokens/{google}"),
        ),
        ("SyncService/ListSyncs", "{t}".to_owned()),
        (
            "SyncService/ListOccurrences",
            "{t}/syncs/every-second".to_owned(),
        ),
        ("SyncService/ListRuns", "{t}".to_owned()),
        ("SyncService/ListRunLogs", format!("{{t}}/runs/{run}")),
        ("SyncService/ListRecords", format!("{{t}}/syncs/{sync}")),
        ("SyncService/ListEffects", format!("{{t}}/syncs/{sync}")),
        ("TenantService/ListApiKeys", "{t}".to_owned()),
        ("TenantService/ListAuditEntries", "{t}".to_owned()),
    ] {
        tried.insert(method);
        let of = |tenant: &str| json!({"parent": parent.replace("{t}", tenant), "page_size": 1});
        let (theirs, mine) = (of("tenants/bravo"), of("tenants/alpha"));
        let token = second_page(&scene, &scene.key_of_bravo, method, &theirs).await;
        for shown in [&scene.key, &scene.session] {
            for request in [&mine, &theirs] {
                let ask = async |token: &str| {
                    let request = with_token(request, token);
                    messages::call(&scene.channel, shown, method, &request).await
                };
                let (stolen, made_up) = (ask(&token).await, ask("made-up").await);
                // That a token fits, and that a tenant does not exist for the caller, are told in either order.
                let is_refused = [3, 5].contains(&stolen.code);
                assert!(is_refused, "{method} {request}: {}", stolen.message);
                if request == &mine {
                    assert_eq!(stolen, made_up, "{method}");
                    assert_eq!(stolen.code, 3, "{method}: {}", stolen.message);
                }
            }
        }
    }
    // Of a person.
    let sessions = "AccountService/ListSessions";
    tried.insert(sessions);
    let theirs = json!({"parent": format!("users/{user}"), "page_size": 1});
    let token = second_page(&scene, &scene.session_of_bravo, sessions, &theirs).await;
    let me: v1::GetMeResponse = scene.as_alphas_person("AccountService/GetMe").await;
    let mine = json!({"parent": me.user.unwrap().name, "page_size": 1});
    let stolen = with_token(&mine, &token);
    let stolen = messages::call(&scene.channel, &scene.session, sessions, &stolen).await;
    assert_eq!(stolen.code, 3, "{}", stolen.message);
    let stolen = with_token(&theirs, &token);
    let stolen = messages::call(&scene.channel, &scene.session, sessions, &stolen).await;
    assert_eq!(stolen.code, 5, "{}", stolen.message);
    // One list for everybody, of which everybody sees their part.
    let tenants = "TenantService/ListTenants";
    tried.insert(tenants);
    let token = second_page(
        &scene,
        &scene.session_of_bravo,
        tenants,
        &json!({"page_size": 1}),
    )
    .await;
    let stolen = scene.call(tenants, &json!({"page_token": token})).await;
    let bytes = stolen.bytes();
    assert!(position(&bytes, b"bravo").is_none(), "{stolen:?}");
    // Of the installation: its token is good for the arguments that it came with.
    for (method, theirs, other) in [
        (
            "AccountService/ListUsers",
            json!({"page_size": 1}),
            json!({"page_size": 1, "filter": "provider = local"}),
        ),
        (
            "QueueService/ListJobs",
            json!({"parent": "queues/sync", "page_size": 1}),
            json!({"parent": "queues/digest", "page_size": 1}),
        ),
        (
            "TenantService/ListAccessRules",
            json!({"api_key": format!("tenants/bravo/apiKeys/{key}"), "page_size": 1}),
            json!({"page_size": 1}),
        ),
    ] {
        tried.insert(method);
        let first = scene.admins_call(method, &theirs).await;
        assert_eq!(first.code, 0, "{method}: {}", first.message);
        let token = messages::next_page_token(method, &first.bodies[0]);
        assert!(!token.is_empty(), "{method} has no second page");
        let with_other = scene.admins_call(method, &with_token(&other, &token)).await;
        assert_eq!(with_other.code, 3, "{method}: {}", with_other.message);
        let denied = scene.call(method, &with_token(&theirs, &token)).await;
        assert_eq!(denied.code, 7, "{method}: {}", denied.message);
    }
    assert_eq!(tried, messages::paged(), "lists in pages");
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
