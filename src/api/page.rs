//! Paging: a token is opaque to clients, says where the next page begins, and is bound to the arguments it came from.

use crate::base::{Result, Violation, error::all_valid, sha256};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// Page size when the client names none.
const DEFAULT: i32 = 50;
/// No page is larger; a client that asks for more gets this many.
const LARGEST: i32 = 500;
/// Bytes of the arguments' digest in a token.
const BINDING: usize = 8;

/// Which page a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many rows.
    pub size: i64,
    /// The key after which the page begins; `None` for the first page.
    pub after: Option<String>,
    binding: [u8; BINDING],
}

impl Page {
    /// Checks what the client sent. `arguments` are all other arguments of the call as they came, right or wrong: a token
    /// of another query is refused.
    pub fn parse(page_size: i32, page_token: &str, arguments: &[&str]) -> Result<Self> {
        let mut wrong = Vec::new();
        if page_size < 0 {
            let expected = format!("expected 0 to {LARGEST}, got {page_size}");
            wrong.push(Violation::new("page_size", expected));
        }
        let size = match page_size {
            0 => DEFAULT,
            size => size.min(LARGEST),
        };
        let binding = binding_of(arguments);
        let after = key_of(page_token, binding);
        if after.is_none() && !page_token.is_empty() {
            wrong.push(Violation::new(
                "page_token",
                "expected next_page_token of the page before, with the same arguments",
            ));
        }
        all_valid(wrong)?;
        Ok(Self {
            size: i64::from(size),
            after,
            binding,
        })
    }

    /// One row more than the page holds: whether it comes tells whether there is a next page.
    pub fn limit(&self) -> i64 {
        self.size + 1
    }

    /// Cuts `rows`, read with [`Page::limit`], to the page, and gives the token of the next one (empty on the last).
    pub fn cut<T>(&self, rows: &mut Vec<T>, key: impl Fn(&T) -> String) -> String {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if rows.len() <= size {
            return String::new();
        }
        rows.truncate(size);
        rows.last()
            .map(|row| self.token(&key(row)))
            .unwrap_or_default()
    }

    fn token(&self, key: &str) -> String {
        let mut bytes = self.binding.to_vec();
        bytes.extend_from_slice(key.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

fn key_of(token: &str, binding: [u8; BINDING]) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (bound, key) = bytes.split_at_checked(BINDING)?;
    (bound == binding).then(|| String::from_utf8(key.to_vec()).ok())?
}

fn binding_of(arguments: &[&str]) -> [u8; BINDING] {
    let digest = sha256(arguments.join("\u{0}"));
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_token_leads_to_the_row_after_the_last_one() {
        let page = Page::parse(2, "", &["a"]).unwrap();
        let mut rows = vec!["x", "y", "z"];
        let token = page.cut(&mut rows, |row| (*row).to_owned());
        assert_eq!(rows, ["x", "y"]);
        assert_eq!(
            Page::parse(2, &token, &["a"]).unwrap().after.as_deref(),
            Some("y")
        );
    }

    #[test]
    fn a_token_of_another_query_is_refused() {
        let page = Page::parse(1, "", &["a"]).unwrap();
        let token = page.cut(&mut vec!["x", "y"], |row| (*row).to_owned());
        assert!(Page::parse(1, &token, &["b"]).is_err());
    }

    #[test]
    fn a_negative_size_is_refused_and_a_large_one_is_cut() {
        assert!(Page::parse(-1, "", &[]).is_err());
        assert_eq!(Page::parse(i32::MAX, "", &[]).unwrap().size, 500);
    }

    #[test]
    fn a_wrong_size_and_a_wrong_token_are_named_together() {
        let error = Page::parse(-1, "x", &[]).unwrap_err().to_string();
        assert!(
            error.contains("page_size") && error.contains("page_token"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_token_makes_the_parser_panic(token in ".{0,100}") {
            let _ = Page::parse(0, &token, &["a"]);
        }
    }
}
