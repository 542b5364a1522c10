//! What EHLO offers: sizes (RFC 1870), pipelining, 8-bit text, addresses in UTF-8 (RFC 6531), the name the server says.

use super::session::Session;
use super::{Smtp, Use};
use crate::finding::{Finding, Severity};
use crate::lookup::name;

/// A smaller limit refuses ordinary attachments.
const SIZE_SMALL: u64 = 10_000_000;

/// Every rule about what is offered.
pub(super) fn look(probe: &Smtp, session: &Session) -> Vec<Finding> {
    let subject = probe.service.subject();
    let offered = session.offered();
    if offered.lines.is_empty() && session.before.name.is_empty() {
        return Vec::new();
    }
    let mut findings = vec![size(subject, offered.get("SIZE"))];
    let said = name::canonical(&offered.name);
    if !name::is_host(&said) {
        findings.push(
            Finding::warning("smtp.name", subject, Severity::Low, format!("In its EHLO the server calls itself `{}`", offered.name))
                .fix("Set the full host name (Postfix: `myhostname`)."),
        );
    }
    for (keyword, rule, means) in [
        ("PIPELINING", "smtp.pipelining", "Every recipient costs a round trip more."),
        ("8BITMIME", "smtp.8bitmime", "Senders have to recode mail, which breaks some signatures."),
    ] {
        if offered.get(keyword).is_none() {
            findings.push(
                Finding::warning(rule, subject, Severity::Low, format!("{keyword} is not offered"))
                    .means(means)
                    .fix("Every current server has it: is it switched off, or does a firewall rewrite the session?"),
            );
        }
    }
    if probe.purpose == Use::Exchange {
        let title = if offered.get("SMTPUTF8").is_some() {
            "Addresses in other scripts are taken"
        } else {
            "No addresses in other scripts (SMTPUTF8), which is common"
        };
        findings.push(Finding::ok("smtp.utf8", subject, title));
    }
    let mut words: Vec<String> = offered.lines.clone();
    words.sort();
    findings.push(Finding::ok("smtp.capabilities", subject, format!("{} capabilities", words.len())).value(words));
    findings
}

fn size(subject: &str, said: Option<&str>) -> Finding {
    let Some(said) = said else {
        return Finding::warning("smtp.size", subject, Severity::Low, "SIZE is not offered")
            .means("Senders learn only after the whole transfer that a message is too large.")
            .fix("Postfix: `message_size_limit` with a number; is `SIZE` among `smtpd_discard_ehlo_keywords`?");
    };
    let bytes: u64 = said.trim().parse().unwrap_or(0);
    if bytes == 0 {
        return Finding::ok("smtp.size", subject, "No fixed limit of size");
    }
    let shown = format!("{:.0} MB", bytes as f64 / 1e6);
    if bytes < SIZE_SMALL {
        return Finding::warning("smtp.size", subject, Severity::Low, format!("Messages over {shown} are refused"))
            .means("Ordinary attachments are larger; the large providers take 25 MB and more.")
            .fix("Postfix: raise `message_size_limit`.")
            .value([bytes.to_string()]);
    }
    Finding::ok("smtp.size", subject, format!("Messages up to {shown}")).value([bytes.to_string()])
}
