//! The keys behind all tokens: opened at start, rotated, and old texts sealed anew.

use crate::{
    app::App,
    audit::{self},
    base::{Error, Result},
    config::Config,
    db::{Db, Scope},
    tokens::{
        EventKind,
        authorize::verifier_place,
        grant::{ACCESS, GRANT},
        place, store,
    },
    vault::{KeyCommand, KeyFile, KeyId, Keyring, OpenError, Place, sealed_with},
};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens that one call of [`rewrap`] does at most.
const LARGEST_BATCH: i64 = 1000;

/// Opens the keys that the settings name, and makes a key file on the first start. KEY_MISSING when the database, which
/// must be migrated, holds secrets that they do not open: no new key is made then.
pub async fn open_keyring(config: &Config, db: &Db) -> Result<Keyring> {
    let mut tx = db.read(scope()).await?;
    let needed = store::sealed_key_ids(&mut tx).await?;
    drop(tx);
    let open = {
        let (key, command) = (config.key.clone(), config.key_command.clone());
        let file = KeyFile::new(config.data.key_file());
        let needed = needed.clone();
        move || match (key, command) {
            (Some(text), _) => Keyring::from_text(&text),
            (None, Some(command)) => Keyring::from_command(KeyCommand::new(command)),
            (None, None) => Keyring::from_file(file, &needed),
        }
    };
    let opened = tokio::task::spawn_blocking(open).await;
    let keys = opened.map_err(Error::internal)??;
    keys.check(&needed)?;
    let mut tx = db.read(scope()).await?;
    if store::is_retired(&mut tx, keys.newest()).await? {
        return Err(Error::precondition(
            "KEY_RETIRED",
            format!(
                "the key {} is the first one, and was retired: nothing may be sealed with it any more; put the newer one back in front",
                keys.newest()
            ),
        ));
    }
    let known = store::sealed_once(&mut tx).await?;
    drop(tx);
    let is_known = |id: &KeyId| known.contains_key(&id.to_string());
    if !is_known(&keys.newest()) || !needed.iter().all(is_known) {
        let mut tx = db.write(scope()).await?;
        store::note_sealing(&mut tx, keys.newest(), &needed, db.now()).await?;
        tx.commit().await?;
    }
    Ok(keys)
}

fn scope() -> Scope {
    Scope::System("keys seal the tokens of all tenants")
}

/// Whether something was not stored because its key was retired meanwhile.
pub(super) fn is_retired(error: &Error) -> bool {
    matches!(
        error,
        Error::Unavailable {
            reason: "KEY_RETIRED",
            ..
        }
    )
}

/// Takes a newer key, where somebody put one into the key file. A program is asked when nothing may be sealed any more with the
/// key that it printed first.
pub(super) async fn keep_fresh(app: &App) -> Result<()> {
    if app.keys.is_slow() {
        let mut tx = app.db.read(scope()).await?;
        if !store::is_retired(&mut tx, app.keys.newest()).await? {
            return Ok(());
        }
    }
    refresh(app).await;
    Ok(())
}

/// Takes a newer key, where there is one.
pub(super) async fn refresh(app: &App) {
    let keys = app.keys.clone();
    let refreshed = tokio::task::spawn_blocking(move || keys.refresh()).await;
    if let Err(error) = refreshed.map_err(Error::internal).and_then(|done| done) {
        tracing::warn!(%error, "the keys cannot be looked at");
    }
}

/// Takes the key that came to seal last, which another process may have made a moment ago. [`Error::Precondition`] where it
/// cannot be had here: sealing anew with an older one would undo what others do.
async fn catch_up(app: &App) -> Result<()> {
    let mut tx = app.db.read(scope()).await?;
    let known = store::sealed_once(&mut tx).await?;
    drop(tx);
    let last = known.into_iter().max_by_key(|(_, number)| *number);
    let Some((last, _)) = last.filter(|(id, _)| *id != app.keys.newest().to_string()) else {
        return Ok(());
    };
    refresh(app).await;
    match app.keys.ids().iter().any(|id| id.to_string() == last) {
        true => Ok(()),
        false => Err(Error::precondition(
            "KEY_MISSING",
            format!(
                "another process seals with the key {last}, which this one does not have: give it to all of them, then ask again"
            ),
        )),
    }
}

/// Seals with a new key from now on: made in the key file, or asked of the program that prints them. Other processes find it
/// there within seconds, or when they first meet it.
pub async fn rotate(app: &App) -> Result<KeyId> {
    let keys = app.keys.clone();
    let rotated = tokio::task::spawn_blocking(move || keys.rotate()).await;
    let id = rotated.map_err(Error::internal)??;
    let mut tx = app.db.write(scope()).await?;
    let now = app.db.now();
    store::note_sealing(&mut tx, id, &BTreeSet::new(), now).await?;
    let entry = audit::Entry::new(None, "key.rotate", format!("keys/{id}"));
    audit::record(&mut tx, entry, now).await?;
    tx.commit().await?;
    tracing::info!(key.id = %id, "secrets are sealed with a new key");
    Ok(id)
}

/// One key, and what it is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its name.
    pub id: KeyId,
    /// Texts that it sealed.
    pub texts: i64,
    /// Whether it seals now.
    pub seals: bool,
}

