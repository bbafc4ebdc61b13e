//! Every case of the plan.

use super::*;
use crate::{
    base::{EffectName, ResourceId},
    syncs::entry::Wanted,
};
use uuid::Uuid;

fn decide_for(hash: &str, effect: Option<&Effect>, found: &[&Entry], look: Look) -> Action {
    let sync: ResourceId = "s".parse().unwrap();
    decide(Wish { sync: &sync, hash }, effect, found, look)
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_760_000_000 + second, 0).unwrap()
}

fn look() -> Look {
    Look {
        at: at(1000),
        grace: TimeDelta::seconds(5),
    }
}

fn entry(id: &str, description: &str) -> Entry {
    serde_json::from_value(serde_json::json!({
        "id": id, "description": description, "userId": "u", "workspaceId": "w", "billable": false,
        "timeInterval": {"start": "2026-11-19T09:00:00Z", "end": "2026-11-19T09:30:00Z"},
    }))
    .unwrap()
}

fn effect(state: State) -> Effect {
    let written = entry("1", "ours");
    Effect {
        name: EffectName::new(ResourceId::default_tenant(), Uuid::nil()),
        sync: "s".parse().unwrap(),
        source_key: "conferenceRecords/a".into(),
        state,
        payload: Wanted::of(&written),
        payload_hash: "wish".into(),
        stale: false,
        entry_id: None,
        entry_hash: None,
        edited: false,
        adopted: false,
        sends: 1,
        run: None,
        answer_by: None,
        note: String::new(),
        starts_at: at(0),
        updated_at: at(0),
    }
}

fn done() -> Effect {
    Effect {
        entry_id: Some("1".into()),
        entry_hash: Some(entry::hash(&entry("1", "ours"))),
        ..effect(State::Done)
    }
}

fn adopted(id: &str, how: Adoption) -> Action {
    Action::Adopt {
        entry_id: id.into(),
        how,
    }
}

#[test]
fn nothing_known_and_nothing_there_is_written() {
    assert_eq!(decide_for("wish", None, &[], look()), Action::Create);
}

#[test]
fn an_entry_that_we_know_nothing_of_is_taken_over_the_oldest_first() {
    let (old, young) = (entry("1", "x"), entry("2", "x"));
    let action = decide_for("wish", None, &[&old, &young], look());
    assert_eq!(action, adopted("1", Adoption::Theirs));
}

#[test]
fn an_unanswered_write_is_never_sent_again_before_its_time_is_over() {
    for state in [State::Sending, State::Unknown] {
        let open = |answer_by| Effect {
            answer_by: Some(answer_by),
            ..effect(state)
        };
        let wait = decide_for("wish", Some(&open(at(999))), &[], look());
        assert_eq!(wait, Action::Wait(at(1004)));
        let over = decide_for("wish", Some(&open(at(995))), &[], look());
        assert_eq!(over, Action::Create);
    }
}

#[test]
fn an_unanswered_write_that_shows_is_ours_at_once() {
    let open = Effect {
        answer_by: Some(at(2000)),
        ..effect(State::Sending)
    };
    let there = entry("7", "ours");
    let action = decide_for("wish", Some(&open), &[&there], look());
    assert_eq!(action, adopted("7", Adoption::Ours));
}

#[test]
fn an_unanswered_update_that_did_not_arrive_is_waited_for_and_then_done_again() {
    let old = entry("1", "before");
    let open = |answer_by| Effect {
        answer_by: Some(answer_by),
        entry_id: Some("1".into()),
        entry_hash: Some(entry::hash(&old)),
        ..effect(State::Unknown)
    };
    let early = decide_for("wish", Some(&open(at(999))), &[&old], look());
    assert_eq!(early, Action::Wait(at(1004)));
    let late = decide_for("wish", Some(&open(at(900))), &[&old], look());
    assert_eq!(late, adopted("1", Adoption::NotUpdated));
}

#[test]
fn what_the_user_did_wins() {
    let edited = entry("1", "mine now");
    let action = decide_for("other wish", Some(&done()), &[&edited], look());
    assert_eq!(action, Action::Skip(Skip::Edited));
    let gone = decide_for("wish", Some(&done()), &[], look());
    assert_eq!(
        gone,
        Action::LookFor {
            entry_id: "1".into()
        }
    );
    let deleted = decide_for("wish", Some(&effect(State::Tombstoned)), &[], look());
    assert_eq!(deleted, Action::Skip(Skip::Deleted));
}

#[test]
fn only_our_own_unlocked_entries_are_brought_up_to_date() {
    let ours = entry("1", "ours");
    assert_eq!(
        decide_for("wish", Some(&done()), &[&ours], look()),
        Action::Skip(Skip::Unchanged)
    );
    assert_eq!(
        decide_for("other wish", Some(&done()), &[&ours], look()),
        Action::Update
    );
    let theirs = Effect {
        adopted: true,
        ..done()
    };
    assert_eq!(
        decide_for("other wish", Some(&theirs), &[&ours], look()),
        Action::Skip(Skip::Unchanged)
    );
    let locked = Entry {
        is_locked: true,
        ..entry("1", "ours")
    };
    assert_eq!(
        decide_for("other wish", Some(&done()), &[&locked], look()),
        Action::Skip(Skip::Unchanged)
    );
}

#[test]
fn the_entry_of_another_sync_is_not_changed() {
    let ours = entry("1", "ours");
    let theirs = Effect {
        sync: "another".parse().unwrap(),
        ..done()
    };
    let action = decide_for("other wish", Some(&theirs), &[&ours], look());
    assert_eq!(action, Action::Skip(Skip::Unchanged));
}

#[test]
fn a_refused_entry_is_tried_again() {
    assert_eq!(
        decide_for("wish", Some(&effect(State::Failed)), &[], look()),
        Action::Create
    );
}
