//! Mailboxes that every domain has to have (RFC 5321 section 4.5.1, RFC 2142), and whether VRFY tells who else is there.

use super::Smtp;
use super::session::{Purpose, Session, Tried};
use crate::finding::{Finding, Severity};
use crate::talk::smtp::Reply;

/// Rules about recipients of ours.
pub(super) fn look(probe: &Smtp, session: &Session) -> Vec<Finding> {
    let mut findings: Vec<Finding> = session.tried.iter().filter_map(|tried| mailbox(probe, tried)).collect();
    if let Some((there, nobody)) = &session.verify {
        findings.push(verify(probe, there, nobody));
    }
    findings
}

fn mailbox(probe: &Smtp, tried: &Tried) -> Option<Finding> {
    let (rule, severity) = match tried.purpose {
        Purpose::Postmaster => ("smtp.postmaster", Severity::Medium),
        Purpose::Abuse => ("smtp.abuse", Severity::Low),
        _ => return None,
    };
    let (to, reply) = (&tried.to, &tried.reply);
    let subject = format!("{} {to}", probe.service.subject());
    Some(if reply.is_positive() {
        Finding::ok(rule, &subject, format!("{to} is taken"))
    } else if !reply.is_permanent() {
        Finding::unknown(rule, &subject, format!("{to} is put off: {reply}")).means("Greylisting, or the server checks something first.")
    } else if refuses_us(reply) {
        Finding::unknown(rule, &subject, format!("{to} was not tried, for the server refuses us: {reply}"))
    } else if tried.purpose == Purpose::Postmaster {
        Finding::problem(rule, &subject, severity, format!("{to} is refused: {reply}"))
            .means("Every domain has to take mail for its postmaster: by it others tell you what is wrong.")
            .fix(format!("Make an alias for {to} that somebody reads."))
    } else {
        Finding::warning(rule, &subject, severity, format!("{to} is refused: {reply}"))
            .means("Complaints come there; lists and providers look for it.")
            .fix(format!("Make an alias for {to} that somebody reads."))
    })
}

/// Is the refusal about us (our address, our name, our sender) and not about the recipient?
fn refuses_us(reply: &Reply) -> bool {
    let text = reply.text().to_ascii_lowercase();
    // Postfix's words for an access map looked up by the recipient; the same code for a client or sender has other words.
    if text.contains("recipient address rejected: access denied") {
        return false;
    }
    let about_us = ["5.7.", "5.1.7", "5.1.8", "helo", "client host", "sender address", "block"];
    about_us.iter().any(|word| text.contains(word)) || reply.code == 530
}

fn verify(probe: &Smtp, there: &Reply, nobody: &Reply) -> Finding {
    let subject = probe.service.subject();
    if there.is_positive() && nobody.is_permanent() {
        return Finding::warning("smtp.vrfy", subject, Severity::Low, format!("VRFY tells which mailboxes exist: {there}"))
            .means("Address collectors try out names by it.")
            .fix("Postfix: `disable_vrfy_command = yes`.");
    }
    Finding::ok("smtp.vrfy", subject, "VRFY tells nobody which mailboxes exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_us_is_told_from_one_of_the_mailbox() {
        let reply = |text: &str| Reply { code: 550, lines: vec![text.to_owned()] };
        assert!(!refuses_us(&reply("5.1.1 <postmaster@example.com>: Recipient address rejected: User unknown")));
        assert!(!refuses_us(&reply("5.7.1 <postmaster@example.com>: Recipient address rejected: Access denied")));
        assert!(refuses_us(&reply("5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied")));
        assert!(refuses_us(&reply("5.7.23 <postmaster@example.com>: Recipient address rejected: Message rejected due to: SPF fail")));
        assert!(refuses_us(&reply("5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example")));
    }
}
