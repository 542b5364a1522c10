//! A five-field line of cron, as POSIX and the cron of Debian read it, in a time zone.
//!
//! The crate `cron` finds the next time; what it reads differs (six fields, Sunday is 1, both day fields must fit), so each field is
//! read here and handed over as a list of numbers. When both day fields are restricted, a day that fits one of them is enough: that is
//! two schedules, of which the earlier counts. A day field that begins with `*` does not restrict in this sense, as in Vixie's cron.
//!
//! Clock changes: a line with fixed hours runs once a day. Its time in the hour that is left out comes right after the gap; in the
//! hour that comes twice, the first pass counts. A line for every hour (`*`) follows real time, through both passes.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use cron::Schedule;
use mailvane_model::Time;

/// Around a clock change minutes are looked at one by one, for so long.
const SCAN: i64 = 26 * 60;
/// A gap in the clock is not longer than this, in minutes.
const GAP: i64 = 24 * 60;

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day of the month", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: MONTHS },
    Field { name: "day of the week", least: 0, most: 7, names: DAYS },
];

/// One field: the values that fit, sorted, and whether it was written as a star.
struct Values {
    fit: Vec<u32>,
    star: bool,
    all: bool,
}

impl Field {
    fn read(&self, text: &str) -> Result<Values> {
        let mut fit = Vec::new();
        for item in text.split(',') {
            self.item(item, &mut fit).with_context(|| format!("the {} `{text}`", self.name))?;
        }
        if self.names == DAYS {
            // 7 is Sunday, too.
            fit.iter_mut().for_each(|day| *day %= 7);
        }
        fit.sort_unstable();
        fit.dedup();
        let count = if self.names == DAYS { 7 } else { self.most - self.least + 1 };
        Ok(Values { all: fit.len() as u32 == count, fit, star: text.starts_with('*') })
    }

    fn item(&self, item: &str, fit: &mut Vec<u32>) -> Result<()> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => {
                (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0).context("a step is a number from 1 on")?))
            }
            None => (item, None),
        };
        let (first, last) = if range == "*" {
            (self.least, if self.names == DAYS { 6 } else { self.most })
        } else if let Some((first, last)) = range.split_once('-') {
            (self.value(first)?, self.value(last)?)
        } else {
            let value = self.value(range)?;
            // `5/15` means from 5 on.
            (value, if step.is_some() { self.most } else { value })
        };
        if first > last {
            bail!("`{range}` runs backwards; write two ranges");
        }
        fit.extend((first..=last).step_by(step.unwrap_or(1) as usize));
        Ok(())
    }

    fn value(&self, text: &str) -> Result<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        // Months begin at 1, days of the week at 0.
        let value = named.map(|at| at as u32 + u32::from(self.names == MONTHS));
        let value = match value {
            Some(value) => value,
            None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().unwrap_or(u32::MAX),
            None => bail!("`{text}` is no number{}", if self.names.is_empty() { "" } else { " and no name" }),
        };
        if value < self.least || value > self.most {
            bail!("{text} is not within {} to {}", self.least, self.most);
        }
        Ok(value)
    }
}

/// A line, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    text: String,
    zone: Tz,
    schedules: Vec<Schedule>,
    every_hour: bool,
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.zone) == (&other.text, other.zone)
    }
}

