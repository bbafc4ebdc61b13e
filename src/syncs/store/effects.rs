//! The SQL of effects. Whoever sends an entry owns its row by the number of its sends: every write after a POST names
//! that number, and one that comes too late changes nothing.

use crate::{
    base::{EffectName, Error, ResourceId, Result, TenantId},
    db::{Tx, execute, fetch_all},
    syncs::{
        DestinationAccount,
        effect::{Effect, State},
        entry::Wanted,
    },
};
use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

macro_rules! columns {
    () => {
        "tenant_id, effect_id, sync_id, source_key, state, payload, payload_hash, stale, entry_id, entry_hash, edited, \
         adopted, sends, run_id, answer_by, note, starts_at, updated_at"
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    effect_id: Uuid,
    sync_id: String,
    source_key: String,
    state: String,
    payload: Json<Wanted>,
    payload_hash: String,
    stale: bool,
    entry_id: Option<String>,
    entry_hash: Option<String>,
    edited: bool,
    adopted: bool,
    sends: i64,
    run_id: Option<Uuid>,
    answer_by: Option<DateTime<Utc>>,
    note: String,
    starts_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<Row> for Effect {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let tenant = ResourceId::parse("tenant_id", &row.tenant_id)?;
        Ok(Self {
            name: EffectName::new(tenant, row.effect_id),
            sync: ResourceId::parse("sync_id", &row.sync_id)?,
            source_key: row.source_key,
            state: State::try_from(row.state)?,
            payload: row.payload.0,
            payload_hash: row.payload_hash,
            stale: row.stale,
            entry_id: row.entry_id,
            entry_hash: row.entry_hash,
            edited: row.edited,
            adopted: row.adopted,
            sends: row.sends,
            run: row.run_id,
            answer_by: row.answer_by,
            note: row.note,
            starts_at: row.starts_at,
            updated_at: row.updated_at,
        })
    }
}

/// The effects of an account on entries that start at `since` or later, and all open ones.
pub async fn since(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &DestinationAccount,
    since: DateTime<Utc>,
) -> Result<Vec<Effect>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM effects WHERE tenant_id = $1 AND provider = $2 AND workspace_id = $3 AND user_id = $4 \
         AND (starts_at >= $5 OR state IN ('planned', 'sending', 'unknown', 'failed'))"
    );
    fetch_all!(
        tx,
        Row,
        SQL,
        tenant.as_str(),
        account.provider,
        account.workspace.as_str(),
        account.user.as_str(),
        since
    )?
    .into_iter()
    .map(Effect::try_from)
    .collect()
}

/// A page of an account's effects, newest start first, after `(start, id)`, in one state where that is given.
pub async fn page(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &DestinationAccount,
    state: Option<State>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Effect>> {
    const SQL: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM effects WHERE tenant_id = $1 AND provider = $2 AND workspace_id = $3 AND user_id = $4 \
         AND ($5 = '' OR state = $5) AND (starts_at, effect_id) < ($6, $7) \
         ORDER BY starts_at DESC, effect_id DESC LIMIT $8"
    );
    let (start, id) = after.unwrap_or((super::records::last_moment(), Uuid::max()));
    fetch_all!(
        tx,
        Row,
        SQL,
        tenant.as_str(),
        account.provider,
        account.workspace.as_str(),
        account.user.as_str(),
        state.map_or("", State::as_str),
        start,
        id,
        limit
    )?
    .into_iter()
    .map(Effect::try_from)
    .collect()
}

/// What is new about an effect when it is written.
pub struct Draft<'a> {
    /// The sync that decides it.
    pub sync: &'a ResourceId,
    /// The record it is for.
    pub source_key: &'a str,
    /// What is to be written.
    pub payload: &'a Wanted,
    /// Fingerprint of the decision.
    pub payload_hash: &'a str,
    /// The run that writes it.
    pub run: Option<Uuid>,
}

impl Draft<'_> {
    /// The effect as it stands after it was announced for the `sends`-th time.
    fn announced(
        &self,
        name: EffectName,
        known: Option<&Effect>,
        sends: i64,
        answer_by: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Effect {
        Effect {
            name,
            sync: self.sync.clone(),
            source_key: self.source_key.to_owned(),
            state: State::Sending,
            payload: self.payload.clone(),
            payload_hash: self.payload_hash.to_owned(),
            stale: false,
            entry_id: known.and_then(|known| known.entry_id.clone()),
            entry_hash: known.and_then(|known| known.entry_hash.clone()),
            edited: false,
            adopted: false,
            sends,
            run: self.run,
            answer_by: Some(answer_by),
            note: String::new(),
            starts_at: self.payload.start,
            updated_at: now,
        }
    }
}

