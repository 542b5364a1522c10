//! Years and zones for heads that have none: a walk over the lines of one file in order.
//!
//! A year is found from an anchor (the file's modification time, or a year the operator gave) for the first line, and by order
//! from then on: `Dec 31` followed by `Jan 1` is a new year, a small step backwards is not. A zone is a fixed offset or a named
//! one; where a clock was set back, order tells the first pass through the hour from the second.

use chrono::{DateTime, Datelike, MappedLocalTime, Offset, TimeZone};
use chrono_tz::Tz;
use mailvane_model::Time;
use thiserror::Error;

use crate::record::When;
use crate::syntax::{days_from_civil, is_leap};

/// A step backwards of up to this much stays in the same year; what looks like more is the turn of a year.
const LONGEST_STEP_BACK: i64 = 183 * Time::DAY;
/// In January, a line up to this much before the last one belongs to the December before.
const LONGEST_STEP_BACK_OVER_NEW_YEAR: i64 = 31 * Time::DAY;
/// How far a line may lie after the anchor: clocks and zones differ.
const ANCHOR_SLACK: i64 = Time::DAY;
/// In an hour that happens twice, a step back by more than this is the second pass.
const FOLD_STEP_BACK: i64 = 30 * Time::MINUTE;
/// Offsets change at multiples of this.
const OFFSET_STEP: i64 = 15 * Time::MINUTE;
/// The version of [`Calendar::encode`].
const VERSION: u8 = 1;

/// The zone of a local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Minutes east of UTC.
    Fixed(i16),
    /// A zone of the time zone database.
    Named(Tz),
}

impl From<Tz> for Zone {
    fn from(zone: Tz) -> Self {
        Zone::Named(zone)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Zone::Fixed(0)
    }
}

/// A zone that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown time zone `{0}`; write a name such as `Europe/Berlin`, `UTC`, or an offset such as `+01:00`")]
pub struct UnknownZone(pub String);

impl std::str::FromStr for Zone {
    type Err = UnknownZone;

    /// A name of the time zone database, `UTC`, `Z`, or an offset such as `+01:00`.
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
            return Ok(Zone::Fixed(0));
        }
        if let Some((minutes, b"")) = crate::head::zone(text.as_bytes()) {
            return Ok(Zone::Fixed(minutes));
        }
        text.parse().map(Zone::Named).map_err(|_| UnknownZone(text.to_owned()))
    }
}

/// What the year of the first line is found from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// Nothing is known: the first line is in 1970, and only the walk is right.
    #[default]
    Unknown,
    /// No line is later than this (and a day): the modification time of the file, or now.
    NotAfter(Time),
    /// The year of the first line.
    Year(i32),
}

/// A state that could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Written by a later version.
    #[error("calendar state has version {0}, this program reads up to 1")]
    Version(u8),
    /// Cut or damaged.
    #[error("calendar state is damaged")]
    Damaged,
}

/// The day of a yearless line, as it was resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Day {
    month: u8,
    day: u8,
    year: i32,
    /// Its midnight on the local clock, as if that were UTC.
    midnight: i64,
}

/// Resolves the times of one file's lines, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    anchor: Anchor,
    /// The day of the last yearless line; `month` is 0 before the first.
    day: Day,
    /// The last local time, as if the local clock were UTC.
    local: i64,
    /// The last time, and whether there was one.
    last: Option<(Time, i32)>,
    /// The stretch of local time whose offset is known, and the offset in minutes.
    stretch: Option<(i64, i16)>,
}

impl Calendar {
    /// For the lines of one file, from its first; none is later than `modified` (and a day), its modification time or now.
    pub fn new(zone: impl Into<Zone>, modified: Time) -> Self {
        Self::with_anchor(zone, Anchor::NotAfter(modified))
    }

    /// For the lines of one file, from its first, which is in `year`.
    pub fn with_year(zone: impl Into<Zone>, year: i32) -> Self {
        Self::with_anchor(zone, Anchor::Year(year))
    }

    /// For the lines of one file, from its first.
    pub fn with_anchor(zone: impl Into<Zone>, anchor: Anchor) -> Self {
        Calendar { zone: zone.into(), anchor, ..Calendar::default() }
    }

    /// Moves the anchor: a live file has a later modification time with each line.
    pub fn set_anchor(&mut self, anchor: Anchor) {
        self.anchor = anchor;
    }