impl Line {
    /// Reads `*/15 * * * *`, or `@hourly`, `@daily`, `@weekly`, `@monthly`.
    pub(crate) fn read(text: &str, zone: Tz) -> Result<Self> {
        let spelled = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            other => other,
        };
        let words: Vec<&str> = spelled.split_whitespace().collect();
        if words.len() != FIELDS.len() {
            bail!("schedule `{text}`: {} fields; five are needed: minute, hour, day of the month, month, day of the week", words.len());
        }
        let read = FIELDS.iter().zip(&words).map(|(field, word)| field.read(word)).collect::<Result<Vec<Values>>>();
        let values = read.with_context(|| format!("schedule `{text}`"))?;
        let [minutes, hours, days, months, weekdays] = values.as_slice() else { bail!("schedule `{text}`: five fields are needed") };
        let list = |values: &Values, add: u32| {
            if values.all { "*".to_owned() } else { values.fit.iter().map(|value| (value + add).to_string()).collect::<Vec<_>>().join(",") }
        };
        let schedule = |days: &str, weekdays: &str| {
            let six = format!("0 {} {} {days} {} {weekdays}", list(minutes, 0), list(hours, 0), list(months, 0));
            six.parse::<Schedule>().with_context(|| format!("schedule `{text}`"))
        };
        let either = !days.star && !weekdays.star;
        // Of the crate, Sunday is 1.
        let (by_day, by_weekday) = (list(days, 0), list(weekdays, 1));
        let schedules =
            if either { vec![schedule(&by_day, "*")?, schedule("*", &by_weekday)?] } else { vec![schedule(&by_day, &by_weekday)?] };
        Ok(Line { text: text.to_owned(), zone, schedules, every_hour: hours.all })
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The first time after `time`; `None` when there is none (30 February).
    pub(crate) fn after(&self, time: Time) -> Option<Time> {
        let from = DateTime::from_timestamp(time.seconds(), 0)?;
        let found = if self.every_hour { self.in_real_time(from) } else { self.by_the_clock(from) };
        found.map(|found| Time::from_seconds(found.timestamp()))
    }

    /// The first wall-clock time after this one, without regard to clock changes.
    fn next_on_wall(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let from = Utc.from_utc_datetime(&wall);
        self.schedules.iter().filter_map(|schedule| schedule.after(&from).next()).map(|next| next.naive_utc()).min()
    }

    fn is_on_wall(&self, wall: NaiveDateTime) -> bool {
        let wall = Utc.from_utc_datetime(&wall);
        self.schedules.iter().any(|schedule| schedule.includes(wall))
    }

    fn wall(&self, time: DateTime<Utc>) -> NaiveDateTime {
        time.with_timezone(&self.zone).naive_local()
    }

    /// Every wall-clock time once a day, each at one moment.
    fn by_the_clock(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // In the second pass of an hour the wall stands where it stood before: go on from the end of the first.
        let mut wall = self.wall(from);
        if let LocalResult::Ambiguous(first, _) = self.zone.from_local_datetime(&wall)
            && first.with_timezone(&Utc) < from
        {
            wall = self.end_of_overlap(wall);
        }
        // A gap that ended a moment ago may hold times that came right after it.
        for _ in 0..=SCAN {
            wall = self.next_on_wall(wall)?;
            let moment = self.moment(wall)?;
            if moment > from {
                return Some(moment);
            }
        }
        None
    }

    fn end_of_overlap(&self, mut wall: NaiveDateTime) -> NaiveDateTime {
        wall = wall.with_second(0).unwrap_or(wall);
        for _ in 0..GAP {
            let next = wall + Duration::minutes(1);
            if !matches!(self.zone.from_local_datetime(&next), LocalResult::Ambiguous(..)) {
                return wall;
            }
            wall = next;
        }
        wall
    }

    /// When the wall clock shows this: the first time of two, right after a gap when it never does.
    fn moment(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let mut wall = wall;
        for _ in 0..GAP {
            if let Some(moment) = self.zone.from_local_datetime(&wall).earliest() {
                return Some(moment.with_timezone(&Utc));
            }
            wall += Duration::minutes(1);
        }
        None
    }

    /// Real time goes on while the clock is changed: minutes are looked at as they come.
    fn in_real_time(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let offset = self.zone.offset_from_utc_datetime(&from.naive_utc()).fix();
        let next = self.next_on_wall(self.wall(from))?;
        let moment = Utc.from_utc_datetime(&(next - Duration::seconds(i64::from(offset.local_minus_utc()))));
        let same = self.zone.offset_from_utc_datetime(&moment.naive_utc()).fix() == offset;
        // Two changes between the two moments can cancel each other out; then days lie between, and the days were right anyway.
        if same {
            return Some(moment);
        }
        let start = from.with_second(0)?.with_nanosecond(0)?;
        let scanned = (1..=SCAN).map(|minute| start + Duration::minutes(minute)).find(|moment| self.is_on_wall(self.wall(*moment)));
        scanned.or_else(|| self.moment(next).filter(|moment| *moment > from))
    }
}
