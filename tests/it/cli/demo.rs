//! The demo shows what it promises, and leaves nothing behind.

use super::{LONG, ended};
use crate::kit::Process;
use std::net::TcpListener;

#[tokio::test]
async fn the_demo_writes_240_meetings_once_and_ends_with_0() {
    let command = Process::syncline(&["--json", "demo", "--exit"]);
    let folder = command.folder();
    let temporary = folder.join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = command.env("TMPDIR", &temporary).start();
    let status = demo.wait_exit(LONG).await;
    assert!(status.success(), "{}", demo.output());
    let document: serde_json::Value = serde_json::from_str(&demo.output()).unwrap();
    assert_eq!(document["runs"][0]["result"]["meetingsFound"], "240");
    assert_eq!(document["runs"][1]["result"]["skipped"], "240");
    assert!(document["runs"][1]["result"].get("created").is_none());
    assert!(
        !folder.join("syncline.db").exists(),
        "it has a folder of its own"
    );
    assert_eq!(
        std::fs::read_dir(&temporary).unwrap().count(),
        0,
        "which is gone afterwards"
    );
}

#[tokio::test]
async fn the_demo_takes_the_next_port_when_the_usual_one_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut demo = Process::syncline(&["demo"])
        .env("SYNCLINE_GRPC_ADDR", format!("127.0.0.1:{port}"))
        .start();
    let line = demo.line("Serving gRPC on", LONG).await;
    assert!(line.contains(&format!("port {port} is taken")), "{line}");
    demo.terminate();
    assert!(demo.wait_exit(LONG).await.success(), "{}", demo.output());
}

#[tokio::test]
async fn a_seed_decides_the_demo() {
    let entries = async |seed: &str| {
        let demo = ended(Process::syncline(&["demo", "--exit", "--seed", seed])).await;
        assert_eq!(demo.code, 0, "{}", demo.text);
        let lines = demo.text.lines().filter(|line| line.contains("[Meet:"));
        lines
            .filter_map(|line| Some(line.split_once("[Meet:")?.1.to_owned()))
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_ne!(entries("7").await, entries("8").await);
}
