//! What stands before the message of a line: syslog in its forms, and container prefixes. Detected line by line.
//!
//! | form | shape |
//! |---|---|
//! | RFC 3164, and Postfix's postlogd | `[<PRI>]Nov  2 08:15:01 host program[pid]: message` |
//! | with a year | `2013 Jun 10 06:27:30.123 host program[pid]: message` |
//! | RFC 3339 time | `2026-11-02T08:15:01.123456+01:00 host program[pid]: message` |
//! | RFC 5424 | `<22>1 2026-11-02T08:15:01.12Z host program pid msgid data message` |
//! | Solaris | `... program[pid]: [ID 801593 mail.notice] message` |
//! | a daemon's own file | `Nov 22 02:56:20 program: message`, no host |
//! | Exim's own files | `2026-11-22 02:56:20[.123] [+0100] [pid] message`, no host and no program |
//! | multilog | `@400000004c91b044077a9e94 program: message`, TAI64N |
//! | CRI (containers) | `2026-11-02T08:15:01.1Z stdout F ` before any of these, or before a bare message |
//!
//! JSON forms need unescaping and so a buffer: see [`crate::wrap`].

use mailvane_model::word::Mta;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_while1};
use nom::character::complete::char;
use nom::combinator::opt;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::mta;
use crate::record::{Body, Record, When};
use crate::syntax::{clock, days_from_civil, find_byte, fraction, number, skip_blanks, trim_end, two_digits, whole_number};
use mailvane_model::Time;

/// The head of a line and the message after it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Head<'a> {
    /// When, as written.
    pub when: When,
    /// The host word; empty where the form has none.
    pub host: &'a [u8],
    /// The program as written.
    pub program: &'a [u8],
    /// The process id.
    pub pid: Option<u32>,
    /// The message.
    pub message: &'a [u8],
}

/// A whole line to its record. Never fails: what is not known is [`Body::Unparsed`].
/// A JSON line must be made plain first ([`crate::wrap::plain`]).
#[inline]
pub fn record(line: &[u8]) -> Record<'_> {
    record_of(line, None)
}

/// As [`record`], with the MTA given: lines of programs that do not name themselves are then read as lines of it.
#[inline]
pub fn record_of(line: &[u8], forced: Option<Mta>) -> Record<'_> {
    let mut record = Record::default();
    read(line, forced, &mut record);
    record
}

/// As [`record_of`], into a record that is [`Record::default`].
pub fn read<'a>(line: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) {
    record.text = std::str::from_utf8(line).unwrap_or("");
    read_bytes(line, forced, record);
}

/// As [`read`], of a line that is known to be text.
#[inline]
pub fn read_text<'a>(line: &'a str, forced: Option<Mta>, record: &mut Record<'a>) {
    record.text = line;
    read_bytes(line.as_bytes(), forced, record);
}

fn read_bytes<'a>(line: &'a [u8], forced: Option<Mta>, record: &mut Record<'a>) {
    let line = clean(line);
    if let Some(head) = common(line) {
        set(record, &head);
        return mta::read(head.message, forced, record);
    }
    if line.is_empty() {
        return;
    }
    match uncommon(line) {
        Some(head) => {
            set(record, &head);
            mta::read(head.message, forced, record);
        }
        None if mta::exim::head::is_continuation(line) => record.body = Body::Ignored,
        None => record.body = Body::Unparsed,
    }
}

#[inline(always)]
fn set<'a>(record: &mut Record<'a>, head: &Head<'a>) {
    record.when = head.when;
    record.host = head.host;
    record.program = head.program;
    record.pid = head.pid;
}

/// The line without NULs before it (a file that was truncated while open) and white space after it.
#[inline]
pub fn clean(line: &[u8]) -> &[u8] {
    trim_end(clean_start(line))
}

/// The line without NULs before it.
#[inline]
pub(crate) fn clean_start(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let [0, rest @ ..] = line {
        line = rest;
    }
    line
}

/// The head of a line; `None` where the line has none that is known.
pub fn split(line: &[u8]) -> Option<Head<'_>> {
    common(line).or_else(|| uncommon(line))
}

