//! The path of somebody who begins: what `docker-compose.yml` starts, started by hand (PostgreSQL, Redis with its log,
//! two replicas of Syncline), the fake providers, and the commands of the README. Then the sync runs by itself.

use crate::{
    cli::{Ended, LONG, ended},
    kit::{self, Builder, Postgres, Process, Redis, eventually},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What stands in `.env`.
const NAME: &str = "ada";
const PASSWORD: &str = "composed";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Meetings of the providers, and seconds from one run to the next.
const MEETINGS: usize = 8;
const EVERY: i64 = 2;
/// Until the runs of a killed replica go on elsewhere, and some time for a busy machine.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// The three services, and the providers.
struct Site {
    postgres: Postgres,
    redis: Redis,
    _providers: Process,
    /// What `simulate` printed.
    told: Value,
}

/// One of the replicas.
struct Replica {
    process: Process,
    grpc: String,
    http: String,
}

impl Site {
    async fn open() -> Self {
        let postgres = Postgres::start();
        postgres.create_database("syncline", "pg_default").await;
        let arguments = ["--json", "simulate", "--days", "2", "--meetings", "4"];
        let mut providers = Process::syncline(&arguments).start();
        providers.line("SYNCLINE_GOOGLE_CLIENT_SECRET", LONG).await;
        let told = eventually(LONG, || {
            let printed = providers.output();
            let document = printed.find('{').map(|start| printed[start..].to_owned());
            std::future::ready(serde_json::from_str(&document.unwrap_or_default()))
        })
        .await;
        Self {
            postgres,
            redis: kit::redis_as_deployed(),
            _providers: providers,
            told,
        }
    }

    /// With what stands in `.env`, and where the providers are.
    fn command(&self, arguments: &[&str]) -> Builder {
        let variables = self.told["environment"].as_object().unwrap().iter();
        variables
            .fold(Process::syncline(arguments), |command, (name, value)| {
                command.env(name, value.as_str().unwrap())
            })
            .env("BASIC_AUTH_USERNAME", NAME)
            .env("BASIC_AUTH_PASSWORD", PASSWORD)
    }

    async fn replica(&self) -> Replica {
        let command = self
            .command(&["--json", "serve"])
            .env("DATABASE_URL", self.postgres.url("syncline"))
            .env("REDIS_URL", self.redis.url())
            .env("SYNCLINE_KEY", KEY)
            .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0");
        let mut process = command.start();
        let http = process.line("\"http_address\"", LONG).await;
        let grpc = process.line("\"address\"", LONG).await;
        let value = |line: &str| line.split('"').nth(3).unwrap().to_owned();
        let replica = Replica {
            grpc: value(&grpc),
            http: value(&http),
            process,
        };
        replica.is_well().await;
        replica
    }

    /// What a person types on their own machine.
    async fn types(&self, on: &Replica, arguments: &[&str], input: &str) -> Ended {
        let server = format!("http://{}", on.grpc);
        let arguments = [&["--server", &server], arguments].concat();
        let done = ended(self.command(&arguments).input(input)).await;
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.text);
        done
    }

    async fn consents(&self, on: &Replica) {
        let server = format!("http://{}", on.grpc);
        let arguments = [
            "--server",
            &server,
            "token",
            "login",
            "google",
            "--no-browser",
        ];
        let mut login = self.command(&arguments).start();
        let address = self.told["address"].as_str().unwrap();
        let url = login.line(&format!("http://{address}/"), LONG).await;
        // The simulated person consents at once, and the browser follows back to the terminal.
        let page = reqwest::get(url.trim()).await.unwrap();
        assert!(page.status().is_success(), "{}", page.status());
        assert!(login.wait_exit(LONG).await.success(), "{}", login.output());
    }

    /// How many entries each meeting has.
    async fn entries(&self) -> BTreeMap<String, usize> {
        let control = self.told["control"].as_str().unwrap();
        let url = format!("{}/entries", control.trim_end_matches('/'));
        let entries: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
        let mut written = BTreeMap::new();
        for entry in entries {
            let description = entry["description"].as_str().unwrap();
            *written.entry(description.to_owned()).or_default() += 1;
        }
        written
    }
}

impl Replica {
    /// What `grpcurl` prints, with name and password.
    async fn grpcurl(&self, method: &str, request: &Value) -> Value {
        let shown = BASE64_STANDARD.encode(format!("{NAME}:{PASSWORD}"));
        let header = format!("authorization: Basic {shown}");
        let method = format!("syncline.v1.SyncService/{method}");
        let data = request.to_string();
        let arguments = [
            "-plaintext",
            "-H",
            &header,
            "-d",
            &data,
            &self.grpc,
            &method,
        ];
        let done = ended(Process::of(&kit::tool("grpcurl"), &arguments)).await;
        assert_eq!(done.code, 0, "{method}: {}", done.text);
        done.json()
    }

    async fn page(&self, path: &str) -> String {
        let client = reqwest::Client::new();
        let request = client.get(format!("http://{}{path}", self.http));
        let answer = request.basic_auth(NAME, Some(PASSWORD)).send().await;
        answer.unwrap().text().await.unwrap()
    }

    /// Waits until it is ready and nothing that it looks at is wrong.
    async fn is_well(&self) {
        eventually(LONG, || async {
            let found: Value = serde_json::from_str(&self.page("/health/ready").await).unwrap();
            let checks = found["checks"].as_object().unwrap();
            let looked_at = [
                "database",
                "queue",
                "worker",
                "scheduler",
                "clock",
                "instance",
            ];
            let all = looked_at.iter().all(|what| checks.contains_key(*what));
            let well = checks.values().all(|check| check["status"] == "ok");
            match all && well && found["status"] == "ready" {
                true => Ok(()),
                false => Err(found.to_string()),
            }
        })
        .await;
    }

