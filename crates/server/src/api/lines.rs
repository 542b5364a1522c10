//! The raw lines of a message, read again: from what the store kept, else from the log and its rotations.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mailvane_ingest::Input;
use mailvane_ingest::open::Compression;
use mailvane_model::{FileId, Position};

use super::json::lossy;

/// Lines of one answer.
pub(crate) const LINES_MAX: usize = 2_000;
/// A longer line is cut.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// How long compressed files may take in one answer.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Reads the lines at some positions of files that are on the disk. What cannot be read is not in the answer.
pub(crate) fn read(files: &HashMap<FileId, PathBuf>, positions: &[Position]) -> HashMap<Position, String> {
    let mut by_file: BTreeMap<FileId, Vec<u64>> = BTreeMap::new();
    for position in positions {
        by_file.entry(position.file).or_default().push(position.offset);
    }
    let mut found = HashMap::new();
    let deadline = Instant::now() + TIME_MAX;
    for (id, mut offsets) in by_file {
        let Some(path) = files.get(&id) else { continue };
        offsets.sort_unstable();
        offsets.dedup();
        // A file that went away between two looks is no error: its lines are gone.
        let _ = read_file(path, &offsets, deadline, |offset, line| drop(found.insert(Position { file: id, offset }, line)));
    }
    found
}

fn read_file(path: &Path, offsets: &[u64], deadline: Instant, mut see: impl FnMut(u64, String)) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let mut head = [0_u8; 8];
    let length = file.read(&mut head)?;
    if Compression::of(&head[..length]) == Compression::Plain {
        return read_plain(file, offsets, see);
    }
    let input = Input::from_file(path, file).map_err(std::io::Error::other)?;
    let mut reader = BufReader::with_capacity(64 * 1024, input);
    let mut at = 0_u64;
    for offset in offsets {
        if !skip_to(&mut reader, &mut at, *offset, deadline)? {
            return Ok(());
        }
        let mut line = Vec::new();
        at += reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? as u64;
        see(*offset, clean(&line));
    }
    Ok(())
}

/// Reads on to an offset; `false` when the time is over or the file ends before it.
fn skip_to(reader: &mut impl BufRead, at: &mut u64, offset: u64, deadline: Instant) -> std::io::Result<bool> {
    while *at < offset {
        let held = reader.fill_buf()?.len();
        if held == 0 || Instant::now() > deadline {
            return Ok(false);
        }
        let step = usize::try_from(offset - *at).unwrap_or(usize::MAX).min(held);
        reader.consume(step);
        *at += step as u64;
    }
    Ok(*at == offset)
}

fn read_plain(file: File, offsets: &[u64], mut see: impl FnMut(u64, String)) -> std::io::Result<()> {
    let mut reader = BufReader::new(file);
    for offset in offsets {
        // The byte before must end a line: a file that was emptied and filled again holds something else.
        let before = offset.saturating_sub(1);
        reader.seek(SeekFrom::Start(before))?;
        if *offset > 0 {
            let mut newline = [0_u8];
            if reader.read_exact(&mut newline).is_err() || newline != [b'\n'] {
                continue;
            }
        }
        let mut line = Vec::new();
        reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if !line.is_empty() {
            see(*offset, clean(&line));
        }
    }
    Ok(())
}

/// A line as text, without its end and without leading NULs.
pub(crate) fn clean(line: &[u8]) -> String {
    let start = line.iter().position(|byte| *byte != 0).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(start, |last| last + 1);
    lossy(&line[start..end.max(start)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &[u8] = b"first line\nsecond\r\nthird";

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("mailvane-lines-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    fn at(offset: u64) -> Position {
        Position { file: FileId(7), offset }
    }

    #[test]
    fn lines_come_back_from_a_plain_file_and_what_is_no_line_does_not() {
        let folder = folder("plain");
        let path = folder.join("mail.log");
        std::fs::File::create(&path).and_then(|mut file| file.write_all(TEXT)).expect("written");
        let files = HashMap::from([(FileId(7), path)]);
        let found = read(&files, &[at(19), at(0), at(11), at(3), at(900), Position { file: FileId(8), offset: 0 }]);
        assert_eq!(found.len(), 3);
        assert_eq!((found[&at(0)].as_str(), found[&at(11)].as_str(), found[&at(19)].as_str()), ("first line", "second", "third"));
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn a_file_that_is_gone_gives_nothing() {
        let files = HashMap::from([(FileId(7), PathBuf::from("/nowhere/at/all.log"))]);
        assert!(read(&files, &[at(0)]).is_empty());
    }

    #[test]
    fn reading_on_stops_at_the_end_of_the_input() {
        let mut reader = BufReader::new(TEXT);
        let mut position = 0;
        let deadline = Instant::now() + Duration::from_secs(60);
        assert!(skip_to(&mut reader, &mut position, 11, deadline).expect("memory"));
        assert!(!skip_to(&mut reader, &mut position, 1000, deadline).expect("memory"));
    }
}
