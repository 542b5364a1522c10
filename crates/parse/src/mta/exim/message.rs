//! News of a message that are neither its arrival nor a result: frozen, thawed, removed; servers that failed; its signatures.

use super::Event;
use super::syntax::{Tags, angle, host};
use crate::syntax::{skip_blanks, split_at, word};

/// The event of a text after a message id.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    match text.first()? {
        b'H' if text.starts_with(b"H=") => host_failed(&text[2..]),
        b'F' | b'f' | b'U' | b'u' | b'M' => frozen(text),
        b'r' | b'c' => removed(text),
        b'a' => marked(text),
        b'D' => dkim(text),
        _ => None,
    }
    .or_else(|| error_ignored(text))
    .or_else(|| note(text))
}

/// `H=host [ip]: text`, `H=host [ip] text`: refusals of a client begin in the same way and have other words.
fn host_failed(text: &[u8]) -> Option<Event<'_>> {
    let (found, _, rest) = host(text);
    let mut rest = rest;
    if let Some(after) = skip_blanks(rest).strip_prefix(b"I=")
        && let (_, _, after) = host(after)
    {
        rest = after;
    }
    let rest = skip_blanks(rest.strip_prefix(b":").unwrap_or(rest));
    const OPENINGS: &[&[u8]] = &[
        b"SMTP error from remote mail server",
        b"SMTP timeout",
        b"LMTP error ",
        b"LMTP timeout",
        b"Remote host closed connection",
        b"Malformed ",
        b"Connection ",
        b"No route to host",
        b"Network ",
        b"Host is ",
        b"Operation timed out",
        b"Operation not permitted",
        b"Permission denied",
        b"Cannot assign requested address",
        b"Address family not supported",
        b"TLS error on connection",
        b"TLS session",
        b"a TLS session is required",
        b"DANE ",
        b"utf8 support required",
        b"ridiculously long",
        b"authentication ",
        b"response to ",
        b"retry time not reached",
        b"retry timeout exceeded",
        b"no mail server",
        b"Broken pipe",
        b"SOCKS",
        b"send() to ",
        b"failed to ",
    ];
    OPENINGS.iter().any(|opening| rest.starts_with(opening)).then_some(Event::HostFailed { host: found, text: rest })
}

fn frozen(text: &[u8]) -> Option<Event<'_>> {
    if text == b"Message is frozen" {
        return Some(Event::StillFrozen);
    }
    if let Some(by) = text.strip_prefix(b"Unfrozen by ").or_else(|| text.strip_prefix(b"unfrozen by ")) {
        return Some(Event::Thawed { by });
    }
    let rest = text.strip_prefix(b"Frozen").or_else(|| text.strip_prefix(b"frozen"))?;
    let by = match rest {
        [] => rest,
        [b' ', rest @ ..] => rest.strip_prefix(b"by ").unwrap_or(rest),
        _ => return None,
    };
    Some(Event::Frozen { by })
}

fn removed(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"removed by ").or_else(|| text.strip_prefix(b"cancelled by "))?;
    let (by, text) = split_at(rest, b": ").unwrap_or((rest, b""));
    Some(Event::Removed { by, text })
}

/// `address <a> marked delivered by user`
fn marked(text: &[u8]) -> Option<Event<'_>> {
    let (address, rest) = angle(text.strip_prefix(b"address <")?);
    Some(Event::MarkedDelivered { address, by: rest.strip_prefix(b" marked delivered by ")? })
}

/// `a: error ignored`
fn error_ignored(text: &[u8]) -> Option<Event<'_>> {
    let address = text.strip_suffix(b": error ignored")?;
    let address = match address.strip_suffix(b">") {
        Some(inside) => memchr::memrchr(b'<', inside).map_or(address, |open| &inside[open + 1..]),
        None => address,
    };
    Some(Event::ErrorIgnored { address })
}

/// `DKIM: d=domain s=selector c=... a=... [verification succeeded]`
fn dkim(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"DKIM: ")?;
    let (mut domain, mut selector) = (&b""[..], &b""[..]);
    let mut tags = Tags::of(rest);
    for tag in &mut tags {
        match tag.key {
            b"d" => domain = tag.value,
            b"s" => selector = tag.value,
            _ => {}
        }
    }
    let result = tags.rest();
    if domain.is_empty() {
        return Some(Event::Note { text });
    }
    let result = result.strip_prefix(b"[").and_then(|result| result.strip_suffix(b"]")).unwrap_or(result);
    Some(Event::Dkim { domain, selector, result, tags: rest })
}

/// Lines for the reader.
fn note(text: &[u8]) -> Option<Event<'_>> {
    const OPENINGS: &[&[u8]] = &[
        b"no immediate delivery",
        b"original recipients ignored",
        b"no recipients found",
        b"Spool file is locked",
        b"Spool file for ",
        b"PRDR R=",
        b"Retry ",
        b"retry ",
        b"tls_out_",
        b"tls_in_",
        b"TLS session: ",
        b"Authentication-Results: ",
        b"DANE ",
        b"ARC: ",
        b"moved from input",
        b"qualify/rewrite: ",
        b"remote host address is the local host",
        b"no IP address found for host",
        b"SMTP connection outbound ",
        b"no recipients",
        b"contained no recipients",
    ];
    let known = OPENINGS.iter().any(|opening| text.starts_with(opening))
        || text.first() == Some(&b'[') && memchr::memmem::find(text, b" SSL verify error: ").is_some()
        || memchr::memmem::find(text, b" transport output: ").is_some()
        || memchr::memmem::find(text, b" router: skipped error: ").is_some()
        || word(text).1.starts_with(b"authenticator cancelled authentication");
    known.then_some(Event::Note { text })
}
