//! A peer that runs on Node: one line of JSON for each step that it is asked for, and one when it is done.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// Ends on drop.
pub struct Node {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// Starts a script of this folder with the npm packages of `modules`; returns when it is ready.
    pub fn start<A: AsRef<OsStr>>(
        script: &str,
        modules: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new("node")
            .arg(root().join("benches/speed").join(script))
            .args(arguments)
            .env("NODE_PATH", modules)
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node is missing: apt-get install -y nodejs")?;
        let mut node = Self {
            input: child.stdin.take().context("it is piped")?,
            output: BufReader::new(child.stdout.take().context("it is piped")?),
            child,
        };
        node.answer()?;
        Ok(node)
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What came of a step.
    pub fn step(&mut self, step: &Value) -> anyhow::Result<Value> {
        writeln!(self.input, "{step}")?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line).context("the peer ended")?;
        Ok(answer["took"].take())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The npm packages in a folder below `target`; fails, with what to do, where `package` is not among them.
pub fn modules(folder: &str, package: &str, how: &str) -> anyhow::Result<PathBuf> {
    let modules = root().join("target").join(folder).join("node_modules");
    ensure!(
        modules.join(package).exists(),
        "{package} is missing: run {how}"
    );
    Ok(modules)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
