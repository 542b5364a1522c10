//! The program of a Postfix line: `syslog_name[/service]/daemon`, and the daemon from the text where the tag lost it.

use super::syntax::Id;
use super::{Daemon, Delivery, DeliveryStatus};
use crate::record::Severity;
use crate::syntax::{split_at, word};

/// The parts of a program.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tag<'a> {
    pub(crate) instance: &'a [u8],
    pub(crate) service: &'a [u8],
    pub(crate) daemon: Daemon,
}

/// The tag of a program that is Postfix's: its last path part is a daemon, or its first part begins with `postfix`.
#[inline]
pub(crate) fn tag(program: &[u8]) -> Option<Tag<'_>> {
    if let Some(word) = program.strip_prefix(b"postfix/") {
        let daemon = daemon(word);
        if daemon != Daemon::Other {
            return Some(Tag { instance: &program[..7], service: b"", daemon });
        }
    }
    odd_tag(program)
}

/// Other instances, service labels, custom names.
fn odd_tag(program: &[u8]) -> Option<Tag<'_>> {
    let Some(last) = memchr::memrchr(b'/', program) else {
        // An RFC 5424 app-name ends at the first slash in some relays: what is left is the instance.
        return program.starts_with(b"postfix").then_some(Tag { instance: program, ..Tag::default() });
    };
    let daemon = daemon(&program[last + 1..]);
    if daemon == Daemon::Other && !program.starts_with(b"postfix") {
        return None;
    }
    Some(split(program, last, daemon))
}

/// The tag of a program that is Postfix's because the operator says so.
pub(crate) fn tag_of(program: &[u8]) -> Tag<'_> {
    match memchr::memrchr(b'/', program) {
        Some(last) => split(program, last, daemon(&program[last + 1..])),
        None => Tag { instance: program, service: b"", daemon: daemon(program) },
    }
}

#[inline]
fn split(program: &[u8], last: usize, daemon: Daemon) -> Tag<'_> {
    let before = &program[..last];
    match memchr::memchr(b'/', before) {
        Some(first) => Tag { instance: &before[..first], service: &before[first + 1..], daemon },
        None => Tag { instance: before, service: b"", daemon },
    }
}

/// The daemon of a word; `Other` for a word that is none.
#[inline]
fn daemon(word: &[u8]) -> Daemon {
    match word {
        b"smtpd" => Daemon::Smtpd,
        b"qmgr" | b"nqmgr" | b"oqmgr" => Daemon::Qmgr,
        b"smtp" => Daemon::Smtp,
        b"cleanup" => Daemon::Cleanup,
        b"bounce" | b"defer" | b"trace" => Daemon::Bounce,
        b"lmtp" => Daemon::Lmtp,
        b"local" => Daemon::Local,
        b"virtual" => Daemon::Virtual,
        b"pipe" => Daemon::Pipe,
        b"error" | b"retry" => Daemon::Error,
        b"discard" => Daemon::Discard,
        b"pickup" => Daemon::Pickup,
        b"postscreen" => Daemon::Postscreen,
        b"dnsblog" => Daemon::Dnsblog,
        b"tlsproxy" => Daemon::Tlsproxy,
        b"anvil" => Daemon::Anvil,
        b"scache" => Daemon::Scache,
        b"verify" => Daemon::Verify,
        b"master" => Daemon::Master,
        b"postfix-script" => Daemon::PostfixScript,
        b"postsuper" => Daemon::Postsuper,
        b"postdrop" => Daemon::Postdrop,
        b"sendmail" => Daemon::Sendmail,
        b"trivial-rewrite" => Daemon::TrivialRewrite,
        b"tlsmgr" => Daemon::Tlsmgr,
        b"proxymap" | b"proxywrite" => Daemon::Proxymap,
        b"flush" => Daemon::Flush,
        b"showq" => Daemon::Showq,
        b"qmqpd" => Daemon::Qmqpd,
        b"policyd" | b"policy-spf" | b"policyd-spf" | b"spawn" => Daemon::Policyd,
        _ => command(word),
    }
}

