//! Series as they are kept over a restart: short lists of numbers.

use std::collections::VecDeque;
use std::sync::Arc;

use mailvane_metric::histogram::Histogram;
use serde::{Deserialize, Serialize};

use super::history::{Entry, Gaps, History};
use super::season::Bucket;
use super::{Book, Name, Series};
use crate::input::Dimension;
use crate::measure::{Counts, SLOTS};

/// One series.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedSeries {
    class: u8,
    dimension: Dimension,
    key: String,
    /// Minutes, quarters, hours: see [`entry_numbers`].
    steps: [Vec<Vec<i64>>; 3],
    first_hour: i32,
    /// Hour of the week, week, then slot and value in hundredths.
    weeks: Vec<Vec<i64>>,
    /// Spread, expected, the peaks of quarter and hour, lack: slot and value in hundredths.
    learned: [Vec<(u8, i64)>; 5],
    peak_day: i32,
}

impl Book {
    /// Every series, to be kept.
    pub fn save(&self) -> Vec<SavedSeries> {
        self.all.iter().map(save).collect()
    }

    /// The series that were kept.
    pub fn restore(saved: Vec<SavedSeries>) -> Self {
        let mut book = Book::default();
        book.refill(saved.into_iter().map(restore).collect());
        book
    }
}

fn save(series: &Series) -> SavedSeries {
    let tier = |tier: &VecDeque<Entry>| tier.iter().map(entry_numbers).collect();
    let season = &series.season;
    SavedSeries {
        class: series.name.class,
        dimension: series.name.dimension,
        key: series.name.key.to_string(),
        steps: [tier(&series.history.minutes), tier(&series.history.quarters), tier(&series.history.hours)],
        first_hour: season.first_hour,
        weeks: season
            .buckets
            .iter()
            .map(|bucket| {
                let mut numbers = vec![i64::from(bucket.hour), i64::from(bucket.week)];
                numbers.extend(sparse(&bucket.sum).into_iter().flat_map(|(slot, value)| [i64::from(slot), value]));
                numbers
            })
            .collect(),
        learned: [
            sparse(&season.spread),
            sparse(&season.expected),
            sparse(&season.peaks[0]),
            sparse(&season.peaks[1]),
            sparse(&season.lack),
        ],
        peak_day: season.peak_day,
    }
}

fn restore(saved: SavedSeries) -> Series {
    let name = Name { class: saved.class, dimension: saved.dimension, key: Arc::from(saved.key) };
    let mut series = Series::new(name, saved.first_hour.saturating_mul(60));
    let tier = |steps: &[Vec<i64>]| steps.iter().filter_map(|numbers| entry(numbers)).collect();
    series.history = History::of(saved.steps.each_ref().map(|steps| tier(steps)));
    let season = &mut series.season;
    for numbers in &saved.weeks {
        if let [hour, week, rest @ ..] = numbers.as_slice() {
            let pairs: Vec<(u8, i64)> = rest.chunks_exact(2).map(|pair| (pair[0] as u8, pair[1])).collect();
            season.buckets.push(Bucket { hour: *hour as u8, week: *week as i32, sum: dense(&pairs) });
        }
    }
    season.buckets.sort_by_key(|bucket| bucket.hour);
    season.spread = dense(&saved.learned[0]);
    season.expected = dense(&saved.learned[1]);
    season.peaks = [dense(&saved.learned[2]), dense(&saved.learned[3])];
    season.lack = dense(&saved.learned[4]);
    season.peak_day = saved.peak_day;
    series
}

fn sparse(values: &[f32; SLOTS]) -> Vec<(u8, i64)> {
    let hundredths = values.iter().enumerate().map(|(slot, value)| (slot as u8, (value * 100.0).round() as i64));
    hundredths.filter(|(_, value)| *value != 0).collect()
}

fn dense(pairs: &[(u8, i64)]) -> [f32; SLOTS] {
    let mut values = [0.0; SLOTS];
    for (slot, value) in pairs {
        if let Some(place) = values.get_mut(usize::from(*slot)) {
            *place = *value as f32 / 100.0;
        }
    }
    values
}

/// Minute, its marks (1: bad, 2: told), how many counts, (slot, count) each, then the gaps twice: how many buckets, (bucket, count) each.
fn entry_numbers(entry: &Entry) -> Vec<i64> {
    let counts: Vec<(usize, i32)> = entry.counts.0.iter().copied().enumerate().filter(|(_, count)| *count != 0).collect();
    let mut numbers = vec![i64::from(entry.at), i64::from(entry.bad) | i64::from(entry.told) << 1, counts.len() as i64];
    numbers.extend(counts.iter().flat_map(|(slot, count)| [*slot as i64, i64::from(*count)]));
    if let Some(gaps) = &entry.gaps {
        for histogram in [&gaps.deferred, &gaps.finals] {
            numbers.push(histogram.buckets().len() as i64);
            numbers.extend(histogram.buckets().iter().flat_map(|(bucket, count)| [i64::from(*bucket), *count]));
        }
    }
    numbers
}

fn entry(numbers: &[i64]) -> Option<Entry> {
    let mut rest = numbers.iter().copied();
    let (at, marks) = (i32::try_from(rest.next()?).ok()?, rest.next()?);
    let mut entry = Entry { at, bad: marks & 1 != 0, told: marks & 2 != 0, ..Entry::default() };
    let mut counts = Counts::default();
    for _ in 0..rest.next()? {
        let (slot, count) = (rest.next()?, rest.next()?);
        *counts.0.get_mut(usize::try_from(slot).ok()?)? = i32::try_from(count).ok()?;
    }
    entry.counts = counts;
    let histogram = |rest: &mut dyn Iterator<Item = i64>| -> Option<Histogram> {
        let mut histogram = Histogram::default();
        for _ in 0..rest.next()? {
            let (bucket, count) = (rest.next()?, rest.next()?);
            histogram.add(u16::try_from(bucket).ok()?, count);
        }
        Some(histogram)
    };
    if numbers.len() > 3 + numbers[2] as usize * 2 {
        entry.gaps = Some(Box::new(Gaps { deferred: histogram(&mut rest)?, finals: histogram(&mut rest)? }));
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use mailvane_metric::{Cell, Figure, Figures, Spread, Traffic};
    use mailvane_model::Time;

    use super::*;

    #[test]
    fn a_book_is_the_same_after_a_restart() {
        let mut book = Book::default();
        for minute in 0..20_000_i64 {
            let mut figures = Figures::default();
            figures.add(Figure::Attempts, 1 + minute % 7);
            figures.add(Figure::Recipients, 1 + minute % 7);
            if minute % 5 == 0 {
                figures.add(Figure::DeferredAttempts, 1);
                figures.spread_mut(Spread::DeferredGap).record(300);
            }
            let mut cell = Cell::default();
            *cell.figures_mut(Traffic::DEFAULT) = figures;
            book.begin();
            let start = Time(minute * Time::MINUTE);
            book.add(start, Dimension::Provider, &Arc::from("google"), &cell);
            book.end(start, start.plus(Time::MINUTE));
        }
        let text = serde_json::to_string(&book.save()).unwrap();
        let again = Book::restore(serde_json::from_str(&text).unwrap());
        assert_eq!(again.all[0].history, book.all[0].history);
        assert_eq!(again.all[0].season.buckets.len(), book.all[0].season.buckets.len());
        assert_eq!(serde_json::to_string(&again.save()).unwrap(), text);
    }
}
