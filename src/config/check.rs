//! The rules: what each setting may be, and which settings must fit together.

use super::{
    Audit, Clockify, Config, Data, Database, Faults, Google, Grpc, Http, Log, LogFormat, MOST_DAYS,
    Origin, Otel, Outbound, Pooler, Queue, Redis, Runs, Serve, Syncs, Tokens, database, endpoint,
    layers::{Value, Values},
    listen, people,
    read::Reader,
    transport, units,
};
use crate::base::{ResourceId, Secret, name::shown};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::path::PathBuf;

/// Length of a sealing key in bytes (AES-256).
const KEY_BYTES: usize = 32;

/// Clockify refuses longer descriptions.
const CLOCKIFY_DESCRIPTION: usize = 3000;

/// Checks everything; where something is wrong, the default stands in and a fault is added.
pub(super) fn config(values: &Values, faults: &mut Faults) -> Config {
    let values = &with_database_parameters(values);
    let read = &mut Reader { values, faults };
    let grpc = grpc(read);
    let http = Http {
        addr: listen::address(read, "http.addr"),
        public_url: read.optional("http.public_url", endpoint::public_url),
    };
    let auth = listen::auth(read, &[("grpc.addr", grpc.addr), ("http.addr", http.addr)]);
    Config {
        key: read.optional("key", key),
        key_command: key_command(read),
        instance: read.optional("instance", instance),
        data: Data {
            dir: read.required("data.dir", |text| Ok(PathBuf::from(text))),
        },
        serve: Serve {
            roles: read.required("serve.roles", str::parse),
        },
        grpc,
        http,
        tls: transport::tls(read),
        limits: transport::limits(read),
        client: transport::files(read, "client"),
        auth,
        people: people::people(read),
        database: database(read),
        redis: redis(read),
        queue: Queue {
            prefix: read.required("queue.prefix", prefix),
            window: read.number("queue.window", 1..=10_000),
            external: read.required("queue.external", external),
        },
        google: google(read),
        clockify: clockify(read),
        outbound: outbound(read),
        runs: runs(read),
        tokens: Tokens {
            history_retention: read.duration("tokens.history_retention", "1h", "3650d"),
        },
        audit: Audit {
            retention: read.duration("audit.retention", "7d", "3650d"),
        },
        syncs: Syncs {
            days: read.number("syncs.days", 1..=MOST_DAYS),
            overlap: read.duration("syncs.overlap", "0s", "30d"),
            visibility_grace: read.duration("syncs.visibility_grace", "0s", "10m"),
            description_limit: read.number("syncs.description_limit", 200..=CLOCKIFY_DESCRIPTION),
            dry_run: read.required("syncs.dry_run", truth),
        },
        log: Log {
            level: read.required("log.level", str::parse),
            format: read.choice(
                "log.format",
                &[
                    ("auto", LogFormat::Auto),
                    ("human", LogFormat::Human),
                    ("json", LogFormat::Json),
                ],
            ),
        },
        otel: Otel {
            // A collector in the same cluster speaks plain HTTP, and traces carry no secrets.
            endpoint: read.optional("otel.endpoint", |text| {
                endpoint::http_url(text).map(|_| text.trim_end_matches('/').to_owned())
            }),
            service_name: read.required("otel.service_name", |text| Ok(text.to_owned())),
            sample_ratio: read.number("otel.sample_ratio", 0.0..=1.0),
        },
    }
}

/// Settings that are written into the database's URL come right above the defaults: whoever sets them elsewhere wins.
fn with_database_parameters(values: &Values) -> Values {
    let mut values = values.clone();
    let Some(url) = values.get("database.url").cloned() else {
        return values;
    };
    let settings = database::parse(&url.text).map(|parsed| parsed.settings);
    for (key, text) in settings.unwrap_or_default() {
        if values
            .get(key)
            .is_some_and(|value| value.origin == Origin::Default)
        {
            values.insert(key.to_owned(), Value::new(text, url.origin.clone()));
        }
    }
    values
}

fn key(text: &str) -> Result<Secret, String> {
    let is_key = |part: &str| {
        let bytes = BASE64_STANDARD.decode(part.trim());
        bytes.is_ok_and(|bytes| bytes.len() == KEY_BYTES)
    };
    match text.split(',').position(|part| !is_key(part)) {
        None => Ok(Secret::new(text)),
        Some(wrong) => Err(format!(
            "expected 32 bytes in base64 (openssl rand -base64 32), or several separated by commas; number {} is not",
            wrong + 1
        )),
    }
}

