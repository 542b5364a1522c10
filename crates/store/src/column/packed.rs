//! The packed form of a column: compact, quick, read back whole. It is what a pending batch is made of.
//!
//! A column is its name, the length of its bytes, and its bytes; so a later version can add and drop columns.

use mailvane_model::column::{Addresses, Column, Positions, Streams, Strings, Values};
use mailvane_model::word::{Action, AuthResult, Direction, Fault, HandedTo, Level, Mta, Outcome, Population, Reason, Scope, Stage, Status};
use mailvane_model::{FileId, Position, Stream, Time};

use super::bytes::{Bytes, put_run, put_signed, put_varint};
use crate::error::{Error, Result};

/// A column that has a packed form.
pub(crate) trait Packed: Column {
    /// Adds the cells.
    fn pack(&self, out: &mut Vec<u8>);
    /// Reads `rows` cells.
    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self>;
}

/// Adds a column with its name.
pub(crate) fn put_column(out: &mut Vec<u8>, name: &str, column: &impl Packed) {
    put_run(out, name.as_bytes());
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    column.pack(out);
    // A batch is limited to far less than 4 GiB by whoever commits it; a longer column could not be read back.
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

/// The columns of a table: names and bytes.
pub(crate) fn columns<'a>(input: &mut Bytes<'a>, rows: usize) -> Result<Vec<(&'a [u8], &'a [u8])>> {
    let count = input.varint()?;
    if count > 1000 || rows > u32::MAX as usize {
        return Err(Error::format("a packed batch"));
    }
    let mut all = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let name = input.run()?;
        let mut four = [0_u8; 4];
        four.copy_from_slice(input.take(4)?);
        all.push((name, input.take(u32::from_le_bytes(four) as usize)?));
    }
    Ok(all)
}

/// The column of a name; default values when it is missing.
pub(crate) fn get_column<C: Packed>(columns: &[(&[u8], &[u8])], name: &str, rows: usize) -> Result<C>
where
    for<'a> C::Item<'a>: Default,
{
    if let Some((_, bytes)) = columns.iter().find(|(other, _)| *other == name.as_bytes()) {
        return C::unpack(&mut Bytes::new(bytes), rows);
    }
    let mut column = C::default();
    for _ in 0..rows {
        column.push(Default::default());
    }
    Ok(column)
}

/// A value with a packed form that depends on the value before it.
pub(crate) trait PackedValue: Copy + Default + 'static {
    /// Adds one value; `before` is the one before it.
    fn put(self, before: Self, out: &mut Vec<u8>);
    /// Reads one value.
    fn get(before: Self, input: &mut Bytes<'_>) -> Result<Self>;
}

impl<T: PackedValue> Packed for Values<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        let mut before = T::default();
        for value in &self.0 {
            value.put(before, out);
            before = *value;
        }
    }

    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self> {
        let mut all = Vec::with_capacity(rows.min(1 << 20));
        let mut before = T::default();
        for _ in 0..rows {
            before = T::get(before, input)?;
            all.push(before);
        }
        Ok(Values(all))
    }
}

impl PackedValue for u64 {
    // These are ids: hashes, which no shorter form fits.
    fn put(self, _before: Self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        input.word()
    }
}

macro_rules! small {
    ($($type:ty)+) => { $(
        impl PackedValue for $type {
            fn put(self, _before: Self, out: &mut Vec<u8>) {
                put_varint(out, u64::from(self));
            }
            fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
                <$type>::try_from(input.varint()?).map_err(|_| Error::format("a packed number"))
            }
        }
    )+ };
}

small!(u8 u16 u32);

impl PackedValue for bool {
    fn put(self, _before: Self, out: &mut Vec<u8>) {
        out.push(u8::from(self));
    }
    fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        Ok(input.byte()? != 0)
    }
}

impl PackedValue for Time {
    fn put(self, before: Self, out: &mut Vec<u8>) {
        put_signed(out, self.0.wrapping_sub(before.0));
    }
    fn get(before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        Ok(Time(before.0.wrapping_add(input.signed()?)))
    }
}

impl PackedValue for Position {
    fn put(self, before: Self, out: &mut Vec<u8>) {
        let same = self.file == before.file;
        out.push(u8::from(!same));
        if !same {
            out.extend_from_slice(&self.file.0.to_le_bytes());
        }
        put_signed(out, self.offset.wrapping_sub(before.offset) as i64);
    }
    fn get(before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        let file = if input.byte()? == 0 { before.file } else { FileId(input.word()?) };
        Ok(Position { file, offset: before.offset.wrapping_add(input.signed()? as u64) })
    }
}

impl PackedValue for Option<Time> {
    fn put(self, before: Self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(time) = self {
            time.put(before.unwrap_or_default(), out);
        }
    }
    fn get(before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        Ok(if input.byte()? == 0 { None } else { Some(Time::get(before.unwrap_or_default(), input)?) })
    }
}

impl PackedValue for Option<u64> {
    fn put(self, _before: Self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(number) = self {
            put_varint(out, number);
        }
    }
    fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        Ok(if input.byte()? == 0 { None } else { Some(input.varint()?) })
    }
}

