//! Who did what to tokens, from where, and with what result.

use super::*;
use crate::kit::each_engine;
use std::{collections::BTreeSet, net::IpAddr};
use syncline::{
    api::v1::{AuditEntry, ListAuditEntriesRequest, ListAuditEntriesResponse},
    audit::{self, By, Counted, Entry},
    base::{Caller, Needs, Permissions, Role, Who, reach::Reach},
    db::Scope,
};

each_engine!(
    what_is_done_to_a_token_is_listed_with_who_did_it_from_where_and_its_outcome,
    reads_are_listed_as_counts_for_each_caller_token_and_minute,
    pages_neither_skip_nor_repeat,
    every_field_can_be_filtered_and_times_bound_the_list,
    the_audit_of_the_installation_is_for_its_admins,
);

fn ada(permissions: Permissions) -> Arc<Caller> {
    Arc::new(Caller {
        name: "tenants/default/apiKeys/ada".to_owned(),
        who: Who::Password,
        permissions,
        address: Some(IpAddr::from([192, 0, 2, 7])),
    })
}

/// Does it as Ada, who may do everything.
async fn as_ada<T>(work: impl Future<Output = T>) -> T {
    let caller = ada(Permissions::Instance(Role::Admin));
    let reach = Reach::new(caller, Needs::Tenant(Role::Admin));
    reach.contain(work).await
}

pub(super) async fn list(app: &App, request: ListAuditEntriesRequest) -> ListAuditEntriesResponse {
    audit::list(app, request).await.unwrap()
}

pub(super) async fn matching(app: &App, filter: &str) -> Vec<AuditEntry> {
    let filter = filter.to_owned();
    let request = ListAuditEntriesRequest {
        filter,
        ..Default::default()
    };
    list(app, request).await.audit_entries
}

fn what(entry: &AuditEntry) -> (&str, &str, &str) {
    (&entry.action, &entry.actor, &entry.outcome)
}

async fn what_is_done_to_a_token_is_listed_with_who_did_it_from_where_and_its_outcome(
    database: Database,
) {
    let office = Office::open(database).await;
    let app = &office.app;
    let name = as_ada(office.google()).await;
    // Nobody calls.
    access(app, &name).await;
    office.advance(TimeDelta::hours(2));
    office.fault(TOKEN, When::Nth(1), reply(503, ""));
    try_access(app, &name).await.unwrap_err();
    let update = tokens::Update {
        name: name.to_string(),
        display_name: "mine".to_owned(),
        ..tokens::Update::default()
    };
    office.advance(TimeDelta::seconds(1));
    as_ada(tokens::update(app, update)).await.unwrap();
    office.advance(TimeDelta::seconds(1));
    as_ada(tokens::revoke(app, &name)).await.unwrap();
    office.advance(TimeDelta::seconds(1));
    as_ada(tokens::delete(app, &name, "")).await.unwrap();

    let entries = matching(app, &format!("resource = {name}")).await;
    let actor = "tenants/default/apiKeys/ada";
    assert_eq!(
        entries.iter().map(what).collect::<Vec<_>>(),
        [
            ("token.delete", actor, "done"),
            ("token.revoke", actor, "done"),
            ("token.update", actor, "done"),
            ("token.refresh", "syncline", "UNKNOWN_OUTCOME"),
            ("token.refresh", "syncline", "done"),
            ("token.create", actor, "done"),
        ]
    );
    assert_eq!(entries[0].address, "192.0.2.7");
    assert_eq!(entries[4].address, "");
    assert!(entries.iter().all(|entry| entry.count == 1));

    tokens::rotate(app).await.unwrap();
    let request = ListAuditEntriesRequest {
        instance: true,
        ..Default::default()
    };
    let own = list(app, request).await.audit_entries;
    assert_eq!(what(&own[0]), ("key.rotate", "syncline", "done"));
}

