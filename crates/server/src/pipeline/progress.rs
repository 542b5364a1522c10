//! Progress of long reading, on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Inputs below this are read before anybody could read a progress line.
const SHOW_ABOVE_BYTES: u64 = 64 << 20;
/// Time between two drawings.
const STEP: Duration = Duration::from_millis(100);

/// A line on stderr that shows how far reading is.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    total: u64,
    begun: Instant,
    drawn: Instant,
    dirty: bool,
}

impl Progress {
    /// For `total` bytes on disk; silent when that is little, not known, or stderr is not a terminal.
    pub(crate) fn new(total: Option<u64>) -> Self {
        let now = Instant::now();
        let total = total.unwrap_or(0);
        Progress { shown: total >= SHOW_ABOVE_BYTES && std::io::stderr().is_terminal(), total, begun: now, drawn: now, dirty: false }
    }

    /// `done` bytes on disk are read, `lines` lines understood so far.
    pub(crate) fn show(&mut self, done: u64, lines: u64) {
        if !self.shown || self.drawn.elapsed() < STEP {
            return;
        }
        self.drawn = Instant::now();
        self.dirty = true;
        let share = 100 * done.min(self.total) / self.total.max(1);
        let rate = done as f64 / self.begun.elapsed().as_secs_f64() / 1e6;
        // Progress is a courtesy: when stderr cannot be written, the work goes on.
        let _ = write!(std::io::stderr(), "\r\x1b[Kreading: {share:3} %  {lines} lines  {rate:.0} MB/s");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.dirty {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
