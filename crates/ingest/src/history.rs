//! The files of a command line as logical logs: rotations joined in order of time, copies of the same content left out, so that each
//! log is read once, from its first line to its last, without gap or overlap.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mailvane_model::FileId;

use crate::blocks::{Block, BlockReader, LastLine};
use crate::error::Error;
use crate::identity::FileState;
use crate::names::{LogName, Rank};
use crate::open::{Compression, Input};
use crate::pattern;

/// Lines at the start of a file that are asked for their time.
const TIME_LINES: usize = 50;

/// A line near the start of a file, to find out when the file begins.
#[derive(Clone, Copy, Debug)]
pub struct HeadLine<'a> {
    /// The file.
    pub path: &'a Path,
    /// The line without its newline.
    pub line: &'a [u8],
    /// When the file was last written, in microseconds since the epoch (for heads without a year); 0 when unknown.
    pub modified: i64,
}

/// Answers the time of a line in microseconds since the epoch, or `None` if it has none.
pub type LineTime<'a> = dyn FnMut(HeadLine<'_>) -> Option<i64> + 'a;

/// One file of a logical log.
#[derive(Debug)]
pub struct Part {
    /// Where it is; `-` for standard input.
    pub path: PathBuf,
    /// Its identity, by its first line.
    pub file: FileId,
    /// The form on disk.
    pub compression: Compression,
    /// Bytes on disk; `None` for a pipe.
    pub on_disk_bytes: Option<u64>,
    /// When it was last written, in microseconds since the epoch; 0 when unknown.
    pub modified: i64,
    /// The time of its first line that has one.
    pub first_time: Option<i64>,
    name: LogName,
    first_line: Vec<u8>,
    /// Kept open only when it cannot be opened twice (a pipe).
    opened: Option<Input>,
}

impl Part {
    /// Opens it for reading from its start. A pipe can be opened once.
    pub fn open(&mut self) -> Result<Input, Error> {
        self.opened.take().map_or_else(|| Input::open(&self.path), Ok)
    }

    /// What is remembered of it once `reader` has read it to its end: a file that turns up anywhere later is known by this.
    pub fn state(&self, origin: &str, log: &Path, reader: &BlockReader<Input>, lines: u64, now: i64) -> FileState {
        let mut state = FileState {
            file: self.file,
            base: self.file,
            origin: origin.to_owned(),
            log: log.to_path_buf(),
            path: self.path.clone(),
            lines,
            first_time: self.first_time,
            complete: true,
            last_seen: now,
            last_read: now,
            ..FileState::default()
        };
        state.follow(reader.trail());
        state
    }

    /// Opens it as blocks of whole lines.
    pub fn blocks(&mut self) -> Result<BlockReader<Input>, Error> {
        Ok(BlockReader::new(self.open()?, &self.path))
    }
}

/// A log with its rotations, oldest first.
#[derive(Debug)]
pub struct LogicalLog {
    /// Folder and name without rotation: what to call it.
    pub name: PathBuf,
    /// Its files in the order in which they were written.
    pub parts: Vec<Part>,
}

impl LogicalLog {
    /// From the first line's time to the last modification, in microseconds; `None` when a time is unknown.
    pub fn span(&self) -> Option<(i64, i64)> {
        let first = self.parts.first()?.first_time?;
        let last = self.parts.iter().map(|part| part.modified).max()?;
        (last > 0).then_some((first, last.max(first)))
    }

    /// Bytes on disk of all parts, pipes left out.
    pub fn on_disk_bytes(&self) -> u64 {
        self.parts.iter().filter_map(|part| part.on_disk_bytes).sum()
    }
}

/// A file left out because another one holds all its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The file left out.
    pub path: PathBuf,
    /// The file that is read instead.
    pub of: PathBuf,
}

/// What a command line of files comes to.
#[derive(Debug, Default)]
pub struct History {
    /// The logs, ordered by their first time.
    pub logs: Vec<LogicalLog>,
    /// Files left out as copies.
    pub copies: Vec<Copied>,
    /// Files that cannot be read, and empty ones ([`Error::Empty`]). The others are read all the same.
    pub problems: Vec<Error>,
}

impl History {
    /// Whether two logs cover the same time, so that they may hold the same lines (`feed`). Unknown times count as the same.
    pub fn may_overlap(&self) -> bool {
        let spans: Vec<_> = self.logs.iter().map(LogicalLog::span).collect();
        let apart = |left: &Option<(i64, i64)>, right: &Option<(i64, i64)>| match (left, right) {
            (Some(left), Some(right)) => left.1 < right.0 || right.1 < left.0,
            _ => false,
        };
        spans.iter().enumerate().any(|(index, left)| spans[index + 1..].iter().any(|right| !apart(left, right)))
    }
}

