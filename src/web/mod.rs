//! HTTP, for browsers, scripts, load balancers and Prometheus. One page a file; no rules of any room.
//!
//! Health is open to everybody, because load balancers have no password. All else is behind the guard, `/metrics` too:
//! its figures tell what an installation does, and Prometheus knows how to show a password.

mod access;
mod around;
mod auth;
pub mod health;
mod index;
mod login;
mod metrics;
mod origin;
mod page;
pub mod problem;
mod queues;
mod sync;
mod widget;

use crate::{
    api::auth::Guard,
    app::Door,
    base::{Error, Needs, Role as Least},
    config::{Role, Roles},
    people::Cookies,
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use http::{
    Method, Uri,
    header::{ACCEPT, AUTHORIZATION},
};
use problem::{LARGEST_BODY, Problem};
use std::{net::SocketAddr, time::Duration};
use tokio::sync::watch;

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
    /// Whether people have an account of their own to log in with, and no box of the browser's asks them for the password of
    /// the settings.
    pub login: bool,
    /// How browsers keep their sessions.
    pub cookies: Cookies,
    /// How long one request may take.
    pub request_time: Duration,
    /// Which parts of a server this process is.
    pub roles: Roles,
    /// Where gRPC is answered, if here.
    pub grpc: Option<SocketAddr>,
}

impl Site {
    /// Whether somebody in front of a browser asks for a page, who may log in and then come back.
    fn asks_people(&self, request: &Request) -> bool {
        let headers = request.headers();
        let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        self.login
            && self.roles.has(Role::Web)
            && *request.method() == Method::GET
            && !headers.contains_key(AUTHORIZATION)
            && accepts.is_some_and(|accept| accept.contains("text/html"))
    }
}

/// All pages of a process with these roles.
pub fn router(site: Site) -> Router {
    let mut closed = behind(
        &site,
        Needs::Instance(Least::Viewer),
        Router::new().route("/metrics", get(metrics::show)),
    );
    if site.roles.has(Role::Web) {
        let known = Router::new().route("/", get(index::show));
        let operators = Router::new().route("/sync", post(sync::run));
        let queues = Router::new().route("/admin/queues", get(queues::show));
        // These ask by themselves: a link, or a cookie of theirs, is enough.
        let consents = Router::new()
            .route("/auth", get(auth::begin))
            .route("/oauth2callback", get(auth::complete))
            .layer(from_fn_with_state(site.clone(), access::from_where));
        closed = closed
            .merge(consents)
            .merge(behind(&site, Needs::Caller, known))
            .merge(behind(&site, Needs::Nothing, login::pages()))
            .merge(behind(&site, Needs::Tenant(Least::Operator), operators))
            .merge(behind(&site, Needs::Instance(Least::Viewer), queues));
    }
    let closed = closed
        .merge(behind(
            &site,
            Needs::Caller,
            Router::new().fallback(nothing_here),
        ))
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(site.clone(), origin::check));
    let embedded = match site.roles.has(Role::Web) {
        true => widget::routes().layer(from_fn_with_state(site.clone(), access::from_where)),
        false => Router::new(),
    };
    Router::new()
        .merge(embedded)
        .route("/health", get(health::original))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .merge(closed)
        .layer(from_fn_with_state(site.request_time, around::in_time))
        .layer(from_fn(around::surround))
        .with_state(site)
}

/// Pages that ask this of their visitors.
fn behind(site: &Site, needs: Needs, pages: Router<Site>) -> Router<Site> {
    let site = site.clone();
    pages.layer(from_fn_with_state(
        access::Admission { site, needs },
        access::guard,
    ))
}

async fn nothing_here(uri: Uri) -> Problem {
    Error::not_found("page", uri.path()).into()
}