/// The two forms that logs are full of, `time host program[pid]: message` with an RFC 3164 or RFC 3339 time, in one straight run.
/// It is `None` for anything else, and what it finds is what [`uncommon`] finds.
#[inline(always)]
fn common(line: &[u8]) -> Option<Head<'_>> {
    let (when, rest) = match line.first()? {
        b'A'..=b'S' => short_yearless(line)?,
        b'0'..=b'9' => {
            let (when, rest) = rfc3339(line)?;
            (when, rest.strip_prefix(b" ")?)
        }
        _ => return None,
    };
    let end = find_byte(rest, b' ')?;
    let (host, rest) = (&rest[..end], &rest[end + 1..]);
    if matches!(host, [] | [b'<', ..] | [.., b':'] | b"stdout" | b"stderr") {
        return None;
    }
    let end = find_byte(rest, b' ')?;
    let (word, message) = (&rest[..end], &rest[end + 1..]);
    let [inside @ .., b']', b':'] = word else { return None };
    let (program, pid) = name_and_pid(inside)?;
    if matches!(message, [b' ' | b'[', ..]) {
        return None;
    }
    Some(Head { when, host, program, pid, message })
}

/// The head of a line of any form.
#[inline(never)]
fn uncommon(line: &[u8]) -> Option<Head<'_>> {
    match line.first()? {
        b'A'..=b'S' => match yearless(line) {
            Some((when, rest)) => Some(tagged(when, rest)),
            None => bare(line),
        },
        b'0'..=b'9' => dated(line).or_else(|| bare(line)),
        b'<' => with_priority(line),
        b'@' => tai64n(line),
        _ => bare(line),
    }
}

/// `@` and 24 hexadecimal digits: seconds since 1970 TAI plus 2^62, and nanoseconds. TAI was 10 seconds ahead of UTC in 1970,
/// and multilog knows no leap seconds.
fn tai64n(line: &[u8]) -> Option<Head<'_>> {
    let (stamp, rest) = line[1..].split_at_checked(24)?;
    let hexadecimal =
        |text: &[u8]| text.iter().try_fold(0u64, |value, byte| (*byte as char).to_digit(16).map(|digit| value << 4 | u64::from(digit)));
    let (seconds, nanos) = (hexadecimal(&stamp[..16])?, hexadecimal(&stamp[16..])?);
    let seconds = i64::try_from(seconds).ok()?.checked_sub((1 << 62) + 10)?;
    let micros = seconds.checked_mul(Time::SECOND)?.checked_add(i64::try_from(nanos / 1000).ok()?)?;
    let rest = rest.strip_prefix(b" ")?;
    Some(with_program(When::Absolute { micros, offset_minutes: 0 }, b"", skip_blanks(rest)))
}

/// `<PRI>` before one of the other forms.
fn with_priority(line: &[u8]) -> Option<Head<'_>> {
    let (priority, rest) = number(&line[1..])?;
    let rest = rest.strip_prefix(b">").filter(|_| priority <= 191)?;
    match rest {
        [b'1', b' ', ..] => rfc5424(&rest[2..]).ok().map(|(_, head)| head),
        [b'<', ..] | [] => None,
        _ => split(rest),
    }
}

/// A time that starts with a digit: RFC 3339, a year before the month, CRI, or RFC 5424 without its priority.
#[inline]
fn dated(line: &[u8]) -> Option<Head<'_>> {
    if line.get(4) == Some(&b'-') {
        if let Some((when, message)) = mta::exim::head::of_own_file(line) {
            return Some(Head { when, program: b"exim", message, ..Head::default() });
        }
        let (when, rest) = rfc3339(line)?;
        let rest = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"\t"))?;
        return Some(match cri(rest) {
            Some(inner) => contained(when, inner),
            None => tagged(when, rest),
        });
    }
    if let Some(rest) = line.strip_prefix(b"1 ") {
        return rfc5424(rest).ok().map(|(_, head)| head);
    }
    let (year, rest) = number(line)?;
    let (when, rest) = yearless(rest.strip_prefix(b" ")?)?;
    let When::Yearless { month, day, micros } = when else { return None };
    if !(1970..=9999).contains(&year) {
        return None;
    }
    let micros = days_from_civil(year as i32, month, day) * Time::DAY + micros;
    Some(tagged(When::Local { micros }, rest))
}

