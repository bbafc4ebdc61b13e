//! What people see while a run goes on: a bar on a terminal, plain lines elsewhere.

use super::Site;
use crate::{
    cli::LONG,
    kit::{Process, screen},
};
use std::time::Duration;

/// What a bar is made of.
const BAR: [char; 2] = ['█', '░'];

fn is_drawn(text: &str) -> bool {
    text.contains(BAR)
}

/// Whether nothing in it would steer a terminal.
fn is_plain(text: &str) -> bool {
    !text.contains(|character: char| character.is_control() && character != '\n')
}

#[tokio::test]
async fn a_run_on_a_terminal_draws_a_bar_and_leaves_clean_lines() {
    let site = Site::of(8).with_sync().await;
    site.stage.simulator.set_latency(Duration::from_millis(20));
    let command = site.command(&["sync", "run", "work"]).on_terminal();
    let (status, drawn) = command.finish(LONG).await;
    assert!(status.success(), "{drawn}");
    assert!(is_drawn(&drawn) && drawn.contains("/80"), "{drawn}");
    let lines = screen(&drawn);
    println!("{}", lines.join("\n"));
    assert!(lines[0].ends_with(" succeeded"), "{lines:#?}");
    assert!(lines.iter().all(|line| !is_drawn(line)), "{lines:#?}");
}

#[tokio::test]
async fn ctrl_c_on_a_terminal_leaves_clean_lines() {
    let site = Site::of(8).with_sync().await;
    site.stage.simulator.set_latency(Duration::from_millis(30));
    let mut run = site.command(&["sync", "run", "work"]).on_terminal().start();
    site.written(5).await;
    run.signal("INT");
    let status = run.wait_exit(LONG).await;
    let drawn = run.output();
    assert_eq!(status.code(), Some(1), "{drawn}");
    let lines = screen(&drawn);
    println!("{}", lines.join("\n"));
    assert_eq!(
        lines[0],
        "Stopping after the entries that are being written."
    );
    assert!(lines[1].ends_with(" cancelled"), "{lines:#?}");
    assert!(lines.iter().all(|line| !is_drawn(line)), "{lines:#?}");
}

#[tokio::test]
async fn log_lines_stand_above_the_bar() {
    let site = Site::of(8).with_sync().await;
    site.stage.simulator.set_latency(Duration::from_millis(20));
    let command = site.command(&["sync", "run", "work"]);
    let command = command.env("SYNCLINE_LOG_LEVEL", "debug").on_terminal();
    let (status, drawn) = command.finish(LONG).await;
    assert!(status.success() && is_drawn(&drawn), "{drawn}");
    let lines = screen(&drawn);
    let logged: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("called a provider"))
        .collect();
    assert!(logged.len() > 80, "{lines:#?}");
    for line in logged {
        assert!(
            line.starts_with("20"),
            "a line begins with its time: {line:?}"
        );
    }
    assert!(lines.iter().all(|line| !is_drawn(line)), "{lines:#?}");
}

#[tokio::test]
async fn the_demo_on_a_terminal_draws_bars_and_leaves_clean_lines() {
    let demo = Process::syncline(&["demo", "--exit"]).on_terminal();
    let (status, drawn) = demo.finish(LONG).await;
    assert!(status.success(), "{drawn}");
    assert!(is_drawn(&drawn), "{drawn}");
    let lines = screen(&drawn);
    println!("{}", lines.join("\n"));
    assert!(lines.iter().all(|line| !is_drawn(line)), "{lines:#?}");
    assert_eq!(
        lines.last().map(String::as_str),
        Some("Nothing was doubled, nothing is missing.")
    );
    for (line, next) in [
        ("First run:", " succeeded"),
        ("Second run, nothing is new:", " succeeded"),
    ] {
        let at = lines.iter().position(|shown| shown == line);
        let at = at.unwrap_or_else(|| panic!("{line} is missing: {lines:#?}"));
        assert!(lines[at + 1].ends_with(next), "{lines:#?}");
    }
}

#[tokio::test]
async fn without_a_terminal_there_are_plain_lines_and_no_control_characters() {
    let site = Site::of(8).with_sync().await;
    site.stage.simulator.set_latency(Duration::from_millis(5));
    let run = site.run(&["sync", "run", "work"]).await;
    assert_eq!(run.code, 0, "{}", run.text);
    assert!(
        is_plain(&run.text) && !is_drawn(&run.text),
        "{:?}",
        run.text
    );
    assert!(
        run.text.contains("/80"),
        "it says how far it is: {}",
        run.text
    );
    let (status, demo) = Process::syncline(&["demo", "--exit"]).finish(LONG).await;
    assert!(
        status.success() && is_plain(&demo) && !is_drawn(&demo),
        "{demo:?}"
    );
}
