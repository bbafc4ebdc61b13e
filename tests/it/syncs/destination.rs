//! Calls to the destination: no more than needed, and not all of them held up by one that was too many.

use super::Desk;
use crate::kit::{self, Database};
use chrono::TimeDelta;
use syncline::{
    base::{ResourceId, TokenName},
    simulator::{
        faults::{Canned, Effect, Rule, When},
        world::Meeting,
    },
    syncs::{
        definition::Definition,
        destination::{Destination, FIRST_WORKSPACE},
    },
    tokens,
};

kit::each_engine!(
    a_first_run_asks_once_whose_the_key_is,
    whose_entries_they_are_is_known_without_a_call_and_of_a_revoked_token,
    an_entry_that_was_too_many_goes_behind_the_others,
);

fn key() -> TokenName {
    TokenName::new(ResourceId::default_tenant(), "clockify".parse().unwrap())
}

fn add_meetings(desk: &Desk, count: i64) {
    for number in 0..count {
        let start = desk.ago(3 + 2 * number);
        desk.sim
            .world()
            .add_meeting(Meeting::between(start, start + TimeDelta::minutes(30)).titled("Weekly"));
    }
}

async fn a_first_run_asks_once_whose_the_key_is(database: Database) {
    let desk = Desk::empty(database).await;
    add_meetings(&desk, 3);
    let sync = desk.sync("s", Definition::default()).await;
    desk.sim.calls().clear();
    assert_eq!(desk.run_well(&sync).await.created, 3);
    assert_eq!(desk.sim.calls().count("clockify.user.get"), 1);
}

async fn whose_entries_they_are_is_known_without_a_call_and_of_a_revoked_token(database: Database) {
    let desk = Desk::empty(database).await;
    for workspace in ["", FIRST_WORKSPACE, "64a687e29ae1f428e7ebe303"] {
        let definition = Definition {
            workspace: workspace.to_owned(),
            ..Definition::default()
        };
        let asked = Destination::account_of(&desk.app, &key(), &definition)
            .await
            .unwrap();
        desk.sim.calls().clear();
        let known = Destination::account_of(&desk.app, &key(), &definition)
            .await
            .unwrap();
        assert_eq!(known, asked);
        assert!(desk.sim.calls().is_empty());
    }
    tokens::revoke(&desk.app, &key()).await.unwrap();
    Destination::account_of(&desk.app, &key(), &Definition::default())
        .await
        .unwrap();
    assert!(desk.sim.calls().is_empty());
}

async fn an_entry_that_was_too_many_goes_behind_the_others(database: Database) {
    // Two batches of 64 and some.
    const MEETINGS: usize = 138;
    let desk = Desk::empty(database).await;
    add_meetings(&desk, MEETINGS as i64);
    let too_many = Canned {
        status: 429,
        body: String::new(),
        content_type: "application/json".to_owned(),
        headers: Vec::new(),
    };
    desk.sim.faults().add(Rule::on(
        "clockify.timeEntries.create",
        When::Nth(1),
        Effect::Reply(too_many),
    ));
    let sync = desk.sync("s", Definition::default()).await;
    let summary = desk.run_well(&sync).await;
    assert_eq!(summary.created, MEETINGS as u64, "{summary:?}");
    desk.assert_each_once(MEETINGS);
    // The entries in the order in which they were made; the meetings are written from the oldest on.
    let starts: Vec<_> = desk
        .sim
        .world()
        .entries()
        .iter()
        .map(|entry| entry.span.start)
        .collect();
    let mut by_start = starts.clone();
    by_start.sort_unstable();
    // Whoever of the first batch is slow to arrive comes late, too, but not all of them: nobody waited for the refused one.
    let last = &starts[127..];
    let late = last
        .iter()
        .filter(|start| by_start[..64].contains(start))
        .count();
    assert!(0 < late && late < last.len(), "{late} of {}", last.len());
}
