//! A stream that is open while whoever opened it loses the right to: it ends at every replica within a second, with the
//! reason, and nobody else's does.

use super::served::{channel, command, first_start, list, make_sync, reason, with};
use crate::{
    cli::Stage,
    isolation::messages,
    kit::{Database, each_engine, eventually, rounds},
    web::Server,
};
use futures::future::join_all;
use prost::Message;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use syncline::api::v1::{self, sync_service_client::SyncServiceClient};
use tokio::time::timeout;
use tonic::{Code, Streaming, transport::Channel};

each_engine!(a_stream_ends_at_the_other_replica_when_its_caller_may_not_have_it_any_more);

/// A second, and the time that a machine takes which does other work beside.
const SOON: Duration = Duration::from_secs(2);

/// Two replicas that execute nothing, so that a run stays as it is, and the first key.
struct Replicas {
    _one: Server,
    two: Server,
    here: Channel,
    key: String,
    run: String,
    stage: Stage,
}

/// A stream at the second replica, and what it should end with.
struct Open {
    what: &'static str,
    expected: (Code, &'static str),
    stream: Streaming<v1::WatchRunResponse>,
}

impl Replicas {
    async fn start(database: &Database) -> Self {
        let stage = Stage::new();
        let url = database.url();
        let variables = [
            ("DATABASE_URL", url.as_str()),
            ("SYNCLINE_SERVE_ROLES", "rpc,web"),
        ];
        let (one, key) = first_start(&stage, &variables).await;
        let two = Server::ready(command(&stage, &variables)).await;
        let here = channel(&one, None).await;
        let mut replicas = Self {
            _one: one,
            two,
            here,
            key,
            run: String::new(),
            stage,
        };
        replicas.run = replicas.waiting_run().await;
        replicas
    }

    /// Makes a call at the first replica, which must be good.
    async fn call<T: Message + Default>(&self, key: &str, method: &str, request: Value) -> T {
        messages::good(&self.here, key, method, &request).await
    }

    /// A run that nobody executes.
    async fn waiting_run(&self) -> String {
        make_sync(&self.here, &self.key, &self.stage).await;
        let run = json!({"name": "tenants/default/syncs/work"});
        let run: v1::Run = self.call(&self.key, "SyncService/RunSync", run).await;
        run.name
    }

    /// A key of a viewer of the default tenant: its name, and what shows it.
    async fn viewer(&self) -> (String, String) {
        self.viewer_with(json!({"role": 1})).await
    }

    async fn viewer_with(&self, key: Value) -> (String, String) {
        let create = json!({"parent": "tenants/default", "api_key": key});
        let create = self.call(&self.key, "TenantService/CreateApiKey", create);
        let made: v1::CreateApiKeyResponse = create.await;
        (made.api_key.unwrap().name, made.secret)
    }

    /// Somebody who looks at the default tenant: their name, and a session of theirs.
    async fn person(&self, username: &str) -> (String, String) {
        self.member(username, &["tenants/default"]).await
    }

    /// Somebody who looks at these tenants.
    async fn member(&self, username: &str, tenants: &[&str]) -> (String, String) {
        let password = "composed for this test";
        let roles = tenants
            .iter()
            .map(|tenant| json!({"tenant": tenant, "role": 1}));
        let user = json!({"username": username, "memberships": roles.collect::<Vec<_>>()});
        let register = json!({"user": user, "password": password});
        let made: v1::RegisterResponse = self
            .call(&self.key, "AccountService/Register", register)
            .await;
        let login = json!({"login": username, "password": password});
        let begun: v1::LoginResponse = self.call(&self.key, "AccountService/Login", login).await;
        (made.user.unwrap().name, begun.session_token)
    }

