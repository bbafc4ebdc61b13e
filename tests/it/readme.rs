//! The README is true: its transcript is executed against the demo, and all its commands exist.

use crate::kit::{self, Process};
use regex::Regex;
use std::{fs, path::PathBuf, time::Duration};

const LONG: Duration = Duration::from_secs(60);
/// Where the README says that the demo listens.
const ADDRESS: &str = "127.0.0.1:50051";
/// A line that stands for any lines.
const ANY: &str = "...";

/// A command and what it prints.
struct Step {
    command: String,
    expected: Vec<String>,
}

#[tokio::test]
async fn the_transcript_is_what_happens() {
    let grpcurl = kit::tool("grpcurl");
    let mut demo = Process::syncline(&["demo"])
        .env("SYNCLINE_GRPC_ADDR", "127.0.0.1:0")
        .start();
    let line = demo.line("Serving gRPC on", LONG).await;
    let address = line.split_whitespace().nth(3).unwrap().to_owned();
    let run = Regex::new("tenants/default/runs/[0-9a-f-]{36}").unwrap();
    let mut last_run = String::new();
    for step in steps(&readme()) {
        let command = step
            .command
            .replace(ADDRESS, &address)
            .replace("grpcurl ", &format!("{} ", grpcurl.display()));
        let command = run.replace_all(&command, last_run.as_str());
        let (_, printed) = Process::of("/bin/sh".as_ref(), &["-c", &command])
            .env("PATH", path())
            .finish(LONG)
            .await;
        if let Some(found) = run.find(&printed) {
            last_run = found.as_str().to_owned();
        }
        let printed: Vec<_> = printed.lines().map(plain).collect();
        let expected: Vec<_> = step.expected.iter().map(|line| plain(line)).collect();
        assert!(
            fits(&expected, &printed),
            "$ {}\nREADME:\n{}\n\nprinted:\n{}",
            step.command,
            expected.join("\n"),
            printed.join("\n")
        );
    }
}

#[tokio::test]
async fn every_command_of_the_readme_exists() {
    let commands = commands(&readme());
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        // Arguments are read before help is printed.
        let script = format!("{command} --help");
        let shell = Process::of("/bin/sh".as_ref(), &["-c", &script]).env("PATH", path());
        let (status, output) = shell.finish(LONG).await;
        assert!(status.success(), "{command}\n{output}");
    }
}

#[test]
fn a_transcript_that_lies_is_found() {
    let lines = |text: &str| text.lines().map(plain).collect::<Vec<_>>();
    assert!(fits(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(fits(&lines("...\nd\n..."), &lines("a\nd\ne")));
    assert!(!fits(&lines("a\n...\nd"), &lines("a\nb\nc")));
    assert!(!fits(&lines("a\nb"), &lines("a\nb\nc")));
    assert!(fits(
        &lines("at 2026-11-21T03:03:05.877257Z by 7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        &lines("at 2027-01-01T00:00:00Z by 01a1fc0e-b9ab-736c-9974-de5b6449cb8c")
    ));
}

/// Where `syncline` is found first.
fn path() -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_syncline"));
    let others = std::env::var("PATH").unwrap();
    format!("{}:{others}", program.parent().unwrap().display())
}

fn readme() -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in blocks(text, "console")
        .iter()
        .flat_map(|block| block.lines())
    {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                expected: Vec::new(),
            }),
            (None, Some(step)) => step.expected.push(line.to_owned()),
            (None, None) => panic!("a block begins without a command: {line}"),
        }
    }
    steps
}

/// The program's commands in shell blocks, without their comments.
fn commands(text: &str) -> Vec<String> {
    let joined = blocks(text, "sh").join("\n").replace("\\\n", " ");
    let lines = joined.lines().filter(|line| line.starts_with("syncline "));
    let lines = lines.map(|line| line.split(" # ").next().unwrap_or(line).trim().to_owned());
    let inline = Regex::new("`(syncline [^`]+)`").unwrap();
    let inline = inline.captures_iter(text).map(|found| found[1].to_owned());
    lines.chain(inline).collect()
}

/// A line without what differs from run to run.
fn plain(line: &str) -> String {
    let id = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
    let line = id.replace_all(line.trim_end(), "ID");
    time.replace_all(&line, "TIME").into_owned()
}

/// Whether the lines are the expected ones, where `...` stands for any.
fn fits(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == ANY => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed.first() == Some(first) && fits(rest, &printed[1..]),
    }
}
