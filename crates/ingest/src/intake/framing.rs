//! Syslog messages in a stream of bytes (RFC 6587): counted octets or lines, told apart message by message.

use super::local::local_line;

/// Bytes of a message; the rest of a longer one is left out.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Digits of a count of octets.
const COUNT_DIGITS_MAX: usize = 9;

/// Takes bytes as they arrive, and gives whole messages.
#[derive(Debug, Default)]
pub struct Frames {
    rest: Vec<u8>,
    /// The host of messages that name none; empty where it is not known.
    host: String,
    /// So many octets of a counted message that was cut are still to be passed over.
    passing: usize,
    /// The rest of the line is passed over.
    passing_line: bool,
    /// Messages that were cut.
    pub cut: u64,
}

impl Frames {
    /// For messages of programs of one machine, which name no host.
    pub fn of_host(host: &str) -> Self {
        Frames { host: host.to_owned(), ..Frames::default() }
    }

    /// Takes bytes in; each whole message in them is appended to `lines` as one line.
    pub fn push(&mut self, bytes: &[u8], lines: &mut Vec<u8>) {
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut left = &rest[..];
        while let Some(after) = self.take(left, lines) {
            left = after;
        }
        self.rest = left.to_vec();
    }

    /// The connection ended: a last line without an end counts, half of a counted message does not.
    pub fn finish(&mut self, lines: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.rest);
        if !self.passing_line && self.passing == 0 && count(&rest) == Count::Line {
            local_line(&rest, self.host.as_bytes(), lines);
        }
    }

    /// Takes one message from the front; what is left after it, or none when it is not whole yet.
    fn take<'a>(&mut self, bytes: &'a [u8], lines: &mut Vec<u8>) -> Option<&'a [u8]> {
        if bytes.is_empty() {
            return None;
        }
        if self.passing > 0 {
            let passed = self.passing.min(bytes.len());
            self.passing -= passed;
            return Some(&bytes[passed..]);
        }
        match count(bytes) {
            Count::Unclear if !self.passing_line => None,
            Count::Octets { digits, octets } if !self.passing_line => {
                let body = &bytes[digits + 1..];
                let kept = octets.min(MESSAGE_BYTES_MAX);
                let message = body.get(..kept)?;
                local_line(message, self.host.as_bytes(), lines);
                self.cut += u64::from(kept < octets);
                self.passing = octets - kept;
                Some(&body[kept..])
            }
            _ => self.take_line(bytes, lines),
        }
    }

    fn take_line<'a>(&mut self, bytes: &'a [u8], lines: &mut Vec<u8>) -> Option<&'a [u8]> {
        let Some(end) = memchr::memchr2(b'\n', 0, bytes) else {
            if bytes.len() <= MESSAGE_BYTES_MAX {
                return None;
            }
            if !self.passing_line {
                local_line(&bytes[..MESSAGE_BYTES_MAX], self.host.as_bytes(), lines);
                self.cut += 1;
                self.passing_line = true;
            }
            return Some(&[]);
        };
        if !std::mem::take(&mut self.passing_line) {
            self.cut += u64::from(end > MESSAGE_BYTES_MAX);
            local_line(&bytes[..end.min(MESSAGE_BYTES_MAX)], self.host.as_bytes(), lines);
        }
        Some(&bytes[end + 1..])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Count {
    /// A count, a blank, and so many octets.
    Octets {
        digits: usize,
        octets: usize,
    },
    /// More bytes are needed to tell.
    Unclear,
    Line,
}

/// How the message at the front is framed: a count is followed by a blank and the `<` of a priority.
fn count(bytes: &[u8]) -> Count {
    let digits = bytes.iter().take(COUNT_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > COUNT_DIGITS_MAX || bytes[0] == b'0' {
        return Count::Line;
    }
    match (bytes.get(digits), bytes.get(digits + 1)) {
        (None, _) | (Some(b' '), None) => Count::Unclear,
        (Some(b' '), Some(b'<')) => {
            let octets = bytes[..digits].iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            Count::Octets { digits, octets }
        }
        _ => Count::Line,
    }
}

/// A message as one line: what would end it inside becomes a blank.
pub fn line(message: &[u8], lines: &mut Vec<u8>) {
    let end = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
    if end > 0 {
        lines.extend(message[..end].iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]]) -> (String, u64) {
        let (mut frames, mut lines) = (Frames::default(), Vec::new());
        parts.iter().for_each(|part| frames.push(part, &mut lines));
        frames.finish(&mut lines);
        (String::from_utf8_lossy(&lines).into_owned(), frames.cut)
    }

    #[test]
    fn both_framings_are_read_even_in_one_stream() {
        assert_eq!(read(&[b"6 <22>ab7 <22>c\nd<22>line\n<22>last"]).0, "<22>ab\n<22>c d\n<22>line\n<22>last\n");
        assert_eq!(read(&[b"2026-11-02T08:15:01Z mx1 a[1]: b\n", b"\n\0"]).0, "2026-11-02T08:15:01Z mx1 a[1]: b\n");
        // Half of a counted message is not one.
        assert_eq!(read(&[b"12 <22>ab"]).0, "");
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_next_message_is_whole() {
        let long = vec![b'x'; 3 * MESSAGE_BYTES_MAX];
        for framed in [[format!("{} <22>", long.len() + 4).as_bytes(), &long].concat(), [b"<22>", &long[..], b"\n"].concat()] {
            let parts: Vec<&[u8]> = framed.chunks(7_001).chain([&b"<22>next\n"[..]]).collect();
            let (text, cut) = read(&parts);
            assert_eq!((text.lines().count(), cut), (2, 1));
            assert!(text.ends_with("\n<22>next\n"));
            assert_eq!(text.lines().next().map(str::len), Some(MESSAGE_BYTES_MAX));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn where_the_bytes_are_cut_does_not_matter(messages in prop::collection::vec("<22>[ -~]{0,40}[!-~]", 1..8), counted: Vec<bool>, step in 1..50_usize) {
            let mut stream = Vec::new();
            for (index, message) in messages.iter().enumerate() {
                if counted.get(index).copied().unwrap_or(false) {
                    stream.extend(format!("{} {message}", message.len()).bytes());
                } else {
                    stream.extend(format!("{message}\n").bytes());
                }
            }
            let parts: Vec<&[u8]> = stream.chunks(step).collect();
            let expected: String = messages.iter().map(|message| format!("{message}\n")).collect();
            prop_assert_eq!(read(&parts).0, expected);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1..20_usize) {
            read(&bytes.chunks(step).collect::<Vec<_>>());
        }
    }
}
