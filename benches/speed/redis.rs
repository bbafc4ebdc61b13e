//! A Redis of its own, which keeps nothing on disk.

use anyhow::{Context as _, ensure};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Ends on drop.
pub struct Redis {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Redis {
    /// Starts one on a free port.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--maxmemory-policy", "noeviction"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server is missing: apt-get install -y redis-server")?;
        let redis = Self {
            child,
            port,
            _folder: folder,
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while redis.ask("PING").is_err() {
            ensure!(Instant::now() < deadline, "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that it uses for its data.
    pub fn memory(&self) -> anyhow::Result<f64> {
        let info = self.ask("INFO memory")?;
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory:"));
        Ok(line.context("it tells its memory")?.trim().parse()?)
    }

    /// Where it is, as the settings want it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Forgets everything.
    pub fn empty(&self) -> anyhow::Result<()> {
        self.ask("FLUSHALL").map(drop)
    }

    /// Whether no job of a queue waits or runs.
    pub fn is_idle(&self, queue: &str) -> anyhow::Result<bool> {
        let key = |state: &str| format!("bull:{queue}:{state}");
        let states = ["wait", "prioritized", "delayed", "active"].map(key);
        let found = self.ask(&format!("EXISTS {}", states.join(" ")))?;
        Ok(found.trim() == ":0")
    }

    /// Fails unless all jobs are completed; then forgets the queue, so that the next step finds it empty.
    pub fn expect_worked_off(&self, queue: &str, jobs: usize) -> anyhow::Result<()> {
        // The last finish of a worker may still be on its way.
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let completed = self.ask(&format!("ZCARD bull:{queue}:completed"))?;
            if completed.trim() == format!(":{jobs}") {
                break;
            }
            ensure!(
                Instant::now() < deadline,
                "{completed} of {jobs} jobs are completed"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        self.empty()
    }

    fn ask(&self, words: &str) -> anyhow::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port))?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        // The answer to QUIT shows where the other one ends.
        connection.write_all(format!("{words}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let answer = answer.trim_end_matches("+OK\r\n");
        ensure!(!answer.starts_with('-'), "{words}: {answer}");
        Ok(answer.to_owned())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