/// `stdout F ` or `stderr P `: the rest of a CRI prefix. A partial line is read as it is, like any cut line.
fn cri(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.strip_prefix(b"stdout ").or_else(|| rest.strip_prefix(b"stderr "))?;
    rest.strip_prefix(b"F ").or_else(|| rest.strip_prefix(b"P "))
}

/// A line inside a container's prefix: the inner time counts only when it is complete.
pub(crate) fn contained(outer: When, inner: &[u8]) -> Head<'_> {
    let inner = clean(inner);
    let mut head = split(inner).unwrap_or(Head { message: inner, ..Head::default() });
    if !matches!(head.when, When::Absolute { .. }) {
        head.when = outer;
    }
    head
}

/// `Nov  2 08:15:01 `: month, day of two places (padded with a blank or a zero) and time, sixteen bytes in all.
#[inline(always)]
fn short_yearless(line: &[u8]) -> Option<(When, &[u8])> {
    let (stamp, rest) = line.split_first_chunk::<16>()?;
    let [m1, m2, m3, b' ', high, low, b' ', .., b' '] = stamp else { return None };
    let high = if *high == b' ' { b'0' } else { *high };
    let (month, day) = (month(*m1, *m2, *m3)?, two_digits(high, *low)?);
    let micros = clock(&stamp[7..15])?;
    fits(month, day).then_some((When::Yearless { month, day, micros }, rest))
}

/// Any `Nov  2 08:15:01[.123] `: a day of one place too, and a fraction.
fn yearless(line: &[u8]) -> Option<(When, &[u8])> {
    short_yearless(line).or_else(|| odd_yearless(line))
}

/// A day of one place, or a fraction.
#[inline(never)]
fn odd_yearless(line: &[u8]) -> Option<(When, &[u8])> {
    let [m1, m2, m3, b' ', rest @ ..] = line else { return None };
    let month = month(*m1, *m2, *m3)?;
    let (day, rest) = match rest {
        [b' ', low, b' ', rest @ ..] => (two_digits(b'0', *low)?, rest),
        [low, b' ', rest @ ..] => (two_digits(b'0', *low)?, rest),
        [high, low, b' ', rest @ ..] => (two_digits(*high, *low)?, rest),
        _ => return None,
    };
    let micros = clock(rest)?;
    let (part, rest) = fraction(&rest[8..]);
    let rest = rest.strip_prefix(b" ")?;
    fits(month, day).then_some((When::Yearless { month, day, micros: micros + part }, rest))
}

/// Whether a month can have this day.
#[inline(always)]
fn fits(month: u8, day: u8) -> bool {
    day > 0 && day <= DAYS[usize::from(month - 1) % 12]
}

/// The longest each month can be.
const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

#[inline(always)]
const fn month(m1: u8, m2: u8, m3: u8) -> Option<u8> {
    const fn word(name: [u8; 3]) -> u32 {
        u32::from_le_bytes([name[0], name[1], name[2], 0])
    }
    const NAMES: [u32; 12] = [
        word(*b"Jan"),
        word(*b"Feb"),
        word(*b"Mar"),
        word(*b"Apr"),
        word(*b"May"),
        word(*b"Jun"),
        word(*b"Jul"),
        word(*b"Aug"),
        word(*b"Sep"),
        word(*b"Oct"),
        word(*b"Nov"),
        word(*b"Dec"),
    ];
    let name = word([m1, m2, m3]);
    // The last two letters tell the months apart: a place in a small table for each.
    let place = (m2 as usize + m3 as usize) % 32;
    const PLACES: [u8; 32] = {
        let mut places = [0u8; 32];
        let mut index = 0;
        while index < 12 {
            let bytes = NAMES[index].to_le_bytes();
            let place = (bytes[1] as usize + bytes[2] as usize) % 32;
            assert!(places[place] == 0, "two months share a place");
            places[place] = index as u8 + 1;
            index += 1;
        }
        places
    };
    let month = PLACES[place];
    if month != 0 && NAMES[(month as usize - 1) % 12] == name { Some(month) } else { None }
}

