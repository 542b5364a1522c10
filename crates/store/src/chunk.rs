//! Stored rollups: the cells of one cube and width over a span of time, as one compressed run of bytes.

use std::collections::{BTreeMap, BTreeSet};

use ahash::AHashMap;
use mailvane_metric::figure::{Door, Figure};
use mailvane_metric::{Cell, Width};
use mailvane_model::Time;

use crate::column::bytes::{Bytes, put_run, put_signed, put_varint};
use crate::error::{Error, Result};
use crate::rollup::{Cells, OTHER, Range, Rolled, add};

/// The version of the form, its first byte.
const VERSION: u8 = 1;
/// A chunk beyond this is damaged.
const CHUNK_BYTES_MAX: usize = 1 << 30;

/// The time that one chunk spans.
pub(crate) const fn span(width: Width) -> i64 {
    match width {
        Width::Minute => 4 * Time::HOUR,
        Width::Quarter | Width::Hour => Time::DAY,
        Width::Day => 7 * Time::DAY,
    }
}

/// How many keys a step of one stream keeps apart; the others are added up under [`OTHER`].
pub(crate) const fn keys_max(width: Width) -> usize {
    match width {
        Width::Minute => 100,
        Width::Quarter => 300,
        Width::Hour => 1000,
        Width::Day => 2000,
    }
}

/// The bytes of cells that lie in one chunk.
pub(crate) fn encode(cells: &Cells, level: i32) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let streams: BTreeSet<u64> = cells.keys().map(|place| place.1).collect();
    let keys: BTreeSet<&str> = cells.keys().map(|place| place.2.as_str()).collect();
    put_varint(&mut plain, streams.len() as u64);
    for stream in &streams {
        plain.extend_from_slice(&stream.to_le_bytes());
    }
    put_varint(&mut plain, keys.len() as u64);
    for key in &keys {
        put_run(&mut plain, key.as_bytes());
    }
    let stream_number: AHashMap<u64, u64> = streams.iter().enumerate().map(|(number, stream)| (*stream, number as u64)).collect();
    let key_number: AHashMap<&str, u64> = keys.iter().enumerate().map(|(number, key)| (*key, number as u64)).collect();
    put_varint(&mut plain, cells.len() as u64);
    // Like stands by like: it packs better than cell after cell.
    let mut before = 0_i64;
    for (time, _, _) in cells.keys() {
        put_signed(&mut plain, (time.0 - before) / Time::MINUTE);
        before = time.0;
    }
    for (_, stream, _) in cells.keys() {
        put_varint(&mut plain, stream_number.get(stream).copied().unwrap_or_default());
    }
    for (_, _, key) in cells.keys() {
        put_varint(&mut plain, key_number.get(key.as_str()).copied().unwrap_or_default());
    }
    for cell in cells.values() {
        put_run(&mut plain, &cell.encode());
    }
    let mut out = vec![VERSION];
    put_varint(&mut out, plain.len() as u64);
    out.extend_from_slice(&zstd::bulk::compress(&plain, level).map_err(|error| Error::format(format!("a rollup ({error})")))?);
    Ok(out)
}

/// Adds the cells of a chunk that are in range.
pub(crate) fn decode(bytes: &[u8], range: &Range<'_>, cells: &mut Cells) -> Result<()> {
    decode_each(bytes, range, &mut |time, stream, key, cell| add(cells, (time, stream, key.to_owned()), &cell))
}

/// All cells of a chunk, sorted by time, stream and key.
pub(crate) fn all(bytes: &[u8]) -> Result<Vec<Rolled>> {
    let range = Range { from: Time(i64::MIN), until: Time(i64::MAX), streams: None, keys: None };
    let mut cells = Vec::new();
    decode_each(bytes, &range, &mut |time, stream, key, cell| cells.push(Rolled { time, stream, key: key.to_owned(), cell }))?;
    Ok(cells)
}

/// Hands out the cells of a chunk that are in range, sorted by time, stream and key.
pub(crate) fn decode_each(bytes: &[u8], range: &Range<'_>, see: &mut dyn FnMut(Time, u64, &str, Cell)) -> Result<()> {
    let wrong = || Error::format("a rollup");
    let mut input = Bytes::new(bytes);
    if input.byte()? != VERSION {
        return Err(wrong());
    }
    let length = usize::try_from(input.varint()?).ok().filter(|length| *length <= CHUNK_BYTES_MAX).ok_or_else(wrong)?;
    let plain = zstd::bulk::decompress(input.rest(), length).map_err(|_| wrong())?;
    let mut input = Bytes::new(&plain);
    let mut streams = Vec::new();
    for _ in 0..input.varint()? {
        streams.push(input.word()?);
    }
    let mut keys = Vec::new();
    for _ in 0..input.varint()? {
        keys.push(std::str::from_utf8(input.run()?).map_err(|_| wrong())?);
    }
    let count = input.varint()?;
    let mut places = Vec::new();
    let mut minutes = 0_i64;
    for _ in 0..count {
        minutes = minutes.wrapping_add(input.signed()?);
        places.push((Time(minutes.wrapping_mul(Time::MINUTE)), 0_u64, ""));
    }
    for place in &mut places {
        place.1 = usize::try_from(input.varint()?).ok().and_then(|at| streams.get(at).copied()).ok_or_else(wrong)?;
    }
    for place in &mut places {
        place.2 = usize::try_from(input.varint()?).ok().and_then(|at| keys.get(at).copied()).ok_or_else(wrong)?;
    }
    for (time, stream, key) in places {
        let cell = input.run()?;
        if time >= range.from && time < range.until && range.has(stream, key) {
            let cell = Cell::decode(cell).map_err(|error| Error::format(format!("a rollup ({error})")))?;
            see(time, stream, key, cell);
        }
    }
    Ok(())
}

