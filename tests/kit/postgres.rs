//! One private PostgreSQL cluster for the whole test process, and further ones for tests that kill theirs.

use super::server::{Unprivileged, Watchdog, command_as, find, free_port, run};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
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

/// Who the program is to the server: may make roles, because it migrates by itself, and is bound by row-level security.
const PROGRAM: &str = "program";

/// A running cluster. Everybody on loopback may be anybody; there is nothing in it but test data.
pub struct Postgres {
    port: u16,
    programs: PathBuf,
    folder: PathBuf,
    user: Option<Unprivileged>,
    _watchdog: Watchdog,
}

/// A killed server's processes are gone, and a started one answers, within this time on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// The cluster of this test process, started at the first call. It ends with the process.
pub fn postgres() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(Postgres::start)
}

impl Postgres {
    /// A cluster of the caller's own, to kill. It ends on drop.
    pub fn start() -> Self {
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

        let port = start_on_a_free_port(|port| pg_ctl(user.as_ref(), &programs, &folder, port));
        let cluster = Self {
            port,
            programs,
            folder,
            user,
            _watchdog: watchdog,
        };
        run(cluster
            .program("psql")
            .args(["-q", "-d", &cluster.admin_url("postgres"), "-c"])
            .arg(format!("CREATE ROLE {PROGRAM} LOGIN CREATEROLE")));
        cluster
    }

    /// Ends the server at once (SIGKILL to its first process), as a power cut would. Returns when nobody answers.
    pub fn kill(&self) {
        let file = self.pid_file();
        run(Command::new("kill").args(["-9", &self.process().to_string()]));
        within(SOON, "the port is free", || {
            TcpStream::connect(("127.0.0.1", self.port)).is_err()
        });
        // Where nobody collects dead processes the server would take the dead one for a living one.
        fs::remove_file(file).expect("it was there a moment ago");
    }

    /// Ends the server as an administrator does: `fast` lets it write down what it has, `immediate` does not. Either way
    /// all connections break.
    pub fn stop(&self, mode: &str) {
        let mut command = command_as(self.user.as_ref(), &self.programs.join("pg_ctl"));
        let data = self.folder.join("data");
        run(command
            .current_dir(&self.folder)
            .arg("-D")
            .arg(data)
            .args(["-m", mode, "-s", "-w", "stop"]));
    }

    /// The folder of its files.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again after [`Postgres::kill`] or [`Postgres::stop`], on the same port. Returns when it answers.
    pub fn start_again(&self) {
        // It refuses as long as a process of the killed one is left.
        within(SOON, "the server starts again", || {
            let mut command = pg_ctl(self.user.as_ref(), &self.programs, &self.folder, self.port);
            silent(&mut command).is_ok_and(|status| status.success())
        });
    }

    /// Makes a database of the program's, its files in the given tablespace.
    pub async fn create_database(&self, name: &str, tablespace: &str) {
        let sql = format!("CREATE DATABASE {name} OWNER {PROGRAM} TABLESPACE {tablespace}");
        self.administer(&sql).await;
    }

    /// Makes a database of the program's with all that is in another one.
    pub async fn copy_database(&self, name: &str, template: &str) {
        let sql = format!("CREATE DATABASE {name} OWNER {PROGRAM} TEMPLATE {template}");
        self.administer(&sql).await;
    }

    /// Runs a statement as the superuser.
    pub async fn administer(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.admin_url("postgres"))
            .await
            .expect("the server is up");
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())))
            .await
            .expect("an administrator may");
        connection.close().await.expect("the server is up");
    }

    /// Gives a folder to whoever the server runs as.
    pub fn own(&self, folder: &Path) {
        if let Some(user) = &self.user {
            std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid))
                .expect("root may give a folder away");
        }
    }

    /// The number of the server's first process.
    pub fn process(&self) -> u32 {
        let text = fs::read_to_string(self.pid_file()).expect("a server that runs has this file");
        let pid = text.lines().next().and_then(|line| line.parse().ok());
        pid.expect("its first line is the process")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join("data/postmaster.pid")
    }

    /// The URL of a database of the cluster, as the program's user.
    pub fn url(&self, database: &str) -> String {
        self.url_of(PROGRAM, database)
    }

    /// The same as the cluster's superuser.
    pub fn admin_url(&self, database: &str) -> String {
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

/// The command that starts the server of the cluster in `folder`.
fn pg_ctl(user: Option<&Unprivileged>, programs: &Path, folder: &Path, port: u16) -> Command {
    let mut command = command_as(user, &programs.join("pg_ctl"));
    command
        .current_dir(folder)
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-w", "-s", "-o", &format!("-p {port}"), "-l"])
        .arg(folder.join("log"))
        .arg("start");
    command
}

/// The server keeps the streams it was started with; nobody may wait for their end.
fn silent(command: &mut Command) -> std::io::Result<ExitStatus> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
}

/// Another process may take the port between our look and the server's.
fn start_on_a_free_port(mut command: impl FnMut(u16) -> Command) -> u16 {
    for _ in 0..4 {
        let port = free_port();
        if silent(&mut command(port)).is_ok_and(|status| status.success()) {
            return port;
        }
    }
    let port = free_port();
    run(&mut command(port));
    port
}

/// As [`super::eventually`], for what stands still while it waits.
fn within(deadline: Duration, what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(
            started.elapsed() < deadline,
            "not within {deadline:?}: {what}"
        );
        sleep(Duration::from_millis(20));
    }
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
