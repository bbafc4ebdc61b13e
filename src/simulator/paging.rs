//! Opaque page tokens. A token is bound to the other parameters of its query, so that using it with another query is refused.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::faults::Tweak;
use super::http::Request;

/// Parameters that do not change what is listed, so they may differ from page to page.
const NEUTRAL: [&str; 9] = [
    "pageToken",
    "pageSize",
    "maxResults",
    "alt",
    "$alt",
    "prettyPrint",
    "quotaUser",
    "key",
    "fields",
];

/// The page token is not one of ours, or belongs to another query.
#[derive(Debug)]
pub(crate) struct BadToken;

/// One page of a longer list.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// `None` on the last page.
    pub next: Option<String>,
    /// The mark that was given with the first page.
    pub mark: u64,
}

/// Cuts the page that the request asks for out of the whole list. `size` is already checked and coerced; `mark` is carried
/// from the first page to the last.
pub(crate) fn page<T>(
    request: &Request,
    all: Vec<T>,
    size: usize,
    mark: u64,
) -> Result<Page<T>, BadToken> {
    let bound_to = fingerprint(request, &[]);
    let (start, mark) = match request.query("pageToken").filter(|token| !token.is_empty()) {
        None => (0, mark),
        Some(token) => {
            let [start, mark, bound] = decode(token)?;
            if bound != bound_to {
                return Err(BadToken);
            }
            (usize::try_from(start).map_err(|_| BadToken)?, mark)
        }
    };
    let size = match request.tweak {
        Some(Tweak::ShortPages { size: short }) => size.min(short.max(1)),
        Some(Tweak::EmptyPage) => 0,
        _ => size,
    };
    let total = all.len();
    let items: Vec<T> = all.into_iter().skip(start).take(size).collect();
    let end = start + items.len();
    let next = (end < total).then(|| encode([end as u64, mark, bound_to]));
    Ok(Page { items, next, mark })
}

/// Packs numbers into something that nobody takes for numbers.
pub(crate) fn encode<const N: usize>(numbers: [u64; N]) -> String {
    URL_SAFE_NO_PAD.encode(numbers.map(|number| format!("{number:x}")).join(":"))
}

/// Reverses `encode`.
pub(crate) fn decode<const N: usize>(token: &str) -> Result<[u64; N], BadToken> {
    let text = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(BadToken)?;
    let numbers: Option<Vec<u64>> = text
        .split(':')
        .map(|part| u64::from_str_radix(part, 16).ok())
        .collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or(BadToken)
}

/// A number that stands for everything in the request that decides what is listed, but for the parameters in `without`.
pub(crate) fn fingerprint(request: &Request, without: &[&str]) -> u64 {
    let counts = |name: &str| !NEUTRAL.contains(&name) && !without.contains(&name);
    let mut pairs: Vec<_> = request
        .query
        .iter()
        .filter(|(name, _)| counts(name))
        .collect();
    pairs.sort();
    let mut hasher = DefaultHasher::new();
    request.path.hash(&mut hasher);
    pairs.hash(&mut hasher);
    hasher.finish()
}