    /// Opens a stream at the second replica, and reads what it begins with.
    async fn watch(
        &self,
        key: &str,
        from: Option<[u8; 4]>,
        what: &'static str,
        expected: (Code, &'static str),
    ) -> Open {
        let channel = channel(&self.two, from.map(Into::into)).await;
        let name = self.run.clone();
        let watched = SyncServiceClient::new(channel)
            .watch_run(with(key, v1::WatchRunRequest { name }))
            .await;
        let mut stream = watched.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!(first.run.unwrap().state(), v1::RunState::Queued);
        Open {
            what,
            expected,
            stream,
        }
    }
}

impl Open {
    /// Waits for its end, and checks the reason.
    async fn ends(mut self) -> Duration {
        let since = Instant::now();
        let ended = timeout(SOON, self.stream.message()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{}: it goes on", self.what));
        let status = ended.expect_err("the run did not change");
        let took = since.elapsed();
        let seen = (status.code(), reason(&status));
        assert_eq!(
            seen,
            (self.expected.0, self.expected.1.to_owned()),
            "{}",
            self.what
        );
        assert!(!status.message().is_empty(), "{}", self.what);
        assert!(
            matches!(self.stream.message().await, Ok(None)),
            "{}: it is over",
            self.what
        );
        took
    }

    async fn goes_on(&mut self) {
        let next = timeout(Duration::from_millis(1), self.stream.message()).await;
        assert!(next.is_err(), "{}: {next:?}", self.what);
    }
}

/// A stream, and the call that takes the right to it away.
struct Taken {
    open: Open,
    by: String,
    method: &'static str,
    request: Value,
}

impl Replicas {
    /// One for each way to lose the right to a stream.
    async fn taken(&self, round: u8) -> Vec<Taken> {
        let wrong = (Code::Unauthenticated, "CREDENTIALS_WRONG");
        let over = (Code::Unauthenticated, "SESSION_OVER");
        let low = (Code::PermissionDenied, "ROLE_TOO_LOW");
        let address = (Code::PermissionDenied, "ADDRESS_REFUSED");
        let foreign = (Code::NotFound, "NOT_FOUND");
        let rule = |network: &str, key: &str| json!({"access_rule": {"network": network, "effect": 2, "api_key": key}});
        let roles = |person: &str, tenants: &[Value]| json!({"user": {"name": person, "memberships": tenants}, "update_mask": {"paths": ["memberships"]}});
        let mut taken = Vec::new();
        let mut add = |open, by: &str, method, request| {
            let by = by.to_owned();
            taken.push(Taken {
                open,
                by,
                method,
                request,
            });
        };

        let (name, key) = self.viewer().await;
        let open = self.watch(&key, None, "a revoked key", wrong).await;
        let request = json!({"name": name});
        add(open, &self.key, "TenantService/RevokeApiKey", request);

        let (name, key) = self.viewer().await;
        let from = Some([127, 0, 0, 9]);
        let open = self.watch(&key, from, "a rule of the key", address).await;
        let request = rule("127.0.0.9/32", &name);
        add(open, &self.key, "TenantService/CreateAccessRule", request);

        let from = [127, 0, 1, round + 1];
        let (_, key) = self.viewer().await;
        let what = "a rule of the installation";
        let open = self.watch(&key, Some(from), what, address).await;
        let request = rule(&format!("127.0.1.{}/32", from[3]), "");
        add(open, &self.key, "TenantService/CreateAccessRule", request);

        let (_, session) = self.person(&format!("ada-{round}")).await;
        let open = self.watch(&session, None, "a logout", over).await;
        add(open, &session, "AccountService/Logout", json!({}));

        let (name, session) = self.person(&format!("bob-{round}")).await;
        let what = "a person who is removed";
        let open = self.watch(&session, None, what, over).await;
        let request = json!({"name": name});
        add(open, &self.key, "AccountService/DeleteUser", request);

        let (name, session) = self.person(&format!("cleo-{round}")).await;
        let open = self.watch(&session, None, "the only role", low).await;
        let request = roles(&name, &[]);
        add(open, &self.key, "AccountService/UpdateUser", request);

        let both = ["tenants/default", "tenants/other"];
        let (name, session) = self.member(&format!("dora-{round}"), &both).await;
        let open = self.watch(&session, None, "one of two roles", foreign);
        let request = roles(&name, &[json!({"tenant": "tenants/other", "role": 1})]);
        add(open.await, &self.key, "AccountService/UpdateUser", request);
        taken
    }

