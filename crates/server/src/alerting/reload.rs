//! Rules of a folder, taken up again when a file of it changes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a folder of rules looked like.
pub(crate) struct Reload {
    folder: PathBuf,
    seen: Vec<(PathBuf, Option<SystemTime>, u64)>,
    looked: Instant,
}

impl Reload {
    /// As the folder is now.
    pub(crate) fn new(folder: &Path) -> Self {
        Reload { folder: folder.to_path_buf(), seen: look(folder), looked: Instant::now() }
    }

    /// The folder, when something in it has changed since the last look.
    pub(crate) fn changed(&mut self) -> Option<&Path> {
        if self.looked.elapsed() < LOOK_EVERY {
            return None;
        }
        self.looked = Instant::now();
        let found = look(&self.folder);
        let is_new = found != self.seen;
        self.seen = found;
        is_new.then_some(self.folder.as_path())
    }
}

/// Names, times and sizes of the rule files; none where the folder cannot be read, which the reading itself will say.
fn look(folder: &Path) -> Vec<(PathBuf, Option<SystemTime>, u64)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let rules = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let mut found: Vec<_> = rules
        .map(|path| {
            let about = path.metadata().ok();
            let (time, size) = (about.as_ref().and_then(|about| about.modified().ok()), about.map_or(0, |about| about.len()));
            (path, time, size)
        })
        .collect();
    found.sort();
    found
}