/// Announces a new entry before it is sent: the row is `sending`, and from then on nobody else sends it. `None` when
/// somebody announced one for this record before.
pub async fn announce(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &DestinationAccount,
    draft: &Draft<'_>,
    answer_by: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Effect>> {
    const SQL: &str = "INSERT INTO effects (tenant_id, effect_id, provider, workspace_id, user_id, source_key, sync_id, state, \
         payload, payload_hash, edited, adopted, sends, answer_by, note, starts_at, created_at, updated_at, run_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'sending', $8, $9, FALSE, FALSE, 1, $10, '', $11, $12, $12, $13) \
         ON CONFLICT (tenant_id, provider, workspace_id, user_id, source_key) DO NOTHING";
    let id = Uuid::now_v7();
    let inserted = execute!(
        tx,
        SQL,
        tenant.as_str(),
        id,
        account.provider,
        account.workspace.as_str(),
        account.user.as_str(),
        draft.source_key,
        draft.sync.as_str(),
        Json(draft.payload),
        draft.payload_hash,
        answer_by,
        draft.payload.start,
        now,
        draft.run
    )?;
    Ok((inserted == 1)
        .then(|| draft.announced(EffectName::new(tenant.clone(), id), None, 1, answer_by, now)))
}

/// Announces that an effect is sent (again), with this payload; `None` when somebody else changed it since it was read.
pub async fn announce_again(
    tx: &mut Tx,
    effect: &Effect,
    draft: &Draft<'_>,
    answer_by: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Option<Effect>> {
    const SQL: &str = "UPDATE effects SET state = 'sending', sync_id = $1, payload = $2, payload_hash = $3, stale = FALSE, \
         sends = sends + 1, answer_by = $4, note = '', starts_at = $5, updated_at = $6, run_id = $11 \
         WHERE tenant_id = $7 AND effect_id = $8 AND state = $9 AND sends = $10";
    let changed = execute!(
        tx,
        SQL,
        draft.sync.as_str(),
        Json(draft.payload),
        draft.payload_hash,
        answer_by,
        draft.payload.start,
        now,
        effect.name.tenant.as_str(),
        effect.name.id,
        effect.state.as_str(),
        effect.sends,
        draft.run
    )?;
    Ok((changed == 1).then(|| {
        draft.announced(
            effect.name.clone(),
            Some(effect),
            effect.sends + 1,
            answer_by,
            now,
        )
    }))
}

/// What came of a send, or of looking for an entry.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// Where the effect is now.
    pub state: State,
    /// The entry's id and fingerprint; `None` keeps what is known.
    pub entry: Option<(&'a str, &'a str)>,
    /// The user changed the entry.
    pub edited: bool,
    /// It was found, not written by us.
    pub adopted: bool,
    /// Until when only the sender may touch it.
    pub answer_by: Option<DateTime<Utc>>,
    /// The entry is not as the rules want it: an update is still to do.
    pub stale: bool,
    /// Why, for a person.
    pub note: &'a str,
}

/// Writes what came of the `sends`-th send; `false`, and nothing, when the effect went on without us.
pub async fn settle(
    tx: &mut Tx,
    name: &EffectName,
    sends: i64,
    outcome: &Outcome<'_>,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "UPDATE effects SET state = $1, entry_id = COALESCE($2, entry_id), entry_hash = COALESCE($3, entry_hash), \
         edited = $4, adopted = $5, answer_by = $6, note = $7, updated_at = $8, stale = $12 \
         WHERE tenant_id = $9 AND effect_id = $10 AND sends = $11";
    let changed = execute!(
        tx,
        SQL,
        outcome.state.as_str(),
        outcome.entry.map(|(id, _)| id),
        outcome.entry.map(|(_, hash)| hash),
        outcome.edited,
        outcome.adopted,
        outcome.answer_by,
        outcome.note,
        now,
        name.tenant.as_str(),
        name.id,
        sends,
        outcome.stale
    )?;
    Ok(changed == 1)
}

/// An entry that was found at the destination, for a record that no effect is known of: taken over. `false` when
/// somebody else wrote an effect for it meanwhile.
pub async fn adopt(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &DestinationAccount,
    draft: &Draft<'_>,
    entry_id: &str,
    entry_hash: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO effects (tenant_id, effect_id, provider, workspace_id, user_id, source_key, sync_id, state, \
         payload, payload_hash, entry_id, entry_hash, edited, adopted, sends, note, starts_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'done', $8, $9, $10, $11, FALSE, TRUE, 0, 'found at the destination', $12, $13, $13) \
         ON CONFLICT (tenant_id, provider, workspace_id, user_id, source_key) DO NOTHING";
    let inserted = execute!(
        tx,
        SQL,
        tenant.as_str(),
        Uuid::now_v7(),
        account.provider,
        account.workspace.as_str(),
        account.user.as_str(),
        draft.source_key,
        draft.sync.as_str(),
        Json(draft.payload),
        draft.payload_hash,
        entry_id,
        entry_hash,
        draft.payload.start,
        now
    )?;
    Ok(inserted == 1)
}

/// Forgets that an entry was written, because it was cleaned up; only the effect of that very entry.
pub async fn forget(
    tx: &mut Tx,
    tenant: &TenantId,
    account: &DestinationAccount,
    source_key: &str,
    entry_id: &str,
) -> Result<()> {
    const SQL: &str = "DELETE FROM effects WHERE tenant_id = $1 AND provider = $2 AND workspace_id = $3 AND user_id = $4 \
         AND source_key = $5 AND (entry_id = $6 OR entry_id IS NULL)";
    execute!(
        tx,
        SQL,
        tenant.as_str(),
        account.provider,
        account.workspace.as_str(),
        account.user.as_str(),
        source_key,
        entry_id
    )?;
    Ok(())
}
