//! The page about security names tests that exist.

use regex::Regex;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files where a test of this path may stand: an integration test, or one beside the code.
fn files(modules: &[&str]) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = modules.join("/");
    let places = ["tests/it", "src"];
    places
        .iter()
        .flat_map(|place| {
            ["", "/mod", "/tests"].map(|file| root.join(format!("{place}/{path}{file}.rs")))
        })
        .collect()
}

#[test]
fn every_test_that_the_page_about_security_names_exists() {
    let page = include_str!("../../../docs/security.md");
    let named = Regex::new(r"`((?:[a-z_0-9]+::)+)([a-z_0-9]+)`").unwrap();
    let mut seen = 0;
    let mut missing = Vec::new();
    for found in named.captures_iter(page) {
        if &found[2] == "page" {
            continue;
        }
        let modules: Vec<_> = found[1]
            .split("::")
            .filter(|part| !part.is_empty())
            .collect();
        let test = format!("fn {}(", &found[2]);
        let mut texts = files(&modules)
            .into_iter()
            .filter_map(|file| fs::read_to_string(file).ok());
        if !texts.any(|text| text.contains(&test)) {
            missing.push(found[0].to_owned());
        }
        seen += 1;
    }
    assert!(
        missing.is_empty(),
        "the page names what is not there: {missing:#?}"
    );
    assert!(seen > 35, "{seen}");
    for line in page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| threat"))
    {
        assert!(named.is_match(line), "no test: {line}");
    }
}
