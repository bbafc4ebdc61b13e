//! Makes a key.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, Role, Secret, Violation, error::all_valid, name::parse_parent},
    db::Tx,
    tenants::{
        gather,
        keys::{
            Key, KeyName, Kind, ceiling::Ceiling, check_display_name, check_rate_limit, check_role,
            owner, secret, store,
        },
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct Create {
    /// `tenants/{tenant}`, or empty for the default one.
    pub parent: String,
    /// It reaches the whole installation instead of a tenant.
    pub instance: bool,
    /// For people.
    pub display_name: String,
    /// What it is for; secret when not said.
    pub kind: Option<Kind>,
    /// What it allows; viewer when not said.
    pub role: Option<Role>,
    /// Calls in a minute; the setting when 0.
    pub rate_limit: i64,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// It is for trying things out.
    pub test: bool,
}

/// Makes the key: the only time that anybody sees it. All wrong fields are named at once; [`Error::Denied`] for a role that
/// the caller does not have. A caller that is a key itself gives its own end, limit and access rules at most.
pub async fn create(app: &App, create: Create) -> Result<(Key, Secret)> {
    let now = app.db.now();
    let ceiling = Ceiling::of(app).await?;
    let key = check(create.clone(), now, &ceiling)?;
    check_role(key.name.tenant.as_ref(), key.role)?;
    let scope = owner(key.name.tenant.as_ref())?;
    let mut tx = app.db.write(scope).await?;
    let (key, secret) = add(&mut tx, key, create.test, "api_key.create").await?;
    ceiling.hand_down(&mut tx, &key.name).await?;
    tx.commit().await?;
    tracing::info!(
        key.name = %key.name,
        key.role = %key.role,
        key.kind = %key.kind,
        "a key was made"
    );
    Ok((key, secret))
}

/// Adds a key with a new text, which gives it its prefix; `action` is what the audit calls that.
pub(super) async fn add(
    tx: &mut Tx,
    mut key: Key,
    test: bool,
    action: &'static str,
) -> Result<(Key, Secret)> {
    let text = secret::generate(key.kind, test)?;
    key.prefix = secret::prefix(text.expose());
    if !store::insert(tx, &key, &secret::stored_of(&text)).await? {
        // Nobody draws the same 256 bits twice.
        let tenant = format!("tenants/{}", key.name.tenant_id());
        return Err(Error::not_found("tenant", tenant));
    }
    let detail = format!("{} key {}…, {}", key.kind, key.prefix, key.role);
    let entry = Entry::new(key.name.tenant.clone(), action, &key.name).detail(detail);
    audit::record(tx, entry, key.created_at).await?;
    Ok((key, text))
}

fn check(create: Create, now: DateTime<Utc>, ceiling: &Ceiling) -> Result<Key> {
    let mut wrong = Vec::new();
    let kind = create.kind.unwrap_or(Kind::Secret);
    let tenant = match create.instance {
        true => {
            if !create.parent.is_empty() {
                let expected = "expected nothing, because the key is for the whole installation";
                wrong.push(Violation::new("parent", expected));
            }
            if kind == Kind::Widget {
                let expected = "expected false: a widget belongs to a tenant";
                wrong.push(Violation::new("instance", expected));
            }
            None
        }
        false => gather(&mut wrong, parse_parent("parent", &create.parent)),
    };
    if kind == Kind::Widget && create.test {
        wrong.push(Violation::new(
            "test",
            "expected false: keys of widgets have one form",
        ));
    }
    let role = create.role.unwrap_or(Role::Viewer);
    if kind == Kind::Widget && role != Role::Viewer {
        let expected = "expected ROLE_VIEWER: everybody can read a widget's key";
        wrong.push(Violation::new("api_key.role", expected));
    }
    check_display_name(&mut wrong, "api_key.display_name", &create.display_name);
    check_rate_limit(&mut wrong, "api_key.rate_limit", create.rate_limit);
    if create.expires_at.is_some_and(|end| end <= now) {
        wrong.push(Violation::new(
            "api_key.expire_time",
            "expected a moment to come",
        ));
    }
    let mut key = Key {
        name: KeyName {
            tenant,
            id: Uuid::now_v7(),
        },
        display_name: create.display_name,
        kind,
        role,
        prefix: String::new(),
        rate_limit: create.rate_limit,
        rotation_reason: String::new(),
        created_at: now,
        expires_at: create.expires_at,
        revoked_at: None,
        rotated_at: None,
        last_used_at: None,
        last_used_address: None,
    };
    ceiling.check(&mut wrong, &mut key);
    all_valid(wrong)?;
    Ok(key)
}
