//! The testkit keeps its own promises.

use crate::kit::{self, Process};
use std::{io::ErrorKind, os::unix::process::ExitStatusExt as _, path::Path, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> kit::Builder {
    Process::of(Path::new("/bin/sh"), &["-c", script])
}

#[test]
fn a_private_redis_answers_until_it_is_killed() {
    let mut redis = kit::redis();
    assert!(redis.answers() && redis.url().starts_with("redis://127.0.0.1:"));
    redis.kill();
    assert!(!redis.answers());
}

#[tokio::test]
async fn a_process_sees_only_what_it_was_given() {
    let (status, output) = shell("env; cat; exit 3")
        .env("GIVEN", "1")
        .input("typed")
        .finish(SOON)
        .await;
    assert_eq!(status.code(), Some(3));
    for line in output.lines() {
        let name = line.split('=').next().unwrap();
        assert!(
            [
                "PATH", "HOME", "GIVEN", "PWD", "typed", "SHLVL", "_", "OLDPWD"
            ]
            .contains(&name),
            "{line}"
        );
    }
    assert!(
        output.contains("GIVEN=1") && output.contains("typed"),
        "{output}"
    );
}

#[tokio::test]
async fn a_process_runs_in_a_folder_of_its_own() {
    let builder = shell("cp given made");
    std::fs::write(builder.folder().join("given"), "x").unwrap();
    let mut process = builder.start();
    assert!(process.wait_exit(SOON).await.success());
    assert_eq!(
        std::fs::read_to_string(process.folder().join("made")).unwrap(),
        "x"
    );
}

#[tokio::test]
async fn the_real_program_is_what_starts() {
    let (status, output) = Process::syncline(&["--version"]).finish(SOON).await;
    assert!(status.success(), "{output}");
}

#[tokio::test]
async fn the_clients_that_are_installed_start() {
    for name in ["grpcurl", "buf"] {
        let (status, output) = Process::of(&kit::tool(name), &["--version"])
            .finish(SOON)
            .await;
        assert!(status.success(), "{name}: {output}");
    }
}

#[tokio::test]
async fn a_process_is_asked_to_end_or_killed() {
    let script = "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let mut process = shell(script).start();
    assert_eq!(process.line("ready", SOON).await, "ready");
    process.terminate();
    assert_eq!(process.wait_exit(SOON).await.code(), Some(0));
    assert!(process.output().contains("asked"));

    let mut process = shell(script).start();
    process.line("ready", SOON).await;
    process.kill();
    assert_eq!(process.wait_exit(SOON).await.signal(), Some(9));
}

#[tokio::test]
#[should_panic(expected = "ended (exit status: 1) without printing \"ready\"")]
async fn waiting_for_a_line_of_a_dead_process_fails_at_once() {
    shell("echo oops; exit 1")
        .start()
        .line("ready", Duration::from_secs(600))
        .await;
}

#[tokio::test]
#[should_panic(expected = "last seen: 3 of 4")]
async fn waiting_in_vain_says_what_was_last_seen() {
    let mut seen = 0;
    kit::eventually(Duration::from_millis(100), || {
        seen = (seen + 1).min(3);
        std::future::ready(Err::<(), _>(format!("{seen} of 4")))
    })
    .await;
}

#[test]
fn a_fixed_clock_stands_until_it_is_moved() {
    let clock = kit::fixed_clock();
    let start = clock.now();
    assert_eq!(clock.now(), start);
    clock.advance(chrono::TimeDelta::hours(1));
    assert_eq!(clock.now() - start, chrono::TimeDelta::hours(1));
}

/// What a killed test process leaves behind is what its watchdogs leave: this is one such process.
#[tokio::test]
async fn servers_end_with_a_test_process_that_is_killed() {
    const CHILD: &str = "SYNCLINE_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let redis = kit::redis();
        println!("\nredis {}", redis.url());
        std::future::pending::<()>().await;
    }
    let name = concat!(
        module_path!(),
        "::servers_end_with_a_test_process_that_is_killed"
    );
    let mut child = Process::this_test(name).env(CHILD, "1").start();
    let line = child.line("redis redis://", SOON).await;
    let address = line.rsplit("//").next().unwrap().to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    child.kill();
    kit::eventually(SOON, || {
        let gone = std::net::TcpStream::connect(&address).is_err();
        std::future::ready(gone.then_some(()).ok_or("the server still answers"))
    })
    .await;
}

