//! Columns as arrow arrays: how they stand in a Parquet file.

use std::sync::Arc;

use arrow_array::builder::BinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use mailvane_model::column::{Addresses, Column, Positions, Streams, Strings, Values};
use mailvane_model::word::{Action, AuthResult, Direction, Fault, HandedTo, Level, Outcome, Population, Reason, Scope, Stage, Status};
use mailvane_model::{FileId, Position, Stream, Time};

use super::bytes::{Bytes, put_varint};
use super::packed::{Coded, PackedValue};
use crate::error::{Error, Result};

/// Arrays with their fields, in the order of the file.
#[derive(Default)]
pub(crate) struct Arrays {
    pub(crate) fields: Vec<Field>,
    pub(crate) arrays: Vec<ArrayRef>,
}

impl Arrays {
    /// Adds an array; it may hold nulls only if `nullable`.
    pub(crate) fn add(&mut self, name: &str, array: ArrayRef, nullable: bool) {
        self.fields.push(Field::new(name, array.data_type().clone(), nullable));
        self.arrays.push(array);
    }
}

/// What is read back: one record batch, and the streams by key.
pub(crate) struct Source<'a> {
    pub(crate) batch: &'a RecordBatch,
    pub(crate) streams: &'a dyn Fn(u64) -> Stream,
}

impl Source<'_> {
    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn array(&self, name: &str, wanted: &DataType) -> Result<Option<&ArrayRef>> {
        match self.batch.column_by_name(name) {
            None => Ok(None),
            Some(array) if array.data_type() == wanted => Ok(Some(array)),
            Some(_) => Err(Error::format(format!("the column {name} of a segment"))),
        }
    }

    /// The cells of a column, with `None` for null; `None` altogether when the file has no such column.
    pub(crate) fn optional<T: arrow_array::types::ArrowPrimitiveType>(&self, name: &str) -> Result<Option<&PrimitiveArray<T>>> {
        Ok(self.array(name, &T::DATA_TYPE)?.map(|array| array.as_primitive::<T>()))
    }

    /// The cells of a column without nulls; default values when the file has no such column.
    pub(crate) fn plain<T: arrow_array::types::ArrowPrimitiveType>(&self, name: &str) -> Result<Vec<T::Native>> {
        Ok(self.optional::<T>(name)?.map_or_else(|| vec![T::Native::default(); self.rows()], |array| array.values().to_vec()))
    }
}

/// A column that has a place in a Parquet file.
pub(crate) trait Arrowed: Sized {
    /// Adds the array or arrays.
    fn write(&self, name: &str, out: &mut Arrays);
    /// Reads them back; default values when the file lacks them.
    fn read(name: &str, source: &Source<'_>) -> Result<Self>;
}

/// A plain value as cells of one array.
trait ArrowedValue: Copy + Default + 'static {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays);
    fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>>;
}

impl<T: ArrowedValue> Arrowed for Values<T> {
    fn write(&self, name: &str, out: &mut Arrays) {
        T::put_all(&self.0, name, out);
    }
    fn read(name: &str, source: &Source<'_>) -> Result<Self> {
        T::get_all(name, source).map(Values)
    }
}

macro_rules! numbers {
    ($($type:ty, $array:ident, $arrow:ident;)+) => { $(
        impl ArrowedValue for $type {
            fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
                out.add(name, Arc::new($array::from(values.to_vec())), false);
            }
            fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
                source.plain::<$arrow>(name)
            }
        }
    )+ };
}

numbers! {
    u32, UInt32Array, UInt32Type;
    u64, UInt64Array, UInt64Type;
}

// Small numbers and words stand as 32-bit numbers: that is what Parquet keeps on disk for them anyway, and every reader
// can filter by them without narrow types of its own.
macro_rules! small_numbers {
    ($($type:ty)+) => { $(
        impl ArrowedValue for $type {
            fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
                let wide: Vec<u32> = values.iter().map(|value| u32::from(*value)).collect();
                u32::put_all(&wide, name, out);
            }
            fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
                Ok(u32::get_all(name, source)?.into_iter().map(|wide| <$type>::try_from(wide).unwrap_or(<$type>::MAX)).collect())
            }
        }
    )+ };
}

