//! One input as a stream of decompressed bytes: plain, gzip, zstd, xz, bzip2 (told by their first bytes, never by name)
//! or standard input. An archive that stops early gives every byte that can be read, then an error kept apart.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// Bytes looked at to tell the form of a file.
const HEAD_BYTES: usize = 8 * 1024;
/// Compressed bytes read at once.
const COMPRESSED_CHUNK_BYTES: usize = 256 * 1024;
/// Memory an xz decoder may take: `xz -9` needs 65 MiB.
const XZ_MEMORY_BYTES: u64 = 256 << 20;
/// log2 of the largest zstd window: 128 MiB, what `zstd --ultra -22` writes.
const ZSTD_WINDOW_LOG: u32 = 27;
/// Control bytes in a thousand (NULs apart) above which bytes are no text.
const CONTROL_PER_MILLE: usize = 50;

/// The form of the bytes on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As written.
    Plain,
    /// gzip, one member or several.
    Gzip,
    /// Zstandard, one frame or several.
    Zstd,
    /// xz, one stream or several.
    Xz,
    /// bzip2, one stream or several.
    Bzip2,
}

impl Compression {
    /// The form that these first bytes show.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
            _ => Compression::Plain,
        }
    }
}

/// A stream of decompressed bytes with a name for messages and the share read for progress.
pub struct Input {
    path: PathBuf,
    compression: Compression,
    on_disk_bytes: Option<u64>,
    modified: i64,
    consumed: Arc<AtomicU64>,
    empty: bool,
    head: Vec<u8>,
    bytes: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Input").field("path", &self.path).field("compression", &self.compression).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens a file, or standard input for `-`. Directories, missing and unreadable files and what is plainly no text are refused;
    /// an empty file is not ([`Input::is_empty`] tells).
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.as_os_str() == "-" {
            return Self::from_reader(path, io::stdin(), None, 0);
        }
        let file = File::open(path).map_err(|error| Error::of_open(path, error))?;
        Self::from_file(path, file)
    }

    /// From a file that is open already, from its start.
    pub fn from_file(path: &Path, mut file: File) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(|error| Error::of_open(path, error))?;
        if metadata.is_dir() {
            return Err(Error::Directory { path: path.to_path_buf() });
        }
        let size = metadata.is_file().then_some(metadata.len());
        if size.is_some() {
            file.seek(SeekFrom::Start(0)).map_err(|error| Error::of_open(path, error))?;
        }
        Self::from_reader(path, file, size, modified_micros(&metadata))
    }

    /// From any source of bytes; `path` is its name in messages, `size` its bytes on disk if known, `modified` in microseconds.
    pub fn from_reader<R: Read + Send + 'static>(path: &Path, mut source: R, size: Option<u64>, modified: i64) -> Result<Self, Error> {
        let head = read_head(&mut source).map_err(|error| Error::of_open(path, error))?;
        refuse_unknown_format(path, &head)?;
        let consumed = Arc::new(AtomicU64::new(0));
        let compression = Compression::of(&head);
        let empty = head.is_empty();
        let counted = Counted { source: io::Cursor::new(head).chain(source), consumed: Arc::clone(&consumed) };
        let mut bytes = decoder(compression, counted).map_err(|error| Error::of_open(path, error))?;
        let (head, failure) = read_head_kept(&mut bytes);
        refuse_binary(path, &head)?;
        let bytes = Box::new(io::Cursor::new(head.clone()).chain(Failing(failure)).chain(bytes));
        Ok(Self { path: path.to_path_buf(), compression, on_disk_bytes: size, modified, consumed, empty, head, bytes })
    }

    /// Its name in messages: the path, or `-`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The form on disk.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes on disk; `None` for a pipe.
    pub fn on_disk_bytes(&self) -> Option<u64> {
        self.on_disk_bytes
    }

    /// When it was last written, in microseconds since the epoch; 0 when unknown.
    pub fn modified(&self) -> i64 {
        self.modified
    }

    /// Whether it has no byte at all.
    pub fn is_empty(&self) -> bool {
        self.empty
    }

    /// Its first decompressed bytes, at most 8 KiB; reading hands them over again.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// A counter of the bytes on disk read so far, to show progress from another thread.
    pub fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// Last modification in microseconds since the epoch; 0 when the system does not tell.
