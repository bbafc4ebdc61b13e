//! The key that names the instance whose queues these are. Redis that was emptied has none.

use super::Connection;
use crate::base::Result;
use fred::{
    prelude::KeysInterface as _,
    types::{Expiration, SetOptions},
};

/// Whose Redis this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// Nobody's until now: it was emptied, or is new. It is ours now, and everything has to be put again.
    Fresh,
    /// Ours, as it was.
    Ours,
    /// Another instance's: a clone's, or that of a second system. Leave it alone.
    Foreign(String),
}

impl Connection {
    /// Claims the keys under the prefix for `instance`, where nobody has.
    pub async fn attach(&self, instance: &str) -> Result<Epoch> {
        let key = self.prefix().epoch();
        let calls = self.calls();
        let claim = async {
            let none: Option<Expiration> = None;
            let set: Option<String> = calls
                .set(key.as_str(), instance, none, Some(SetOptions::NX), false)
                .await?;
            if set.is_some() {
                return Ok(Epoch::Fresh);
            }
            let holder: Option<String> = calls.get(key.as_str()).await?;
            Ok(match holder {
                Some(holder) if holder == instance => Epoch::Ours,
                Some(holder) => Epoch::Foreign(holder),
                // Emptied between the two commands: the next look claims it.
                None => return Ok(Epoch::Foreign(String::new())),
            })
        };
        claim.await.map_err(|error| self.told(&error))
    }

    /// The instance that the key names now. `None` means that Redis was emptied.
    pub async fn epoch(&self) -> Result<Option<String>> {
        let holder: Result<Option<String>, _> = self.calls().get(self.prefix().epoch()).await;
        holder.map_err(|error| self.told(&error))
    }
}