small_numbers! { u8 u16 }

macro_rules! optional_numbers {
    ($($type:ty, $array:ident, $arrow:ident;)+) => { $(
        impl ArrowedValue for Option<$type> {
            fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
                out.add(name, Arc::new($array::from(values.to_vec())), true);
            }
            fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
                Ok(source.optional::<$arrow>(name)?.map_or_else(|| vec![None; source.rows()], |array| array.iter().collect()))
            }
        }
    )+ };
}

optional_numbers! {
    u32, UInt32Array, UInt32Type;
    u64, UInt64Array, UInt64Type;
}

impl ArrowedValue for bool {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
        out.add(name, Arc::new(BooleanArray::from(values.to_vec())), false);
    }
    fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
        Ok(source
            .array(name, &DataType::Boolean)?
            .map_or_else(|| vec![false; source.rows()], |array| array.as_boolean().values().iter().collect()))
    }
}

impl ArrowedValue for Time {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
        let micros: Vec<i64> = values.iter().map(|time| time.0).collect();
        out.add(name, Arc::new(TimestampMicrosecondArray::from(micros)), false);
    }
    fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
        Ok(source.plain::<TimestampMicrosecondType>(name)?.into_iter().map(Time).collect())
    }
}

impl ArrowedValue for Option<Time> {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
        let micros: Vec<Option<i64>> = values.iter().map(|time| time.map(|time| time.0)).collect();
        out.add(name, Arc::new(TimestampMicrosecondArray::from(micros)), true);
    }
    fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
        let array = source.optional::<TimestampMicrosecondType>(name)?;
        Ok(array.map_or_else(|| vec![None; source.rows()], |array| array.iter().map(|micros| micros.map(Time)).collect()))
    }
}

/// The suffixes of the four columns of `delays_ms`.
const DELAYS: [&str; 4] = ["_a", "_b", "_c", "_d"];

impl ArrowedValue for Option<[u32; 4]> {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
        for (part, suffix) in DELAYS.iter().enumerate() {
            let column: Vec<Option<u32>> = values.iter().map(|delays| delays.map(|delays| delays[part])).collect();
            out.add(&format!("{name}{suffix}"), Arc::new(UInt32Array::from(column)), true);
        }
    }
    fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
        let mut all = vec![None; source.rows()];
        for (part, suffix) in DELAYS.iter().enumerate() {
            let column = Option::<u32>::get_all(&format!("{name}{suffix}"), source)?;
            for (delays, value) in all.iter_mut().zip(column) {
                if let Some(value) = value {
                    delays.get_or_insert([0_u32; 4])[part] = value;
                }
            }
        }
        Ok(all)
    }
}

impl ArrowedValue for Position {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
        let _ = name;
        let files: Vec<u64> = values.iter().map(|position| position.file.0).collect();
        let offsets: Vec<u64> = values.iter().map(|position| position.offset).collect();
        u64::put_all(&files, "file", out);
        u64::put_all(&offsets, "offset", out);
    }
    fn get_all(_name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
        let files = u64::get_all("file", source)?;
        let offsets = u64::get_all("offset", source)?;
        Ok(files.into_iter().zip(offsets).map(|(file, offset)| Position { file: FileId(file), offset }).collect())
    }
}

macro_rules! words {
    ($($word:ident)+) => { $(
        impl ArrowedValue for $word {
            fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
                let codes: Vec<u8> = values.iter().map(|word| word.code()).collect();
                u8::put_all(&codes, name, out);
            }
            fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
                Ok(u8::get_all(name, source)?.into_iter().map(<$word as Coded>::of).collect())
            }
        }
    )+ };
}

words!(Direction HandedTo Status Outcome Stage Action AuthResult Level Population Scope Fault Reason);

impl ArrowedValue for Option<Reason> {
    fn put_all(values: &[Self], name: &str, out: &mut Arrays) {
        let codes: Vec<Option<u32>> = values.iter().map(|reason| reason.map(|reason| u32::from(reason.code()))).collect();
        out.add(name, Arc::new(UInt32Array::from(codes)), true);
    }
    fn get_all(name: &str, source: &Source<'_>) -> Result<Vec<Self>> {
        let array = source.optional::<UInt32Type>(name)?;
        let word = |code: Option<u32>| code.map(|code| <Reason as Coded>::of(u8::try_from(code).unwrap_or(u8::MAX)));
        Ok(array.map_or_else(|| vec![None; source.rows()], |array| array.iter().map(word).collect()))
    }
}

