//! Third pass: the raw lines at known places.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use mailvane_model::{FileId, Position, Sink};

use crate::pipeline::files::{Seen, Watcher};

/// Lines by their place.
pub(super) struct Lines {
    wanted: BTreeMap<Position, Option<String>>,
    files: HashMap<FileId, PathBuf>,
}

impl Lines {
    pub(super) fn new(positions: impl Iterator<Item = Position>) -> Self {
        Lines { wanted: positions.map(|position| (position, None)).collect(), files: HashMap::new() }
    }

    /// Lines that were read already.
    #[cfg(feature = "daemon")]
    pub(super) fn known(lines: HashMap<Position, String>, files: HashMap<FileId, PathBuf>) -> Self {
        Lines { wanted: lines.into_iter().map(|(position, line)| (position, Some(line))).collect(), files }
    }

    /// The lines at some places, in order of file and offset, each once.
    pub(super) fn of(&self, positions: impl Iterator<Item = Position>) -> Vec<&str> {
        let mut places: Vec<Position> = positions.collect();
        places.sort_unstable();
        places.dedup();
        places.iter().filter_map(|place| self.wanted.get(place)?.as_deref()).collect()
    }

    /// The file that an id stands for.
    pub(super) fn file(&self, id: FileId) -> Option<&Path> {
        self.files.get(&id).map(PathBuf::as_path)
    }
}

impl Sink for Lines {}

impl Watcher for Lines {
    fn source(&mut self, name: &Path, file: FileId) {
        self.files.insert(file, name.to_path_buf());
    }

    fn line(&mut self, seen: &Seen<'_>) {
        if let Some(slot) = self.wanted.get_mut(&seen.position) {
            *slot = Some(String::from_utf8_lossy(seen.line).into_owned());
        }
    }
}