/// As `DRY_RUN` was written. The original took everything but `true` and `1` for "no"; a dry run that is spelled otherwise
/// must not write.
fn truth(text: &str) -> Result<bool, String> {
    match text.to_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("expected true, 1, false or 0".to_owned()),
    }
}

fn instance(text: &str) -> Result<String, String> {
    const LONGEST: usize = 63;
    let well_formed = text.len() <= LONGEST
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match well_formed {
        true => Ok(text.to_owned()),
        false => {
            Err("expected letters, digits, hyphens, dots and underscores, at most 63".to_owned())
        }
    }
}

/// A program and its arguments. There is no shell: a `$` or a quote would mean itself, so they are refused.
fn key_command(read: &mut Reader<'_>) -> Option<Vec<String>> {
    let command = read.optional("key_command", |text| {
        match text.contains(['"', '\'', '`', '$', '|', ';', '>', '<', '&', '\\']) {
            true => Err(
                "expected a program and its arguments with spaces between them; no shell reads them, so put anything more into a script"
                    .to_owned(),
            ),
            false => Ok(text.split_whitespace().map(str::to_owned).collect()),
        }
    });
    if command.is_some() && read.is_set("key") {
        read.fault(
            "key_command",
            "is set, and key (SYNCLINE_KEY) too: which of them is it?",
        );
    }
    command
}

fn redis(read: &mut Reader<'_>) -> Redis {
    let allowed = read.flag("redis.allow_plaintext");
    let files = transport::files(read, "redis");
    let url = read.optional("redis.url", |text| {
        let url = redis_url(text)?;
        match allowed || url.expose().starts_with("rediss") || endpoint::is_here(text) {
            true => Ok(url),
            false => Err(
                "expected rediss://… (TLS), because that Redis is not on this machine, and job data and the password would travel in clear; where the network between is trusted, set redis.allow_plaintext (SYNCLINE_REDIS_ALLOW_PLAINTEXT=true)"
                    .to_owned(),
            ),
        }
    });
    if files.ca.is_none() && files.identity.is_some() {
        read.fault(
            "redis.cert",
            "needs redis.ca, the file of who signs the server's certificate",
        );
    }
    Redis { url, files }
}

fn redis_url(text: &str) -> Result<Secret, String> {
    let is_redis = text.starts_with("redis://") || text.starts_with("rediss://");
    match is_redis && url::Url::parse(text).is_ok() {
        true => Ok(Secret::new(text)),
        false => Err("expected redis://… or rediss://…".to_owned()),
    }
}

/// The queues of our own workers, which others cannot have.
pub const OWN_QUEUES: [&str; 4] = ["sync", "digest", "import", "maintenance"];

fn external(text: &str) -> Result<Vec<String>, String> {
    let names = text.split(',').map(str::trim);
    let mut names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    let wrong =
        |name: &&&str| ResourceId::parse("queue", name).is_err() || OWN_QUEUES.contains(*name);
    match names.iter().find(wrong) {
        None => Ok(names.into_iter().map(str::to_owned).collect()),
        Some(name) => Err(format!(
            "expected names of lower-case letters, digits and hyphens, separated by commas, and none of {}; {} is not one",
            OWN_QUEUES.join(", "),
            shown(name)
        )),
    }
}

fn prefix(text: &str) -> Result<String, String> {
    match !text.is_empty() && !text.contains(char::is_whitespace) {
        true => Ok(text.to_owned()),
        false => Err("expected a text without spaces".to_owned()),
    }
}

fn grpc(read: &mut Reader<'_>) -> Grpc {
    Grpc {
        addr: listen::address(read, "grpc.addr"),
        reflection: read.flag("grpc.reflection"),
        max_message_bytes: read.bytes("grpc.max_message_bytes", 64 << 10..=256 << 20),
        max_answer_bytes: read.bytes("grpc.max_answer_bytes", 1 << 20..=1 << 30),
    }
}

fn database(read: &mut Reader<'_>) -> Database {
    let url = |text: &str| database::parse(text).map(|parsed| Secret::new(parsed.url));
    let pooler = [("none", Pooler::None), ("transaction", Pooler::Transaction)];
    Database {
        url: read.optional("database.url", url),
        migrate_url: read.optional("database.migrate_url", url),
        schema: read.required("database.schema", database::schema),
        pooler: read.choice("database.pooler", &pooler),
        allow_superuser: read.required("database.allow_superuser", truth),
        max_connections: read.number("database.max_connections", 1..=1000),
        idle_timeout: read.duration("database.idle_timeout", "1s", "1d"),
        acquire_timeout: read.duration("database.acquire_timeout", "100ms", "10m"),
        connect_timeout: read.duration("database.connect_timeout", "100ms", "5m"),
        allow_plaintext: read.flag("database.allow_plaintext"),
    }
}