/// `2026-11-02T08:15:01[.123456][Z|+01:00|+0100]`, with `T` or a blank between date and time.
#[inline]
pub(crate) fn rfc3339(text: &[u8]) -> Option<(When, &[u8])> {
    let (stamp, rest) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b't' | b' ', ..] = stamp else { return None };
    let year = i32::from(two_digits(*y1, *y2)?) * 100 + i32::from(two_digits(*y3, *y4)?);
    let (month, day) = (two_digits(*m1, *m2)?, two_digits(*d1, *d2)?);
    if !(1..=12).contains(&month) || !fits(month, day) {
        return None;
    }
    let micros = days_from_civil(year, month, day) * Time::DAY + clock(&stamp[11..])?;
    let (part, rest) = fraction(rest);
    let micros = micros + part;
    match zone(rest) {
        Some((offset_minutes, rest)) => {
            Some((When::Absolute { micros: micros - i64::from(offset_minutes) * Time::MINUTE, offset_minutes }, rest))
        }
        None => Some((When::Local { micros }, rest)),
    }
}

/// `Z`, `+01:00` or `+0100`: the offset east of UTC in minutes.
#[inline]
pub(crate) fn zone(text: &[u8]) -> Option<(i16, &[u8])> {
    let (sign, digits) = match text {
        [b'Z' | b'z', rest @ ..] => return Some((0, rest)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes, rest) = match digits {
        [h1, h2, b':', m1, m2, rest @ ..] | [h1, h2, m1, m2, rest @ ..] => (two_digits(*h1, *h2)?, two_digits(*m1, *m2)?, rest),
        _ => return None,
    };
    if hours > 15 || minutes > 59 {
        return None;
    }
    Some((sign * (i16::from(hours) * 60 + i16::from(minutes)), rest))
}

/// `host program[pid]: message` after a time, or `program[pid]: message` where a daemon writes its own file.
#[inline(always)]
fn tagged(when: When, rest: &[u8]) -> Head<'_> {
    let rest = skip_blanks(rest);
    let end = find_byte(rest, b' ').unwrap_or(rest.len());
    let first = &rest[..end];
    if first.starts_with(b"<") {
        // FreeBSD writes `<mail.info>` before the host.
        return tagged_after_host(when, skip_blanks(&rest[end..]));
    }
    if first.ends_with(b":") {
        return with_program(when, b"", rest);
    }
    Head { host: first, ..with_program(when, first, skip_blanks(&rest[end..])) }
}

fn tagged_after_host(when: When, rest: &[u8]) -> Head<'_> {
    let end = find_byte(rest, b' ').unwrap_or(rest.len());
    with_program(when, &rest[..end], skip_blanks(&rest[end..]))
}

#[inline]
fn with_program<'a>(when: When, host: &'a [u8], rest: &'a [u8]) -> Head<'a> {
    let (program, pid, message) = program(rest);
    Head { when, host, program, pid, message: solaris(message) }
}

/// `program[pid]: message`. The name ends at a bracket with digits, at a colon before a blank, or at a blank.
#[inline]
fn program(text: &[u8]) -> (&[u8], Option<u32>, &[u8]) {
    let end = find_byte(text, b' ').unwrap_or(text.len());
    let (word, message) = (&text[..end], skip_blanks(&text[end..]));
    // Nearly every line: the word is `program[pid]:`.
    if let [inside @ .., b']', b':'] = word
        && let Some((name, pid)) = name_and_pid(inside)
    {
        return (name, pid, message);
    }
    odd_program(text, word, message)
}

