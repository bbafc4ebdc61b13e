//! The page of errors lists every reason that the source makes, and no other.

use regex::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Words of others, and names, that look like a reason.
const NOT_REASONS: [&str; 14] = [
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "RATE_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "SERVICE_DISABLED",
    "CARGO_CRATE_NAME",
    "CARGO_PKG_VERSION",
    "OUT_DIR",
    "CLOCKIFY_API_TOKEN",
    "MEET_PROJECT_NAME",
    "SYNC_DAYS",
    "SYNC_SCHEDULE",
    "SYNCLINE_GOOGLE_CLIENT_ID",
    "SYNCLINE_GOOGLE_CLIENT_SECRET",
    "SCREAMING_SNAKE_CASE",
];
/// Reasons of one word, which nothing tells from other words.
const ONE_WORD: [&str; 4] = ["INTERNAL", "CANCELLED", "USAGE", "LOCAL"];
/// Where names of settings and of the providers stand.
const ELSEWHERE: [&str; 2] = ["src/config", "src/simulator"];

#[test]
fn the_page_lists_every_reason_and_no_other() {
    let literal = Regex::new(r#""([A-Z]+(?:_[A-Z]+)+)""#).unwrap();
    let mut made: BTreeSet<String> = ONE_WORD.map(str::to_owned).into();
    for text in sources() {
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let code: Vec<_> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        made.extend(
            literal
                .captures_iter(&code.join("\n"))
                .map(|found| found[1].to_owned()),
        );
    }
    made.retain(|name| {
        !NOT_REASONS.contains(&name.as_str())
            && !name.starts_with("SYNCLINE_")
            && !name.ends_with('_')
    });

    let page = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([A-Z_]+)` \|").unwrap();
    let listed: BTreeSet<String> = row
        .captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect();

    let missing: Vec<_> = made.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&made).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "not in docs/errors.md: {missing:?}; only there: {stale:?}"
    );
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let inside = path.strip_prefix(root()).unwrap();
            if ELSEWHERE.iter().any(|other| inside.starts_with(other))
                || inside.ends_with("tests.rs")
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(Path::new("rs").as_os_str()) {
                texts.push(fs::read_to_string(&path).unwrap());
            }
        }
    }
    texts
}
