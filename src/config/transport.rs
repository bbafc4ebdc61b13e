//! What stands between callers and us, and between us and our database and Redis: TLS, and how much one caller may use up.

use super::read::Reader;
use ipnet::IpNet;
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// Files of the certificate that gRPC and HTTP show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, PEM, our own certificate first.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who signs the certificates of clients, PEM. Always there unless `client_auth` is off.
    pub client_ca: Option<PathBuf>,
    /// Whether clients show one.
    pub client_auth: ClientAuth,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    Off,
    /// They may; a wrong one is refused.
    Optional,
    /// Who shows none is refused.
    Required,
}

/// How much callers may use up, in either face.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at the same time, of each face.
    pub connections: usize,
    /// Of them from one address.
    pub per_address: usize,
    /// How long a handshake, or the first words of a connection, may take.
    pub handshake: Duration,
    /// How long a caller may leave an answer lying before the connection is cut.
    pub stall: Duration,
    /// Headers of one request, in bytes.
    pub header_bytes: usize,
    /// How long the headers of one HTTP request may take, and how long a connection may be idle.
    pub header_time: Duration,
    /// How long one HTTP request may take.
    pub request_time: Duration,
    /// How long one gRPC call that is no stream may take.
    pub call_time: Duration,
    /// How long a connection of gRPC may be without a call of somebody who is known.
    pub idle: Duration,
    /// gRPC calls on one connection at the same time.
    pub calls: u32,
    /// Whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Files for a connection that we make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Who signs the other side's certificate, PEM. `None`: the usual authorities.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
}

pub(super) fn tls(read: &mut Reader<'_>) -> Option<Tls> {
    let client_auth = read.choice(
        "tls.client_auth",
        &[
            ("off", ClientAuth::Off),
            ("optional", ClientAuth::Optional),
            ("required", ClientAuth::Required),
        ],
    );
    let client_ca = file(read, "tls.client_ca");
    let Some((cert, key)) = pair(read, "tls.cert", "tls.key") else {
        if client_auth != ClientAuth::Off {
            let missing = "needs tls.cert and tls.key: without TLS nobody shows a certificate";
            read.fault("tls.client_auth", missing);
        }
        return None;
    };
    match (client_auth, &client_ca) {
        (ClientAuth::Optional | ClientAuth::Required, None) => {
            read.fault(
                "tls.client_auth",
                "needs tls.client_ca: the file of who signs the certificates of clients",
            );
        }
        (ClientAuth::Off, Some(_)) => {
            read.fault(
                "tls.client_ca",
                "has no effect while tls.client_auth is \"off\": set that to optional or required",
            );
        }
        _ => {}
    }
    Some(Tls {
        cert,
        key,
        client_ca,
        client_auth,
    })
}

pub(super) fn limits(read: &mut Reader<'_>) -> Limits {
    let limits = Limits {
        connections: read.number("limits.connections", 1..=1_000_000),
        per_address: read.number("limits.connections_per_address", 1..=1_000_000),
        handshake: read.duration("limits.handshake", "100ms", "5m"),
        stall: read.duration("limits.stall", "1s", "1h"),
        header_bytes: read.bytes("limits.header_bytes", 8 << 10..=1 << 20),
        header_time: read.duration("http.header_time", "100ms", "1h"),
        request_time: read.duration("http.request_time", "1s", "1h"),
        call_time: read.duration("grpc.call_time", "1s", "1d"),
        idle: read.duration("grpc.idle", "1s", "1d"),
        calls: read.number("grpc.calls_per_connection", 1..=1_000_000),
        trusted_proxies: read.required("http.trusted_proxies", networks),
    };
    if limits.per_address > limits.connections {
        read.fault(
            "limits.connections_per_address",
            "expected at most limits.connections",
        );
    }
    limits
}

/// The files of `section`.ca, .cert and .key.
pub(super) fn files(read: &mut Reader<'_>, section: &str) -> Files {
    let key = |name: &str| format!("{section}.{name}");
    Files {
        ca: file(read, &key("ca")),
        identity: pair(read, &key("cert"), &key("key")),
    }
}

fn file(read: &mut Reader<'_>, key: &str) -> Option<PathBuf> {
    read.optional(key, |text| Ok(PathBuf::from(text)))
}

/// Two files that belong together; both or none.
fn pair(read: &mut Reader<'_>, cert: &str, key: &str) -> Option<(PathBuf, PathBuf)> {
    match (file(read, cert), file(read, key)) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (Some(_), None) => {
            read.fault(cert, format!("needs {key}, the file of its private key"));
            None
        }
        (None, Some(_)) => {
            read.fault(key, format!("needs {cert}, the file of its certificate"));
            None
        }
    }
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let network = part.parse::<IpNet>().ok();
            let address = || part.parse::<IpAddr>().ok().map(IpNet::from);
            network.or_else(address).ok_or_else(|| {
                "expected addresses or networks separated by commas, as in 10.0.0.0/8,192.0.2.7"
                    .to_owned()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::networks;

    #[test]
    fn an_address_is_a_network_of_one() {
        let found = networks("10.0.0.0/8, 192.0.2.7,,2001:db8::/32").unwrap();
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
        assert_eq!(networks(""), Ok(Vec::new()));
        for wrong in ["example.org", "10.0.0.0/33", "10.0.0", "*"] {
            assert!(networks(wrong).is_err(), "{wrong}");
        }
    }
}