async fn reads_are_listed_as_counts_for_each_caller_token_and_minute(database: Database) {
    let office = Office::open(database).await;
    let app = &office.app;
    let name = office.clockify().await;
    let read = async |name_of_caller| {
        let by = By {
            name: name_of_caller,
            address: Some(IpAddr::from([192, 0, 2, 8])),
        };
        tokens::issue(app, &name, TimeDelta::minutes(1), &[], by)
            .await
            .unwrap();
    };
    for caller in ["one", "one", "two"] {
        read(caller).await;
    }
    audit::flush(app).await.unwrap();
    read("one").await;
    audit::flush(app).await.unwrap();
    office.advance(TimeDelta::minutes(1));
    read("one").await;
    audit::flush(app).await.unwrap();
    let reads = matching(app, &format!("resource = {name} AND action = token.read")).await;
    let mut counts: Vec<_> = reads
        .iter()
        .map(|entry| {
            (
                entry.time.unwrap().seconds % 3600,
                entry.actor.as_str(),
                entry.count,
            )
        })
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [(0, "one", 3), (0, "two", 1), (60, "one", 1)]);
    assert!(reads.iter().all(|entry| entry.address == "192.0.2.8"));

    // What was refused is counted too, but not what callers make up.
    tokens::revoke(app, &name).await.unwrap();
    let service = tokens::Service::new(app.clone());
    use syncline::api::v1::{IssueAccessTokenRequest, token_service_server::TokenService as _};
    for id in ["clockify", "clockify", "made-up"] {
        let request = IssueAccessTokenRequest {
            name: format!("tenants/default/tokens/{id}"),
            ..Default::default()
        };
        let asked = as_ada(service.issue_access_token(tonic::Request::new(request)));
        asked.await.unwrap_err();
    }
    audit::flush(app).await.unwrap();
    let refused = matching(app, "action = token.read AND outcome = TOKEN_REVOKED").await;
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].count, 2);
    assert_eq!(refused[0].actor, "tenants/default/apiKeys/ada");
    assert_eq!(refused[0].resource, name.to_string());
}

/// So many entries, and as many reads, of few moments.
pub(super) async fn much(office: &Office, moments: usize) {
    for at in 0..moments {
        let mut tx = office
            .app
            .db
            .write(Scope::Tenant(ResourceId::default_tenant()))
            .await
            .unwrap();
        for number in 0..7 {
            let tenant = Some(ResourceId::default_tenant());
            let entry = Entry::new(tenant, "test.do", format!("thing/{at}-{number}"));
            audit::record(&mut tx, entry, office.clock.now())
                .await
                .unwrap();
        }
        for number in 0..5 {
            let tenant = ResourceId::default_tenant();
            let resource = format!("count/{at}-{number}");
            let counted = Counted::done(Some(&tenant), "test.count", resource, "me".into());
            audit::count(&office.app, counted.clone());
            audit::count(&office.app, counted);
        }
        tx.commit().await.unwrap();
        audit::flush(&office.app).await.unwrap();
        office.advance(TimeDelta::minutes(1));
    }
}

async fn pages_neither_skip_nor_repeat(database: Database) {
    let office = Office::open(database).await;
    much(&office, 4).await;
    let everything: Vec<_> = matching(&office.app, "").await;
    assert_eq!(everything.len(), 48);
    let times: Vec<_> = everything
        .iter()
        .map(|entry| entry.time.unwrap().seconds)
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    for size in [1, 5, 12, 47] {
        let mut request = ListAuditEntriesRequest {
            page_size: size,
            ..Default::default()
        };
        let mut seen = Vec::new();
        loop {
            let page = list(&office.app, request.clone()).await;
            seen.extend(page.audit_entries);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
            // What is done meanwhile is newer than all pages.
            if size == 47 {
                much(&office, 1).await;
            }
        }
        assert_eq!(seen, everything, "pages of {size}");
    }
    let distinct: BTreeSet<_> = everything.iter().map(|entry| &entry.resource).collect();
    assert_eq!(distinct.len(), 48);
}

