//! Small readers of bytes that every grammar here shares: numbers, words and calendar dates.

use mailvane_model::Time;

/// The days from 1970-01-01 to a date of the proleptic Gregorian calendar. Years out of chrono's range are moved into it.
#[inline(always)]
pub(crate) const fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    /// Whole cycles of 400 years that make every year positive, and the days they add up to before 1970-01-01.
    const YEARS: i32 = 400 * 1000;
    const DAYS: i64 = 1000 * 146_097 + 719_468;
    const LIMIT: i32 = 262_000;
    let year = if year > LIMIT {
        LIMIT
    } else if year < -LIMIT {
        -LIMIT
    } else {
        year
    };
    // The year begins in March, so that a leap day is its last.
    let year = (year + YEARS - (month <= 2) as i32) as u32;
    let month_from_march = (month as u32 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as u32;
    (365 * year + year / 4 - year / 100 + year / 400 + day_of_year) as i64 - 1 - DAYS
}

/// Whether a year has a 29 February.
pub(crate) const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Two digits as a number.
#[inline]
pub(crate) const fn two_digits(high: u8, low: u8) -> Option<u8> {
    let (high, low) = (high.wrapping_sub(b'0'), low.wrapping_sub(b'0'));
    if high > 9 || low > 9 { None } else { Some(high * 10 + low) }
}

/// `hh:mm:ss` in microseconds; a leap second counts as the 59th.
#[inline(always)]
pub(crate) fn clock(text: &[u8]) -> Option<i64> {
    /// `00:00:00`: less this, every byte is a digit's value, and the colons are zero.
    const ZERO: u64 = u64::from_le_bytes(*b"00:00:00");
    const COLONS: u64 = 0x0000_ff00_00ff_0000;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let text = u64::from_le_bytes(*text.first_chunk::<8>()?);
    let digits = text ^ ZERO;
    // Above nine, adding 0x76 reaches the high bit.
    let bad = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & HIGH;
    if bad != 0 || digits & COLONS != 0 {
        return None;
    }
    let pair = |shift: u32| ((digits >> shift & 0xff) * 10 + (digits >> (shift + 8) & 0xff)) as i64;
    let (hour, minute, second) = (pair(0), pair(24), pair(48));
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some((hour * 3600 + minute * 60 + second.min(59)) * Time::SECOND)
}

/// `.123456` at the start of the text: microseconds and what follows. Digits after the sixth are read over.
#[inline(always)]
pub(crate) fn fraction(text: &[u8]) -> (i64, &[u8]) {
    let [b'.' | b',', rest @ ..] = text else { return (0, text) };
    // Nearly every fraction has six digits.
    if let Some((digits, rest)) = rest.split_first_chunk::<6>()
        && digits.iter().all(u8::is_ascii_digit)
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        return (digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')), rest);
    }
    let (mut micros, mut scale, mut rest) = (0, 100_000, rest);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        micros += i64::from(digit - b'0') * scale;
        scale /= 10;
        rest = after;
    }
    if scale == 100_000 && micros == 0 && rest.len() + 1 == text.len() { (0, text) } else { (micros, rest) }
}

/// The leading decimal digits as a number (saturating) and what follows; `None` without a digit.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    /// So many digits always fit.
    const SAFE_DIGITS: usize = 19;
    let mut value = 0u64;
    let mut at = 0;
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        value = if at < SAFE_DIGITS { value * 10 + u64::from(digit) } else { u64::MAX };
        at += 1;
    }
    if at == 0 { None } else { Some((value, &text[at..])) }
}

/// A whole text of digits as a number; `None` for anything else.
#[inline]
pub(crate) fn whole_number(text: &[u8]) -> Option<u64> {
    number(text).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The position of a byte in a short text, eight bytes at a time. These texts are mostly shorter than what a general search
/// needs to start up.
#[inline(always)]
pub(crate) fn find_byte(text: &[u8], byte: u8) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let pattern = LOW * u64::from(byte);
    let mut at = 0;
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        // A byte that is equal becomes zero; the lowest zero byte is found exactly.
        let difference = u64::from_le_bytes(*chunk) ^ pattern;
        let zero = difference.wrapping_sub(LOW) & !difference & HIGH;
        if zero != 0 {
            return Some(at + (zero.trailing_zeros() / 8) as usize);
        }
        at += 8;
        rest = after;
    }
    rest.iter().position(|candidate| *candidate == byte).map(|found| at + found)
}

/// The text before and after the first separator. By its first byte: to prepare a general search costs more than these texts do.
#[inline]
pub(crate) fn split_at<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let first = *separator.first()?;
    let mut from = 0;
    while let Some(at) = find_byte(&text[from..], first) {
        let start = from + at;
        if let Some(rest) = text[start..].strip_prefix(separator) {
            return Some((&text[..start], rest));
        }
        from = start + 1;
    }
    None
}

/// The text up to the first blank, and what follows the blank.
#[inline]
pub(crate) fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match find_byte(text, b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[text.len()..]),
    }
}

/// The text without leading blanks.
#[inline]
pub(crate) fn skip_blanks(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    text
}

/// The text without trailing white space and NULs.
#[inline]
pub(crate) fn trim_end(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let [rest @ .., b' ' | b'\n' | b'\r' | b'\t' | 0] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_chrono() {
        use chrono::{Datelike, NaiveDate};
        let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        for day in (-800_000..800_000).step_by(97) {
            let date = epoch + chrono::Days::new(0) + chrono::TimeDelta::days(day);
            assert_eq!(days_from_civil(date.year(), date.month() as u8, date.day() as u8), day, "{date}");
        }
    }

    #[test]
    fn fractions_and_clocks() {
        assert_eq!(fraction(b".123456Z"), (123_456, &b"Z"[..]));
        assert_eq!(fraction(b".1234567 "), (123_456, &b" "[..]));
        assert_eq!(fraction(b".5 x"), (500_000, &b" x"[..]));
        assert_eq!(fraction(b". x"), (0, &b". x"[..]));
        assert_eq!(clock(b"23:59:60 "), Some((86_399) * Time::SECOND));
        for bad in [&b"2a:00:00"[..], b"24:00:00", b"00:60:00", b"00:00:61", b"00-00:00", b"0::00:00", b"00:00:0"] {
            assert_eq!(clock(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn bytes_are_found_wherever_they_are() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for (at, byte) in text.iter().enumerate() {
            assert_eq!(find_byte(text, *byte), Some(at));
        }
        assert_eq!(find_byte(text, b'!'), None);
        assert_eq!(find_byte(b"\x00\x01\x00\x80\xff\x01\x00\x00", 1), Some(1));
        assert_eq!(find_byte(b"\xff\xfe\xff\xfe\xff\xfe\xff\x01", 1), Some(7));
    }
}
