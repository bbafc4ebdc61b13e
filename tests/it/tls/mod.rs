//! TLS, with certificates that each test makes: towards callers, and towards PostgreSQL and Redis.

mod client;
mod cookies;
mod database;
mod redis;
mod reload;
mod server;

use crate::{
    cli::{LONG, Stage},
    kit::{Builder, Process, temp_dir},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Somebody who signs certificates, and a folder for the files of all whom he vouches for.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub struct Pair {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = named("authority", Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = temp_dir();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The file of its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Vouches that somebody is `names`.
    pub fn sign(&self, file: &str, names: &[&str]) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = named(file, names);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = Pair {
            cert: self.folder.path().join(format!("{file}.pem")),
            key: self.folder.path().join(format!("{file}.key")),
        };
        fs::write(&pair.cert, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o600)).unwrap();
        pair
    }

    /// Who trusts this one alone, with HTTP, and shows `identity`.
    pub fn http(&self, identity: Option<&Pair>) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(&fs::read(self.ca()).unwrap()).unwrap();
        let mut client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([ca])
            .pool_max_idle_per_host(0);
        if let Some(pair) = identity {
            let mut text = fs::read(&pair.key).unwrap();
            text.extend(fs::read(&pair.cert).unwrap());
            client = client.identity(reqwest::Identity::from_pem(&text).unwrap());
        }
        client.build().unwrap()
    }

    /// The same with gRPC.
    pub fn grpc(&self, address: &str, identity: Option<&Pair>) -> Endpoint {
        let ca = Certificate::from_pem(fs::read(self.ca()).unwrap());
        let mut config = ClientTlsConfig::new()
            .ca_certificate(ca)
            .domain_name("localhost");
        if let Some(pair) = identity {
            let cert = fs::read(&pair.cert).unwrap();
            config = config.identity(Identity::from_pem(cert, fs::read(&pair.key).unwrap()));
        }
        Channel::from_shared(format!("https://{address}"))
            .unwrap()
            .tls_config(config)
            .unwrap()
    }
}

/// OpenSSL takes who is called as its authority is for one that signed itself.
fn named(name: &str, alternative: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(alternative).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server with TLS.
pub struct Secured {
    pub process: Process,
    pub grpc: String,
    pub http: String,
}

impl Secured {
    pub async fn start(command: Builder) -> Self {
        let mut process = command.start();
        let http = process.line("\"http_address\"", LONG).await;
        let grpc = process.line("\"address\"", LONG).await;
        let value = |line: &str| line.split('"').nth(3).unwrap().to_owned();
        let (grpc, http) = (value(&grpc), value(&http));
        Self {
            process,
            grpc,
            http,
        }
    }

    /// A page by a name that certificates can have.
    pub fn url(&self, path: &str) -> String {
        let port = self.http.rsplit(':').next().unwrap();
        format!("https://localhost:{port}{path}")
    }
}

/// `serve` with this certificate.
pub fn with(stage: &Stage, pair: &Pair) -> Builder {
    stage
        .command(&["--json", "serve"])
        .env("SYNCLINE_TLS_CERT", &pair.cert)
        .env("SYNCLINE_TLS_KEY", &pair.key)
}

/// Puts files where others are, each at once, as whoever renews certificates does.
pub fn replace(target: &Path, source: &Path) {
    let beside = target.with_extension("new");
    fs::copy(source, &beside).unwrap();
    fs::rename(beside, target).unwrap();
}
