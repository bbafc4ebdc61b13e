//! The text of a key: how it begins, how it is made, and its hash.

use crate::{
    base::{Result, Secret, random_bytes, sha256},
    tenants::keys::Kind,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// How a widget's key begins.
const WIDGET: &str = "pk_live_";
/// How keys begin: our own, and those of the originals.
const BEGINNINGS: [&str; 6] = [
    "sl_live_",
    "sl_test_",
    WIDGET,
    "gs_live_",
    "gs_test_",
    "spy_live_",
];
/// So many characters after the beginning are shown, to tell keys apart: 24 bits of 256.
const TOLD: usize = 4;
/// No key is longer.
const LONGEST: usize = 200;

/// A new key.
pub(super) fn generate(kind: Kind, test: bool) -> Result<Secret> {
    let bytes = random_bytes()?;
    Ok(Secret::new(match (kind, test) {
        (Kind::Widget, _) => format!("{WIDGET}{}", hex(&bytes[..])),
        (Kind::Secret, false) => format!("sl_live_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)),
        (Kind::Secret, true) => format!("sl_test_{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)),
    }))
}

/// Whether this may be a key at all; if not, nobody need look for it.
pub(super) fn is_possible(text: &str) -> bool {
    text.len() <= LONGEST && BEGINNINGS.iter().any(|begins| text.starts_with(begins))
}

/// What a key is for, which its beginning tells.
pub(super) fn kind(text: &str) -> Kind {
    match text.starts_with(WIDGET) {
        true => Kind::Widget,
        false => Kind::Secret,
    }
}

/// What of a key may be shown.
pub(super) fn prefix(text: &str) -> String {
    let begins = BEGINNINGS.iter().find(|begins| text.starts_with(**begins));
    let shown = begins.map_or(0, |begins| begins.len()) + TOLD;
    text.chars().take(shown).collect()
}

/// As keys are stored.
pub(super) fn stored(digest: &[u8; 32]) -> String {
    hex(digest)
}

/// The same for the text itself.
pub(super) fn stored_of(text: &Secret) -> String {
    hex(&sha256(text.expose()))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = bytes.iter();
    let digits = digits.flat_map(|byte| [byte >> 4, byte & 15].map(usize::from));
    digits.map(|digit| DIGITS[digit]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_their_beginning_and_256_bits_after_it() {
        let live = generate(Kind::Secret, false).unwrap();
        let test = generate(Kind::Secret, true).unwrap();
        let widget = generate(Kind::Widget, false).unwrap();
        let rest = |key: &Secret, begins: &str| {
            let rest = key.expose().strip_prefix(begins).unwrap().to_owned();
            assert!(is_possible(key.expose()));
            rest
        };
        for rest in [rest(&live, "sl_live_"), rest(&test, "sl_test_")] {
            assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(rest).unwrap().len(), 32);
        }
        let rest = rest(&widget, "pk_live_");
        assert!(rest.len() == 64 && rest.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
        assert_eq!(
            (kind(widget.expose()), kind(live.expose())),
            (Kind::Widget, Kind::Secret)
        );
        assert_eq!(prefix(live.expose()).len(), "sl_live_".len() + 4);
    }

    #[test]
    fn a_hash_is_the_hexadecimal_sha_256_that_the_originals_stored() {
        let stored = stored_of(&Secret::new("abc"));
        assert!(stored.starts_with("ba7816bf8f01cfea") && stored.len() == 64);
    }

    #[test]
    fn what_is_no_key_is_not_looked_for() {
        for text in [
            "",
            "secret",
            "sk_live_x",
            "SL_LIVE_x",
            &"sl_live_".repeat(30),
        ] {
            assert!(!is_possible(text), "{text}");
        }
        assert!(prefix("é").len() < 5);
    }
}
