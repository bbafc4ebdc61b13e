//! A private Redis server.

use super::server::{Watchdog, find, free_port};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const INSTALL: &str = "Redis is missing: apt-get install -y redis-server";

/// The shell is the server's parent, so the number it kills cannot be somebody else's by then.
const START: &str = r#""$1" --bind 127.0.0.1 --port "$2" --dir "$3" --save "" --appendonly no </dev/null & server=$!"#;
const KILL: &str = r#"kill -9 "$server"; wait; rm -rf "$3""#;

/// A running server that keeps nothing on disk. Ends on drop, and when the test process ends in any way.
pub struct Redis {
    port: u16,
    watchdog: Option<Watchdog>,
    _folder: TempDir,
}

/// Starts a server for one test. That takes a few milliseconds, so tests may kill or flush their own.
pub fn redis() -> Redis {
    // Somebody else may take the port between our look and the server's.
    for _ in 0..5 {
        let folder = super::temp_dir();
        let port = free_port();
        if let Some(watchdog) = start(port, folder.path()) {
            return Redis {
                port,
                watchdog: Some(watchdog),
                _folder: folder,
            };
        }
    }
    panic!("redis-server does not come up on any of five free ports");
}

fn start(port: u16, folder: &Path) -> Option<Watchdog> {
    let program = find("redis-server", [PathBuf::from("/usr/bin")]).expect(INSTALL);
    let number = port.to_string();
    let arguments = [&program, Path::new(&number), folder];
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
        let watchdog = start(self.port, folder.path());
        self.watchdog = Some(watchdog.expect("the port is still free"));
        self._folder = folder;
    }
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
