//! One process owns a store: a lock on a file, with the process id in it for whoever finds it locked.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A process that was just killed may have begun a child, which has the lock until it is another program.
const PATIENCE: Duration = Duration::from_millis(500);

/// The lock of a folder, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `folder`, or says who has it.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(|error| Error::io(&path, error))?;
        let begun = Instant::now();
        let mut tried = file.try_lock();
        while matches!(tried, Err(TryLockError::WouldBlock)) && begun.elapsed() < PATIENCE {
            std::thread::sleep(PATIENCE / 20);
            tried = file.try_lock();
        }
        match tried {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Whoever holds it may not have written its number yet.
                let _ = file.read_to_string(&mut pid);
                let pid = pid.trim();
                let pid = if pid.is_empty() { "?".to_owned() } else { pid.to_owned() };
                return Err(Error::Locked { path: folder.to_path_buf(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, error)),
        }
        let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| Error::io(&path, error))?;
        Ok(Lock { _file: file })
    }
}
