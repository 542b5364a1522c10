//! The parts that OpenSMTPD's lines share: ids, hosts, spans of time, quoted values.

use crate::mta::postfix::angle;
use crate::record::Client;
use crate::syntax::{number, split_at};

/// Whether a word is so many hexadecimal digits.
pub(super) fn is_id(word: &[u8], length: usize) -> bool {
    word.len() == length && word.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
}

/// The value of `key=<address>` that must come next, and what follows; `ends` says what may follow it.
pub(super) fn address<'a>(text: &'a [u8], key: &[u8], ends: impl Fn(&[u8]) -> bool) -> Option<(&'a [u8], &'a [u8])> {
    let inside = text.strip_prefix(key)?.strip_prefix(b"=<")?;
    let (address, rest) = angle(inside, |rest| rest.is_empty() || ends(rest))?;
    // A domain-less empty address is written `<@>` by some versions.
    Some((if address == b"@" { b"" } else { address }, rest))
}

/// The value of `key=` at the start of the text or after a blank: in quotes up to the last quote before the next key, or a word.
pub(super) fn value<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    loop {
        if let Some(value) = rest.strip_prefix(key).and_then(|value| value.strip_prefix(b"=")) {
            return Some(match value.strip_prefix(b"\"") {
                Some(inside) => quoted(inside).0,
                None => split_at(value, b" ").map_or(value, |(word, _)| word),
            });
        }
        rest = split_at(rest, b" ")?.1;
    }
}

/// The text in quotes whose opening one is taken off, and what follows the closing one: the first that a blank and a key, or nothing, follow.
pub(super) fn quoted(text: &[u8]) -> (&[u8], &[u8]) {
    for at in memchr::memchr_iter(b'"', text) {
        let rest = &text[at + 1..];
        let is_end = rest.is_empty() || rest.strip_prefix(b" ").is_some_and(begins_with_key);
        if is_end {
            return (&text[..at], rest);
        }
    }
    (text, b"")
}

fn begins_with_key(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| !byte.is_ascii_lowercase() && *byte != b'-').unwrap_or(text.len());
    end > 0 && text.get(end) == Some(&b'=')
}

/// A client: `address=192.0.2.7 host=mail.example.net`; `local` is this machine.
pub(super) fn client(text: &[u8]) -> Client<'_> {
    let ip = value(text, b"address").unwrap_or_default();
    Client { name: name(value(text, b"host").unwrap_or_default()), ip: if ip == b"local" { b"" } else { bare(ip) }, port: 0 }
}

/// A host's name; `<unknown>` where it has none.
pub(super) fn name(text: &[u8]) -> &[u8] {
    match text {
        b"<unknown>" | b"<dynamic>" | b"unknown" => b"unknown",
        _ => text,
    }
}

/// An address without brackets and without `IPv6:`.
pub(super) fn bare(text: &[u8]) -> &[u8] {
    let inside = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text);
    inside.strip_prefix(b"IPv6:").unwrap_or(inside)
}

/// `198.51.100.5 (mx.example.net)`, or the name of a domain that has no host.
pub(super) fn relay(text: &[u8]) -> Client<'_> {
    match split_at(text, b" (") {
        Some((ip, host)) => {
            let host = host.strip_suffix(b")").unwrap_or(host);
            let ip = bare(ip);
            Client { name: if host == ip { ip } else { name(host) }, ip, port: 0 }
        }
        None if looks_like_address(bare(text)) => Client { name: b"", ip: bare(text), port: 0 },
        None => Client { name: if text == b"-" { b"" } else { text }, ..Client::default() },
    }
}

fn looks_like_address(text: &[u8]) -> bool {
    let dotted = text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let colons = text.contains(&b':') && text.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    !text.is_empty() && (dotted || colons)
}

/// `smtp+tls://198.51.100.5:25` or `smtp://[2001:db8::1]:25` with the name of the host: the scheme and the peer.
pub(super) fn url<'a>(text: &'a [u8], host: &'a [u8]) -> (&'a [u8], Client<'a>) {
    let (scheme, rest) = split_at(text, b"://").unwrap_or((b"", text));
    let at = memchr::memrchr(b':', rest).filter(|at| rest[at + 1..].iter().all(u8::is_ascii_digit) && *at + 1 < rest.len());
    let (ip, port) = match at {
        Some(at) => (&rest[..at], number(&rest[at + 1..]).map_or(0, |(port, _)| u16::try_from(port).unwrap_or(0))),
        None => (rest, 0),
    };
    (scheme, Client { name: name(host), ip: bare(ip), port })
}

/// `4d`, `1h2m3s`, `0s` in milliseconds.
pub(super) fn span(text: &[u8]) -> Option<u32> {
    let (mut rest, mut seconds) = (text, 0_u64);
    while !rest.is_empty() {
        let (count, after) = number(rest)?;
        let (unit, after) = after.split_first()?;
        let each = match unit {
            b'd' => 86_400,
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        seconds = seconds.saturating_add(count.saturating_mul(each));
        rest = after;
    }
    (!text.is_empty()).then(|| u32::try_from(seconds.saturating_mul(1000)).unwrap_or(u32::MAX))
}

/// `TLSv1.3:CIPHER:256`, also with `version=` words in between as some builds write it: version, cipher, bits.
pub(super) fn ciphers(text: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let mut parts = text.splitn(3, |byte| *byte == b':');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// A number that a key gives.
pub(super) fn count(text: Option<&[u8]>) -> Option<u64> {
    text.and_then(number).map(|(count, _)| count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_quotes_may_hold_quotes() {
        let text = b"command=\"RCPT TO:<\"a b\"@example.com>\" result=\"550 Invalid recipient\"";
        assert_eq!(value(text, b"command"), Some(&b"RCPT TO:<\"a b\"@example.com>"[..]));
        assert_eq!(value(text, b"result"), Some(&b"550 Invalid recipient"[..]));
    }

    #[test]
    fn spans_and_hosts() {
        assert_eq!(span(b"1d2h3m4s"), Some(93_784_000));
        assert_eq!(span(b"99999999999999999999d"), Some(u32::MAX));
        assert_eq!((span(b""), span(b"1"), span(b"x")), (None, None, None));
        assert_eq!(url(b"smtp+tls://[IPv6:2001:db8::1]:25", b"mx").1, Client { name: b"mx", ip: b"2001:db8::1", port: 25 });
        assert_eq!(relay(b"198.51.100.5 (mx.example.net)"), Client { name: b"mx.example.net", ip: b"198.51.100.5", port: 0 });
        assert_eq!(relay(b"example.net"), Client { name: b"example.net", ip: b"", port: 0 });
    }
}
