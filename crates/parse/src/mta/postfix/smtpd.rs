//! smtpd: sessions, opened messages, policy decisions, failed logins, TLS.

use super::syntax::{next_pair, pair, peer, verb};
use super::{Decision, Event};
use crate::record::{Client, Severity};
use crate::syntax::{number, split_at, word};

/// The event of smtpd's text.
#[inline]
pub(super) fn set_event<'a>(severity: Severity, text: &'a [u8], event: &mut Event<'a>) {
    if severity != Severity::Info {
        *event = trouble(text);
    } else if let Some(rest) = text.strip_prefix(b"connect from ") {
        if let Some((client, _)) = peer(rest) {
            *event = Event::Connect { client };
        }
    } else if let Some(rest) = text.strip_prefix(b"disconnect from ") {
        if let Some((client, rest)) = peer(rest) {
            *event = Event::Disconnect { client, commands: crate::syntax::skip_blanks(rest) };
        }
    } else if let Some(rest) = text.strip_prefix(b"client=") {
        opened(rest, event);
    } else if let Some(decision) = decision(text) {
        *event = Event::Decision(decision);
    } else {
        *event = session(text).or_else(|| tls(text)).unwrap_or_else(|| note(text));
    }
}

/// `client=name[ip][, sasl_method=..., sasl_username=..., sasl_sender=..., orig_queue_id=..., orig_client=...]`
fn opened<'a>(text: &'a [u8], event: &mut Event<'a>) {
    let Some((client, mut rest)) = peer(text) else { return };
    const NONE: &[u8] = b"";
    *event = Event::Opened {
        client,
        sasl_method: NONE,
        sasl_username: NONE,
        sasl_sender: NONE,
        orig_queue_id: NONE,
        orig_client: Client::default(),
    };
    let Event::Opened { sasl_method, sasl_username, sasl_sender, orig_queue_id, orig_client, .. } = event else { return };
    while let Some(list) = next_pair(rest) {
        let Some((key, value, after)) = pair(list) else { break };
        match key {
            b"sasl_method" => *sasl_method = value,
            b"sasl_username" => *sasl_username = value,
            b"sasl_sender" => *sasl_sender = value,
            b"orig_queue_id" => *orig_queue_id = value,
            b"orig_client" => *orig_client = super::syntax::relay(value),
            _ => {}
        }
        rest = after;
    }
}

/// `verb: STAGE from client: reply; from=<> to=<> proto=ESMTP helo=<>`, and `proxy-accept: STAGE: reply; ...` without a client.
#[inline]
pub(super) fn decision(text: &[u8]) -> Option<Decision<'_>> {
    let colon = text.iter().take(41).position(|byte| *byte == b':')?;
    let verb_word = &text[..colon];
    let verb = verb(verb_word)?;
    let rest = text[colon + 1..].strip_prefix(b" ")?;
    let mut decision = Decision { verb, verb_word, ..Decision::default() };
    let stage_end = rest.iter().position(|byte| matches!(byte, b' ' | b':'))?;
    decision.stage = &rest[..stage_end];
    let mut rest = &rest[stage_end..];
    if let Some((client, after)) = from_client(rest) {
        decision.client = client;
        rest = after;
    }
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (reply, list) = split_list(crate::syntax::skip_blanks(rest));
    decision.reply = reply;
    fill(&mut decision, list);
    Some(decision)
}

/// ` from client`, perhaps with something between (`DATA (5123 bytes) from client`).
fn from_client(text: &[u8]) -> Option<(Client<'_>, &[u8])> {
    let rest = match text.strip_prefix(b" from ") {
        Some(rest) => rest,
        None if text.starts_with(b":") => return None,
        None => split_at(text, b" from ")?.1,
    };
    peer(rest)
}

