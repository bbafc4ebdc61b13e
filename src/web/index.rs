//! `/`: what this is, and what is where.

use crate::{
    tokens::{self, Provider, Standing},
    web::Site,
};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// Tokens that are looked at; who has more has both providers among them.
const LOOKED_AT: i32 = 500;

/// The page. Answers while the database does not: then it says that what needs the database is not known.
pub async fn show(State(site): State<Site>) -> Json<Value> {
    let status = match site.health.borrow().is_ready() {
        true => "running",
        false => "not ready",
    };
    let configured = configured(&site).await;
    Json(json!({
        "name": "Syncline",
        "version": env!("CARGO_PKG_VERSION"),
        "status": status,
        "roles": site.roles.to_string(),
        "authentication": {
            "google": word(&configured, Provider::Google),
            "clockify": word(&configured, Provider::Clockify),
        },
        "endpoints": {
            "GET /": "this page",
            "GET /health": "healthy or not, in short",
            "GET /health/live": "the process is there",
            "GET /health/ready": "whether to send calls here, and what was found",
            "GET /metrics": "figures for Prometheus",
            "POST /sync": "runs a sync; JSON {\"sync\": name, \"request_id\": UUID, \"dry_run\": bool}, all optional",
            "GET /auth": "connects a Google account; ?token=name for another token than tenants/default/tokens/google",
            "GET /admin/queues": "how many runs wait and run",
        },
        "grpc": site.grpc.map(|address| address.to_string()),
    }))
}

/// The providers for which the default tenant has a token that works; `None` while nobody knows.
async fn configured(site: &Site) -> Option<Vec<Provider>> {
    let app = site.door.now().ok()?;
    let (tokens, _) = tokens::list(&app, "", LOOKED_AT, "").await.ok()?;
    let now = app.db.now();
    let active = tokens
        .iter()
        .filter(|token| token.standing(now) == Standing::Active);
    Some(active.map(|token| token.provider).collect())
}

fn word(configured: &Option<Vec<Provider>>, provider: Provider) -> &'static str {
    match configured {
        None => "unknown",
        Some(providers) if providers.contains(&provider) => "configured",
        Some(_) => "not configured",
    }
}
