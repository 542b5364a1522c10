//! Folders and files that only their owner can read: who wrote to whom is nobody else's business.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Result};

/// How long one process waits for another that writes.
const WAIT: Duration = Duration::from_secs(5);

/// Makes the folder, and what is missing above it, for its owner alone. One that is there stays as its owner made it.
pub(crate) fn folder(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| Error::io(path, error))
}

/// As [`folder`], for one that is ours by its name: one that is there is closed too.
pub(crate) fn own_folder(path: &Path) -> Result<()> {
    folder(path)?;
    let mode = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(|error| Error::io(path, error))?;
    }
    Ok(())
}

/// Opens a small database beside the store, and makes it when there is none. What is committed survives a power failure.
pub(crate) fn database(store: &Path, name: &str, schema: &str, format: i64) -> Result<Connection> {
    folder(store)?;
    let path = store.join(name);
    make(store, &path)?;
    let mut connection = Connection::open(&path)?;
    connection.busy_timeout(WAIT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        0 => transaction.execute_batch(&format!("{schema} PRAGMA user_version = {format};"))?,
        found if found == format => {}
        _ => return Err(Error::Version { found, known: format }),
    }
    transaction.commit()?;
    Ok(connection)
}

/// Makes the file with nobody else's eyes on it. Made by root for a folder of another user, it becomes that user's.
pub(crate) fn make(folder: &Path, path: &Path) -> Result<()> {
    let failed = |error| Error::io(path, error);
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    let (of_file, of_folder) = (file.metadata().map_err(failed)?, std::fs::metadata(folder).map_err(|error| Error::io(folder, error))?);
    if of_file.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    }
    if of_file.uid() == 0 && of_folder.uid() != 0 {
        chown(path, Some(of_folder.uid()), Some(of_folder.gid())).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_reads_a_store() {
        let place = std::env::temp_dir().join(format!("mailvane-private-{}", std::process::id()));
        let data = place.join("data");
        // What an earlier version left open.
        std::fs::create_dir_all(data.join("segments")).expect("a folder");
        std::fs::set_permissions(data.join("segments"), Permissions::from_mode(0o755)).expect("set");
        std::fs::write(data.join("store.db"), "").expect("written");
        std::fs::set_permissions(data.join("store.db"), Permissions::from_mode(0o644)).expect("set");
        drop(crate::Disk::open(&data, crate::Options { sync: false, ..crate::Options::default() }).expect("a store"));
        drop(crate::alerts::Alerts::open(&data).expect("alerts"));
        drop(crate::Probes::open(&data).expect("probes"));
        let mode = |name: &str| std::fs::metadata(data.join(name)).expect("there").mode() & 0o777;
        for (name, expected) in [("segments", 0o700), ("store.db", 0o600), ("alerts.db", 0o600), ("probes.db", 0o600)] {
            assert_eq!(mode(name), expected, "{name}");
        }
        folder(&place.join("new/deep")).expect("made");
        assert_eq!(std::fs::metadata(place.join("new")).expect("there").mode() & 0o777, 0o700);
        std::fs::remove_dir_all(place).expect("removed");
    }
}
