//! The keys behind all tokens: opened at start, rotated, and old texts sealed anew.

use crate::{
    app::App,
    audit::{self, Entry},
    base::{Error, Result, TokenName},
    config::Config,
    db::{Db, Scope},
    tokens::{
        EventKind,
        grant::{ACCESS, GRANT},
        place, store,
    },
    vault::{KeyFile, KeyId, Keyring, OpenError},
};

/// Tokens that one call of [`rewrap`] does at most.
const LARGEST_BATCH: i64 = 1000;

/// Opens the keys that the settings name, and makes a key file on the first start. KEY_MISSING when the database, which
/// must be migrated, holds secrets that they do not open: no new key is made then.
pub async fn open_keyring(config: &Config, db: &Db) -> Result<Keyring> {
    let mut tx = db
        .read(Scope::System("keys seal the tokens of all tenants"))
        .await?;
    let needed = store::sealed_key_ids(&mut tx).await?;
    drop(tx);
    let keys = match &config.key {
        Some(text) => Keyring::from_text(text)?,
        None => {
            let file = KeyFile::new(config.data.key_file());
            let open = move || Keyring::from_file(file, &needed).map(|keys| (keys, needed));
            let opened = tokio::task::spawn_blocking(open).await;
            let (keys, needed) = opened.map_err(Error::internal)??;
            keys.check(&needed)?;
            return Ok(keys);
        }
    };
    keys.check(&needed)?;
    Ok(keys)
}

/// Makes a new key in the key file and seals with it from now on. Other processes find it there when they first meet it.
pub async fn rotate(app: &App) -> Result<KeyId> {
    let keys = app.keys.clone();
    let rotated = tokio::task::spawn_blocking(move || keys.rotate()).await;
    let id = rotated.map_err(Error::internal)??;
    let scope = Scope::System("the key belongs to the installation");
    let mut tx = app.db.write(scope).await?;
    let entry = Entry::new(None, "key.rotate", format!("key {id}"));
    audit::record(&mut tx, entry, app.db.now()).await?;
    tx.commit().await?;
    tracing::info!(key.id = %id, "secrets are sealed with a new key");
    Ok(id)
}

/// How far sealing anew is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// Tokens that this call did.
    pub done: i64,
    /// Tokens that an older key sealed still.
    pub remaining: i64,
}

/// Seals up to `limit` tokens (0: 100) with the newest key that an older one sealed. Each is readable all the time, and a
/// refresh that happens meanwhile wins. Tokens that cannot be opened are left as they are and stay in `remaining`.
pub async fn rewrap(app: &App, limit: i32) -> Result<Rewrapped> {
    let limit = match limit {
        0 => 100,
        limit if limit > 0 => i64::from(limit).min(LARGEST_BATCH),
        _ => {
            return Err(Error::invalid(
                "limit",
                format!("expected 0 to {LARGEST_BATCH}, got {limit}"),
            ));
        }
    };
    let scope = || Scope::System("keys seal the tokens of all tenants");
    let head = app.keys.head();
    let mut tx = app.db.read(scope()).await?;
    let (old, before) = store::not_sealed_with(&mut tx, &head, limit).await?;
    drop(tx);
    let mut done = 0;
    for old in &old {
        let name = old.name();
        let again = |column, sealed: &Option<Vec<u8>>| match sealed {
            Some(sealed) => reseal(&app.keys, &name, column, sealed).map(Some),
            None => Ok(None),
        };
        let (Ok(grant), Ok(access)) = (
            again(GRANT, &old.grant_sealed),
            again(ACCESS, &old.access_sealed),
        ) else {
            tracing::error!(token = %name, "a secret cannot be opened, so it was not sealed anew");
            continue;
        };
        let mut tx = app.db.write(scope()).await?;
        store::replace_sealed(&mut tx, old, grant.as_deref(), access.as_deref()).await?;
        let detail = format!("sealed with the key {}", app.keys.newest());
        store::add_event(&mut tx, &name, EventKind::Rewrapped, &detail, app.db.now()).await?;
        tx.commit().await?;
        done += 1;
    }
    Ok(Rewrapped {
        done,
        remaining: before - done,
    })
}

fn reseal(
    keys: &Keyring,
    name: &TokenName,
    column: &'static str,
    sealed: &[u8],
) -> std::result::Result<Vec<u8>, OpenError> {
    let plain = keys.open(place(name, column), sealed)?;
    keys.seal(place(name, column), &plain)
        .map_err(|_| OpenError::Damaged)
}
