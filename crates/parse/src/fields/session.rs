//! Fields of sessions: command counters, TLS, postscreen, statistics.

use super::{See, peer};
use crate::mta::postfix::milliseconds;
use crate::record::Client;
use crate::syntax::{number, split_at, word};

/// The counters of `disconnect`: `ehlo=2 auth=0/1 commands=2/3`. One number where all were accepted, two where not.
pub(super) fn commands(see: &mut See<'_>, text: &[u8]) {
    for item in text.split(|byte| *byte == b' ') {
        let Some((name, count)) = split_at(item, b"=") else { continue };
        let Some((accepted, total)) = command_names(name) else {
            if name == b"notes" {
                see.text("notes", count);
            }
            continue;
        };
        let Some((first, rest)) = number(count) else { continue };
        see.number(accepted, first);
        if let Some((all, _)) = rest.strip_prefix(b"/").and_then(number) {
            see.number(total, all);
        }
    }
}

/// The names of a command's two counters: accepted, and all where some were refused.
fn command_names(command: &[u8]) -> Option<(&'static str, &'static str)> {
    Some(match command {
        b"helo" => ("commands_helo", "commands_helo_all"),
        b"ehlo" => ("commands_ehlo", "commands_ehlo_all"),
        b"starttls" => ("commands_starttls", "commands_starttls_all"),
        b"auth" => ("commands_auth", "commands_auth_all"),
        b"mail" => ("commands_mail", "commands_mail_all"),
        b"rcpt" => ("commands_rcpt", "commands_rcpt_all"),
        b"data" => ("commands_data", "commands_data_all"),
        b"bdat" => ("commands_bdat", "commands_bdat_all"),
        b"rset" => ("commands_rset", "commands_rset_all"),
        b"noop" => ("commands_noop", "commands_noop_all"),
        b"quit" => ("commands_quit", "commands_quit_all"),
        b"vrfy" => ("commands_vrfy", "commands_vrfy_all"),
        b"etrn" => ("commands_etrn", "commands_etrn_all"),
        b"help" => ("commands_help", "commands_help_all"),
        b"xforward" => ("commands_xforward", "commands_xforward_all"),
        b"xclient" => ("commands_xclient", "commands_xclient_all"),
        b"unknown" => ("commands_unknown", "commands_unknown_all"),
        b"commands" => ("commands", "commands_all"),
        _ => return None,
    })
}

/// `TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature ECDSA (P-256) server-digest SHA256`
pub(super) fn cipher(see: &mut See<'_>, text: &[u8]) {
    let (name, mut rest) = word(text);
    see.text("tls_cipher", name);
    let mut about: &[u8] = b"cipher";
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix(b"(") {
            let (detail, after) = split_at(inside, b")").unwrap_or((inside, b""));
            let bits = detail.strip_suffix(b" bits");
            match (about, bits) {
                (b"cipher", _) => see.text("tls_cipher_bits", bits.unwrap_or(detail)),
                (b"server-signature", Some(bits)) => see.text("tls_server_signature_bits", bits),
                (b"server-signature", None) => see.text("tls_server_signature_curve", detail),
                (b"client-signature", _) => see.text("tls_client_signature_bits", bits.unwrap_or(detail)),
                _ => see.text("tls_key_exchange_group", bits.unwrap_or(detail)),
            }
            rest = after.strip_prefix(b" ").unwrap_or(after);
            continue;
        }
        let (key, after) = word(rest);
        let (value, after) = word(after);
        match key {
            b"key-exchange" => see.text("tls_key_exchange", value),
            b"server-signature" => see.text("tls_server_signature", value),
            b"server-digest" => see.text("tls_server_digest", value),
            b"client-signature" => see.text("tls_client_signature", value),
            b"client-digest" => see.text("tls_client_digest", value),
            _ => {}
        }
        about = key;
        rest = after;
    }
}

/// The `tls=` summary of 3.11 and later: `level[?][/[!]requiretls[?]][:what came instead]`.
pub(super) fn tls_summary(see: &mut See<'_>, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    see.text("tls", text);
    let (policy, instead) = split_at(text, b":").unwrap_or((text, b""));
    let (level, requirement) = split_at(policy, b"/").unwrap_or((policy, b""));
    undecided(see, "tls_level", "tls_level_undecided", level);
    if let Some(kept) = requirement.strip_prefix(b"!") {
        see.text("requiretls_violation", b"!");
        undecided(see, "requiretls", "requiretls_undecided", kept);
    } else {
        undecided(see, "requiretls", "requiretls_undecided", requirement);
    }
    see.text("tls_instead", instead);
}

