//! Writes the tables of `docs/configuration.md` from the default file and the table of the originals, and fails when
//! the page says something else. `SYNCLINE_TEST_WRITE_DOCS=1` writes the page.

use super::{
    keys,
    names::RESERVED,
    originals::{SYSTEMS, VARIABLES, Verdict},
};
use std::{fmt::Write, fs, path::Path};

/// What stands above is written by hand.
const MARKER: &str = "<!-- From here on written by a test (SYNCLINE_TEST_WRITE_DOCS=1 cargo test --lib config::doc). -->\n";

/// Keys with what their comments say, by section; the section without a name first.
fn sections() -> Vec<(String, Vec<(String, String)>)> {
    let mut sections = vec![(String::new(), Vec::new())];
    let mut comment = Vec::new();
    for line in keys::DEFAULT_FILE.lines() {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if let Some(section) = line.strip_prefix('[') {
            sections.push((section.trim_end_matches(']').to_owned(), Vec::new()));
        } else if let Some((name, _)) = line.split_once(" = ") {
            let (section, keys) = sections.last_mut().expect("there is always one");
            let key = match section.as_str() {
                "" => name.to_owned(),
                section => format!("{section}.{name}"),
            };
            keys.push((key, comment.join(" ")));
            comment.clear();
        } else {
            comment.clear();
        }
    }
    sections
}

fn tables() -> String {
    let mut page = MARKER.to_owned();
    let mut add = |line: String| writeln!(page, "{line}").expect("text takes every line");
    add("\n## All settings\n".to_owned());
    add("`F`: also with `_FILE` at the end of the variable's name.".to_owned());
    for (section, keys) in sections() {
        add(match section.as_str() {
            "" => "\n### At the top\n".to_owned(),
            section => format!("\n### [{section}]\n"),
        });
        add("| key | variable | default | meaning |\n|---|---|---|---|".to_owned());
        for (key, meaning) in keys {
            let variables: Vec<_> = keys::variables(&key)
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            let file = if keys::has_file_form(&key) { " F" } else { "" };
            let default = match keys::all()[&key].as_str() {
                "" => "not set".to_owned(),
                text => format!("`{text}`"),
            };
            let name = key.rsplit('.').next().unwrap_or(&key);
            let variables = variables.join(", ");
            add(format!(
                "| `{name}` | {variables}{file} | {default} | {meaning} |"
            ));
        }
    }
    add(
        "\n## Other variables of Syncline\n\n| variable | what becomes of it |\n|---|---|"
            .to_owned(),
    );
    for (name, verdict) in RESERVED {
        add(format!("| `{name}` | {} |", outcome(verdict)));
    }
    add("\nNames that Kubernetes makes up for a service called `syncline…` (`SYNCLINE_SERVICE_HOST` and the like) are left alone.".to_owned());
    add("\n## Variables of the systems that Syncline replaces\n".to_owned());
    add("An environment that is moved over is understood: this is every variable of the five systems, and what becomes of it.\n".to_owned());
    for (letter, system) in SYSTEMS {
        add(format!("* **{letter}** {system}"));
    }
    add("\n| variable | of | what becomes of it |\n|---|---|---|".to_owned());
    for variable in VARIABLES {
        add(format!(
            "| `{}` | {} | {} |",
            variable.name,
            variable.of,
            outcome(variable.verdict)
        ));
    }
    page
}

fn outcome(verdict: Verdict) -> String {
    match verdict {
        Verdict::Ours(key) => format!("**ours**: sets `{key}`"),
        Verdict::Original(what) => format!("**`serve` and `sync once`**: {what}"),
        Verdict::Ignored(why) => format!("**ignored**, with a notice: {why}"),
        Verdict::Common(why) => format!("left alone: {why}"),
        Verdict::Refused(why) => format!("**refused** unless it is `false` or `0`: {why}"),
    }
}

#[test]
fn the_page_lists_every_key_and_every_variable() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let by_hand = page.split(MARKER).next().unwrap_or_default();
    let right = format!("{by_hand}{}", tables());
    if std::env::var_os("SYNCLINE_TEST_WRITE_DOCS").is_some() {
        fs::write(&path, &right).unwrap();
    } else {
        assert!(
            page == right,
            "docs/configuration.md is out of date: SYNCLINE_TEST_WRITE_DOCS=1 cargo test --lib config::doc writes it"
        );
    }
}

#[test]
fn every_key_says_what_it_is_for() {
    let documented: Vec<_> = sections().into_iter().flat_map(|(_, keys)| keys).collect();
    assert_eq!(documented.len(), keys::all().len());
    for (key, meaning) in documented {
        assert!(keys::all().contains_key(&key), "{key}");
        assert!(
            meaning.ends_with('.') && !meaning.contains('|'),
            "{key}: {meaning:?}"
        );
    }
}
