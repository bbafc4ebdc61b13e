//! Networks as people write them.

use crate::base::{Error, Result, name::shown};
use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;

/// Bits before the IPv4 address in an IPv6 address that holds one.
const MAPPED: u8 = 96;

/// An address or a network. One that is IPv4 in the form of IPv6 is IPv4, as addresses of callers are.
pub(super) fn parse(field: &str, text: &str) -> Result<IpNet> {
    let wrong = |expected: &str| Error::invalid(field, format!("{expected}, got {}", shown(text)));
    let form =
        "expected an address or a network, as in 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32";
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| wrong(form))?;
    let network = canonical(network);
    match network.trunc() {
        whole if whole == network => Ok(network),
        whole => Err(wrong(&format!(
            "expected a network whose address ends where its length says, as in {whole}"
        ))),
    }
}

fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else {
        return network;
    };
    let four = six.addr().to_ipv4_mapped();
    let length = six.prefix_len().checked_sub(MAPPED);
    let four = four
        .zip(length)
        .and_then(|(four, length)| Ipv4Net::new(four, length).ok());
    four.map_or(network, IpNet::V4)
}

/// Whether it is part of this machine's own addresses.
pub(super) fn is_loopback(network: &IpNet) -> bool {
    // The network's first address is loopback, and nothing before loopback's network has that.
    match network {
        IpNet::V4(four) => four.prefix_len() >= 8 && four.addr().is_loopback(),
        IpNet::V6(six) => six.prefix_len() == 128 && six.addr().is_loopback(),
    }
}

/// As it is shown: an address without its length.
pub(in crate::tenants) fn text(network: &IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn networks_have_one_form() {
        for (typed, shown) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
            ("2001:DB8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(text(&parse("network", typed).unwrap()), shown);
        }
        for wrong in [
            "",
            "example.org",
            "203.0.113.7/33",
            "203.0.113",
            "2001:db8::1/x",
        ] {
            assert!(parse("network", wrong).is_err(), "{wrong}");
        }
        let sloppy = parse("network", "203.0.113.7/24").unwrap_err().to_string();
        assert!(sloppy.contains("203.0.113.0/24"), "{sloppy}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = parse("network", &text);
        }
    }
}