fn undecided(see: &mut See<'_>, name: &'static str, mark: &'static str, text: &[u8]) {
    match text.strip_suffix(b"?") {
        Some(value) => {
            see.text(name, value);
            see.text(mark, b"?");
        }
        None => see.text(name, text),
    }
}

/// postscreen and tlsproxy.
pub(super) fn postscreen(see: &mut See<'_>, step: &[u8], client: &Client<'_>, value: &[u8]) {
    see.text("action", step);
    peer::client(see, client);
    match step {
        b"CONNECT" => peer::server(see, value),
        b"DNSBL" => see.digits("dnsbl_rank", value),
        b"PREGREET" => {
            let (bytes, seconds) = split_at(value, b" after ").unwrap_or((value, b""));
            see.digits("bytes", bytes);
            seconds_field(see, seconds);
        }
        b"HANGUP" => seconds_field(see, value),
        _ => {
            let (stage, text) = split_at(value, b":").unwrap_or((value, b""));
            see.text("stage", stage);
            see.text("text", crate::syntax::skip_blanks(text));
        }
    }
}

fn seconds_field(see: &mut See<'_>, text: &[u8]) {
    if let Some(value) = milliseconds(text) {
        see.decimal("seconds", f64::from(value) / 1000.0);
    }
}

/// anvil, scache, caches and postsuper's sums.
pub(super) fn statistics(see: &mut See<'_>, name: &[u8], value: &[u8], subject: &[u8]) {
    see.text("statistic", name);
    if let Some((count, period)) = split_at(value, b"/") {
        see.digits("count", count);
        see.text("period", period);
    } else if value.contains(&b'=') {
        pairs(see, value);
    } else if crate::syntax::whole_number(value).is_some() {
        see.digits("count", value);
    } else {
        see.text("value", value);
    }
    if let Some(kind) = name.strip_suffix(b" cleanup") {
        see.text("cleanup", kind);
        return see.text("table", subject);
    }
    let (service, client) = service_and_client(subject);
    see.text("service", service);
    see.text("client_ip", client);
}

/// `hits=3 miss=9 success=25%`, `retained=1 dropped=0 entries`
fn pairs(see: &mut See<'_>, text: &[u8]) {
    for item in text.split(|byte| *byte == b' ') {
        let Some((key, value)) = split_at(item, b"=") else { continue };
        let name = match key {
            b"hits" => "hits",
            b"miss" => "misses",
            b"success" => "success_percent",
            b"domains" => "domains",
            b"addresses" => "addresses",
            b"connection" => "connections",
            b"retained" => "retained",
            b"dropped" => "dropped",
            _ => continue,
        };
        see.digits(name, value.strip_suffix(b"%").unwrap_or(value));
    }
}

/// `smtp:192.0.2.9`, where the service may be `192.0.2.1:25` or `[2001:db8::1]:25`.
fn service_and_client(subject: &[u8]) -> (&[u8], &[u8]) {
    let start = if subject.starts_with(b"[") { memchr::memchr(b']', subject).map_or(0, |at| at + 1) } else { 0 };
    let Some(at) = memchr::memchr(b':', &subject[start..]).map(|at| at + start) else { return (subject, b"") };
    let is_address = subject[..at].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') || start > 0;
    let end = if is_address { memchr::memchr(b':', &subject[at + 1..]).map_or(at, |more| at + 1 + more) } else { at };
    (&subject[..end], &subject[end + 1..])
}

/// `daemon started -- version 3.11.1, configuration /etc/postfix`, `terminating on signal 15`
pub(super) fn lifecycle(see: &mut See<'_>, what: &[u8], version: &[u8]) {
    if let Some(signal) = what.strip_prefix(b"terminating on signal ") {
        see.text("action", b"terminating");
        return see.digits("signal", signal);
    }
    see.text("action", split_at(what, b" -- ").map_or(what, |(action, _)| action));
    see.text("version", version);
    if let Some((_, path)) = split_at(what, b", configuration ") {
        see.text("configuration", path);
    }
}
