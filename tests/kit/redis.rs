//! A private Redis server.

use super::server::{Watchdog, find, free_port};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const INSTALL: &str = "Redis is missing: apt-get install -y redis-server";

/// The shell is the server's parent, so the number it kills cannot be somebody else's by then.
const START: &str = r#"program=$1 port=$2 folder=$3; shift 3
"$program" --bind 127.0.0.1 --port "$port" --dir "$folder" --save "" --maxmemory-policy noeviction "$@" </dev/null & server=$!"#;
const KILL: &str = r#"kill -9 "$server"; wait; rm -rf "$folder""#;

/// A running server. Ends on drop, and when the test process ends in any way.
pub struct Redis {
    port: u16,
    options: Vec<String>,
    watchdog: Option<Watchdog>,
    _folder: TempDir,
}

/// Starts a server for one test that keeps nothing on disk. That takes a few milliseconds, so tests may kill or flush
/// their own.
pub fn redis() -> Redis {
    start_anywhere(|| words("--appendonly no"))
}

/// The same with the settings of `docker-compose.yml`.
pub fn redis_as_deployed() -> Redis {
    start_anywhere(|| words("--appendonly yes"))
}

/// A cluster of one node, which has all slots: it refuses what names keys of several slots, as any cluster does.
pub fn redis_cluster() -> Redis {
    let redis = start_anywhere(|| {
        let bus = free_port();
        words(&format!(
            "--cluster-enabled yes --cluster-port {bus} --cluster-announce-ip 127.0.0.1"
        ))
    });
    let given = redis.say("CLUSTER ADDSLOTSRANGE 0 16383");
    assert_eq!(given, "+OK");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !redis.say("CLUSTER INFO").contains("cluster_state:ok") {
        assert!(Instant::now() < deadline, "the cluster does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    redis
}

/// A server with this certificate that asks for one of `ca`'s, by TLS; beside that it can be asked in clear.
pub fn redis_with_tls(cert: &Path, key: &Path, ca: &Path) -> Redis {
    start_anywhere(|| {
        let port = free_port();
        let (cert, key, ca) = (cert.display(), key.display(), ca.display());
        words(&format!(
            "--appendonly no --tls-port {port} --tls-cert-file {cert} --tls-key-file {key} --tls-ca-cert-file {ca}"
        ))
    })
}

fn start_anywhere(options: impl Fn() -> Vec<String>) -> Redis {
    // Somebody else may take the port between our look and the server's.
    for _ in 0..5 {
        let folder = super::temp_dir();
        let port = free_port();
        let options = options();
        if let Some(watchdog) = start(port, folder.path(), &options) {
            return Redis {
                port,
                options,
                watchdog: Some(watchdog),
                _folder: folder,
            };
        }
    }
    panic!("redis-server does not come up on any of five free ports");
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn start(port: u16, folder: &Path, options: &[String]) -> Option<Watchdog> {
    let program = find("redis-server", [PathBuf::from("/usr/bin")]).expect(INSTALL);
    let number = port.to_string();
    let fixed = [&program, Path::new(&number), folder];
    let arguments: Vec<&Path> = fixed
        .into_iter()
        .chain(options.iter().map(Path::new))
        .collect();
    let watchdog = Watchdog::start(None, START, KILL, &arguments);
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if ping(port) {
            return Some(watchdog);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

impl Redis {
    /// As REDIS_URL wants it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// As REDIS_URL wants it for a cluster.
    pub fn cluster_url(&self) -> String {
        format!("redis-cluster://127.0.0.1:{}", self.port)
    }

    /// Where it listens for TLS.
    pub fn tls_port(&self) -> u16 {
        let at = self
            .options
            .iter()
            .position(|option| option == "--tls-port");
        let port = at.and_then(|at| self.options[at + 1].parse().ok());
        port.expect("it has one")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it answers to a command, as a person would type it: the text of the answer, or of the error.
    pub fn say(&self, command: &str) -> String {
        let ask = || -> std::io::Result<String> {
            let mut connection = BufReader::new(TcpStream::connect(("127.0.0.1", self.port))?);
            connection
                .get_ref()
                .set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(connection.get_mut(), "{command}\r\n")?;
            let mut line = String::new();
            connection.read_line(&mut line)?;
            let Some(length) = line.strip_prefix('$') else {
                return Ok(line.trim_end().to_owned());
            };
            let mut text = vec![0; length.trim().parse().unwrap_or(0)];
            connection.read_exact(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        ask().expect("it answers")
    }

    /// A figure of INFO.
    pub fn figure(&self, section: &str, name: &str) -> u64 {
        let info = self.say(&format!("INFO {section}"));
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        let figure = line.and_then(|rest| rest.strip_prefix(':'));
        figure
            .and_then(|figure| figure.parse().ok())
            .unwrap_or_else(|| panic!("no {name} in {info}"))
    }

    /// Lets it stand still (SIGSTOP): it takes connections and answers nothing. Gives what lets it go on.
    #[must_use = "it stands still until this is dropped"]
    pub fn freeze(&self) -> Frozen {
        let pid = self.figure("server", "process_id").to_string();
        signal("STOP", &pid);
        Frozen { pid }
    }

    /// Whether it answers.
    pub fn answers(&self) -> bool {
        ping(self.port)
    }

    /// Ends it at once, as a crash would. Returns when it is gone.
    pub fn kill(&mut self) {
        self.watchdog = None;
    }

    /// Starts one that was killed again, at the same address and with nothing in it.
    pub fn restart(&mut self) {
        let folder = super::temp_dir();
        let watchdog = start(self.port, folder.path(), &self.options);
        self.watchdog = Some(watchdog.expect("the port is still free"));
        self._folder = folder;
    }
}

/// A server that stands still until this is dropped.
pub struct Frozen {
    pid: String,
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("CONT", &self.pid);
    }
}

fn signal(name: &str, pid: &str) {
    super::server::run(Command::new("kill").args(["-s", name, pid]));
}

fn ping(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_read_timeout(Some(Duration::from_secs(1)))?;
        connection.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        connection.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG\r\n")
    };
    ask().unwrap_or(false)
}
