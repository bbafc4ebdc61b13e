//! Many calls at once by h2load, which takes far less of the machine than a client of ours would.

use anyhow::{Context as _, ensure};
use prost::Message;
use std::{fmt, fs, process::Command};
use tempfile::TempDir;

/// Connections, and calls on each at a time.
const CONNECTIONS: &str = "10";
const STREAMS: &str = "10";
/// Calls that are not counted, and those that are.
const WARM_UP: &str = "20000";
const CALLS: &str = "200000";

/// One call, again and again.
pub struct Load {
    url: String,
    authorization: Option<String>,
    folder: TempDir,
}

/// What came of it.
pub struct Measured {
    /// Calls in a second.
    pub rate: f64,
    /// Milliseconds that half of the calls took at most, and 99 of 100.
    pub p50: f64,
    pub p99: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, p50, p99 } = self;
        write!(
            f,
            "{rate:.0} calls a second, half within {p50:.2} ms, 99 of 100 within {p99:.2} ms"
        )
    }
}

impl Load {
    pub fn new(
        address: &str,
        path: &str,
        message: &impl Message,
        key: Option<&str>,
    ) -> anyhow::Result<Self> {
        let folder = crate::temp_dir();
        let message = message.encode_to_vec();
        // Not compressed, and its length.
        let mut body = vec![0];
        body.extend(u32::try_from(message.len())?.to_be_bytes());
        body.extend(message);
        fs::write(folder.path().join("body"), body)?;
        Ok(Self {
            url: format!("http://{address}/{path}"),
            authorization: key.map(|key| format!("authorization: Bearer {key}")),
            folder,
        })
    }

    /// Warms up, and measures.
    pub fn measure(&self) -> anyhow::Result<Measured> {
        self.run(WARM_UP)?;
        let said = self.run(CALLS)?;
        let rate = said
            .lines()
            .find_map(|line| {
                line.strip_prefix("finished in")?
                    .split(", ")
                    .nth(1)?
                    .strip_suffix(" req/s")
            })
            .with_context(|| format!("h2load says how many:\n{said}"))?;
        let mut times = Vec::new();
        for line in fs::read_to_string(self.log())?.lines() {
            // Start, status and microseconds; gRPC's own status is not among them.
            let micros = line.split_whitespace().nth(2).context("a time")?;
            times.push(micros.parse::<u32>()?);
        }
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len() as f64 * share) as usize;
            f64::from(times.get(place).copied().unwrap_or_default()) / 1e3
        };
        Ok(Measured {
            rate: rate.trim().parse()?,
            p50: at(0.5),
            p99: at(0.99),
        })
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    fn run(&self, calls: &str) -> anyhow::Result<String> {
        let _ = fs::remove_file(self.log());
        let mut command = Command::new("h2load");
        command
            .args(["-n", calls, "-c", CONNECTIONS, "-m", STREAMS, "-t", "1"])
            .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
            .arg(format!("--log-file={}", self.log().display()))
            .arg("-d")
            .arg(self.folder.path().join("body"));
        if let Some(header) = &self.authorization {
            command.args(["-H", header]);
        }
        let output = command.arg(&self.url).output();
        let output = output.context("h2load is missing: apt-get install -y nghttp2-client")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "h2load failed:\n{said}");
        let all = format!("{calls} succeeded, 0 failed, 0 errored");
        ensure!(said.contains(&all), "not all calls were answered:\n{said}");
        Ok(said)
    }
}
