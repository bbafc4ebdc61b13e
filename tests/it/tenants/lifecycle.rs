//! Made, changed, removed.

use super::*;
use crate::kit::each_engine;
use syncline::{
    db::{Engine, fetch_all},
    tenants::{
        State,
        delete::delete,
        list,
        update::{Update, update},
    },
};

each_engine!(
    a_tenant_is_made_once_and_named_after_its_id,
    all_that_is_wrong_is_named_at_once,
    a_change_changes_what_is_meant_and_nothing_else,
    a_change_of_something_older_is_refused,
    a_tenant_with_something_to_lose_stays,
    a_removed_tenant_is_gone_with_all_it_had_but_its_audit,
    the_default_tenant_stays,
    a_new_name_makes_no_process_read_its_keys_again_and_another_state_does,
    every_table_with_rows_of_tenants_is_emptied,
    pages_lead_through_all_tenants,
);

async fn a_tenant_is_made_once_and_named_after_its_id(database: Database) {
    let house = House::open(database).await;
    let made = house.made("acme").await;
    assert_eq!(
        (made.display_name.as_str(), made.state),
        ("acme", State::Active)
    );
    let again = Create {
        id: "acme".to_owned(),
        display_name: "Another".to_owned(),
        ..Create::default()
    };
    let error = create(&house.app, again).await.unwrap_err();
    assert_eq!(reason(&error), "ALREADY_EXISTS");
    let found = list::get(&house.app, &made.id).await.unwrap();
    assert_eq!(
        (found.display_name.as_str(), found.etag()),
        ("acme", made.etag())
    );
}

/// The number by which processes see that who may call has changed.
async fn changes(house: &House) -> i64 {
    const SQL: &str = "SELECT version FROM access_changes";
    let scope = Scope::System("a test");
    let mut tx = house.app.db.read(scope).await.unwrap();
    fetch_all!(tx, (i64,), SQL).unwrap()[0].0
}

async fn a_new_name_makes_no_process_read_its_keys_again_and_another_state_does(
    database: Database,
) {
    let house = House::open(database).await;
    house.made("acme").await;
    let named = Update {
        name: "tenants/acme".to_owned(),
        ..Update::default()
    };
    let before = changes(&house).await;
    for harmless in [
        Update {
            display_name: "Another".to_owned(),
            ..named.clone()
        },
        Update {
            allowed_domains: vec!["example.org".to_owned()],
            ..named.clone()
        },
    ] {
        update(&house.app, harmless).await.unwrap();
        assert_eq!(changes(&house).await, before);
    }
    let disabled = Update {
        state: Some(State::Disabled),
        ..named
    };
    update(&house.app, disabled).await.unwrap();
    assert!(changes(&house).await > before);
}

async fn all_that_is_wrong_is_named_at_once(database: Database) {
    let house = House::open(database).await;
    let wrong = Create {
        id: "Acme".to_owned(),
        display_name: "a\nb".to_owned(),
        allowed_domains: ["example.org", "*", "https://example.org/path"]
            .map(str::to_owned)
            .to_vec(),
        ..Create::default()
    };
    let error = create(&house.app, wrong).await.unwrap_err();
    let expected = [
        "tenant_id",
        "tenant.display_name",
        "tenant.allowed_domains[1]",
        "tenant.allowed_domains[2]",
    ];
    assert_eq!(fields(&error), expected);
    let wrong = Update {
        name: "acme".to_owned(),
        mask: ["state", "colour"].map(str::to_owned).to_vec(),
        ..Update::default()
    };
    let error = update(&house.app, wrong).await.unwrap_err();
    assert_eq!(
        fields(&error),
        ["tenant.name", "update_mask", "tenant.state"]
    );
}

async fn a_change_changes_what_is_meant_and_nothing_else(database: Database) {
    let house = House::open(database).await;
    let before = house.made("acme").await;
    house.clock.advance(chrono::TimeDelta::minutes(1));
    let domains = ["EXAMPLE.org/", "example.org", "*.example.org"].map(str::to_owned);
    let change = Update {
        name: before.name(),
        etag: before.etag(),
        allowed_domains: domains.to_vec(),
        ..Update::default()
    };
    let after = update(&house.app, change).await.unwrap();
    assert_eq!(after.allowed_domains.0, ["example.org", "*.example.org"]);
    assert_eq!(
        (after.state, &after.display_name),
        (State::Active, &before.display_name)
    );
    assert!(after.updated_at > before.updated_at && after.etag() != before.etag());

    let change = Update {
        name: before.name(),
        mask: vec!["allowed_domains".to_owned(), "display_name".to_owned()],
        state: Some(State::Paused),
        ..Update::default()
    };
    let after = update(&house.app, change).await.unwrap();
    assert!(after.allowed_domains.is_empty(), "named and empty is all");
    assert_eq!(after.state, State::Active, "not named in the mask");
    let read = list::get(&house.app, &before.id).await.unwrap();
    assert_eq!(read.etag(), after.etag());
    assert_eq!(read.updated_at, house.app.db.now());
}