fn google(read: &mut Reader<'_>) -> Google {
    let plain = read.flag("outbound.allow_plain_http");
    let mut whole = |key| read.required(key, |text| endpoint::whole_url(text, plain));
    let [auth_url, token_url, revoke_url, userinfo_url] = [
        "google.auth_url",
        "google.token_url",
        "google.revoke_url",
        "google.userinfo_url",
    ]
    .map(&mut whole);
    Google {
        auth_url,
        token_url,
        revoke_url,
        userinfo_url,
        meet_url: read.required("google.meet_url", |text| endpoint::base_url(text, plain)),
        calendar_url: read.required("google.calendar_url", |text| {
            endpoint::base_url(text, plain)
        }),
        client_id: read.text("google.client_id"),
        client_secret: read.secret("google.client_secret"),
        meet_budget: read.required("google.meet_budget", units::budget),
        calendar_budget: read.required("google.calendar_budget", units::budget),
    }
}

fn clockify(read: &mut Reader<'_>) -> Clockify {
    let plain = read.flag("outbound.allow_plain_http");
    Clockify {
        url: read.required("clockify.url", |text| endpoint::clockify_url(text, plain)),
        budget: read.required("clockify.budget", units::budget),
    }
}

fn outbound(read: &mut Reader<'_>) -> Outbound {
    let outbound = Outbound {
        timeout: read.duration("outbound.timeout", "100ms", "10m"),
        connect_timeout: read.duration("outbound.connect_timeout", "10ms", "10m"),
        retries: read.number("outbound.retries", 0..=20),
        backoff_base: read.duration("outbound.backoff_base", "1ms", "1m"),
        backoff_max: read.duration("outbound.backoff_max", "1ms", "1h"),
        max_inline_wait: read.duration("outbound.max_inline_wait", "0s", "5m"),
        concurrency: read.number("outbound.concurrency", 1..=1000),
        breaker_failures: read.number("outbound.breaker_failures", 1..=1000),
        breaker_open: read.duration("outbound.breaker_open", "10ms", "1h"),
        max_body_bytes: read.bytes("outbound.max_body_bytes", 64 << 10..=1 << 30),
        user_agent: read
            .optional("outbound.user_agent", user_agent)
            .unwrap_or_else(|| concat!("syncline/", env!("CARGO_PKG_VERSION")).to_owned()),
        allow_plain_http: read.flag("outbound.allow_plain_http"),
    };
    if outbound.connect_timeout > outbound.timeout {
        read.fault(
            "outbound.connect_timeout",
            "expected at most outbound.timeout, which it is a part of",
        );
    }
    if outbound.backoff_base > outbound.backoff_max {
        read.fault(
            "outbound.backoff_base",
            "expected at most outbound.backoff_max",
        );
    }
    outbound
}

fn user_agent(text: &str) -> Result<String, String> {
    match text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        true => Ok(text.to_owned()),
        false => Err("expected printable ASCII".to_owned()),
    }
}

fn runs(read: &mut Reader<'_>) -> Runs {
    let runs = Runs {
        heartbeat: read.duration("runs.heartbeat", "50ms", "1m"),
        dead_after: read.duration("runs.dead_after", "100ms", "10m"),
        poll: read.duration("runs.poll", "10ms", "1m"),
        concurrency: read.number("runs.concurrency", 1..=1000),
        tenant_concurrency: read.number("runs.tenant_concurrency", 0..=1_000_000),
        account_concurrency: read.number("runs.account_concurrency", 0..=1_000_000),
        grace: read.duration("runs.grace", "0s", "1h"),
        cancel_grace: read.duration("runs.cancel_grace", "0s", "1h"),
        max_attempts: read.number("runs.max_attempts", 1..=100),
        retention: read.duration("runs.retention", "1h", "3650d"),
    };
    if runs.dead_after < runs.heartbeat * 2 {
        read.fault(
            "runs.dead_after",
            "expected at least twice runs.heartbeat, so that one late heartbeat kills nobody",
        );
    }
    runs
}
