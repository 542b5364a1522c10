//! Which parts can hold a queue id, a Message-ID, an address or a life: a blocked Bloom filter for each, in one small file
//! beside the segments of a part. A look-up reads one block of 32 bytes.
//!
//! The Parquet filters of each column would hold most keys three times (messages, attempts, outcomes), and none of the
//! keys that are left out of the columns.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use mailvane_model::{Address, Batch, hash};

use crate::error::{Error, Result};

/// The first bytes of the file; the last one is the version.
const MAGIC: [u8; 4] = *b"MVF\x01";
/// The bytes of a block.
const BLOCK: usize = 32;
/// Bits for each key: about one false hit in 200.
const BITS_PER_KEY: usize = 12;
/// One odd factor for each word of a block: eight bits are set for a key.
const SALTS: [u32; 8] = [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// What can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Probe<'a> {
    /// A queue id, as logged.
    QueueId(&'a str),
    /// A Message-ID, with or without angle brackets.
    MessageId(&'a str),
    /// A recipient's address (of attempts, outcomes and rejections; before or after alias expansion); case does not matter.
    Recipient(Address<'a>),
    /// A sender's address (of messages, attempts and rejections); case does not matter.
    Sender(Address<'a>),
    /// The id of a message, or of the first message of a chain.
    Life(u64),
}

/// How many kinds of probes there are.
const KINDS: usize = 5;
/// Bytes before the first block: magic, then the number of blocks of each kind.
const HEADER: usize = 4 + 4 * KINDS;

impl Probe<'_> {
    fn kind(self) -> usize {
        match self {
            Probe::QueueId(_) => 0,
            Probe::MessageId(_) => 1,
            Probe::Recipient(_) => 2,
            Probe::Sender(_) => 3,
            Probe::Life(_) => 4,
        }
    }

    fn key(self) -> u64 {
        match self {
            Probe::QueueId(id) => hash::bytes(id.as_bytes()),
            Probe::MessageId(id) => hash::bytes(bare_message_id(id).as_bytes()),
            Probe::Recipient(address) | Probe::Sender(address) => address_key(address),
            Probe::Life(id) => id,
        }
    }
}

/// A Message-ID without its angle brackets.
pub(crate) fn bare_message_id(id: &str) -> &str {
    let id = id.strip_prefix('<').unwrap_or(id);
    id.strip_suffix('>').unwrap_or(id)
}

fn address_key(address: Address<'_>) -> u64 {
    let part = |text: &str| {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            hash::bytes(text.to_ascii_lowercase().as_bytes())
        } else {
            hash::bytes(text.as_bytes())
        }
    };
    hash::words(&[part(address.local), part(address.domain)])
}

/// The keys of a part.
#[derive(Default)]
struct Keys([Vec<u64>; KINDS]);

impl Keys {
    fn add(&mut self, probe: Probe<'_>) {
        self.0[probe.kind()].push(probe.key());
    }

    fn text(&mut self, text: &str, probe: impl Fn(&str) -> Probe<'_>) {
        if !text.is_empty() {
            self.add(probe(text));
        }
    }

    fn address<'a>(&mut self, address: Address<'a>, probe: impl Fn(Address<'a>) -> Probe<'a>) {
        if !address.is_unknown() {
            self.add(probe(address));
        }
    }
}

/// The bytes of the filter of the rows of a part.
pub(crate) fn build(batch: &Batch) -> Vec<u8> {
    let mut keys = Keys::default();
    for row in batch.messages.iter() {
        keys.text(row.queue_id, |id| Probe::QueueId(id));
        keys.text(row.message_id, |id| Probe::MessageId(id));
        keys.address(row.sender, Probe::Sender);
        keys.add(Probe::Life(row.id));
        if row.chain != row.id && row.chain != 0 {
            keys.add(Probe::Life(row.chain));
        }
    }
    for row in batch.attempts.iter() {
        keys.text(row.queue_id, |id| Probe::QueueId(id));
        keys.text(row.message_id, |id| Probe::MessageId(id));
        keys.address(row.sender, Probe::Sender);
        keys.address(row.recipient, Probe::Recipient);
        keys.address(row.orig_recipient, Probe::Recipient);
        keys.add(Probe::Life(row.message));
    }
    for row in batch.outcomes.iter() {
        keys.text(row.queue_id, |id| Probe::QueueId(id));
        keys.text(row.last_queue_id, |id| Probe::QueueId(id));
        keys.text(row.message_id, |id| Probe::MessageId(id));
        keys.address(row.recipient, Probe::Recipient);
        keys.address(row.orig_recipient, Probe::Recipient);
        keys.add(Probe::Life(row.message));
        keys.add(Probe::Life(row.last_message));
    }
    for row in batch.rejections.iter() {
        keys.text(row.queue_id, |id| Probe::QueueId(id));
        keys.address(row.sender, Probe::Sender);
        keys.address(row.recipient, Probe::Recipient);
    }
    encode(keys)
}

fn encode(mut keys: Keys) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for all in &mut keys.0 {
        all.sort_unstable();
        all.dedup();
        let blocks = (all.len() * BITS_PER_KEY).div_ceil(BLOCK * 8) as u32;
        out.extend_from_slice(&blocks.to_le_bytes());
    }
    for all in &keys.0 {
        let blocks = (all.len() * BITS_PER_KEY).div_ceil(BLOCK * 8);
        let start = out.len();
        out.resize(start + blocks * BLOCK, 0);
        for key in all {
            let at = start + block_of(*key, blocks as u32) * BLOCK;
            let block = &mut out[at..at + BLOCK];
            for (word, bit) in bits(*key).into_iter().enumerate() {
                block[word * 4 + usize::from(bit / 8)] |= 1 << (bit % 8);
            }
        }
    }
    out
}

fn block_of(key: u64, blocks: u32) -> usize {
    (((key >> 32) * u64::from(blocks)) >> 32) as usize
}

/// The bit of each word of the block.
fn bits(key: u64) -> [u8; 8] {
    SALTS.map(|salt| ((key as u32).wrapping_mul(salt) >> 27) as u8)
}

/// A filter file being looked at.
pub(crate) struct Open<'a> {
    file: File,
    path: &'a Path,
    blocks: [u32; KINDS],
}

