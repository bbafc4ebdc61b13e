//! `./bench token`: how many access tokens a server hands out in a second while it checks who asks for whose, beside a bare
//! tonic server that echoes; what asking who calls costs, and what row-level security costs a read of the row.

mod echo;
mod load;
mod rows;

pub use echo::{ECHO, serve as serve_echo};

use crate::{
    figure::{Figure, Source, median, spread},
    process::Running,
    stage::program,
};
use anyhow::Context as _;
use load::{Load, Measured};
use serde_json::Value;
use std::path::Path;
use syncline::api::v1::{
    ApiKey, CreateApiKeyRequest, CreateTokenRequest, IssueAccessTokenRequest, Provider, Role,
    Token, create_token_request::Credential, tenant_service_client::TenantServiceClient,
    token_service_client::TokenServiceClient,
};
use tonic::{Request, metadata::MetadataValue, transport::Channel};

/// Each side is measured so often, in turn.
const ROUNDS: usize = 5;
/// For the installation; the measured key is one of a tenant.
const ADMIN: &str = "composed-admin-key-of-this-benchmark";
const NAME: &str = "tenants/default/tokens/clockify";

pub fn bench() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (guarded, open) = (crate::temp_dir(), crate::temp_dir());
    let guarded = Server::start(guarded.path(), true)?;
    let open = Server::start(open.path(), false)?;
    let key = runtime.block_on(guarded.furnish())?;
    runtime.block_on(open.furnish())?;
    let (echo, echo_address) = echo::start()?;

    let asked = IssueAccessTokenRequest {
        name: NAME.to_owned(),
        ..IssueAccessTokenRequest::default()
    };
    let issue = |server: &Server, key| {
        Load::new(
            &server.address,
            "syncline.v1.TokenService/IssueAccessToken",
            &asked,
            key,
        )
    };
    let sides = [
        ("ours", issue(&guarded, Some(key.as_str()))?),
        ("ours, nobody is asked", issue(&open, None)?),
        (
            "echo",
            Load::new(&echo_address, echo::PATH, &asked, Some(&key))?,
        ),
    ];
    let mut measured: [Vec<Measured>; 3] = Default::default();
    for round in 0..ROUNDS {
        for ((side, load), all) in sides.iter().zip(&mut measured) {
            let now = load.measure()?;
            eprintln!("round {} of {ROUNDS}, {side}: {now}", round + 1);
            all.push(now);
        }
    }
    drop(echo);
    let of = |side: usize, what: fn(&Measured) -> f64| median(measured[side].iter().map(what));
    for ((side, _), all) in sides.iter().zip(&measured) {
        eprintln!(
            "{side}: {} calls a second",
            spread(all.iter().map(|one| one.rate))
        );
    }
    let live = Source::Live;
    Figure::more(
        "token.issue",
        of(0, |one| one.rate),
        of(2, |one| one.rate),
        "calls/s",
        live,
    )
    .print()?;
    for (name, what) in [
        ("token.issue.p50", (|one| one.p50) as fn(&Measured) -> f64),
        ("token.issue.p99", |one| one.p99),
    ] {
        Figure::new(name, of(0, what), of(2, what), "ms", live).print()?;
    }
    let (with, without) = (of(0, |one| one.rate), of(1, |one| one.rate));
    eprintln!("asking who calls costs {:.1} %", cost(with, without));
    Figure::more("token.issue.auth", with, without, "calls/s", live).print()?;

    let (with, without) = rows::measure()?;
    eprintln!(
        "row-level security costs a read of the row {:.1} %",
        cost(with, without)
    );
    Figure::more("token.read.rls", with, without, "reads/s", live).print()
}

/// How much slower, in percent.
fn cost(with: f64, without: f64) -> f64 {
    (without / with - 1.0) * 100.0
}

/// The program, on a database of its own.
struct Server {
    _process: Running,
    address: String,
    asks: bool,
}

impl Server {
    fn start(folder: &Path, asks: bool) -> anyhow::Result<Self> {
        let mut command = program(&["--json", "serve"], folder);
        if asks {
            command.env("SYNCLINE_ADMIN_KEY", ADMIN);
        }
        let (process, document) = Running::start(command)?;
        let document: Value = serde_json::from_str(&document)?;
        let address = document["address"].as_str().context("it says where")?;
        Ok(Self {
            _process: process,
            address: address.to_owned(),
            asks,
        })
    }

    /// Keeps the credential that is asked for, and makes the key that is shown.
    async fn furnish(&self) -> anyhow::Result<String> {
        let url = format!("http://{}", self.address);
        let channel = Channel::from_shared(url)?.connect().await?;
        let create = CreateTokenRequest {
            token: Some(Token {
                provider: Provider::Clockify.into(),
                ..Token::default()
            }),
            credential: Some(Credential::ApiKey("composed-for-this-benchmark".to_owned())),
            ..CreateTokenRequest::default()
        };
        let mut tokens = TokenServiceClient::new(channel.clone());
        loop {
            // Until the database is there.
            match tokens.create_token(self.as_admin(create.clone())?).await {
                Err(status) if status.code() == tonic::Code::Unavailable => continue,
                answer => break drop(answer?),
            };
        }
        if !self.asks {
            return Ok(String::new());
        }
        let create = CreateApiKeyRequest {
            api_key: Some(ApiKey {
                role: Role::Operator.into(),
                ..ApiKey::default()
            }),
            ..CreateApiKeyRequest::default()
        };
        let mut tenants = TenantServiceClient::new(channel);
        let made = tenants.create_api_key(self.as_admin(create)?).await?;
        Ok(made.into_inner().secret)
    }

    /// With the admin's key, where anybody is asked for one.
    fn as_admin<T>(&self, message: T) -> anyhow::Result<Request<T>> {
        let mut request = Request::new(message);
        if self.asks {
            let shown: MetadataValue<_> = format!("Bearer {ADMIN}").parse()?;
            request.metadata_mut().insert("authorization", shown);
        }
        Ok(request)
    }
}
