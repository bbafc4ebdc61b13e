//! Real programs, first of all `syncline`, started, watched and killed.

use super::{eventually, server::Watchdog, temp_dir};
use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// A running program with nothing of this environment but PATH. It starts in an empty folder, which is its HOME too.
/// Killed on drop, and when the test process ends in any way.
pub struct Process {
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    watchdog: Watchdog,
    folder: TempDir,
}

/// What is to be started.
pub struct Builder {
    command: Command,
    input: Vec<u8>,
    folder: TempDir,
}

impl Process {
    /// `syncline` with these arguments.
    pub fn syncline(arguments: &[&str]) -> Builder {
        Self::of(Path::new(env!("CARGO_BIN_EXE_syncline")), arguments)
    }

    /// Another program with these arguments.
    pub fn of(program: &Path, arguments: &[&str]) -> Builder {
        let folder = temp_dir();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.path())
            .current_dir(folder.path());
        Builder {
            command,
            input: Vec::new(),
            folder,
        }
    }

    /// The calling test once more, in a process of its own; `test` is its path, as `concat!(module_path!(), "::name")`
    /// gives it. The test tells by a variable which of the two it is.
    pub fn this_test(test: &str) -> Builder {
        let this = std::env::current_exe().expect("this program is a file");
        let (_, name) = test.split_once("::").expect("a path of modules");
        Self::of(&this, &["--exact", name, "--nocapture"])
    }

    /// The folder it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it printed until now, on either stream, line by line.
    pub fn output(&self) -> String {
        self.output.lock().expect("no reader panics").join("\n")
    }

    /// The first line that contains `text`, waiting for it; panics with everything it printed when `deadline` passes or
    /// the process ends without it.
    pub async fn line(&mut self, text: &str, deadline: Duration) -> String {
        let found = eventually(deadline, || {
            let ended = self.ended();
            let output = self.output.lock().expect("no reader panics");
            let found = output.iter().find(|line| line.contains(text)).cloned();
            let answer = match (found, ended) {
                (Some(line), _) => Ok(Ok(line)),
                (None, Some(status)) => Ok(Err(status)),
                (None, None) => Err(format!("no line with {text:?} in:\n{}", output.join("\n"))),
            };
            std::future::ready(answer)
        });
        match found.await {
            Ok(line) => line,
            Err(status) => panic!(
                "ended ({status}) without printing {text:?}:\n{}",
                self.output()
            ),
        }
    }

    /// Waits until it ends by itself.
    pub async fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        eventually(deadline, || {
            let output = self.output();
            std::future::ready(
                self.ended()
                    .ok_or(format!("still running; printed:\n{output}")),
            )
        })
        .await
    }

    /// Asks it to end, as a supervisor does (SIGTERM).
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name, as in "STOP" and "CONT".
    pub fn signal(&self, name: &str) {
        super::server::run(Command::new("kill").args(["-s", name, &self.pid().to_string()]));
    }

    /// Ends it at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.watchdog.tell("ended");
    }

    /// Whether it ended, by itself or killed.
    pub fn has_ended(&mut self) -> bool {
        self.ended().is_some()
    }

    /// How it ended, once its output has been read to the end.
    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().expect("it is our child")?;
        // The readers hold the other two references until the streams are closed.
        (Arc::strong_count(&self.output) == 1).then_some(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Builder {
    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The same, started by another program that takes these arguments before it. Environment and folder stay.
    pub fn under(self, program: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .env_clear()
            .current_dir(self.folder.path());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Self { command, ..self }
    }

    /// What it reads on its standard input; nothing by default.
    pub fn input(mut self, text: &str) -> Self {
        self.input = text.as_bytes().to_vec();
        self
    }

    /// The folder it will run in, for files that it should find.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Starts it.
    pub fn start(mut self) -> Process {
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program that cargo built starts");
        let pid = PathBuf::from(child.id().to_string());
        let watchdog = Watchdog::start(None, "", r#"[ "$told" = ended ] || kill -9 "$1""#, &[&pid]);
        let output = Arc::new(Mutex::new(Vec::new()));
        collect(child.stdout.take().expect("it is piped"), &output);
        collect(child.stderr.take().expect("it is piped"), &output);
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that does not read all of its input closes the pipe: not an error of ours.
        std::thread::spawn(move || stdin.write_all(&self.input));
        Process {
            child,
            output,
            watchdog,
            folder: self.folder,
        }
    }

    /// Starts it and waits until it ends; returns how, and everything it printed.
    pub async fn finish(self, deadline: Duration) -> (ExitStatus, String) {
        let mut process = self.start();
        let status = process.wait_exit(deadline).await;
        (status, process.output())
    }
}

fn collect(stream: impl Read + Send + 'static, output: &Arc<Mutex<Vec<String>>>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Some(Ok(line)) = lines.next() {
            let line = String::from_utf8_lossy(&line).into_owned();
            output.lock().expect("no reader panics").push(line);
        }
    });
}
