//! A writing host, a reader that dies, and what must come out.

mod cases;

use super::*;
use crate::history::HeadLine;
use std::fs;
use std::io::Write;
use std::time::{Duration, SystemTime};

const START: i64 = 1_793_600_000 * SECOND;

/// A small generator of chance, the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mailvane_model::hash::words(&[self.0]) % limit
    }
    fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }
}

fn time_of(head: HeadLine<'_>) -> Option<i64> {
    std::str::from_utf8(head.line).ok()?.strip_prefix('t')?.split(' ').next()?.parse().ok()
}

fn pack(form: u64, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    match form % 4 {
        0 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            ("gz", encoder.finish().unwrap())
        }
        1 => ("zst", zstd::encode_all(bytes, 1).unwrap()),
        2 => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(bytes).unwrap();
            ("xz", encoder.finish().unwrap())
        }
        _ => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            ("bz2", encoder.finish().unwrap())
        }
    }
}

/// The writing side: a log and everything that logrotate may do to it.
struct Host {
    folder: tempfile::TempDir,
    now: i64,
    /// Every line that was written, without its newline.
    lines: Vec<String>,
    /// The line that was begun but has no newline yet.
    begun: Option<String>,
    header: bool,
}

impl Host {
    fn new(header: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("old")).unwrap();
        let mut host = Self { folder, now: START, lines: Vec::new(), begun: None, header };
        host.create();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tailer(&self, known: Vec<FileState>) -> Tailer {
        let spec = |pattern: &str| Spec {
            pattern: self.path(pattern).to_string_lossy().into_owned(),
            origin: "origin".to_owned(),
            history: 7 * 86_400 * SECOND,
        };
        let mut tailer = Tailer::new(vec![spec("mail.log*"), spec("old/mail.log*")], known, Box::new(time_of));
        tailer.set_scan_interval(0);
        tailer
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        self.touch(name);
    }

    /// Files are written at the time of the test, not of the machine.
    fn touch(&self, name: &str) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(self.now as u64);
        fs::File::options().write(true).open(self.path(name)).unwrap().set_modified(time).unwrap();
    }

    fn append(&self, text: &str) {
        let mut file = fs::File::options().append(true).create(true).open(self.path("mail.log")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        self.touch("mail.log");
    }

    fn create(&mut self) {
        if !self.header {
            return self.append("");
        }
        // All files of such a log begin with the same line; they are told apart by what follows.
        let first = self.lines.len();
        self.lines.push("# log opened".to_owned());
        self.lines.extend((1..6).map(|n| format!("t{} {}", first + n, "y".repeat(60))));
        self.append(&(self.lines[first..].join("\n") + "\n"));
    }

    fn write(&mut self, count: u64, chance: &mut Chance) {
        for _ in 0..count {
            self.end_line();
            let line = format!("t{} {}", self.lines.len(), "x".repeat(chance.below(120) as usize));
            self.append(&format!("{line}\n"));
            self.lines.push(line);
        }
    }

    fn begin_line(&mut self) {
        // A file that holds nothing but a begun line has no identity yet, and its order is not certain.
        if self.begun.is_none() && fs::metadata(self.path("mail.log")).unwrap().len() > 0 {
            let line = format!("t{} begun", self.lines.len());
            self.append(&line);
            self.begun = Some(line);
        }
    }

    fn end_line(&mut self) {
        if let Some(line) = self.begun.take() {
            self.append("\n");
            self.lines.push(line);
        }
    }

    /// Numbers of the rotated files that are there, newest first.
    fn rotated(&self) -> Vec<(u64, PathBuf)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let number = name.strip_prefix("mail.log.").and_then(|rest| rest.split('.').next()?.parse().ok());
            if let Some(number) = number {
                found.push((number, path));
            }
        }
        found.sort();
        found
    }

    fn shift(&self) {
        for (number, path) in self.rotated().into_iter().rev() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let rest = name.strip_prefix(&format!("mail.log.{number}")).unwrap().to_owned();
            fs::rename(&path, self.path(&format!("mail.log.{}{rest}", number + 1))).unwrap();
        }
    }

    /// A line begun in a file that is rotated away stays without a newline, and counts.
    fn rotate_by_rename(&mut self, name: &str) {
        if let Some(line) = self.begun.take() {
            self.lines.push(line);
        }
        fs::rename(self.path("mail.log"), self.path(name)).unwrap();
    }

    fn rotate_by_copy(&mut self) {
        if let Some(line) = self.begun.take() {
            self.lines.push(line);
        }
        let bytes = fs::read(self.path("mail.log")).unwrap();
        self.put("mail.log.1", &bytes);
        fs::File::options().write(true).open(self.path("mail.log")).unwrap().set_len(0).unwrap();
    }
}

/// The reading side: what is committed survives, everything else dies with the tailer.
struct Keeper {
    tailer: Tailer,
    known: HashMap<FileId, FileState>,
    lines: Vec<String>,
    pending: Vec<String>,
    gaps: usize,
    notices: Vec<Notice>,
    caught_up: bool,
}

impl Keeper {
    fn new(host: &Host) -> Self {
        let tailer = host.tailer(Vec::new());
        Self { tailer, known: HashMap::new(), lines: Vec::new(), pending: Vec::new(), gaps: 0, notices: Vec::new(), caught_up: false }
    }

