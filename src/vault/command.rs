//! Keys that a program prints, for those who keep them in a KMS.

use crate::{
    base::{Error, Result},
    vault::{Key, file},
};
use std::{
    io::{self, Read as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// How long it may take.
const TIME: Duration = Duration::from_secs(10);
/// How often it is looked whether it ended.
const LOOK: Duration = Duration::from_millis(10);
/// Largest output that is read, in bytes: as large as a key file.
const LARGEST: u64 = 10_000;

/// A program and its arguments. No shell reads them.
#[derive(Clone, Debug)]
pub struct KeyCommand(Vec<String>);

impl KeyCommand {
    /// Names the program; nothing is run.
    pub fn new(words: Vec<String>) -> Self {
        Self(words)
    }

    /// Runs it and reads its keys, the newest first, separated by commas or lines. Blocks for as long as that takes, at most 10
    /// seconds. `KEY_COMMAND_FAILED` says how it failed, never what it printed.
    pub(super) fn ask(&self) -> Result<Vec<Key>> {
        let failed = |how: String| {
            Error::precondition(
                "KEY_COMMAND_FAILED",
                format!("the program {} (key_command) {how}", self.program()),
            )
        };
        let mut child = Command::new(self.program())
            .args(&self.0[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // What it says there could be a key as well.
            .stderr(Stdio::null())
            .spawn()
            .map_err(|cause| failed(format!("cannot be started: {cause}")))?;
        let text = output(&mut child);
        let until = Instant::now() + TIME;
        let status = match ended(&mut child, until) {
            Some(status) => status,
            None => {
                // It may end at this very moment; either way it is gone then.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("took longer than {TIME:?}")));
            }
        };
        if !status.success() {
            return Err(failed(format!("failed ({status})")));
        }
        // A child of its own may hold the pipe open for longer.
        let left = until.saturating_duration_since(Instant::now()).max(LOOK);
        let text = text
            .recv_timeout(left)
            .map_err(|_| failed(format!("did not end its output within {TIME:?}")))?;
        let text = text.ok_or_else(|| failed("printed what is no text, or too much".to_owned()))?;
        let parts = file::key_lines(&text).flat_map(|line| line.split(','));
        let keys = parts.filter(|part| !part.trim().is_empty()).enumerate();
        let keys: Result<Vec<_>> = keys
            .map(|(index, part)| {
                let from = format!(
                    "number {} of what {} (key_command) prints",
                    index + 1,
                    self.program()
                );
                Key::parse(part, &from)
            })
            .collect();
        let keys = keys?;
        match keys.is_empty() {
            true => Err(failed("printed no key".to_owned())),
            false => Ok(keys),
        }
    }

    pub(super) fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// Everything that it prints, once that ended; `None` for too much, or no text.
fn output(child: &mut Child) -> mpsc::Receiver<Option<Zeroizing<String>>> {
    let (tell, told) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        thread::spawn(move || {
            // Room for all of it, so that no part is left behind where it grew.
            let mut text = Zeroizing::new(String::with_capacity(LARGEST as usize + 1));
            let mut pipe = pipe;
            let read = pipe.by_ref().take(LARGEST + 1).read_to_string(&mut text);
            let fits = read.is_ok_and(|length| length as u64 <= LARGEST);
            // The rest is let through, so that the program ends as it would.
            let _ = io::copy(&mut pipe, &mut io::sink());
            // Nobody waits for it any more where it came too late.
            let _ = tell.send(fits.then_some(text));
        });
    }
    told
}

fn ended(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(LOOK),
            _ => return None,
        }
    }
}
