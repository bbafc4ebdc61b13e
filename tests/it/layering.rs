//! The rules of the house that a compiler does not check: imports point down only, one file knows gRPC's codes, files
//! stay small, names say something.

use regex::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each module of `src/` and what it may import, from the top of the house to its ground.
const FLOORS: &[(&str, Below)] = &[
    ("main", Below::Everything),
    ("cli", Below::Everything),
    ("serve", Below::Everything),
    ("web", Below::Everything),
    ("startup", Below::Everything),
    ("imports", Below::EverythingBut("database")),
    ("database", Below::Everything),
    ("digests", Below::Everything),
    ("syncs", Below::Everything),
    ("events", Below::Everything),
    ("schedules", Below::Everything),
    ("runs", Below::Everything),
    ("tokens", Below::Everything),
    ("people", Below::Everything),
    ("tenants", Below::Everything),
    ("audit", Below::Everything),
    ("app", Below::Everything),
    ("telemetry", Below::Everything),
    ("config", Below::Everything),
    ("connectors", Below::Only(&["outbound", "db", "base"])),
    ("simulator", Below::Only(&["base"])),
    ("queue", Below::Only(&["base"])),
    ("vault", Below::Only(&["base"])),
    ("tls", Below::Only(&["base"])),
    ("api", Below::Only(&["base"])),
    ("outbound", Below::Only(&["db", "base"])),
    ("db", Below::Only(&["base"])),
    ("base", Below::Only(&[])),
];

/// Which of the modules further down a module may import.
enum Below {
    Everything,
    EverythingBut(&'static str),
    Only(&'static [&'static str]),
}

const LONGEST_FILE: usize = 400;
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc",
];

