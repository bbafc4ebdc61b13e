//! HTTP/1.1 on connections that were taken in: what is too large or too slow is ended, and the others are not held up.

use crate::{
    api::forwarded::Resolved, base::Result, config::Limits, serve::accept::Connection,
    web::problem::Problem,
};
use axum::{Router, body::Body, response::IntoResponse as _};
use http::{Extensions, HeaderMap, Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use std::io;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// No browser sends as many.
const HEADERS: usize = 100;

/// Answers until `closing`; then answers what was asked already, and returns.
pub(super) async fn answer(
    connections: impl Stream<Item = io::Result<Connection>>,
    pages: Resolved<Router>,
    limits: Limits,
    closing: CancellationToken,
) -> Result<()> {
    let mut connections = Box::pin(connections);
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header_bytes)
        .max_headers(HEADERS);
    let graceful = GracefulShutdown::new();
    while let Some(Some(connection)) = closing.run_until_cancelled(connections.next()).await {
        let Ok(connection) = connection else {
            continue;
        };
        let (origin, pages) = (connection.origin(), pages.clone());
        let limit = limits.header_bytes;
        let service = service_fn(move |request: Request<Incoming>| {
            let (origin, pages) = (origin.clone(), pages.clone());
            async move {
                // The library only bounds what it reads at once, which may be twice as much.
                match header_bytes(request.headers()) > limit {
                    true => Ok(Problem::of_headers(limit).into_response()),
                    false => pages.oneshot(from(request, origin)).await,
                }
            }
        });
        let serving = protocol.serve_connection(TokioIo::new(connection), service);
        let serving = graceful.watch(serving);
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::debug!(%error, "an HTTP connection broke");
            }
        });
    }
    drop(connections);
    graceful.shutdown().await;
    Ok(())
}

fn header_bytes(headers: &HeaderMap) -> usize {
    let headers = headers.iter();
    headers
        .map(|(name, value)| name.as_str().len() + ": \r\n".len() + value.len())
        .sum()
}

fn from(request: Request<Incoming>, origin: Extensions) -> Request<Body> {
    let mut request = request.map(Body::new);
    request.extensions_mut().extend(origin);
    request
}
