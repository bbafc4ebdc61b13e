//! Whom a command talks to: the server that was named, or the same services in this process.

use super::Context;
use crate::{
    api::v1::{
        queue_service_client::QueueServiceClient, sync_service_client::SyncServiceClient,
        token_service_client::TokenServiceClient,
    },
    app::App,
    base::{Clock, ResourceId, RunName},
    cli::Usage,
    runs::Worker,
    serve,
    startup::{self, Migrate},
    tokens,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

/// How long a server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Previews of a year are larger than the usual limit.
const LARGEST_ANSWER: usize = 256 << 20;

/// A conversation with the services.
pub struct Session {
    channel: Channel,
    /// Present when the services are in this process.
    app: Option<App>,
    tenant: ResourceId,
}

impl Session {
    /// Connects to the server that was named, or opens the configured database.
    pub async fn open(context: &Context) -> anyhow::Result<Self> {
        match &context.global.server {
            Some(server) => Ok(Self {
                channel: connect(server).await?,
                app: None,
                tenant: context.global.tenant.clone(),
            }),
            None => Self::open_here(context).await,
        }
    }

    /// Opens the configured database, whatever server was named.
    pub async fn open_here(context: &Context) -> anyhow::Result<Self> {
        let app = startup::open(context.config.clone(), Clock::system(), Migrate::Apply).await?;
        Self::in_process(app, context.global.tenant.clone())
    }

    /// Talks to the services of `app`.
    pub fn in_process(app: App, tenant: ResourceId) -> anyhow::Result<Self> {
        Ok(Self {
            channel: serve::in_process(&app)?,
            app: Some(app),
            tenant,
        })
    }

    /// `TokenService`.
    pub fn tokens(&self) -> TokenServiceClient<Channel> {
        TokenServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// `SyncService`.
    pub fn syncs(&self) -> SyncServiceClient<Channel> {
        SyncServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// `QueueService`.
    pub fn queues(&self) -> QueueServiceClient<Channel> {
        QueueServiceClient::new(self.channel.clone())
    }

    /// What is in this process; `None` when a server was named.
    pub fn app(&self) -> Option<&App> {
        self.app.as_ref()
    }

    /// `tenants/{tenant}`.
    pub fn parent(&self) -> String {
        format!("tenants/{}", self.tenant)
    }

    /// The full name of a token that was given by its id, or by its full name.
    pub fn token(&self, id: &str) -> String {
        self.name("tokens", id)
    }

    /// The full name of a sync.
    pub fn sync(&self, id: &str) -> String {
        self.name("syncs", id)
    }

    /// The full name of a run.
    pub fn run(&self, id: &str) -> String {
        self.name("runs", id)
    }

    fn name(&self, collection: &str, id: &str) -> String {
        match id.contains('/') {
            true => id.to_owned(),
            false => format!("{}/{collection}/{id}", self.parent()),
        }
    }

    /// Starts a worker for this run alone, where no server would execute it.
    pub async fn execute(&self, run: &str) -> anyhow::Result<Option<Worker>> {
        let Some(app) = &self.app else {
            return Ok(None);
        };
        let run = RunName::parse("name", run)?;
        let worker = Worker::start(app.clone(), serve::jobs(), Some(run)).await?;
        Ok(Some(worker))
    }

    /// Ends the conversation; a file that is closed in order needs no repair.
    pub async fn close(self) {
        drop(self.channel);
        if let Some(app) = self.app {
            let now = CancellationToken::new();
            now.cancel();
            tokens::keep_books(app.clone(), now).await;
            app.db.close().await;
        }
    }
}

async fn connect(server: &str) -> anyhow::Result<Channel> {
    let url = match server.contains("://") {
        true => server.to_owned(),
        false => format!("http://{server}"),
    };
    let wrong = |_| Usage("--server: expected a URL as in http://127.0.0.1:50051".to_owned());
    let mut endpoint = Endpoint::from_shared(url.clone())
        .map_err(wrong)?
        .connect_timeout(CONNECT)
        .user_agent(concat!("syncline-cli/", env!("CARGO_PKG_VERSION")))?;
    if url.starts_with("https://") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
    }
    let channel = endpoint.connect().await;
    channel.map_err(|_| {
        crate::base::Error::unavailable(
            "SERVER_UNREACHABLE",
            format!("no server answers at {url}: is `syncline serve` running there?"),
        )
        .into()
    })
}