/// Finds, groups and orders files. `names` are paths, patterns or `-`; `origin` is part of every file's identity.
pub fn arrange(names: &[String], origin: &str, line_time: &mut LineTime<'_>) -> History {
    let mut history = History::default();
    let mut parts = Vec::new();
    let mut inodes: HashMap<(u64, u64), PathBuf> = HashMap::new();
    for path in expand_all(names, &mut history.problems) {
        if let Some(inode) = inode_of(&path) {
            if let Some(of) = inodes.get(&inode) {
                history.copies.push(Copied { path, of: of.clone() });
                continue;
            }
            inodes.insert(inode, path.clone());
        }
        match examine(&path, line_time) {
            Ok(Some(part)) => parts.push(part),
            Ok(None) => history.problems.push(Error::Empty { path }),
            Err(error) => history.problems.push(error),
        }
    }
    let parts = leave_out_copies(parts, &mut history.copies);
    history.logs = group(parts, origin);
    history
}

fn expand_all(names: &[String], problems: &mut Vec<Error>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for name in names {
        match pattern::expand(name) {
            Ok(found) if found.is_empty() => problems.push(Error::NothingFits { pattern: name.clone() }),
            Ok(found) => paths.extend(found),
            Err(error) => problems.push(error),
        }
    }
    paths
}

/// Device and inode of a regular file, through symbolic links.
fn inode_of(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).ok()?;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

/// Reads the head of a file. `None`: it is empty.
fn examine(path: &Path, line_time: &mut LineTime<'_>) -> Result<Option<Part>, Error> {
    let input = Input::open(path)?;
    if input.is_empty() {
        return Ok(None);
    }
    let modified = input.modified();
    let first_line = match first_line(input.head()) {
        Some(line) => line.to_vec(),
        None if input.on_disk_bytes().is_some() => first_line_by_reading(path)?,
        None => input.head().to_vec(),
    };
    let first_time = first_time(input.head(), path, modified, line_time);
    Ok(Some(Part {
        path: path.to_path_buf(),
        file: FileId::default(),
        compression: input.compression(),
        on_disk_bytes: input.on_disk_bytes(),
        modified,
        first_time,
        name: LogName::of(path),
        first_line,
        opened: input.on_disk_bytes().is_none().then_some(input),
    }))
}

/// The first line in these bytes, NULs before it left out; `None` when its end is not among them.
pub(crate) fn first_line(head: &[u8]) -> Option<&[u8]> {
    let start = head.iter().position(|byte| *byte != 0)?;
    let end = memchr::memchr(b'\n', &head[start..])?;
    Some(&head[start..start + end])
}

/// The first line of a file with a hole or a very long line at its start, or of one line without newline.
fn first_line_by_reading(path: &Path) -> Result<Vec<u8>, Error> {
    let mut reader = BlockReader::new(Input::open(path)?, path);
    let mut block = Block::new();
    match reader.fill(&mut block) {
        Ok(_) => {}
        Err(error) if error.is_partial() => {}
        Err(error) => return Err(error),
    }
    let bytes = block.bytes();
    Ok(first_line(bytes).unwrap_or_else(|| &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]).to_vec())
}

/// The first time that one of the first lines has.
pub(crate) fn first_time(head: &[u8], path: &Path, modified: i64, line_time: &mut LineTime<'_>) -> Option<i64> {
    let start = head.iter().position(|byte| *byte != 0)?;
    let lines = head[start..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.take(TIME_LINES).find_map(|line| line_time(HeadLine { path, line, modified }))
}

/// Drops every file whose bytes are the start of another one (or all of it). Only files with the same first line are compared.
fn leave_out_copies(parts: Vec<Part>, copies: &mut Vec<Copied>) -> Vec<Part> {
    let mut kept: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut part = Some(part);
        for other in &mut kept {
            let Some(candidate) = &part else { break };
            if candidate.first_line != other.first_line || candidate.opened.is_some() || other.opened.is_some() {
                continue;
            }
            match compare(&candidate.path, &other.path) {
                Some(Same::Shorter | Same::Equal) => {
                    copies.push(Copied { path: candidate.path.clone(), of: other.path.clone() });
                    part = None;
                }
                Some(Same::Longer) => {
                    if let Some(longer) = part.take() {
                        copies.push(Copied { path: other.path.clone(), of: longer.path.clone() });
                        *other = longer;
                    }
                }
                None => {}
            }
        }
        kept.extend(part);
    }
    kept
}