/// The reply and the list after it. The address that opens many replies (`550 5.1.1 <a@b>: ...`) comes from outside and is
/// read over, so that nothing in it can pass for the list.
pub(super) fn split_list(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = after_address(text);
    while let Some(at) = memchr::memchr(b';', &text[from..]) {
        let end = from + at;
        let rest = &text[end + 1..];
        if starts_list(rest) {
            return (&text[..end], &rest[1..]);
        }
        from = end + 1;
    }
    (text, &text[text.len()..])
}

/// Whether a text after `;` is the list of a decision.
pub(super) fn starts_list(rest: &[u8]) -> bool {
    rest.starts_with(b" from=<") || rest.starts_with(b" to=<") || rest.starts_with(b" proto=") || rest.starts_with(b" helo=<")
}

/// Where the codes and the quoted address that open a reply end.
fn after_address(text: &[u8]) -> usize {
    let open = text.iter().take(16).position(|byte| *byte == b'<');
    let codes = open.is_some_and(|open| text[..open].iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'.' | b'-')));
    let Some(open) = open.filter(|_| codes) else { return 0 };
    super::syntax::angle(&text[open + 1..], |rest| rest.starts_with(b": ")).map_or(0, |(address, _)| open + 2 + address.len())
}

/// Sets what a list says, and returns what follows it (`: text` of a content check).
pub(super) fn fill<'a>(decision: &mut Decision<'a>, list: &'a [u8]) -> &'a [u8] {
    let mut rest = list;
    while let Some((key, value, after)) = pair(rest) {
        match key {
            b"from" => decision.sender = Some(value),
            b"to" => decision.recipient = Some(value),
            b"proto" => decision.proto = value,
            b"helo" => decision.helo = value,
            b"sasl_username" => decision.sasl_username = value,
            b"sasl_method" => decision.sasl_method = value,
            _ => {}
        }
        rest = after;
        match next_pair(after) {
            Some(list) => rest = list,
            None => break,
        }
    }
    rest
}

/// What ends a session (true) or breaks the protocol in it.
const ENDINGS: &[(&[u8], bool)] = &[
    (b"lost connection", true),
    (b"timeout", true),
    (b"too many errors", true),
    (b"improper command pipelining", false),
    (b"bare <LF> received", false),
    (b"bare <CR> received", false),
];

/// Ends of sessions and breaches of the protocol: `what after STAGE[ (N bytes)] from client`.
fn session(text: &[u8]) -> Option<Event<'_>> {
    let (how, lost) = ENDINGS.iter().find(|(how, _)| text.starts_with(how))?;
    let (how, rest) = (&text[..how.len()], text[how.len()..].strip_prefix(b" after ")?);
    let (stage, rest) = split_at(rest, b" from ")?;
    let (client, _) = peer(rest)?;
    let stage = split_at(stage, b" (").map_or(stage, |(stage, _)| stage);
    Some(if *lost { Event::Lost { how, stage, client } } else { Event::Misbehaved { what: how, stage, client } })
}

/// TLS established (`Trusted TLS connection established from/to peer: TLSv1.3 with cipher C (...)`) or failed.
pub(super) fn tls(text: &[u8]) -> Option<Event<'_>> {
    for (opening, inbound) in [(&b"SSL_accept error from "[..], true), (b"SSL_connect error to ", false)] {
        if let Some(rest) = text.strip_prefix(opening) {
            return failed(rest, inbound);
        }
    }
    if let Some(rest) = text.strip_prefix(b"certificate verification failed for ") {
        return failed(rest, false);
    }
    if let Some(rest) = text.strip_prefix(b"TLS handshake failed for service=") {
        let (_, rest) = split_at(rest, b" peer=")?;
        return failed(rest, true);
    }
    let (verification, rest) = match text.strip_prefix(b"TLS connection ") {
        Some(rest) => (&b""[..], rest),
        None => {
            let (verification, rest) = word(text);
            (verification, rest.strip_prefix(b"TLS connection ")?)
        }
    };
    let rest = rest.strip_prefix(b"established ").or_else(|| rest.strip_prefix(b"reused "))?;
    let (inbound, rest) = match rest.strip_prefix(b"from ") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix(b"to ")?),
    };
    let (peer, rest) = peer(rest)?;
    let rest = rest.strip_prefix(b": ").or_else(|| split_at(rest, b": ").map(|(_, rest)| rest))?;
    let (version, rest) = word(rest);
    let cipher = rest.strip_prefix(b"with cipher ").unwrap_or(b"");
    Some(Event::Tls { inbound, verification, peer, version, cipher })
}