    async fn set_state(&self, state: v1::TenantState) {
        let request = json!({"tenant": {"name": "tenants/default", "state": i32::from(state)},
            "update_mask": {"paths": ["state"]}});
        let _: v1::Tenant = self
            .call(&self.key, "TenantService/UpdateTenant", request)
            .await;
    }
}

async fn a_stream_ends_at_the_other_replica_when_its_caller_may_not_have_it_any_more(
    database: Database,
) {
    let replicas = Replicas::start(&database).await;
    let other = json!({"tenant_id": "other"});
    let _: v1::Tenant = replicas
        .call(&replicas.key, "TenantService/CreateTenant", other)
        .await;
    let never = (Code::Ok, "");
    // A stream is one call, however often it is asked whether it may go on.
    let limited = json!({"role": 1, "rate_limit": 3});
    let (_, thrifty) = replicas.viewer_with(limited).await;
    let of_thrifty = replicas.watch(&thrifty, None, "a key with a limit", never);
    let _of_thrifty = of_thrifty.await;
    let mut slowest = Duration::ZERO;
    for round in 0..rounds(1, 10) {
        let round = u8::try_from(round).unwrap();
        let mut unrelated = replicas
            .watch(&replicas.key, None, "the first key", never)
            .await;
        let disabled = (Code::PermissionDenied, "TENANT_DISABLED");
        let (_, key) = replicas.viewer().await;
        let mut of_key = replicas
            .watch(&key, None, "a disabled tenant's key", disabled)
            .await;
        let low = (Code::PermissionDenied, "ROLE_TOO_LOW");
        let (_, session) = replicas.person(&format!("eve-{round}")).await;
        let mut of_member = replicas
            .watch(&session, None, "a disabled tenant's member", low)
            .await;
        for Taken {
            open,
            by,
            method,
            request,
        } in replicas.taken(round).await
        {
            let answer = messages::call(&replicas.here, &by, method, &request).await;
            assert_eq!(answer.code, 0, "{method}: {}", answer.message);
            slowest = slowest.max(open.ends().await);
            for other in [&mut unrelated, &mut of_key, &mut of_member] {
                other.goes_on().await;
            }
        }
        if round == 0 {
            list(&channel(&replicas.two, None).await, &thrifty)
                .await
                .unwrap();
        }
        replicas.set_state(v1::TenantState::Disabled).await;
        for took in join_all([of_key, of_member].map(Open::ends)).await {
            slowest = slowest.max(took);
        }
        replicas.set_state(v1::TenantState::Active).await;
        // Each process hears of it within a second.
        let there = channel(&replicas.two, None).await;
        eventually(SOON, || async {
            let listed = list(&there, &key).await;
            listed.map_err(|status| reason(&status))
        })
        .await;
        unrelated.goes_on().await;
    }
    // Who may still have it sees the run's end.
    let mut last = replicas
        .watch(&replicas.key, None, "the first key", never)
        .await;
    let name = replicas.run.clone();
    let _: v1::Run = replicas
        .call(
            &replicas.key,
            "SyncService/CancelRun",
            json!({"name": name}),
        )
        .await;
    let run = timeout(SOON, last.stream.message()).await.unwrap();
    let run = run.unwrap().unwrap().run.unwrap();
    assert_eq!(run.state(), v1::RunState::Cancelled);
    assert_eq!(last.stream.message().await.unwrap(), None);
    println!("9 reasons for a stream to end: the slowest ended after {slowest:.1?}");
}
