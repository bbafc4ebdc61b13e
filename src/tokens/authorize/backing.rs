//! Who stands behind a consent that somebody else's browser gives.

use crate::{
    app::App,
    base::{
        Caller, Error, Needs, Permissions, Result, Role, TenantId, TokenName, Who,
        reach::{self, Reach},
    },
    people,
};
use std::sync::Arc;

/// Whether who made a link, or began a consent, may still do so in this tenant: minutes may lie between.
pub(super) async fn check(app: &App, tenant: &TenantId, name: &str) -> Result<()> {
    let permissions = people::permissions_now(app, name).await?;
    match permissions.role_in(tenant) {
        Some(Role::Admin) => Ok(()),
        _ => Err(Error::Denied {
            reason: "ROLE_LOST",
            message: format!(
                "whoever made this link, or began this consent, has not the role admin in tenants/{tenant} any more: ask \
                 somebody who has"
            ),
        }),
    }
}

/// How far a link reaches, or a browser that comes back: into the tenant that it is for. `name` is of who made it.
pub fn on_behalf_of(token: &TokenName, name: &str) -> Reach {
    let caller = Caller {
        name: match name {
            "" => "a browser".to_owned(),
            name => name.to_owned(),
        },
        who: Who::Nobody,
        permissions: Permissions::tenant(token.tenant.clone(), Role::Admin),
        address: reach::caller().and_then(|caller| caller.address),
    };
    Reach::new(Arc::new(caller), Needs::Tenant(Role::Admin))
}
