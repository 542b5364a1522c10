//! Batches that are not yet in segments: in memory, and packed in the manifest.

use std::sync::Arc;

use mailvane_model::Batch;

use crate::column::Table;
use crate::column::bytes::{Bytes, put_varint};
use crate::commit::CommitNumber;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::rollup::Folded;
use crate::snapshot::LazyFold;

/// The version of the packed form, its first byte.
const VERSION: u8 = 1;
/// Stands for the replaced outcomes beside the codes of [`Kind`].
const REPLACED_OUTCOMES: u8 = 32;
/// Stands for the replaced messages.
const REPLACED_MESSAGES: u8 = 33;
/// Packed batches beyond this are damaged: no commit comes near it.
const UNPACKED_BYTES_MAX: usize = 4 << 30;
/// Quick: a pending batch lives for minutes.
const LEVEL: i32 = 1;

/// The rows of one commit, not yet in segments.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The commit that brought them.
    pub number: CommitNumber,
    /// The rows.
    pub rows: Arc<Batch>,
    pub(crate) dead_messages: Arc<Vec<u32>>,
    pub(crate) dead_outcomes: Arc<Vec<u32>>,
    folded: LazyFold,
}

impl Pending {
    /// The rows of a commit, none of them superseded.
    pub(crate) fn new(number: CommitNumber, rows: Arc<Batch>) -> Self {
        Pending { number, rows, dead_messages: Arc::default(), dead_outcomes: Arc::default(), folded: Arc::default() }
    }

    /// Row numbers, ascending, that a higher revision has superseded: skip them.
    pub fn dead(&self, kind: Kind) -> &[u32] {
        match kind {
            Kind::Messages => &self.dead_messages,
            Kind::Outcomes => &self.dead_outcomes,
            _ => &[],
        }
    }

    /// What the rows add to the rollups; worked out once.
    pub(crate) fn folded(&self) -> &Folded {
        self.folded.get_or_init(|| Folded::of(&self.rows))
    }

    /// Marks a row as superseded.
    pub(crate) fn kill(&mut self, kind: Kind, row: u32) {
        let list = match kind {
            Kind::Messages => &mut self.dead_messages,
            Kind::Outcomes => &mut self.dead_outcomes,
            _ => return,
        };
        if let Err(at) = list.binary_search(&row) {
            Arc::make_mut(list).insert(at, row);
        }
    }
}

fn pack_table<T: Table>(code: u8, table: &T, out: &mut Vec<u8>) {
    if table.rows() > 0 {
        out.push(code);
        put_varint(out, table.rows() as u64);
        table.pack(out);
    }
}

/// The packed, compressed form of a batch.
pub(crate) fn pack(batch: &Batch) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(batch.size());
    pack_table(Kind::Messages.code(), &batch.messages, &mut out);
    pack_table(Kind::Attempts.code(), &batch.attempts, &mut out);
    pack_table(Kind::Outcomes.code(), &batch.outcomes, &mut out);
    pack_table(Kind::Rejections.code(), &batch.rejections, &mut out);
    pack_table(Kind::Auths.code(), &batch.auths, &mut out);
    pack_table(Kind::Sessions.code(), &batch.sessions, &mut out);
    pack_table(Kind::Notices.code(), &batch.notices, &mut out);
    pack_table(REPLACED_OUTCOMES, &batch.replaced_outcomes, &mut out);
    pack_table(REPLACED_MESSAGES, &batch.replaced_messages, &mut out);
    let mut packed = vec![VERSION];
    put_varint(&mut packed, out.len() as u64);
    let compressed = zstd::bulk::compress(&out, LEVEL).map_err(|error| Error::format(format!("a batch ({error})")))?;
    packed.extend_from_slice(&compressed);
    Ok(packed)
}

/// Reads what [`pack`] wrote.
pub(crate) fn unpack(packed: &[u8]) -> Result<Batch> {
    let mut input = Bytes::new(packed);
    if input.byte()? != VERSION {
        return Err(Error::format("a pending batch"));
    }
    let length = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
    if length > UNPACKED_BYTES_MAX {
        return Err(Error::format("a pending batch"));
    }
    let plain = zstd::bulk::decompress(input.rest(), length).map_err(|_| Error::format("a pending batch"))?;
    let mut input = Bytes::new(&plain);
    let mut batch = Batch::default();
    while !input.is_empty() {
        let code = input.byte()?;
        let rows = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
        match Kind::from_code(code) {
            Some(Kind::Messages) => batch.messages = Table::unpack(&mut input, rows)?,
            Some(Kind::Attempts) => batch.attempts = Table::unpack(&mut input, rows)?,
            Some(Kind::Outcomes) => batch.outcomes = Table::unpack(&mut input, rows)?,
            Some(Kind::Rejections) => batch.rejections = Table::unpack(&mut input, rows)?,
            Some(Kind::Auths) => batch.auths = Table::unpack(&mut input, rows)?,
            Some(Kind::Sessions) => batch.sessions = Table::unpack(&mut input, rows)?,
            Some(Kind::Notices) => batch.notices = Table::unpack(&mut input, rows)?,
            None if code == REPLACED_OUTCOMES => batch.replaced_outcomes = Table::unpack(&mut input, rows)?,
            None if code == REPLACED_MESSAGES => batch.replaced_messages = Table::unpack(&mut input, rows)?,
            None => return Err(Error::format("a pending batch")),
        }
    }
    Ok(batch)
}
