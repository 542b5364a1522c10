//! A hint of the system that files changed, to wake a poll early. Never relied upon: network and overlay file systems may say nothing.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TrySendError, sync_channel};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};

use crate::pattern;

/// Folders watched at most.
pub const MAX_FOLDERS: usize = 256;

/// Waits for changes in the folders of some patterns.
pub struct Watch {
    /// Kept because dropping it ends the watching; `None` when the system gives no hints.
    watcher: Option<notify::RecommendedWatcher>,
    hints: Receiver<()>,
    folders: usize,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Watch").field("folders", &self.folders).finish_non_exhaustive()
    }
}

impl Watch {
    /// Watches the folders in which files of these patterns are. Where that is impossible, [`Watch::wait`] just waits.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        // One waiting hint is enough: whoever takes it looks at everything.
        let (sender, hints) = sync_channel(1);
        let tell = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                match sender.try_send(()) {
                    Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
                }
            }
        };
        let mut watch = Self { watcher: notify::recommended_watcher(tell).ok(), hints, folders: 0 };
        for folder in folders_of(patterns) {
            watch.add(&folder);
        }
        watch
    }

    fn add(&mut self, folder: &Path) {
        if let Some(watcher) = &mut self.watcher
            && self.folders < MAX_FOLDERS
            && watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
        {
            self.folders += 1;
        }
    }

    /// Waits until something changed, at most this long. Whether something did.
    pub fn wait(&self, longest: Duration) -> bool {
        match self.hints.recv_timeout(longest) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                // No hints at all: keep the pace of a poll.
                std::thread::sleep(longest);
                false
            }
        }
    }
}

/// The folders in which files of these patterns are, each once.
fn folders_of<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for pattern in patterns {
        let parent = Path::new(pattern).parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        folders.extend(pattern::expand(&parent.to_string_lossy()).unwrap_or_default());
    }
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_of_the_patterns() {
        let root = tempfile::tempdir().unwrap();
        for host in ["a", "b"] {
            std::fs::create_dir(root.path().join(host)).unwrap();
        }
        let every = format!("{}/*/mail.log*", root.path().display());
        let one = format!("{}/a/mail.info", root.path().display());
        let folders = folders_of([every.as_str(), one.as_str(), "mail.log"]);
        assert_eq!(folders, [root.path().join("a"), root.path().join("b"), PathBuf::from(".")]);
    }

    #[test]
    fn waiting_ends_without_a_hint() {
        let watch = Watch::new(["/no/such/folder/mail.log"]);
        assert!(!watch.wait(Duration::from_millis(1)));
    }
}
