//! `/admin/queues`: how many runs wait and run, where the original server showed its queue.

use crate::{
    runs::depth,
    web::{Site, problem::Problem},
};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// Counts by kind and state; states without any run are left out.
pub async fn show(State(site): State<Site>) -> Result<Json<Value>, Problem> {
    let app = site.door.app().await?;
    let now = app.db.now();
    let queues: Vec<_> = depth::look(&app)
        .await?
        .into_iter()
        .map(|depth| {
            json!({
                "kind": depth.kind,
                "state": depth.state.as_str(),
                "runs": depth.runs,
                "oldest_seconds": depth.age(now).as_secs(),
            })
        })
        .collect();
    Ok(Json(json!({ "queues": queues })))
}
