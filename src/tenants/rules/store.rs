//! The SQL of access rules.

use crate::{
    base::{Error, Result, TenantId},
    db::{Tx, execute, fetch_all, fetch_optional},
    tenants::{
        keys::KeyName,
        rules::{Effect, Rule, network},
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A rule as the table has it.
#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    rule_id: Uuid,
    key_id: Option<Uuid>,
    network: String,
    #[sqlx(try_from = "String")]
    effect: Effect,
    reason: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Rule {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let tenant = match row.tenant_id.is_empty() {
            true => None,
            false => Some(TenantId::try_from(row.tenant_id)?),
        };
        Ok(Self {
            id: row.rule_id,
            key: row.key_id.map(|id| KeyName { tenant, id }),
            network: network::parse("network", &row.network).map_err(Error::internal)?,
            effect: row.effect,
            reason: row.reason,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

fn rules(rows: Vec<Row>) -> Result<Vec<Rule>> {
    rows.into_iter().map(Rule::try_from).collect()
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT tenant_id, rule_id, key_id, network, effect, reason, created_at, expires_at FROM access_rules WHERE ",
            $rest
        )
    };
}

/// Adds a rule.
pub(super) async fn insert(tx: &mut Tx, rule: &Rule) -> Result<()> {
    const SQL: &str = "INSERT INTO access_rules
            (tenant_id, rule_id, key_id, network, effect, reason, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let tenant = rule.key.as_ref().and_then(|key| key.tenant.as_ref());
    execute!(
        tx,
        SQL,
        tenant.map_or("", |tenant| tenant.as_str()),
        rule.id,
        rule.key.as_ref().map(|key| key.id),
        network::text(&rule.network),
        rule.effect.as_str(),
        rule.reason.as_str(),
        rule.created_at,
        rule.expires_at,
    )?;
    Ok(())
}

/// Removes a rule; returns it, if there was one.
pub(super) async fn delete(tx: &mut Tx, id: Uuid) -> Result<Option<Rule>> {
    const SQL: &str = "DELETE FROM access_rules WHERE rule_id = $1
        RETURNING tenant_id, rule_id, key_id, network, effect, reason, created_at, expires_at";
    let row = fetch_optional!(tx, Row, SQL, id)?;
    row.map(Rule::try_from).transpose()
}

/// Up to `limit` rules after `after`, the oldest first; only those of `key`, where one is named.
pub(super) async fn list(
    tx: &mut Tx,
    key: Option<Uuid>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Rule>> {
    const ALL: &str = select!("rule_id > $1 ORDER BY rule_id LIMIT $2");
    const OF_KEY: &str = select!("rule_id > $1 AND key_id = $3 ORDER BY rule_id LIMIT $2");
    rules(match key {
        None => fetch_all!(tx, Row, ALL, after, limit)?,
        Some(key) => fetch_all!(tx, Row, OF_KEY, after, limit, key)?,
    })
}

/// The rules for every call that have not ended, up to `limit`.
pub(super) async fn general(tx: &mut Tx, now: DateTime<Utc>, limit: i64) -> Result<Vec<Rule>> {
    const SQL: &str = select!(
        "key_id IS NULL AND tenant_id = '' AND (expires_at IS NULL OR expires_at > $1) ORDER BY rule_id LIMIT $2"
    );
    rules(fetch_all!(tx, Row, SQL, now, limit)?)
}

/// The rules of a key that have not ended, up to `limit`.
pub(super) async fn special(
    tx: &mut Tx,
    key: Uuid,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Rule>> {
    const SQL: &str = select!(
        "key_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY rule_id LIMIT $3"
    );
    rules(fetch_all!(tx, Row, SQL, key, now, limit)?)
}

/// All rules for every call.
pub(in crate::tenants) async fn of_installation(
    tx: &mut Tx,
    now: DateTime<Utc>,
) -> Result<Vec<Rule>> {
    general(tx, now, super::create::MOST).await
}

/// All rules of a key.
pub(in crate::tenants) async fn of_key(
    tx: &mut Tx,
    key: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Rule>> {
    special(tx, key, now, super::create::MOST).await
}

/// Gives a key's successor the same rules.
pub(in crate::tenants) async fn copy(
    tx: &mut Tx,
    from: &KeyName,
    to: &KeyName,
    now: DateTime<Utc>,
) -> Result<()> {
    let rules = of_key(tx, from.id, now).await?;
    give(tx, &rules, to).await
}

/// Gives a key rules like these.
pub(in crate::tenants) async fn give(tx: &mut Tx, rules: &[Rule], to: &KeyName) -> Result<()> {
    for rule in rules {
        let copied = Rule {
            id: Uuid::now_v7(),
            key: Some(to.clone()),
            ..rule.clone()
        };
        insert(tx, &copied).await?;
    }
    Ok(())
}
