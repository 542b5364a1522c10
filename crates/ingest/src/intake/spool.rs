//! The spool: lines that cannot be read again are appended to a file of ours, brought to disk, then acknowledged, then followed like any log.
//!
//! A spool is `NAME.log` in a folder of its own, rotated by size to `NAME.log-DATE`. A file goes when all of it is committed and room is needed; with
//! nothing left that may go, the spool is full and takes no more.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::identity::{FileState, Inode};

/// Bytes of all files of a spool, unless told otherwise.
pub const SPOOL_BYTES: u64 = 1 << 30;
/// A file of a spool is rotated at this share of what all may hold.
const FILES_OF_A_SPOOL: u64 = 16;
/// Bytes that are looked at from the end for the last whole line.
const TAIL_BYTES: u64 = 1 << 20;

/// How far the files of the spools are committed: told by who commits, asked by who makes room.
#[derive(Debug, Default)]
pub struct Committed(Mutex<HashMap<(u64, u64), u64>>);

impl Committed {
    /// These files are committed so far.
    pub fn note<'a>(&self, states: impl IntoIterator<Item = &'a FileState>) {
        let mut offsets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        offsets.extend(states.into_iter().map(|state| ((state.inode.device, state.inode.number), state.offset)));
    }

    fn offset(&self, inode: Inode) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(inode.device, inode.number)).copied().unwrap_or(0)
    }

    fn forget(&self, inode: Inode) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(inode.device, inode.number));
    }
}

/// One spool, open for appending.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    /// Bytes of the file, all of them whole lines on disk.
    size: u64,
    limit: u64,
}

impl Spool {
    /// Opens `NAME.log` in `folder`. What a crash left of a line at its end was never acknowledged, and goes.
    pub fn open(folder: &Path, name: &str, limit: u64) -> Result<Self, Error> {
        // Lines of the log name people: nobody else reads them here either.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| Error::io(folder, source))?;
        let path = folder.join(format!("{name}.log"));
        let open = || -> io::Result<(File, u64)> {
            let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
            let whole = whole_bytes(&mut file)?;
            file.set_len(whole)?;
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
            Ok((file, whole))
        };
        let (file, size) = open().map_err(|source| Error::io(&path, source))?;
        Ok(Spool { path, file, size, limit })
    }

    /// The pattern by which the spool is followed.
    pub fn pattern(folder: &Path, name: &str) -> String {
        folder.join(format!("{name}.log*")).display().to_string()
    }

    /// Appends whole lines. On return they are on disk; on an error nothing of them is there, and it may be tried again.
    pub fn append(&mut self, lines: &[u8], committed: &Committed) -> Result<(), Error> {
        if self.size > 0 && self.size + lines.len() as u64 > self.limit / FILES_OF_A_SPOOL {
            self.rotate(committed)?;
        }
        if !self.make_room(lines.len() as u64, committed)? {
            return Err(Error::SpoolFull { path: self.path.clone(), bytes: self.limit });
        }
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        if let Err(source) = written {
            // Half a batch is taken back, so that the next try does not double it.
            self.file.set_len(self.size).map_err(|source| Error::io(&self.path, source))?;
            return Err(Error::io(&self.path, source));
        }
        self.size += lines.len() as u64;
        Ok(())
    }

    /// The last line on disk, in this file or the newest that was rotated away: where a source that can be asked again goes on.
    pub fn last_line(&self) -> Result<Option<Vec<u8>>, Error> {
        let mut paths: Vec<PathBuf> = self.rotated()?.into_iter().map(|(path, _)| path).collect();
        paths.push(self.path.clone());
        for path in paths.iter().rev() {
            let line = File::open(path).and_then(|mut file| last_line(&mut file)).map_err(|source| Error::io(path, source))?;
            if line.is_some() {
                return Ok(line);
            }
        }
        Ok(None)
    }