    fn poll(&mut self, now: i64, budget: usize) -> bool {
        let poll = self.tailer.poll(budget, now);
        for read in &poll.blocks {
            let text = String::from_utf8(read.block.bytes().to_vec()).unwrap();
            self.pending.extend(text.lines().map(str::to_owned));
        }
        self.gaps += poll.notices.iter().filter(|notice| matches!(notice, Notice::Gap { to: Some(_), .. })).count();
        self.notices.extend(poll.notices);
        self.caught_up = poll.caught_up;
        poll.must_commit
    }

    fn commit(&mut self) {
        let states = self.tailer.states();
        for state in &states {
            self.known.insert(state.file, FileState::decode(&state.encode()).unwrap());
        }
        self.lines.append(&mut self.pending);
        self.tailer.committed(&states);
    }

    fn kill(&mut self, host: &Host) {
        self.pending.clear();
        self.tailer = host.tailer(self.known.values().cloned().collect());
    }

    /// Reads everything that is there, committing when asked to.
    fn drain(&mut self, host: &mut Host) {
        for _ in 0..200 {
            host.now += SECOND;
            if self.poll(host.now, 1 << 20) {
                self.commit();
            } else if self.caught_up {
                break;
            }
        }
        self.commit();
    }
}

fn run(seed: u64, steps: u64, header: bool) {
    let mut chance = Chance(seed);
    let mut host = Host::new(header);
    let mut keeper = Keeper::new(&host);
    let mut half_packed: Option<(PathBuf, PathBuf, Vec<u8>)> = None;
    let mut story = Vec::new();
    for _ in 0..steps {
        host.now += chance.below(3 * SECOND as u64) as i64;
        let step = chance.below(16);
        story.push(step);
        match step {
            0..=4 => {
                let count = chance.below(30);
                host.write(count, &mut chance);
            }
            5 => host.begin_line(),
            6 => {
                host.shift();
                host.rotate_by_rename("mail.log.1");
                if chance.one_in(2) {
                    keeper.poll(host.now, 1 << 16);
                }
                host.create();
            }
            7 => {
                host.shift();
                host.rotate_by_copy();
                if header {
                    host.create();
                }
            }
            8 => {
                // Compression in two steps, so that the reader sees a half archive beside the original.
                if half_packed.is_none()
                    && let Some((_, path)) =
                        host.rotated().into_iter().find(|(_, path)| path.extension().is_some_and(|end| end != "gz" && end.len() < 2))
                {
                    let (ending, bytes) = pack(chance.below(4), &fs::read(&path).unwrap());
                    let modified = fs::metadata(&path).unwrap().modified().unwrap();
                    let target = PathBuf::from(format!("{}.{ending}", path.display()));
                    fs::write(&target, &bytes[..chance.below(bytes.len() as u64) as usize]).unwrap();
                    host.touch(&target.file_name().unwrap().to_string_lossy());
                    if chance.one_in(2) {
                        keeper.poll(host.now, 1 << 16);
                    }
                    half_packed = Some((path, target.clone(), bytes));
                    let (path, target, bytes) = half_packed.take().unwrap();
                    fs::write(&target, &bytes).unwrap();
                    if chance.one_in(2) {
                        keeper.poll(host.now, 1 << 16);
                    }
                    fs::File::options().write(true).open(&target).unwrap().set_modified(modified).unwrap();
                    fs::remove_file(path).unwrap();
                }
            }
            9 => {
                // What was rotated long ago moves to another folder. (A file that was never seen would be another log there.)
                keeper.drain(&mut host);
                if let Some((number, path)) = host.rotated().pop().filter(|(number, _)| *number > 3) {
                    let ending = path.file_name().unwrap().to_string_lossy().into_owned();
                    let ending = ending.strip_prefix(&format!("mail.log.{number}")).unwrap().to_owned();
                    fs::rename(path, host.path(&format!("old/mail.log.{}{ending}", host.lines.len() as u64 + number))).unwrap();
                }
            }
            10 => {
                // Deletion loses what was not read: it happens here only when nothing is unread.
                host.end_line();
                keeper.drain(&mut host);
                fs::remove_file(host.path("mail.log")).unwrap();
                keeper.poll(host.now, 1 << 16);
                host.create();
            }
            11 => host.now += 70 * SECOND,
            12 => keeper.commit(),
            13 => keeper.kill(&host),
            _ => {
                let budget = 1 << (8 + chance.below(10));
                if keeper.poll(host.now, budget) && !chance.one_in(3) {
                    keeper.commit();
                }
            }
        }
    }
    host.end_line();
    host.write(1, &mut chance);
    host.now += 70 * SECOND;
    keeper.drain(&mut host);
    if header {
        // An archive with a first line that others have too is read through before it is known, and may come late: order is not promised.
        keeper.lines.sort();
        host.lines.sort();
    }
    let wrong = keeper.lines.iter().zip(&host.lines).position(|(left, right)| left != right);
    let near = |lines: &[String]| wrong.map(|at| lines[at.saturating_sub(2)..(at + 3).min(lines.len())].to_vec());
    assert!(
        keeper.lines == host.lines,
        "seed {seed} header {header}: read {} of {} lines, first difference at {wrong:?}: {:?} instead of {:?}; steps {story:?}; notices {:?}",
        keeper.lines.len(),
        host.lines.len(),
        near(&keeper.lines),
        near(&host.lines),
        keeper.notices,
    );
    assert_eq!(keeper.gaps, 0, "seed {seed}: {:?}", keeper.notices);
}

#[test]
fn no_line_is_lost_or_doubled_whatever_is_rotated_and_whenever_the_reader_dies() {
    let rounds = std::env::var("MAILVANE_TAIL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    for seed in 0..rounds {
        run(seed, 60, false);
        run(seed, 60, true);
    }
}
