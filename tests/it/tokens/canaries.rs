//! No secret and no mail address in a log line at any level, in an error, or in what `Debug` prints.

use super::*;
use std::{
    io::{self, Write},
    sync::Mutex,
};
use syncline::{
    db::Engine,
    tokens::{Begin, Complete, Redirected},
};
use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no writer panics")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// On one thread, so that its subscriber sees everything.
#[tokio::test]
async fn no_secret_is_logged_at_trace_level_or_said_in_an_error() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(lines.clone())
        .finish();
    let _listening = crate::kit::listen(subscriber);
    let office = Office::open(Database::new(Engine::Sqlite).await).await;
    let me = office.sim.world().me();
    let mut said = String::new();

    let name = office.google().await;
    let clockify = office.clockify().await;
    let used = access(&office.app, &name).await;
    access(&office.app, &clockify).await;
    for name in [&name, &clockify] {
        said += &format!(
            "{:?}",
            tokens::account(&office.app, name)
                .await
                .map(|account| account.id)
        );
        said += &format!("{:?}", office.get(name).await);
    }
    office.sim.world().expire_access_tokens();
    tokens::rejected(&office.app, &name, &used).await.unwrap();
    let sent = office.sim.world().grants()[0]
        .refresh_token
        .clone()
        .expect("offline access");
    for effect in [
        reply(503, "composed-canary-body"),
        reply(
            400,
            // A provider that repeats what it was sent.
            &format!(r#"{{"error":"invalid_client","error_description":"no {sent}"}}"#),
        ),
        Effect::Truncate,
        Effect::Drop,
    ] {
        office.advance(TimeDelta::hours(2));
        office.sim.faults().clear();
        office.fault(TOKEN, When::Nth(1), effect);
        said += &format!(
            "{0} {0:?}",
            try_access(&office.app, &name).await.unwrap_err()
        );
    }
    let begin = Begin {
        name: name.to_string(),
        redirect_uri: "http://127.0.0.1:1/".to_owned(),
        login_hint: me.email.clone(),
        ..Begin::default()
    };
    let begun = tokens::begin(&office.app, begin).await.unwrap();
    said += &format!("{:?}", begun.state);
    let complete = Complete {
        name: name.to_string(),
        redirected: Redirected::Parts {
            code: "4/0composed-canary-code".into(),
            state: begun.state.clone(),
        },
        browser: None,
    };
    said += &format!(
        "{0} {0:?}",
        tokens::complete(&office.app, complete).await.unwrap_err()
    );
    office.advance(TimeDelta::hours(2));
    access(&office.app, &name).await;
    office.sim.world().revoke_grants(&me.id);
    office.advance(TimeDelta::hours(2));
    said += &format!(
        "{0} {0:?}",
        try_access(&office.app, &name).await.unwrap_err()
    );
    let (events, _) = tokens::events(&office.app, &name, 100, "").await.unwrap();
    said += &format!("{events:?} {:?}", office.app);

    let logged = lines.0.lock().expect("no writer panics").clone();
    let logged = String::from_utf8_lossy(&logged);
    assert!(
        logged.contains("TRACE") && logged.contains("a token was refreshed"),
        "it sees everything"
    );
    let key = office.sim.world().clockify.users[0].api_key.clone();
    let canaries = [
        "ya29.",
        "1//0",
        "4/0",
        "composed-canary",
        CLIENT_SECRET,
        &key,
        &me.email,
        begun.state.expose(),
    ];
    for canary in canaries {
        assert!(!said.contains(canary), "{canary} was said");
        let line = logged.lines().find(|line| line.contains(canary));
        assert!(line.is_none(), "{canary} was logged: {line:?}");
    }
    println!(
        "{} log lines at trace level, {} canaries: 0 hits",
        logged.lines().count(),
        canaries.len()
    );
}