pub(crate) fn modified_micros(metadata: &std::fs::Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt;
    metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1000)
}

/// Counts what passes through.
struct Counted<R> {
    source: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Fails once when it holds an error, so that bytes read before it come first.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn decoder<R: Read + Send + 'static>(compression: Compression, source: R) -> io::Result<Box<dyn Read + Send>> {
    if compression == Compression::Plain {
        return Ok(Box::new(source));
    }
    let source = BufReader::with_capacity(COMPRESSED_CHUNK_BYTES, source);
    Ok(match compression {
        Compression::Plain | Compression::Gzip => Box::new(GzipMembers::new(source)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_BYTES, liblzma::stream::CONCATENATED)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(source, stream))
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(source)),
    })
}

/// All members of a gzip file one after another. Bytes after the last member that start no other one are left out, as gzip does.
struct GzipMembers<R> {
    member: Option<flate2::bufread::GzDecoder<R>>,
}

impl<R: BufRead> GzipMembers<R> {
    fn new(source: R) -> Self {
        Self { member: Some(flate2::bufread::GzDecoder::new(source)) }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(member) = self.member.take() else { return Ok(0) };
            let mut source = member.into_inner();
            if source.fill_buf()?.first() == Some(&0x1f) {
                self.member = Some(flate2::bufread::GzDecoder::new(source));
            }
        }
    }
}

/// The first bytes of a source, fewer only when it ends.
fn read_head<R: Read>(source: &mut R) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The first decompressed bytes, and the error that ended them if one did.
fn read_head_kept(source: &mut dyn Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = vec![0; HEAD_BYTES];
    let mut used = 0;
    while used < head.len() {
        match source.read(&mut head[used..]) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                head.truncate(used);
                return (head, Some(error));
            }
        }
    }
    head.truncate(used);
    (head, None)
}

/// Formats that are told by their first bytes and that we do not read.
pub(crate) fn refuse_unknown_format(path: &Path, head: &[u8]) -> Result<(), Error> {
    const DECOMPRESS: &str = "decompress it first, or pipe it in: `... | mailvane report -`";
    let (looks_like, hint) = match head {
        [0x1f, 0x9d, ..] => ("compress .Z", DECOMPRESS),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("lz4", DECOMPRESS),
        [b'P', b'K', 3, 4, ..] => ("zip", DECOMPRESS),
        [b'7', b'z', 0xbc, 0xaf, ..] => ("7z", DECOMPRESS),
        [b'L', b'P', b'K', b'S', b'H', b'H', b'R', b'H', ..] => {
            ("a systemd journal", "pipe it in: `journalctl --file ... -o json | mailvane report -`")
        }
        [b'S', b'Q', b'L', b'i', b't', b'e', b' ', b'f', ..] => ("an SQLite database", "name the mail log instead"),
        [0x7f, b'E', b'L', b'F', ..] => ("a program", "name the mail log instead"),
        _ => return Ok(()),
    };
    Err(Error::Binary { path: path.to_path_buf(), looks_like, hint })
}