    /// The zone.
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The last time that was resolved, with its offset in minutes.
    pub const fn last(&self) -> Option<(Time, i32)> {
        self.last
    }

    /// The year the walk is in, once a yearless line was seen.
    pub const fn year(&self) -> Option<i32> {
        if self.day.month == 0 { None } else { Some(self.day.year) }
    }

    /// The time of the next line and its offset east of UTC in minutes. A line without a time has that of the line before;
    /// `None` where there is none.
    #[inline]
    pub fn resolve(&mut self, when: When) -> Option<(Time, i32)> {
        match when {
            When::Missing => return self.last,
            When::Absolute { micros, offset_minutes } => self.last = Some((Time(micros), i32::from(offset_minutes))),
            When::Local { micros } => self.last = Some(self.at_local(micros)),
            When::Yearless { month, day, micros } => {
                if month != self.day.month || day != self.day.day {
                    self.turn_day(month, day, micros);
                }
                let local = self.day.midnight.saturating_add(micros);
                self.last = Some(self.at_local(local));
            }
        }
        self.last
    }

    /// Finds the year of a day other than the last one.
    fn turn_day(&mut self, month: u8, day: u8, micros: i64) {
        let year = if self.day.month == 0 { self.first_year(month, day, micros) } else { self.next_year(month, day, micros) };
        let year = year_with_day(year, month, day);
        self.day = Day { month, day, year, midnight: midnight(year, month, day) };
    }

    /// The year of the first line: the latest that is not after the anchor.
    fn first_year(&self, month: u8, day: u8, micros: i64) -> i32 {
        match self.anchor {
            Anchor::Unknown => 1970,
            Anchor::Year(year) => year.clamp(-9999, 9999),
            Anchor::NotAfter(bound) => {
                let year = bound.to_chrono().year().clamp(-9998, 9998);
                // The local clock may be in the next year already.
                if self.is_after_anchor(year + 1, month, day, micros) {
                    if self.is_after_anchor(year, month, day, micros) { year - 1 } else { year }
                } else {
                    year + 1
                }
            }
        }
    }

    fn is_after_anchor(&self, year: i32, month: u8, day: u8, micros: i64) -> bool {
        let Anchor::NotAfter(bound) = self.anchor else { return false };
        let local = midnight(year_with_day(year, month, day), month, day).saturating_add(micros);
        local.saturating_sub(i64::from(self.usual_offset(local)) * Time::MINUTE) > bound.plus(ANCHOR_SLACK).0
    }

    /// The year of a line after the first.
    fn next_year(&self, month: u8, day: u8, micros: i64) -> i32 {
        let year = self.day.year;
        let local = midnight(year, month, day) + micros;
        if local >= self.local {
            let december_before = midnight(year - 1, month, day) + micros;
            return if self.local.saturating_sub(december_before) <= LONGEST_STEP_BACK_OVER_NEW_YEAR { year - 1 } else { year };
        }
        if self.local.saturating_sub(local) <= LONGEST_STEP_BACK || self.is_after_anchor(year + 1, month, day, micros) {
            year
        } else {
            year + 1
        }
    }

    /// A local time with its offset.
    #[inline]
    fn at_local(&mut self, local: i64) -> (Time, i32) {
        self.local = local;
        let offset = match self.zone {
            Zone::Fixed(minutes) => minutes,
            Zone::Named(zone) => {
                let stretch = local.div_euclid(OFFSET_STEP);
                match self.stretch {
                    Some((known, offset)) if known == stretch => offset,
                    _ => self.find_offset(zone, local, stretch),
                }
            }
        };
        (Time(local.saturating_sub(i64::from(offset) * Time::MINUTE)), i32::from(offset))
    }

    fn find_offset(&mut self, zone: Tz, local: i64, stretch: i64) -> i16 {
        match offset_of(zone, local) {
            MappedLocalTime::Single(offset) => {
                self.stretch = Some((stretch, offset));
                offset
            }
            MappedLocalTime::Ambiguous(first, second) => {
                let (first, second) = (first.max(second), first.min(second));
                let first_pass = local.saturating_sub(i64::from(first) * Time::MINUTE);
                let is_second_pass = self.last.is_some_and(|(last, offset)| {
                    let step_back = last.0.saturating_sub(first_pass);
                    step_back > FOLD_STEP_BACK || step_back > 0 && offset == i32::from(second)
                });
                if is_second_pass { second } else { first }
            }
            // The hour that a clock set forward leaves out: the clock was not set yet.
            MappedLocalTime::None => self.usual_offset(local.saturating_sub(3 * Time::HOUR)),
        }
    }

