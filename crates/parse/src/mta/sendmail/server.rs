//! Lines of sessions, rules, filters, TLS, logins, and of the daemon itself.

use super::syntax::{address_end, leading_peer, peer, value, without_brackets};
use super::{Decision, Event, Verdict};
use crate::record::Client;
use crate::syntax::split_at;

/// The event of a text that is neither `from=` nor `to=`.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    let by_prefix: Option<Event<'_>> = match text.first()? {
        b'r' => ruleset(text).or_else(|| pre_greeting(text)),
        b'S' => starttls(text),
        b'A' => auth(text).or_else(|| text.starts_with(b"Authentication-Warning: ").then_some(Event::Note { text })),
        b'M' | b'm' => milter(text),
        b'c' => collect(text),
        b'q' | b'u' => quarantine(text),
        b'<' => refused_address(text),
        b'l' | b't' => lost(text),
        _ => None,
    };
    by_prefix.or_else(|| misbehaved(text)).or_else(|| system(text))
}

/// `ruleset=check_rcpt, arg1=<a>, relay=host [address], reject=550 5.7.1 <a>... Relaying denied`
fn ruleset(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"ruleset=")?;
    let (ruleset, rest) = split_at(rest, b", ")?;
    let mut decision = Decision { ruleset, ..Decision::default() };
    let (fields, verdict) = match split_at(rest, b"reject=") {
        Some((fields, reply)) => (fields, Some((Verdict::Reject, reply))),
        None => match split_at(rest, b"quarantine=") {
            Some((fields, reason)) => (fields, Some((Verdict::Quarantine, reason))),
            None => (rest, rest.ends_with(b"discard").then_some((Verdict::Discard, &b""[..]))),
        },
    };
    let mut rest = fields;
    while !rest.is_empty() {
        let (key, after) = split_at(rest, b"=").unwrap_or((rest, b""));
        let end =
            if matches!(key, b"arg1" | b"arg2") { address_end(after) } else { memchr::memmem::find(after, b", ").unwrap_or(after.len()) };
        let (item, after) = (&after[..end], after.get(end + 2..).unwrap_or_default());
        match key {
            b"arg1" => decision.argument = without_brackets(item),
            b"arg2" => decision.argument2 = without_brackets(item),
            b"relay" => decision.client = peer(item),
            _ => {}
        }
        rest = after;
    }
    // Without a decision it is a trace of a rule (`ruleset=srv_features`, ...).
    let Some((verdict, words)) = verdict else { return Some(Event::Note { text }) };
    (decision.verdict, decision.text) = (verdict, words);
    // What a rule says of a name in AUTH= leaves the mail alone.
    if ruleset == b"trust_auth" { Some(Event::Note { text }) } else { Some(Event::Decision(decision)) }
}

/// `rejecting commands from host [address] due to pre-greeting traffic after 0 seconds`
fn pre_greeting(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"rejecting commands from ")?;
    let (client, _) = leading_peer(rest, b" due to ").unwrap_or((peer(rest), b""));
    Some(Event::PreGreeting { client, text })
}

/// `Milter: data, reject=550 5.7.1 text`, `milter=name, action=rcpt, reject=...`, `Milter (name): timeout before data read`
fn milter(text: &[u8]) -> Option<Event<'_>> {
    let (milter, rest) = if let Some(rest) = text.strip_prefix(b"milter=") {
        split_at(rest, b", ")?
    } else if let Some(rest) = text.strip_prefix(b"Milter (") {
        let (_, state) = split_at(rest, b"): ")?;
        let is_trouble = [&b"error"[..], b"timeout", b"to error state", b"local socket", b"write", b"read", b"not responding", b"can't"];
        let fails = is_trouble.iter().any(|word| state.starts_with(word));
        return Some(if fails { Event::Trouble { text } } else { Event::Note { text } });
    } else {
        let rest = text.strip_prefix(b"Milter")?;
        let Some(rest) = rest.strip_prefix(b": ") else { return Some(Event::Ignored) };
        (&b""[..], rest)
    };
    let (fields, verdict, words) = if let Some((fields, reply)) = split_at(rest, b"reject=") {
        (fields, Verdict::Reject, reply)
    } else if let Some((fields, reason)) = split_at(rest, b"quarantine=") {
        (fields, Verdict::Quarantine, reason)
    } else if let Some(fields) = rest.strip_suffix(b"discard") {
        (fields, Verdict::Discard, &b""[..])
    } else {
        return Some(Event::Ignored);
    };
    let fields = fields.strip_suffix(b", ").unwrap_or(fields);
    let fields = fields.strip_prefix(b"action=").unwrap_or(fields);
    let end = fields.iter().position(|byte| matches!(byte, b'=' | b',' | b':' | b' ')).unwrap_or(fields.len());
    let (step, rest) = (&fields[..end], &fields[end..]);
    let argument = rest.strip_prefix(b"=").map_or(&b""[..], |rest| without_brackets(&rest[..address_end(rest)]));
    let client = match (value(rest, b"host=").or_else(|| split_at(rest, b"host=").map(|(_, rest)| rest)), value(rest, b"addr=")) {
        (None, None) => Client::default(),
        (host, address) => {
            let host = host.map_or(&b""[..], |host| split_at(host, b", ").map_or(host, |(host, _)| host));
            Client { name: peer(host).name, ip: address.unwrap_or_default(), port: 0 }
        }
    };
    Some(Event::Decision(Decision { milter, step, argument, client, verdict, text: words, ..Decision::default() }))
}