impl PackedValue for Option<u32> {
    fn put(self, before: Self, out: &mut Vec<u8>) {
        self.map(u64::from).put(before.map(u64::from), out);
    }
    fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        let number = Option::<u64>::get(None, input)?;
        number.map(u32::try_from).transpose().map_err(|_| Error::format("a packed number"))
    }
}

impl PackedValue for Option<[u32; 4]> {
    fn put(self, _before: Self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        for part in self.into_iter().flatten() {
            part.put(0, out);
        }
    }
    fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        if input.byte()? == 0 {
            return Ok(None);
        }
        let mut parts = [0_u32; 4];
        for part in &mut parts {
            *part = u32::get(0, input)?;
        }
        Ok(Some(parts))
    }
}

/// A word of a closed list: one code on disk. A code that this version does not know becomes the default.
pub(crate) trait Coded: Copy + Default + 'static {
    /// The word of a code.
    fn of(code: u8) -> Self;
}

macro_rules! coded {
    ($($word:ident)+) => { $(
        impl Coded for $word {
            fn of(code: u8) -> Self {
                $word::from_code(code).unwrap_or_default()
            }
        }
        impl PackedValue for $word {
            fn put(self, _before: Self, out: &mut Vec<u8>) {
                out.push(self.code());
            }
            fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
                Ok(<$word as Coded>::of(input.byte()?))
            }
        }
    )+ };
}

coded!(Direction HandedTo Status Outcome Stage Action AuthResult Level Population Scope Fault Reason Mta);

/// Stands for "no word" where a word is optional.
pub(crate) const NO_CODE: u8 = 255;

impl PackedValue for Option<Reason> {
    fn put(self, _before: Self, out: &mut Vec<u8>) {
        out.push(self.map_or(NO_CODE, Reason::code));
    }
    fn get(_before: Self, input: &mut Bytes<'_>) -> Result<Self> {
        let code = input.byte()?;
        Ok(if code == NO_CODE { None } else { Some(<Reason as Coded>::of(code)) })
    }
}

impl Packed for Strings {
    fn pack(&self, out: &mut Vec<u8>) {
        let mut start = 0;
        for end in &self.ends {
            put_varint(out, (end - start) as u64);
            start = *end;
        }
        out.extend_from_slice(self.text.as_bytes());
    }

    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self> {
        let mut ends = Vec::with_capacity(rows.min(1 << 20));
        let mut end = 0_usize;
        for _ in 0..rows {
            end = end.saturating_add(usize::try_from(input.varint()?).unwrap_or(usize::MAX));
            ends.push(end);
        }
        let text = std::str::from_utf8(input.take(end)?).map_err(|_| Error::format("a packed text"))?;
        // An end inside a character would make a later read panic.
        if ends.iter().any(|end| !text.is_char_boundary(*end)) {
            return Err(Error::format("a packed text"));
        }
        Ok(Strings { text: text.to_owned(), ends })
    }
}

impl Packed for Addresses {
    fn pack(&self, out: &mut Vec<u8>) {
        self.local.pack(out);
        self.domain.pack(out);
    }
    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self> {
        Ok(Addresses { local: Strings::unpack(input, rows)?, domain: Strings::unpack(input, rows)? })
    }
}

impl Packed for Positions {
    fn pack(&self, out: &mut Vec<u8>) {
        let mut start = 0;
        let mut before = Position::default();
        for end in &self.ends {
            put_varint(out, (end - start) as u64);
            for position in &self.all[start..*end] {
                position.put(before, out);
                before = *position;
            }
            start = *end;
        }
    }

    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self> {
        let mut column = Positions::default();
        let mut before = Position::default();
        for _ in 0..rows {
            for _ in 0..input.varint()? {
                before = Position::get(before, input)?;
                column.all.push(before);
            }
            column.ends.push(column.all.len());
        }
        Ok(column)
    }
}

impl Packed for Streams {
    fn pack(&self, out: &mut Vec<u8>) {
        put_varint(out, self.table.len() as u64);
        for stream in &self.table {
            put_stream(stream, out);
        }
        for code in &self.codes {
            put_varint(out, u64::from(*code));
        }
    }

    fn unpack(input: &mut Bytes<'_>, rows: usize) -> Result<Self> {
        let mut table = Vec::new();
        for _ in 0..input.varint()? {
            table.push(get_stream(input)?);
        }
        let mut column = Streams::default();
        for _ in 0..rows {
            let code = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
            column.push(table.get(code).ok_or_else(|| Error::format("a packed stream"))?);
        }
        Ok(column)
    }
}

/// Adds a stream.
pub(crate) fn put_stream(stream: &Stream, out: &mut Vec<u8>) {
    put_run(out, stream.origin.as_bytes());
    put_run(out, stream.host.as_bytes());
    put_run(out, stream.instance.as_bytes());
    out.push(stream.mta.code());
}

/// Reads a stream.
pub(crate) fn get_stream(input: &mut Bytes<'_>) -> Result<Stream> {
    let mut text = || -> Result<String> { String::from_utf8(input.run()?.to_vec()).map_err(|_| Error::format("a packed stream")) };
    let (origin, host, instance) = (text()?, text()?, text()?);
    Ok(Stream { origin, host, instance, mta: <Mta as Coded>::of(input.byte()?) })
}