/// The keys at hand, and those that something needs.
pub async fn uses(app: &App) -> Result<Vec<Use>> {
    let mut tx = app.db.read(scope()).await?;
    let sealed = store::sealed_by(&mut tx, app.db.now()).await?;
    drop(tx);
    Ok(listed(app, &sealed))
}

fn listed(app: &App, sealed: &BTreeMap<KeyId, i64>) -> Vec<Use> {
    let newest = app.keys.newest();
    let mut ids = app.keys.ids();
    ids.extend(
        sealed
            .keys()
            .filter(|id| !ids.contains(id))
            .copied()
            .collect::<Vec<_>>(),
    );
    ids.into_iter()
        .map(|id| Use {
            id,
            texts: sealed.get(&id).copied().unwrap_or_default(),
            seals: id == newest,
        })
        .collect()
}

/// What became of older keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Nothing needs them, and nothing will: they are out of the key file, or may be taken out of where they are.
    pub ids: Vec<KeyId>,
    /// Whether they were taken out of the key file.
    pub removed: bool,
    /// The keys that are left.
    pub left: Vec<Use>,
}

/// Retires the older keys that nothing is sealed with any more. A key that waits behind the others for its turn is none of
/// them, and neither is the one that came to seal last of all, which this process may not have heard of. A process that still seals with one of them, because it has not heard of
/// the newer one, is refused by the database from here on, and takes the newer one then: so none is taken out that a row needs.
pub async fn retire(app: &App) -> Result<Retired> {
    // A program prints what it prints: it is not asked for keys that nobody needs.
    if !app.keys.is_slow() {
        refresh(app).await;
    }
    let mut tx = app.db.write(scope()).await?;
    store::lock_sealed(&mut tx).await?;
    let now = app.db.now();
    let sealed = store::sealed_by(&mut tx, now).await?;
    let older = sealed.keys().copied().collect();
    store::note_sealing(&mut tx, app.keys.newest(), &older, now).await?;
    let once = store::sealed_once(&mut tx).await?;
    let last = once.values().max().copied().unwrap_or_default();
    let sealed_before = |id: KeyId| once.get(&id.to_string()).is_some_and(|at| *at < last);
    let uses = listed(app, &sealed);
    let (ids, left): (Vec<_>, Vec<_>) = uses
        .into_iter()
        .partition(|one| !one.seals && one.texts == 0 && sealed_before(one.id));
    let ids: Vec<_> = ids.into_iter().map(|one| one.id).collect();
    for id in &ids {
        store::retire_key(&mut tx, *id, now).await?;
        let entry = audit::Entry::new(None, "key.retire", format!("keys/{id}"));
        audit::record(&mut tx, entry, now).await?;
    }
    tx.commit().await?;
    // After the commit: until then somebody could have sealed with one of them.
    let (keys, gone) = (
        app.keys.clone(),
        ids.iter().copied().collect::<BTreeSet<_>>(),
    );
    let removed = match gone.is_empty() {
        true => false,
        false => {
            let removed = tokio::task::spawn_blocking(move || keys.remove(&gone)).await;
            removed.map_err(Error::internal)??
        }
    };
    Ok(Retired { ids, removed, left })
}

/// How far sealing anew is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// Tokens, and consents under way, that this call did.
    pub done: i64,
    /// Those that an older key sealed still.
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
    catch_up(app).await?;
    let head = app.keys.head();
    let mut tx = app.db.write(scope()).await?;
    let (old, before) = store::not_sealed_with(&mut tx, &head, limit).await?;
    let now = app.db.now();
    let (verifiers, consents) =
        store::verifiers_not_sealed_with(&mut tx, &head, limit, now).await?;
    let tokens = old
        .iter()
        .flat_map(|old| [&old.grant_sealed, &old.access_sealed]);
    let texts: Vec<_> = tokens
        .flatten()
        .chain(verifiers.iter().map(|old| &old.verifier_sealed))
        .collect();
    let older = texts.into_iter().filter_map(|text| sealed_with(text));
    let older = older.collect();
    store::note_sealing(&mut tx, app.keys.newest(), &older, now).await?;
    tx.commit().await?;
    let mut done = 0;
    for old in &old {
        let name = old.name();
        let column = |column, sealed: &Option<Vec<u8>>| match sealed {
            Some(sealed) => again(&app.keys, place(&name, column), sealed).map(Some),
            None => Ok(None),
        };
        let (Ok(grant), Ok(access)) = (
            column(GRANT, &old.grant_sealed),
            column(ACCESS, &old.access_sealed),
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
    for old in &verifiers {
        let name = old.name();
        let place = verifier_place(&name, &old.state_hash);
        let Ok(sealed) = again(&app.keys, place, &old.verifier_sealed) else {
            tracing::error!(token = %name, "a consent cannot be opened, so it was not sealed anew; it ends within minutes");
            continue;
        };
        let mut tx = app.db.write(scope()).await?;
        store::replace_verifier(&mut tx, old, &sealed).await?;
        tx.commit().await?;
        done += 1;
    }
    Ok(Rewrapped {
        done,
        remaining: before + consents - done,
    })
}

fn again(keys: &Keyring, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let plain = keys.open(place, sealed)?;
    keys.seal(place, &plain).map_err(|_| OpenError::Damaged)
}
