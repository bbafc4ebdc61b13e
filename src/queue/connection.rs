//! The connection to Redis. Every call has a time-out, a lost connection is built up again for ever, and while it is
//! away calls fail at once. No command is ever sent twice: whoever gets an error looks before repeating.

use super::{Prefix, failure};
use crate::base::{Error, Result};
use fred::{
    clients::WithOptions,
    error::ErrorKind,
    prelude::{Builder, Client, ClientLike as _, Config, ReconnectPolicy},
    types::config::{Options as CallOptions, ReconnectError, ServerConfig, TlsConfig},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// First and longest pause between attempts to connect again (ms), and what is added at random.
const RECONNECT_FROM: u32 = 50;
const RECONNECT_UP_TO: u32 = 2_000;
const RECONNECT_JITTER: u32 = 50;
const SCHEMES: [&str; 4] = ["redis", "rediss", "redis-cluster", "rediss-cluster"];
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Where Redis is.
#[derive(Clone)]
pub struct Options {
    /// `redis://`, `rediss://` (TLS), `redis-cluster://` or `rediss-cluster://`. Sentinels are not asked.
    pub url: String,
    /// How long one command may take.
    pub timeout: Duration,
    /// Prefix of all keys. On a cluster it is put in braces.
    pub prefix: String,
    /// Whom to trust, and what to show, where the URL asks for TLS. `None`: the system's authorities.
    pub tls: Option<rustls::ClientConfig>,
}

impl Options {
    /// With the prefix that BullMQ has by default, and five seconds for a command.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(5),
            prefix: "bull".to_owned(),
            tls: None,
        }
    }
}

/// A connection that all queues of the process share. Cheap to clone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    config: Config,
    place: String,
    timeout: Duration,
    prefix: Prefix,
    client: Client,
    calls: WithOptions<Client>,
    /// Whether the connection is being made anew because an answer did not come.
    doubted: AtomicBool,
}

impl Connection {
    /// Begins to connect, and waits for that no longer than one command may take: Redis may come later. Fails only
    /// where the settings are wrong.
    pub async fn open(options: Options) -> Result<Self> {
        let wrong = |why: &str| Error::invalid("redis.url", why);
        let scheme = options.url.split("://").next().unwrap_or_default();
        if !SCHEMES.contains(&scheme) {
            return Err(wrong(&format!(
                "must begin with one of {}, each with ://",
                SCHEMES.join(", ")
            )));
        }
        let mut config = Config::from_url(&options.url).map_err(|error| wrong(error.details()))?;
        config.fail_fast = false;
        if let Some(tls) = options.tls
            && config.tls.is_some()
        {
            config.tls = Some(TlsConfig::from(tls));
        }
        let prefix = Prefix::new(&options.prefix, config.server.is_clustered())?;
        let place = place(&config.server);
        let client = client(&config, options.timeout)?;
        client.connect();
        // A failure shows with the first call.
        let _ = tokio::time::timeout(options.timeout, client.wait_for_connect()).await;
        let calls = client.with_options(&CallOptions {
            timeout: Some(options.timeout),
            fail_fast: true,
            ..CallOptions::default()
        });
        Ok(Self(Arc::new(Inner {
            config,
            place,
            timeout: options.timeout,
            prefix,
            client,
            calls,
            doubted: AtomicBool::new(false),
        })))
    }

    /// Prefix of all keys.
    pub fn prefix(&self) -> &Prefix {
        &self.0.prefix
    }

    /// Whether it is connected just now.
    pub fn is_up(&self) -> bool {
        self.0.client.is_connected()
    }

    /// Host and port, for people.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<()> {
        let answer: Result<String, _> = self.calls().ping(None).await;
        answer.map(|_| ()).map_err(|error| self.told(&error))
    }

    /// Lets the connection go. Calls fail afterwards.
    pub async fn close(&self) {
        // It is gone either way.
        let _ = self.0.client.quit().await;
    }

    pub(super) fn calls(&self) -> &WithOptions<Client> {
        &self.0.calls
    }

    pub(super) fn timeout(&self) -> Duration {
        self.0.timeout
    }

    /// A client of its own with the same settings, for reads that block.
    pub(super) fn another(&self) -> Result<Client> {
        let client = client(&self.0.config, self.0.timeout)?;
        client.connect();
        Ok(client)
    }

    pub(super) fn told(&self, error: &fred::error::Error) -> Error {
        if *error.kind() == ErrorKind::Timeout {
            self.doubt();
        }
        failure::told(&self.0.place, error)
    }

    /// An answer that does not come may be the only sign that the network lost the connection: another one is made.
    fn doubt(&self) {
        if self.0.doubted.swap(true, Ordering::Relaxed) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            let again = this.0.client.force_reconnection();
            // Where Redis itself stands still the client goes on trying.
            let _ = tokio::time::timeout(this.0.timeout, again).await;
            this.0.doubted.store(false, Ordering::Relaxed);
        });
    }
}

fn client(config: &Config, timeout: Duration) -> Result<Client> {
    Builder::from_config(config.clone())
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_WITHIN.min(timeout);
            connection.internal_command_timeout = CONNECT_WITHIN.min(timeout);
            connection.max_command_attempts = 1;
            connection.tcp.nodelay = Some(true);
            connection.reconnect_errors = vec![
                ReconnectError::ClusterDown,
                ReconnectError::Loading,
                ReconnectError::MasterDown,
                ReconnectError::ReadOnly,
            ];
        })
        .set_policy({
            let mut policy =
                ReconnectPolicy::new_exponential(0, RECONNECT_FROM, RECONNECT_UP_TO, 2);
            policy.set_jitter(RECONNECT_JITTER);
            policy
        })
        .build()
        .map_err(|error| Error::invalid("redis.url", format!("is not usable: {}", error.details())))
}

/// Never the credentials.
fn place(server: &ServerConfig) -> String {
    let hosts: Vec<String> = server.hosts().iter().map(ToString::to_string).collect();
    hosts.join(", ")
}