/// `program[pid` from its end.
#[inline(always)]
fn name_and_pid(text: &[u8]) -> Option<(&[u8], Option<u32>)> {
    /// So many digits fit in the number.
    const LARGEST_SCALE: u64 = 10_000_000_000;
    let (mut pid, mut scale, mut rest) = (0u64, 1u64, text);
    while let [before @ .., digit] = rest {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            break;
        }
        if scale == LARGEST_SCALE {
            return None;
        }
        pid += u64::from(value) * scale;
        scale *= 10;
        rest = before;
    }
    match rest {
        [name @ .., b'['] if scale > 1 => Some((name, u32::try_from(pid).ok())),
        _ => None,
    }
}

/// The rarer forms: `program: message`, `program[pid] message`, `program[pid]:message`, `program message`.
#[inline(never)]
fn odd_program<'a>(text: &'a [u8], word: &'a [u8], message: &'a [u8]) -> (&'a [u8], Option<u32>, &'a [u8]) {
    let mut from = 0;
    while let Some(at) = find_byte(&word[from..], b'[') {
        let open = from + at;
        if let Some((pid, rest)) = number(&text[open + 1..])
            && let [b']', rest @ ..] = rest
        {
            return (&text[..open], u32::try_from(pid).ok(), skip_blanks(rest.strip_prefix(b":").unwrap_or(rest)));
        }
        from = open + 1;
    }
    (word.strip_suffix(b":").unwrap_or(word), None, message)
}

/// The message without Solaris's `[ID 801593 mail.notice] `.
#[inline(always)]
fn solaris(message: &[u8]) -> &[u8] {
    if let Some(rest) = message.strip_prefix(b"[ID ")
        && let Some(end) = find_byte(rest, b']')
    {
        return skip_blanks(&rest[end + 1..]);
    }
    message
}

/// A line without a time: `postfix/smtpd[812]: message`, as a container prints it.
fn bare(line: &[u8]) -> Option<Head<'_>> {
    let (program, pid, message) = program(line);
    let known = pid.is_some() || program.len() < line.len() && line.get(program.len()) == Some(&b':');
    if known {
        return Some(Head { when: When::Missing, host: b"", program, pid, message: solaris(message) });
    }
    // Exim writes its own time into the message, so that a head may do without: `host exim[812]: 2026-11-02 08:15:01 message`.
    let end = find_byte(line, b' ')?;
    let head = with_program(When::Missing, &line[..end], &line[end + 1..]);
    (head.pid.is_some() && mta::exim::is_program(head.program)).then_some(head)
}

type Parsed<'a, T> = IResult<&'a [u8], T>;

/// A header field of RFC 5424 and the blank after it; `-` stands for none.
fn field(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, value) = take_while1(|byte| byte != b' ')(input)?;
    let (rest, _) = opt(char(' ')).parse(rest)?;
    Ok((rest, if value == b"-" { &value[..0] } else { value }))
}

/// One `[id name="value" ...]` of RFC 5424 section 6.3. `]` inside a value is escaped or quoted.
fn element(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (mut rest, _) = char('[').parse(input)?;
    loop {
        let (after, _) = take_till(|byte| byte == b'"' || byte == b']')(rest)?;
        match after {
            [b']', after @ ..] => return Ok((after, &input[..input.len() - after.len()])),
            [b'"', after @ ..] => rest = after_quote(after),
            _ => return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Char))),
        }
    }
}

/// What follows the closing quote of a quoted text; backslash escapes.
fn after_quote(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return &text[at + 1..],
            _ => at += 1,
        }
    }
    &text[text.len()..]
}

fn structured_data(input: &[u8]) -> Parsed<'_, ()> {
    if input.first() == Some(&b'[') {
        let mut rest = input;
        while rest.first() == Some(&b'[') {
            rest = element(rest)?.0;
        }
        return Ok((rest, ()));
    }
    let (rest, _) = opt(tag("-")).parse(input)?;
    Ok((rest, ()))
}

