use super::*;
use crate::schedules::spec::Gap;
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn cron(text: &str, zone: &str) -> Spec {
    Spec {
        times: Times::Cron(text.into()),
        time_zone: zone.into(),
        ..Spec::default()
    }
}

fn every(every: i64, phase: i64) -> Spec {
    Spec {
        times: Times::Interval { every, phase },
        ..Spec::default()
    }
}

/// The times in `[from, to)` as the zone's clock shows them, without the date.
fn shown(spec: &Spec, from: &str, to: &str) -> Vec<String> {
    let table = Timetable::new(spec).unwrap();
    let mut shown = Vec::new();
    let mut after = at(from) - TimeDelta::seconds(1);
    while let Some(next) = table.next(after).filter(|next| next.at < at(to)) {
        shown.push(table.shown(next.at)[11..].to_owned());
        after = next.at;
    }
    shown
}

/// A day in Paris on which 02:00 to 03:00 does not exist, and one on which it comes twice.
const SPRING: (&str, &str) = ("2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z");
const AUTUMN: (&str, &str) = ("2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");

#[test]
fn a_local_time_that_does_not_exist_is_kept_later_or_left_out() {
    let mut spec = cron("30 2 * * *", "Europe/Paris");
    assert_eq!(shown(&spec, SPRING.0, SPRING.1), ["03:30:00 CEST"]);
    spec.gap = Gap::Skip;
    assert!(shown(&spec, SPRING.0, SPRING.1).is_empty());
}

#[test]
fn a_time_that_was_put_off_onto_another_one_is_one_time() {
    let spec = cron("30 2,3 * * *", "Europe/Paris");
    assert_eq!(shown(&spec, SPRING.0, SPRING.1), ["03:30:00 CEST"]);
}

#[test]
fn a_local_time_that_comes_twice_counts_as_the_policy_says() {
    let mut spec = cron("30 2 * * *", "Europe/Paris");
    for (fold, expected) in [
        (Fold::Auto, vec!["02:30:00 CEST"]),
        (Fold::First, vec!["02:30:00 CEST"]),
        (Fold::Second, vec!["02:30:00 CET"]),
        (Fold::Both, vec!["02:30:00 CEST", "02:30:00 CET"]),
    ] {
        spec.fold = fold;
        assert_eq!(shown(&spec, AUTUMN.0, AUTUMN.1), expected, "{fold:?}");
    }
}

#[test]
fn what_runs_every_hour_makes_no_pause_when_an_hour_comes_twice() {
    let spec = cron("0 * * * *", "Europe/Paris");
    let expected = [
        "01:00:00 CEST",
        "02:00:00 CEST",
        "02:00:00 CET",
        "03:00:00 CET",
    ];
    assert_eq!(shown(&spec, AUTUMN.0, AUTUMN.1), expected);
    assert_eq!(
        shown(&spec, SPRING.0, SPRING.1),
        ["01:00:00 CET", "03:00:00 CEST", "04:00:00 CEST"]
    );
}

#[test]
fn a_change_of_half_an_hour_is_kept_as_one() {
    // Lord Howe jumps from 02:00 to 02:30, and back from 02:00 to 01:30.
    let spec = cron("*/15 2 * * *", "Australia/Lord_Howe");
    let spring = shown(&spec, "2026-10-03T14:00:00Z", "2026-10-03T18:00:00Z");
    assert_eq!(spring, ["02:30:00 +11", "02:45:00 +11"]);
    let spec = cron("45 1 * * *", "Australia/Lord_Howe");
    let autumn = shown(&spec, "2026-04-04T12:00:00Z", "2026-04-04T18:00:00Z");
    assert_eq!(autumn, ["01:45:00 +11"]);
}

#[test]
fn a_day_that_a_country_left_out_is_kept_on_the_next_or_left_out() {
    // Samoa had no 30 December 2011.
    let mut spec = cron("0 9 30 12 *", "Pacific/Apia");
    let table = Timetable::new(&spec).unwrap();
    let next = table.next(at("2011-12-01T00:00:00Z")).unwrap();
    assert_eq!(table.shown(next.at), "2011-12-31 09:00:00 +14");
    spec.gap = Gap::Skip;
    let next = Timetable::new(&spec)
        .unwrap()
        .next(at("2011-12-01T00:00:00Z"))
        .unwrap();
    assert_eq!(next.at, at("2012-12-29T19:00:00Z"));
}

#[test]
fn fractions_of_a_second_of_the_question_are_not_carried_into_the_answer() {
    let table = Timetable::new(&cron("0 9 * * *", "America/New_York")).unwrap();
    let next = table.next(at("2026-03-01T08:15:00.368966009Z")).unwrap();
    assert_eq!(next.at, at("2026-03-01T14:00:00Z"));
}

