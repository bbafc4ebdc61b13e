//! What callers show, and what is kept for them, is nowhere in clear: not in the database or Redis, not in logs at trace
//! level or traces, not in errors, and not among the arguments of the process.

use super::messages::{self, Answer};
use crate::{
    cli::{LONG, Stage},
    kit::{self, Database, each_engine, eventually},
    serve::collector::Collector,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use prost::Message as _;
use serde_json::{Value, json};
use std::{fs, process::Command};
use syncline::{
    api::v1,
    simulator::world::{CLIENT_SECRET, SCOPES},
};
use tonic::transport::Channel;

each_engine!(no_secret_of_a_caller_is_anywhere_in_clear);

const ADMIN: &str = "composed-admin-canary-of-the-installation";
const NAME: &str = "ada";
const PASSWORD: &str = "composed-basic-canary";
const LOGIN: &str = "composed-login-canary";
const WRONG: &str = "composed-wrong-canary-that-somebody-guessed";

async fn as_admin(channel: &Channel, method: &str, request: Value) -> Answer {
    let answer = messages::call(channel, ADMIN, method, &request).await;
    assert_eq!(answer.code, 0, "{method}: {}", answer.message);
    answer
}

/// All that Redis holds, as it would hand it to another one.
fn redis_dump(redis: &kit::Redis) -> Vec<u8> {
    redis.say("CONFIG SET rdbcompression no");
    let cli = |arguments: &[&str]| {
        let mut command = Command::new("redis-cli");
        command.args(["-u", &redis.url()]).args(arguments);
        command.output().expect("it comes with Redis").stdout
    };
    let keys = String::from_utf8(cli(&["--scan"])).expect("our keys are text");
    let mut all = keys.clone().into_bytes();
    for key in keys.lines() {
        all.extend(cli(&["DUMP", key]));
    }
    all
}

async fn no_secret_of_a_caller_is_anywhere_in_clear(database: Database) {
    let (stage, redis, collector) = (Stage::new(), kit::redis(), Collector::start());
    let sealing = BASE64_STANDARD.encode([0x5a; 32]);
    let clockify = stage.simulator.world().clockify_me().api_key;
    let command = stage
        .command(&["--json", "serve"])
        .env("DATABASE_URL", database.url())
        .env("REDIS_URL", redis.url())
        .env("SYNCLINE_KEY", &sealing)
        .env("SYNCLINE_ADMIN_KEY", ADMIN)
        .env("BASIC_AUTH_USERNAME", NAME)
        .env("BASIC_AUTH_PASSWORD", PASSWORD)
        .env("SYNCLINE_LOG_LEVEL", "trace")
        .env("SYNCLINE_OTEL_ENDPOINT", &collector.endpoint);
    let mut process = command.start();
    let line = process.line("serving gRPC on", LONG).await;
    let address = line.split("serving gRPC on ").nth(1).unwrap();
    let address = address.split(',').next().unwrap().to_owned();
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect().await.unwrap();
    let page = process.line("serving HTTP on", LONG).await;
    let page = page.split("serving HTTP on ").nth(1).unwrap();
    let page = page.split(',').next().unwrap().to_owned();
    let arguments = fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap();

    let made = json!({"api_key": {"display_name": "canary", "role": 3}});
    let made = as_admin(&channel, "TenantService/CreateApiKey", made).await;
    let key = v1::CreateApiKeyResponse::decode(&*made.bodies[0])
        .unwrap()
        .secret;
    let user = json!({"user": {"username": "bob"}, "password": LOGIN});
    as_admin(&channel, "AccountService/Register", user).await;
    let login = json!({"login": "bob", "password": LOGIN});
    let login = messages::call(&channel, ADMIN, "AccountService/Login", &login).await;
    assert_eq!(login.code, 0, "{}", login.message);
    let session = v1::LoginResponse::decode(&*login.bodies[0])
        .unwrap()
        .session_token;
    assert!(session.len() > 20, "{session}");
    let refresh_token = {
        let mut world = stage.simulator.world();
        let me = world.me();
        world.grant(&me.id, &SCOPES).refresh_token.unwrap()
    };
    let create = json!({"token_id": "clockify", "token": {"provider": 2}, "api_key": clockify});
    as_admin(&channel, "TokenService/CreateToken", create).await;
    let grant = json!({"refresh_token": refresh_token, "scopes": SCOPES});
    let create = json!({"token_id": "google", "token": {"provider": 1}, "oauth_grant": grant});
    as_admin(&channel, "TokenService/CreateToken", create).await;
    let issue = json!({"name": "tenants/default/tokens/google"});
    let issued = messages::call(&channel, &key, "TokenService/IssueAccessToken", &issue).await;
    assert_eq!(issued.code, 0, "{}", issued.message);
    let issued = v1::IssueAccessTokenResponse::decode(&*issued.bodies[0]).unwrap();
    let sync = json!({"sync_id": "work", "sync": {
        "source_token": "tenants/default/tokens/google",
        "destination_token": "tenants/default/tokens/clockify", "meet_to_clockify": {}}});
    as_admin(&channel, "SyncService/CreateSync", sync).await;
    let sync = json!({"name": "tenants/default/syncs/work"});
    as_admin(&channel, "SyncService/RunSync", sync).await;
    eventually(LONG, || async {
        match stage.entries() {
            0 => Err("nothing was written yet"),
            _ => Ok(()),
        }
    })
    .await;

    // What is refused repeats nothing of what was shown.
    let mut said = String::new();
    let name = json!({"name": "tenants/default/tokens/google"});
    for (shown, method, request) in [
        (WRONG, "TokenService/GetToken", name.clone()),
        (&format!("{key}x"), "TokenService/GetToken", name.clone()),
        (
            ADMIN,
            "AccountService/Login",
            json!({"login": "bob", "password": WRONG}),
        ),
        (
            ADMIN,
            "TokenService/CreateToken",
            json!({"token_id": "x", "token_json": format!("{{{WRONG}")}),
        ),
        (
            ADMIN,
            "TokenService/CompleteAuthorization",
            json!({"name": "tenants/default/tokens/google", "code": WRONG, "state": WRONG}),
        ),
    ] {
        let refused = messages::call(&channel, shown, method, &request).await;
        assert_ne!(refused.code, 0, "{method}");
        said += &String::from_utf8_lossy(&refused.bytes());
    }
    let basic = reqwest::Client::new()
        .get(format!("{page}/"))
        .basic_auth(NAME, Some(PASSWORD));
    assert_eq!(basic.send().await.unwrap().status(), 200);
    process.terminate();
    assert!(process.wait_exit(LONG).await.success());

    let logged = process.output();
    assert!(logged.contains("\"level\":\"TRACE\"") || logged.contains("\"level\":\"DEBUG\""));
    let traced = collector.text();
    assert!(traced.contains("IssueAccessToken"), "spans came");
    let dump = database.dump();
    let held = redis_dump(&redis);
    let places: [(&str, &[u8]); 6] = [
        ("the database", &dump),
        ("Redis", &held),
        ("the log", logged.as_bytes()),
        ("traces", traced.as_bytes()),
        ("errors", said.as_bytes()),
        ("the arguments", &arguments),
    ];
    let basic = BASE64_STANDARD.encode(format!("{NAME}:{PASSWORD}"));
    let secrets = [
        ADMIN,
        PASSWORD,
        &basic,
        LOGIN,
        WRONG,
        &key,
        &session,
        &sealing,
        &clockify,
        &refresh_token,
        &issued.access_token,
        CLIENT_SECRET,
    ];
    for secret in secrets {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for (place, bytes) in places {
            for text in [secret, &hex] {
                let found = bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes());
                assert!(!found, "{text} is in {place}");
            }
        }
    }
    println!(
        "{} secrets; {} KiB of database, {} of Redis, {} of log, {} of traces, errors and arguments: 0 hits",
        secrets.len(),
        dump.len() / 1024,
        held.len() / 1024,
        logged.len() / 1024,
        traced.len() / 1024
    );
}
