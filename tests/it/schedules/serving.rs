//! Whole servers are killed (SIGKILL) at random while they fire schedules and execute what was fired: each time has one
//! outcome, each one that ran has one run, and each run ends.

use crate::{
    cli::{LONG, Stage, ended},
    kit::{self, Builder, Database, Process, eventually},
};
use rand::RngExt as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use syncline::{
    api::v1::{
        CatchUpPolicy, CreateSyncRequest, Interval, ListOccurrencesRequest, Occurrence,
        OccurrenceOutcome, OverlapPolicy, PauseSyncRequest, Schedule, Sync, schedule::Times,
        sync_service_client::SyncServiceClient,
    },
    db::Engine,
};
use tonic::transport::Channel;

/// Syncs that have a time every second.
const SYNCS: usize = 4;
const TENANT: &str = "tenants/default";

/// Servers on one database; with Redis where the database is a server, too.
struct Site {
    stage: Stage,
    database: Database,
    redis: Option<kit::Redis>,
}

impl Site {
    async fn open(database: Database) -> Self {
        let redis = (database.engine() == Engine::Postgres).then(kit::redis);
        let site = Self {
            stage: Stage::new(),
            database,
            redis,
        };
        let key = site.stage.simulator.world().clockify_me().api_key;
        let add = site.command(&["token", "add", "clockify"]);
        let import = site.command(&["token", "import", "-"]);
        for command in [
            add.input(&format!("{key}\n")),
            import.input(&site.stage.token_json()),
        ] {
            let done = ended(command).await;
            assert_eq!(done.code, 0, "{}", done.text);
        }
        site
    }

    fn command(&self, arguments: &[&str]) -> Builder {
        let command = self.stage.command(arguments);
        let command = match &self.redis {
            Some(redis) => command.env("REDIS_URL", redis.url()),
            None => command,
        };
        command
            .env("DATABASE_URL", self.database.url())
            .env("SYNCLINE_RUNS_HEARTBEAT", "500ms")
            .env("SYNCLINE_RUNS_DEAD_AFTER", "3s")
            .env("SYNCLINE_SYNCS_VISIBILITY_GRACE", "200ms")
            .env("SYNCLINE_OUTBOUND_TIMEOUT", "1s")
            .env("SYNCLINE_OUTBOUND_CONNECT_TIMEOUT", "1s")
    }

    async fn server(&self) -> (Process, SyncServiceClient<Channel>) {
        let mut process = self.command(&["serve"]).start();
        let line = process.line("serving gRPC on", LONG).await;
        let after = line.split("serving gRPC on ").nth(1).unwrap();
        let url = format!("http://{}", after.split(',').next().unwrap());
        let channel = Channel::from_shared(url).unwrap().connect_lazy();
        (process, SyncServiceClient::new(channel))
    }

    async fn column(&self, sql: &str) -> Vec<String> {
        let runs = format!("{}runs", crate::runs::schema(self.database.engine()));
        self.database.column(&sql.replace("{runs}", &runs)).await
    }
}

fn every_second() -> Schedule {
    let second = pbjson_types::Duration {
        seconds: 1,
        nanos: 0,
    };
    let interval = Interval {
        every: Some(second),
        phase: None,
    };
    let mut schedule = Schedule {
        times: Some(Times::Interval(interval)),
        ..Schedule::default()
    };
    schedule.set_catch_up_policy(CatchUpPolicy::All);
    schedule.set_overlap_policy(OverlapPolicy::Skip);
    schedule
}

async fn define(client: &mut SyncServiceClient<Channel>, id: &str) -> String {
    let sync = Sync {
        definition: Some(syncline::api::v1::sync::Definition::MeetToClockify(
            syncline::api::v1::MeetToClockify::default(),
        )),
        schedule: Some(every_second()),
        ..Sync::default()
    };
    let request = CreateSyncRequest {
        parent: TENANT.to_owned(),
        sync_id: id.to_owned(),
        sync: Some(sync),
        ..CreateSyncRequest::default()
    };
    client.create_sync(request).await.unwrap().into_inner().name
}

