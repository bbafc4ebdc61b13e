//! BullMQ and Bull Board from npm, in a process of their own.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

const DEADLINE: Duration = Duration::from_secs(60);

/// The packages that the tests go through: version 6, and the last of version 5.
pub const VERSIONS: [&str; 2] = ["bullmq", "bullmq-v5"];

/// JavaScript that runs code which the test gives it. Ends with the test.
pub struct Outside {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Outside {
    /// `package` connected to a Redis.
    pub fn start(package: &str, url: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = std::env::var_os("SYNCLINE_TEST_NODE_MODULES").map_or_else(
            || root.join("target/clients/node/node_modules"),
            PathBuf::from,
        );
        assert!(
            modules.join(package).exists(),
            "{package} is missing: run tests/clients/install"
        );
        let port = url.rsplit(':').next().expect("a port");
        let mut child = Command::new("node")
            .arg(root.join("tests/clients/bullmq.cjs"))
            .args([package, port])
            .env("NODE_PATH", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        Self {
            input: child.stdin.take().expect("it is piped"),
            output: BufReader::new(child.stdout.take().expect("it is piped")).lines(),
            _child: child,
        }
    }

    /// Runs code and gives what it returns; panics with its error.
    pub async fn run(&mut self, code: &str) -> Value {
        let line = format!("{}\n", Value::from(code));
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("it reads");
        let answer = tokio::time::timeout(DEADLINE, self.output.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer in time to {code}"));
        let text = answer.expect("it writes").expect("it is still there");
        let mut answer: Value = serde_json::from_str(&text).expect("a line of JSON");
        assert!(answer.get("error").is_none(), "{code}: {}", answer["error"]);
        answer["ok"].take()
    }
}
