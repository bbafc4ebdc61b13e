//! Who really calls, where a proxy stands before us.

use crate::api::auth::Peer;
use http::{Extensions, HeaderMap, HeaderName, Request};
use ipnet::IpNet;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
};
use tower::Service;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose word is taken. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// These addresses and networks.
    pub fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.into())
    }

    /// Puts the caller's own address into [`Peer`], where the one at the other end of the connection is a proxy that is
    /// believed. Every proxy adds at the end whom it heard from: the last one that is none of ours is the caller.
    pub fn resolve(&self, headers: &HeaderMap, extensions: &mut Extensions) {
        let Some(Peer(peer)) = extensions.get::<Peer>().copied() else {
            return;
        };
        let mut caller = peer.ip().to_canonical();
        let texts = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = texts.flat_map(|text| text.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.trusts(caller) {
                break;
            }
            // What cannot be read was not written by a proxy of ours, so nothing before it was, either.
            let Some(address) = address(entry.trim()) else {
                break;
            };
            caller = address.to_canonical();
        }
        if caller != peer.ip().to_canonical() {
            extensions.insert(Peer(SocketAddr::new(caller, 0)));
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, which some proxies write with a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

impl<S> tower::Layer<S> for Proxies {
    type Service = Resolved<S>;

    fn layer(&self, inner: S) -> Resolved<S> {
        Resolved {
            proxies: self.clone(),
            inner,
        }
    }
}

/// A service whose requests say who really calls.
#[derive(Clone, Debug)]
pub struct Resolved<S> {
    proxies: Proxies,
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Resolved<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let (mut parts, body) = request.into_parts();
        self.proxies.resolve(&parts.headers, &mut parts.extensions);
        self.inner.call(Request::from_parts(parts, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(peer: &str, said: &[&str]) -> String {
        let proxies = Proxies::new(&["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let headers = said
            .iter()
            .map(|text| (FORWARDED_FOR, text.parse().unwrap()));
        let mut extensions = Extensions::new();
        extensions.insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        proxies.resolve(&headers.collect(), &mut extensions);
        extensions.get::<Peer>().unwrap().0.ip().to_string()
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        assert_eq!(caller("10.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(caller("::ffff:10.0.0.1", &["192.0.2.1:99"]), "192.0.2.1");
        assert_eq!(caller("::1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(caller("203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(caller("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_caller_wrote_itself_does_not_count() {
        for said in [
            &["198.51.100.7, 192.0.2.1"][..],
            &["198.51.100.7", "192.0.2.1"],
            &["198.51.100.7, 192.0.2.1, 10.2.2.2"],
            &["nonsense, 192.0.2.1"],
        ] {
            assert_eq!(caller("10.0.0.1", said), "192.0.2.1", "{said:?}");
        }
        assert_eq!(caller("10.0.0.1", &["192.0.2.1, nonsense"]), "10.0.0.1");
    }
}
