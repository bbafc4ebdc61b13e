//! A child process, with what Linux tells about it: memory, the highest it ever was, and processor time.

use anyhow::{Context as _, ensure};
use std::{
    fs,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often the highest memory of a child is read. Linux keeps it, so only what grew in the last moments can be missed.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Ticks in a second of `/proc/<pid>/stat`, the same on every Linux.
const TICKS: f64 = 100.0;

/// What a program that ran to its end took.
#[derive(Clone, Debug)]
pub struct Took {
    /// From before it was started until it was gone, in seconds.
    pub wall: f64,
    /// Processor time of all its threads, in seconds.
    pub cpu: f64,
    /// Its highest resident memory, in MiB.
    pub memory: f64,
    /// What it printed on standard output.
    pub output: String,
}

/// Runs a program to its end, giving it `input`; fails when it fails.
pub fn run(mut command: Command, input: &str) -> anyhow::Result<Took> {
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let highest = Highest::watch(child.id());
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read its input closes the pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let stderr = child.stderr.take().context("it is piped")?;
    let said = thread::spawn(move || read(stderr));
    let output = read(child.stdout.take().context("it is piped")?);
    let (_, wall) = (said.join(), began.elapsed());
    // Its streams are closed, so it is gone or as good as: until it is waited for, its time stays readable.
    let cpu = processor_time(child.id());
    let memory = highest.end();
    let status = child.wait()?;
    ensure!(
        status.success(),
        "{command:?} ended with {status}:\n{output}"
    );
    Ok(Took {
        wall: wall.as_secs_f64(),
        cpu,
        memory,
        output,
    })
}

/// A program that goes on until it is dropped.
pub struct Running(Child);

impl Running {
    /// Starts it; its standard output is read up to the end of the first JSON document, and given back.
    pub fn start(mut command: Command) -> anyhow::Result<(Self, String)> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut running = Self(child);
        let mut stdout = running.0.stdout.take().context("it is piped")?;
        let (mut document, mut byte) = (String::new(), [0]);
        while !document.trim_end().ends_with('}') {
            ensure!(stdout.read(&mut byte)? > 0, "{command:?} ended at once");
            document.push(char::from(byte[0]));
        }
        Ok((running, document))
    }

    /// A size of `/proc/<pid>/status` or `/proc/<pid>/smaps_rollup`, in MiB.
    pub fn memory(&self, file: &str, field: &str) -> f64 {
        mebibytes(self.0.id(), file, field).unwrap_or(f64::NAN)
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        fs::read_dir(of(self.0.id(), "task")).map_or(0, Iterator::count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Watches the highest memory of a process, which Linux forgets when the process ends.
struct Highest {
    kibibytes: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Highest {
    fn watch(pid: u32) -> Self {
        let (kibibytes, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let thread = thread::spawn({
            let (kibibytes, stop) = (Arc::clone(&kibibytes), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    if let Some(now) = size(pid, "status", "VmHWM") {
                        kibibytes.fetch_max(now, Ordering::Relaxed);
                    }
                    thread::sleep(LOOK_EVERY);
                }
            }
        });
        Self {
            kibibytes,
            stop,
            thread,
        }
    }

    fn end(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
        self.kibibytes.load(Ordering::Relaxed) as f64 / 1024.0
    }
}

fn read(mut stream: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is shown all the same.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn of(pid: u32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

fn mebibytes(pid: u32, file: &str, field: &str) -> Option<f64> {
    Some(size(pid, file, field)? as f64 / 1024.0)
}

/// A line as in `VmHWM:    1234 kB`, in KiB.
fn size(pid: u32, file: &str, field: &str) -> Option<u64> {
    let text = fs::read_to_string(of(pid, file)).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time: the 14th and 15th field, counted behind the name, which may hold anything.
pub fn processor_time(pid: u32) -> f64 {
    ticks(pid, 11, 2) as f64 / TICKS
}

/// The time of a process and of all its children, those that ended included.
pub fn family_time(pid: u32) -> f64 {
    let children = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|child| ticks(*child, 1, 1) == u64::from(pid));
    let living: f64 = children.map(processor_time).sum();
    ticks(pid, 11, 4) as f64 / TICKS + living
}

/// The sum of some fields of `/proc/<pid>/stat`, counted from the one behind the name.
fn ticks(pid: u32, first: usize, count: usize) -> u64 {
    let text = fs::read_to_string(of(pid, "stat")).unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default();
    fields
        .split_whitespace()
        .skip(first)
        .take(count)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}
