//! Sealed columns over all tenants: which keys they need, and sealing them anew. A column is replaced only where it is
//! still the text that was read, so a refresh that happens meanwhile wins.

use super::NameRow;
use crate::{
    base::{Error, Result, TokenName},
    db::{Inner, Tx, execute, fetch_all, fetch_one},
    vault::{KeyId, sealed_with},
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// One token's sealed columns.
#[derive(sqlx::FromRow)]
pub(in crate::tokens) struct Sealed {
    #[sqlx(flatten)]
    name: NameRow,
    pub grant_sealed: Option<Vec<u8>>,
    pub access_sealed: Option<Vec<u8>>,
}

impl Sealed {
    pub fn name(&self) -> TokenName {
        TokenName::new(self.name.tenant_id.clone(), self.name.token_id.clone())
    }
}

/// The keys that are needed to open everything.
pub(in crate::tokens) async fn sealed_key_ids(tx: &mut Tx) -> Result<BTreeSet<KeyId>> {
    const SQL: &str = "SELECT DISTINCT substr(grant_sealed, 1, 9) FROM tokens WHERE grant_sealed IS NOT NULL
        UNION SELECT DISTINCT substr(access_sealed, 1, 9) FROM tokens WHERE access_sealed IS NOT NULL";
    let heads = fetch_all!(tx, (Vec<u8>,), SQL)?;
    Ok(heads
        .iter()
        .filter_map(|(head,)| sealed_with(head))
        .collect())
}

/// How many sealed texts each key sealed, in tokens and in consents that are under way; an answer to a refresh that is under
/// way counts, too.
pub(in crate::tokens) async fn sealed_by(
    tx: &mut Tx,
    now: DateTime<Utc>,
) -> Result<BTreeMap<KeyId, i64>> {
    const SQL: &str = "SELECT head, count(*) FROM (
            SELECT substr(grant_sealed, 1, 9) AS head FROM tokens WHERE grant_sealed IS NOT NULL
            UNION ALL SELECT substr(access_sealed, 1, 9) FROM tokens WHERE access_sealed IS NOT NULL
            UNION ALL SELECT substr(verifier_sealed, 1, 9) FROM token_authorizations
            UNION ALL SELECT refresh_key FROM tokens WHERE refresh_key IS NOT NULL AND refresh_lease_until > $1) AS sealed
        GROUP BY head";
    let heads = fetch_all!(tx, (Vec<u8>, i64), SQL, now)?;
    let known = heads
        .iter()
        .filter_map(|(head, count)| Some((sealed_with(head)?, *count)));
    Ok(known.collect())
}

/// Refuses with KEY_RETIRED when one of these texts was sealed with a key that nothing may be sealed with any more. Asked after
/// they were written, in the same transaction: then [`lock_sealed`] of whoever retires a key either waits for it, or is over.
pub(in crate::tokens) async fn check_sealed(tx: &mut Tx, sealed: &[Option<&[u8]>]) -> Result<()> {
    const SQL: &str =
        "SELECT count(*) FROM retired_keys WHERE head IN (substr($1, 1, 9), substr($2, 1, 9))";
    let text = |index: usize| sealed.get(index).copied().flatten().unwrap_or_default();
    let (retired,) = fetch_one!(tx, (i64,), SQL, text(0), text(1))?;
    match retired {
        0 => Ok(()),
        _ => Err(key_retired()),
    }
}

/// This process did not hear of a newer key in time, or does not have it.
pub(in crate::tokens) fn key_retired() -> Error {
    Error::unavailable(
        "KEY_RETIRED",
        "this process sealed with a key that was retired; the next attempt takes the new one, where this process has it",
    )
}

/// Keeps everybody from writing sealed texts until the transaction ends, once those who do have ended theirs. In SQLite any
/// transaction that writes does.
pub(in crate::tokens) async fn lock_sealed(tx: &mut Tx) -> Result<()> {
    const SQL: &str = "LOCK TABLE tokens, token_authorizations IN SHARE ROW EXCLUSIVE MODE";
    if matches!(tx.0, Inner::Postgres(..)) {
        execute!(tx, SQL)?;
    }
    Ok(())
}

