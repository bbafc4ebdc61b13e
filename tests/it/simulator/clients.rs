//! Clients of others, driven as child processes: they prove that the simulator speaks the real formats.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use syncline::simulator::world::{CLIENT_ID, CLIENT_SECRET, Meeting};
use syncline::simulator::{Now, Options, Simulator};

use super::{SCOPES, noon};

/// A path from the environment, or its default below the crate; missing is a failure that says what to run.
fn installed(variable: &str, default: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = env::var_os(variable).map_or_else(|| root.join(default), PathBuf::from);
    assert!(
        path.exists(),
        "the outside clients are missing ({variable}): run tests/clients/install"
    );
    path
}

/// Runs a driver script with settings on stdin; gives what it printed.
fn drive(command: &mut Command, settings: &Value) -> Value {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the client starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(settings.to_string().as_bytes())
        .expect("settings are taken");
    drop(stdin);
    let output = child.wait_with_output().expect("the client ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs a Python script of `tests/clients`.
pub fn python(script: &str, settings: &Value) -> Value {
    let interpreter = installed("SYNCLINE_TEST_PYTHON", "target/clients/venv/bin/python");
    python_of(interpreter, script, settings)
}

/// The same with BullMQ, which wants another croniter than the oracle of schedules.
pub fn python_with_bullmq(script: &str, settings: &Value) -> Value {
    let interpreter = installed(
        "SYNCLINE_TEST_PYTHON_BULLMQ",
        "target/clients/venv-bullmq/bin/python",
    );
    python_of(interpreter, script, settings)
}

fn python_of(interpreter: PathBuf, script: &str, settings: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script);
    drive(Command::new(interpreter).arg(script), settings)
}

fn node(script: &str, settings: &Value) -> Value {
    let modules = installed(
        "SYNCLINE_TEST_NODE_MODULES",
        "target/clients/node/node_modules",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script);
    drive(
        Command::new("node").arg(script).env("NODE_PATH", modules),
        settings,
    )
}

/// The standard world and a meeting that still runs.
fn simulator() -> (Simulator, String) {
    let sim = Simulator::start(Options::new(Now::Fixed(noon()))).expect("the simulator starts");
    let running = sim.world().add_meeting(Meeting::running(noon()).others(2));
    (sim, running.record)
}

fn settings(sim: &Simulator) -> Value {
    let me = sim.world().me().id;
    let poor = sim.world().grant(&me, &["openid"]).refresh_token;
    json!({
        "root": sim.endpoints().google_meet, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "scopes": SCOPES, "poor_refresh_token": poor,
    })
}

/// How many events a full list of instances has.
fn single_events(sim: &Simulator) -> usize {
    let mut world = sim.world();
    let events = &world.calendar("primary").expect("my calendar").events;
    events
        .iter()
        .filter(|event| event.recurrence.is_empty() && !event.cancelled)
        .count()
}

#[test]
fn googles_python_libraries_read_the_simulator() {
    let (sim, running) = simulator();
    let me = sim.world().me().id;
    let code = sim
        .world()
        .google
        .spaces
        .last()
        .expect("a space")
        .code
        .clone();
    let read = python("google_python.py", &settings(&sim));

    assert_eq!(read["login"]["refresh_token"], true);
    assert_eq!(read["login"]["sub"], me);
    let meet = json!({
        "records": 241, "pages": 3, "newest": running, "newest_has_end": false, "people": 3, "mine": 1, "sessions": 1, "code": code,
        "bad_filter": read["meet"]["bad_filter"],
    });
    assert_eq!(read["meet"], meet);
    assert_eq!(read["meet"]["bad_filter"]["status"], 400);

    let events = single_events(&sim);
    assert_eq!(read["calendar"]["events"], events);
    assert_eq!(read["calendar"]["pages"], events.div_ceil(100));
    assert!(read["calendar"]["with_code"].as_u64() > Some(200));
    assert_eq!(
        (&read["calendar"]["changes"], &read["calendar"]["types"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(read["calendar"]["calendars"], json!(["dana@example.com"]));
    assert_eq!(read["calendar"]["expired"]["status"], 410);
    assert_eq!(
        read["calendar"]["expired"]["details"][0]["reason"],
        "fullSyncRequired"
    );

    let gapic = json!({
        "records": 241, "newest": running, "newest_has_end": false, "people": 3, "sessions": 1, "code": code,
        "forbidden": "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "invalid_filter": true,
    });
    assert_eq!(read["gapic"], gapic);
    assert_eq!(
        read["unknown_refresh_token"]["text"],
        "invalid_grant: Token has been expired or revoked."
    );
    assert_eq!(read["unknown_refresh_token"]["retryable"], false);
}

#[test]
fn googles_node_libraries_read_the_simulator() {
    let (sim, running) = simulator();
    let me = sim.world().me().id;
    let read = node("google_node.cjs", &settings(&sim));
    assert_eq!(read["login"]["refresh_token"], true);
    assert_eq!(read["login"]["sub"], me);
    assert_eq!(read["login"]["scopes"], json!(SCOPES));
    assert_eq!(
        read["meet"],
        json!({"records": 241, "pages": 3, "newest": running})
    );
    assert_eq!(read["calendar"]["events"], single_events(&sim));
    assert_eq!(
        read["calendar"]["gone"],
        json!({"status": 410, "reason": "fullSyncRequired"})
    );
    assert_eq!(
        read["gapic"],
        json!({"records": 241, "newest": running, "newest_has_end": false})
    );
    assert_eq!(
        read["revoked"],
        json!({"message": "invalid_grant", "status": 400})
    );
}

#[test]
fn a_clockify_library_works_on_the_simulator() {
    let (sim, _) = simulator();
    let user = sim.world().clockify_me();
    let saw = python(
        "clockify_python.py",
        &json!({"clockify": sim.endpoints().clockify, "key": user.api_key}),
    );
    assert_eq!(saw["user"], user.id);
    assert_eq!(saw["workspace"], user.active_workspace);
    assert_eq!(
        saw["made"],
        json!({"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z", "duration": "PT30M"})
    );
    assert_eq!(
        (&saw["listed"], &saw["same"]),
        (&json!([true]), &json!(true))
    );
    assert_eq!(saw["projects"], json!(["Outside"]));
    assert!(
        saw["gone"]
            .as_str()
            .is_some_and(|text| text.contains("400") || text.contains("belong")),
        "{}",
        saw["gone"]
    );
    assert!(sim.world().entries().is_empty());
}
