//! The benchmarks that `./bench` runs: the real program in a process of its own, beside the figures of what it replaces.
//!
//! Standard output has one line of JSON per figure; what a person wants to know besides goes to standard error.

mod figure;
mod idle;
mod node;
#[path = "../../tests/kit/postgres.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod postgres;
mod process;
mod queue;
mod redis;
mod runs;
#[path = "../../tests/kit/server.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod server;
mod stage;
mod sync;
mod token;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    // Cargo adds an argument of its own, which begins with dashes.
    let name = std::env::args()
        .skip(1)
        .find(|name| !name.starts_with("--"));
    match name.as_deref() {
        Some("sync") => sync::bench(),
        Some("idle") => idle::bench(),
        Some("queue") => queue::bench(),
        Some("runs") => runs::bench(),
        Some("token") => token::bench(),
        Some(token::ECHO) => token::serve_echo(),
        Some(other) => bail!("there is no benchmark named {other}"),
        None => bail!("name a benchmark: sync, idle, queue, runs or token"),
    }
}

/// A folder of its own, removed on drop.
fn temp_dir() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("syncline-bench-")
        .tempdir()
        .expect("a temporary folder can be made")
}
