//! Sealed columns over all tenants: which keys they need, and sealing them anew. A column is replaced only where it is
//! still the text that was read, so a refresh that happens meanwhile wins.

use super::NameRow;
use crate::{
    base::{Result, TokenName},
    db::{Tx, execute, fetch_all, fetch_one},
    vault::{KeyId, sealed_with},
};
use std::collections::BTreeSet;

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
    Ok(())
}
