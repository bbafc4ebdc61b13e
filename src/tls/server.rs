//! The certificate of a server, as the files have it now.

use super::{Protocol, pem, provider};
use crate::base::{Error, Result, sha256};
use rustls::{ServerConfig, server::WebPkiClientVerifier};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

const CERT: &str = "tls.cert";
const KEY: &str = "tls.key";
const CLIENT_CA: &str = "tls.client_ca";

/// Where the certificate is.
#[derive(Clone, Debug)]
pub struct Files {
    /// The chain, our own certificate first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whom to ask for a certificate; `None`: nobody.
    pub clients: Option<Clients>,
}

/// Clients that show a certificate.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Who signs them.
    pub ca: PathBuf,
    /// Whether who shows none is refused.
    pub required: bool,
}

/// The certificate of a server. Cheap to clone; all clones see a new one.
#[derive(Clone, Debug)]
pub struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: Files,
    now: RwLock<Loaded>,
    /// What was seen last that is not in use.
    doubt: Mutex<Option<Doubt>>,
}

#[derive(Debug)]
struct Loaded {
    digest: [u8; 32],
    http2: Arc<ServerConfig>,
    http1: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Doubt {
    digest: [u8; 32],
    told: bool,
}

/// What a look at the files found.
#[derive(Debug)]
pub enum Look {
    /// Nothing new.
    Same,
    /// Another certificate, which is in use now.
    Renewed,
    /// They cannot be used, for this reason; what was in use before still is. Said once for each content.
    Broken(Error),
}

impl Server {
    /// Reads the files. `TLS_FILE_UNUSABLE` says which one is wrong, and how.
    pub fn open(files: Files) -> Result<Self> {
        let text = Texts::read(&files)?;
        let now = RwLock::new(text.load(&files)?);
        if pem::is_exposed(&files.key) {
            tracing::warn!(
                "everybody on this machine may read the file of tls.key: run chmod 640 on it"
            );
        }
        let doubt = Mutex::default();
        Ok(Self(Arc::new(Inner { files, now, doubt })))
    }

    /// What the next handshake goes by.
    pub fn config(&self, protocol: Protocol) -> Arc<ServerConfig> {
        let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(match protocol {
            Protocol::Http2 => &now.http2,
            Protocol::Http1 => &now.http1,
        })
    }

    /// Whether the files cannot be used as they are now, so that an older certificate is shown.
    pub fn is_stale(&self) -> bool {
        let doubt = self.0.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        doubt.as_ref().is_some_and(|doubt| doubt.told)
    }

    /// Reads the files again. Certificate and key are two files, and whoever changes them changes one first: what is wrong
    /// counts when two looks in a row find it. Blocks for as long as reading takes.
    pub fn look(&self) -> Look {
        let text = Texts::read(&self.0.files);
        let digest = match &text {
            Ok(text) => text.digest(),
            Err(error) => sha256(error.to_string()),
        };
        let mut doubt = self.0.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = self
            .0
            .now
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .digest;
        if digest == in_use {
            *doubt = None;
            return Look::Same;
        }
        match text.and_then(|text| text.load(&self.0.files)) {
            Ok(loaded) => {
                *doubt = None;
                *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                Look::Renewed
            }
            Err(error) => match &mut *doubt {
                Some(known) if known.digest == digest && known.told => Look::Same,
                Some(known) if known.digest == digest => {
                    known.told = true;
                    Look::Broken(error)
                }
                other => {
                    let told = other.as_ref().is_some_and(|doubt| doubt.told);
                    *other = Some(Doubt {
                        digest,
                        told: false,
                    });
                    // What was broken before is broken still.
                    if told && let Some(doubt) = other {
                        doubt.told = true;
                        return Look::Broken(error);
                    }
                    Look::Same
                }
            },
        }
    }
}

/// What the files hold.
struct Texts {
    cert: Vec<u8>,
    key: Vec<u8>,
    clients: Option<Vec<u8>>,
}

impl Texts {
    fn read(files: &Files) -> Result<Self> {
        let clients = files.clients.as_ref();
        Ok(Self {
            cert: pem::read(CERT, &files.cert)?,
            key: pem::read(KEY, &files.key)?,
            clients: clients
                .map(|clients| pem::read(CLIENT_CA, &clients.ca))
                .transpose()?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [
            &self.cert,
            &self.key,
            self.clients.as_ref().unwrap_or(&self.cert),
        ];
        let digests: Vec<u8> = parts
            .iter()
            .flat_map(|part| sha256(part.as_slice()))
            .collect();
        sha256(&digests)
    }

    fn load(&self, files: &Files) -> Result<Loaded> {
        Ok(Loaded {
            digest: self.digest(),
            http2: Arc::new(self.config(files, Protocol::Http2)?),
            http1: Arc::new(self.config(files, Protocol::Http1)?),
        })
    }

    fn config(&self, files: &Files, protocol: Protocol) -> Result<ServerConfig> {
        let chain = pem::certificates(CERT, &files.cert, &self.cert)?;
        let key = pem::key(KEY, &files.key, &self.key)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?;
        let builder = match (&files.clients, &self.clients) {
            (Some(clients), Some(text)) => {
                let roots = pem::authorities(CLIENT_CA, &clients.ca, text)?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                let verifier = match clients.required {
                    true => verifier,
                    false => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|cause| {
                    pem::unusable(CLIENT_CA, &clients.ca, &format!("cannot be used: {cause}"))
                })?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|cause| match cause {
                rustls::Error::InconsistentKeys(_) => {
                    let what = format!(
                        "is not the key of the certificate in {} (tls.cert)",
                        files.cert.display()
                    );
                    pem::unusable(KEY, &files.key, &what)
                }
                cause => pem::unusable(CERT, &files.cert, &format!("cannot be used: {cause}")),
            })?;
        config.alpn_protocols = protocol.names();
        Ok(config)
    }
}
