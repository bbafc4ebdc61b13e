//! Asks everybody who comes in for name and password.

use crate::web::{Site, problem::Problem};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

/// Lets good callers through; their [`crate::base::Caller`] goes along as an extension.
pub async fn guard(
    State(site): State<Site>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = site.guard.admit(request.headers()).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
