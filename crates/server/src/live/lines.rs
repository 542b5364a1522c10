//! Blocks of lines to records, in a thread of their own while older ones are assembled.

use mailvane_model::word::Mta;
use mailvane_parse::{Record, head};

/// A parsed line: where it stands in its block, and what it became.
pub(crate) struct Parsed<'a> {
    /// Where it begins in its block.
    pub(crate) start: u32,
    /// Where its newline stands.
    pub(crate) end: u32,
    /// What it says; not of a line that is wrapped in another form.
    pub(crate) record: Record<'a>,
}

/// The records of whole lines.
pub(crate) fn parse(bytes: &[u8], mta: Option<Mta>) -> Vec<Parsed<'_>> {
    // A mail log's line is 100 to 200 bytes long; one growth of the vector at most.
    let mut records = Vec::with_capacity(bytes.len() / 120 + 1);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
        if end > start || end < bytes.len() {
            let mut record = Record::default();
            head::read(&bytes[start..end], mta, &mut record);
            records.push(Parsed { start: start as u32, end: end as u32, record });
        }
        start = end + 1;
    }
    records
}