    /// The offset of a local time where an hour more or less does not matter.
    fn usual_offset(&self, local: i64) -> i16 {
        match self.zone {
            Zone::Fixed(minutes) => minutes,
            Zone::Named(zone) => match offset_of(zone, local) {
                MappedLocalTime::Single(offset) | MappedLocalTime::Ambiguous(offset, _) => offset,
                MappedLocalTime::None => 0,
            },
        }
    }
}

/// The offset in minutes of a local time given as microseconds as if it were UTC.
fn offset_of(zone: Tz, local: i64) -> MappedLocalTime<i16> {
    let Some(local) = DateTime::from_timestamp_micros(local) else { return MappedLocalTime::Single(0) };
    zone.offset_from_local_datetime(&local.naive_utc()).map(|offset| (offset.fix().local_minus_utc() / 60) as i16)
}

/// The local midnight of a day in microseconds, as if the local clock were UTC.
fn midnight(year: i32, month: u8, day: u8) -> i64 {
    days_from_civil(year, month, day) * Time::DAY
}

/// The year itself, or the last leap year before it for a 29 February.
fn year_with_day(year: i32, month: u8, day: u8) -> i32 {
    if (month, day) != (2, 29) {
        return year;
    }
    let mut year = year;
    while !is_leap(year) {
        year -= 1;
    }
    year
}

/// Counts the turns of the year in a whole file of yearless lines, so that the year of its first line follows from the year of
/// its last ([`first_year`]). For files that may span more than a year.
#[derive(Clone, Debug, Default)]
pub struct YearCount {
    walk: Calendar,
    first: Option<i32>,
}

impl YearCount {
    /// An empty count.
    pub fn new() -> Self {
        // A leap year, so that a 29 February fits; what counts is the difference.
        YearCount { walk: Calendar::with_year(Zone::Fixed(0), 2000), first: None }
    }

    /// The next line's time.
    pub fn see(&mut self, when: When) {
        if matches!(when, When::Yearless { .. }) {
            self.walk.resolve(when);
            self.first = self.first.or(self.walk.year());
        }
    }

    /// How many turns of the year were seen.
    pub fn years(&self) -> i32 {
        match (self.first, self.walk.year()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        }
    }

    /// The year of the first line, when the last line (the last one seen) is not after `modified`.
    pub fn first_year(&self, zone: Zone, modified: Time) -> Option<i32> {
        let Day { month, day, .. } = self.walk.day;
        if month == 0 {
            return None;
        }
        let micros = self.walk.local.saturating_sub(self.walk.day.midnight);
        let last = first_year(When::Yearless { month, day, micros }, zone, modified)?;
        Some(last - self.years())
    }
}

/// The year of a yearless line that is the latest not after `modified`, the modification time of its file.
pub fn first_year(when: When, zone: Zone, modified: Time) -> Option<i32> {
    let mut calendar = Calendar::new(zone, modified);
    calendar.resolve(when);
    calendar.year()
}

impl Calendar {
    /// The state as versioned bytes. The anchor is not part of it: it is known anew at each start.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        match self.zone {
            Zone::Fixed(minutes) => {
                bytes.push(0);
                bytes.extend(minutes.to_le_bytes());
            }
            Zone::Named(zone) => {
                bytes.push(zone.name().len().min(255) as u8);
                bytes.extend(zone.name().as_bytes());
            }
        }
        bytes.extend(self.day.year.to_le_bytes());
        bytes.extend([self.day.month, self.day.day]);
        bytes.extend(self.local.to_le_bytes());
        let (last, offset) = self.last.unwrap_or_default();
        bytes.push(u8::from(self.last.is_some()));
        bytes.extend(last.0.to_le_bytes());
        bytes.extend((offset as i16).to_le_bytes());
        bytes
    }

    /// The state of [`Self::encode`]; set the anchor before going on.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, rest) = bytes.split_first().ok_or(DecodeError::Damaged)?;
        if *version != VERSION {
            return Err(DecodeError::Version(*version));
        }
        decode_1(rest).ok_or(DecodeError::Damaged)
    }
}

