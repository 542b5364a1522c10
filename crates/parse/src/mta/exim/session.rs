//! Connections of clients: begun, ended, lost, ended for misbehaviour; failed logins and TLS.

use super::reject::reason;
use super::syntax::{Tags, host};
use super::{Event, Host};
use crate::syntax::{skip_blanks, split_at, word};

/// The event of a line about a connection.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    let event = match text.first()? {
        b'S' => smtp(text),
        b'T' => tls(text),
        b'n' => no_mail(text).or_else(|| unresolved(text)),
        b'u' => unexpected(text),
        b'I' => ident(text),
        _ => None,
    };
    event.or_else(|| login(text))
}

fn smtp(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"SMTP ")?;
    if let Some(rest) = rest.strip_prefix(b"connection ") {
        return connection(rest);
    }
    if let Some(rest) = rest.strip_prefix(b"call from ") {
        let (host, after) = peer(rest);
        let text = after.strip_prefix(b"dropped: ").unwrap_or(after);
        return Some(Event::Dropped { host, text });
    }
    for what in [&b"command timeout on "[..], b"data timeout (message abandoned) on ", b"connection timed out while "] {
        if let Some(after) = rest.strip_prefix(what) {
            let after = split_at(after, b"connection from ").map_or(after, |(_, after)| after);
            let text = &text[..5 + what.len() - 4];
            return Some(Event::Dropped { host: peer(after).0, text: text.strip_suffix(b" ").unwrap_or(text) });
        }
    }
    if rest.starts_with(b"syntax error in ")
        || rest.starts_with(b"protocol error in ")
        || rest.starts_with(b"protocol synchronization error")
    {
        return Some(Event::Misbehaved { host: last_host(text), text });
    }
    None
}

/// `[Ci=1 ]from host ...`, after `SMTP connection `.
fn connection(text: &[u8]) -> Option<Event<'_>> {
    let rest = match text.strip_prefix(b"Ci=") {
        Some(rest) => word(rest).1,
        None => text,
    };
    if let Some(rest) = rest.strip_prefix(b"outbound ") {
        return Some(Event::Note { text: rest });
    }
    let (host, after) = peer(rest.strip_prefix(b"from ")?);
    if after.is_empty() || after.starts_with(b"(TCP/IP connection count") {
        return Some(Event::Connect { host });
    }
    let (duration, after) = match after.strip_prefix(b"D=") {
        Some(after) => word(after),
        None => (&b""[..], after),
    };
    let lost = !after.starts_with(b"closed by ");
    let (how, duration) = match split_at(after, b" D=") {
        Some((how, duration)) => (how, word(duration).0),
        None => (after, duration),
    };
    Some(Event::Disconnect { host, how, lost, commands: b"", duration })
}

/// A host with its interface and connection id; `local user` where a program ran Exim.
fn peer(text: &[u8]) -> (Host<'_>, &[u8]) {
    let (mut found, _, mut rest) = host(text);
    if found.ip.is_empty() {
        let name = std::mem::take(&mut found.name);
        found.user = name;
    }
    loop {
        let after = skip_blanks(rest);
        let (first, next) = word(after);
        if first.starts_with(b"I=[") || first.starts_with(b"Ci=") || first.starts_with(b"U=") {
            if let Some(user) = first.strip_prefix(b"U=") {
                found.user = user;
            }
            rest = next;
        } else {
            return (found, after);
        }
    }
}

/// The host of the last ` H=` in a line: what stands before it may be the client's own words.
fn last_host(text: &[u8]) -> Host<'_> {
    let mut end = text.len();
    while let Some(at) = memchr::memmem::rfind(&text[..end], b"H=") {
        let (found, _, _) = host(&text[at + 2..]);
        if !found.ip.is_empty() && (at == 0 || text[at - 1] == b' ') && !before_is_input(&text[..at]) {
            return found;
        }
        end = at;
    }
    Host::default()
}

/// Whether a place lies inside `input="..."`, which the client wrote.
fn before_is_input(before: &[u8]) -> bool {
    memchr::memmem::find(before, b" input=\"").is_some()
}

/// `no MAIL in SMTP connection from host D=3s C=EHLO,QUIT`
fn no_mail(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"no MAIL in SMTP connection ")?;
    let rest = match rest.strip_prefix(b"Ci=") {
        Some(rest) => word(rest).1,
        None => rest,
    };
    let (host, after) = peer(rest.strip_prefix(b"from ")?);
    let (mut commands, mut duration) = (&b""[..], &b""[..]);
    for tag in Tags::of(after) {
        match tag.key {
            b"D" => duration = tag.value,
            b"C" => commands = tag.value,
            _ => {}
        }
    }
    Some(Event::Disconnect { host, how: b"no MAIL", lost: false, commands, duration })
}

/// `no host name found for IP address A`, `no IP address found for host N (during SMTP connection from host)`
fn unresolved(text: &[u8]) -> Option<Event<'_>> {
    if let Some(ip) = text.strip_prefix(b"no host name found for IP address ") {
        return Some(Event::Unresolved { name: b"", ip: word(ip).0 });
    }
    let rest = text.strip_prefix(b"no IP address found for host ")?;
    let (name, after) = word(rest);
    let ip = split_at(after, b"connection from ").map_or(&b""[..], |(_, rest)| host(rest).0.ip);
    Some(Event::Unresolved { name, ip })
}

/// `unexpected disconnection while reading SMTP command from host D=1s`
fn unexpected(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"unexpected disconnection while reading SMTP command from ")?;
    let (host, after) = peer(rest);
    let duration = after.strip_prefix(b"D=").map_or(&b""[..], |after| word(after).0);
    let how = &text[..b"unexpected disconnection while reading SMTP command".len()];
    Some(Event::Disconnect { host, how, lost: true, commands: b"", duration })
}

fn ident(text: &[u8]) -> Option<Event<'_>> {
    text.starts_with(b"Ident ").then_some(Event::Note { text })
}

/// `TLS error on connection from host (where): text`
fn tls(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"TLS error on connection ")?;
    let Some(rest) = rest.strip_prefix(b"from ") else {
        return Some(Event::TlsFailed { host: Host::default(), text: rest });
    };
    let (host, text) = peer(rest);
    Some(Event::TlsFailed { host, text })
}

/// `method authenticator failed for host: 535 text (set_id=user)`
fn login(text: &[u8]) -> Option<Event<'_>> {
    let (method, rest) = split_at(text, b" authenticator failed ")?;
    if method.contains(&b':') || method.contains(&b'"') {
        return None;
    }
    if let Some(rest) = rest.strip_prefix(b"H=") {
        // Our own login at a server.
        let (host, _, after) = host(rest);
        return Some(Event::HostFailed { host, text: skip_blanks(after) });
    }
    let (host, after) = peer_and_colon(rest.strip_prefix(b"for ")?);
    let said = reason(after);
    let (said, user) = match memchr::memmem::rfind(said, b" (set_id=") {
        Some(at) => (&said[..at], said[at + 9..].strip_suffix(b")").unwrap_or(&said[at + 9..])),
        None => (said, &b""[..]),
    };
    Some(Event::AuthFailed { method, host, user, text: said })
}

/// A client whose name or HELO may hold brackets: the address is the last one before the code of our answer.
fn peer_and_colon(text: &[u8]) -> (Host<'_>, &[u8]) {
    if let Some(user) = text.strip_prefix(b"U=") {
        let (user, rest) = split_at(user, b": ").unwrap_or((user, b""));
        return (Host { user, ..Host::default() }, &text[text.len() - rest.len()..]);
    }
    let (found, _, rest) = host(text);
    (found, rest)
}
