//! What surrounds every request: a span with its route and status, part of the caller's trace, a count, and an answer
//! even where a page panics.

use crate::{base::Error, telemetry, web::problem::Problem};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::FutureExt as _;
use http::Method;
use std::{panic::AssertUnwindSafe, time::Duration};
use tracing::{Instrument as _, field::Empty};

/// Surrounds a request.
pub async fn surround(request: Request, next: Next) -> Response {
    // Callers choose paths and methods: only those that we know are repeated.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("other", MatchedPath::as_str)
        .to_owned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    };
    let span = tracing::info_span!(
        "http",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty
    );
    telemetry::set_parent_from(&span, request.headers());
    let answer = async {
        // A future that panicked is not looked at again.
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        answer.unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            Problem::from(Error::internal(format!("a page panicked: {text}"))).into_response()
        })
    };
    let answer = answer.instrument(span.clone()).await;
    let status = answer.status().as_u16();
    span.record("http.response.status_code", status);
    telemetry::metrics::http_request(&route, method, status);
    answer
}

/// Ends what takes longer than a request may, as where its body never comes to an end.
pub async fn in_time(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(longest, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            let what = format!("the request was not done within {longest:?} (http.request_time)");
            Problem::from(Error::Late { what }).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware::from_fn, routing::get};
    use http::StatusCode;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_page_that_panics_answers_500_and_says_nothing_more() {
        let broken = async || -> &'static str { panic!("composed for a test") };
        let router: Router = Router::new()
            .route("/", get(broken))
            .layer(from_fn(surround));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(answer.into_body(), 10_000)
            .await
            .unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("INTERNAL") && !body.contains("composed"),
            "{body}"
        );
    }
}