/// Everything that became of a sync's times, newest first.
async fn occurrences(client: &mut SyncServiceClient<Channel>, sync: &str) -> Vec<Occurrence> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListOccurrencesRequest {
            parent: sync.to_owned(),
            page_size: 500,
            page_token: token,
            ..ListOccurrencesRequest::default()
        };
        let page = client.list_occurrences(request).await.unwrap().into_inner();
        all.extend(page.occurrences);
        token = page.next_page_token;
        if token.is_empty() {
            return all;
        }
    }
}

async fn servers_killed_at_random_lose_and_double_no_time(database: Database) {
    let engine = database.engine();
    let site = Site::open(database).await;
    let mut servers = [site.server().await, site.server().await];
    let mut syncs = Vec::new();
    for number in 0..SYNCS {
        syncs.push(define(&mut servers[0].1, &format!("s{number}")).await);
    }
    let kills = kit::rounds(3, 100);
    for _ in 0..kills {
        let pause = rand::rng().random_range(300..2_500);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let victim = rand::rng().random_range(0..servers.len());
        servers[victim].0.kill();
        servers[victim] = site.server().await;
    }
    let client = &mut servers[0].1;
    // Whoever is left keeps every time until now; what is named after the pause is paused.
    let mut kept = BTreeMap::<_, usize>::new();
    let mut ran = BTreeSet::new();
    for sync in &syncs {
        let all = eventually(LONG, || {
            let mut client = client.clone();
            async move {
                let all = occurrences(&mut client, sync).await;
                match all.first().map(Occurrence::outcome) {
                    Some(OccurrenceOutcome::Ran | OccurrenceOutcome::Skipped) => Ok(all),
                    other => Err(format!("{other:?}")),
                }
            }
        })
        .await;
        let request = PauseSyncRequest {
            name: sync.clone(),
            ..PauseSyncRequest::default()
        };
        client.pause_sync(request).await.unwrap();
        let before = all.len();
        let mut all = occurrences(client, sync).await;
        all.retain(|time| time.outcome() != OccurrenceOutcome::Paused);
        assert!(all.len() >= before);
        for two in all.windows(2) {
            let seconds = |time: &Occurrence| time.time.unwrap().seconds;
            assert_eq!(seconds(&two[0]) - seconds(&two[1]), 1, "{two:?}");
        }
        for time in all {
            *kept.entry(time.outcome().as_str_name()).or_default() += 1;
            assert_eq!(
                time.outcome() == OccurrenceOutcome::Ran,
                !time.run.is_empty(),
                "{time:?}"
            );
            if !time.run.is_empty() {
                assert!(ran.insert(time.run.clone()), "two times with {}", time.run);
            }
        }
    }
    let only = ["OCCURRENCE_OUTCOME_RAN", "OCCURRENCE_OUTCOME_SKIPPED"];
    assert!(kept.keys().all(|what| only.contains(what)), "{kept:?}");
    assert!(kept[only[0]] >= SYNCS, "{kept:?}");
    eventually(Duration::from_secs(120), || async {
        let open = "SELECT state FROM {runs} WHERE finished_at IS NULL";
        let open = site.column(open).await;
        open.is_empty().then_some(()).ok_or(format!("{open:?}"))
    })
    .await;
    let count = site
        .column("SELECT CAST(count(*) AS TEXT) FROM {runs}")
        .await;
    assert_eq!(
        count,
        [ran.len().to_string()],
        "a run for each time that ran"
    );
    // A server that is killed three times beside one run parks it: that, too, is an end.
    let states = "SELECT state || ' ' || COALESCE(error_reason, '') FROM {runs}";
    for state in site.column(states).await {
        let expected = ["succeeded ", "failed WORKER_DIED_REPEATEDLY"];
        assert!(expected.contains(&state.as_str()), "{state}");
    }
    println!(
        "{engine:?}: {kills} kills of 2 servers, {kept:?}, a run for each that ran, all ended"
    );
}

kit::each_engine!(servers_killed_at_random_lose_and_double_no_time);
