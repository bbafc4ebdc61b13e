//! Whom a certificate is about, in the few letters that people know it by.

use crate::base::sha256;
use std::fmt::Write as _;

const INTEGER: u8 = 0x02;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// Before the rest of a certificate, which version it is of.
const VERSION: u8 = 0xa0;
/// 2.5.4.3: what somebody is commonly called.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Letters that are shown of a name.
const LONGEST: usize = 64;

/// The common name of the subject of a certificate in DER, which somebody vouched for; where it has none that can be shown,
/// `sha256:` and the beginning of its digest.
pub fn subject(certificate: &[u8]) -> String {
    let name = common_name(certificate).unwrap_or_default();
    let name: String = name.chars().take(LONGEST).collect();
    let is_plain = |c: char| !c.is_control() && c != '"' && c != char::REPLACEMENT_CHARACTER;
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name,
        false => sha256(certificate)[..8]
            .iter()
            .fold("sha256:".to_owned(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
    }
}

fn common_name(certificate: &[u8]) -> Option<String> {
    let mut outer = Der(certificate).expect(SEQUENCE)?;
    let mut fields = outer.expect(SEQUENCE)?;
    if fields.0.first() == Some(&VERSION) {
        fields.next()?;
    }
    // The serial number, the algorithm, who signed it, and how long it is good.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE] {
        fields.expect(tag)?;
    }
    let mut subject = fields.expect(SEQUENCE)?;
    while let Some(mut part) = subject.expect(SET) {
        while let Some(mut pair) = part.expect(SEQUENCE) {
            if pair.expect(OBJECT)?.0 == COMMON_NAME {
                let (_, text) = pair.next()?;
                return Some(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    None
}

/// Elements one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next one: its tag and what is in it.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81 => (usize::from(*rest.first()?), &rest[1..]),
            0x82 => {
                let (bytes, rest) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*bytes)), rest)
            }
            // No certificate that we take is as long.
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn expect(&mut self, expected: u8) -> Option<Der<'a>> {
        let (tag, content) = self.next()?;
        (tag == expected).then_some(Der(content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn signed(parts: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, text) in parts {
            params.distinguished_name.push(kind.clone(), *text);
        }
        let made = params.self_signed(&KeyPair::generate().unwrap());
        made.unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_known_by_its_common_name() {
        let organization = (DnType::OrganizationName, "Example");
        let named = |name| signed(&[organization.clone(), (DnType::CommonName, name)]);
        assert_eq!(subject(&named("billing")), "billing");
        assert_eq!(subject(&named("Büro 1")), "Büro 1");
        let long = "x".repeat(200);
        assert_eq!(subject(&named(&long)), "x".repeat(64));
        for nameless in [
            named("a\"b"),
            named("a\nb"),
            named(""),
            signed(&[organization]),
        ] {
            let shown = subject(&nameless);
            assert!(shown.starts_with("sha256:") && shown.len() == 23, "{shown}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = subject(&bytes);
        }

        #[test]
        fn no_certificate_that_was_cut_or_changed_does(at in 0..400_usize, byte in any::<u8>()) {
            let mut der = signed(&[(DnType::CommonName, "billing")]);
            let at = at.min(der.len() - 1);
            let _ = subject(&der[..at]);
            der[at] = byte;
            let _ = subject(&der);
        }
    }
}
