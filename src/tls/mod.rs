//! TLS: certificates from PEM files, read again when they change. Servers take [`Server::config`] for each handshake, so a
//! new certificate is shown from the next connection on, and those that are open go on.

mod client;
mod pem;
mod server;
mod subject;

pub use client::{identity, to_server};
pub use server::{Clients, Files, Look, Server};
pub use subject::subject;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// What the bytes on a connection are, as both sides agree in the handshake (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Http2,
    /// Pages.
    Http1,
}

impl Protocol {
    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http2 => vec![b"h2".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
        }
    }
}

/// Said explicitly: other parts of the program may bring another one along.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