/// How two contents that agree as far as both reach relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Same {
    Shorter,
    Equal,
    Longer,
}

/// Compares two files byte by byte until the shorter ends; `None` when they differ. What cannot be read counts as the end.
fn compare(left: &Path, right: &Path) -> Option<Same> {
    let open = |path: &Path| Some(BlockReader::resume(Input::open(path).ok()?, path, crate::trail::Trail::default(), LastLine::Final));
    let (mut left, mut right) = (Content::new(open(left)?), Content::new(open(right)?));
    loop {
        let (one, two) = (left.rest(), right.rest());
        if one.is_empty() || two.is_empty() {
            return Some(match (one.is_empty(), two.is_empty()) {
                (true, true) => Same::Equal,
                (true, false) => Same::Shorter,
                _ => Same::Longer,
            });
        }
        let length = one.len().min(two.len());
        if one[..length] != two[..length] {
            return None;
        }
        left.used += length;
        right.used += length;
    }
}

/// The bytes of a reader, piece by piece. What is cut from long lines is not compared.
struct Content {
    reader: BlockReader<Input>,
    block: Block,
    used: usize,
}

impl Content {
    fn new(reader: BlockReader<Input>) -> Self {
        Self { reader, block: Block::new(), used: 0 }
    }

    fn rest(&mut self) -> &[u8] {
        if self.used >= self.block.bytes().len() {
            self.used = 0;
            if !matches!(self.reader.fill(&mut self.block), Ok(true)) {
                return &[];
            }
        }
        &self.block.bytes()[self.used..]
    }
}

/// Groups files by log, orders them, and gives each its identity.
fn group(parts: Vec<Part>, origin: &str) -> Vec<LogicalLog> {
    let mut logs: Vec<LogicalLog> = Vec::new();
    let mut index: HashMap<PathBuf, usize> = HashMap::new();
    for part in parts {
        let log = *index.entry(part.name.log.clone()).or_insert_with(|| {
            logs.push(LogicalLog { name: part.name.log.clone(), parts: Vec::new() });
            logs.len() - 1
        });
        logs[log].parts.push(part);
    }
    for log in &mut logs {
        order(&mut log.parts);
    }
    logs.sort_by(|left, right| (first_of(left), &left.name).cmp(&(first_of(right), &right.name)));
    let mut generations: HashMap<FileId, u32> = HashMap::new();
    for part in logs.iter_mut().flat_map(|log| &mut log.parts) {
        let generation = generations.entry(FileId::of(origin, &part.first_line, 0)).or_insert(0);
        part.file = FileId::of(origin, &part.first_line, *generation);
        *generation += 1;
    }
    logs
}

fn first_of(log: &LogicalLog) -> i64 {
    log.parts.iter().filter_map(|part| part.first_time).min().unwrap_or(i64::MAX)
}

/// By first time where every part has one; else by name where names tell; else by modification.
fn order(parts: &mut [Part]) {
    let by_name = |part: &Part| (part.name.rank, part.modified);
    if parts.iter().all(|part| part.first_time.is_some()) {
        parts.sort_by_key(|part| (part.first_time, by_name(part)));
    } else if parts.iter().filter(|part| part.name.rank == Rank::Live).count() <= 1 {
        parts.sort_by_key(by_name);
    } else {
        parts.sort_by_key(|part| (part.modified, part.name.rank));
    }
}

