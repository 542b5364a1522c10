//! The parts that Sendmail's lines share: queue id, peers, lists of addresses, `key=value` lists, spans of time.

use crate::record::Client;
use crate::syntax::{find_byte, number, split_at, trim_end};

/// The shortest queue id: three letters and five digits (8.8 and older).
const SHORTEST_ID: usize = 8;
/// The longest: eight characters of time and a process id of eight digits.
const LONGEST_ID: usize = 16;
/// A queue id ends in the process id, of at least so many digits.
const PID_DIGITS: usize = 5;

/// Takes off `QUEUEID: `, `QUEUEID[2]: ` (a part of a long line, whose number is given) or `NOQUEUE: `.
pub(crate) fn queue_id(text: &[u8]) -> (Option<&[u8]>, u32, &[u8]) {
    if let Some(rest) = text.strip_prefix(b"NOQUEUE: ") {
        return (None, 0, rest);
    }
    let near = &text[..text.len().min(LONGEST_ID + 8)];
    let Some(end) = find_byte(near, b':') else { return (None, 0, text) };
    let Some(rest) = text[end + 1..].strip_prefix(b" ") else { return (None, 0, text) };
    let (id, part) = match text[..end].strip_suffix(b"]").and_then(|word| split_at(word, b"[")) {
        Some((id, digits)) => (id, number(digits).map_or(0, |(part, _)| u32::try_from(part).unwrap_or(u32::MAX))),
        None => (&text[..end], 0),
    };
    if is_queue_id(id) { (Some(id), part, rest) } else { (None, 0, text) }
}

/// Whether a word can be a queue id.
pub(crate) fn is_queue_id(word: &[u8]) -> bool {
    (SHORTEST_ID..=LONGEST_ID).contains(&word.len())
        && word.iter().all(u8::is_ascii_alphanumeric)
        && word[word.len() - PID_DIGITS..].iter().all(u8::is_ascii_digit)
        && word.iter().any(u8::is_ascii_alphabetic)
}

/// `host. [address]`, `[address]`, `user@host [IPv6:address] (may be forged)` or a bare name: name without its last dot and without
/// brackets, address without brackets and without `IPv6:`.
pub(crate) fn peer(text: &[u8]) -> Client<'_> {
    let text = trim_end(split_at(text, b" (may be forged)").map_or(text, |(peer, _)| peer));
    let (name, ip) = match memchr::memrchr(b'[', text) {
        Some(open) if text.ends_with(b"]") => {
            let inside = &text[open + 1..text.len() - 1];
            let inside = inside.strip_prefix(b"IPv6:").unwrap_or(inside);
            if is_address(inside) { (&text[..open], inside) } else { (text, &b""[..]) }
        }
        _ => (text, &b""[..]),
    };
    let name = trim_end(name);
    let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    let name = name.strip_suffix(b".").unwrap_or(name);
    Client { name: memchr::memrchr(b'@', name).map_or(name, |at| &name[at + 1..]), ip, port: 0 }
}

/// The peer at the start of a text, where words follow: `host [address] did not issue ...`.
pub(crate) fn leading_peer<'a>(text: &'a [u8], word: &[u8]) -> Option<(Client<'a>, &'a [u8])> {
    let (before, rest) = split_at(text, word)?;
    Some((peer(before), rest))
}

fn is_address(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().any(|byte| matches!(byte, b'.' | b':'))
        && text.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
}

/// The addresses of a `to=` list, each without angle brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recipients<'a>(pub(crate) &'a [u8]);

impl<'a> Recipients<'a> {
    /// The list as written.
    pub const fn text(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> IntoIterator for Recipients<'a> {
    type Item = &'a [u8];
    type IntoIter = Addresses<'a>;

    fn into_iter(self) -> Addresses<'a> {
        Addresses(self.0)
    }
}

/// Goes over the addresses of a list.
#[derive(Clone, Debug)]
pub struct Addresses<'a>(&'a [u8]);

impl<'a> Iterator for Addresses<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let end = address_end(self.0);
            let address = &self.0[..end];
            self.0 = self.0[end..].strip_prefix(b",").unwrap_or(&self.0[end..]);
            if !address.is_empty() {
                return Some(without_brackets(address));
            }
        }
        None
    }
}

/// An address without its angle brackets, and without the quotes around a program (`"|/usr/bin/procmail joe"`).
pub(crate) fn without_brackets(address: &[u8]) -> &[u8] {
    if let Some(inner) = address.strip_prefix(b"<") {
        return inner.strip_suffix(b">").unwrap_or(inner);
    }
    let inner = address.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""));
    inner.filter(|inner| matches!(inner.first(), Some(b'|' | b'/' | b':'))).unwrap_or(address)
}

/// Where the address at the start ends: at a comma outside of quotes and brackets, or where the text does.
pub(crate) fn address_end(text: &[u8]) -> usize {
    let (mut quoted, mut inside, mut at) = (false, false, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b'<' if !quoted => inside = true,
            b'>' if !quoted => inside = false,
            b',' if !quoted && !inside => return at,
            _ => {}
        }
        at += 1;
    }
    // Something never closed: a plain comma is the better guess.
    if quoted || inside { find_byte(text, b',').unwrap_or(text.len()) } else { text.len() }
}

