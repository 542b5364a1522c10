//! Points in time as Mailvane keeps them: microseconds since the Unix epoch, UTC.

use chrono::{DateTime, FixedOffset, TimeZone, Utc};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Time {
    /// One second, in the unit of this type.
    pub const SECOND: i64 = 1_000_000;
    /// One minute, in the unit of this type.
    pub const MINUTE: i64 = 60 * Self::SECOND;
    /// One hour, in the unit of this type.
    pub const HOUR: i64 = 60 * Self::MINUTE;
    /// One day, in the unit of this type.
    pub const DAY: i64 = 24 * Self::HOUR;

    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Time(seconds * Self::SECOND)
    }

    /// From a chrono value of any zone.
    pub fn from_chrono<Zone: TimeZone>(value: &DateTime<Zone>) -> Self {
        Time(value.timestamp_micros())
    }

    /// As chrono's UTC value; the epoch when out of its range.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(Self::SECOND)
    }

    /// Days since the epoch, UTC, rounded down.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(Self::DAY)
    }

    /// The start of the step of `width` microseconds that holds this time.
    pub const fn floor(self, width: i64) -> Self {
        Time(self.0.div_euclid(width) * width)
    }

    /// This time moved by `micros`, saturating.
    pub const fn plus(self, micros: i64) -> Self {
        Time(self.0.saturating_add(micros))
    }

    /// RFC 3339 with the given offset east of UTC in minutes; fraction only when there is one.
    pub fn rfc3339(self, offset_minutes: i32) -> String {
        let offset = FixedOffset::east_opt(offset_minutes * 60).unwrap_or_else(|| chrono::Offset::fix(&Utc));
        let value = self.to_chrono().with_timezone(&offset);
        value.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }
}