/// Whether an error says that the file went away between being found and being opened: a rotation in progress.
pub fn is_gone(error: &Error) -> bool {
    match error {
        Error::Missing { .. } => true,
        Error::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }
        fn put(&self, name: &str, text: &str) {
            let bytes = if name.ends_with(".gz") {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text.as_bytes()).unwrap();
                encoder.finish().unwrap()
            } else {
                text.as_bytes().to_vec()
            };
            fs::write(self.0.path().join(name), bytes).unwrap();
        }
        fn arrange(&self, patterns: &[&str]) -> History {
            let names: Vec<String> = patterns.iter().map(|pattern| format!("{}/{pattern}", self.0.path().display())).collect();
            arrange(&names, "origin", &mut time_of)
        }
    }

    /// Times of the test lines: digits after `t`.
    fn time_of(head: HeadLine<'_>) -> Option<i64> {
        std::str::from_utf8(head.line).ok()?.strip_prefix('t')?.split(' ').next()?.parse().ok()
    }

    fn lines(from: u32, count: u32) -> String {
        (from..from + count).map(|n| format!("t{n} line {n}\n")).collect()
    }

    fn read(history: &mut History) -> Vec<String> {
        let mut texts = Vec::new();
        for log in &mut history.logs {
            let mut text = String::new();
            for part in &mut log.parts {
                let mut reader = part.blocks().unwrap();
                let mut block = Block::new();
                while reader.fill(&mut block).unwrap() {
                    text.push_str(std::str::from_utf8(block.bytes()).unwrap());
                }
            }
            texts.push(text);
        }
        texts
    }

    #[test]
    fn rotations_are_joined_in_order_and_copies_left_out() {
        let folder = Folder::new();
        folder.put("mail.log", &lines(300, 50));
        folder.put("mail.log.1", &lines(200, 100));
        folder.put("mail.log.1.gz", &lines(200, 100));
        folder.put("mail.log.2.gz", &lines(100, 100));
        folder.put("mail.log.10.gz", &lines(0, 100));
        folder.put("other.log", &lines(1000, 2));
        folder.put("empty.log", "");
        let mut history = folder.arrange(&["mail.log*", "other.log", "empty.log", "none*"]);
        assert_eq!(read(&mut history), [lines(0, 350), lines(1000, 2)]);
        assert_eq!(history.copies.len(), 1);
        assert!(history.copies[0].path.ends_with("mail.log.1.gz"));
        assert_eq!(history.problems.len(), 2);
        assert!(matches!(history.problems[0], Error::NothingFits { .. }));
        assert!(matches!(history.problems[1], Error::Empty { .. }));
    }

    #[test]
    fn a_half_written_copy_gives_way_to_the_whole_file() {
        let folder = Folder::new();
        folder.put("mail.log.1", &lines(0, 40));
        folder.put("mail.log.2", &lines(0, 90));
        folder.put("mail.log", &lines(0, 10));
        let mut history = folder.arrange(&["mail.log", "mail.log.1", "mail.log.2", "mail.log.2"]);
        assert_eq!(read(&mut history), [lines(0, 90)]);
        assert_eq!(history.copies.len(), 3);
    }

    #[test]
    fn files_with_one_first_line_have_different_identities() {
        let folder = Folder::new();
        folder.put("mail.log.1", &format!("# started\n{}", lines(0, 10)));
        folder.put("mail.log", &format!("# started\n{}", lines(10, 10)));
        let history = folder.arrange(&["mail.log*"]);
        let parts = &history.logs[0].parts;
        assert!(parts[0].path.ends_with("mail.log.1"));
        assert_eq!(parts[0].file, FileId::of("origin", b"# started", 0));
        assert_eq!(parts[1].file, FileId::of("origin", b"# started", 1));
    }

    #[test]
    fn names_order_where_no_time_is_known() {
        let folder = Folder::new();
        for (name, text) in [("maillog", "d\n"), ("maillog.0.gz", "c\n"), ("maillog.2.gz", "a\n"), ("maillog.1", "b\n")] {
            folder.put(name, text);
        }
        let mut history = folder.arrange(&["maillog*"]);
        assert_eq!(read(&mut history), ["a\nb\nc\nd\n"]);
    }

    #[test]
    fn a_hole_or_a_long_line_at_the_start_hides_no_identity() {
        let folder = Folder::new();
        folder.put("hole.log", &format!("{}{}", "\0".repeat(100_000), lines(5, 3)));
        folder.put("long.log", &format!("t1 {}\n{}", "x".repeat(20_000), lines(5, 3)));
        folder.put("open.log", "t7 no newline");
        let mut history = folder.arrange(&["*.log"]);
        let mut ids: Vec<_> = history.logs.iter().flat_map(|log| &log.parts).map(|part| part.file).collect();
        let long = format!("t1 {}", "x".repeat(20_000));
        let mut expected = [b"t5 line 5".as_slice(), long.as_bytes(), b"t7 no newline"].map(|line| FileId::of("origin", line, 0));
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected);
        assert!(read(&mut history).contains(&"t7 no newline".to_owned()));
    }

    #[test]
    fn times_tell_whether_logs_may_hold_the_same_lines() {
        let folder = Folder::new();
        folder.put("a.log", &lines(1, 5));
        assert!(!folder.arrange(&["a.log"]).may_overlap());
        folder.put("b.log", &lines(3, 5));
        assert!(folder.arrange(&["a.log", "b.log"]).may_overlap());
    }
}
