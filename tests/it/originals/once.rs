//! The one-off run with the original's variables and files: the same figures, the same texts, and codes that tell the truth.

use super::{CREATE, Scene, ended, figures};
use crate::kit::{Database, each_engine};
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use syncline::{
    base::Clock,
    db::Engine,
    simulator::{
        Now, Options,
        faults::{Canned, Effect, Rule, When},
        world::{Meeting, SCOPES},
    },
};

each_engine!(
    sync_once_is_a_drop_in_for_the_originals_one_off_run,
    a_rotated_grant_outlives_the_stale_file,
    a_grant_that_tells_no_mail_address_runs_and_it_is_said_that_nothing_was_compared,
);

async fn sync_once_is_a_drop_in_for_the_originals_one_off_run(database: Database) {
    let scene = Scene::standard(database.engine()).await;
    let compact = std::fs::read_to_string(scene.token_file()).unwrap();

    let before = scene.calls();
    let dry = scene.run_well(scene.once().env("DRY_RUN", "1")).await;
    assert_eq!(dry.json()["message"], "would create 240", "{}", dry.text);
    assert_eq!(figures(&dry)[0], 240);
    let writes = scene.sim.calls().writing().count();
    assert_eq!(writes, 0, "a dry run writes nothing, not even the project");
    let dry_calls = scene.calls() - before;

    let first = scene.run_well(scene.once()).await;
    assert_eq!(figures(&first), [240, 240, 0, 0, 240], "{}", first.text);
    scene.assert_all_once("first");
    {
        let world = scene.sim.world();
        let project = &world.clockify.projects[0];
        assert_eq!(project.name, "Google Meet");
        assert_eq!(project.color.to_uppercase(), "#0AC8B9");
        assert!(!project.billable);
    }
    let posts = scene.sim.calls().count(CREATE);
    let before = scene.calls();
    let repeat = scene.run_well(scene.once()).await;
    assert_eq!(figures(&repeat), [240, 0, 240, 0, 240], "{}", repeat.text);
    let repeat_calls = scene.calls() - before;
    assert!(repeat_calls <= 10, "{repeat_calls} calls");

    // The other shape: written again by the refresh, with two blanks and a key of its own.
    let mut file: serde_json::Value = serde_json::from_str(&compact).unwrap();
    file["refresh_token_expires_in"] = 604_799.into();
    let indented = serde_json::to_string_pretty(&file).unwrap();
    std::fs::write(scene.token_file(), indented).unwrap();
    let other = scene.run_well(scene.once()).await;
    assert_eq!(figures(&other), [240, 0, 240, 0, 240], "{}", other.text);
    assert_eq!(scene.sim.calls().count(CREATE), posts);
    println!(
        "{:?}: dry run {dry_calls} calls, 0 writing; first run 240 created by {posts} POSTs; repeat 0 created, 240 skipped with {repeat_calls} calls",
        database.engine()
    );
}

async fn a_rotated_grant_outlives_the_stale_file(database: Database) {
    let scene = small(database.engine()).await;
    scene.sim.world().google.rotate_refresh_tokens = true;
    for run in 0..3 {
        let synced = if run == 0 { 3 } else { 0 };
        let ended = scene.run_well(scene.once()).await;
        assert_eq!(figures(&ended), [3, synced, 3 - synced, 0, 3], "{run}");
        scene.sim.world().expire_access_tokens();
    }
}

async fn a_grant_that_tells_no_mail_address_runs_and_it_is_said_that_nothing_was_compared(
    database: Database,
) {
    const SAID: &str = "GOOGLE_USER_EMAIL was not compared";
    let scene = small(database.engine()).await;
    let told = scene.run_well(scene.once()).await;
    assert!(!told.text.contains(SAID), "{}", told.text);

    let scene = small(database.engine()).await;
    let scopes: Vec<&str> = SCOPES
        .into_iter()
        .filter(|scope| *scope != "email")
        .collect();
    let me = scene.sim.world().me().id;
    let refresh_token = scene.sim.world().grant(&me, &scopes).refresh_token;
    let file = serde_json::json!({"refresh_token": refresh_token, "scope": scopes.join(" ")});
    std::fs::write(scene.token_file(), file.to_string()).unwrap();
    for synced in [3, 0] {
        let ended = scene.run_well(scene.once()).await;
        assert_eq!(
            figures(&ended),
            [3, synced, 3 - synced, 0, 3],
            "{}",
            ended.text
        );
        assert!(ended.text.contains(SAID), "{}", ended.text);
    }
    let asked = scene.sim.calls().count("oauth.userinfo");
    assert_eq!(asked, 1, "who says nothing once is not asked again");
}

/// Three meetings at known times of yesterday.
async fn small(engine: Engine) -> Scene {
    let scene = Scene::of(Options::empty(Now::Running(Clock::system().now())), engine).await;
    for (number, (hour, minutes)) in MEETINGS.into_iter().enumerate() {
        let start = yesterday(&scene, hour);
        let meeting = Meeting::between(start, start + TimeDelta::minutes(minutes))
            .titled("Weekly")
            .id(&format!("c000{number}"));
        scene.sim.world().add_meeting(meeting);
    }
    scene
}

