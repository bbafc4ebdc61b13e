//! A call ends in time: when its caller stops waiting (`grpc-timeout`), and in any case after the longest time that the
//! settings allow. Streams go on for as long as they have something to say; the time is the one until they begin.

use crate::{api::status, base::Error};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};
use tonic::body::Body;
use tower::Service;

/// A caller that is answered this much before its deadline still hears why.
const BEFORE: Duration = Duration::from_millis(20);

/// Ends calls after this time at the latest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Longest(pub(super) Duration);

impl<S> tower::Layer<S> for Longest {
    type Service = InTime<S>;

    fn layer(&self, inner: S) -> InTime<S> {
        InTime {
            longest: self.0,
            inner,
        }
    }
}

/// Services whose calls end in time.
#[derive(Clone, Debug)]
pub(super) struct InTime<S> {
    longest: Duration,
    inner: S,
}

impl<S> Service<Request<Body>> for InTime<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = asked(request.headers());
        let (time, what) = match asked {
            Some(asked) if asked < self.longest => {
                let time = asked.saturating_sub(BEFORE.min(asked / 4));
                (
                    time,
                    format!(
                        "the call was not done within the {asked:?} that it asked for (grpc-timeout)"
                    ),
                )
            }
            _ => {
                let longest = self.longest;
                (
                    longest,
                    format!("the call was not done within {longest:?} (grpc.call_time)"),
                )
            }
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            match tokio::time::timeout(time, answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(status::answer(Error::Late { what })),
            }
        })
    }
}

/// What the caller said: up to eight digits and a unit. `None` where it said nothing, or something else.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        let read = |text: &str| {
            asked(&HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                text.parse().unwrap(),
            )]))
        };
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(
            read("99999999H"),
            Some(Duration::from_secs(99_999_999 * 3600))
        );
        assert_eq!(read("15m"), Some(Duration::from_millis(15)));
        for wrong in ["", "S", "2", "2x", "-1S", "123456789S", "1.5S"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(asked(&HeaderMap::new()), None);
    }
}