/// Adds deltas to stored cells: a key that a step has folded into [`OTHER`] goes there, then long tails are folded.
pub(crate) fn merge(cells: &mut Cells, deltas: Cells, limit: usize) {
    let folded: BTreeSet<(Time, u64)> = cells.keys().filter(|place| place.2 == OTHER).map(|place| (place.0, place.1)).collect();
    for (place, cell) in deltas {
        let known = !folded.contains(&(place.0, place.1)) || cells.contains_key(&place);
        let place = if known { place } else { (place.0, place.1, OTHER.to_owned()) };
        add(cells, place, &cell);
    }
    cells.retain(|place, cell| !cell.is_empty() || place.2 == OTHER);
    fold_tails(cells, limit);
}

/// Where a step of a stream has far more keys than the limit, the smallest are added up.
fn fold_tails(cells: &mut Cells, limit: usize) {
    let mut sizes: BTreeMap<(Time, u64), usize> = BTreeMap::new();
    for (time, stream, _) in cells.keys() {
        *sizes.entry((*time, *stream)).or_default() += 1;
    }
    // Twice the limit, so that a tail is folded seldom and by what is known of a whole step.
    for ((time, stream), _) in sizes.into_iter().filter(|(_, size)| *size > 2 * limit) {
        let step = (time, stream, String::new())..=(time, stream, char::MAX.to_string());
        let mut keys: Vec<(i64, String)> =
            cells.range(step).filter(|(place, _)| place.2 != OTHER).map(|(place, cell)| (weight(cell), place.2.clone())).collect();
        keys.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        for (_, key) in keys.drain(limit.min(keys.len())..) {
            if let Some(cell) = cells.remove(&(time, stream, key)) {
                add(cells, (time, stream, OTHER.to_owned()), &cell);
            }
        }
    }
}

/// How much happened in a cell: what decides who is in the tail.
fn weight(cell: &Cell) -> i64 {
    let figures: i64 = cell
        .parts()
        .map(|(_, figures)| Figure::ALL.iter().filter(|figure| is_count(**figure)).map(|figure| figures.get(*figure).abs()).sum::<i64>())
        .sum();
    figures + Door::ALL.iter().map(|door| cell.door(*door).abs()).sum::<i64>()
}

fn is_count(figure: Figure) -> bool {
    matches!(figure, Figure::Attempts | Figure::Received | Figure::Delivered | Figure::Bounced | Figure::Expired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_metric::Traffic;

    fn cell(attempts: i64) -> Cell {
        let mut cell = Cell::default();
        cell.figures_mut(Traffic::DEFAULT).add(Figure::Attempts, attempts);
        cell
    }

    const EVER: Range<'static> = Range { from: Time(i64::MIN), until: Time(i64::MAX), streams: None, keys: None };

    #[test]
    fn cells_come_back() {
        let mut cells = Cells::new();
        for minute in 0..30 {
            for key in ["", "google", "microsoft"] {
                cells.insert((Time(minute * Time::MINUTE), 7 + minute as u64 % 2, key.to_owned()), cell(minute + 1));
            }
        }
        let bytes = encode(&cells, 3).unwrap();
        let mut found = Cells::new();
        decode(&bytes, &EVER, &mut found).unwrap();
        assert_eq!(found, cells);
        let mut part = Cells::new();
        let range = Range { from: Time(Time::MINUTE), until: Time(4 * Time::MINUTE), streams: Some(&[7]), keys: None };
        decode(&bytes, &range, &mut part).unwrap();
        assert_eq!(part.len(), 3);
        assert!(decode(&bytes[..bytes.len() / 2], &EVER, &mut part).is_err());
    }

    #[test]
    fn the_tail_is_folded_and_stays_folded() {
        let key = |number: usize| (Time(0), 1, format!("domain{number}.example"));
        let mut cells = Cells::new();
        merge(&mut cells, (0..100).map(|number| (key(number), cell(1 + number as i64))).collect(), 10);
        assert_eq!(cells.len(), 11);
        let total = |cells: &Cells| cells.values().map(|cell| cell.get(Traffic::DEFAULT, Figure::Attempts)).sum::<i64>();
        assert_eq!(total(&cells), 5050);
        assert!(cells.contains_key(&key(99)) && !cells.contains_key(&key(3)));
        merge(&mut cells, Cells::from([(key(3), cell(-4)), (key(99), cell(50))]), 10);
        assert_eq!((cells.len(), total(&cells)), (11, 5096));
    }
}
