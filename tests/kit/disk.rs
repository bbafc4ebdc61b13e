//! A disk that is small enough to be filled.

use super::{server::Watchdog, temp_dir};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

/// Who mounts: nobody but root may.
const NEEDED: &str = "a small disk has to be mounted, and only root may: run the tests as root, or let `sudo -n` work";

/// A file system in memory, of a fixed size, on a folder of its own. Gone on drop, and when the test process ends in any
/// way.
pub struct SmallDisk {
    folder: PathBuf,
    _watchdog: Watchdog,
}

impl SmallDisk {
    /// An empty disk of so many MiB that everybody may write to.
    pub fn of_mib(size: usize) -> Self {
        let folder = temp_dir().keep();
        let watchdog = Watchdog::start(
            None,
            "",
            r#"for as in "" "sudo -n"; do $as umount -l "$1" && break; done; rmdir "$1""#,
            &[&folder],
        );
        let options = format!("size={size}m,mode=0777");
        let mount = ["mount", "-t", "tmpfs", "-o", &options, "tmpfs"];
        let mounted = [&mount[..], &[&["sudo", "-n"], &mount[..]].concat()]
            .iter()
            .any(|command| {
                let status = Command::new(command[0])
                    .args(&command[1..])
                    .arg(&folder)
                    .status();
                status.is_ok_and(|status| status.success())
            });
        assert!(mounted, "{NEEDED}");
        Self {
            folder,
            _watchdog: watchdog,
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a name is always free");
        // Ever smaller pieces, until not one page is left.
        for size in [1 << 20, 4096] {
            let piece = vec![0; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the disk cannot be filled: {error}"),
                }
            }
        }
    }

    /// Gives it back.
    pub fn empty(&self) {
        fs::remove_file(self.ballast()).expect("the disk was filled");
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}
