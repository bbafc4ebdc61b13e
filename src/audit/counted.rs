//! What is counted: who does what to whom, from where, and what becomes of it.

use crate::{
    audit::DONE,
    base::{Caller, Source, TenantId},
};
use std::{borrow::Cow, fmt, net::IpAddr};

/// What is written in the place of many addresses, which are not told apart any more.
const MANY: &str = "many addresses";

/// What is counted. It borrows what it can: most of it was counted before, and then nothing is copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted<'a> {
    pub(super) tenant: Option<Cow<'a, TenantId>>,
    pub(super) actor: Cow<'a, str>,
    pub(super) place: Place,
    pub(super) action: &'static str,
    pub(super) resource: Cow<'a, str>,
    pub(super) outcome: Cow<'a, str>,
}

/// From where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    /// From there, or nobody knows: who is known has few, and each of them says something.
    Address(Option<IpAddr>),
    /// From there, somebody who is not known, and may have a whole network.
    Network(Source),
    /// From more than are told apart.
    Many,
}

/// Who does something, and from where.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    /// As in [`Caller::name`].
    pub name: &'a str,
    /// Where it is known.
    pub address: Option<IpAddr>,
}

impl<'a> From<&'a str> for By<'a> {
    fn from(name: &'a str) -> Self {
        let address = None;
        Self { name, address }
    }
}

impl<'a> From<&'a Caller> for By<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self {
            name: &caller.name,
            address: caller.address,
        }
    }
}

impl<'a> Counted<'a> {
    /// `by` did `action` (as in `token.read`) to `resource`, which stands in the audit of `tenant`; `None` is the
    /// installation's.
    pub fn done(
        tenant: Option<&'a TenantId>,
        action: &'static str,
        resource: impl Into<Cow<'a, str>>,
        by: By<'a>,
    ) -> Self {
        Self {
            tenant: tenant.map(Cow::Borrowed),
            actor: by.name.into(),
            place: Place::Address(by.address),
            action,
            resource: resource.into(),
            outcome: DONE.into(),
        }
    }

    /// It was not done, for this reason (UPPER_SNAKE).
    pub fn refused(self, reason: impl Into<Cow<'a, str>>) -> Self {
        Self {
            outcome: reason.into(),
            ..self
        }
    }

    /// Whoever did it is not known, and can choose addresses and what to ask for: such are told apart by their networks,
    /// and not without limits.
    pub fn by_stranger(self) -> Self {
        let place = match self.place {
            Place::Address(address) => Place::Network(Source::of(address)),
            known => known,
        };
        Self { place, ..self }
    }

    pub(super) fn is_by_stranger(&self) -> bool {
        matches!(self.place, Place::Network(_))
    }

    pub(super) fn into_owned(self) -> Counted<'static> {
        Counted {
            tenant: self.tenant.map(|tenant| Cow::Owned(tenant.into_owned())),
            actor: self.actor.into_owned().into(),
            place: self.place,
            action: self.action,
            resource: self.resource.into_owned().into(),
            outcome: self.outcome.into_owned().into(),
        }
    }
}

/// As the audit shows it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.map_or(Ok(()), |address| address.fmt(f)),
            Self::Network(source) => source.fmt(f),
            Self::Many => f.write_str(MANY),
        }
    }
}
