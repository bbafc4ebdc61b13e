//! The times of schedules against an oracle that shares nothing with us: croniter matches the expressions, Python's
//! zoneinfo knows the clocks.

use crate::kit;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    str::FromStr as _,
};
use syncline::schedules::{
    Spec,
    spec::{Fold, Gap, Times},
    times::Timetable,
};

/// Expressions of every form; the policies take turns.
const CRONS: [&str; 40] = [
    "* * * * *",
    "*/5 * * * *",
    "*/15 * * * *",
    "7/20 * * * *",
    "0,30 * * * *",
    "0 * * * *",
    "@hourly",
    "59 * * * *",
    "30 0 * * *",
    "0 0 * * *",
    "@daily",
    "15 1 * * *",
    "30 1 * * *",
    "0 2 * * *",
    "30 2 * * *",
    "45 2 * * *",
    "59 2 * * *",
    "0 3 * * *",
    "30 3 * * *",
    "0 1,2,3 * * *",
    "30 0-4 * * *",
    "0 */2 * * *",
    "0 1-23/2 * * *",
    "15 */3 * * *",
    "*/10 2 * * *",
    "*/10 1-3 * * *",
    "0 23 * * *",
    "30 12 * * *",
    "30 2 * * 0",
    "30 2 * * sun",
    "0 2 * * 6,7",
    "30 1 * * mon-fri",
    "30 2 25-31 3,10 *",
    "30 2 L * *",
    "0 3 * * 7L",
    "15 2 * * sun#2",
    "0 0 1 4,10 5",
    "30 30 2 * * *",
    "*/30 59 1-2 * * *",
    "0 15 10 ? * 2-6",
];

/// Zones with every oddity: half hours, whole days, two hours, Ramadan, the far south, no change at all.
const FEW_ZONES: [&str; 14] = [
    "UTC",
    "Europe/Paris",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Antarctica/Troll",
    "America/Caracas",
    "Asia/Kathmandu",
    "America/Santiago",
    "Europe/Dublin",
];

/// A name in the data that is no zone: what a machine shows whose time zone was never set.
const NO_ZONE: &str = "Factory";

#[derive(Deserialize)]
struct Said {
    zone: String,
    windows: Vec<(i64, i64)>,
    specs: Vec<Told>,
}

/// What was said of one expression.
#[derive(Deserialize)]
struct Told {
    count: usize,
    digest: String,
    times: Option<Vec<i64>>,
}

#[test]
fn times_around_every_change_of_a_clock_are_those_of_an_independent_oracle() {
    let zones = if kit::long() {
        Value::Null
    } else {
        json!(FEW_ZONES)
    };
    let (from, to) = if kit::long() {
        (2000, 2038)
    } else {
        (2010, 2017)
    };
    let specs: Vec<_> = CRONS
        .iter()
        .enumerate()
        .map(|(index, cron)| spec(cron, index))
        .collect();
    let said = ask(&zones, (from, to), &specs, false);
    let (mut compared, mut windows, mut zones, mut differences) = (0, 0, 0, Vec::new());
    for zone in said {
        if zone.zone == NO_ZONE {
            assert!(chrono_tz::Tz::from_str(NO_ZONE).is_err());
            continue;
        }
        windows += zone.windows.len();
        zones += 1;
        for (spec, theirs) in specs.iter().zip(&zone.specs) {
            let ours = ours(spec, &zone.zone, &zone.windows);
            compared += ours.len();
            if (ours.len(), digest_of(&ours)) != (theirs.count, theirs.digest.clone()) {
                differences.push((zone.zone.clone(), spec.clone(), ours));
            }
        }
    }
    println!(
        "{} expressions in {zones} zones around {windows} changes of {from} to {}: {compared} times, {} differences",
        specs.len(),
        to - 1,
        differences.len()
    );
    let explained: Vec<_> = differences
        .iter()
        .take(10)
        .map(|(zone, spec, ours)| told(zone, spec, ours, (from, to)))
        .collect();
    assert!(differences.is_empty(), "\n{}", explained.join("\n"));
}

