//! Waiting for work without asking all the time.

use super::{Queue, keys::Keys};
use crate::base::Result;
use fred::{
    prelude::{Client, ClientInterface as _, ClientLike as _},
    types::{ClusterHash, CustomCommand, Value, config::Options as CallOptions},
};
use std::{sync::Arc, time::Duration};

/// The longest wait. A marker that got lost costs no more than this.
const LONGEST: Duration = Duration::from_secs(5);
/// The shortest block that every supported server rounds to something.
const SHORTEST: Duration = Duration::from_millis(2);
/// What a blocking read may take longer than it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// A connection of its own that blocks until there may be work. It carries the name by which others find workers.
pub struct Waiter {
    queue: Queue,
    keys: Arc<Keys>,
    client: Option<Client>,
}

impl Waiter {
    pub(super) fn new(queue: Queue, keys: Arc<Keys>) -> Self {
        Self {
            queue,
            keys,
            client: None,
        }
    }

    /// Returns when a claim may find something: a job was made ready, `at_most` passed, or five seconds did. A
    /// connection that does not answer is given up, and the next call builds another.
    pub async fn wait(&mut self, at_most: Duration) -> Result<()> {
        let block = at_most.clamp(SHORTEST, LONGEST);
        let client = self.client().await?.clone();
        let options = CallOptions {
            timeout: Some(block + GRACE),
            fail_fast: true,
            ..CallOptions::default()
        };
        // As a command of our own: `fred` answers a wait that passed like a connection that does not answer.
        let command = CustomCommand::new_static("BZPOPMIN", ClusterHash::FirstKey, false);
        let words: Vec<Value> = vec![self.keys.marker().into(), block.as_secs_f64().into()];
        let popped: Result<Value, _> = client.with_options(&options).custom(command, words).await;
        match popped {
            Ok(_) => Ok(()),
            Err(error) => {
                self.give_up();
                Err(self.queue.connection().told(&error))
            }
        }
    }

    async fn client(&mut self) -> Result<&Client> {
        let client = match self.client.take() {
            Some(client) => client,
            None => self.connect().await?,
        };
        Ok(self.client.insert(client))
    }

    async fn connect(&self) -> Result<Client> {
        let connection = self.queue.connection();
        let client = connection.another()?;
        let ready = async {
            client.wait_for_connect().await?;
            client.client_setname(self.keys.connection_name()).await
        };
        let told = |error: &fred::error::Error| connection.told(error);
        match tokio::time::timeout(connection.timeout(), ready).await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => {
                let _ = client.quit().await;
                Err(told(&error))
            }
            Err(_) => {
                drop(tokio::spawn(async move { client.quit().await }));
                let late =
                    fred::error::Error::new(fred::error::ErrorKind::IO, "not connected in time");
                Err(told(&late))
            }
        }
    }

    /// Its name is gone with the connection, so a new client is simpler than a reconnected one.
    fn give_up(&mut self) {
        if let Some(client) = self.client.take() {
            drop(tokio::spawn(async move { client.quit().await }));
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(client) = self.client.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            drop(runtime.spawn(async move { client.quit().await }));
        }
    }
}