/// STARTTLS in both directions, and its errors.
fn starttls(text: &[u8]) -> Option<Event<'_>> {
    if text.starts_with(b"SYSERR") {
        return Some(Event::Trouble { text });
    }
    let rest = text.strip_prefix(b"STARTTLS")?;
    let inbound = rest.starts_with(b"=server");
    let Some(rest) = rest.strip_prefix(b"=server, ").or_else(|| rest.strip_prefix(b"=client, ")) else {
        // `STARTTLS: read error=...`, `STARTTLS=server: error:0A00010B:SSL routines::...`: the details of a failure told elsewhere.
        return Some(Event::Note { text });
    };
    let relay = value(rest, b"relay=").map(peer).unwrap_or_default();
    if rest.starts_with(b"error: ") || value(rest, b"version=").is_none() {
        return Some(Event::TlsFailed { inbound, relay, text: rest });
    }
    Some(Event::Tls {
        inbound,
        relay,
        version: value(rest, b"version=")?,
        verification: value(rest, b"verify=").unwrap_or_default(),
        cipher: value(rest, b"cipher=").unwrap_or_default(),
        bits: value(rest, b"bits=").unwrap_or_default(),
    })
}

/// `AUTH=server, ...`, `AUTH=client, ...`, `AUTH failure (MECHANISM): reason, user=..., relay=...`
fn auth(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"AUTH=server, ") {
        let client = value(rest, b"relay=").map(peer).unwrap_or_default();
        return Some(match value(rest, b"authid=") {
            Some(user) => Event::Authenticated { client, user, method: value(rest, b"mech=").unwrap_or_default() },
            None => Event::Note { text },
        });
    }
    if let Some(rest) = text.strip_prefix(b"AUTH=client, ") {
        let relay = value(rest, b"relay=").map(peer).unwrap_or_default();
        return Some(Event::LoggedIn { relay, method: value(rest, b"mech=").unwrap_or_default(), text: rest });
    }
    let rest = text.strip_prefix(b"AUTH failure (")?;
    let (method, rest) = split_at(rest, b"): ")?;
    let (rest, relay) = cut_last(rest, b", relay=");
    let (reason, user) = cut_last(rest, b", user=");
    // A name may hold `, relay=` itself, as an attack on whoever reads the log.
    Some(Event::AuthFailed { client: peer(relay), user, method, text: reason })
}

/// The text before the last `key`, and what follows it (empty without one).
fn cut_last<'a>(text: &'a [u8], key: &[u8]) -> (&'a [u8], &'a [u8]) {
    match memchr::memmem::rfind(text, key) {
        Some(at) => (&text[..at], &text[at + key.len()..]),
        None => (text, b""),
    }
}

/// `collect: premature EOM: Connection reset by host`, `connect from host [address]`
fn collect(text: &[u8]) -> Option<Event<'_>> {
    if let Some(client) = text.strip_prefix(b"connect from ") {
        return Some(Event::Connect { client: peer(client) });
    }
    text.starts_with(b"collect: ").then_some(Event::Broken { text })
}

fn quarantine(text: &[u8]) -> Option<Event<'_>> {
    if let Some(reason) = text.strip_prefix(b"quarantine=") {
        return Some(Event::Quarantined { reason });
    }
    text.starts_with(b"unquarantine").then_some(Event::Released)
}

/// `<address>... User unknown`
fn refused_address(text: &[u8]) -> Option<Event<'_>> {
    let (address, text) = split_at(text, b"... ")?;
    Some(Event::AddressRefused { address: without_brackets(address), text })
}

