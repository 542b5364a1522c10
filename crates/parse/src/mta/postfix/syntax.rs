//! The parts that Postfix lines share: severity, queue id, peers, addresses in angle brackets, `key=value` lists.

use super::Verb;
use crate::record::{Client, Severity};
use crate::syntax::{find_byte, number};

/// What stands where a queue id can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    /// Nothing.
    None,
    /// `NOQUEUE`
    NoQueue,
    /// A queue id.
    Queue(&'a [u8]),
}

impl<'a> Id<'a> {
    /// The queue id, if there is one.
    #[inline]
    pub(crate) const fn id(self) -> Option<&'a [u8]> {
        match self {
            Id::Queue(id) => Some(id),
            Id::None | Id::NoQueue => None,
        }
    }
}

/// Takes off the severity word, which Postfix writes for anything but information.
#[inline]
pub(crate) fn severity(text: &[u8]) -> (Severity, &[u8]) {
    let (word, severity) = match text {
        [b'w', ..] => (&b"warning: "[..], Severity::Warning),
        [b'e', ..] => (&b"error: "[..], Severity::Error),
        [b'f', ..] => (&b"fatal: "[..], Severity::Fatal),
        [b'p', ..] => (&b"panic: "[..], Severity::Panic),
        _ => return (Severity::Info, text),
    };
    match text.strip_prefix(word) {
        Some(rest) => (severity, rest),
        None => (Severity::Info, text),
    }
}

const HEX: u8 = 1;
const LONG: u8 = 2;

/// Which alphabets a byte belongs to: upper-case hexadecimal (short ids), and the base 52 without vowels (long ids).
static ALPHABET: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        if value.is_ascii_digit() || (value >= b'A' && value <= b'F') {
            table[byte] |= HEX;
        }
        let vowel = matches!(value, b'A' | b'E' | b'I' | b'O' | b'U' | b'a' | b'e' | b'i' | b'o' | b'u');
        if value.is_ascii_alphanumeric() && !vowel {
            table[byte] |= LONG;
        }
        byte += 1;
    }
    table
};

/// The shortest queue id: five digits of microseconds and one of the inode.
const SHORTEST_ID: usize = 6;
/// No queue id is longer than this.
const LONGEST_ID: usize = 40;
/// A long id carries its separator `z` after at least six digits of seconds and four of microseconds.
const LONG_ID_SEPARATOR: usize = 10;

/// Takes off `QUEUEID: ` or `NOQUEUE: `.
#[inline]
pub(crate) fn queue_id(text: &[u8]) -> (Id<'_>, &[u8]) {
    let near = &text[..text.len().min(LONGEST_ID + 1)];
    if let Some(end) = find_byte(near, b':')
        && end >= SHORTEST_ID
        && let [b':', b' ', rest @ ..] = &text[end..]
    {
        let id = &text[..end];
        let seen = id.iter().fold(HEX | LONG, |seen, byte| seen & ALPHABET[usize::from(*byte)]);
        if seen & HEX != 0 || seen != 0 && id[LONG_ID_SEPARATOR.min(end)..].contains(&b'z') {
            return (Id::Queue(id), rest);
        }
    }
    match text.strip_prefix(b"NOQUEUE: ") {
        Some(rest) => (Id::NoQueue, rest),
        None => (Id::None, text),
    }
}

/// `name[address]` or `name[address]:port` at the start of a text, and what follows.
#[inline]
pub(crate) fn peer(text: &[u8]) -> Option<(Client<'_>, &[u8])> {
    let open = find_byte(text, b'[')?;
    if find_byte(&text[..open], b' ').is_some() {
        return None;
    }
    let inside = &text[open + 1..];
    let close = find_byte(inside, b']')?;
    let mut client = Client { name: &text[..open], ip: &inside[..close], port: 0 };
    let rest = &inside[close + 1..];
    if let [b':', digits @ ..] = rest
        && let Some((port, after)) = number(digits)
        && let Ok(port) = u16::try_from(port)
    {
        client.port = port;
        return Some((client, after));
    }
    Some((client, rest))
}

/// A relay: a peer, or a bare name such as `none`, `local` or a transport.
#[inline]
pub(crate) fn relay(text: &[u8]) -> Client<'_> {
    match peer(text) {
        Some((client, _)) => client,
        None => Client { name: text, ..Client::default() },
    }
}

/// An address whose opening bracket is taken off, and what follows its closing bracket. A quoted local part (3.5 and later)
/// is read over as a whole; of the brackets after it the first counts whose follower `ends` the address.
#[inline]
pub(crate) fn angle(text: &[u8], ends: impl Fn(&[u8]) -> bool) -> Option<(&[u8], &[u8])> {
    let mut from = if text.first() == Some(&b'"') { after_quote(text) } else { 0 };
    while let Some(at) = find_byte(&text[from..], b'>') {
        let end = from + at;
        if ends(&text[end + 1..]) {
            return Some((&text[..end], &text[end + 1..]));
        }
        from = end + 1;
    }
    None
}

