//! Files that only their owner can read.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use crate::error::{Error, Result};

/// Makes the file with nobody else's eyes on it. Made by root for a folder of another user, it becomes that user's.
pub(crate) fn make(folder: &Path, path: &Path) -> Result<()> {
    let failed = |error| Error::io(path, error);
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    let (of_file, of_folder) = (file.metadata().map_err(failed)?, std::fs::metadata(folder).map_err(|error| Error::io(folder, error))?);
    if of_file.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    if of_file.uid() == 0 && of_folder.uid() != 0 {
        chown(path, Some(of_folder.uid()), Some(of_folder.gid())).map_err(failed)?;
    }
    Ok(())
}