impl Arrowed for Strings {
    fn write(&self, name: &str, out: &mut Arrays) {
        out.add(name, Arc::new(string_array(self)), false);
    }

    fn read(name: &str, source: &Source<'_>) -> Result<Self> {
        let mut column = Strings::default();
        match source.array(name, &DataType::Utf8)? {
            None => column.ends = vec![0; source.rows()],
            Some(array) => {
                for text in array.as_string::<i32>() {
                    column.push(text.unwrap_or_default());
                }
            }
        }
        Ok(column)
    }
}

/// The strings as one arrow array. A table holds far less than 2 GiB of text: batches are limited where they are made.
pub(crate) fn string_array(strings: &Strings) -> StringArray {
    let mut offsets: Vec<i32> = Vec::with_capacity(strings.ends.len() + 1);
    offsets.push(0);
    offsets.extend(strings.ends.iter().map(|end| *end as i32));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    StringArray::new(offsets, Buffer::from(strings.text.as_bytes()), None)
}

impl Arrowed for Addresses {
    fn write(&self, name: &str, out: &mut Arrays) {
        self.local.write(&format!("{name}_local"), out);
        self.domain.write(&format!("{name}_domain"), out);
    }
    fn read(name: &str, source: &Source<'_>) -> Result<Self> {
        Ok(Addresses { local: Strings::read(&format!("{name}_local"), source)?, domain: Strings::read(&format!("{name}_domain"), source)? })
    }
}

impl Arrowed for Streams {
    fn write(&self, name: &str, out: &mut Arrays) {
        let keys: Vec<u64> = self.table.iter().map(Stream::key).collect();
        let column: Vec<u64> = self.codes.iter().map(|code| keys[*code as usize]).collect();
        u64::put_all(&column, name, out);
    }

    fn read(name: &str, source: &Source<'_>) -> Result<Self> {
        let mut column = Streams::default();
        let mut last: Option<u64> = None;
        for key in source.plain::<UInt64Type>(name)? {
            match column.codes.last().copied() {
                Some(code) if last == Some(key) => column.codes.push(code),
                _ => column.push(&(source.streams)(key)),
            }
            last = Some(key);
        }
        Ok(column)
    }
}

impl Arrowed for Positions {
    fn write(&self, name: &str, out: &mut Arrays) {
        let mut builder = BinaryBuilder::with_capacity(self.ends.len(), self.all.len() * 3);
        let mut bytes = Vec::new();
        for row in 0..self.ends.len() {
            bytes.clear();
            put_positions(self.get(row), Position::default(), &mut bytes);
            builder.append_value(&bytes);
        }
        out.add(name, Arc::new(builder.finish()), false);
    }

    fn read(name: &str, source: &Source<'_>) -> Result<Self> {
        let mut column = Positions::default();
        let Some(array) = source.array(name, &DataType::Binary)? else {
            column.ends = vec![0; source.rows()];
            return Ok(column);
        };
        for bytes in array.as_binary::<i32>() {
            get_positions(bytes.unwrap_or_default(), Position::default(), &mut column.all)?;
            column.ends.push(column.all.len());
        }
        Ok(column)
    }
}

/// Adds positions, each as the step from the one before; `before` is known to the reader.
pub(crate) fn put_positions(positions: &[Position], before: Position, out: &mut Vec<u8>) {
    let mut before = before;
    put_varint(out, positions.len() as u64);
    for position in positions {
        position.put(before, out);
        before = *position;
    }
}

/// Reads what [`put_positions`] wrote, up to the end of `bytes`.
pub(crate) fn get_positions(bytes: &[u8], before: Position, all: &mut Vec<Position>) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut before = before;
    let mut input = Bytes::new(bytes);
    for _ in 0..input.varint()? {
        before = Position::get(before, &mut input)?;
        all.push(before);
    }
    Ok(())
}
