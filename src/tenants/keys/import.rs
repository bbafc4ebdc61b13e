//! Takes over keys of the systems that this one replaces, so that they go on working.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, Role, Secret, TenantId, Violation, error::all_valid},
    tenants::keys::{
        Key, KeyName, Kind, check_display_name, check_rate_limit, check_role, check_unbounded,
        owner, secret, store,
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Why a key with bcrypt's hash should be replaced.
const SLOW: &str = "it came with a hash that is slow to check: give its holder a new one";

/// A hash of a higher cost would hold up everybody who shows such a key.
const MOST_BCRYPT_COST: u32 = 15;

/// What is known of an imported key.
#[derive(Clone, Debug)]
pub enum Shown {
    /// The key itself, as in a database that keeps it in clear. It is hashed here.
    Clear(Secret),
    /// The SHA-256 of the whole key in hexadecimal, and how the key begins.
    Sha256 {
        /// 64 digits.
        hash: String,
        /// Empty where that is not known.
        prefix: String,
    },
    /// bcrypt's hash, and how the key begins. Its first use shows it; then its SHA-256 is kept instead.
    Bcrypt {
        /// As in `$2b$10$…`.
        hash: String,
        /// At least `gs_live_`; may end in three dots.
        prefix: String,
    },
}

/// A key to be taken over.
#[derive(Clone, Debug)]
pub struct Import {
    /// Whose; `None` is the whole installation.
    pub tenant: Option<TenantId>,
    /// The key, or what is known of it.
    pub shown: Shown,
    /// For people.
    pub display_name: String,
    /// What it is for.
    pub kind: Kind,
    /// What it allows.
    pub role: Role,
    /// Calls in a minute; the setting when 0.
    pub rate_limit: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The key.
    pub key: Key,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Takes a key over. The same key again changes nothing. [`Error::Exists`] where somebody else has it, [`Error::NotFound`]
/// where there is no such tenant.
pub async fn import(app: &App, import: Import) -> Result<Imported> {
    let now = app.db.now();
    let (key, hash) = check(import)?;
    check_role(key.name.tenant.as_ref(), key.role)?;
    check_unbounded(app, "imports no keys").await?;
    let mut tx = app.db.write(owner(key.name.tenant.as_ref())?).await?;
    if !store::insert(&mut tx, &key, &hash).await? {
        let there = store::by_hash(&mut tx, &hash).await?;
        return match there.filter(|there| there.name.tenant == key.name.tenant) {
            Some(key) => Ok(Imported { key, is_new: false }),
            None => taken(&mut tx, &key).await,
        };
    }
    store::changed(&mut tx).await?;
    let entry = Entry::new(key.name.tenant.clone(), "api_key.import", &key.name);
    let detail = format!("{} key {}…, {}", key.kind, key.prefix, key.role);
    audit::record(&mut tx, entry.detail(detail), now).await?;
    tx.commit().await?;
    Ok(Imported { key, is_new: true })
}

async fn taken(tx: &mut crate::db::Tx, key: &Key) -> Result<Imported> {
    let tenant = key.name.tenant_id();
    Err(
        match tenant.is_empty() || store::has_tenant(tx, tenant).await? {
            true => Error::Exists {
                kind: "api key",
                name: format!("{}…", key.prefix),
            },
            false => Error::not_found("tenant", format!("tenants/{tenant}")),
        },
    )
}

fn check(import: Import) -> Result<(Key, String)> {
    let mut wrong = Vec::new();
    let mut expect = |is_fine: bool, field: &str, expected: &str| {
        if !is_fine {
            wrong.push(Violation::new(field, expected));
        }
    };
    let mut rotation_reason = String::new();
    let (hash, prefix) = match &import.shown {
        Shown::Clear(text) => {
            let text_is_key = secret::is_possible(text.expose());
            expect(
                text_is_key,
                "key",
                "expected pk_live_…, gs_live_…, gs_test_… or spy_live_…",
            );
            let kind = secret::kind(text.expose());
            expect(
                kind == import.kind,
                "kind",
                "expected WIDGET for pk_live_… and SECRET for others",
            );
            (secret::stored_of(text), secret::prefix(text.expose()))
        }
        Shown::Sha256 { hash, prefix } => {
            let is_hash = hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit());
            expect(
                is_hash,
                "hash",
                "expected the SHA-256 of the key, 64 hexadecimal digits",
            );
            (hash.to_lowercase(), prefix.clone())
        }
        Shown::Bcrypt { hash, prefix } => {
            let cost = hash.parse::<bcrypt::HashParts>();
            let is_bearable = cost.is_ok_and(|parts| parts.get_cost() <= MOST_BCRYPT_COST);
            expect(
                hash.len() == 60 && hash.starts_with("$2") && is_bearable,
                "hash",
                "expected bcrypt's hash of the key, as in $2b$10$…, of a cost of at most 15",
            );
            let is_beginning = prefix.len() >= 8 && secret::is_possible(prefix);
            expect(
                is_beginning,
                "prefix",
                "expected how the key begins, as in gs_live_",
            );
            SLOW.clone_into(&mut rotation_reason);
            (hash.clone(), prefix.clone())
        }
    };
    let of_widget = import.kind == Kind::Widget;
    expect(
        !of_widget || import.tenant.is_some() && import.role == Role::Viewer,
        "kind",
        "expected SECRET: a widget's key belongs to a tenant, and its role is viewer",
    );
    check_display_name(&mut wrong, "display_name", &import.display_name);
    check_rate_limit(&mut wrong, "rate_limit", import.rate_limit);
    all_valid(wrong)?;
    let key = Key {
        name: KeyName {
            tenant: import.tenant,
            id: Uuid::now_v7(),
        },
        display_name: import.display_name,
        kind: import.kind,
        role: import.role,
        prefix,
        rate_limit: import.rate_limit,
        rotation_reason,
        created_at: import.created_at,
        expires_at: import.expires_at,
        revoked_at: import.revoked_at,
        rotated_at: None,
        last_used_at: import.last_used_at,
        last_used_address: None,
    };
    Ok((key, hash))
}
