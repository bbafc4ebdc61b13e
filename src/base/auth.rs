//! Who calls: what a caller shows, and the question whether that is good. The faces ask it, whoever keeps credentials
//! answers it.

use crate::base::{Result, Secret};
use futures::future::BoxFuture;

/// What a caller shows, in HTTP's `authorization` header or gRPC's metadata of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A name and a password.
    Basic {
        /// Not secret, but not to be trusted either.
        username: String,
        /// As it came.
        password: Secret,
    },
    /// A key.
    Bearer(Secret),
}

/// Somebody who showed a good credential, or did not have to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A name for audits and logs; no secret.
    pub name: String,
}

/// Decides who a caller is.
pub trait Authenticate: Send + Sync {
    /// The caller who shows this; `None` shows nothing. [`crate::base::Error::Unauthenticated`] where that is not enough.
    fn authenticate<'a>(
        &'a self,
        credential: Option<&'a Credential>,
    ) -> BoxFuture<'a, Result<Caller>>;
}
