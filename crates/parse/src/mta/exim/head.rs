//! What stands before the text of an Exim line: its own time, zone and process id, and the piece numbers of syslog.

use crate::head::{rfc3339, zone};
use crate::record::When;
use crate::syntax::{number, skip_blanks};

/// What stood before the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Own<'a> {
    pub(crate) when: When,
    pub(crate) pid: Option<u32>,
    pub(crate) rest: &'a [u8],
}

/// Takes off `2026-11-22 14:00:00[.123] [+0100] [[pid]] `, each part where it is there.
pub(crate) fn take(text: &[u8]) -> Own<'_> {
    let (when, rest) = time(text).unwrap_or((When::Missing, text));
    let (pid, rest) = pid(rest);
    Own { when, pid, rest: skip_blanks(rest) }
}

/// The time of Exim's own files: date and time with a blank between, perhaps a zone after another blank.
fn time(text: &[u8]) -> Option<(When, &[u8])> {
    if text.get(10) != Some(&b' ') {
        return None;
    }
    let (when, rest) = rfc3339(text)?;
    if let When::Local { micros } = when
        && let [b' ', after @ ..] = rest
        && matches!(after, [b'+' | b'-', ..])
        && let Some((offset_minutes, after)) = zone(after)
        && matches!(after, [] | [b' ', ..])
    {
        let micros = micros - i64::from(offset_minutes) * mailvane_model::Time::MINUTE;
        return Some((When::Absolute { micros, offset_minutes }, skip_blanks(after)));
    }
    matches!(rest, [] | [b' ', ..]).then(|| (when, skip_blanks(rest)))
}

/// `[pid] ` at the start.
fn pid(text: &[u8]) -> (Option<u32>, &[u8]) {
    if let [b'[', inside @ ..] = text
        && let Some((pid, [b']', b' ', rest @ ..])) = number(inside)
    {
        return (u32::try_from(pid).ok(), rest);
    }
    (None, text)
}

/// The head of a line of Exim's own files, and its message; `None` where nothing shows that the line is Exim's.
pub(crate) fn of_own_file(line: &[u8]) -> Option<(When, &[u8])> {
    let (when, rest) = time(line)?;
    // No syslog writes a zone apart from the time, or a process id without a program.
    let zoned = matches!(when, When::Absolute { .. });
    let (pid, text) = pid(rest);
    (zoned || pid.is_some() || message_id(text).0.is_some() || is_opening(text)).then_some((when, rest))
}

/// How lines without a message id begin, or what stands in them: enough to tell them from another program's.
fn is_opening(text: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"SMTP ",
        b"H=",
        b"U=",
        b"F=<",
        b"exim ",
        b"Exim ",
        b"cwd=",
        b"DKIM: ",
        b"TLS error on ",
        b"TLS session: ",
        b"Start queue run: ",
        b"End queue run: ",
        b"rejected ",
        b"temporarily rejected ",
        b"refused connection from ",
        b"refused to talk to ",
        b"unqualified verify rejected: ",
        b"unexpected disconnection while reading SMTP command",
        b"no MAIL in SMTP connection from ",
        b"no host name found for IP address ",
        b"no IP address found for host ",
        b"host name alias list truncated",
        b"too many recipients",
        b"ident connection to ",
        b"Connection from ",
        b"connection from ",
        b"Warning: purging the environment",
        b"daemon: ",
        b"listening ",
        b"SIGHUP received",
        b"failed to ",
        b"Failed to ",
        b"Failed writing message log ",
        b"Cannot open ",
        b"cannot ",
        b"could not ",
        b"unable to ",
        b"socket bind() ",
        b"ALERT: ",
        b"daemon abandoned",
        b"Tainted ",
        b"sender verify ",
        b"spam acl condition: ",
        b"malware acl condition: ",
        b"ignoring AUTH=",
        b"queue_run: ",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
        || memchr::memmem::find(&text[..text.len().min(LONGEST_METHOD)], b" authenticator failed for ").is_some()
        || text.starts_with(b"pid ") && memchr::memmem::find(text, b": SIGHUP received").is_some()
}

/// Within so many bytes stand an authenticator's name and the words after it.
const LONGEST_METHOD: usize = 120;

/// `[2/3] ` or `[2\3] `: which piece this is of a line that was cut for syslog, and of how many.
pub(crate) fn piece(text: &[u8]) -> (Option<(u32, u32)>, &[u8]) {
    if let [b'[', inside @ ..] = text
        && let Some((at, [b'/' | b'\\', after @ ..])) = number(inside)
        && let Some((of, [b']', rest @ ..])) = number(after)
        && (1..=of).contains(&at)
        && let (Ok(at), Ok(of)) = (u32::try_from(at), u32::try_from(of))
    {
        return (Some((at, of)), rest.strip_prefix(b" ").unwrap_or(rest));
    }
    (None, text)
}

/// Takes off a message id and the blank after it. 6-6-2 characters, or 6-11-4 since Exim 4.97, of base 62.
#[inline]
pub(crate) fn message_id(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    for (second, whole) in [(13, 16), (18, 23)] {
        if text.get(6) == Some(&b'-')
            && text.get(second) == Some(&b'-')
            && matches!(text.get(whole), None | Some(b' '))
            && let Some(id) = text.get(..whole)
            && id.iter().enumerate().all(|(at, byte)| at == 6 || at == second || byte.is_ascii_alphanumeric())
        {
            return (Some(id), skip_blanks(&text[whole..]));
        }
    }
    (None, text)
}

/// Whether a line goes on with the one before: Exim's rejectlog has the header of a refused message below its line, each field with
/// a letter for its kind (`P Received: ...`, `  Subject: ...`), and the rest of a long field after white space.
pub(crate) fn is_continuation(line: &[u8]) -> bool {
    match line {
        [b'\t', ..] | [b' ', b' ', ..] => true,
        [b'A'..=b'Z' | b'*', b' ', field @ ..] => {
            let name = field.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-').unwrap_or(field.len());
            name > 0 && field.get(name) == Some(&b':')
        }
        _ => false,
    }
}