impl<'a> Open<'a> {
    /// Opens a filter.
    pub(crate) fn new(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io(path, error))?;
        let mut header = [0_u8; HEADER];
        file.read_exact_at(&mut header, 0).map_err(|error| Error::io(path, error))?;
        if header[..4] != MAGIC {
            return Err(Error::format(format!("the filter {}", path.display())));
        }
        let mut blocks = [0_u32; KINDS];
        for (count, bytes) in blocks.iter_mut().zip(header[4..].chunks_exact(4)) {
            let mut four = [0_u8; 4];
            four.copy_from_slice(bytes);
            *count = u32::from_le_bytes(four);
        }
        Ok(Open { file, path, blocks })
    }

    /// Whether the part can hold what is looked for. `false` is certain.
    pub(crate) fn can_hold(&self, probe: Probe<'_>) -> Result<bool> {
        let kind = probe.kind();
        let blocks = self.blocks[kind];
        if blocks == 0 {
            return Ok(false);
        }
        let before: usize = self.blocks[..kind].iter().map(|count| *count as usize).sum();
        let at = HEADER + (before + block_of(probe.key(), blocks)) * BLOCK;
        let mut block = [0_u8; BLOCK];
        self.file.read_exact_at(&mut block, at as u64).map_err(|error| Error::io(self.path, error))?;
        Ok(bits(probe.key()).into_iter().enumerate().all(|(word, bit)| block[word * 4 + usize::from(bit / 8)] & (1 << (bit % 8)) != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::{AttemptRow, MessageRow, Sink};

    #[test]
    fn what_is_there_is_found_and_little_else() {
        let mut batch = Batch::default();
        for number in 0..5000_u64 {
            let queue_id = format!("Q{number:X}");
            let message_id = format!("<{number}@mail.example.com>");
            let local = format!("User{number}");
            batch.message(
                &MessageRow { id: hash::words(&[number]), queue_id: &queue_id, message_id: &message_id, ..Default::default() },
                None,
            );
            batch.attempt(&AttemptRow { recipient: Address { local: &local, domain: "example.net" }, ..Default::default() });
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.filter");
        std::fs::write(&path, build(&batch)).unwrap();
        let filter = Open::new(&path).unwrap();
        let mut false_hits = 0;
        for number in 0..5000_u64 {
            let local = format!("user{number}");
            assert!(filter.can_hold(Probe::QueueId(&format!("Q{number:X}"))).unwrap());
            assert!(filter.can_hold(Probe::MessageId(&format!("{number}@mail.example.com"))).unwrap());
            assert!(filter.can_hold(Probe::Recipient(Address { local: &local, domain: "Example.NET" })).unwrap());
            assert!(filter.can_hold(Probe::Life(hash::words(&[number]))).unwrap());
            assert!(!filter.can_hold(Probe::Sender(Address { local: &local, domain: "example.net" })).unwrap());
            false_hits += u32::from(filter.can_hold(Probe::QueueId(&format!("R{number:X}"))).unwrap());
        }
        assert!(false_hits < 100, "{false_hits} of 5000");
        assert_eq!(bare_message_id("<a@b>"), "a@b");
        assert_eq!(bare_message_id("a@b"), "a@b");
    }
}
