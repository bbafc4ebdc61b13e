//! What surrounds every call: a span with its method and status, part of the caller's trace, an answer even where a
//! handler panics, and a reason in every error, those that gRPC itself makes too.

use crate::{api::status, base::Error, telemetry};
use futures::FutureExt as _;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tonic::body::Body;
use tower::Service;
use tracing::{Instrument as _, Span, field::Empty};

/// Where gRPC keeps how a call ended: in the headers of an answer without a message, else in the trailers.
const STATUS: &str = "grpc-status";

/// Surrounds all services of a server.
#[derive(Clone, Copy, Debug)]
pub struct Layer;

impl<S> tower::Layer<S> for Layer {
    type Service = Calls<S>;

    fn layer(&self, inner: S) -> Calls<S> {
        Calls(inner)
    }
}

/// A service whose calls are surrounded.
#[derive(Clone, Debug)]
pub struct Calls<S>(S);

impl<S> Service<Request<Body>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = futures::future::BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let span = span(&request);
        let answer = span.in_scope(|| self.0.call(request));
        let within = span.clone();
        let surrounded = async move {
            let answer = AssertUnwindSafe(answer).catch_unwind().await;
            let answer = answer.unwrap_or_else(|panic| Ok(status::answer(broken(&*panic))));
            answer.map(|mut answer| {
                finish(&within, answer.headers_mut());
                answer.map(|body| {
                    Body::new(Answer {
                        body,
                        span: within,
                        broken: false,
                    })
                })
            })
        };
        Box::pin(surrounded.instrument(span))
    }
}

fn span(request: &Request<Body>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    // Names come from callers: only such as a service can have are repeated.
    let known = |text: &str| {
        text.len() < 100
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._".contains(c))
    };
    let (service, method) = match known(service) && known(method) {
        true => (service, method),
        false => ("", ""),
    };
    let span = tracing::info_span!(
        "rpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty
    );
    telemetry::set_parent_from(&span, request.headers());
    span
}

/// Sees to it that an error has its reason, and notes how the call ended. Of the headers of an answer with a message, and
/// of trailers without a status, nothing changes.
fn finish(span: &Span, headers: &mut HeaderMap) {
    if let Some(status) = status::completed(headers)
        && let Err(error) = status.add_header(headers)
    {
        tracing::warn!(%error, "an answer keeps the words of gRPC");
    }
    if let Some(code) = headers.get(STATUS).and_then(|code| code.to_str().ok()) {
        span.record("rpc.grpc.status_code", code);
    }
}

/// Why a handler that panicked has no answer; the message goes to the log only.
fn broken(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::internal(format!("a handler panicked: {message}"))
}

/// The body of an answer: streams panic here, and say here how they ended.
struct Answer {
    body: Body,
    span: Span,
    broken: bool,
}

impl http_body::Body for Answer {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if self.broken {
            return Poll::Ready(None);
        }
        let span = self.span.clone();
        let _entered = span.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            Pin::new(&mut self.body).poll_frame(context)
        }));
        let mut frame = match polled {
            Ok(polled) => ready!(polled),
            Err(panic) => {
                self.broken = true;
                Some(Ok(Frame::trailers(status::trailers(broken(&*panic)))))
            }
        };
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            finish(&span, trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.broken || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body as _;
    use std::future::poll_fn;
    use tower::{Layer as _, ServiceExt as _};

    const INTERNAL: &str = "13";

    /// A stream that breaks.
    struct Broken;

    impl http_body::Body for Broken {
        type Data = <Body as http_body::Body>::Data;
        type Error = <Body as http_body::Body>::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            panic!("composed for a test")
        }
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_internal_and_says_nothing_more() {
        let handler = tower::service_fn(async |_: Request<Body>| -> Result<_, Infallible> {
            assert_eq!(1, 2, "composed for a test");
            Ok(Response::new(Body::empty()))
        });
        let answer = Layer
            .layer(handler)
            .oneshot(Request::new(Body::empty()))
            .await
            .unwrap();
        assert_eq!(answer.headers()[STATUS], INTERNAL);
        assert!(!format!("{:?}", answer.headers()).contains("composed"));
    }

    #[tokio::test]
    async fn a_stream_that_panics_ends_with_internal() {
        let handler = tower::service_fn(async |_: Request<Body>| -> Result<_, Infallible> {
            Ok(Response::new(Body::new(Broken)))
        });
        let answer = Layer
            .layer(handler)
            .oneshot(Request::new(Body::empty()))
            .await
            .unwrap();
        let mut body = answer.into_body();
        let last = poll_fn(|context| Pin::new(&mut body).poll_frame(context))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(last.trailers_ref().unwrap()[STATUS], INTERNAL);
        assert!(
            poll_fn(|context| Pin::new(&mut body).poll_frame(context))
                .await
                .is_none()
        );
    }
}