    fn rotate(&mut self, committed: &Committed) -> Result<(), Error> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let mut stamp = now;
        let rotated = loop {
            let path = self.path.with_file_name(format!("{}-{}", name_of(&self.path), date(stamp)));
            if !path.exists() {
                break path;
            }
            stamp += 1;
        };
        let step = || -> io::Result<File> {
            std::fs::rename(&self.path, &rotated)?;
            let file = OpenOptions::new().read(true).append(true).create_new(true).open(&self.path)?;
            if let Some(folder) = self.path.parent() {
                File::open(folder)?.sync_all()?;
            }
            Ok(file)
        };
        self.file = step().map_err(|source| Error::io(&self.path, source))?;
        self.size = 0;
        if let Ok(data) = self.file.metadata() {
            committed.forget(Inode::of(&data));
        }
        Ok(())
    }

    /// Files that were rotated away with their sizes, the oldest first.
    fn rotated(&self) -> Result<Vec<(PathBuf, u64)>, Error> {
        let Some(folder) = self.path.parent() else { return Ok(Vec::new()) };
        let prefix = format!("{}-", name_of(&self.path));
        let list = || -> io::Result<Vec<(PathBuf, u64)>> {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(&prefix) {
                    files.push((entry.path(), entry.metadata()?.len()));
                }
            }
            files.sort();
            Ok(files)
        };
        list().map_err(|source| Error::io(folder, source))
    }

    /// Whether there is room for so many bytes more, after the oldest files went that are committed to their ends.
    fn make_room(&self, bytes: u64, committed: &Committed) -> Result<bool, Error> {
        let files = self.rotated()?;
        let mut total = self.size + bytes + files.iter().map(|file| file.1).sum::<u64>();
        for (path, size) in files {
            if total <= self.limit {
                break;
            }
            let inode = std::fs::metadata(&path).map(|data| Inode::of(&data)).map_err(|source| Error::io(&path, source))?;
            if committed.offset(inode) < size {
                break;
            }
            std::fs::remove_file(&path).map_err(|source| Error::io(&path, source))?;
            committed.forget(inode);
            total -= size;
        }
        Ok(total <= self.limit)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Milliseconds since the epoch as digits of a date, by which a rotated log is put in order.
fn date(millis: u128) -> String {
    let (seconds, millis) = ((millis / 1000) as i64, millis % 1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1 March of year 0, in eras of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}{millis:03}", second / 3600, second / 60 % 60, second % 60)
}

/// The bytes up to and with the last newline.
fn whole_bytes(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut chunk = vec![0; 64 << 10];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = memchr::memrchr(b'\n', part) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn last_line(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let end = whole_bytes(file)?;
    let start = end.saturating_sub(TAIL_BYTES);
    let mut bytes = vec![0; (end - start) as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut bytes)?;
    bytes.pop();
    let begin = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
    Ok((end > 0).then(|| bytes.split_off(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_in_order() {
        assert_eq!(date(0), "19700101000000000");
        assert_eq!(date(1_709_210_096_007), "20240229123456007");
        assert_eq!(date(1_795_371_296_999), "20261122181456999");
    }

    #[test]
    fn what_was_not_acknowledged_goes_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let committed = Committed::default();
        let mut spool = Spool::open(folder.path(), "s", SPOOL_BYTES).unwrap();
        assert_eq!(spool.last_line().unwrap(), None);
        spool.append(b"one\ntwo\n", &committed).unwrap();
        std::fs::OpenOptions::new().append(true).open(folder.path().join("s.log")).unwrap().write_all(b"thr").unwrap();
        let mut spool = Spool::open(folder.path(), "s", SPOOL_BYTES).unwrap();
        assert_eq!(spool.last_line().unwrap().as_deref(), Some(&b"two"[..]));
        spool.append(b"three\n", &committed).unwrap();
        assert_eq!(std::fs::read(folder.path().join("s.log")).unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_full_spool_makes_room_of_what_is_committed_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let committed = Committed::default();
        let mut spool = Spool::open(folder.path(), "s", 1600).unwrap();
        let line = [&[b'x'; 79][..], b"\n"].concat();
        let mut taken = 0;
        let full = loop {
            match spool.append(&line, &committed) {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(taken, 20);
        assert!(matches!(full, Error::SpoolFull { bytes: 1600, .. }), "{full}");
        let oldest = spool.rotated().unwrap()[0].clone();
        let inode = Inode::of(&std::fs::metadata(&oldest.0).unwrap());
        committed.0.lock().unwrap().insert((inode.device, inode.number), oldest.1 - 1);
        assert!(spool.append(&line, &committed).is_err());
        committed.0.lock().unwrap().insert((inode.device, inode.number), oldest.1);
        spool.append(&line, &committed).unwrap();
        assert!(!oldest.0.exists());
        assert_eq!(spool.last_line().unwrap().unwrap(), &line[..79]);
    }
}
