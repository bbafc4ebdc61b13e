//! What every layer speaks: errors, resource names, words, time, secrets, callers.

pub mod allowance;
pub mod auth;
pub mod clock;
pub mod digest;
pub mod error;
pub mod name;
pub mod notify;
pub mod random;
pub mod reach;
pub mod secret;
pub mod source;
pub mod words;

pub use allowance::Allowances;
pub use auth::{ANYBODY, Authenticate, Caller, Credential, Needs, Permissions, Role, Who};
pub use clock::Clock;
pub use digest::sha256;
pub use error::{Error, Result, Violation};
pub use name::{EffectName, RecordName, ResourceId, RunName, SyncName, TenantId, TokenName};
pub use random::random_bytes;
pub use secret::Secret;
pub use source::Source;
pub(crate) use words::words;