/// The commands and rare daemons: they write warnings, and one treatment fits them all.
fn command(word: &[u8]) -> Daemon {
    match word {
        b"postalias"
        | b"postcat"
        | b"postconf"
        | b"postfix"
        | b"postkick"
        | b"postlock"
        | b"postlog"
        | b"postlogd"
        | b"postmap"
        | b"postmulti"
        | b"postqueue"
        | b"posttls-finger"
        | b"nbdb_reindexd"
        | b"postfix-tls-script"
        | b"postfix-wrapper"
        | b"postmulti-script"
        | b"newaliases"
        | b"mailq" => Daemon::Command,
        _ => Daemon::Other,
    }
}

/// The daemon from the text of a line whose tag does not say it. What `postsuper` removes cannot be told from what `qmgr` removes.
pub(crate) fn infer(severity: Severity, text: &[u8], id: Id<'_>) -> Daemon {
    match id {
        Id::Queue(_) if severity != Severity::Info => Daemon::Other,
        Id::Queue(_) => infer_with_id(text),

        Id::NoQueue => no_queue(text),
        Id::None => infer_without_id(text),
    }
}

/// Rejections: postscreen knows a client by `[address]:port` only.
fn no_queue(text: &[u8]) -> Daemon {
    match split_at(text, b" from ") {
        Some((_, rest)) if rest.starts_with(b"[") => Daemon::Postscreen,
        _ => Daemon::Smtpd,
    }
}

fn infer_with_id(text: &[u8]) -> Daemon {
    if text.starts_with(b"to=") {
        // Any agent will do until its relay is read.
        return Daemon::Smtp;
    }
    if text.starts_with(b"from=") || text == b"removed" || text.starts_with(b"removed (") || text.starts_with(b"skipped, ") {
        return Daemon::Qmgr;
    }
    if text.starts_with(b"client=") {
        return Daemon::Smtpd;
    }
    if text.starts_with(b"uid=") {
        return Daemon::Pickup;
    }
    if text.starts_with(b"message-id=") || text.starts_with(b"resent-message-id=") || text == b"canceled" {
        return Daemon::Cleanup;
    }
    if text.starts_with(b"sender ") || text.starts_with(b"postmaster ") {
        return Daemon::Bounce;
    }
    if matches!(text, b"requeued" | b"placed on hold" | b"released from hold" | b"expired") {
        return Daemon::Postsuper;
    }
    match split_at(text, b": ") {
        Some((verb, rest)) if super::syntax::verb(verb).is_some() => {
            let milter = verb.starts_with(b"milter-") && rest.starts_with(b"END-OF-MESSAGE") && !has_reply_code(rest);
            if milter || rest.starts_with(b"header ") || rest.starts_with(b"body ") { Daemon::Cleanup } else { Daemon::Smtpd }
        }
        _ => Daemon::Smtp,
    }
}

