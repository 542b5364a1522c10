//! What is remembered of a file, so that it is known again wherever it turns up: its first line, its anchors and how far it was read.
//! Content decides; path, device and inode are hints that break ties.

use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use mailvane_model::{FileId, hash};

use crate::error::Error;
use crate::trail::{ANCHOR_BYTES, MAX_MARKS, Trail, mark};

/// The first byte of an encoded state.
const VERSION: u8 = 1;

/// Device and inode: a hint where a file was, never an identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Inode {
    /// The device.
    pub device: u64,
    /// The number on it.
    pub number: u64,
}

impl Inode {
    /// Of these metadata.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

/// One known file: committed together with the rows made from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileState {
    /// Its identity; never changes.
    pub file: FileId,
    /// The identity that generation 0 of the same first line has.
    pub base: FileId,
    /// How many files with the same first line were known before it.
    pub generation: u32,
    /// Whose log it is: part of the identity.
    pub origin: String,
    /// Folder and name of the log it belongs to, without rotation.
    pub log: PathBuf,
    /// Where it was seen last.
    pub path: PathBuf,
    /// Which inode held it last.
    pub inode: Inode,
    /// Everything before this offset (decompressed bytes) was read: always the start of a line.
    pub offset: u64,
    /// The hash of the (at most 256) bytes before the offset.
    pub anchor: u64,
    /// The hashes at the fixed marks before the offset.
    pub marks: Vec<u64>,
    /// The largest size it was seen with, in decompressed bytes as far as known.
    pub known_bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// The time of its first line, in microseconds.
    pub first_time: Option<i64>,
    /// It was rotated away and read to its end.
    pub complete: bool,
    /// When it was seen last, in microseconds.
    pub last_seen: i64,
    /// When bytes of it were read last, in microseconds.
    pub last_read: i64,
}

/// How a found content relates to a known file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It is another one.
    No,
    /// It agrees in everything and reaches at least to the offset.
    Whole,
    /// It agrees as far as it reaches, which is not to the offset: a copy in progress, or a new file with the same first line.
    Short,
}

impl FileState {
    /// Takes progress from a trail.
    pub(crate) fn follow(&mut self, trail: &Trail) {
        self.offset = trail.offset();
        self.anchor = trail.anchor();
        if self.marks.len() != trail.marks().len() {
            self.marks = trail.marks().to_vec();
        }
        self.known_bytes = self.known_bytes.max(self.offset);
    }

    /// How a content of `size` bytes with these marks and this anchor at our offset (if it is that long) relates to this file.
    pub fn fit(&self, size: u64, marks: &[u64], anchor_at_offset: Option<u64>) -> Fit {
        if self.marks.iter().zip(marks).any(|(known, found)| known != found) {
            return Fit::No;
        }
        match anchor_at_offset {
            Some(anchor) if anchor == self.anchor => Fit::Whole,
            Some(_) => Fit::No,
            None if size >= self.offset => Fit::No,
            None => Fit::Short,
        }
    }

    /// How an open plain file relates to this one, by reading its bytes at our anchors.
    pub fn fit_plain(&self, file: &File, size: u64) -> io::Result<Fit> {
        let mut marks = Vec::new();
        for index in (0..self.marks.len()).take_while(|index| mark(*index) <= size) {
            marks.push(hash::bytes(&bytes_before(file, mark(index))?));
            if marks[index] != self.marks[index] {
                return Ok(Fit::No);
            }
        }
        let anchor = if size >= self.offset { Some(hash::bytes(&bytes_before(file, self.offset)?)) } else { None };
        Ok(self.fit(size, &marks, anchor))
    }

    /// The bytes to commit. Their form is versioned.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for word in [self.file.0, self.base.0, u64::from(self.generation), self.inode.device, self.inode.number] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for word in [self.offset, self.anchor, self.known_bytes, self.lines] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for time in [self.last_seen, self.last_read, self.first_time.unwrap_or(i64::MIN)] {
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        bytes.push(u8::from(self.complete));
        for text in [self.origin.as_bytes(), self.log.as_os_str().as_bytes(), self.path.as_os_str().as_bytes()] {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text);
        }
        bytes.extend_from_slice(&(self.marks.len() as u32).to_le_bytes());
        self.marks.iter().for_each(|mark| bytes.extend_from_slice(&mark.to_le_bytes()));
        bytes
    }

    /// From committed bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Words(bytes);
        if reader.take(1)? != [VERSION] {
            return Err(Error::State("unknown version"));
        }
        let mut state = FileState {
            file: FileId(reader.word()?),
            base: FileId(reader.word()?),
            generation: reader.word()? as u32,
            inode: Inode { device: reader.word()?, number: reader.word()? },
            offset: reader.word()?,
            anchor: reader.word()?,
            known_bytes: reader.word()?,
            lines: reader.word()?,
            last_seen: reader.word()? as i64,
            last_read: reader.word()? as i64,
            first_time: Some(reader.word()? as i64).filter(|time| *time != i64::MIN),
            complete: reader.take(1)? == [1],
            ..Self::default()
        };
        state.origin = String::from_utf8(reader.text()?).map_err(|_| Error::State("origin is no text"))?;
        state.log = PathBuf::from(std::ffi::OsString::from_vec(reader.text()?));
        state.path = PathBuf::from(std::ffi::OsString::from_vec(reader.text()?));
        let marks = reader.length()?;
        if marks > MAX_MARKS {
            return Err(Error::State("too many anchors"));
        }
        for _ in 0..marks {
            state.marks.push(reader.word()?);
        }
        if !reader.0.is_empty() {
            return Err(Error::State("bytes after its end"));
        }
        Ok(state)
    }
}

