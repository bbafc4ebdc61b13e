//! Replaces a key: its successor works at once, and the old one for a while.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, Secret},
    tenants::{
        keys::{Key, KeyName, ceiling::Ceiling, check_role, create, owner, store},
        rules,
    },
};
use chrono::TimeDelta;
use uuid::Uuid;

/// How long the old key goes on where nobody says it.
const OVERLAP: TimeDelta = TimeDelta::days(1);
/// The longest time that it may.
const LONGEST_OVERLAP: TimeDelta = TimeDelta::days(30);

/// Both keys.
#[derive(Debug)]
pub struct Rotated {
    /// The successor.
    pub key: Key,
    /// Its text, this once.
    pub secret: Secret,
    /// The old one, with its end.
    pub old: Key,
}

/// Makes the successor of a key, with the same role, limit and rules, and with as long a life where the old one has an end.
/// A caller that is a key itself gets none that outlives it or calls more often. The old one ends after `overlap`, a day when
/// `None`. [`Error::Precondition`] for a key that does not work any more, or
/// has its successor already.
pub async fn rotate(app: &App, name: &KeyName, overlap: Option<TimeDelta>) -> Result<Rotated> {
    let overlap = overlap.unwrap_or(OVERLAP);
    if overlap < TimeDelta::zero() || overlap > LONGEST_OVERLAP {
        return Err(Error::invalid(
            "overlap",
            "expected 0 s to 30 days (2592000 s)",
        ));
    }
    let now = app.db.now();
    let ceiling = Ceiling::of(app).await?;
    let mut tx = app.db.write(owner(name.tenant.as_ref())?).await?;
    let Some(before) = store::get(&mut tx, name).await? else {
        return Err(name.not_found());
    };
    check_role(name.tenant.as_ref(), before.role)?;
    if !store::rotate(&mut tx, name, now + overlap, now).await? {
        return Err(match before.fault(now) {
            Some(_) => Error::precondition(
                "KEY_ENDED",
                format!("{name} was revoked, or has ended: make a new key"),
            ),
            None => Error::precondition(
                "KEY_ROTATED",
                format!("{name} has its successor already: rotate that one"),
            ),
        });
    }
    let lifetime = before.expires_at.map(|end| end - before.created_at);
    let mut successor = Key {
        name: KeyName {
            tenant: name.tenant.clone(),
            id: Uuid::now_v7(),
        },
        rotation_reason: String::new(),
        created_at: now,
        expires_at: lifetime.map(|lifetime| now + lifetime),
        last_used_at: None,
        last_used_address: None,
        ..before.clone()
    };
    ceiling.cap(name, &mut successor)?;
    let test = before.prefix.starts_with("sl_test_");
    let (key, secret) = create::add(&mut tx, successor, test, "api_key.create").await?;
    rules::copy(&mut tx, name, &key.name, now).await?;
    store::changed(&mut tx).await?;
    let detail = format!("its successor is {}", key.name);
    let entry = Entry::new(name.tenant.clone(), "api_key.rotate", name).detail(detail);
    audit::record(&mut tx, entry, now).await?;
    let old = store::get(&mut tx, name)
        .await?
        .ok_or_else(|| name.not_found())?;
    tx.commit().await?;
    tracing::info!(key.name = %name, key.successor = %key.name, "a key was rotated");
    Ok(Rotated { key, secret, old })
}