/// Where a list of addresses ends: at the first comma outside of an address that a blank follows.
pub(crate) fn list_end(text: &[u8]) -> usize {
    let mut from = 0;
    loop {
        let end = from + address_end(&text[from..]);
        match &text[end..] {
            [] | [b',', b' ', ..] => return end,
            _ => from = end + 1,
        }
    }
}

/// `[D+]HH:MM:SS` in milliseconds.
pub(crate) fn span(text: &[u8]) -> Option<u32> {
    let (days, clock) = match split_at(text, b"+") {
        Some((days, clock)) => (number(days)?.0, clock),
        None => (0, text),
    };
    let mut parts = clock.split(|byte| *byte == b':').map(|part| number(part).filter(|(_, rest)| rest.is_empty()));
    let (hours, minutes, seconds) = (parts.next()??.0, parts.next()??.0, parts.next()??.0);
    let parts = [(days, 86_400), (hours, 3600), (minutes, 60), (seconds, 1)];
    let seconds = parts.iter().fold(0_u64, |sum, (count, each)| sum.saturating_add(count.saturating_mul(*each)));
    Some(u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX))
}

/// The value of `key=` at the start of the text or after `, `, up to the next comma.
pub(crate) fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    loop {
        if let Some(value) = rest.strip_prefix(key) {
            return Some(split_at(value, b", ").map_or(value, |(value, _)| value));
        }
        rest = split_at(rest, b", ")?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_ids_of_all_ages() {
        let id = |text: &'static [u8]| queue_id(text).0.map(|id| String::from_utf8_lossy(id).into_owned());
        assert_eq!(id(b"5AN8F1aB005133: from=<a@example.org>").as_deref(), Some("5AN8F1aB005133"));
        assert_eq!(id(b"xA32R2PQ3529566: x").as_deref(), Some("xA32R2PQ3529566"));
        assert_eq!(id(b"SAA15929: to=x").as_deref(), Some("SAA15929"));
        assert_eq!(id(b"NOQUEUE: connect from x"), None);
        assert_eq!(id(b"SYSERR(root): x"), None);
        assert_eq!(id(b"/etc/mail/aliases: 8 aliases"), None);
        assert_eq!(queue_id(b"5AN8F1aB005133[2]: rest"), (Some(&b"5AN8F1aB005133"[..]), 2, &b"rest"[..]));
    }

    #[test]
    fn peers_in_all_forms() {
        let parts = |text: &'static str| {
            let peer = peer(text.as_bytes());
            (String::from_utf8_lossy(peer.name).into_owned(), String::from_utf8_lossy(peer.ip).into_owned())
        };
        let pair = |name: &str, ip: &str| (name.to_owned(), ip.to_owned());
        assert_eq!(parts("mx.example.net. [192.0.2.1]"), pair("mx.example.net", "192.0.2.1"));
        assert_eq!(parts("[192.0.2.1]"), pair("", "192.0.2.1"));
        assert_eq!(parts("[127.0.0.1] [127.0.0.1]"), pair("127.0.0.1", "127.0.0.1"));
        assert_eq!(parts("h.example.net [IPv6:2001:db8::1] (may be forged)"), pair("h.example.net", "2001:db8::1"));
        assert_eq!(parts("root@localhost"), pair("localhost", ""));
        assert_eq!(parts("joe@h.example.net [192.0.2.1]"), pair("h.example.net", "192.0.2.1"));
        assert_eq!(parts("[smtp.example.net]"), pair("smtp.example.net", ""));
        assert_eq!(parts("example.net."), pair("example.net", ""));
    }

    #[test]
    fn lists_of_recipients() {
        let all = |text: &'static str| {
            Recipients(text.as_bytes()).into_iter().map(|each| String::from_utf8_lossy(each).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(all("<a@example.net>,<b@example.net>,"), ["a@example.net", "b@example.net"]);
        assert_eq!(all("a@example.net,b"), ["a@example.net", "b"]);
        assert_eq!(all("<\"x>, to=y\"@example.net>"), ["\"x>, to=y\"@example.net"]);
        assert_eq!(all("\"|/usr/bin/prog 1,2\""), ["|/usr/bin/prog 1,2"]);
        assert_eq!(all(",,"), Vec::<String>::new());
        assert_eq!(all("<never closed,b"), ["never closed", "b"]);
        assert_eq!(list_end(b"<a@x>,<b@x>, delay=1"), 11);
    }

    #[test]
    fn spans_of_time() {
        assert_eq!(span(b"00:00:05"), Some(5000));
        assert_eq!(span(b"3+13:01:56"), Some(306_116_000));
        assert_eq!(span(b"99999999999999+00:00:00"), Some(u32::MAX));
        assert_eq!(span(b"soon"), None);
    }
}