/// Whether the text after the client begins with a three-digit code: cleanup leaves it out.
fn has_reply_code(text: &[u8]) -> bool {
    matches!(split_at(text, b"]: "), Some((_, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', ..])))
}

/// The agent of a delivery, from its relay.
pub(super) fn agent(delivery: &Delivery<'_>) -> Daemon {
    match delivery.relay.name {
        b"local" => Daemon::Local,
        b"virtual" => Daemon::Virtual,
        b"none" if delivery.text.starts_with(b"delivery temporarily suspended: ") => Daemon::Error,
        b"none" if delivery.status == DeliveryStatus::Sent => Daemon::Discard,
        b"none" => Daemon::Smtp,
        _ if delivery.relay.ip.contains(&b'/') => Daemon::Lmtp,
        _ if !delivery.relay.ip.is_empty() => Daemon::Smtp,
        _ => Daemon::Pipe,
    }
}

/// Openings of lines without a queue id, and who writes them.
const OPENINGS: &[(&[u8], Daemon)] = &[
    (b"connect from ", Daemon::Smtpd),
    (b"disconnect from ", Daemon::Smtpd),
    (b"lost connection after ", Daemon::Smtpd),
    (b"timeout after ", Daemon::Smtpd),
    (b"too many errors after ", Daemon::Smtpd),
    (b"improper command pipelining ", Daemon::Smtpd),
    (b"bare <LF> received ", Daemon::Smtpd),
    (b"non-SMTP command from ", Daemon::Smtpd),
    (b"hostname ", Daemon::Smtpd),
    (b"reject: ETRN ", Daemon::Smtpd),
    (b"SSL_accept error ", Daemon::Smtpd),
    (b"proxy-accept: ", Daemon::Smtpd),
    (b"proxy-reject: ", Daemon::Smtpd),
    (b"discarding EHLO keywords: ", Daemon::Smtpd),
    (b"connect to ", Daemon::Smtp),
    (b"SSL_connect error ", Daemon::Smtp),
    (b"certificate verification failed for ", Daemon::Smtp),
    (b"CONNECT from ", Daemon::Postscreen),
    (b"DISCONNECT ", Daemon::Postscreen),
    (b"PASS ", Daemon::Postscreen),
    (b"PREGREET ", Daemon::Postscreen),
    (b"HANGUP after ", Daemon::Postscreen),
    (b"DNSBL rank ", Daemon::Postscreen),
    (b"COMMAND ", Daemon::Postscreen),
    (b"BARE NEWLINE ", Daemon::Postscreen),
    (b"NON-SMTP COMMAND ", Daemon::Postscreen),
    (b"ALLOWLIST", Daemon::Postscreen),
    (b"DENYLIST", Daemon::Postscreen),
    (b"WHITELIST", Daemon::Postscreen),
    (b"BLACKLIST", Daemon::Postscreen),
    (b"addr ", Daemon::Dnsblog),
    (b"statistics: max connection ", Daemon::Anvil),
    (b"statistics: max cache ", Daemon::Anvil),
    (b"statistics: max ", Daemon::Scache),
    (b"statistics: ", Daemon::Scache),
    (b"cache ", Daemon::Verify),
    (b"daemon started ", Daemon::Master),
    (b"reload ", Daemon::Master),
    (b"terminating on signal ", Daemon::Master),
    (b"process ", Daemon::Master),
    (b"starting the Postfix ", Daemon::PostfixScript),
    (b"stopping the Postfix ", Daemon::PostfixScript),
    (b"refreshing the Postfix ", Daemon::PostfixScript),
    (b"the Postfix mail system ", Daemon::PostfixScript),
    (b"Deleted: ", Daemon::Postsuper),
    (b"Requeued: ", Daemon::Postsuper),
    (b"Placed on hold: ", Daemon::Postsuper),
    (b"Released from hold: ", Daemon::Postsuper),
    (b"Expired: ", Daemon::Postsuper),
    (b"Force-expired: ", Daemon::Postsuper),
    (b"waiting for the Postfix ", Daemon::PostfixScript),
    (b"table ", Daemon::TrivialRewrite),
];

fn infer_without_id(text: &[u8]) -> Daemon {
    let (first, rest) = word(text);
    if let Some(rest) =
        rest.strip_prefix(b"TLS connection ").filter(|_| first.ends_with(b"ted") || matches!(first, b"Anonymous" | b"Verified"))
    {
        let (_, rest) = word(rest);
        return if rest.starts_with(b"from ") { Daemon::Smtpd } else { Daemon::Smtp };
    }
    if let Some((_, daemon)) = OPENINGS.iter().find(|(opening, _)| text.starts_with(opening)) {
        return *daemon;
    }
    if memchr::memmem::find(text, b": SASL ").is_some() || memchr::memmem::find(text, b" limit exceeded: ").is_some() {
        return Daemon::Smtpd;
    }
    Daemon::Other
}