#[test]
fn a_screen_shows_what_is_left_of_what_was_drawn() {
    let drawn = "one\r\nbar ██░ 1/3\r\u{1b}[2Kbar ███ 3/3\r\u{1b}[2K\u{1b}[1Atwo\r\n\u{1b}[1mlast\u{1b}[0m  ";
    assert_eq!(kit::screen(drawn), ["two", "last"]);
    assert_eq!(
        kit::screen("bar ██░ 1/3left over"),
        ["bar ██░ 1/3left over"]
    );
}

#[tokio::test]
async fn a_program_on_a_terminal_knows_that_it_is_on_one_and_gets_ctrl_c_from_it() {
    let script = "test -t 0 && test -t 1 && test -t 2 && echo \"seen $GIVEN\"; trap 'exit 7' INT; echo ready; while :; do sleep 0.1; done";
    let mut process = shell(script).env("GIVEN", "1").on_terminal().start();
    process.line("ready", SOON).await;
    process.signal("INT");
    let status = process.wait_exit(SOON).await;
    let lines = kit::screen(&process.output());
    assert_eq!(
        (status.code(), lines[0].as_str()),
        (Some(7), "seen 1"),
        "{lines:?}"
    );
}

#[test]
fn a_small_disk_can_be_filled_and_emptied() {
    let disk = kit::SmallDisk::of_mib(2);
    let write = |name| std::fs::write(disk.folder().join(name), [1; 10_000]);
    write("before").unwrap();
    disk.fill();
    let full = write("full").unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    disk.empty();
    write("after").unwrap();
    let folder = disk.folder().to_owned();
    drop(disk);
    assert!(!folder.exists(), "it is unmounted and gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_carries_holds_and_cuts() {
    let redis = kit::redis();
    let wire = kit::Wire::to(redis.port()).await;
    let ask = async |connection: &mut TcpStream| {
        let mut answer = [0; 7];
        connection.write_all(b"PING\r\n").await?;
        let read = connection.read_exact(&mut answer);
        match tokio::time::timeout(Duration::from_millis(300), read).await {
            Ok(read) => read.map(drop),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    };
    let connect = async || {
        TcpStream::connect(("127.0.0.1", wire.port()))
            .await
            .unwrap()
    };
    let outcome = |asked: std::io::Result<()>| asked.map_err(|error| error.kind());

    let mut held = connect().await;
    assert_eq!(outcome(ask(&mut held).await), Ok(()));
    wire.hold();
    assert_eq!(outcome(ask(&mut held).await), Err(ErrorKind::TimedOut));
    wire.release();
    let mut late = [0; 7];
    held.read_exact(&mut late).await.unwrap();
    assert_eq!(outcome(ask(&mut held).await), Ok(()));
    for (cut, expected) in [
        (kit::Cut::Closed, ErrorKind::UnexpectedEof),
        (kit::Cut::Reset, ErrorKind::ConnectionReset),
        (kit::Cut::Forgotten, ErrorKind::TimedOut),
    ] {
        let mut connection = connect().await;
        assert_eq!(outcome(ask(&mut connection).await), Ok(()));
        wire.cut(cut);
        let mut end = [0; 1];
        let read =
            tokio::time::timeout(Duration::from_millis(300), connection.read_exact(&mut end));
        let seen = match read.await {
            Ok(read) => read.unwrap_err().kind(),
            Err(_) => ErrorKind::TimedOut,
        };
        assert_eq!(seen, expected, "{cut:?}");
    }
    assert_eq!(outcome(ask(&mut connect().await).await), Ok(()));
}

#[test]
fn a_frozen_redis_takes_connections_and_goes_on_later() {
    let redis = kit::redis();
    let frozen = redis.freeze();
    assert!(!redis.answers());
    drop(frozen);
    assert!(redis.answers());
}
