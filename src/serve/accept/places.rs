//! Who has how many connections.

use crate::{config::Limits, telemetry::metrics};
use ipnet::IpNet;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The places for connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Shared>);

struct Shared {
    face: &'static str,
    most: usize,
    most_of_one: usize,
    /// Many people come through each of these.
    proxies: Vec<IpNet>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

impl Places {
    pub(super) fn new(face: &'static str, limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            face,
            most: limits.connections,
            most_of_one: limits.per_address,
            proxies: limits.trusted_proxies.clone(),
            taken: Mutex::default(),
        }))
    }

    /// A place for a caller at `address`; `None` when there is none left, or it has its share.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let is_proxy = self.0.proxies.iter().any(|proxy| proxy.contains(&address));
        let whose = (!is_proxy).then(|| neighbourhood(address));
        let mut taken = self.taken();
        let refused = match whose.and_then(|whose| taken.by.get(&whose)) {
            _ if taken.all >= self.0.most => Some("full"),
            Some(count) if *count >= self.0.most_of_one => Some("share"),
            _ => None,
        };
        if let Some(why) = refused {
            drop(taken);
            metrics::connection_refused(self.0.face, why);
            return None;
        }
        taken.all += 1;
        if let Some(whose) = whose {
            *taken.by.entry(whose).or_default() += 1;
        }
        metrics::connections(self.0.face, taken.all);
        drop(taken);
        Some(Place {
            places: self.clone(),
            whose,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place, free again on drop.
pub(super) struct Place {
    places: Places,
    whose: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        metrics::connections(self.places.0.face, taken.all);
        let Some(whose) = self.whose else {
            return;
        };
        if let Some(count) = taken.by.get_mut(&whose) {
            *count -= 1;
            if *count == 0 {
                taken.by.remove(&whose);
            }
        }
    }
}

/// Whoever has one address of IPv6 has its whole /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn places(most: usize, most_of_one: usize) -> Places {
        let mut limits = Config::with_defaults(".").limits;
        limits.connections = most;
        limits.per_address = most_of_one;
        limits.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Places::new("grpc", &limits)
    }

    fn take(places: &Places, address: &str) -> Option<Place> {
        places.take(address.parse().unwrap())
    }

    #[test]
    fn nobody_has_more_than_a_share_and_gets_it_back() {
        let places = places(10, 2);
        let first = take(&places, "192.0.2.1");
        let _second = take(&places, "::ffff:192.0.2.1");
        assert!(first.is_some() && take(&places, "192.0.2.1").is_none());
        assert!(take(&places, "192.0.2.2").is_some());
        drop(first);
        assert!(take(&places, "192.0.2.1").is_some());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_a_proxy_as_many() {
        let places = places(5, 1);
        let _one = take(&places, "2001:db8::1").unwrap();
        assert!(take(&places, "2001:db8::2").is_none());
        let _other = take(&places, "2001:db8:0:1::1").unwrap();
        let _proxied: Vec<_> = (0..3).map(|_| take(&places, "10.1.1.1").unwrap()).collect();
        assert!(take(&places, "10.1.1.1").is_none(), "all places are taken");
        assert!(take(&places, "192.0.2.1").is_none());
    }
}