/// Where the quoted text at the start ends; 0 when it never does.
fn after_quote(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    0
}

/// Whether a text (after a closing bracket) can go on a `key=value` list, or ends it.
#[inline]
pub(crate) fn ends_value(rest: &[u8]) -> bool {
    match rest {
        [] | [b':', ..] => true,
        [b',', b' ', rest @ ..] | [b' ', rest @ ..] => is_key(rest),
        _ => false,
    }
}

/// Whether a text begins with `key=`.
#[inline]
fn is_key(text: &[u8]) -> bool {
    let word = text.iter().position(|byte| !byte.is_ascii_lowercase() && *byte != b'_').unwrap_or(text.len());
    word > 0 && text.get(word) == Some(&b'=')
}

/// One `key=value` of a list and what follows it. The value is in angle brackets, or runs to `, ` or a blank before a key.
#[inline]
pub(crate) fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let equals = text.iter().position(|byte| !byte.is_ascii_lowercase() && *byte != b'_')?;
    if equals == 0 || text[equals] != b'=' {
        return None;
    }
    let (key, value) = (&text[..equals], &text[equals + 1..]);
    let (value, rest) = match value.strip_prefix(b"<") {
        // A record that was cut ends inside its value.
        Some(inside) => angle(inside, ends_value).unwrap_or((inside, b"")),
        None => plain_value(value),
    };
    Some((key, value, rest))
}

/// A value without brackets: it ends where the next key begins.
fn plain_value(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memchr3(b',', b' ', b':', &text[from..]) {
        let end = from + at;
        let rest = &text[end..];
        if ends_value(rest) && !matches!(rest, [b':', ..]) || rest.starts_with(b": ") {
            return (&text[..end], rest);
        }
        from = end + 1;
    }
    (text, &text[text.len()..])
}

/// What follows the separator of a list: `, ` or a blank.
#[inline]
pub(crate) fn next_pair(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b',', b' ', rest @ ..] | [b' ', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The verb of a policy decision.
#[inline]
pub(crate) fn verb(word: &[u8]) -> Option<Verb> {
    Some(match word {
        b"reject" => Verb::Reject,
        b"reject_warning" => Verb::RejectWarning,
        b"warning" | b"warn" => Verb::Warn,
        b"hold" => Verb::Hold,
        b"discard" => Verb::Discard,
        b"filter" => Verb::Filter,
        b"redirect" => Verb::Redirect,
        b"bcc" => Verb::Bcc,
        b"prepend" => Verb::Prepend,
        b"replace" => Verb::Replace,
        b"strip" => Verb::Strip,
        b"info" => Verb::Info,
        b"delay" => Verb::Delay,
        b"hangup" => Verb::Hangup,
        b"permit" => Verb::Permit,
        b"milter-reject" => Verb::MilterReject,
        b"milter-hold" => Verb::MilterHold,
        b"milter-discard" => Verb::MilterDiscard,
        b"proxy-reject" => Verb::ProxyReject,
        b"proxy-accept" => Verb::ProxyAccept,
        b"defer" | b"defer_if_permit" | b"defer_if_reject" | b"dunno" | b"trace" => Verb::Other,
        word if word.starts_with(b"milter-") && word.len() <= 40 => Verb::Other,
        _ => return None,
    })
}

/// Information that several daemons write and that is for a reader only: changed tables, and TLS and protocol at higher log levels.
pub(crate) fn is_note(text: &[u8]) -> bool {
    const NOTES: &[&[u8]] = &[
        b"discarding EHLO keywords: ",
        b"table ",
        b"close database ",
        b"queue file write error",
        b"idle timeout -- exiting",
        b"initializing the ",
        b"setting up TLS connection ",
        b"SSL_accept:",
        b"SSL_connect:",
        b"SSL3 alert ",
        b"looking up session ",
        b"looking for session ",
        b"reloaded session ",
        b"save session ",
        b"issuing session ",
        b"put session ",
        b"get session ",
        b"remove session ",
        b"Verified: subject_CN=",
        b"Unverified: subject_CN=",
        b"> ",
        b"< ",
    ];
    NOTES.iter().any(|opening| text.starts_with(opening)) || is_certificate_note(text)
}

/// `peer: subject_CN=..., issuer_CN=...`, `peer: Trusted: subject_CN=...`, `peer: depth=0 verify=1 ...`
fn is_certificate_note(text: &[u8]) -> bool {
    const ABOUT: &[&[u8]] = &[b"subject_CN=", b"Trusted: ", b"Untrusted: ", b"depth=", b"TLS ", b"Matched ", b"certificate ", b"re-using "];
    peer(text).and_then(|(_, rest)| rest.strip_prefix(b": ")).is_some_and(|rest| ABOUT.iter().any(|about| rest.starts_with(about)))
}
