//! Telling people what needs them. Rooms say it where it happens; who hears of it, and how, is filled in further up.

use crate::base::TenantId;
use std::{fmt, sync::Arc};

/// Something that a person should do something about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// UPPER_SNAKE, listed in `docs/errors.md`.
    pub reason: &'static str,
    /// Whose it is.
    pub tenant: TenantId,
    /// The resource name of what it is about.
    pub about: String,
    /// What is wrong and what to do, for a person. No secret.
    pub message: String,
}

/// Tells people. Called after the fact is stored, once over all processes; it must not wait for anything: what takes time is
/// taken to a queue.
pub trait Notify: fmt::Debug + Send + Sync {
    /// Tells of this one.
    fn tell(&self, notice: &Notice);
}

/// Nobody is told: as in a command, whose person reads what it prints.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Notify for Nobody {
    fn tell(&self, _: &Notice) {}
}

impl Nobody {
    /// As an application wants it.
    pub fn shared() -> Arc<dyn Notify> {
        Arc::new(Self)
    }
}