/// How many tokens worked once and need their owner now.
pub(in crate::tokens) async fn count_needing_owner(tx: &mut Tx) -> Result<usize> {
    const SQL: &str =
        "SELECT count(*) FROM tokens WHERE state = 'needs_reauth' AND grant_sealed IS NOT NULL";
    let (count,) = fetch_one!(tx, (i64,), SQL)?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Nothing may be sealed with this key any more.
pub(in crate::tokens) async fn retire_key(
    tx: &mut Tx,
    key: KeyId,
    at: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str =
        "INSERT INTO retired_keys (head, retired_at) VALUES ($1, $2) ON CONFLICT (head) DO NOTHING";
    execute!(tx, SQL, key.head().as_slice(), at)?;
    Ok(())
}

/// Whether nothing may be sealed with this key any more.
pub(in crate::tokens) async fn is_retired(tx: &mut Tx, key: KeyId) -> Result<bool> {
    const SQL: &str = "SELECT count(*) FROM retired_keys WHERE head = $1";
    let (count,) = fetch_one!(tx, (i64,), SQL, key.head().as_slice())?;
    Ok(count > 0)
}

/// What the name of a fact about a key begins with.
const SEALED_ONCE: &str = "key.sealed.";

/// The keys that are known to have sealed, in the order in which they came to do so; 0 is some time before that was
/// written down.
pub(in crate::tokens) async fn sealed_once(tx: &mut Tx) -> Result<BTreeMap<String, i64>> {
    const SQL: &str = "SELECT name, value FROM instance_facts WHERE name LIKE 'key.sealed.%'";
    let facts = fetch_all!(tx, (String, String), SQL)?;
    let known = facts.into_iter().filter_map(|(name, value)| {
        let id = name.strip_prefix(SEALED_ONCE)?.to_owned();
        Some((id, value.parse().ok()?))
    });
    Ok(known.collect())
}

/// Writes down that `newest` seals from now on, and that the others did, unless that is known.
pub(in crate::tokens) async fn note_sealing(
    tx: &mut Tx,
    newest: KeyId,
    others: &BTreeSet<KeyId>,
    now: DateTime<Utc>,
) -> Result<()> {
    const SQL: &str = "INSERT INTO instance_facts (name, value, updated_at) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO NOTHING";
    let known = sealed_once(tx).await?;
    let next = known.values().max().copied().unwrap_or_default() + 1;
    let all = [(newest, next)].into_iter();
    for (id, number) in all.chain(others.iter().map(|id| (*id, 0))) {
        if !known.contains_key(&id.to_string()) {
            let (name, number) = (format!("{SEALED_ONCE}{id}"), number.to_string());
            execute!(tx, SQL, name.as_str(), number.as_str(), now)?;
        }
    }
    Ok(())
}

/// A consent's verifier.
#[derive(sqlx::FromRow)]
pub(in crate::tokens) struct SealedVerifier {
    #[sqlx(flatten)]
    name: NameRow,
    pub state_hash: String,
    pub verifier_sealed: Vec<u8>,
}

impl SealedVerifier {
    pub fn name(&self) -> TokenName {
        TokenName::new(self.name.tenant_id.clone(), self.name.token_id.clone())
    }
}

/// Up to `limit` consents that another key than the one of `head` sealed, and how many there are. Those that are too late are
/// removed first: nobody needs them.
pub(in crate::tokens) async fn verifiers_not_sealed_with(
    tx: &mut Tx,
    head: &[u8],
    limit: i64,
    now: DateTime<Utc>,
) -> Result<(Vec<SealedVerifier>, i64)> {
    const DROP: &str = "DELETE FROM token_authorizations WHERE expires_at <= $1";
    const SOME: &str =
        "SELECT tenant_id, token_id, state_hash, verifier_sealed FROM token_authorizations
        WHERE substr(verifier_sealed, 1, 9) <> $1 ORDER BY tenant_id, state_hash LIMIT $2";
    const COUNT: &str =
        "SELECT count(*) FROM token_authorizations WHERE substr(verifier_sealed, 1, 9) <> $1";
    execute!(tx, DROP, now)?;
    let some = fetch_all!(tx, SealedVerifier, SOME, head, limit)?;
    let (count,) = fetch_one!(tx, (i64,), COUNT, head)?;
    Ok((some, count))
}

/// Replaces a verifier that is still there.
pub(in crate::tokens) async fn replace_verifier(
    tx: &mut Tx,
    old: &SealedVerifier,
    sealed: &[u8],
) -> Result<()> {
    const SQL: &str = "UPDATE token_authorizations SET verifier_sealed = $3 WHERE tenant_id = $1 AND state_hash = $2";
    let tenant = old.name.tenant_id.as_str();
    execute!(tx, SQL, tenant, old.state_hash.as_str(), sealed)?;
    check_sealed(tx, &[Some(sealed)]).await
}

/// Up to `limit` tokens with a column that another key than the one of `head` sealed, and how many there are.
pub(in crate::tokens) async fn not_sealed_with(
    tx: &mut Tx,
    head: &[u8],
    limit: i64,
) -> Result<(Vec<Sealed>, i64)> {
    const SOME: &str = "SELECT tenant_id, token_id, grant_sealed, access_sealed FROM tokens
        WHERE substr(grant_sealed, 1, 9) <> $1 OR substr(access_sealed, 1, 9) <> $1
        ORDER BY tenant_id, token_id LIMIT $2";
    const COUNT: &str = "SELECT count(*) FROM tokens
        WHERE substr(grant_sealed, 1, 9) <> $1 OR substr(access_sealed, 1, 9) <> $1";
    let some = fetch_all!(tx, Sealed, SOME, head, limit)?;
    let (count,) = fetch_one!(tx, (i64,), COUNT, head)?;
    Ok((some, count))
}

/// Replaces the columns of `old` that are still as they were read; `None` leaves a column alone.
pub(in crate::tokens) async fn replace_sealed(
    tx: &mut Tx,
    old: &Sealed,
    grant: Option<&[u8]>,
    access: Option<&[u8]>,
) -> Result<()> {
    const GRANT: &str = "UPDATE tokens SET grant_sealed = $4
        WHERE tenant_id = $1 AND token_id = $2 AND grant_sealed = $3";
    const ACCESS: &str = "UPDATE tokens SET access_sealed = $4
        WHERE tenant_id = $1 AND token_id = $2 AND access_sealed = $3";
    let (tenant, id) = (old.name.tenant_id.as_str(), old.name.token_id.as_str());
    for (sql, old, new) in [
        (GRANT, &old.grant_sealed, grant),
        (ACCESS, &old.access_sealed, access),
    ] {
        if let (Some(old), Some(new)) = (old, new) {
            execute!(tx, sql, tenant, id, old.as_slice(), new)?;
        }
    }
    check_sealed(tx, &[grant, access]).await
}
