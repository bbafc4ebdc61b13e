//! Asks every caller who it is, and whether that is enough for the call: reads what was shown, and stands before the gRPC
//! services. What it asks is an [`Authenticate`].

use crate::{
    api::{
        needs, status,
        within::{Asks, Within},
    },
    base::{Authenticate, Caller, Credential, Error, Needs, Result, Secret, reach::Reach},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use http::{Extensions, HeaderMap, Request, Response, header::AUTHORIZATION};
use std::{
    convert::Infallible,
    fmt, mem,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tonic::body::Body;
use tower::Service;

/// Where a request comes from, in its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Whom the certificate is about that the connection showed, in the extensions of a request.
#[derive(Clone, Debug)]
pub struct Certificate(pub Arc<str>);

/// Told, in the extensions of a call, when it is known who makes it: what only others use is closed sooner. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    /// It is known.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Lets good callers through.
#[derive(Clone)]
pub struct Guard(Arc<dyn Authenticate>);

impl Guard {
    /// Asks `authenticate`.
    pub fn new(authenticate: impl Authenticate + 'static) -> Self {
        Self(Arc::new(authenticate))
    }

    /// Who sent this, and how far that reaches. `cookie` is the id of a session that came in one.
    /// [`Error::Unauthenticated`] when they do not show it, [`Error::Denied`] when it is not enough; the audit hears of it,
    /// and that it was `page` that was asked for.
    pub async fn admit(
        &self,
        headers: &HeaderMap,
        cookie: Option<Secret>,
        extensions: &Extensions,
        needs: Needs,
        page: &str,
    ) -> Result<(Arc<Caller>, Reach)> {
        let address = address(extensions);
        let note = |caller: Option<&Caller>, error: Error| {
            if let Error::Unauthenticated { reason, .. } | Error::Denied { reason, .. } = &error {
                self.note(caller, address, page, reason);
            }
            error
        };
        let shown = shown(headers).map_err(|error| note(None, error))?;
        let credential = shown.or(cookie.map(Credential::Bearer));
        let asked = self.0.authenticate(credential.as_ref(), address, needs);
        let caller = asked.await.map_err(|error| note(None, error))?;
        needs
            .check(&caller)
            .map_err(|error| note(Some(&caller), error))?;
        let reach = Reach::new(Arc::clone(&caller), needs).by(certificate(extensions));
        Ok((caller, reach))
    }

    fn note(&self, caller: Option<&Caller>, address: Option<IpAddr>, call: &str, reason: &str) {
        // Who shows nothing is asked to show something, which refuses nobody yet.
        if reason != "CREDENTIALS_MISSING" {
            self.0.refused(caller, address, call, reason);
        }
    }

    /// Whether anything is taken from where this comes from, for pages that ask nobody who they are. [`Error::Denied`] where
    /// it is not.
    pub async fn admit_address(&self, extensions: &Extensions) -> Result<()> {
        self.0.admit(address(extensions)).await
    }
}

/// The address at the other end of the connection, or of the trusted proxy's.
pub fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<Peer>()
        .map(|peer| peer.0.ip().to_canonical())
}

fn certificate(extensions: &Extensions) -> Option<Arc<str>> {
    let shown = extensions.get::<Certificate>();
    shown.map(|Certificate(subject)| Arc::clone(subject))
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

/// Services behind a guard. A call that is let through carries its [`Caller`] as an extension, and is done within its
/// [`Reach`], to the end of its answer.
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
        // The one that said that it is ready is the one to be called.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            let needs = needs::of(request.uri().path());
            if needs == Needs::Open {
                return inner.call(request).await;
            }
            let call = needs::named(request.uri().path());
            let address = address(request.extensions());
            let note = |caller: Option<&Caller>, headers: &HeaderMap| {
                if let Some(reason) = status::refused(headers) {
                    guard.note(caller, address, call, &reason);
                }
            };
            let refuse = |caller: Option<&Caller>, error: Error| {
                let answer = status::answer(error);
                note(caller, answer.headers());
                Ok(answer)
            };
            let credential = match shown(request.headers()) {
                Ok(credential) => credential,
                Err(error) => return refuse(None, error),
            };
            let asked = guard.0.authenticate(credential.as_ref(), address, needs);
            let caller = match asked.await {
                Ok(caller) => caller,
                Err(error) => return refuse(None, error),
            };
            if let Err(error) = needs.check(&caller) {
                return refuse(Some(&caller), error);
            }
            if caller.is_known()
                && let Some(known) = request.extensions().get::<Known>()
            {
                known.set();
            }
            let certificate = certificate(request.extensions());
            let reach = Reach::new(Arc::clone(&caller), needs).by(certificate);
            request.extensions_mut().insert(Arc::clone(&caller));
            let answer = reach.clone().contain(inner.call(request)).await;
            answer.map(|answer| {
                note(Some(&caller), answer.headers());
                let asks = Asks {
                    authenticate: Arc::clone(&guard.0),
                    credential,
                    address,
                    needs,
                };
                answer.map(|body| Body::new(Within::new(body, reach, asks)))
            })
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
