//! HTTP, for browsers, scripts, load balancers and Prometheus. One page a file; no rules of any room.
//!
//! Health is open to everybody, because load balancers have no password. All else is behind the guard, `/metrics` too:
//! its figures tell what an installation does, and Prometheus knows how to show a password.

mod access;
mod around;
pub mod health;
mod index;
mod metrics;
mod origin;
mod problem;
mod queues;
mod sync;

use crate::{
    api::auth::Guard,
    app::Door,
    base::Error,
    config::{Role, Roles},
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use http::Uri;
use problem::Problem;
use std::net::SocketAddr;
use tokio::sync::watch;

/// No request of ours is larger.
const LARGEST_BODY: usize = 64 << 10;

/// What all pages share.
#[derive(Clone, Debug)]
pub struct Site {
    /// The way to the application.
    pub door: Door,
    /// How the process is.
    pub health: watch::Receiver<health::Report>,
    /// Asks callers who they are.
    pub guard: Guard,
    /// Whether the guard wants to see a password. If not, only this machine can reach us.
    pub guarded: bool,
    /// Which parts of a server this process is.
    pub roles: Roles,
    /// Where gRPC is answered, if here.
    pub grpc: Option<SocketAddr>,
}

/// All pages of a process with these roles.
pub fn router(site: Site) -> Router {
    let mut closed = Router::new().route("/metrics", get(metrics::show));
    if site.roles.has(Role::Web) {
        closed = closed
            .route("/", get(index::show))
            .route("/sync", post(sync::run))
            .route("/admin/queues", get(queues::show));
    }
    let closed = closed
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(site.clone(), access::guard))
        .layer(from_fn_with_state(site.clone(), origin::check));
    Router::new()
        .route("/health", get(health::original))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .merge(closed)
        .layer(from_fn(around::surround))
        .with_state(site)
}

async fn nothing_here(uri: Uri) -> Problem {
    Error::not_found("page", uri.path()).into()
}
