//! The bytes of a cell: versioned and compact, because most cells hold five small numbers.
//!
//! Version 1: the byte 1; the count of parts; for each its traffic code, its counts, its histograms; the door's counts.
//! Counts: how many, then (code, zigzag value) each. Histograms: how many, then code, how many buckets, and (distance from
//! the bucket before, zigzag count) each. All numbers are LEB128 varints.

use crate::cell::Cell;
use crate::figure::{Door, Spread, Traffic};
use crate::histogram::BUCKETS;

const VERSION: u8 = 1;

/// Why bytes are not a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They end too early.
    #[error("a rollup cell ends too early")]
    Truncated,
    /// There are more than a cell has.
    #[error("a rollup cell has bytes after its end")]
    Trailing,
    /// A later version wrote them.
    #[error("a rollup cell has version {0}, which only a later release can read")]
    Version(u8),
    /// A number that this version does not know stands where the named thing is meant.
    #[error("a rollup cell has an unknown {0}")]
    Unknown(&'static str),
}

impl Cell {
    /// The bytes to keep.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        out.push(VERSION);
        let parts: Vec<_> = self.parts().filter(|part| !part.1.is_empty()).collect();
        put(&mut out, parts.len() as u64);
        for (traffic, figures) in parts {
            out.push(traffic.code());
            put_counts(&mut out, &figures.counts);
            let spreads: Vec<_> = Spread::ALL.iter().filter_map(|spread| figures.spread(*spread).map(|found| (spread, found))).collect();
            put(&mut out, spreads.len() as u64);
            for (spread, histogram) in spreads {
                out.push(spread.code());
                put(&mut out, histogram.buckets().len() as u64);
                let mut before = 0;
                for (bucket, count) in histogram.buckets() {
                    put(&mut out, u64::from(bucket - before));
                    put_signed(&mut out, *count);
                    before = *bucket;
                }
            }
        }
        let mut door = [0; Door::SIZE];
        for figure in Door::ALL {
            door[usize::from(figure.code())] = self.door(*figure);
        }
        put_counts(&mut out, &door);
        out
    }

    /// The cell of kept bytes. No input makes it panic.
    pub fn decode(bytes: &[u8]) -> Result<Cell, Error> {
        let mut reader = Reader { rest: bytes };
        let version = reader.byte()?;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let mut cell = Cell::default();
        for _ in 0..reader.varint()? {
            let traffic = Traffic::from_code(reader.byte()?).ok_or(Error::Unknown("traffic"))?;
            let figures = cell.figures_mut(traffic);
            for _ in 0..reader.varint()? {
                let code = usize::from(reader.byte()?);
                *figures.counts.get_mut(code).ok_or(Error::Unknown("figure"))? = reader.signed()?;
            }
            for _ in 0..reader.varint()? {
                let code = reader.byte()?;
                let spread = Spread::ALL.iter().find(|spread| spread.code() == code).ok_or(Error::Unknown("histogram"))?;
                let histogram = figures.spread_mut(*spread);
                let mut bucket = 0_u64;
                for _ in 0..reader.varint()? {
                    bucket = bucket.saturating_add(reader.varint()?);
                    let bucket = u16::try_from(bucket).ok().filter(|bucket| usize::from(*bucket) < BUCKETS);
                    histogram.add(bucket.ok_or(Error::Unknown("histogram bucket"))?, reader.signed()?);
                }
            }
        }
        for _ in 0..reader.varint()? {
            let code = reader.byte()?;
            let door = Door::ALL.iter().find(|door| door.code() == code).ok_or(Error::Unknown("door figure"))?;
            cell.add_door(*door, reader.signed()?);
        }
        if reader.rest.is_empty() { Ok(cell) } else { Err(Error::Trailing) }
    }
}

fn put_counts(out: &mut Vec<u8>, counts: &[i64]) {
    put(out, counts.iter().filter(|count| **count != 0).count() as u64);
    for (code, count) in counts.iter().enumerate().filter(|entry| *entry.1 != 0) {
        out.push(code as u8);
        put_signed(out, *count);
    }
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Error> {
        let (first, rest) = self.rest.split_first().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::Unknown("number"))
    }

    fn signed(&mut self) -> Result<i64, Error> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;
    use proptest::prelude::*;

    #[test]
    fn a_small_cell_is_small() {
        let mut cell = Cell::default();
        let figures = cell.figures_mut(Traffic::DEFAULT);
        figures.add(Figure::Attempts, 1);
        figures.add(Figure::Accepted, 1);
        figures.add(Figure::Delivered, 1);
        figures.spread_mut(Spread::Delay).record(1200);
        assert!(cell.encode().len() <= 20, "{}", cell.encode().len());
        assert_eq!(Cell::decode(&cell.encode()), Ok(cell));
    }

    #[test]
    fn bytes_on_disk_do_not_change() {
        let mut cell = Cell::default();
        cell.figures_mut(Traffic::DEFAULT).add(Figure::Bounced, -3);
        cell.add_door(Door::AuthFailed, 200);
        assert_eq!(cell.encode(), [1, 1, 1, 1, 18, 5, 0, 1, 5, 0x90, 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_kept_comes_back(counts in prop::collection::vec((0_u8..14, 0_usize..36, any::<i32>(), any::<u64>()), 0..40)) {
            let mut cell = Cell::default();
            for (code, figure, value, delay) in counts {
                let traffic = Traffic::from_code(code).unwrap_or_default();
                let figures = cell.figures_mut(traffic);
                figures.add(Figure::ALL[figure % Figure::ALL.len()], i64::from(value));
                figures.spread_mut(Spread::ALL[figure % Spread::ALL.len()]).add(crate::histogram::bucket_of(delay), i64::from(value));
                cell.add_door(Door::ALL[figure % Door::ALL.len()], i64::from(value));
            }
            let mut expected = Cell::default();
            expected.merge(&cell);
            let found = Cell::decode(&cell.encode());
            prop_assert_eq!(found, Ok(expected));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Cell::decode(&bytes);
            let mut versioned = vec![VERSION];
            versioned.extend(bytes);
            let _ = Cell::decode(&versioned);
        }
    }
}
