//! The queue on Redis, in the layout of BullMQ, so that its clients and dashboards work on the same jobs. Redis hands
//! work out quickly and may lose all of it: the database knows what there is to do, and `put` makes it ready again.
//!
//! Each verb is one atomic script. A job is in exactly one state at any time, whoever dies in between.

mod claim;
mod connection;
mod epoch;
mod failure;
mod finish;
mod health;
mod hold;
mod job;
mod keys;
mod look;
mod operate;
mod options;
mod put;
mod reply;
mod scripts;
mod wait;

pub use claim::{Claim, Claimed, Rate};
pub use connection::{Connection, Options as ConnectionOptions};
pub use epoch::Epoch;
pub use finish::{Finish, FinishCode, Outcome};
pub use job::{Job, JobState};
pub use keys::Prefix;
pub use look::{Counts, Order};
pub use operate::{Operated, Which};
pub use options::{Backoff, Keep, Options};
pub use put::{LOWEST_PRIORITY, Put, PutCode};
pub use wait::Waiter;

use crate::base::Result;
use keys::Keys;
use std::sync::Arc;

/// One queue. Cheap to clone. Methods fail with `Unavailable`, reason `REDIS_…`, while Redis cannot be used.
#[derive(Clone)]
pub struct Queue {
    connection: Connection,
    name: Arc<str>,
    keys: Arc<Keys>,
}

impl Queue {
    /// The queue called `name` under the connection's prefix. Nothing is written.
    pub fn new(connection: &Connection, name: &str) -> Result<Self> {
        Ok(Self {
            connection: connection.clone(),
            name: name.into(),
            keys: Arc::new(Keys::new(connection.prefix(), name)?),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection that it shares with others.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Something to wait with until there may be work; one for each loop that claims.
    pub fn waiter(&self) -> Waiter {
        Waiter::new(self.clone(), Arc::clone(&self.keys))
    }

    async fn run(
        &self,
        script: &scripts::Script,
        arguments: Vec<fred::types::Value>,
    ) -> Result<fred::types::Value> {
        script
            .run(&self.connection, self.keys.base(), arguments)
            .await
    }
}
