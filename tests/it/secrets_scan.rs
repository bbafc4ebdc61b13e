//! Nothing that must not be published is in the tree: keys, mail addresses of people, paths of somebody's machine, hosts
//! of package registries.
//!
//! What tests need is composed: a token says `composed` in its text, a mail address ends in a reserved domain.

use regex::Regex;
use std::{fs, path::PathBuf, process::Command, sync::LazyLock};

/// What is looked for. No pattern matches its own text.
const FORBIDDEN: &[(&str, &str)] = &[
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a Google access token", r"ya29\.[\w-]{20,}"),
    ("a Google refresh token", r"\b1//0[\w-]{20,}"),
    ("a Google client secret", r"GOCSPX-[\w-]{20,}"),
    ("a Google API key", r"\bAIza[\w-]{35}"),
    (
        "a Google client id",
        r"\b\d{6,}-[a-z0-9]{32}\.apps\.googleusercontent\.com",
    ),
    ("an AWS key", r"\bA[KS]IA[0-9A-Z]{16}\b"),
    (
        "a GitHub token",
        r"\b(gh[pousr]_\w{30,}|github_pat_\w{20,})",
    ),
    ("an npm token", r"\bnpm_\w{36}\b"),
    ("a Slack token", r"\bxox[abprs]-[\w-]{10,}"),
    ("a signed web token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\."),
    ("a public SSH key", r"ssh-(rsa|ed25519) AAAA"),
    (
        "a secret in an assignment",
        r#"(?i)(api_?key|token|secret|password|passwd)["']?[ \t]*[:=][ \t]*["'][\w+/=-]{32,}["']"#,
    ),
    (
        "a mail address",
        r"[\w.%+-]+@(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}\b",
    ),
    (
        "a path of one machine",
        r#"(?m)(?:^|[\s"'`(=:,])(?:file://)?/(?:root|home|Users|work|mnt|workspace)/\w"#,
    ),
    (
        "a host of a package registry",
        r"(registry\.npmjs\.org|(static|index)\.crates\.io|proxy\.golang\.org|pypi\.org|pythonhosted\.org|deb\.debian\.org|maven\.org|repo\.maven\.apache\.org)",
    ),
];

/// What may stand there all the same: where (the start of a path; empty is everywhere), what, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "",
        r"composed",
        "composed for a test or an example, and says so",
    ),
    (
        "",
        r"(?i)@([\w-]+\.)*(example\.(com|org|net)|[\w-]+\.test|test|example|invalid)$",
        "domains that nobody can own",
    ),
    (
        "",
        r"@[\w.-]*calendar\.google\.com$",
        "ids of calendars, not people",
    ),
];

#[test]
fn nothing_in_the_tree_must_not_be_published() {
    let found: Vec<String> = tracked()
        .into_iter()
        .filter_map(|file| Some((fs::read(root().join(&file)).ok()?, file)))
        .filter(|(bytes, _)| !bytes.contains(&0))
        .flat_map(|(bytes, file)| scan(&file, &String::from_utf8_lossy(&bytes)))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn each_kind_of_secret_is_found() {
    let long = "Zk3".repeat(16);
    for text in [
        format!("-----BEGIN {}PRIVATE KEY-----", "EC "),
        format!("ya29.{long}"),
        format!("1//0{long}"),
        format!("GOCSPX-{long}"),
        format!("AIza{}", &long[..35]),
        format!(
            "{}-{}.apps.googleusercontent.com",
            "1".repeat(12),
            "a1".repeat(16)
        ),
        format!("AKIA{}", "Q7".repeat(8)),
        format!("ghp_{long}"),
        format!("npm_{}", &long[..36]),
        format!("xoxb-{long}"),
        format!("eyJ{long}.eyJ{long}."),
        format!("ssh-ed25519 {}", "A".repeat(40)),
        format!("CLOCKIFY_TOKEN = \"{long}\""),
        format!("somebody@{}.com", "gmail"),
        format!("see /{}/somebody/repo", "home"),
        format!("\"/{}/somebody\"", "Users"),
        format!("https://registry.{}/x", "npmjs.org"),
    ] {
        assert_eq!(scan("README.md", &text).len(), 1, "{text}");
    }
}

#[test]
fn what_is_composed_or_reserved_is_let_through() {
    for text in [
        "ya29.composed-for-the-test-of-a-token",
        "ada@example.com, bob@team.example.org and eve@mail.test",
        "npm install @bufbuild/buf@1.75.0; go install example.com/x/cmd@v1.9.3",
        "https://host/home/x and a/work/b",
        "postgres://user:password@host:5432/database",
    ] {
        assert_eq!(scan("README.md", text), Vec::<String>::new());
    }
}

struct Patterns {
    forbidden: Vec<(&'static str, Regex)>,
    allowed: Vec<(&'static str, Regex)>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("a pattern");
    Patterns {
        forbidden: FORBIDDEN
            .iter()
            .map(|(kind, text)| (*kind, pattern(text)))
            .collect(),
        allowed: ALLOWED
            .iter()
            .map(|(place, text, _)| (*place, pattern(text)))
            .collect(),
    }
});

fn scan(file: &str, text: &str) -> Vec<String> {
    let allowed = |hit: &str| {
        let mut here = PATTERNS
            .allowed
            .iter()
            .filter(|(place, _)| file.starts_with(place));
        here.any(|(_, pattern)| pattern.is_match(hit))
    };
    let mut found = Vec::new();
    for (kind, forbidden) in &PATTERNS.forbidden {
        for hit in forbidden.find_iter(text) {
            if !allowed(hit.as_str()) {
                // The text itself is not repeated: the log is public too.
                let line = text[..hit.end()].matches('\n').count() + 1;
                found.push(format!("{file}:{line}: {kind}"));
            }
        }
    }
    found
}

/// The files that a commit would hold.
fn tracked() -> Vec<String> {
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let files: Vec<String> = String::from_utf8(output.stdout)
        .expect("paths are text")
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    assert!(files.len() > 10, "git lists no files here");
    files
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