async fn a_change_of_something_older_is_refused(database: Database) {
    let house = House::open(database).await;
    let before = house.made("acme").await;
    let change = |state| Update {
        name: before.name(),
        etag: before.etag(),
        state: Some(state),
        ..Update::default()
    };
    update(&house.app, change(State::Paused)).await.unwrap();
    let error = update(&house.app, change(State::Active)).await.unwrap_err();
    assert_eq!(reason(&error), "CHANGED_MEANWHILE");
    let error = delete(&house.app, &before.id, &before.etag())
        .await
        .unwrap_err();
    assert_eq!(reason(&error), "CHANGED_MEANWHILE");
}

const PUT_TOKEN: &str = "INSERT INTO tokens (tenant_id, token_id, provider, kind, display_name, state, state_reason, scopes, \
    version, grant_version, refresh_fence, refresh_failures, created_at, updated_at) \
    VALUES ($1, 'clockify', 'clockify', 'api_key', '', 'active', '', '', 1, 1, 0, 0, $2, $2)";
const PUT_LINK: &str = "INSERT INTO token_links (tenant_id, link_hash, token_id, scopes, login_hint, ask_again, made_by, expires_at) \
    VALUES ($1, 'h', 't', '', '', false, '', $2)";

async fn a_tenant_with_something_to_lose_stays(database: Database) {
    let house = House::open(database).await;
    let made = house.made("acme").await;
    house.put(PUT_TOKEN, "acme").await;
    let error = delete(&house.app, &made.id, "").await.unwrap_err();
    assert_eq!(reason(&error), "TENANT_NOT_EMPTY");
    assert!(error.to_string().contains("tokens"), "{error}");
    let name = syncline::base::TokenName::parse("name", "tenants/acme/tokens/clockify").unwrap();
    tokens::delete(&house.app, &name, "").await.unwrap();
    delete(&house.app, &made.id, "").await.unwrap();
}

async fn a_removed_tenant_is_gone_with_all_it_had_but_its_audit(database: Database) {
    let house = House::open(database).await;
    let made = house.made("acme").await;
    house.put(PUT_LINK, "acme").await;
    let look = syncline::tenants::widget::Update {
        name: "tenants/acme/widget".to_owned(),
        primary_color: "#12ab9F".to_owned(),
        ..Default::default()
    };
    syncline::tenants::widget::update(&house.app, look)
        .await
        .unwrap();
    delete(&house.app, &made.id, &made.etag()).await.unwrap();
    let error = list::get(&house.app, &made.id).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
    let error = delete(&house.app, &made.id, "").await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");

    let again = house.made("acme").await;
    let widget = syncline::tenants::widget::get(&house.app, &again.id)
        .await
        .unwrap();
    assert_eq!(widget, Default::default(), "nothing of the old one is left");
    let audit = "SELECT tenant_id, action FROM audit_entries WHERE resource LIKE 'tenants/acme%' ORDER BY entry_id";
    let mut tx = house.app.db.read(Scope::System("a test")).await.unwrap();
    let seen = fetch_all!(tx, (String, String), audit).unwrap();
    let seen: Vec<_> = seen
        .iter()
        .map(|(tenant, action)| (tenant.as_str(), action.as_str()))
        .collect();
    let expected = [
        ("", "tenant.create"),
        ("", "widget.update"),
        ("", "tenant.delete"),
        ("acme", "tenant.create"),
    ];
    assert_eq!(
        seen, expected,
        "what was done in the old one is the installation's"
    );
}

async fn the_default_tenant_stays(database: Database) {
    let house = House::open(database).await;
    let error = delete(&house.app, &id("default"), "").await.unwrap_err();
    assert_eq!(reason(&error), "TENANT_NEEDED");
}

async fn every_table_with_rows_of_tenants_is_emptied(database: Database) {
    let engine = database.engine();
    let house = House::open(database).await;
    // Rows that end with others' by themselves need nobody.
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.name = 'tenant_id' WHERE m.type = 'table' \
             AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(m.name) f WHERE f.on_delete = 'CASCADE')"
        }
        Engine::Postgres => {
            "SELECT CAST(c.table_name AS TEXT) FROM information_schema.columns c \
             WHERE c.column_name = 'tenant_id' AND c.table_schema = current_schema() AND NOT EXISTS (SELECT 1 FROM pg_constraint f \
             WHERE f.contype = 'f' AND f.confdeltype = 'c' AND f.conrelid = CAST(CAST(c.table_name AS TEXT) AS regclass))"
        }
    };
    let mut tx = house.app.db.read(Scope::System("a test")).await.unwrap();
    let mut found: Vec<String> = fetch_all!(tx, (String,), sql)
        .unwrap()
        .into_iter()
        .map(|(name,)| name)
        .collect();
    // The tenant itself goes last, and its audit stays.
    found.retain(|name| name != "tenants" && !name.starts_with("audit_"));
    found.sort_unstable();
    let mut emptied: Vec<_> = syncline::tenants::owned_tables().collect();
    emptied.sort_unstable();
    assert_eq!(
        emptied, found,
        "src/tenants/store.rs lists what a tenant owns"
    );
}

async fn pages_lead_through_all_tenants(database: Database) {
    let house = House::open(database).await;
    for tenant in ["a", "b", "c", "d"] {
        house.made(tenant).await;
    }
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let (page, next) = list::list(&house.app, 2, &token).await.unwrap();
        seen.extend(page.into_iter().map(|tenant| tenant.id.to_string()));
        token = next;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d", "default"]);
    let error = list::list(&house.app, -1, "x").await.unwrap_err();
    assert_eq!(fields(&error), ["page_size", "page_token"]);
}
