//! Numbers, times and names as the text report writes them.

use chrono::FixedOffset;
use mailvane_metric::Rate;
use mailvane_model::Time;

/// A count with a comma every three digits.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A sum; a negative one (it cannot be) as 0.
pub(crate) fn sum(value: i64) -> String {
    count(value.max(0) as u64)
}

/// A sum that says nothing when it is 0, for tables.
pub(crate) fn sparse(value: i64) -> String {
    if value <= 0 { ".".to_owned() } else { sum(value) }
}

/// A share in percent with one digit; "-" when there is nothing to divide by.
pub(crate) fn percent(rate: Rate) -> String {
    match rate.value() {
        None => "-".to_owned(),
        Some(value) if value > 0.0 && value < 0.0005 => "<0.1 %".to_owned(),
        Some(value) if (0.9995..1.0).contains(&value) => ">99.9 %".to_owned(),
        Some(value) => format!("{:.1} %", value * 100.0),
    }
}

/// Bytes in the unit that keeps three digits or so (1 kB is 1000 bytes).
pub(crate) fn bytes(value: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < units.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    if unit == 0 || scaled >= 99.95 { format!("{scaled:.0} {}", units[unit]) } else { format!("{scaled:.1} {}", units[unit]) }
}

/// Milliseconds as a person says them: 0.3 s, 45 s, 12 min, 3.5 h, 2.1 d.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds as f64 / 1000.0;
    match seconds {
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 119.5 => format!("{seconds:.0} s"),
        seconds if seconds < 7170.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 171_000.0 => format!("{:.1} h", seconds / 3600.0),
        seconds => format!("{:.1} d", seconds / 86_400.0),
    }
}

/// A duration that may not be known.
pub(crate) fn maybe_duration(milliseconds: Option<u64>) -> String {
    milliseconds.map_or_else(|| "-".to_owned(), duration)
}

/// A noun with its count: "1 message", "2 messages".
pub(crate) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// Local times.
#[derive(Clone, Copy)]
pub(crate) struct Clock<'a> {
    pub(crate) offset_minutes: &'a dyn Fn(Time) -> i32,
}

impl Clock<'_> {
    pub(crate) fn write(&self, time: Time, form: &str) -> String {
        let minutes = (self.offset_minutes)(time).clamp(-24 * 60 + 1, 24 * 60 - 1);
        match FixedOffset::east_opt(minutes * 60) {
            Some(offset) => time.to_chrono().with_timezone(&offset).format(form).to_string(),
            None => time.to_chrono().format(form).to_string(),
        }
    }

    /// "Sat 1 Nov 2025 02:20:10".
    pub(crate) fn full(&self, time: Time) -> String {
        self.write(time, "%a %-d %b %Y %H:%M:%S")
    }

    /// "1 Nov 02:20".
    pub(crate) fn short(&self, time: Time) -> String {
        self.write(time, "%-d %b %H:%M")
    }

    /// "1 Nov 02:20 to 3 Nov 04:10", or the one moment when both are the same.
    pub(crate) fn span(&self, first: Time, last: Time) -> String {
        let (from, to) = (self.short(first), self.short(last));
        let same_day = self.write(first, "%F") == self.write(last, "%F");
        match (from == to, same_day) {
            (true, _) => from,
            (false, true) => format!("{from} to {}", self.write(last, "%H:%M")),
            (false, false) => format!("{from} to {to}"),
        }
    }
}

/// Text from a log that is safe to print: control characters stand as `?`.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// At most `width` characters; a cut is shown by an ellipsis.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Words broken into lines of at most `width` characters; a longer word stands alone.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += word_length;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(Rate::of(1, 0)), "-");
        assert_eq!(percent(Rate::of(1, 3)), "33.3 %");
        assert_eq!(percent(Rate::of(1, 100_000)), "<0.1 %");
        assert_eq!(percent(Rate::of(99_999, 100_000)), ">99.9 %");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_040_000), "1.0 MB");
        assert_eq!(duration(300), "0.3 s");
        assert_eq!(duration(45_000), "45 s");
        assert_eq!(duration(720_000), "12 min");
        assert_eq!(duration(7_200_000), "2.0 h");
        assert_eq!(duration(432_000_000), "5.0 d");
    }

    #[test]
    fn text_from_a_log_is_made_safe() {
        assert_eq!(printable("a\x1b[31mb\n"), "a?[31mb?");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }
}
