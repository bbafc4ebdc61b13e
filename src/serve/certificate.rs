//! The server's certificate: opened as the settings say, and looked at again and again while the server runs.

use crate::{
    base::{Error, Result},
    config::{self, ClientAuth},
    telemetry::metrics,
    tls::{Clients, Files, Look, Server},
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How soon a new certificate is shown.
const EVERY: Duration = Duration::from_secs(2);

/// The certificate of the settings; `None` where there is none. `TLS_FILE_UNUSABLE` says what is wrong with it.
pub(super) fn open(settings: Option<&config::Tls>) -> Result<Option<Server>> {
    let Some(settings) = settings else {
        return Ok(None);
    };
    let clients = settings.client_ca.clone().map(|ca| Clients {
        ca,
        required: settings.client_auth == ClientAuth::Required,
    });
    let files = Files {
        cert: settings.cert.clone(),
        key: settings.key.clone(),
        clients: clients.filter(|_| settings.client_auth != ClientAuth::Off),
    };
    Server::open(files).map(Some)
}

/// Shows a new certificate soon after its files changed.
pub(super) async fn keep_fresh(server: Server, stop: CancellationToken) {
    while tokio::time::timeout(EVERY, stop.cancelled()).await.is_err() {
        let looking = server.clone();
        let look = tokio::task::spawn_blocking(move || looking.look()).await;
        match look.map_err(Error::internal) {
            Ok(Look::Same) => {}
            Ok(Look::Renewed) => {
                metrics::certificate_read("renewed");
                tracing::info!("a new certificate is shown from the next connection on");
            }
            Ok(Look::Broken(error)) | Err(error) => {
                metrics::certificate_read("broken");
                tracing::error!(%error, "the new certificate cannot be used; the one before is shown still");
            }
        }
    }
}