    /// The sum of a figure over the labels that contain `label`.
    async fn figure(&self, name: &str, label: &str) -> f64 {
        let page = self.page("/metrics").await;
        let lines = page.lines().filter(|line| line.starts_with(name));
        let values = lines.filter(|line| line.contains(label));
        values
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .fold(0.0, |sum, value| sum + value)
    }

    /// What became of the schedule's times until now, oldest first.
    async fn occurrences(&self) -> Vec<Value> {
        let request = json!({"parent": "tenants/default/syncs/demo", "page_size": 500});
        let page = self.grpcurl("ListOccurrences", &request).await;
        let mut listed = page["occurrences"].as_array().cloned().unwrap_or_default();
        listed.reverse();
        listed
    }
}

/// The runs that have ended of those times that ran, each with its state.
async fn states(on: &Replica, occurrences: &[Value]) -> Vec<String> {
    let mut states = Vec::new();
    for run in occurrences.iter().filter_map(|time| time["run"].as_str()) {
        let run = on.grpcurl("GetRun", &json!({"name": run})).await;
        states.extend(run["state"].as_str().map(str::to_owned));
    }
    states
}

/// Each time from the first to the last is there, and each that ran has a run of its own.
fn assert_each_once(occurrences: &[Value]) {
    let at = |time: &Value| {
        let text = time["time"].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp()
    };
    for two in occurrences.windows(2) {
        assert_eq!(at(&two[1]) - at(&two[0]), EVERY, "{two:?}");
    }
    let ran: Vec<_> = occurrences
        .iter()
        .filter(|time| time["run"].is_string())
        .collect();
    let runs: BTreeSet<_> = ran
        .iter()
        .map(|time| time["run"].as_str().unwrap())
        .collect();
    assert_eq!(runs.len(), ran.len(), "two times with one run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_run_the_demos_sync_on_a_schedule_and_one_goes_on_alone() {
    let site = Site::open().await;
    let mut replicas = [site.replica().await, site.replica().await];
    let [first, second] = &replicas;

    let api_key = site.told["clockify_api_key"].as_str().unwrap();
    site.types(
        first,
        &["token", "add", "clockify"],
        &format!("{api_key}\n"),
    )
    .await;
    site.consents(first).await;
    site.types(first, &["sync", "create", "meet-to-clockify", "demo"], "")
        .await;
    let schedule = json!({
        "sync": {
            "name": "tenants/default/syncs/demo",
            "schedule": {"interval": {"every": format!("{EVERY}s")}},
        },
    });
    let scheduled = second.grpcurl("UpdateSync", &schedule).await;
    assert!(
        scheduled["schedule"]["nextTime"].is_string(),
        "{scheduled:#}"
    );

    // Both execute what either accepts.
    let took_part = async |replica: &Replica| {
        replica
            .figure("syncline_runs_total", r#"result="succeeded""#)
            .await
    };
    eventually(Duration::from_secs(180), || async {
        let parts = (took_part(first).await, took_part(second).await);
        if parts.0 >= 1.0 && parts.1 >= 1.0 && parts.0 + parts.1 >= 4.0 {
            Ok(())
        } else {
            Err(format!("{parts:?}"))
        }
    })
    .await;
    let told = (first.occurrences().await, second.occurrences().await);
    assert_each_once(&told.1);
    assert_eq!(told.0, told.1[..told.0.len()], "both tell the same");
    let done = states(first, &told.0[..4]).await;
    assert!(
        done.iter().all(|state| state == "RUN_STATE_SUCCEEDED"),
        "{done:?}"
    );
    let written = site.entries().await;
    assert_eq!(written.len(), MEETINGS, "{written:#?}");
    assert!(written.values().all(|count| *count == 1), "{written:#?}");
    for replica in &replicas {
        replica.is_well().await;
        assert_eq!(replica.figure("syncline_ready", "").await, 1.0);
        assert_eq!(
            replica
                .figure("syncline_check_ok", r#"check="queue""#)
                .await,
            1.0
        );
        assert_eq!(
            replica
                .figure("syncline_runs_total", r#"result="failed""#)
                .await,
            0.0
        );
    }
    let jobs: u64 = site
        .redis
        .say("ZCARD bull:sync:completed")
        .trim_start_matches(':')
        .parse()
        .unwrap();
    assert!(jobs >= 4, "runs went through Redis: {jobs}");

    replicas[0].process.kill();
    let left = &replicas[1];
    let before = told.1.len();
    eventually(TAKEN_OVER, || async {
        let later = left.occurrences().await;
        assert_each_once(&later);
        let done = states(left, &later[before..]).await;
        let done = done
            .iter()
            .filter(|state| *state == "RUN_STATE_SUCCEEDED")
            .count();
        if done >= 3 {
            Ok(())
        } else {
            Err(format!("{done} of {}", later.len() - before))
        }
    })
    .await;
    replicas[0] = site.replica().await;
    let written = site.entries().await;
    assert!(written.len() == MEETINGS && written.values().all(|count| *count == 1));
    println!(
        "{} times, each once; the replicas ended {} and {} runs",
        replicas[0].occurrences().await.len(),
        took_part(&replicas[0]).await,
        took_part(&replicas[1]).await
    );
}
