//! What a reply quotes beside its meaning: an address of ours, the block list it names, a link, a ticket.
//!
//! The template drops them (they differ from message to message); here they are kept as fields, so that the sending IP
//! is learned from the mouth of the far side and a listing can be looked up.

use std::net::IpAddr;

/// What a reply quotes. Empty parts are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// IP addresses, in the order of the text, without loopback; at most [`MAX_IPS`].
    pub ips: Vec<IpAddr>,
    /// The block list, as a host name: `zen.spamhaus.org`.
    pub list: &'a str,
    /// The first link.
    pub link: &'a str,
    /// The ticket or id with which the far side finds the refusal.
    pub ticket: &'a str,
}

/// More addresses than this are not kept.
pub const MAX_IPS: usize = 4;

/// Looks through a reply. Linear in its length.
pub fn of(text: &str) -> Quoted<'_> {
    let mut quoted = Quoted::default();
    let mut before = "";
    for word in text.split([' ', '\t', '\n', '\r', '<', '>', '(', ')', '[', ']', ',', ';', '"', '\'']) {
        let word = word.trim_matches(['.', ':']);
        if word.is_empty() {
            continue;
        }
        if quoted.link.is_empty() && (starts_with_ignore_case(word, "http://") || starts_with_ignore_case(word, "https://")) {
            quoted.link = word;
        }
        // IPs stand alone, after "IP=", or in links (?ip=192.0.2.7).
        for part in word.split(['=', '/', '&', '?']) {
            note_ip(&mut quoted, part);
        }
        if quoted.list.is_empty() && is_list(word) {
            quoted.list = word;
        }
        if quoted.ticket.is_empty() {
            note_ticket(&mut quoted, before, word);
        }
        before = word;
    }
    quoted
}

fn note_ip(quoted: &mut Quoted<'_>, part: &str) {
    let part = if starts_with_ignore_case(part, "ipv6:") { &part[5..] } else { part };
    if part.len() < 7 && !part.contains(':') || !part.starts_with(|first: char| first.is_ascii_hexdigit() || first == ':') {
        return;
    }
    let Ok(ip) = part.parse::<IpAddr>() else { return };
    if !ip.is_loopback() && !ip.is_unspecified() && !quoted.ips.contains(&ip) && quoted.ips.len() < MAX_IPS {
        quoted.ips.push(ip);
    }
}

/// The name of a block list: a host below one of the list operators, or one that calls itself so.
fn is_list(word: &str) -> bool {
    const OPERATORS: &[&str] = &[
        "spamhaus.org",
        "spamhaus.net",
        "spamcop.net",
        "barracudacentral.org",
        "sorbs.net",
        "uceprotect.net",
        "surbl.org",
        "uribl.com",
        "mailspike.net",
        "senderscore.com",
        "blocklist.de",
        "surriel.com",
        "spameatingmonkey.net",
        "manitu.net",
        "backscatterer.org",
        "spamrats.com",
        "abusix.zone",
        "invaluement.com",
        "s5h.net",
        "junkemailfilter.com",
        "gbudb.net",
        "0spam.org",
    ];
    let host = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if !host || !word.contains('.') || starts_with_ignore_case(word, "www.") || starts_with_ignore_case(word, "check.") {
        return false;
    }
    let ends =
        |suffix: &str| word.len() >= suffix.len() && word.as_bytes()[word.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes());
    let label = |name: &str| word.split('.').any(|label| label.eq_ignore_ascii_case(name));
    OPERATORS.iter().any(|operator| ends(operator)) || ["dnsbl", "rbl", "bl", "dnsrbl", "rhsbl"].iter().any(|name| label(name))
}

/// `id=1234-05`, `Error code: 11AA22BB`, `Ref 12345`, `Incident: X`: what follows such a word.
fn note_ticket<'a>(quoted: &mut Quoted<'a>, before: &str, word: &'a str) {
    const KEYS: &[&str] = &["id", "ref", "reference", "ticket", "incident", "case", "code"];
    let has_digit = |text: &str| text.len() >= 4 && text.bytes().any(|byte| byte.is_ascii_digit()) && !text.contains("://");
    if let Some((key, value)) = word.split_once('=')
        && KEYS.iter().any(|known| key.eq_ignore_ascii_case(known))
        && has_digit(value)
    {
        quoted.ticket = value;
    } else if KEYS.iter().any(|known| before.eq_ignore_ascii_case(known)) && has_digit(word) && word.parse::<IpAddr>().is_err() {
        quoted.ticket = word;
    }
}

fn starts_with_ignore_case(text: &str, prefix: &str) -> bool {
    text.as_bytes().get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_address_list_link_and_ticket_are_found() {
        let text = "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.7";
        let quoted = of(text);
        assert_eq!(quoted.ips, ["192.0.2.7".parse::<IpAddr>().expect("an address")]);
        assert_eq!(quoted.list, "zen.spamhaus.org");
        assert_eq!(quoted.link, "https://www.spamhaus.org/query/ip/192.0.2.7");
        assert_eq!(of("554 5.7.0 Reject, id=00356-01 - spam").ticket, "00356-01");
        assert_eq!(of("550 spam message rejected. Error code: 11AA22BB33CC").ticket, "11AA22BB33CC");
        assert_eq!(of("554 IP=198.51.100.7 - None/bad reputation").ips.len(), 1);
        assert_eq!(of("550 5.7.1 [2001:db8::7 12] likely unsolicited mail").ips, ["2001:db8::7".parse::<IpAddr>().expect("an address")]);
    }

    #[test]
    fn codes_and_loopback_are_no_addresses() {
        assert_eq!(of("550 5.7.1 listed with 127.0.0.2").ips, Vec::<IpAddr>::new());
        assert_eq!(of("250 2.0.0 Ok"), Quoted::default());
        assert_eq!(of(""), Quoted::default());
    }
}