fn lost(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"lost input channel from ") {
        let (before, stage) = cut_last(rest, b" after ");
        let (client, daemon) = cut_last(before, b" to ");
        return Some(Event::Lost { client: peer(client), daemon, stage });
    }
    let rest = text.strip_prefix(b"timeout waiting for input from ")?;
    let (peer_text, during) = cut_last(rest, b" during ");
    Some(Event::TimedOut { peer: peer(peer_text), during })
}

/// Lines that begin with a client, or name one.
fn misbehaved(text: &[u8]) -> Option<Event<'_>> {
    if let Some((client, rest)) = leading_peer(text, b" did not issue ") {
        return Some(Event::NoTransaction { client, daemon: cut_last(rest, b" to ").1 });
    }
    for word in [&b"possible SMTP attack: "[..], b"probable open proxy: ", b"EXPN ", b"VRFY ", b"ETRN ", b"expn ", b"vrfy "] {
        if let Some(at) = memchr::memmem::find(text, word)
            && let Some(client) = text[..at].strip_suffix(b": ")
        {
            return Some(Event::Misbehaved { client: peer(client), text: &text[at..] });
        }
    }
    if text.starts_with(b"invalid domain name (") {
        return Some(Event::Misbehaved { client: peer(cut_last(text, b" from ").1), text });
    }
    let refusals = [&b"Too many recipients"[..], b"message size (", b"Message exceeds", b"Too many hops", b"Headers too large"];
    if refusals.iter().any(|words| text.starts_with(words)) {
        return Some(Event::Refused { text });
    }
    if text.starts_with(b"too many ") || text.starts_with(b"Too many ") {
        return Some(Event::Trouble { text });
    }
    None
}

/// Openings of lines about the daemon and its files that an administrator should see.
const TROUBLE: &[&[u8]] = &[
    b"SYSERR",
    b"rejecting connections on daemon",
    b"deferring connections on daemon",
    b"low on space",
    b"Losing ",
    b"savemail panic",
    b"hash map ",
    b"dbm map ",
    b"cannot ",
    b"can't ",
    b"Can't ",
    b"Cannot ",
    b"unable to ",
    b"My unqualified host name",
    b"forward ",
    b"dangerous ",
    b"WARNING",
    b"Warning",
    b"warning",
    b"error",
    b"opendaemonsocket",
    b"daemon ",
    b"queueup",
    b"readqf",
    b"runqueue: ",
    b"queue run",
    b"sendmail daemon",
    b"server ",
    b"Out of memory",
    b"locked",
    b"problem ",
    b"unsafe ",
    b"safefile",
    b"File descriptors",
    b"timeout ",
    b"gethostbyaddr",
    b"ldap",
    b"LDAP",
];

/// Openings of lines without use for us.
const IGNORED: &[&[u8]] = &[
    b"tls_srv_features",
    b"tls_clt_features",
    b"alias ",
    b"forward:",
    b"grew WorkList",
    b"accepting connections again",
    b"started as: ",
    b"dns ",
    b"ntries=",
    b"---",
    b"<--",
    b"makeconnection",
    b"openmailer",
    b"SMTP outgoing connect",
    b"EOF",
    b"disconnect",
    b"smtpquit",
    b"queue_run",
    b"unlock",
    b"file ",
    b"expanded to ",
    b"aliased to ",
    b"split: ",
    b"assigned id",
    b"Truncated",
    b"truncated",
    b"header ",
    b"connection ",
    b"user ",
    b"outgoing",
    b"nrcpts",
];

fn system(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"starting daemon (") {
        let (version, _) = split_at(rest, b")").unwrap_or((rest, b""));
        return Some(Event::Lifecycle { what: text, version });
    }
    let lifecycle = [&b"stopping daemon"[..], b"restarting ", b"alias database ", b"starting "];
    if lifecycle.iter().any(|opening| text.starts_with(opening)) {
        return Some(Event::Lifecycle { what: text, version: b"" });
    }
    // `/etc/mail/aliases: 8 aliases, longest 30 bytes, 173 bytes total`
    if text.starts_with(b"/") {
        return Some(if text.ends_with(b"bytes total") { Event::Ignored } else { Event::Trouble { text } });
    }
    if IGNORED.iter().any(|opening| text.starts_with(opening)) {
        return Some(Event::Ignored);
    }
    TROUBLE.iter().any(|opening| text.starts_with(opening)).then_some(Event::Trouble { text })
}
