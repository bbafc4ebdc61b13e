//! What the tests stand on: private servers that end with the test process, a fresh database for each test, real
//! processes to start and kill, and polling instead of sleeping.

mod database;
mod disk;
mod listen;
mod postgres;
mod process;
mod redis;
mod server;
mod terminal;
mod wait;
mod wire;

pub use database::Database;
pub(crate) use database::each_engine;
pub use disk::SmallDisk;
pub use listen::listen;
pub use postgres::Postgres;
pub use process::{Builder, Process};
pub use redis::{Redis, redis, redis_as_deployed, redis_cluster, redis_with_tls};
pub use server::{free_port, is_unprivileged};
pub use terminal::screen;
pub use wait::eventually;
pub use wire::{Cut, Wire};

use chrono::{TimeZone, Utc};
use server::{Unprivileged, command_as, find};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use syncline::base::Clock;
use tempfile::TempDir;

/// Whether this is `./test --long`.
pub fn long() -> bool {
    std::env::var("SYNCLINE_TEST_LONG").is_ok_and(|value| value == "1")
}

/// How many rounds to go: `short` in `./test`, `full` in `./test --long`.
pub fn rounds(short: usize, full: usize) -> usize {
    if long() { full } else { short }
}

/// A folder of its own, removed on drop.
pub fn temp_dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("syncline-it-")
        .tempdir()
        .expect("a temporary folder can be made")
}

/// A program that `./test` installs, or that is on the PATH.
pub fn tool(name: &str) -> PathBuf {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools");
    find(name, [tools]).unwrap_or_else(|| panic!("{name} is missing: ./test installs it"))
}

/// A server of the system, for administrators only: where their path does not lead, too.
pub fn daemon(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    find(name, folders).unwrap_or_else(|| panic!("{name} is missing: apt-get install -y {name}"))
}

/// A program that refuses to run as root, run as somebody else where the tests are root's, who then owns `folder` and what
/// is in it.
pub fn unprivileged(program: &Path, folder: &Path) -> Command {
    let user = Unprivileged::needed();
    if let Some(user) = &user {
        let inside = std::fs::read_dir(folder).expect("it can be listed");
        let inside = inside.flatten().map(|entry| entry.path());
        for path in inside.chain([folder.to_owned()]) {
            std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
                .expect("root may give files away");
        }
    }
    command_as(user.as_ref(), program)
}

/// A clock that stands at Monday 2026-03-02 09:00 UTC until the test moves it.
pub fn fixed_clock() -> Clock {
    let start = Utc.with_ymd_and_hms(2026, 3, 2, 9, 0, 0);
    Clock::fixed(start.single().expect("a valid date"))
}
