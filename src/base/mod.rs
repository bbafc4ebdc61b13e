//! What every layer speaks: errors, resource names, time, secrets, callers.

pub mod auth;
pub mod clock;
pub mod error;
pub mod name;
pub mod secret;

pub use auth::{Authenticate, Caller, Credential};
pub use clock::Clock;
pub use error::{Error, Result, Violation};
pub use name::{EffectName, RecordName, ResourceId, RunName, SyncName, TenantId, TokenName};
pub use secret::Secret;