#[test]
fn imports_point_down_only() {
    let found: Vec<String> = sources("src")
        .iter()
        .filter(|(file, _)| !is_test(file))
        .flat_map(|(file, text)| {
            let module = module_of(file);
            imports(text, &module)
                .into_iter()
                .filter_map(move |(line, imported)| {
                    let problem = problem(&module, &imported)?;
                    Some(format!("{}:{line}: {problem}", file.display()))
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_none(&found);
}

#[test]
fn an_import_that_points_up_is_found() {
    let text = "use crate::{\n    base::Error,\n    syncs::{store::Row, Sync},\n};\nfn f() { crate::cli::run() }\n// crate::web\n";
    let seen = imports(text, "tokens");
    let names: Vec<_> = seen
        .iter()
        .map(|(line, name)| (*line, name.as_str()))
        .collect();
    assert_eq!(names, [(2, "base"), (3, "syncs"), (5, "cli")]);
    assert!(problem("tokens", "base").is_none());
    assert!(problem("tokens", "syncs").is_some());
    assert!(problem("imports", "database").is_some());
    assert!(problem("outbound", "connectors").is_some());
    assert!(problem("simulator", "db").is_some());
    assert!(problem("tokens", "helpers").is_some());
}

#[test]
fn one_file_knows_grpc_codes() {
    let status = Regex::new(r"\bStatus::[a-z]\w*\(|\bCode::[A-Z]\w*").expect("a pattern");
    let found: Vec<String> = sources("src")
        .iter()
        .filter(|(file, text)| {
            !file.ends_with("src/api/status.rs") && !is_test(file) && text.contains("tonic")
        })
        .flat_map(|(file, text)| lines_with(file, text, &status))
        .collect();
    assert_none(&found);
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let found: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter_map(|(file, text)| {
            let lines = text.lines().count();
            (lines > LONGEST_FILE).then(|| {
                format!(
                    "{}:{lines}: longer than {LONGEST_FILE} lines",
                    file.display()
                )
            })
        })
        .collect();
    assert_none(&found);
}

#[test]
fn every_module_has_a_name_that_says_something() {
    let found: Vec<String> = ["src", "tests"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|(file, _)| {
            file.with_extension("").iter().any(|part| {
                part.to_str()
                    .is_some_and(|part| EMPTY_NAMES.contains(&part))
            })
        })
        .map(|(file, _)| format!("{}:1: the name says nothing", file.display()))
        .collect();
    assert_none(&found);
}

#[test]
fn every_file_says_what_it_is_for() {
    let found: Vec<String> = sources("src")
        .iter()
        .filter(|(file, text)| !is_test(file) && !text.starts_with("//! "))
        .map(|(file, _)| {
            format!(
                "{}:1: does not begin with //! and what it is for",
                file.display()
            )
        })
        .collect();
    assert_none(&found);
}

#[test]
fn every_migration_is_applied() {
    let list = fs::read_to_string(root().join("src/db/sources.rs")).expect("it is there");
    let found: Vec<String> = fs::read_dir(root().join("migrations"))
        .expect("it is there")
        .map(|entry| {
            entry
                .expect("it can be listed")
                .file_name()
                .into_string()
                .expect("ASCII")
        })
        .filter(|name| !list.contains(&format!("migrations/{name}\")")))
        .map(|name| format!("migrations/{name}:1: not listed in src/db/sources.rs"))
        .collect();
    assert_none(&found);
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// What is wrong with `module` importing `imported`.
fn problem(module: &str, imported: &str) -> Option<String> {
    let floor = |name: &str| FLOORS.iter().position(|(known, _)| *known == name);
    let Some(upper) = floor(module) else {
        return Some(format!(
            "`{module}` has no place in the list of tests/it/layering.rs"
        ));
    };
    let Some(lower) = floor(imported) else {
        return Some(format!(
            "`{imported}` has no place in the list of tests/it/layering.rs"
        ));
    };
    let allowed = lower > upper
        && match FLOORS[upper].1 {
            Below::Everything => true,
            Below::EverythingBut(other) => imported != other,
            Below::Only(names) => names.contains(&imported),
        };
    (!allowed).then(|| format!("`{module}` imports `{imported}`, which is not below it"))
}

/// The modules that a source text names, other than its own, with the line of each.
fn imports(text: &str, module: &str) -> Vec<(usize, String)> {
    let krate = if module == "main" {
        "syncline::"
    } else {
        "crate::"
    };
    let code = code_of(text);
    let mut seen = Vec::new();
    for (start, _) in code.match_indices(krate) {
        let preceded = code[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if preceded {
            continue;
        }
        let after = start + krate.len();
        for at in heads(&code[after..]) {
            let name: String = code[after + at..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let line = code[..after + at].matches('\n').count() + 1;
            if name != module && !name.is_empty() {
                seen.push((line, name));
            }
        }
    }
    seen
}

/// Where the first parts of the paths in `rest` begin: one, or several when it is a group in braces.
fn heads(rest: &str) -> Vec<usize> {
    if !rest.starts_with('{') {
        return vec![0];
    }
    let mut depth = 0;
    let mut heads = Vec::new();
    let mut awaited = false;
    for (at, c) in rest.char_indices() {
        match c {
            '{' => {
                depth += 1;
                awaited = depth == 1;
            }
            '}' => depth -= 1,
            ',' => awaited = depth == 1,
            c if awaited && !c.is_whitespace() => {
                heads.push(at);
                awaited = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// The text without comments and without its unit tests, which stand last and may import what they like. Lines keep
/// their numbers.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let lines = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Unit tests may stand in a file of their own, `tests.rs`, or in a folder of that name.
fn is_test(file: &Path) -> bool {
    file.with_extension("").iter().any(|part| part == "tests")
}

fn lines_with(file: &Path, text: &str, pattern: &Regex) -> Vec<String> {
    code_of(text)
        .lines()
        .enumerate()
        .filter(|(_, line)| pattern.is_match(line))
        .map(|(number, line)| format!("{}:{}: {}", file.display(), number + 1, line.trim()))
        .collect()
}

/// The top module that a file of `src/` belongs to; `lib.rs` only lists the modules and counts as `main`.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix("src").expect("a file of src");
    let first = Path::new(inside.iter().next().expect("a file")).with_extension("");
    first.to_str().expect("ASCII").replace("lib", "main")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files of a folder with their text, by their paths from the root of the project.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut files = BTreeSet::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                files.insert(path);
            }
        }
    }
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("source is text");
            (path.strip_prefix(root()).expect("inside").to_owned(), text)
        })
        .collect()
}
