//! What people may do in which tenant.

use crate::{
    base::{Result, Role, TenantId},
    db::{Tx, execute, fetch_all, fetch_optional},
    people::{Membership, Person},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A row that says what it may do.
#[derive(sqlx::FromRow)]
struct Row {
    person_id: Uuid,
    #[sqlx(try_from = "String")]
    tenant_id: TenantId,
    role: String,
}

impl Row {
    fn read(self) -> Result<(Uuid, Membership)> {
        let role: Role = self.role.parse()?;
        let tenant = self.tenant_id;
        Ok((self.person_id, Membership { tenant, role }))
    }
}

/// All of one person, by tenant.
pub(in crate::people) async fn memberships(tx: &mut Tx, person: Uuid) -> Result<Vec<Membership>> {
    const SQL: &str = "SELECT person_id, tenant_id, role FROM memberships WHERE person_id = $1 ORDER BY tenant_id";
    let rows = fetch_all!(tx, Row, SQL, person)?;
    rows.into_iter()
        .map(|row| row.read().map(|(_, membership)| membership))
        .collect()
}

/// Those of a page of people, which is in the order of their creation; some of people between them may come along.
pub(in crate::people) async fn memberships_between(
    tx: &mut Tx,
    first: &Person,
    last: &Person,
) -> Result<Vec<(Uuid, Membership)>> {
    const SQL: &str = "SELECT m.person_id, m.tenant_id, m.role
        FROM people p JOIN memberships m ON m.person_id = p.person_id
        WHERE (p.created_at, p.person_id) >= ($1, $2) AND (p.created_at, p.person_id) <= ($3, $4)
        ORDER BY m.tenant_id";
    let rows = fetch_all!(
        tx,
        Row,
        SQL,
        first.created_at,
        first.person_id,
        last.created_at,
        last.person_id,
    )?;
    rows.into_iter().map(Row::read).collect()
}

/// Gives a person these memberships and no other.
pub(in crate::people) async fn put_memberships(
    tx: &mut Tx,
    person: Uuid,
    memberships: &[Membership],
    at: DateTime<Utc>,
) -> Result<()> {
    const CLEAR: &str = "DELETE FROM memberships WHERE person_id = $1";
    const ADD: &str =
        "INSERT INTO memberships (tenant_id, person_id, role, created_at) VALUES ($1, $2, $3, $4)";
    execute!(tx, CLEAR, person)?;
    for Membership { tenant, role } in memberships {
        execute!(tx, ADD, tenant.as_str(), person, role.as_str(), at)?;
    }
    Ok(())
}

/// Those of `memberships`, by their place, whose tenant does not exist.
pub(in crate::people) async fn missing_tenants(
    tx: &mut Tx,
    memberships: &[Membership],
) -> Result<Vec<usize>> {
    const SQL: &str = "SELECT tenant_id FROM tenants WHERE tenant_id = $1";
    let mut missing = Vec::new();
    for (index, membership) in memberships.iter().enumerate() {
        let found = fetch_optional!(tx, (String,), SQL, membership.tenant.as_str())?;
        if found.is_none() {
            missing.push(index);
        }
    }
    Ok(missing)
}