/// The fields of version 1.
fn decode_1(bytes: &[u8]) -> Option<Calendar> {
    let (length, rest) = bytes.split_first()?;
    let (zone, rest) = if *length == 0 {
        let (minutes, rest) = rest.split_first_chunk::<2>()?;
        (Zone::Fixed(i16::from_le_bytes(*minutes)), rest)
    } else {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        (Zone::Named(std::str::from_utf8(name).ok()?.parse().ok()?), rest)
    };
    let (year, rest) = rest.split_first_chunk::<4>()?;
    let year = i32::from_le_bytes(*year);
    let ([month, day], rest) = rest.split_first_chunk::<2>()?;
    let (local, rest) = rest.split_first_chunk::<8>()?;
    let (known, rest) = rest.split_first()?;
    let (last, rest) = rest.split_first_chunk::<8>()?;
    let offset = rest.first_chunk::<2>().filter(|_| rest.len() == 2)?;
    if !(-262_000..=262_000).contains(&year) || *month > 12 || *day > 31 || *known > 1 {
        return None;
    }
    let midnight = if *month == 0 { 0 } else { midnight(year, *month, *day) };
    Some(Calendar {
        zone,
        day: Day { month: *month, day: *day, year, midnight },
        local: i64::from_le_bytes(*local),
        last: (*known == 1).then_some((Time(i64::from_le_bytes(*last)), i32::from(i16::from_le_bytes(*offset)))),
        ..Calendar::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yearless(month: u8, day: u8, hour: i64, minute: i64) -> When {
        When::Yearless { month, day, micros: hour * Time::HOUR + minute * Time::MINUTE }
    }

    fn time(text: &str) -> Time {
        Time::from_chrono(&DateTime::parse_from_rfc3339(text).unwrap())
    }

    fn shown(calendar: &mut Calendar, when: When) -> String {
        let (time, offset) = calendar.resolve(when).unwrap();
        time.rfc3339(offset)
    }

    fn berlin() -> Zone {
        "Europe/Berlin".parse().unwrap()
    }

    #[test]
    fn the_first_line_is_not_after_the_anchor() {
        let year = |month, day, modified| first_year(yearless(month, day, 12, 0), Zone::Fixed(0), time(modified));
        assert_eq!(year(11, 2, "2026-11-02T13:00:00Z"), Some(2026));
        assert_eq!(year(12, 2, "2026-11-02T13:00:00Z"), Some(2025));
        assert_eq!(year(11, 3, "2026-11-02T13:00:00Z"), Some(2026), "clocks may differ by a day");
        assert_eq!(year(1, 1, "2026-12-31T23:00:00Z"), Some(2027), "the local clock is in the next year already");
        assert_eq!(year(2, 29, "2026-11-02T13:00:00Z"), Some(2024));
    }

    #[test]
    fn december_is_followed_by_january_and_small_steps_back_are_none() {
        let mut calendar = Calendar::with_anchor(Zone::Fixed(60), Anchor::Year(2025));
        assert_eq!(shown(&mut calendar, yearless(12, 31, 23, 59)), "2025-12-31T23:59:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(1, 1, 0, 0)), "2026-01-01T00:00:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(12, 31, 23, 58)), "2025-12-31T23:58:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(1, 1, 0, 1)), "2026-01-01T00:01:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(9, 1, 0, 0)), "2026-09-01T00:00:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(8, 25, 0, 0)), "2026-08-25T00:00:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(8, 25, 0, 0)), "2026-08-25T00:00:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(1, 20, 0, 0)), "2027-01-20T00:00:00+01:00");
    }

    #[test]
    fn nothing_moves_past_the_anchor() {
        let mut calendar = Calendar::with_anchor(Zone::Fixed(0), Anchor::NotAfter(time("2026-11-20T00:00:00Z")));
        assert_eq!(shown(&mut calendar, yearless(11, 14, 0, 0)), "2026-11-14T00:00:00Z");
        assert_eq!(shown(&mut calendar, yearless(2, 7, 0, 0)), "2026-02-07T00:00:00Z");
    }

    #[test]
    fn a_leap_day_is_in_a_leap_year() {
        let mut calendar = Calendar::with_anchor(Zone::Fixed(0), Anchor::Year(2024));
        assert_eq!(shown(&mut calendar, yearless(2, 28, 0, 0)), "2024-02-28T00:00:00Z");
        assert_eq!(shown(&mut calendar, yearless(2, 29, 0, 0)), "2024-02-29T00:00:00Z");
        assert_eq!(shown(&mut calendar, yearless(3, 1, 0, 0)), "2024-03-01T00:00:00Z");
    }

    #[test]
    fn the_hour_that_comes_twice_is_told_by_order() {
        let mut calendar = Calendar::with_anchor(berlin(), Anchor::Year(2026));
        assert_eq!(shown(&mut calendar, yearless(10, 25, 2, 10)), "2026-10-25T02:10:00+02:00");
        assert_eq!(shown(&mut calendar, yearless(10, 25, 2, 59)), "2026-10-25T02:59:00+02:00");
        assert_eq!(shown(&mut calendar, yearless(10, 25, 2, 0)), "2026-10-25T02:00:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(10, 25, 2, 40)), "2026-10-25T02:40:00+01:00");
        assert_eq!(shown(&mut calendar, yearless(10, 25, 3, 0)), "2026-10-25T03:00:00+01:00");
    }

    #[test]
    fn the_hour_that_is_left_out_goes_on_with_the_old_offset() {
        let mut calendar = Calendar::with_anchor(berlin(), Anchor::Year(2026));
        assert_eq!(shown(&mut calendar, yearless(3, 29, 1, 59)), "2026-03-29T01:59:00+01:00");
        assert_eq!(calendar.resolve(yearless(3, 29, 2, 30)).unwrap().0, time("2026-03-29T01:30:00Z"));
        assert_eq!(shown(&mut calendar, yearless(3, 29, 3, 0)), "2026-03-29T03:00:00+02:00");
    }

    #[test]
    fn other_forms_pass_and_a_missing_time_is_the_last() {
        let mut calendar = Calendar::with_anchor(berlin(), Anchor::Unknown);
        assert_eq!(calendar.resolve(When::Missing), None);
        assert_eq!(calendar.resolve(When::Absolute { micros: 5, offset_minutes: -90 }), Some((Time(5), -90)));
        assert_eq!(calendar.resolve(When::Missing), Some((Time(5), -90)));
        let local = time("2026-07-01T12:00:00Z").0;
        assert_eq!(shown(&mut calendar, When::Local { micros: local }), "2026-07-01T12:00:00+02:00");
    }

    #[test]
    fn the_ends_of_time_do_no_harm() {
        for zone in [Zone::Fixed(-900), berlin()] {
            for extreme in [i64::MIN, i64::MAX] {
                let mut calendar = Calendar::with_anchor(zone, Anchor::NotAfter(Time(extreme)));
                calendar.resolve(yearless(5, 5, 0, 0));
                calendar.resolve(When::Local { micros: extreme });
                assert!(calendar.resolve(yearless(6, 6, 0, 0)).is_some());
                assert!(calendar.resolve(yearless(2, 29, 0, 0)).is_some());
            }
        }
        let mut calendar = Calendar::with_year(Zone::Fixed(0), i32::MIN);
        assert!(calendar.resolve(yearless(2, 29, 0, 0)).is_some());
    }

    #[test]
    fn a_long_file_is_counted_from_its_end() {
        let mut count = YearCount::new();
        for month in [11, 12, 1, 6, 12, 2] {
            count.see(yearless(month, 3, 0, 0));
        }
        assert_eq!(count.years(), 2);
        assert_eq!(count.first_year(Zone::Fixed(0), time("2026-02-04T00:00:00Z")), Some(2024));
    }

    #[test]
    fn a_state_goes_on_where_it_was() {
        for zone in [Zone::Fixed(-210), berlin()] {
            let mut calendar = Calendar::with_anchor(zone, Anchor::Year(2025));
            calendar.resolve(yearless(12, 31, 23, 59));
            let mut again = Calendar::decode(&calendar.encode()).unwrap();
            assert_eq!(again.last(), calendar.last());
            assert_eq!(again.resolve(yearless(1, 1, 0, 0)), calendar.resolve(yearless(1, 1, 0, 0)));
        }
        assert_eq!(Calendar::decode(&[9]), Err(DecodeError::Version(9)));
        assert_eq!(Calendar::decode(&[]), Err(DecodeError::Damaged));
        assert_eq!(Calendar::decode(&[1, 0, 0]), Err(DecodeError::Damaged));
    }

    #[test]
    fn zones_are_names_or_offsets() {
        assert_eq!("+05:30".parse(), Ok(Zone::Fixed(330)));
        assert_eq!("utc".parse(), Ok(Zone::Fixed(0)));
        assert!("Mars/Olympus".parse::<Zone>().is_err());
    }
}
