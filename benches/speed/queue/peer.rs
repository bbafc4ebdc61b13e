//! BullMQ in a process of its own.

use super::{Side, redis::Redis};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    pub fn start(redis: &Redis) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join("target/clients/node/node_modules");
        ensure!(
            modules.join("bullmq").exists(),
            "BullMQ is missing: run tests/clients/install"
        );
        let mut child = Command::new("node")
            .arg(root.join("benches/speed/queue.cjs"))
            .arg(redis.port().to_string())
            .env("NODE_PATH", modules)
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node is missing: apt-get install -y nodejs")?;
        let mut peer = Self {
            input: child.stdin.take().context("it is piped")?,
            output: BufReader::new(child.stdout.take().context("it is piped")?),
            child,
        };
        peer.answer()?;
        Ok(peer)
    }

    fn step(&mut self, step: &Value) -> anyhow::Result<Value> {
        writeln!(self.input, "{step}")?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let mut answer: Value = serde_json::from_str(&line).context("BullMQ ended")?;
        Ok(answer["took"].take())
    }
}

impl Side for Peer {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn queue(&self) -> &'static str {
        "peer"
    }

    fn add(&mut self, jobs: usize) -> anyhow::Result<()> {
        self.step(&json!({"step": "add", "jobs": jobs})).map(drop)
    }

    fn prepare(&mut self, concurrency: usize) -> anyhow::Result<()> {
        let step = json!({"step": "prepare", "concurrency": concurrency});
        self.step(&step).map(drop)
    }

    fn process(&mut self, jobs: usize) -> anyhow::Result<()> {
        let step = json!({"step": "process", "jobs": jobs});
        self.step(&step).map(drop)
    }

    fn latency(&mut self, samples: usize) -> anyhow::Result<Vec<f64>> {
        let took = self.step(&json!({"step": "latency", "samples": samples}))?;
        Ok(serde_json::from_value(took)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
