//! Sources that cannot be read again: syslog sockets, the journal's reader, standard input. All write to a [`Spool`], and nothing is acknowledged (no
//! further byte is asked for) before it is on disk; from there it is followed like any log.
//!
//! * [`spool`]: the files; [`framing`]: messages in a stream; [`listen`]: sockets; [`tls`]: their certificate; [`journal`]: `journalctl`; [`feed_from`]: any reader.

pub mod framing;
pub mod journal;
pub mod listen;
mod local;
pub mod spool;
pub mod tls;

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;
use framing::Frames;
pub use spool::{Committed, SPOOL_BYTES, Spool};

/// How often a source that waits looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After a spool could not be written it is tried again.
const RETRY: Duration = Duration::from_millis(500);
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Notices that wait to be taken.
const NOTICES_MAX: usize = 1_000;
/// Drops within this time (microseconds) are one notice.
const ONE_NOTICE: i64 = 10_000_000;

/// Something of a source was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The source, in words.
    pub source: String,
    /// Between this moment, in microseconds since the epoch,
    pub since: i64,
    /// and this one.
    pub until: i64,
    /// Messages, as far as known.
    pub messages: Option<u64>,
    /// What happened.
    pub reason: String,
}

impl std::fmt::Display for Loss {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.messages {
            Some(count) => write!(formatter, "{}: {count} messages were lost: {}", self.source, self.reason),
            None => write!(formatter, "{}: messages were lost: {}", self.source, self.reason),
        }
    }
}

/// One source: its spool, and what is to be told of it.
#[derive(Debug)]
pub struct Intake {
    /// The source, in words: `udp://127.0.0.1:5514`.
    pub source: String,
    spool: Mutex<Spool>,
    committed: Arc<Committed>,
    stop: Arc<AtomicBool>,
    losses: Mutex<VecDeque<Loss>>,
    complaint: Mutex<Option<String>>,
    /// Messages dropped since the start.
    dropped: AtomicU64,
    /// Messages that were cut since the start.
    cut: AtomicU64,
}

impl Intake {
    /// Opens the spool of a source in `folder`. `stop` ends whatever feeds it.
    pub fn open(
        source: &str,
        folder: &Path,
        name: &str,
        limit: u64,
        committed: Arc<Committed>,
        stop: Arc<AtomicBool>,
    ) -> Result<Arc<Self>, Error> {
        let spool = Mutex::new(Spool::open(folder, name, limit)?);
        let (losses, dropped, cut) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Arc::new(Intake { source: source.to_owned(), spool, committed, stop, losses, complaint: Mutex::default(), dropped, cut }))
    }

    /// What was lost since the last call.
    pub fn take_losses(&self) -> Vec<Loss> {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        // A loss that may still grow is told when it is over.
        let over = losses.iter().take_while(|loss| loss.until + ONE_NOTICE / 10 < now() || self.is_stopping()).count();
        losses.drain(..over).collect()
    }

    /// Messages dropped, and messages cut, since the start.
    pub fn counts(&self) -> (u64, u64) {
        (self.dropped.load(Ordering::Relaxed), self.cut.load(Ordering::Relaxed))
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Why a source gives nothing at the moment, in words for people; it is tried again.
    pub fn take_complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn complain(&self, error: &Error) {
        *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    fn lose(&self, loss: Loss) {
        self.dropped.fetch_add(loss.messages.unwrap_or(0), Ordering::Relaxed);
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = losses.back_mut()
            && last.reason == loss.reason
            && loss.since - last.until <= ONE_NOTICE
        {
            last.until = loss.until;
            last.messages = last.messages.zip(loss.messages).map(|(former, more)| former + more);
        } else if losses.len() < NOTICES_MAX {
            losses.push_back(loss);
        }
    }

    fn append(&self, lines: &[u8]) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        self.spool.lock().unwrap_or_else(PoisonError::into_inner).append(lines, &self.committed)
    }

    /// Takes lines of a source that waits: on return they are on disk. `false` when everything stops, and they are not.
    fn keep(&self, lines: &[u8]) -> bool {
        let mut is_told = false;
        while let Err(error) = self.append(lines) {
            if !is_told {
                self.complain(&error);
                is_told = true;
            }
            if self.is_stopping() {
                return false;
            }
            std::thread::sleep(RETRY);
        }
        true
    }

    /// Takes lines of a source that does not wait: what finds no room is counted as lost.
    fn keep_or_drop(&self, lines: &[u8]) {
        if let Err(error) = self.append(lines) {
            let (moment, messages) = (now(), memchr::memchr_iter(b'\n', lines).count() as u64);
            let (source, reason) = (self.source.clone(), error.to_string());
            self.lose(Loss { source, since: moment, until: moment, messages: Some(messages), reason });
        }
    }

    fn last_line(&self) -> Result<Option<Vec<u8>>, Error> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner).last_line()
    }

    /// Reads lines until the end of `reader`, or until everything stops. Whether the end was reached.
    pub fn feed_from(&self, reader: impl Read) -> std::io::Result<bool> {
        self.feed(reader, Frames::default())
    }

    fn feed(&self, mut reader: impl Read, mut frames: Frames) -> std::io::Result<bool> {
        let (mut bytes, mut lines) = (vec![0; READ_BYTES], Vec::new());
        loop {
            if self.is_stopping() {
                return Ok(false);
            }
            match reader.read(&mut bytes) {
                Ok(0) => {
                    frames.finish(&mut lines);
                    return Ok(self.keep(&lines));
                }
                Ok(count) => frames.push(&bytes[..count], &mut lines),
                // A socket that had nothing to say for a while.
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => continue,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.cut.fetch_add(std::mem::take(&mut frames.cut), Ordering::Relaxed);
            if !self.keep(&lines) {
                return Ok(false);
            }
            lines.clear();
        }
    }
}

/// Microseconds since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An intake in a folder of its own.
    pub(crate) fn intake(folder: &Path, limit: u64) -> Arc<Intake> {
        Intake::open("test", folder, "s", limit, Arc::default(), Arc::default()).unwrap()
    }

    pub(crate) fn spooled(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("s.log")).unwrap()
    }

    #[test]
    fn a_reader_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let source = intake(folder.path(), SPOOL_BYTES);
        assert!(source.feed_from(&b"one\ntwo\nthree"[..]).unwrap());
        assert_eq!(spooled(folder.path()), "one\ntwo\nthree\n");
    }

    #[test]
    fn what_a_full_spool_drops_is_counted_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let source = intake(folder.path(), 100);
        for _ in 0..5 {
            source.keep_or_drop(&[&[b'x'; 59][..], b"\n"].concat());
        }
        assert_eq!(source.counts().0, 4);
        source.stop.store(true, Ordering::Relaxed);
        let losses = source.take_losses();
        assert_eq!((losses.len(), losses[0].messages), (1, Some(4)));
        assert!(losses[0].to_string().contains("4 messages were lost"), "{}", losses[0]);
        assert!(!source.keep(b"more than there is room for, and nobody makes any: told to stop\n"));
    }
}
