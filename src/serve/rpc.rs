//! HTTP/2 on connections that were taken in: one that is of no use to anybody is closed, so that others have its place.

use crate::{
    base::Result,
    config::Limits,
    serve::{
        accept::Connection,
        activity::{Activity, Look, Patience, Watched},
    },
    telemetry::metrics,
};
use http::{Extensions, Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

/// How often a silent connection is asked whether somebody is there, and how long it may take to say so.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// How long a caller has who was told that the connection is closed.
const LEAVE: Duration = Duration::from_secs(10);
/// Looks at a connection in the shortest time that it may be of no use; and no two are further apart than this.
const LOOKS: u32 = 4;
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Answers until `closing`; then answers what was asked already, and returns.
pub(super) async fn answer<S>(
    connections: impl Stream<Item = io::Result<Connection>>,
    calls: S,
    limits: Limits,
    closing: CancellationToken,
) -> Result<()>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let mut connections = Box::pin(connections);
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    protocol
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE.0)
        .keep_alive_timeout(KEEPALIVE.1)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.calls);
    let patience = Patience {
        first: limits.header_time,
        idle: limits.idle,
        stall: limits.stall,
    };
    let mut open = JoinSet::new();
    loop {
        let connection = tokio::select! {
            next = closing.run_until_cancelled(connections.next()) => match next {
                Some(Some(connection)) => connection,
                _ => break,
            },
            Some(_) = open.join_next() => continue,
        };
        let Ok(connection) = connection else {
            continue;
        };
        let held = Held {
            connection,
            protocol: protocol.clone(),
            calls: calls.clone(),
            patience,
        };
        open.spawn(held.answer(closing.clone()));
    }
    drop(connections);
    while open.join_next().await.is_some() {}
    Ok(())
}

/// A connection, and what is needed to answer on it.
struct Held<S> {
    connection: Connection,
    protocol: http2::Builder<TokioExecutor>,
    calls: S,
    patience: Patience,
}

impl<S> Held<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    async fn answer(self, closing: CancellationToken) {
        let (patience, calls) = (self.patience, self.calls);
        let origin = self.connection.origin();
        let activity = Activity::begun(Instant::now());
        let seen = Arc::clone(&activity);
        let service = service_fn(move |request| one(calls.clone(), request, origin.clone(), &seen));
        let connection = TokioIo::new(self.connection);
        let mut serving = pin!(self.protocol.serve_connection(connection, service));
        let mut looks = interval(patience.look_every());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_closing = false;
        let mut leaves_by: Option<Instant> = None;
        loop {
            tokio::select! {
                ended = &mut serving => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a gRPC connection broke");
                    }
                    return;
                }
                () = closing.cancelled(), if !is_closing => {
                    is_closing = true;
                    serving.as_mut().graceful_shutdown();
                }
                now = looks.tick() => match (activity.look(&patience, now), leaves_by) {
                    (Look::Used, _) => {}
                    (Look::Stalled, _) => return metrics::connection_refused("grpc", "stall"),
                    (Look::Idle, None) => {
                        metrics::connection_refused("grpc", "idle");
                        leaves_by = Some(now + LEAVE);
                        serving.as_mut().graceful_shutdown();
                    }
                    (Look::Idle, Some(end)) if end <= now => return,
                    (Look::Idle, Some(_)) => {}
                }
            }
        }
    }
}

impl Patience {
    fn look_every(&self) -> Duration {
        let shortest = self.first.min(self.idle).min(self.stall);
        (shortest / LOOKS).clamp(Duration::from_millis(10), LOOK_EVERY)
    }
}

/// Answers one call.
fn one<S>(
    calls: S,
    request: Request<Incoming>,
    origin: Extensions,
    activity: &Arc<Activity>,
) -> impl Future<Output = std::result::Result<Response<Watched>, Infallible>> + use<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let open = activity.call();
    let mut request = request.map(Body::new);
    request.extensions_mut().extend(origin);
    request.extensions_mut().insert(open.known());
    async move {
        let answer = calls.oneshot(request).await?;
        Ok(answer.map(|body| open.watch(body)))
    }
}
