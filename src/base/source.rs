//! Where strangers come from, as far as it is worth telling them apart.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An IPv4 address, or the /64 that one subscriber has in IPv6: who has that has as many addresses as there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// All of the address.
    V4(u32),
    /// The network.
    V6(u64),
    /// Not known.
    Elsewhere,
}

impl Source {
    /// Where this address is.
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => Self::V6(network(address)),
            None => Self::Elsewhere,
        }
    }
}

/// As in `203.0.113.7` and `2001:db8:0:1::/64`; nothing for what is not known.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(address) => Ipv4Addr::from_bits(address).fmt(f),
            Self::V6(network) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(network) << 64)),
            Self::Elsewhere => Ok(()),
        }
    }
}

fn network(address: Ipv6Addr) -> u64 {
    u64::try_from(address.to_bits() >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_written_as_the_network_that_it_is() {
        for (address, written) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
            ("::1", "::/64"),
        ] {
            let source = Source::of(Some(address.parse().unwrap()));
            assert_eq!(source.to_string(), written);
        }
        assert_eq!(Source::of(None).to_string(), "");
    }
}
