//! Whom a command talks to: the server that was named, or the same services in this process.

use super::Context;
use crate::{
    api::v1::{
        account_service_client::AccountServiceClient, queue_service_client::QueueServiceClient,
        sync_service_client::SyncServiceClient, tenant_service_client::TenantServiceClient,
        token_service_client::TokenServiceClient,
    },
    app::App,
    audit,
    base::{Clock, ResourceId, RunName, Secret},
    cli::Usage,
    config::{Auth, BasicAuth, Files},
    runs::Worker,
    serve,
    startup::{self, Migrate},
    tls, tokens,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use zeroize::Zeroizing;

/// How long a server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Previews of a year are larger than the usual limit.
const LARGEST_ANSWER: usize = 256 << 20;

/// The way to the services.
pub type Wire = InterceptedService<Channel, Credentials>;

/// Shows the server that was named who calls.
#[derive(Clone, Default)]
pub struct Credentials(Option<MetadataValue<Ascii>>);

impl Credentials {
    fn new(auth: &Auth) -> Self {
        let key = |key: &Secret| Zeroizing::new(format!("Bearer {}", key.expose()));
        let password = |basic: &BasicAuth| {
            let pair = Zeroizing::new(format!("{}:{}", basic.username, basic.password.expose()));
            Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
        };
        let header = auth.api_key.as_ref().or(auth.admin_key.as_ref()).map(key);
        let header = header.or_else(|| auth.basic.as_ref().map(password));
        let shown = header.and_then(|header| {
            let mut header: MetadataValue<Ascii> = header.parse().ok()?;
            header.set_sensitive(true);
            Some(header)
        });
        Self(shown)
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(shown) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", shown.clone());
        }
        Ok(request)
    }
}

/// A conversation with the services.
pub struct Session {
    channel: Channel,
    credentials: Credentials,
    /// Present when the services are in this process.
    app: Option<App>,
    tenant: ResourceId,
}

impl Session {
    /// Connects to the server that was named, or opens the configured database.
    pub async fn open(context: &Context) -> anyhow::Result<Self> {
        match &context.global.server {
            Some(server) => Ok(Self {
                channel: connect(server, &context.config.client).await?,
                credentials: Credentials::new(&context.config.auth),
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
            credentials: Credentials::default(),
            app: Some(app),
            tenant,
        })
    }

    /// `TokenService`.
    pub fn tokens(&self) -> TokenServiceClient<Wire> {
        TokenServiceClient::new(self.wire()).max_decoding_message_size(LARGEST_ANSWER)
    }

    /// `SyncService`.
    pub fn syncs(&self) -> SyncServiceClient<Wire> {
        SyncServiceClient::new(self.wire()).max_decoding_message_size(LARGEST_ANSWER)
    }

    fn wire(&self) -> Wire {
        InterceptedService::new(self.channel.clone(), self.credentials.clone())
    }

    /// Whose resources commands are about.
    pub fn tenant(&self) -> &ResourceId {
        &self.tenant
    }

    /// `QueueService`.
    pub fn queues(&self) -> QueueServiceClient<Wire> {
        QueueServiceClient::new(self.wire())
    }

    /// `TenantService`.
    pub fn tenants(&self) -> TenantServiceClient<Wire> {
        TenantServiceClient::new(self.wire())
    }

    /// `AccountService`.
    pub fn accounts(&self) -> AccountServiceClient<Wire> {
        AccountServiceClient::new(self.wire())
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
            tokens::keep_books(app.clone(), now.clone()).await;
            audit::keep_books(app.clone(), now).await;
            app.db.close().await;
        }
    }
}

async fn connect(server: &str, files: &Files) -> anyhow::Result<Channel> {
    let url = match server.contains("://") {
        true => server.to_owned(),
        false => format!("http://{server}"),
    };
    let wrong =
        || Usage("--server: expected a URL as in http://127.0.0.1:50051, or https://…".to_owned());
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(wrong().into());
    }
    let mut endpoint = Endpoint::from_shared(url.clone())
        .map_err(|_| wrong())?
        .connect_timeout(CONNECT)
        .user_agent(concat!("syncline-cli/", env!("CARGO_PKG_VERSION")))?;
    if url.starts_with("https://") {
        endpoint = endpoint.tls_config(tls_config(files)?)?;
    }
    let channel = endpoint.connect().await;
    channel.map_err(|error| {
        if let Some(cause) = handshake(&error) {
            let what = format!("the server at {url} does not show a certificate that is trusted here, or does not take ours: {cause}; client.ca names who signs it");
            return crate::base::Error::unavailable("SERVER_UNTRUSTED", what).into();
        }
        crate::base::Error::unavailable(
            "SERVER_UNREACHABLE",
            format!("no server answers at {url}: is `syncline serve` running there?"),
        )
        .into()
    })
}

/// Whom we trust, and what we show.
fn tls_config(files: &Files) -> anyhow::Result<ClientTlsConfig> {
    let mut config = match &files.ca {
        None => ClientTlsConfig::new().with_enabled_roots(),
        Some(ca) => {
            // Read once here, for an error that says what is wrong with which file.
            tls::to_server("client", ca, None)?;
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(std::fs::read(ca)?))
        }
    };
    if let Some((cert, key)) = &files.identity {
        let (cert, key) = tls::identity("client", cert, key)?;
        config = config.identity(Identity::from_pem(cert, key));
    }
    Ok(config)
}

/// What went wrong in the handshake, where one began.
fn handshake(error: &tonic::transport::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        let inner = io.and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls.or_else(|| error.downcast_ref::<rustls::Error>()) {
            return Some(tls.to_string());
        }
        cause = error.source();
    }
    None
}