/// Reads little-endian fields off the front.
pub(crate) struct Words<'a>(pub(crate) &'a [u8]);

impl<'a> Words<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (front, rest) = self.0.split_at_checked(count).ok_or(Error::State("it ends too early"))?;
        self.0 = rest;
        Ok(front)
    }

    pub(crate) fn word(&mut self) -> Result<u64, Error> {
        let mut eight = [0; 8];
        eight.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(eight))
    }

    pub(crate) fn half(&mut self) -> Result<u16, Error> {
        let mut two = [0; 2];
        two.copy_from_slice(self.take(2)?);
        Ok(u16::from_le_bytes(two))
    }

    pub(crate) fn length(&mut self) -> Result<usize, Error> {
        let mut four = [0; 4];
        four.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(four) as usize)
    }

    pub(crate) fn text(&mut self) -> Result<Vec<u8>, Error> {
        let length = self.length()?;
        Ok(self.take(length)?.to_vec())
    }
}

/// The (at most 256) bytes of a file before an offset; fewer when the file is shorter.
pub(crate) fn bytes_before(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let length = offset.min(ANCHOR_BYTES as u64);
    let mut bytes = vec![0; length as usize];
    let count = read_at_most(file, &mut bytes, offset - length)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut used = 0;
    while used < buffer.len() {
        match file.read_at(&mut buffer[used..], offset + used as u64) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn state_of(bytes: &[u8], offset: usize) -> FileState {
        let mut trail = Trail::default();
        trail.feed(&bytes[..offset]);
        let mut state = FileState::default();
        state.follow(&trail);
        state
    }

    fn fit(state: &FileState, content: &[u8]) -> Fit {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        state.fit_plain(&file, content.len() as u64).unwrap()
    }

    #[test]
    fn content_tells_files_apart() {
        let bytes: Vec<u8> = (0..40_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let state = state_of(&bytes, 9000);
        assert_eq!(fit(&state, &bytes), Fit::Whole);
        assert_eq!(fit(&state, &bytes[..9000]), Fit::Whole);
        assert_eq!(fit(&state, &bytes[..8999]), Fit::Short);
        assert_eq!(fit(&state, &bytes[..100]), Fit::Short);
        let mut other = bytes.clone();
        other[8990] ^= 1;
        assert_eq!(fit(&state, &other), Fit::No);
        let mut other = bytes.clone();
        other[200] ^= 1;
        assert_eq!(fit(&state, &other[..300]), Fit::No);
        assert_eq!(fit(&state, &other[..250]), Fit::Short);
        assert_eq!(fit(&state_of(&bytes, 0), b"anything"), Fit::Whole);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_state_survives_encoding(words: [u64; 6], times: [i64; 3], flag: bool, marks in proptest::collection::vec(any::<u64>(), 0..9),
                                     origin in ".{0,12}", path in "(/[a-zé]{1,5}){1,3}", cut in 0_usize..400) {
            let state = FileState {
                file: FileId(words[0]), base: FileId(words[1]), generation: 3, origin, log: path.clone().into(), path: path.into(),
                inode: Inode { device: 7, number: words[2] }, offset: words[3], anchor: words[4], known_bytes: words[5], lines: 9,
                first_time: Some(times[0]).filter(|_| flag), marks, complete: flag, last_seen: times[1], last_read: times[2],
            };
            let bytes = state.encode();
            prop_assert_eq!(FileState::decode(&bytes).unwrap(), state);
            if cut < bytes.len() {
                prop_assert!(FileState::decode(&bytes[..cut]).is_err());
            }
        }
    }

    #[test]
    fn unknown_versions_and_surplus_bytes_are_refused() {
        let mut bytes = FileState::default().encode();
        bytes.push(0);
        assert!(FileState::decode(&bytes).is_err());
        bytes[0] = 9;
        assert!(FileState::decode(&bytes).unwrap_err().to_string().contains("unknown version"));
    }
}
