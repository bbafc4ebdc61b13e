//! The page of promises names tests that exist.

use regex::Regex;
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_test_on_the_page_of_promises_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/promises.md")).expect("the page is there");
    let names = Regex::new(r"`((?:[a-z_]+::)+)([a-z0-9_]+)`").expect("it is a pattern");
    let mut found = BTreeSet::new();
    for name in names.captures_iter(&page) {
        let file = name[1].trim_end_matches("::").replace("::", "/");
        let file = root.join("tests/it").join(file);
        let code = [file.with_extension("rs"), file.join("mod.rs")];
        let code = code.map(|file| fs::read_to_string(file).unwrap_or_default());
        let code = code.concat();
        let declared = format!("fn {}(", &name[2]);
        assert!(code.contains(&declared), "{} is not there", &name[0]);
        found.insert(name[0].to_owned());
    }
    assert!(found.len() > 30, "the page names its tests: {found:?}");
}
