//! JSON around a line: journald (`journalctl -o json`) and Docker's json-file. Such a line is rewritten as a plain one before it
//! is parsed, because its text is escaped; every other line is used where it stands, so the usual path copies nothing.
//!
//! | form | becomes |
//! |---|---|
//! | `{"MESSAGE":"...","SYSLOG_IDENTIFIER":"postfix/smtpd","_PID":"812","__REALTIME_TIMESTAMP":"1793...","_HOSTNAME":"mx1"}` | `2026-11-02T08:15:01.123456Z mx1 postfix/smtpd[812]: ...` |
//! | `{"log":"...\n","stream":"stdout","time":"2026-11-02T08:15:01.1Z"}` | `2026-11-02T08:15:01.1Z stdout F ...` |
//!
//! A block of lines keeps its lines one for one ([`plain_block`]), so that positions can be found by counting.

use std::borrow::Cow;
use std::io::Write;

use mailvane_model::Time;
use serde_json::{Map, Value};

/// Whether a line must be made plain before it is parsed.
#[inline]
pub fn is_wrapped(line: &[u8]) -> bool {
    crate::head::clean_start(line).first() == Some(&b'{')
}

/// The plain form of a line: the line itself unless it is wrapped, else a text in `scratch`, whose content is replaced. A wrapped
/// line that is not understood stays as it is.
pub fn plain<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if !is_wrapped(line) {
        return line;
    }
    scratch.clear();
    append_plain(line, scratch);
    scratch
}

/// The plain form of a block of lines, one for one; the block itself when no line of it is wrapped.
pub fn plain_block(block: &[u8]) -> Cow<'_, [u8]> {
    let wrapped = is_wrapped(block) || memchr::memmem::find(block, b"\n{").is_some();
    if !wrapped {
        return Cow::Borrowed(block);
    }
    let mut out = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, &b"\n"[..]),
            None => (line, &b""[..]),
        };
        append_plain(text, &mut out);
        out.extend_from_slice(end);
    }
    Cow::Owned(out)
}

/// Appends the plain form of one line (without its newline) to a buffer.
pub fn append_plain(line: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if is_wrapped(line)
        && let Some(object) = object(crate::head::clean(line))
        && (journald(&object, out).is_some() || docker(&object, out).is_some())
    {
        return;
    }
    out.truncate(start);
    out.extend_from_slice(line);
}

fn object(line: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(line) {
        Ok(object) => Some(object),
        // Bytes that are no UTF-8 are shown as such rather than losing the line.
        Err(_) if std::str::from_utf8(line).is_err() => serde_json::from_str(&String::from_utf8_lossy(line)).ok(),
        Err(_) => None,
    }
}

/// journald: the fields of systemd.journal-fields(7).
fn journald(object: &Map<String, Value>, out: &mut Vec<u8>) -> Option<()> {
    let message = object.get("MESSAGE")?;
    let micros = text(object.get("__REALTIME_TIMESTAMP").or_else(|| object.get("_SOURCE_REALTIME_TIMESTAMP")));
    if let Some(micros) = micros.and_then(|micros| micros.parse::<i64>().ok()) {
        out.extend_from_slice(Time(micros).rfc3339(0).as_bytes());
        out.push(b' ');
    }
    if let Some(host) = text(object.get("_HOSTNAME")) {
        append_word(host, out);
        out.push(b' ');
    }
    let program = text(object.get("SYSLOG_IDENTIFIER").or_else(|| object.get("_COMM"))).unwrap_or("unknown");
    append_word(program, out);
    if let Some(pid) = text(object.get("SYSLOG_PID").or_else(|| object.get("_PID"))).filter(|pid| pid.parse::<u32>().is_ok()) {
        let _ = write!(out, "[{pid}]");
    }
    out.extend_from_slice(b": ");
    append_message(message, out);
    Some(())
}

/// Docker: the text as a container printed it, with the time at which it did.
fn docker(object: &Map<String, Value>, out: &mut Vec<u8>) -> Option<()> {
    let message = object.get("log")?;
    if let Some(time) = text(object.get("time")).filter(|time| crate::head::rfc3339(time.as_bytes()).is_some()) {
        append_word(time, out);
        out.extend_from_slice(b" stdout F ");
    }
    append_message(message, out);
    Some(())
}

/// A value as text; of a field that stands several times, the first.
fn text(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::String(text) => Some(text),
        Value::Array(values) => values.first().and_then(Value::as_str),
        _ => None,
    }
}

/// A word of a head: nothing in it may pass for the end of the head.
fn append_word(word: &str, out: &mut Vec<u8>) {
    out.extend(word.bytes().map(|byte| if byte.is_ascii_whitespace() || byte == 0 { b'_' } else { byte }));
}

/// The message on one line. journald writes what is no UTF-8 as an array of bytes.
fn append_message(value: &Value, out: &mut Vec<u8>) {
    let mut push = |byte: u8| out.push(if matches!(byte, b'\n' | b'\r' | 0) { b' ' } else { byte });
    match value {
        Value::String(text) => text.bytes().for_each(push),
        Value::Array(values) => match values.first() {
            Some(Value::String(text)) => text.bytes().for_each(push),
            _ => values.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).for_each(&mut push),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Body, When};
    use crate::{mta::postfix, record};

    fn shown(line: &str) -> String {
        String::from_utf8(plain(line.as_bytes(), &mut Vec::new()).to_vec()).unwrap()
    }

    #[test]
    fn journald_becomes_a_syslog_line() {
        let line = r#"{"__CURSOR":"s=1","MESSAGE":"7ADDD20D: to=<\"a\\\"b\"@example.com>\nx","_PID":"9","SYSLOG_PID":"812","SYSLOG_IDENTIFIER":"postfix/smtp","__REALTIME_TIMESTAMP":"1793607301123456","_HOSTNAME":"mx1"}"#;
        assert_eq!(shown(line), "2026-11-02T08:15:01.123456Z mx1 postfix/smtp[812]: 7ADDD20D: to=<\"a\\\"b\"@example.com> x");
        let bytes = r#"{"MESSAGE":[99,111,110,110,101,99,116,32,102,114,111,109,32,104,91,49,93,255],"SYSLOG_IDENTIFIER":"postfix/smtpd"}"#;
        assert_eq!(plain(bytes.as_bytes(), &mut Vec::new()), b"postfix/smtpd: connect from h[1]\xff");
    }

    #[test]
    fn docker_keeps_the_time_of_the_container() {
        let line = r#"{"log":"Nov 02 08:15:00 mx1 postfix/smtpd[812]: connect from h[192.0.2.7]\n","stream":"stdout","time":"2026-11-02T08:15:01.5Z"}"#;
        let mut scratch = Vec::new();
        let record = record(plain(line.as_bytes(), &mut scratch));
        assert_eq!(record.when, When::Absolute { micros: 1793607301500000, offset_minutes: 0 });
        assert_eq!((record.host, record.pid), (&b"mx1"[..], Some(812)));
        assert!(matches!(record.body, Body::Postfix(postfix::Line { event: postfix::Event::Connect { .. }, .. })));
    }

    #[test]
    fn a_block_keeps_its_lines() {
        let block = b"plain\n{\"log\":\"a\\nb\\n\"}\n{broken\nlast";
        assert_eq!(&*plain_block(block), b"plain\na b \n{broken\nlast");
        assert!(matches!(plain_block(b"a\nb\n"), Cow::Borrowed(_)));
    }
}
