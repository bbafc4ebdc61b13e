//! Asks every caller who it is: reads the `authorization` header, and stands before the gRPC services. What it asks is a
//! [`Authenticate`]; health answers everybody.

use crate::base::{Authenticate, Caller, Credential, Error, Result, Secret};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use std::{
    convert::Infallible,
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Status, body::Body};
use tower::Service;

/// The service that answers everybody: load balancers have no password.
const OPEN: &str = "/grpc.health.v1.Health/";

/// Lets good callers through.
#[derive(Clone)]
pub struct Guard(Arc<dyn Authenticate>);

impl Guard {
    /// Asks `authenticate`.
    pub fn new(authenticate: impl Authenticate + 'static) -> Self {
        Self(Arc::new(authenticate))
    }

    /// Who sent these headers. [`Error::Unauthenticated`] when they do not show it.
    pub async fn admit(&self, headers: &HeaderMap) -> Result<Caller> {
        let credential = shown(headers)?;
        self.0.authenticate(credential.as_ref()).await
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl<S> tower::Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            guard: self.clone(),
            inner,
        }
    }
}

/// Services behind a guard. A call that is let through carries its [`Caller`] as an extension.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if request.uri().path().starts_with(OPEN) {
            return Box::pin(self.inner.call(request));
        }
        // The one that said that it is ready is the one to be called.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            match guard.admit(request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(error) => {
                    let status: Status = error.into();
                    Ok(status.into_http())
                }
            }
        })
    }
}

/// What the `authorization` header shows; `None` where there is none.
fn shown(headers: &HeaderMap) -> Result<Option<Credential>> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let credential = header.to_str().ok().and_then(parse);
    credential.map(Some).ok_or_else(|| Error::Unauthenticated {
        reason: "CREDENTIALS_WRONG",
        message: "the authorization header is neither \"Basic\" with a name and a password in base64 nor \"Bearer\" with a key"
            .to_owned(),
    })
}

fn parse(header: &str) -> Option<Credential> {
    let (scheme, rest) = header.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.is_empty()).then(|| Credential::Bearer(Secret::new(rest)));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Secret::new(String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?);
    let (username, password) = text.expose().split_once(':')?;
    Some(Credential::Basic {
        username: username.to_owned(),
        password: Secret::new(password),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, text.parse().unwrap())])
    }

    fn basic(text: &str) -> HeaderMap {
        header(&format!("Basic {}", BASE64_STANDARD.encode(text)))
    }

    #[test]
    fn a_password_may_have_colons_and_any_letters() {
        let expected = |username: &str, password: &str| Credential::Basic {
            username: username.to_owned(),
            password: password.into(),
        };
        assert_eq!(
            shown(&basic("ada:a:b")).unwrap(),
            Some(expected("ada", "a:b"))
        );
        assert_eq!(shown(&basic("ada:é")).unwrap(), Some(expected("ada", "é")));
        assert_eq!(shown(&basic(":")).unwrap(), Some(expected("", "")));
    }

    #[test]
    fn schemes_are_read_in_any_case() {
        for text in ["Bearer k", "bearer k", "BEARER  k "] {
            assert_eq!(
                shown(&header(text)).unwrap(),
                Some(Credential::Bearer("k".into()))
            );
        }
        assert_eq!(shown(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn what_is_no_credential_is_refused_without_repeating_it() {
        for text in [
            "",
            "Basic",
            "Basic canary!",
            "Basic Y2FuYXJ5",
            "Bearer ",
            "Digest canary",
            "canary",
        ] {
            let error = shown(&header(text)).unwrap_err();
            assert!(matches!(error, Error::Unauthenticated { .. }), "{text}");
            assert!(!error.to_string().contains("canary"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(text in "(Basic|Bearer)? ?[ -~]{0,40}") {
            let _ = shown(&header(&text));
        }
    }
}
