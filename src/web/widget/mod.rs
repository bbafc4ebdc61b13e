//! The widget that other sites embed: its files, and what it asks for. Everybody may come here; what is told is decided by the
//! key in the page, the state of its tenant, and the page's own address.

mod assets;
mod config;
mod cors;

use crate::web::Site;
use axum::{Router, routing::get};

/// All of it.
pub fn routes() -> Router<Site> {
    Router::new()
        .route("/widget/v1/widget.js", get(assets::script))
        .route("/widget/v1/widget.css", get(assets::style))
        .route(
            "/api/widget/config",
            get(config::config).options(config::preflight),
        )
        .route(
            "/api/widget/status",
            get(config::status).options(config::preflight),
        )
}