async fn every_field_can_be_filtered_and_times_bound_the_list(database: Database) {
    let office = Office::open(database).await;
    let begin = office.clock.now();
    as_ada(much(&office, 2)).await;
    for (filter, expected) in [
        ("actor = me", 10),
        ("actor = tenants/default/apiKeys/ada", 14),
        ("address = 192.0.2.7 AND action = test.do", 14),
        ("address = 192.0.2.8", 0),
        ("resource = thing/1-3", 1),
        ("outcome = done AND action = test.count", 10),
        ("outcome = ROLE_TOO_LOW", 0),
        ("action = test.*", 24),
        ("action = test.d*", 14),
        ("action = \"test.*\" AND actor = \"tenants/default/*\"", 14),
        ("actor = m*", 10),
        // No letter stands for another.
        ("actor = M*", 0),
        ("action = test_*", 0),
        ("action = test%*", 0),
        ("resource = thing/1-*", 7),
        ("resource = \"thing/1-3*\"", 1),
        ("resource = count* AND outcome = d*", 10),
        ("address = 192.0.2.*", 14),
        ("address = 192.0.3.*", 0),
    ] {
        assert_eq!(
            matching(&office.app, filter).await.len(),
            expected,
            "{filter}"
        );
    }
    let minute = begin + TimeDelta::minutes(1);
    for (start, end, expected) in [
        (None, Some(minute), 12),
        (Some(minute), None, 12),
        (Some(begin), Some(minute + TimeDelta::seconds(1)), 24),
        (Some(minute), Some(minute), 0),
    ] {
        let request = ListAuditEntriesRequest {
            start_time: start.map(Into::into),
            end_time: end.map(Into::into),
            ..Default::default()
        };
        let entries = list(&office.app, request).await.audit_entries;
        assert_eq!(entries.len(), expected, "{start:?} {end:?}");
    }
    let wrong = ListAuditEntriesRequest {
        parent: "x".to_owned(),
        filter: "colour = red".to_owned(),
        start_time: Some(minute.into()),
        end_time: Some(begin.into()),
        page_size: -1,
        page_token: "x".to_owned(),
        ..Default::default()
    };
    let error = audit::list(&office.app, wrong).await.unwrap_err();
    assert_eq!(
        fields(&error),
        ["parent", "end_time", "page_size", "page_token", "filter"]
    );
    for wrong in ["action = *", "action = to*en", "actor = \"*a\""] {
        let wrong = ListAuditEntriesRequest {
            filter: wrong.to_owned(),
            ..Default::default()
        };
        let error = audit::list(&office.app, wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["filter"]);
        assert!(error.to_string().contains("as in token.*"), "{error}");
    }
}

async fn the_audit_of_the_installation_is_for_its_admins(database: Database) {
    let office = Office::open(database).await;
    tokens::rotate(&office.app).await.unwrap();
    let ask = async |permissions: Permissions, instance: bool| {
        let reach = Reach::new(ada(permissions), Needs::Tenant(Role::Admin));
        let request = ListAuditEntriesRequest {
            instance,
            ..Default::default()
        };
        reach.contain(audit::list(&office.app, request)).await
    };
    let all = ask(Permissions::Instance(Role::Admin), true).await.unwrap();
    assert_eq!(all.audit_entries.len(), 1);
    let tenant = || Permissions::tenant(ResourceId::default_tenant(), Role::Admin);
    let own = ask(tenant(), false).await.unwrap();
    assert_eq!(own.audit_entries.len(), 0);
    let refused = ask(tenant(), true).await.unwrap_err();
    assert_eq!(reason(&refused), "ROLE_TOO_LOW");
    let elsewhere = Permissions::tenant("other".parse().unwrap(), Role::Admin);
    let refused = ask(elsewhere, false).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_FOUND");
}
