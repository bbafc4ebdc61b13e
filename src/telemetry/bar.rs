//! Log lines and a progress bar on the same terminal: the bar makes room for a line, and is drawn again below it.

use indicatif::{ProgressBar, WeakProgressBar};
use std::{
    io::{self, Write, stderr},
    sync::{Mutex, PoisonError},
};

/// There is one terminal, and one bar at a time.
static BAR: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// From now on log lines stand above this bar, as long as it is there.
pub fn log_above(bar: &ProgressBar) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
}

/// Standard error, above the bar where there is one.
pub(super) struct Above;

impl Write for Above {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bar = BAR.lock().unwrap_or_else(PoisonError::into_inner);
        match bar.as_ref().and_then(WeakProgressBar::upgrade) {
            Some(bar) => bar.suspend(|| stderr().write(line)),
            None => stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}
