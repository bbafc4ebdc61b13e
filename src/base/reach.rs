//! How far the call that is being answered reaches: every transaction for a tenant asks here first, so that no handler can
//! forget to. A tenant that a caller has no role in does not exist for it, whether there is one of that name or not.
//!
//! What is not done for a caller (schedules, housekeeping, the command line in its own process) reaches everything.

use crate::base::{
    Caller, Error, Result, Role, TenantId,
    auth::{Needs, role_too_low},
};
use std::sync::Arc;

tokio::task_local! {
    static REACH: Reach;
}

/// A caller, and the role that its call needs in a tenant.
#[derive(Clone, Debug)]
pub struct Reach {
    caller: Arc<Caller>,
    needed: Role,
    certificate: Option<Arc<str>>,
}

impl Reach {
    /// For a call that needs this of its caller.
    pub fn new(caller: Arc<Caller>, needs: Needs) -> Self {
        let needed = match needs {
            Needs::Open | Needs::Nothing | Needs::Caller => Role::Viewer,
            Needs::Tenant(role) | Needs::Instance(role) => role,
        };
        Self {
            caller,
            needed,
            certificate: None,
        }
    }

    /// The same for a connection that showed a certificate about this subject.
    pub fn by(self, certificate: Option<Arc<str>>) -> Self {
        Self {
            certificate,
            ..self
        }
    }

    /// The same connection's, for a caller who was asked for once more.
    pub fn again(&self, caller: Arc<Caller>, needs: Needs) -> Self {
        Self::new(caller, needs).by(self.certificate.clone())
    }

    /// Does `work` within it. Tasks that are started meanwhile are outside.
    pub async fn contain<F: Future>(self, work: F) -> F::Output {
        REACH.scope(self, work).await
    }

    /// The same for what is not a future, as the poll of a stream.
    pub fn contain_sync<T>(self, work: impl FnOnce() -> T) -> T {
        REACH.sync_scope(self, work)
    }
}

/// Whether the call may do what it does in `tenant`. [`Error::NotFound`] where the tenant does not exist for its caller,
/// [`Error::Denied`] where it does, and the role is too low.
pub fn check(tenant: &TenantId) -> Result<()> {
    let within = REACH.try_with(|reach| match reach.caller.permissions.role_in(tenant) {
        Some(role) if role >= reach.needed => Ok(()),
        Some(_) => Err(role_too_low(reach.needed, &format!(" in tenants/{tenant}"))),
        None => Err(Error::not_found("tenant", format!("tenants/{tenant}"))),
    });
    within.unwrap_or(Ok(()))
}

/// Whether the call may do what it does to the installation as a whole: for the calls whose message says that they want to.
/// [`Error::Denied`] where the caller has no such role.
pub fn check_instance() -> Result<()> {
    let within = REACH.try_with(|reach| Needs::Instance(reach.needed).check(&reach.caller));
    within.unwrap_or(Ok(()))
}

/// Who called; `None` where nobody did.
pub fn caller() -> Option<Arc<Caller>> {
    REACH.try_with(|reach| Arc::clone(&reach.caller)).ok()
}

/// Whom the certificate is about that the caller's connection showed; `None` where it showed none.
pub fn certificate() -> Option<Arc<str>> {
    let shown = REACH.try_with(|reach| reach.certificate.clone());
    shown.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Permissions;

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    fn viewer_of(id: &str, needs: Needs) -> Reach {
        let access = Permissions::tenant(tenant(id), Role::Viewer);
        Reach::new(Arc::new(Caller::nobody(access, None)), needs)
    }

    #[tokio::test]
    async fn a_tenant_without_a_role_does_not_exist_and_a_low_role_is_said() {
        let look = viewer_of("a", Needs::Tenant(Role::Viewer));
        let answers = look.contain(async { (check(&tenant("a")), check(&tenant("b"))) });
        let (own, other) = answers.await;
        assert!(own.is_ok());
        assert!(matches!(other, Err(Error::NotFound { kind: "tenant", .. })));
        let change = viewer_of("a", Needs::Tenant(Role::Admin));
        let denied = change.contain(async { check(&tenant("a")) }).await;
        assert!(matches!(
            denied,
            Err(Error::Denied {
                reason: "ROLE_TOO_LOW",
                ..
            })
        ));
    }

    #[tokio::test]
    async fn what_nobody_called_reaches_everything() {
        assert!(check(&tenant("b")).is_ok() && caller().is_none());
        let look = viewer_of("a", Needs::Tenant(Role::Viewer));
        let spawned = look.contain(async { tokio::spawn(async { check(&tenant("b")) }).await });
        assert!(spawned.await.unwrap().is_ok());
    }
}
