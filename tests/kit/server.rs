//! Running a server for the length of the test process, or shorter: free ports, an unprivileged user, and a watchdog
//! that cleans up even when the test process is killed.

use std::{
    io::Write as _,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// A port on loopback that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}

/// Where `program` is: in one of `folders`, or on the PATH.
pub fn find(program: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Somebody who is not root, for programs that refuse to run as root.
pub struct Unprivileged {
    pub uid: u32,
    pub gid: u32,
}

impl Unprivileged {
    /// `None` when the tests themselves do not run as root.
    pub fn needed() -> Option<Self> {
        if id(&["-u"]) != Some(0) {
            return None;
        }
        let user = ["postgres", "nobody"]
            .into_iter()
            .find_map(|user| {
                Some(Self {
                    uid: id(&["-u", user])?,
                    gid: id(&["-g", user])?,
                })
            })
            .expect("this machine has a user `postgres` or `nobody`");
        Some(user)
    }
}

/// For facts that do not hold for root, whom no permission stops: `true` where the caller is not root and shall go on;
/// otherwise runs the test of this name in a process of somebody else, fails if that fails, and returns `false`.
pub fn is_unprivileged(test: &str) -> bool {
    let Some(user) = Unprivileged::needed() else {
        return true;
    };
    // Handed over as an open file, because somebody else may not be allowed to enter its folder.
    let this = std::env::current_exe()
        .and_then(std::fs::File::open)
        .expect("this program is a file");
    let (_, name) = test.split_once("::").expect("a path of modules");
    let output = command_as(Some(&user), Path::new("/proc/self/fd/0"))
        .args(["--exact", name])
        .current_dir("/")
        .stdin(this)
        .output()
        .expect("this program starts again");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "as somebody else:\n{printed}"
    );
    false
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A command that runs as `user`, where there is one.
pub fn command_as(user: Option<&Unprivileged>, program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// Runs to the end and panics with everything it printed when it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    output
}

/// A shell that waits for this process to end, in whatever way, and then runs a script. It reads from a pipe whose only
/// writer is this process: the kernel closes it when the process is gone.
pub struct Watchdog(Child);

impl Watchdog {
    /// Runs `before` at once and `after` at the end. Both find `arguments` as `$1`, `$2`, …, and `after` finds the last
    /// line it was told in `$told`.
    pub fn start(
        user: Option<&Unprivileged>,
        before: &str,
        after: &str,
        arguments: &[&Path],
    ) -> Self {
        // Ctrl-C reaches the whole group of a terminal; the watchdog must outlive it.
        let script = format!(
            "trap '' INT TERM HUP\n{before}\ntold=; while read -r line; do told=$line; done\n{after}"
        );
        let shell = command_as(user, Path::new("/bin/sh"))
            .args(["-c", &script, "watchdog"])
            .args(arguments)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("/bin/sh starts");
        Self(shell)
    }

    /// Sends a line to the script's standard input.
    pub fn tell(&mut self, line: &str) {
        let pipe = self.0.stdin.as_mut().expect("the pipe is open");
        writeln!(pipe, "{line}").expect("the watchdog is alive");
    }
}

impl Drop for Watchdog {
    /// Lets the script run now, and waits for it.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
