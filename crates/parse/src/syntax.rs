//! Small readers of bytes that every grammar here shares: numbers, words and calendar dates.

use mailvane_model::Time;

/// The days from 1970-01-01 to a date of the proleptic Gregorian calendar.
#[inline]
pub(crate) const fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let year = year as i64 - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let month_from_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day as i64 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
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
    if !matches!(text, [b'.' | b',', b'0'..=b'9', ..]) {
        return (0, text);
    }
    let mut micros = 0;
    let mut scale = 100_000;
    let mut at = 1;
    while let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) {
        micros += i64::from(digit - b'0') * scale;
        scale /= 10;
        at += 1;
    }
    (micros, &text[at..])
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

/// The text before and after the first separator.
#[inline]
pub(crate) fn split_at<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    memchr::memmem::find(text, separator).map(|at| (&text[..at], &text[at + separator.len()..]))
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