fn spec(cron: &str, index: usize) -> Spec {
    let (gap, fold) = [
        (Gap::Shift, Fold::First),
        (Gap::Skip, Fold::Both),
        (Gap::Shift, Fold::Second),
    ][index % 3];
    Spec {
        times: Times::Cron(cron.to_owned()),
        gap,
        fold,
        ..Spec::default()
    }
}

fn ours(spec: &Spec, zone: &str, windows: &[(i64, i64)]) -> Vec<i64> {
    let spec = Spec {
        time_zone: zone.to_owned(),
        ..spec.clone()
    };
    let table = Timetable::new(&spec).unwrap_or_else(|| panic!("{zone} is not known"));
    let mut times = Vec::new();
    for (from, to) in windows {
        let moment = |second| DateTime::<Utc>::from_timestamp(second, 0).unwrap();
        let mut after = moment(*from) - TimeDelta::seconds(1);
        while let Some(next) = table.next(after).filter(|next| next.at < moment(*to)) {
            after = next.at;
            times.push(after.timestamp());
        }
    }
    times
}

fn digest_of(times: &[i64]) -> String {
    let text: String = times.iter().map(|at| format!("{at}\n")).collect();
    let digest = digest(&SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A difference, for a person: the first times that only one side has.
fn told(zone: &str, spec: &Spec, ours: &[i64], years: (i32, i32)) -> String {
    let said = ask(&json!([zone]), years, std::slice::from_ref(spec), true);
    let theirs = said[0].specs[0].times.clone().unwrap_or_default();
    let only = |these: &[i64], those: &[i64]| -> Vec<String> {
        let only = these.iter().filter(|at| !those.contains(at));
        only.take(3)
            .map(|at| DateTime::<Utc>::from_timestamp(*at, 0).unwrap().to_string())
            .collect()
    };
    format!(
        "{zone} {spec:?}: only ours {:?}, only theirs {:?}",
        only(ours, &theirs),
        only(&theirs, ours)
    )
}

fn ask(zones: &Value, years: (i32, i32), specs: &[Spec], detail: bool) -> Vec<Said> {
    let specs: Vec<_> = specs
        .iter()
        .map(|spec| json!({"cron": cron_of(spec), "gap": spec.gap, "fold": spec.fold}))
        .collect();
    let question =
        json!({"zones": zones, "from": years.0, "to": years.1, "specs": specs, "detail": detail});
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/schedule_times.py");
    let mut oracle = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    let mut input = oracle.stdin.take().expect("a pipe");
    input
        .write_all(question.to_string().as_bytes())
        .expect("the question is taken");
    drop(input);
    let mut lines = BufReader::new(oracle.stdout.take().expect("a pipe"))
        .lines()
        .map_while(Result::ok);
    let versions: Value = serde_json::from_str(&lines.next().expect("a line")).expect("JSON");
    assert_eq!(
        versions["tzdata"],
        chrono_tz::IANA_TZDB_VERSION,
        "both must know the same edition of the zones"
    );
    let said = lines
        .map(|line| serde_json::from_str(&line).expect("JSON"))
        .collect();
    assert!(oracle.wait().expect("it ends").success());
    said
}

/// Nicknames are ours: to the oracle goes what they stand for.
fn cron_of(spec: &Spec) -> &str {
    match &spec.times {
        Times::Cron(text) if text == "@hourly" => "0 * * * *",
        Times::Cron(text) if text == "@daily" => "0 0 * * *",
        Times::Cron(text) => text,
        Times::Interval { .. } => "",
    }
}

fn python() -> PathBuf {
    let installed =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin/python");
    let python = std::env::var_os("SYNCLINE_TEST_PYTHON").map_or(installed, PathBuf::from);
    assert!(
        python.exists(),
        "{} is missing: ./test installs it",
        python.display()
    );
    python
}