#[test]
fn an_interval_is_counted_from_its_phase() {
    assert_eq!(
        shown(
            &every(3600, 900),
            "2026-03-01T00:00:00Z",
            "2026-03-01T03:00:00Z"
        ),
        ["00:15:00 UTC", "01:15:00 UTC", "02:15:00 UTC"]
    );
}

#[test]
fn there_is_no_time_before_the_start_and_none_from_the_end_on() {
    let spec = Spec {
        start: Some(at("2026-03-01T01:00:00Z")),
        end: Some(at("2026-03-01T03:00:00Z")),
        ..every(3600, 0)
    };
    assert_eq!(
        shown(&spec, "2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z"),
        ["01:00:00 UTC", "02:00:00 UTC"]
    );
}

#[test]
fn a_time_that_never_comes_is_found_out_quickly() {
    let table = Timetable::new(&cron("0 0 30 2 *", "Europe/Paris")).unwrap();
    let started = std::time::Instant::now();
    assert_eq!(table.next(at("2026-01-01T00:00:00Z")), None);
    assert!(
        started.elapsed() < std::time::Duration::from_secs(1),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn jitter_is_the_same_every_time_and_differs_between_schedules() {
    let spec = Spec {
        jitter: 600,
        ..every(3600, 0)
    };
    let table = Timetable::new(&spec).unwrap();
    let noon = at("2026-03-01T12:00:00Z");
    assert_eq!(table.due("a", noon), table.due("a", noon));
    let dues: std::collections::BTreeSet<_> = (0..100)
        .map(|n| table.due(&format!("s{n}"), noon))
        .collect();
    assert!(dues.len() > 90, "{dues:?}");
    assert!(
        dues.iter()
            .all(|due| (noon..noon + TimeDelta::seconds(600)).contains(due))
    );
    assert!(*dues.last().unwrap() - *dues.first().unwrap() > TimeDelta::seconds(400));
}

fn specs() -> impl Strategy<Value = Spec> {
    let expressions = prop::sample::select(vec![
        "* * * * *",
        "*/7 * * * *",
        "30 2 * * *",
        "0 */2 * * *",
        "0 0 1 * *",
        "15 1 * * 0",
        "*/20 * * * * *",
        "0 0 29 2 *",
    ]);
    let zones = prop::sample::select(vec![
        "",
        "Europe/Paris",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Antarctica/Troll",
    ]);
    let folds = prop::sample::select(vec![Fold::Auto, Fold::First, Fold::Second, Fold::Both]);
    let gaps = prop::sample::select(vec![Gap::Shift, Gap::Skip]);
    let crons = (expressions, zones, folds, gaps).prop_map(|(text, zone, fold, gap)| Spec {
        fold,
        gap,
        ..cron(text, zone)
    });
    prop_oneof![
        crons,
        (1i64..100_000, 0i64..100_000).prop_map(|(n, phase)| every(n, phase % n))
    ]
}

/// 2005 to 2037.
fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    (1_104_537_600_i64..2_145_916_800)
        .prop_map(|second| DateTime::from_timestamp(second, 0).unwrap())
}

proptest! {
    #[test]
    fn times_go_up_and_do_not_depend_on_where_one_begins_to_look(spec in specs(), from in moments(), step in 0i64..200_000) {
        let table = Timetable::new(&spec).unwrap();
        let first = table.next(from).unwrap();
        prop_assert!(first.at > from);
        let second = table.next(first.at).unwrap();
        prop_assert!(second.at > first.at);
        let earlier = from - TimeDelta::seconds(step);
        let mut found = table.next(earlier).unwrap();
        let mut steps = 0;
        while found.at <= from && steps < 2_000 {
            found = table.next(found.at).unwrap();
            steps += 1;
        }
        prop_assert!(steps == 2_000 || found == first, "{found:?} {first:?}");
    }

    #[test]
    fn the_last_time_is_the_one_before_the_next(spec in specs(), from in moments(), length in 1i64..400_000_000) {
        let table = Timetable::new(&spec).unwrap();
        let until = from + TimeDelta::seconds(length);
        match table.last(from, until) {
            Some(last) => {
                prop_assert!(last > from && last <= until);
                prop_assert!(table.next(last).unwrap().at > until);
            }
            None => prop_assert!(table.next(from).unwrap().at > until),
        }
    }

    #[test]
    fn no_time_is_put_off_up_to_the_next(spec in specs(), jitter in 0i64..90_000, from in moments()) {
        let table = Timetable::new(&Spec { jitter, ..spec }).unwrap();
        let nominal = table.next(from).unwrap().at;
        let due = table.due("tenants/a/schedules/b", nominal);
        prop_assert!(due >= nominal && due < nominal + TimeDelta::seconds(jitter.max(1)));
        prop_assert!(due < table.next(nominal).unwrap().at);
    }
}
