//! What lines of signers and of Exim tell about ourselves: the DKIM selectors that mail is signed with, the address that it leaves from.
//! These lines make no events; they are looked at beside them.

use std::net::IpAddr;

use memchr::memmem;

/// A signature that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The domain (`d=`).
    pub domain: &'a str,
    /// The selector (`s=`).
    pub selector: &'a str,
}

/// The signatures that a line of OpenDKIM, Rspamd or amavis says were made; none for lines of others. Verified signatures are not ours.
pub fn signatures<'a>(program: &[u8], line: &'a [u8]) -> Vec<Signature<'a>> {
    if !matches!(program, b"opendkim" | b"rspamd" | b"amavis") {
        return Vec::new();
    }
    let Ok(text) = std::str::from_utf8(line) else { return Vec::new() };
    match program {
        b"opendkim" => open_dkim(text).into_iter().collect(),
        b"rspamd" => rspamd(text).into_iter().collect(),
        _ => amavis(text),
    }
}

/// `4XYZ: DKIM-Signature field added (s=mail, d=example.com)`
fn open_dkim(text: &str) -> Option<Signature<'_>> {
    let (_, rest) = text.split_once("DKIM-Signature field added (")?;
    let (selector, rest) = rest.strip_prefix("s=")?.split_once(", d=")?;
    sound(rest.split(')').next()?, selector)
}

/// `DKIM_SIGNED(0.00){example.com:s=mail;}` among the symbols.
fn rspamd(text: &str) -> Option<Signature<'_>> {
    let (_, rest) = text.split_once("DKIM_SIGNED(")?;
    let (_, rest) = rest.split_once("){")?;
    let (domain, rest) = rest.split_once(":s=")?;
    sound(domain, rest.split([';', '}']).next()?)
}

/// `dkim_new=mail:example.com,second:example.com`
fn amavis(text: &str) -> Vec<Signature<'_>> {
    let Some((_, rest)) = text.split_once(" dkim_new=") else { return Vec::new() };
    let list = rest.split(' ').next().unwrap_or_default();
    let pairs = list.split(',').filter(|pair| !pair.is_empty());
    pairs.filter_map(|pair| pair.split_once(':')).filter_map(|(selector, domain)| sound(domain, selector)).collect()
}

/// Names only: what stands in a line may have been written by a stranger.
fn sound<'a>(domain: &'a str, selector: &'a str) -> Option<Signature<'a>> {
    let is_name = |text: &str| {
        !text.is_empty() && text.len() <= 253 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    (is_name(domain) && is_name(selector) && domain.contains('.')).then_some(Signature { domain, selector })
}

/// The address of ours that Exim delivered from (`outgoing_interface` of `log_selector`): `I=[192.0.2.1]:40000` behind the far side's `H=`.
pub fn outgoing_address(line: &[u8]) -> Option<IpAddr> {
    let delivered = [&b" => "[..], b" -> ", b" >> "].iter().any(|arrow| memmem::find(line, arrow).is_some());
    if !delivered {
        return None;
    }
    let host = memmem::find(line, b" H=")?;
    // The reply of the far side comes last and is a stranger's.
    let end = memmem::find(line, b" C=\"").unwrap_or(line.len());
    let tags = line.get(host..end)?;
    let at = memmem::find(tags, b" I=[")? + b" I=[".len();
    let text = tags.get(at..)?.split(|byte| *byte == b']').next()?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<'a>(program: &str, line: &'a str) -> Vec<(&'a str, &'a str)> {
        signatures(program.as_bytes(), line.as_bytes()).into_iter().map(|made| (made.domain, made.selector)).collect()
    }

    #[test]
    fn each_signer_is_read() {
        let line = "Nov 22 10:00:00 mx1 opendkim[71]: 4XYZ: DKIM-Signature field added (s=mail, d=example.com)";
        assert_eq!(one("opendkim", line), [("example.com", "mail")]);
        let line = "(default: F (no action): [-0.10/15.00] [MIME_GOOD(-0.10){text/plain;},DKIM_SIGNED(0.00){example.com:s=2026a;}])";
        assert_eq!(one("rspamd", line), [("example.com", "2026a")]);
        let line = "(123-01) Passed CLEAN {RelayedOutbound}, [192.0.2.9] <a@example.com> -> <b@example.net>, dkim_new=mail:example.com,ed:example.com, 90 ms";
        assert_eq!(one("amavis", line), [("example.com", "mail"), ("example.com", "ed")]);
    }

    #[test]
    fn what_others_signed_and_what_is_no_name_is_left_alone() {
        assert!(one("amavis", "Passed CLEAN, dkim_sd=theirs:example.net, 90 ms").is_empty());
        assert!(one("opendkim", "4XYZ: DKIM verification successful").is_empty());
        assert!(one("opendkim", "4XYZ: DKIM-Signature field added (s=<x>, d=example.com)").is_empty());
        assert!(one("postfix/smtp", "DKIM-Signature field added (s=mail, d=example.com)").is_empty());
    }

    #[test]
    fn exim_says_where_it_delivered_from() {
        let line = |rest: &str| format!("2026-11-22 10:00:00 1rEEEE-000000001bo-D342 {rest}");
        let found = |rest: &str| outgoing_address(line(rest).as_bytes()).map(|address| address.to_string());
        let sent = "=> ann@example.net R=dns T=smtp H=mx.example.net [198.51.100.7]:25 I=[192.0.2.10]:40112 C=\"250 ok\"";
        assert_eq!(found(sent).as_deref(), Some("192.0.2.10"));
        assert_eq!(
            found("=> ann@example.net R=dns T=smtp H=mx.example.net [198.51.100.7] C=\"250 I=[203.0.113.9]:1 I=[203.0.113.9]\""),
            None
        );
        assert_eq!(found("<= joe@example.com H=x [192.0.2.7]:4 I=[203.0.113.1]:587 P=esmtpsa"), None);
    }
}
