//! Calendar events of meetings that two syncs share.

use super::{Desk, entries::stored};
use crate::kit::{self, Database};
use syncline::{
    base::ResourceId,
    db::Scope,
    simulator::world::{Event, Meeting},
    syncs::{
        SourceAccount,
        definition::Definition,
        meeting::{self, Sighting},
        preview, store,
    },
};

async fn each_of_two_syncs_keeps_the_title_of_its_own_calendar(database: Database) {
    let desk = Desk::empty(database).await;
    // So long ago that only the first run of each sync reads its events.
    let (start, end) = (desk.ago(72), desk.ago(71));
    let made = desk
        .sim
        .world()
        .add_meeting(Meeting::between(start, end).titled("Mine"));
    let team = desk.sim.world().add_calendar("team");
    let event = Event {
        summary: Some("Theirs".into()),
        code: Some(made.code),
        ..Event::between(start, end)
    };
    desk.sim
        .world()
        .add_event(&team, event)
        .expect("it is there");
    let mine = desk.sync("mine", Definition::default()).await;
    let calendars = vec![team];
    let definition = Definition {
        calendars,
        ..Definition::default()
    };
    let theirs = desk.sync("theirs", definition).await;
    assert_eq!(desk.run_well(&mine).await.created, 1);
    for round in 0..2 {
        for sync in [&theirs, &mine] {
            let summary = desk.run_well(sync).await;
            assert_eq!(
                (summary.updated, summary.skipped),
                (0, 1),
                "{round} {summary:?}"
            );
            let text = desk.sim.world().entries()[0].description.clone();
            assert!(text.starts_with("Mine"), "{round} {text}");
        }
    }
    for (sync, title) in [(&mine, "Mine"), (&theirs, "Theirs")] {
        let sync = stored(&desk, sync).await;
        let preview = preview::of(&desk.app, &sync, 0).await.unwrap();
        assert_eq!(preview.plans[0].case.meeting.title(), Some(title));
    }
}

fn shown_by(calendar: &str, start: chrono::DateTime<chrono::Utc>) -> meeting::Meeting {
    meeting::Meeting {
        conference: "conferenceRecords/shared".into(),
        space: None,
        code: None,
        start,
        end: Some(start),
        sessions: Vec::new(),
        others: 0,
        event: None,
        events: vec![Sighting {
            event: meeting::Event {
                title: Some(calendar.into()),
                calendar: calendar.into(),
                domains: Vec::new(),
                declined: false,
            },
            overlap: 0,
        }],
        reading: meeting::Reading::Done,
    }
}

async fn two_syncs_that_store_one_meeting_in_the_same_instant_keep_both_events(database: Database) {
    let db = database.connect().await;
    let tenant = ResourceId::default_tenant();
    let account = SourceAccount {
        provider: "google",
        id: "me".into(),
    };
    let scope = Scope::Tenant(tenant.clone());
    let now = db.now();
    for (round, calendars) in [["a", "b"], ["b", "a"]].into_iter().enumerate() {
        let mut first = db.write(scope.clone()).await.unwrap();
        store::records::put(
            &mut first,
            &tenant,
            &account,
            &shown_by(calendars[0], now),
            now,
        )
        .await
        .unwrap();
        let second = tokio::spawn({
            let (db, scope) = (db.clone(), scope.clone());
            let (tenant, account) = (tenant.clone(), account.clone());
            async move {
                let mut tx = db.write(scope).await.unwrap();
                store::records::put(
                    &mut tx,
                    &tenant,
                    &account,
                    &shown_by(calendars[1], now),
                    now,
                )
                .await
                .unwrap();
                tx.commit().await.unwrap();
            }
        });
        first.commit().await.unwrap();
        second.await.unwrap();
        let mut tx = db.read(scope.clone()).await.unwrap();
        let records = store::records::since(&mut tx, &tenant, &account, now)
            .await
            .unwrap();
        let seen: Vec<_> = records[0]
            .meeting
            .events
            .iter()
            .map(|seen| seen.event.calendar.as_str())
            .collect();
        assert_eq!(seen, ["a", "b"], "{round}");
    }
}

kit::each_engine!(
    each_of_two_syncs_keeps_the_title_of_its_own_calendar,
    two_syncs_that_store_one_meeting_in_the_same_instant_keep_both_events,
);