fn failed(text: &[u8], inbound: bool) -> Option<Event<'_>> {
    let (peer, rest) = peer(text)?;
    Some(Event::TlsFailed { inbound, peer, text: crate::syntax::skip_blanks(rest.strip_prefix(b":").unwrap_or(rest)) })
}

/// Warnings of smtpd that have a form of their own.
fn trouble(text: &[u8]) -> Event<'_> {
    auth_failed(text).or_else(|| limit(text)).or_else(|| unresolved(text)).or_else(|| broken(text)).unwrap_or(Event::Unknown)
}

/// `client: SASL LOGIN authentication failed: reason[, sasl_username=joe]`
fn auth_failed(text: &[u8]) -> Option<Event<'_>> {
    let (client, rest) = peer(text)?;
    let (method, rest) = split_at(rest.strip_prefix(b": SASL ")?, b" authentication ")?;
    let rest = rest.strip_prefix(b"failed").or_else(|| rest.strip_prefix(b"aborted"))?;
    let rest = crate::syntax::skip_blanks(rest.strip_prefix(b":").unwrap_or(rest));
    let (reason, username) = match rest.strip_prefix(b"sasl_username=") {
        Some(username) => (&b""[..], username),
        None => split_at(rest, b", sasl_username=").unwrap_or((rest, b"")),
    };
    Some(Event::AuthFailed { client, method, reason, username })
}

/// `Connection rate limit exceeded: 61 from client for service smtp`
fn limit(text: &[u8]) -> Option<Event<'_>> {
    let (limit, rest) = split_at(text, b" limit exceeded: ")?;
    let (count, rest) = number(rest)?;
    let (client, rest) = peer(rest.strip_prefix(b" from ")?)?;
    let service = rest.strip_prefix(b" for service ").unwrap_or(b"");
    Some(Event::LimitExceeded { limit, count: u32::try_from(count).unwrap_or(u32::MAX), client, service })
}

/// `hostname X does not resolve to address A[: reason]`, and `A: hostname X verification failed: reason` before 2.8.
fn unresolved(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"hostname ") {
        let (name, rest) = split_at(rest, b" does not resolve to address ")?;
        let ip = split_at(rest, b": ").map_or(rest, |(ip, _)| ip);
        return Some(Event::Unresolved { client: Client { name, ip, port: 0 }, text });
    }
    let (ip, rest) = split_at(text, b": ")?;
    let rest = rest.strip_prefix(b"hostname ").or_else(|| rest.strip_prefix(b"address not listed for hostname "))?;
    let (name, _) = word(rest);
    Some(Event::Unresolved { client: Client { name, ip, port: 0 }, text })
}

/// `non-SMTP command from client: GET / HTTP/1.1` and `reject: ETRN domain... from client`
fn broken(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"non-SMTP command from ") {
        let (client, _) = peer(rest)?;
        return Some(Event::Misbehaved { what: &text[..16], stage: b"", client });
    }
    let rest = text.strip_prefix(b"reject: ETRN ")?;
    let (client, _) = peer(split_at(rest, b" from ")?.1)?;
    Some(Event::Misbehaved { what: &text[..12], stage: b"ETRN", client })
}

/// Known information without an event of its own.
fn note(text: &[u8]) -> Event<'_> {
    if super::syntax::is_note(text) { Event::Note { text } } else { Event::Unknown }
}