/// Hour in UTC, length in minutes.
const MEETINGS: [(u32, i64); 3] = [(0, 31), (11, 60), (17, 195)];

fn yesterday(scene: &Scene, hour: u32) -> DateTime<Utc> {
    let day = scene.sim.clock().now() - TimeDelta::days(1);
    let time = day.date_naive().and_hms_opt(hour, 5, 0);
    time.expect("a time of day").and_utc()
}

/// The clock of twelve hours as the original's runtime writes it, put together by hand.
fn clock_of_twelve(at: DateTime<Utc>, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    let half = if local.hour() < 12 { "AM" } else { "PM" };
    let hour = match local.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    format!("{hour}:{:02}:{:02} {half}", local.minute(), local.second())
}

#[tokio::test]
async fn descriptions_are_the_originals_to_the_byte_in_the_zone_of_the_process() {
    for name in ["UTC", "America/New_York", "Asia/Kolkata", "Europe/Zurich"] {
        let scene = small(Engine::Sqlite).await;
        scene.run_well(scene.once().env("TZ", name)).await;
        let zone: Tz = name.parse().unwrap();
        let world = scene.sim.world();
        let mut texts: Vec<_> = world
            .entries()
            .iter()
            .map(|entry| entry.description.clone())
            .collect();
        drop(world);
        texts.sort_by_key(|text| text.split("c000").nth(1).map(str::to_owned));
        for (number, (hour, minutes)) in MEETINGS.into_iter().enumerate() {
            let time = clock_of_twelve(yesterday(&scene, hour), zone);
            let expected = format!(
                "🎥 Google Meet ({time}) | {}h {}m [Meet:conferenceRecords/c000{number}]",
                minutes / 60,
                minutes % 60
            );
            assert_eq!(texts[number], expected, "{name}");
        }
        println!("{name}: {}", texts[0]);
    }
}

fn reply(status: u16, body: &str) -> Effect {
    Effect::Reply(Canned {
        status,
        body: body.to_owned(),
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
    })
}

#[tokio::test]
async fn no_failure_ends_with_0() {
    let refusal = || reply(400, r#"{"message":"not like that","code":501}"#);
    let fault = |scene: &Scene, endpoint: &str, when: When, effect: Effect| {
        scene.sim.faults().add(Rule::on(endpoint, when, effect));
    };

    let revoked = small(Engine::Sqlite).await;
    let me = revoked.sim.world().me().id;
    revoked.sim.world().revoke_grants(&me);
    let wrong_key = small(Engine::Sqlite).await;
    let partial = small(Engine::Sqlite).await;
    fault(&partial, CREATE, When::Nth(2), refusal());
    let all_refused = small(Engine::Sqlite).await;
    fault(&all_refused, CREATE, When::Always, refusal());
    let forbidden = small(Engine::Sqlite).await;
    fault(&forbidden, "meet.*", When::Always, reply(403, "{}"));
    let nowhere = small(Engine::Sqlite).await;
    let no_file = small(Engine::Sqlite).await;
    std::fs::remove_file(no_file.token_file()).unwrap();
    let no_refresh = small(Engine::Sqlite).await;
    std::fs::write(
        no_refresh.token_file(),
        r#"{"access_token":"ya29.composed"}"#,
    )
    .unwrap();

    let cases = [
        ("revoked grant", 1, 0, revoked.once(), &revoked),
        (
            "wrong key",
            1,
            0,
            wrong_key
                .once()
                .env("CLOCKIFY_API_TOKEN", "composedWrongKey"),
            &wrong_key,
        ),
        ("one entry refused", 3, 2, partial.once(), &partial),
        (
            "all entries refused",
            1,
            0,
            all_refused.once(),
            &all_refused,
        ),
        ("Meet forbidden", 1, 0, forbidden.once(), &forbidden),
        (
            "Google unreachable",
            1,
            0,
            nowhere
                .once()
                .env("SYNCLINE_GOOGLE_TOKEN_URL", "http://127.0.0.1:1/token")
                .env("SYNCLINE_RUNS_MAX_ATTEMPTS", "1"),
            &nowhere,
        ),
        ("no token file", 1, 0, no_file.once(), &no_file),
        ("no refresh token", 64, 0, no_refresh.once(), &no_refresh),
        (
            "SYNC_DAYS out of range",
            64,
            0,
            small_once_with_days(&nowhere),
            &nowhere,
        ),
    ];
    for (what, code, entries, command, scene) in cases {
        let ended = ended(command).await;
        assert_eq!(ended.code, code, "{what}: {}", ended.text);
        assert_eq!(scene.sim.world().entries().len(), entries, "{what}");
        println!("{what}: exit code {code}, {entries} entries");
    }
}

fn small_once_with_days(scene: &Scene) -> crate::kit::Builder {
    scene.once().env("SYNC_DAYS", "0")
}
