//! Who calls: what a caller shows, what it may do, and the question whether that is good. The faces ask it, whoever keeps
//! credentials answers it.

use crate::base::{Error, Result, Secret, TenantId, name::shown};
use futures::future::BoxFuture;
use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr, sync::Arc};
use uuid::Uuid;

/// What a caller shows: in HTTP's `authorization` header, gRPC's metadata of that name, or a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Basic {
        /// Not secret, but not to be trusted either.
        username: String,
        /// As it came.
        password: Secret,
    },
    /// An API key, or the id of a session.
    Bearer(Secret),
}

/// What somebody may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Runs, pauses, repairs; sees credentials in clear where a call hands them out.
    Operator,
    /// Makes and removes: tokens, syncs, keys, people.
    Admin,
}

impl Role {
    /// As users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            other => Err(Error::invalid(
                "role",
                format!("expected viewer, operator or admin, got {}", shown(other)),
            )),
        }
    }
}

/// Where somebody may do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// In every tenant, and with the installation itself: its queues, keys, users.
    Instance(Role),
    /// In these tenants; no other exists for them.
    Tenants(BTreeMap<TenantId, Role>),
    /// Over the whole installation, and more in some tenants.
    Both(Role, BTreeMap<TenantId, Role>),
}

impl Permissions {
    /// For who showed nothing and may still ask something, as to log in.
    pub fn none() -> Self {
        Self::Tenants(BTreeMap::new())
    }

    /// Over the installation, where there is such a role, and in tenants.
    pub fn of(instance: Option<Role>, tenants: BTreeMap<TenantId, Role>) -> Self {
        match instance {
            None => Self::Tenants(tenants),
            Some(role) if tenants.values().all(|more| *more <= role) => Self::Instance(role),
            Some(role) => Self::Both(role, tenants),
        }
    }

    /// In one tenant.
    pub fn tenant(tenant: TenantId, role: Role) -> Self {
        Self::Tenants(BTreeMap::from([(tenant, role)]))
    }

    /// The role in a tenant; `None` where it does not exist for the caller.
    pub fn role_in(&self, tenant: &TenantId) -> Option<Role> {
        match self {
            Self::Instance(role) => Some(*role),
            Self::Tenants(roles) => roles.get(tenant).copied(),
            Self::Both(role, roles) => roles.get(tenant).max(Some(role)).copied(),
        }
    }

    /// The role over the installation.
    pub fn instance_role(&self) -> Option<Role> {
        match self {
            Self::Instance(role) | Self::Both(role, _) => Some(*role),
            Self::Tenants(_) => None,
        }
    }

    /// The tenants that it names; where it reaches all, those in which it is more.
    pub fn tenants(&self) -> Vec<(&TenantId, Role)> {
        match self {
            Self::Instance(_) => Vec::new(),
            Self::Tenants(roles) | Self::Both(_, roles) => {
                roles.iter().map(|(tenant, role)| (tenant, *role)).collect()
            }
        }
    }

    /// The highest role anywhere.
    pub fn highest(&self) -> Option<Role> {
        match self {
            Self::Instance(role) => Some(*role),
            Self::Tenants(roles) => roles.values().copied().max(),
            Self::Both(role, roles) => roles.values().copied().max().max(Some(*role)),
        }
    }
}

/// What somebody showed, or that it was nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nothing was shown.
    Nobody,
    /// The name and the password of the settings.
    Password,
    /// An API key.
    Key(Uuid),
    /// The session of a user who logged in.
    User {
        /// `users/{user}`.
        user: Uuid,
        /// `users/{user}/sessions/{session}`.
        session: Uuid,
    },
}

/// The name of all who are not known.
pub const ANYBODY: &str = "anybody";

/// Somebody who showed a good credential, or did not have to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A name for audits and logs; no secret: a resource name, as in `tenants/default/apiKeys/…`, where there is one.
    pub name: String,
    /// What was shown.
    pub who: Who,
    /// What it allows.
    pub permissions: Permissions,
    /// Where the call comes from, as far as that is known.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Who shows nothing, with what that allows.
    pub fn nobody(permissions: Permissions, address: Option<IpAddr>) -> Self {
        Self {
            name: ANYBODY.to_owned(),
            who: Who::Nobody,
            permissions,
            address,
        }
    }

    /// Whether something good was shown, or nothing has to be.
    pub fn is_known(&self) -> bool {
        self.who != Who::Nobody || self.permissions.highest().is_some()
    }
}

