//! One private PostgreSQL cluster for the whole test process.

use super::server::{Unprivileged, Watchdog, command_as, find, free_port, run};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

const INSTALL: &str =
    "PostgreSQL's server programs are missing: apt-get install -y postgresql postgresql-client";

/// Small and quick, but as durable as a real one: tests kill it and look at what stayed.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
fsync = on
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
min_wal_size = 32MB
max_wal_size = 256MB
autovacuum_naptime = 1h
log_min_messages = warning
";

/// A running cluster. Everybody on loopback is the superuser `postgres`; there is nothing in it but test data.
pub struct Postgres {
    port: u16,
    programs: PathBuf,
    _watchdog: Watchdog,
}

/// The cluster of this test process, started at the first call. It ends with the process.
pub fn postgres() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(Postgres::start)
}

impl Postgres {
    fn start() -> Self {
        let programs = programs();
        let user = Unprivileged::needed();
        let folder = super::temp_dir().keep();
        if let Some(user) = &user {
            std::os::unix::fs::chown(&folder, Some(user.uid), Some(user.gid))
                .expect("root may give a folder away");
        }
        let data = folder.join("data");
        let watchdog = Watchdog::start(
            user.as_ref(),
            "",
            r#""$1"/pg_ctl -D "$2" -m immediate -s -w stop; rm -rf "$3""#,
            &[&programs, &data, &folder],
        );
        let program = |name: &str| {
            let mut command = command_as(user.as_ref(), &programs.join(name));
            command.current_dir(&folder);
            command
        };
        run(program("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-locale",
                "--no-sync",
                "-D",
            ])
            .arg(&data));
        let mut settings =
            fs::read_to_string(data.join("postgresql.conf")).expect("initdb wrote it");
        settings.push_str(SETTINGS);
        settings.push_str(&format!(
            "unix_socket_directories = '{}'\n",
            folder.display()
        ));
        fs::write(data.join("postgresql.conf"), settings).expect("the settings can be written");

        let port = start_on_a_free_port(|port| {
            let mut command = program("pg_ctl");
            command
                .args(["-D"])
                .arg(&data)
                .args(["-w", "-s", "-o", &format!("-p {port}"), "-l"])
                .arg(folder.join("log"))
                .arg("start");
            command
        });
        Self {
            port,
            programs,
            _watchdog: watchdog,
        }
    }

    /// The URL of a database of the cluster, as its superuser.
    pub fn url(&self, database: &str) -> String {
        self.url_of("postgres", database)
    }

    /// The URL of a database of the cluster, as `user`.
    pub fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// One of the server's own programs, as in `pg_dump`.
    pub fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }
}

/// Another process may take the port between our look and the server's.
fn start_on_a_free_port(mut command: impl FnMut(u16) -> Command) -> u16 {
    for _ in 0..4 {
        let port = free_port();
        let status = command(port)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return port;
        }
    }
    let port = free_port();
    run(&mut command(port));
    port
}

/// The folder with `initdb` and its siblings: the newest version that is installed.
fn programs() -> PathBuf {
    let configured = Command::new("pg_config").arg("--bindir").output().ok();
    let configured = configured
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|text| PathBuf::from(text.trim()));
    let mut packaged: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions
                .flatten()
                .map(|version| version.path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    packaged.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let initdb = find("initdb", configured.into_iter().chain(packaged)).expect(INSTALL);
    let initdb = initdb.canonicalize().expect("it was just found");
    initdb.parent().expect("a file is in a folder").to_owned()
}

fn version(folder: &Path) -> u32 {
    let version = folder
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}
