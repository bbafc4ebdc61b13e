//! The same services without a port: what the command line talks to when no server is named.

use crate::{
    app::App,
    base::{Error, Result},
    serve::{call, services},
};
use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};
use tonic::transport::{Channel, Endpoint, Server, Uri};

/// What may be on its way in either direction before the sender waits.
const BUFFER_BYTES: usize = 64 << 10;

/// A channel to the services of `app`. They end when the channel and its clones are dropped.
pub fn in_process(app: &App) -> Result<Channel> {
    let (connect, connections) = tokio::sync::mpsc::unbounded_channel::<DuplexStream>();
    let connections = UnboundedReceiverStream::new(connections).map(Ok::<_, std::io::Error>);
    let server = Server::builder()
        .layer(call::Layer)
        .add_routes(services::routes(app)?)
        .serve_with_incoming(connections);
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the services in this process ended");
        }
    });
    let endpoint = Endpoint::try_from("http://in.process").map_err(Error::internal)?;
    Ok(
        endpoint.connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
            let (ours, theirs) = duplex(BUFFER_BYTES);
            let sent = connect.send(theirs);
            std::future::ready(
                sent.map(|()| TokioIo::new(ours))
                    .map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused)),
            )
        })),
    )
}
