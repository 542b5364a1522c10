//! A log as a busy host writes it, with partial lines, and rotated in every usual way.
#![allow(clippy::unwrap_used, dead_code)]

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use mailvane_model::Time;
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind, Options};

/// Numbers that look random and are the same in every run.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }
}

/// A host with some trouble, whose log goes faster than the clock.
///
/// The time of its lines is never before the clock on the wall, so that only the lines move the time of assembly: a run over the same
/// bytes at another moment must give the same rows.
pub(crate) fn host(seed: u64, start: Time, form: HeadForm) -> Host {
    let one = |minute: i64, kind| Incident {
        kind,
        start: start.plus(minute * Time::MINUTE),
        end: start.plus((minute + 20) * Time::MINUTE),
        percent: 80,
    };
    let incidents = vec![one(1, IncidentKind::Refusal { provider: "Google" }), one(3, IncidentKind::Throttle { provider: "Microsoft" })];
    Host::new(Options { seed, start, messages_per_day: 400_000, form, zone_minutes: 0, incidents, ..Options::default() })
}

/// Writes one log.
pub(crate) struct Writer {
    host: Host,
    path: PathBuf,
    live: File,
    dice: Dice,
    /// Every byte that was written, in order.
    pub(crate) whole: Vec<u8>,
    turn: usize,
    /// Rotations so far.
    pub(crate) rotations: usize,
}

impl Writer {
    /// A new log.
    pub(crate) fn new(host: Host, path: &Path, seed: u64) -> Self {
        Writer { host, path: path.to_path_buf(), live: append_to(path), dice: Dice(seed), whole: Vec::new(), turn: 0, rotations: 0 }
    }

    /// Writes some lines, in pieces that now and then end inside a line.
    pub(crate) fn write(&mut self, lines: usize) {
        let mut text = Vec::new();
        for _ in 0..lines {
            self.host.next_line(&mut text).unwrap();
        }
        self.whole.extend_from_slice(&text);
        let cut = self.dice.below(text.len() as u64 + 1) as usize;
        self.live.write_all(&text[..cut]).unwrap();
        if self.dice.below(4) == 0 {
            std::thread::sleep(std::time::Duration::from_millis(self.dice.below(30)));
        }
        self.live.write_all(&text[cut..]).unwrap();
    }

    /// The next step of rotation: rename, compress what was renamed, copy and truncate, compress what was copied.
    pub(crate) fn rotate(&mut self) {
        match self.turn % 4 {
            0 => {
                self.make_room();
                std::fs::rename(&self.path, self.numbered(1)).unwrap();
                self.live = append_to(&self.path);
                self.rotations += 1;
            }
            2 => {
                self.make_room();
                std::fs::copy(&self.path, self.numbered(1)).unwrap();
                // Nothing is written between the copy and the truncation: such lines the method itself would lose.
                self.live.set_len(0).unwrap();
                self.rotations += 1;
            }
            _ => compress(&self.numbered(1)),
        }
        self.turn += 1;
    }

    fn numbered(&self, number: usize) -> PathBuf {
        PathBuf::from(format!("{}.{number}", self.path.display()))
    }

    /// Moves `log.1` to `log.2` and so on.
    fn make_room(&mut self) {
        for number in (1..=self.rotations).rev() {
            for ending in ["", ".gz"] {
                let name = |number| PathBuf::from(format!("{}{ending}", self.numbered(number).display()));
                if name(number).exists() {
                    std::fs::rename(name(number), name(number + 1)).unwrap();
                }
            }
        }
    }
}

fn append_to(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// What `gzip` does: the packed file grows beside the plain one, which then goes.
pub(crate) fn compress(path: &Path) {
    let text = std::fs::read(path).unwrap();
    let packed = File::create(format!("{}.gz", path.display())).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
    for piece in text.chunks(64 << 10) {
        encoder.write_all(piece).unwrap();
    }
    encoder.finish().unwrap();
    std::fs::remove_file(path).unwrap();
}