/// What a call asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing, and nobody looks at what is shown: load balancers have no key, and health must be told without a database.
    Open,
    /// Nothing, as to log in. Who shows something good is known anyway.
    Nothing,
    /// To be known.
    Caller,
    /// A role in the tenant that the call is about.
    Tenant(Role),
    /// A role over the whole installation.
    Instance(Role),
}

impl Needs {
    /// Whether `caller` may go on. For [`Needs::Tenant`] only whether it has the role anywhere: the tenant stands in the
    /// message, and [`crate::base::reach`] asks again when that is known.
    pub fn check(self, caller: &Caller) -> Result<()> {
        let (held, needed, whose) = match self {
            Self::Open | Self::Nothing | Self::Caller => return Ok(()),
            Self::Tenant(needed) => (caller.permissions.highest(), needed, ""),
            Self::Instance(needed) => (
                caller.permissions.instance_role(),
                needed,
                " of the whole installation",
            ),
        };
        match held.is_some_and(|held| held >= needed) {
            true => Ok(()),
            false => Err(role_too_low(needed, whose)),
        }
    }
}

pub(super) fn role_too_low(needed: Role, whose: &str) -> Error {
    Error::Denied {
        reason: "ROLE_TOO_LOW",
        message: format!("this needs the role {needed}{whose}"),
    }
}

/// Decides who a caller is.
pub trait Authenticate: Send + Sync {
    /// The caller who shows this; `None` shows nothing. [`Error::Unauthenticated`] where that is not enough for `needs`,
    /// [`Error::Limited`] for who asks too often.
    fn authenticate<'a>(
        &'a self,
        credential: Option<&'a Credential>,
        address: Option<IpAddr>,
        needs: Needs,
    ) -> BoxFuture<'a, Result<Arc<Caller>>>;

    /// The same while the call is being answered, however long that takes; it is not another call, so nothing is counted.
    fn still<'a>(
        &'a self,
        credential: Option<&'a Credential>,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<Arc<Caller>>>;

    /// Whether anything is taken from `address`, for what asks no caller who it is. [`Error::Denied`] where it is not.
    fn admit(&self, address: Option<IpAddr>) -> BoxFuture<'_, Result<()>>;

    /// Hears that `call` (as in `syncline.v1.TokenService/GetToken`, or the path of a page) was refused to this caller, or to
    /// somebody who is not known, who calls from `address`, and the reason. Must not wait.
    fn refused(&self, caller: Option<&Caller>, address: Option<IpAddr>, call: &str, reason: &str) {
        let _ = (caller, address, call, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(permissions: Permissions) -> Caller {
        Caller::nobody(permissions, None)
    }

    #[test]
    fn a_role_may_do_what_the_lower_ones_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        let operator = caller(Permissions::Instance(Role::Operator));
        assert!(Needs::Instance(Role::Viewer).check(&operator).is_ok());
        assert!(Needs::Tenant(Role::Operator).check(&operator).is_ok());
        assert!(Needs::Instance(Role::Admin).check(&operator).is_err());
    }

    #[test]
    fn an_admin_of_a_tenant_is_nobody_to_the_installation() {
        let tenant: TenantId = "a".parse().unwrap();
        let admin = caller(Permissions::tenant(tenant.clone(), Role::Admin));
        assert!(Needs::Tenant(Role::Admin).check(&admin).is_ok());
        assert!(Needs::Instance(Role::Viewer).check(&admin).is_err());
        assert_eq!(admin.permissions.role_in(&"b".parse().unwrap()), None);
    }

    #[test]
    fn a_role_in_a_tenant_adds_to_one_over_the_installation() {
        let tenant = |id: &str| -> TenantId { id.parse().unwrap() };
        let both =
            |role| Permissions::of(Some(Role::Viewer), BTreeMap::from([(tenant("a"), role)]));
        let admin = both(Role::Admin);
        assert_eq!(admin.role_in(&tenant("a")), Some(Role::Admin));
        assert_eq!(admin.role_in(&tenant("b")), Some(Role::Viewer));
        assert_eq!(admin.instance_role(), Some(Role::Viewer));
        assert_eq!(admin.highest(), Some(Role::Admin));
        assert_eq!(both(Role::Viewer), Permissions::Instance(Role::Viewer));
    }

    #[test]
    fn who_may_do_nothing_may_still_log_in() {
        let nobody = caller(Permissions::none());
        assert!(Needs::Nothing.check(&nobody).is_ok());
        assert!(Needs::Tenant(Role::Viewer).check(&nobody).is_err());
    }
}
