//! Columns of a Polars frame, one getter a kind: what a frame does not have reads as absent.

use mailvane_model::{Address, Stream, Time};
use mailvane_store::Snapshot;
use polars::prelude::*;

/// A frame whose columns are read by name and row.
pub struct Frame {
    rows: usize,
    numbers: Vec<(&'static str, Vec<Option<i64>>)>,
    strings: Vec<(&'static str, StringChunked)>,
    streams: Vec<Stream>,
    stream_codes: Vec<u32>,
}

impl Frame {
    /// Of a collected frame. `numbers` and `strings` name the columns wanted; those of the frame that are missing read as absent.
    pub fn new(frame: &DataFrame, numbers: &[&'static str], strings: &[&'static str], snapshot: &Snapshot) -> PolarsResult<Self> {
        let mut found =
            Frame { rows: frame.height(), numbers: Vec::new(), strings: Vec::new(), streams: Vec::new(), stream_codes: Vec::new() };
        for name in numbers {
            if let Ok(column) = frame.column(name) {
                found.numbers.push((name, whole_numbers(column.as_materialized_series())?));
            }
        }
        for name in strings {
            if let Ok(column) = frame.column(name) {
                found.strings.push((name, column.as_materialized_series().str()?.rechunk().into_owned()));
            }
        }
        if let Ok(column) = frame.column("stream") {
            found.read_streams(column.as_materialized_series().u64()?, snapshot);
        }
        Ok(found)
    }

    fn read_streams(&mut self, keys: &UInt64Chunked, snapshot: &Snapshot) {
        let mut known: Vec<u64> = Vec::new();
        for key in keys.iter() {
            let key = key.unwrap_or_default();
            let code = known.iter().position(|other| *other == key).unwrap_or_else(|| {
                known.push(key);
                self.streams.push(snapshot.stream(key).map(|state| state.stream.clone()).unwrap_or_default());
                known.len() - 1
            });
            self.stream_codes.push(code as u32);
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column of numbers; empty when the frame does not have it.
    pub fn numbers(&self, name: &str) -> Numbers<'_> {
        Numbers(self.numbers.iter().find(|column| column.0 == name).map_or(&[], |column| &column.1))
    }

    /// A column of strings.
    pub fn strings(&self, name: &str) -> Texts<'_> {
        Texts(self.strings.iter().find(|column| column.0 == name).map(|column| &column.1))
    }

    /// The stream of a row.
    pub fn stream(&self, row: usize) -> &Stream {
        match self.stream_codes.get(row) {
            Some(code) => &self.streams[*code as usize],
            None => <&Stream>::default(),
        }
    }
}

/// The numbers of a column. Ids use all 64 bits: they keep their bits, and whoever wants one takes them back as unsigned.
fn whole_numbers(series: &Series) -> PolarsResult<Vec<Option<i64>>> {
    if *series.dtype() == DataType::UInt64 {
        return Ok(series.u64()?.iter().map(|value| value.map(u64::cast_signed)).collect());
    }
    Ok(series.strict_cast(&DataType::Int64)?.i64()?.iter().collect())
}

/// A column of numbers.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(&'a [Option<i64>]);

impl Numbers<'_> {
    /// The number of a row; `None` when absent.
    #[inline]
    pub fn get(&self, row: usize) -> Option<i64> {
        self.0.get(row).copied().flatten()
    }

    /// The number of a row, 0 when absent.
    #[inline]
    pub fn or_zero(&self, row: usize) -> i64 {
        self.get(row).unwrap_or(0)
    }

    /// The time of a row.
    #[inline]
    pub fn time(&self, row: usize) -> Option<Time> {
        self.get(row).map(Time)
    }

    /// A word by its code, the default when absent or not known.
    #[inline]
    pub fn word<T: Default>(&self, row: usize, of: impl Fn(u8) -> Option<T>) -> T {
        self.get(row).and_then(|code| u8::try_from(code).ok()).and_then(of).unwrap_or_default()
    }

    /// A word by its code, `None` when absent.
    #[inline]
    pub fn optional_word<T>(&self, row: usize, of: impl Fn(u8) -> Option<T>) -> Option<T> {
        self.get(row).and_then(|code| u8::try_from(code).ok()).and_then(of)
    }
}

/// A column of strings.
#[derive(Clone, Copy)]
pub struct Texts<'a>(Option<&'a StringChunked>);

impl<'a> Texts<'a> {
    /// The string of a row, empty when absent.
    #[inline]
    pub fn get(&self, row: usize) -> &'a str {
        self.0.and_then(|column| column.get(row)).unwrap_or_default()
    }

    /// An address whose parts stand in two columns.
    #[inline]
    pub fn address(&self, domain: &Texts<'a>, row: usize) -> Address<'a> {
        Address { local: self.get(row), domain: domain.get(row) }
    }
}