/// Decompressed bytes that are plainly no text: a tar archive, or too many control bytes. NULs do not count (holes in logs are
/// full of them), nor do bytes above 127 (logs hold any encoding).
pub(crate) fn refuse_binary(path: &Path, text: &[u8]) -> Result<(), Error> {
    let path = || path.to_path_buf();
    if text.get(257..262) == Some(b"ustar") {
        return Err(Error::Binary { path: path(), looks_like: "a tar archive", hint: "unpack it and name the logs in it" });
    }
    let others = text.iter().filter(|byte| **byte != 0).count();
    let controls = text.iter().filter(|byte| matches!(**byte, 1..=8 | 11 | 12 | 14..=26 | 28..=31 | 127)).count();
    if controls * 1000 > others * CONTROL_PER_MILLE {
        return Err(Error::Binary { path: path(), looks_like: "binary data", hint: "name a mail log, plain or compressed" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text(lines: usize) -> Vec<u8> {
        (0..lines).flat_map(|n| format!("Nov  2 08:15:01 mx1 postfix/qmgr[{n}]: 4f{n:x}: removed\n").into_bytes()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn bz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn input(bytes: Vec<u8>) -> Result<Input, Error> {
        Input::from_reader(Path::new("test"), io::Cursor::new(bytes), None, 0)
    }

    fn read_all(mut input: Input) -> (Vec<u8>, Option<io::Error>) {
        let mut all = Vec::new();
        let mut buffer = vec![0; 5000];
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return (all, None),
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => return (all, Some(error)),
            }
        }
    }

    #[test]
    fn every_form_gives_the_same_bytes() {
        let plain = text(3000);
        let forms = [plain.clone(), gzip(&plain), zstd::encode_all(&plain[..], 1).unwrap(), xz(&plain), bz(&plain)];
        for form in forms {
            let (all, error) = read_all(input(form).unwrap());
            assert!(error.is_none());
            assert_eq!(all, plain);
        }
    }

    #[test]
    fn all_members_are_read_and_padding_after_them_is_not() {
        let (one, two) = (text(500), text(700));
        let joined = [one.clone(), two.clone()].concat();
        for pack in [gzip, xz, bz, |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap()] {
            let (all, error) = read_all(input([pack(&one), pack(&two)].concat()).unwrap());
            assert!(error.is_none());
            assert_eq!(all, joined);
        }
        let (all, error) = read_all(input([gzip(&one), vec![0; 512]].concat()).unwrap());
        assert!(error.is_none());
        assert_eq!(all, one);
    }

    #[test]
    fn a_cut_archive_gives_what_it_has_and_then_an_error() {
        let plain = text(3000);
        for (pack, least) in [(gzip as fn(&[u8]) -> Vec<u8>, 100), (xz, 0), (bz, 0), (|bytes| zstd::encode_all(bytes, 1).unwrap(), 0)] {
            let packed = pack(&plain);
            for kept in [packed.len() - 1, packed.len() / 2, 30, 12, 7] {
                let (all, error) = read_all(input(packed[..kept].to_vec()).unwrap());
                assert_eq!(error.unwrap().kind(), io::ErrorKind::UnexpectedEof, "{kept} of {}", packed.len());
                assert!(plain.starts_with(&all));
                if kept > packed.len() / 3 {
                    assert!(all.len() >= least);
                }
            }
        }
    }

    #[test]
    fn a_damaged_archive_is_not_called_cut() {
        let mut packed = gzip(&text(3000));
        let middle = packed.len() / 2;
        packed[middle..middle + 40].fill(0xff);
        let (_, error) = read_all(input(packed).unwrap());
        let error = Error::of_read(Path::new("x"), 0, error.unwrap());
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }

    #[test]
    fn what_is_no_text_is_refused_with_words() {
        let noise: Vec<u8> = (0..9000_u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        assert!(matches!(input(noise.clone()), Err(Error::Binary { .. })));
        assert!(matches!(input(gzip(&noise)), Err(Error::Binary { .. })));
        let mut tar = vec![0; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        assert!(matches!(input(gzip(&tar)), Err(Error::Binary { .. })));
        assert!(input(b"PK\x03\x04....".to_vec()).unwrap_err().to_string().contains("zip"));
        assert!(input(b"LPKSHHRH........".to_vec()).unwrap_err().to_string().contains("journalctl"));
    }

    #[test]
    fn holes_and_any_encoding_are_text() {
        let (all, _) = read_all(input([vec![0; 20_000], text(2)].concat()).unwrap());
        assert_eq!(all.len(), 20_000 + text(2).len());
        assert!(input(b"from=<\xff\xfe\xe9@example.com>\n".to_vec()).is_ok());
        assert!(input(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn directories_and_missing_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Input::open(folder.path()), Err(Error::Directory { .. })));
        assert!(matches!(Input::open(&folder.path().join("none")), Err(Error::Missing { .. })));
        let file = folder.path().join("mail.log");
        std::fs::write(&file, text(3)).unwrap();
        let opened = Input::open(&file).unwrap();
        assert_eq!(opened.on_disk_bytes(), Some(text(3).len() as u64));
        assert!(opened.modified() > 0);
    }
}
