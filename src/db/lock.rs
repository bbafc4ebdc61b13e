//! One process at a time opens, and migrates, an SQLite file: its migrator has no lock of its own, and while one process
//! switches a new file to write-ahead logging another one is told that the file is locked, without waiting.

use crate::base::{Error, Result};
use std::{fs::File, path::Path};

/// Waits for the lock beside the database; it is free again when the file is dropped, or its process dies.
pub(super) async fn take(database: &Path) -> Result<File> {
    let mut name = database.as_os_str().to_owned();
    name.push(".migrate.lock");
    let unusable = |cause: std::io::Error| {
        Error::unavailable(
            "DATABASE_UNREACHABLE",
            format!(
                "the migration lock beside {} cannot be taken: {cause}",
                database.display()
            ),
        )
    };
    tokio::task::spawn_blocking(move || {
        let file = File::create(name)?;
        file.lock()?;
        Ok(file)
    })
    .await
    .map_err(Error::internal)?
    .map_err(unusable)
}
