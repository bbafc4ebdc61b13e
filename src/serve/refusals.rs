//! What the audit hears of calls that were refused.

use crate::{
    app::Door,
    audit::{self, By, Counted},
    base::{ANYBODY, Caller, Permissions, Who},
};
use std::net::IpAddr;

/// Has the audit count that `action` (as in `rpc.call`) on `what` was refused to `caller`, for this reason: in the audit of the
/// caller's tenant, where it has one.
pub(super) fn note(
    door: &Door,
    caller: Option<&Caller>,
    address: Option<IpAddr>,
    action: &'static str,
    what: &str,
    reason: &str,
) {
    // Without a database there is nothing that could be refused, and nowhere to write it.
    let Ok(app) = door.now() else {
        return;
    };
    let known = caller.filter(|caller| caller.who != Who::Nobody);
    let name = known.map_or(ANYBODY, |caller| &caller.name);
    let tenant = known.and_then(|caller| match &caller.permissions {
        Permissions::Tenants(roles) if roles.len() == 1 => roles.keys().next(),
        _ => None,
    });
    let refused = Counted::done(tenant, action, what, By { name, address }).refused(reason);
    let refused = match known {
        Some(_) => refused,
        None => refused.by_stranger(),
    };
    audit::count(&app, refused);
}
