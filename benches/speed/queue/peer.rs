//! BullMQ in a process of its own.

use super::Side;
use crate::{
    node::{Node, modules},
    redis::Redis,
};
use serde_json::json;

pub struct Peer(Node);

impl Peer {
    pub fn start(redis: &Redis) -> anyhow::Result<Self> {
        let modules = modules("clients/node", "bullmq", "tests/clients/install")?;
        let port = redis.port().to_string();
        Ok(Self(Node::start("queue.cjs", &modules, [port])?))
    }
}

impl Side for Peer {
    fn pid(&self) -> u32 {
        self.0.pid()
    }

    fn queue(&self) -> &'static str {
        "peer"
    }

    fn add(&mut self, jobs: usize) -> anyhow::Result<()> {
        self.0.step(&json!({"step": "add", "jobs": jobs})).map(drop)
    }

    fn prepare(&mut self, concurrency: usize) -> anyhow::Result<()> {
        let step = json!({"step": "prepare", "concurrency": concurrency});
        self.0.step(&step).map(drop)
    }

    fn process(&mut self, jobs: usize) -> anyhow::Result<()> {
        let step = json!({"step": "process", "jobs": jobs});
        self.0.step(&step).map(drop)
    }

    fn latency(&mut self, samples: usize) -> anyhow::Result<Vec<f64>> {
        let took = self
            .0
            .step(&json!({"step": "latency", "samples": samples}))?;
        Ok(serde_json::from_value(took)?)
    }
}
