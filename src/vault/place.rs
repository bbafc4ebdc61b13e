//! Where a sealed text belongs; part of what is authenticated.

use crate::base::TenantId;

/// One column of one row. Sealing and opening must name the same place.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// Who owns the row.
    pub tenant: &'a TenantId,
    /// The row's key within the tenant.
    pub row: &'a str,
    /// The column.
    pub column: &'static str,
}

impl Place<'_> {
    /// The associated data. No part can hold the separator: tables and columns are ours, ids have no control characters.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [
            "syncline",
            self.table,
            self.tenant.as_str(),
            self.row,
            self.column,
        ]
        .join("\0")
        .into_bytes()
    }
}