/// RFC 5424 section 6 after `<PRI>1 `: `time host app-name procid msgid data message`.
fn rfc5424(input: &[u8]) -> Parsed<'_, Head<'_>> {
    let (rest, time) = field(input)?;
    let when = if time.is_empty() { Some((When::Missing, time)) } else { rfc3339(time) };
    let Some((when, b"")) = when else { return Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Digit))) };
    let (rest, (host, program, process, _)) = (field, field, field, field).parse(rest)?;
    let (rest, ()) = structured_data(rest)?;
    let (rest, _) = opt(preceded(char(' '), alt((tag(&b"\xef\xbb\xbf"[..]), tag(&b""[..]))))).parse(rest)?;
    let pid = whole_number(process).and_then(|pid| u32::try_from(pid).ok());
    Ok((&rest[rest.len()..], Head { when, host, program, pid, message: skip_blanks(rest) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 12 * Time::HOUR;
    /// 2026-11-02T00:00:00Z
    const DAY: i64 = 20_759 * Time::DAY;

    fn head(line: &str) -> Head<'_> {
        split(line.as_bytes()).unwrap()
    }

    fn yearless(day: u8, micros: i64) -> When {
        When::Yearless { month: 11, day, micros }
    }

    #[test]
    fn days_are_padded_with_a_blank_a_zero_or_nothing() {
        for line in ["Nov  2 12:00:00 h p[7]: m", "Nov 02 12:00:00 h p[7]: m", "Nov 2 12:00:00 h p[7]: m"] {
            let expected = Head { when: yearless(2, NOON), host: b"h", program: b"p", pid: Some(7), message: b"m" };
            assert_eq!(head(line), expected, "{line}");
        }
        assert_eq!(head("<22>Nov 12 12:00:00.25 h p: m").when, yearless(12, NOON + 250_000));
    }

    #[test]
    fn the_straight_run_finds_what_the_other_way_finds() {
        for time in ["Nov  2 12:00:00", "Nov 22 12:00:00", "2026-11-02T12:00:00.5Z", "2026-11-02 12:00:00"] {
            for rest in [
                "h p[7]: m n",
                "h a/b[1]c[7]: m",
                "h p[4294967295]: m",
                "h p[99999999999]: m",
                "h p[]: m",
                "h p[7]:  m",
                "h p: m",
                "h p[7] m",
            ] {
                let line = format!("{time} {rest}");
                let found = common(line.as_bytes());
                assert!(found.is_none() || found == uncommon(line.as_bytes()), "{line}");
            }
            assert!(common(format!("{time} h p[7]: m").as_bytes()).is_some());
        }
    }

    #[test]
    fn every_month_has_a_name() {
        for (index, name) in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].iter().enumerate() {
            let bytes = name.as_bytes();
            assert_eq!(month(bytes[0], bytes[1], bytes[2]), Some(index as u8 + 1));
        }
        assert_eq!(month(b'N', b'o', b'w'), None);
        for line in ["Nov 31 12:00:00 h p: m", "Nov 00 12:00:00 h p: m", "Nov  2 24:00:00 h p: m", "Nov  2 12-00:00 h p: m"] {
            assert!(!matches!(record(line.as_bytes()).when, When::Yearless { .. }), "{line}");
        }
    }

    #[test]
    fn times_with_a_zone_are_absolute() {
        let at = |micros, offset_minutes| When::Absolute { micros: DAY + micros, offset_minutes };
        assert_eq!(head("2026-11-02T12:00:00Z h p: m").when, at(NOON, 0));
        assert_eq!(head("2026-11-02T12:00:00.123456+01:00 h p: m").when, at(NOON - Time::HOUR + 123_456, 60));
        assert_eq!(head("2026-11-02 12:00:00.5-0330 h p: m").when, at(NOON + 210 * Time::MINUTE + 500_000, -210));
        assert_eq!(head("2026-11-02T12:00:60Z h p: m").when, at(NOON + 59 * Time::SECOND, 0));
        assert_eq!(head("2026-11-02 12:00:00 h p: m").when, When::Local { micros: DAY + NOON });
        assert_eq!(head("2026 Nov 2 12:00:00.5 h p: m").when, When::Local { micros: DAY + NOON + 500_000 });
    }

    #[test]
    fn reads_rfc_5424() {
        let expected = Head {
            when: When::Absolute { micros: DAY + NOON, offset_minutes: 0 },
            host: b"mx1",
            program: b"postfix/smtpd",
            pid: Some(812),
            message: b"connect from h[192.0.2.7]",
        };
        assert_eq!(head("<22>1 2026-11-02T12:00:00Z mx1 postfix/smtpd 812 - - connect from h[192.0.2.7]"), expected);
        assert_eq!(
            head("<22>1 2026-11-02T12:00:00Z mx1 postfix/smtpd 812 ID [a@1 k=\"]\\\"\"][b] \u{feff}connect from h[192.0.2.7]"),
            expected
        );
        let bare = head("<22>1 - - postfix - - -");
        assert_eq!((bare.when, bare.host, bare.pid, bare.message), (When::Missing, &b""[..], None, &b""[..]));
    }

    #[test]
    fn a_lost_daemon_is_found_in_the_text() {
        let line = b"<22>1 2026-11-02T12:00:00Z mx1 postfix-out 812 - -  840FE132: to=<a@example.com>, relay=local, delay=1, dsn=2.0.0, status=sent (x)";
        let Body::Postfix(line) = record(line).body else { panic!("not Postfix") };
        assert_eq!((line.instance, line.daemon), (&b"postfix-out"[..], mta::postfix::Daemon::Local));
    }

    #[test]
    fn containers_and_other_wrappings() {
        let cri = head("2026-11-02T12:00:00Z stdout F Nov 02 11:59:59 mx1 postfix/smtpd[8]: connect");
        assert_eq!(
            (cri.when, cri.host, cri.message),
            (When::Absolute { micros: DAY + NOON, offset_minutes: 0 }, &b"mx1"[..], &b"connect"[..])
        );
        let bare = head("2026-11-02T12:00:00Z stderr P postfix/smtpd[8]: connect");
        assert_eq!((bare.program, bare.pid), (&b"postfix/smtpd"[..], Some(8)));
        assert_eq!(head("Nov  2 12:00:00 h p[7]: [ID 801593 mail.notice] m").message, b"m");
        assert_eq!(head("Nov  2 12:00:00 <mail.info> h p[7]: m").host, b"h");
        let own = head("Nov  2 12:00:00 lmtp(838): Info: x");
        assert_eq!((own.host, own.program, own.message), (&b""[..], &b"lmtp(838)"[..], &b"Info: x"[..]));
        assert_eq!(head("@4000000069075a1a00000000 p: m").when, When::Absolute { micros: 0x6907_5a10 * Time::SECOND, offset_minutes: 0 });
    }

    #[test]
    fn nuls_and_line_ends_are_left_out() {
        let record = record(b"\0\0\0Nov  2 12:00:00 mx1 postfix/qmgr[8]: 7ADDD20D: removed\r\n");
        assert!(matches!(record.body, Body::Postfix(_)) && record.when == yearless(2, NOON));
        assert_eq!(super::record(b"\0\0 \n").body, Body::Empty);
    }

    #[test]
    fn repeated_lines_carry_their_message_or_only_a_count() {
        let line = b"Nov  2 12:00:00 h postfix/smtpd[7]: message repeated 3 times: [ warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: x]";
        let repeated = record(line);
        assert!(matches!(
            repeated.body,
            Body::Postfix(mta::postfix::Line { event: mta::postfix::Event::AuthFailed { reason: b"x", .. }, .. })
        ));
        assert_eq!(repeated.repeated, 3);
        assert_eq!(record(b"Nov  2 12:00:00 h last message repeated 4 times").body, Body::Repeated { times: 4 });
    }

    #[test]
    fn other_programs_are_ignored_and_garbage_is_unparsed() {
        assert_eq!(record(b"Nov  2 12:00:00 h opendkim[9]: x").body, Body::Ignored);
        assert_eq!(record(b"Nov  2 12:00:00 h cron/daemon/with/slash[9]: x").body, Body::Ignored);
        assert_eq!(record(b"not a log line").body, Body::Unparsed);
        assert!(matches!(record_of(b"Nov  2 12:00:00 h smtpd[9]: connect from h[192.0.2.1]", Some(Mta::Postfix)).body, Body::Postfix(_)));
    }
}
