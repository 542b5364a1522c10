//! What the far side answers: the decision about one attempt, and each provider's way of putting it.
//!
//! The wording is our own, in the shape of what these providers say; codes are theirs.

use crate::incident::Disturbance;
use crate::message::Fate;
use crate::prng::Prng;
use crate::text::Text;
use crate::world::{Dead, Destination};

/// The address our host sends from.
pub(crate) const OUR_ADDRESS: &str = "203.0.113.25";

/// How one attempt at a remote destination ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Greylisted,
    /// Refused to talk to us (421).
    Throttled,
    /// A 4xx in the middle of a session.
    Busy,
    MailboxFull,
    UnknownUser,
    Inactive,
    Spam,
    Policy,
    /// Our address is on its list (550).
    Blocked,
    Timeout,
    Refused,
    NoDomain,
    NoAnswer,
    NullMx,
}

/// What becomes of the recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Sent,
    Deferred,
    Bounced,
}

impl Verdict {
    pub(crate) fn status(self) -> Status {
        match self {
            Verdict::Accepted => Status::Sent,
            Verdict::Greylisted
            | Verdict::Throttled
            | Verdict::Busy
            | Verdict::MailboxFull
            | Verdict::Timeout
            | Verdict::Refused
            | Verdict::NoAnswer => Status::Deferred,
            Verdict::UnknownUser
            | Verdict::Inactive
            | Verdict::Spam
            | Verdict::Policy
            | Verdict::Blocked
            | Verdict::NoDomain
            | Verdict::NullMx => Status::Bounced,
        }
    }

    /// Whether no session was had at all.
    pub(crate) fn is_without_host(self) -> bool {
        matches!(self, Verdict::Timeout | Verdict::Refused | Verdict::NoDomain | Verdict::NoAnswer | Verdict::NullMx)
    }

    /// Whether the destination as a whole is left alone for a while after it.
    pub(crate) fn suspends(self) -> bool {
        matches!(self, Verdict::Throttled | Verdict::Timeout | Verdict::Refused)
    }
}

/// Decides one attempt.
pub(crate) fn decide(destination: &Destination, fate: Fate, first: bool, disturbance: Option<Disturbance>, prng: &mut Prng) -> Verdict {
    match disturbance {
        Some(Disturbance::NoDns) => return Verdict::NoAnswer,
        Some(Disturbance::Unreachable) => return Verdict::Timeout,
        Some(Disturbance::Throttled) => return Verdict::Throttled,
        Some(Disturbance::Refused) => return Verdict::Blocked,
        None => {}
    }
    match destination.dead {
        Some(Dead::NoDomain) => return Verdict::NoDomain,
        Some(Dead::NoAnswer) => return Verdict::NoAnswer,
        Some(Dead::Refused) => return Verdict::Refused,
        Some(Dead::Timeout) => return Verdict::Timeout,
        Some(Dead::NullMx) => return Verdict::NullMx,
        None => {}
    }
    if destination.greylists && first && prng.percent(60) {
        return Verdict::Greylisted;
    }
    let draw = prng.below(100_000);
    let (throttled, busy) = match destination.provider {
        3 => (900, 1_100),
        1 | 7 | 9 => (250, 500),
        0 => (60, 260),
        _ => (60, 300),
    };
    if draw < throttled {
        return Verdict::Throttled;
    }
    if draw < busy {
        return Verdict::Busy;
    }
    if !destination.free && draw > 99_920 {
        return Verdict::Timeout;
    }
    match fate {
        Fate::Accepts => Verdict::Accepted,
        Fate::Unknown => Verdict::UnknownUser,
        Fate::Inactive => Verdict::Inactive,
        Fate::Full => Verdict::MailboxFull,
        Fate::Spam => Verdict::Spam,
        Fate::Policy => Verdict::Policy,
    }
}

/// At which step of the session the answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Greeting,
    Mail,
    Rcpt,
    EndOfData,
}

/// The enhanced code and the words of an answer. `{r}` is the recipient, `{i}` our address, `{d}` a number, `{x}` letters, `{h}` hex.
fn answer(verdict: Verdict, provider: u8) -> (&'static str, Step, &'static str) {
    use Step::{EndOfData, Greeting, Mail, Rcpt};
    match (verdict, provider) {
        (Verdict::Accepted, 0) => ("2.0.0", EndOfData, "250 2.0.0 OK  {d} {x}.{d} - gsmtp"),
        (Verdict::Accepted, 1 | 2) => (
            "2.6.0",
            EndOfData,
            "250 2.6.0 <{x}@mail.example.com> [InternalId={d}{d}, Hostname={x}.eurprd05.prod.outlook.com] {n} bytes in 0.1{n}, 72.{n} KB/sec Queued mail for delivery -> 250 2.1.5",
        ),
        (Verdict::Accepted, 3) => ("2.0.0", EndOfData, "250 ok dirdel"),
        (Verdict::Accepted, 4) => ("2.0.0", EndOfData, "250 Requested mail action okay, completed: id={x}-{x}"),
        (Verdict::Accepted, 6) => ("2.0.0", EndOfData, "250 2.0.0 {x}.{x} message accepted"),
        (Verdict::Accepted, 10) => ("2.0.0", EndOfData, "250 2.0.0 {h}-1 Message accepted for delivery"),
        (Verdict::Accepted, 11) => ("2.0.0", EndOfData, "250 SmtpThread-{n}-{d}@uk-mta-{n}.uk.mimecast.lan Received OK [{x}{x}]"),
        (Verdict::Accepted, _) => ("2.0.0", EndOfData, "250 2.0.0 Ok: queued as {H}"),
        (Verdict::Greylisted, _) => {
            ("4.2.0", Rcpt, "450 4.2.0 <{r}>: Recipient address rejected: Greylisted, please come back in 300 seconds")
        }
        (Verdict::Throttled, 0) => (
            "4.7.28",
            Greeting,
            "421-4.7.28 [{i}] Our system has seen an unusual rate of mail from your address; it is limited for now. {x} - gsmtp",
        ),
        (Verdict::Throttled, 1 | 2) => (
            "4.7.650",
            Greeting,
            "451 4.7.650 The mail server [{i}] is limited for a while because of its reputation (S775) [{x}.eurprd05.prod.outlook.com]",
        ),
        (Verdict::Throttled, 3) => (
            "4.7.0",
            Greeting,
            "421 4.7.0 [TSS04] Mail from {i} is deferred because of its volume or complaints - 4.16.55.1; see https://postmaster.example.net/codes",
        ),
        (Verdict::Throttled, 4) => (
            "4.0.0",
            Greeting,
            "421 gmx.net (mxgmx{n}) Nemesis ESMTP Service not available. Rate limit reached. For explanation see https://postmaster.gmx.net/case?c=hi&i=ip&v={i}&r={h}",
        ),
        (Verdict::Throttled, 7) => {
            ("4.0.0", Greeting, "421 opmta1mti{n}nd1 smtp.orange.fr Trop de connexions, veuillez reessayer plus tard. OFR_104 [104]")
        }
        (Verdict::Throttled, _) => ("4.7.0", Greeting, "421 4.7.0 Too many connections from {i}, try again later"),
        (Verdict::Busy, 0) => ("4.2.1", Rcpt, "450-4.2.1 This user is receiving mail too quickly now; send it again later. {x} - gsmtp"),
        (Verdict::Busy, 1 | 2) => {
            ("4.7.500", Mail, "451 4.7.500 Server busy. Please try again later from [{i}]. (AS761) [{x}.eurprd05.prod.outlook.com]")
        }
        (Verdict::Busy, 11) => {
            ("4.0.0", Rcpt, "451 Internal resources are temporarily unavailable - https://community.mimecast.example/451 [{x}]")
        }
        (Verdict::Busy, _) => ("4.3.2", EndOfData, "451 4.3.2 System not accepting messages at the moment, try again later"),
        (Verdict::MailboxFull, 0) => ("4.2.2", Rcpt, "452-4.2.2 The recipient's inbox is out of storage space. {x} - gsmtp"),
        (Verdict::MailboxFull, 7) => ("4.0.0", Rcpt, "452 <{r}> Boite du destinataire pleine. Recipient overquota. OFR_417 [417]"),
        (Verdict::MailboxFull, _) => ("4.2.2", Rcpt, "452 4.2.2 <{r}> mailbox is over its quota"),
        (Verdict::UnknownUser, 0) => {
            ("5.1.1", Rcpt, "550-5.1.1 The email account that you tried to reach does not exist. Check it for typos or spaces. {x} - gsmtp")
        }
        (Verdict::UnknownUser, 1) => {
            ("5.5.0", Rcpt, "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [{x}.eurprd05.prod.outlook.com]")
        }
        (Verdict::UnknownUser, 2) => {
            ("5.4.1", Rcpt, "550 5.4.1 Recipient address rejected: Access denied. [{x}.eurprd05.prod.outlook.com]")
        }
        (Verdict::UnknownUser, 3) => {
            ("5.0.0", EndOfData, "554 delivery error: dd This user doesn't have a yahoo.com account ({r}) [0] - mta{n}.mail.bf1.yahoo.com")
        }
        (Verdict::UnknownUser, 4) => ("5.0.0", Rcpt, "550 Requested action not taken: mailbox unavailable"),
        (Verdict::UnknownUser, 7) => {
            ("5.1.1", Rcpt, "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]")
        }
        (Verdict::UnknownUser, 10) => ("5.1.1", Rcpt, "550 5.1.1 <{r}>... User Unknown"),
        (Verdict::UnknownUser, 11) => ("5.0.0", Rcpt, "550 Invalid Recipient - https://community.mimecast.example/550 [{x}]"),
        (Verdict::UnknownUser, _) => ("5.1.1", Rcpt, "550 5.1.1 <{r}>: Recipient address rejected: User unknown in virtual mailbox table"),
        (Verdict::Inactive, 0) => ("5.2.1", Rcpt, "550-5.2.1 The email account that you tried to reach is inactive. {x} - gsmtp"),
        (Verdict::Inactive, 3) => (
            "5.0.0",
            EndOfData,
            "554 30 Sorry, your message to {r} cannot be delivered. This mailbox is disabled (554.30). - mta{n}.mail.bf1.yahoo.com",
        ),
        (Verdict::Inactive, _) => ("5.2.1", Rcpt, "550 5.2.1 <{r}>: mailbox disabled"),
        (Verdict::Spam, 0) => (
            "5.7.1",
            EndOfData,
            "550-5.7.1 [{i}] Our system has found that this message is likely unsolicited mail. It has been blocked. {x} - gsmtp",
        ),
        (Verdict::Spam, 1 | 2) => {
            ("5.7.1", EndOfData, "550 5.7.1 Message rejected as spam by content filtering. SC-001 [{x}.eurprd05.prod.outlook.com]")
        }
        (Verdict::Spam, 5) => ("5.7.1", EndOfData, "554 5.7.1 [CS01] Message rejected due to local policy"),
        (Verdict::Spam, _) => ("5.7.1", EndOfData, "554 5.7.1 Message contains spam or virus, rejected ({x})"),
        (Verdict::Policy, 0) => (
            "5.7.26",
            EndOfData,
            "550-5.7.26 This mail has been blocked because the sender is unauthenticated: neither SPF nor DKIM passed. {x} - gsmtp",
        ),
        (Verdict::Policy, 1 | 2) => (
            "5.7.515",
            EndOfData,
            "550 5.7.515 Access denied, the sending domain does not meet the required authentication level. [{x}.eurprd05.prod.outlook.com]",
        ),
        (Verdict::Policy, 4) => (
            "5.0.0",
            EndOfData,
            "554 Transaction failed. Reject due to the domain's DMARC policy. https://postmaster.gmx.net/case?c=dp&i=ip&v={i}&r={h}",
        ),
        (Verdict::Policy, _) => ("5.7.1", EndOfData, "550 5.7.1 Rejected by the DMARC policy of the sender's domain"),
        (Verdict::Blocked, 0) => (
            "5.7.1",
            EndOfData,
            "550-5.7.1 [{i}] Because of the very low reputation of the sending address this message has been blocked. {x} - gsmtp",
        ),
        (Verdict::Blocked, 1) => (
            "5.7.1",
            Mail,
            "550 5.7.1 Unfortunately, messages from [{i}] weren't sent. Part of the network is on our block list (S3150). [{x}.eurprd05.prod.outlook.com]",
        ),
        (Verdict::Blocked, 2) => {
            ("5.7.606", Mail, "550 5.7.606 Access denied, banned sending IP [{i}]; use the delist portal [{x}.eurprd05.prod.outlook.com]")
        }
        (Verdict::Blocked, 3) => {
            ("5.7.1", Mail, "553 5.7.1 [BL21] Connections will not be accepted from {i}, because the ip is in Spamhaus's list")
        }
        (Verdict::Blocked, 4) => (
            "5.0.0",
            Mail,
            "554 gmx.net (mxgmx{n}) Nemesis ESMTP Service not available. No SMTP service. Bad DNS PTR or block list. https://postmaster.gmx.net/case?c=r0201&i=ip&v={i}&r={h}",
        ),
        (Verdict::Blocked, 5) => ("5.7.0", Mail, "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip={i}"),
        (Verdict::Blocked, _) => (
            "5.7.1",
            Rcpt,
            "554 5.7.1 Service unavailable; Client host [{i}] blocked using zen.spamhaus.org; https://check.spamhaus.org/query/ip/{i}",
        ),
        (Verdict::Timeout | Verdict::Refused, _) => ("4.4.1", Greeting, ""),
        (Verdict::NoDomain, _) => ("5.4.4", Greeting, ""),
        (Verdict::NoAnswer, _) => ("4.4.3", Greeting, ""),
        (Verdict::NullMx, _) => ("5.1.0", Greeting, ""),
    }
}

/// The enhanced status code Postfix writes for the attempt.
pub(crate) fn enhanced_code(verdict: Verdict, provider: u8) -> &'static str {
    answer(verdict, provider).0
}

fn fill(template: &str, recipient: &[u8], bits: u64, out: &mut Vec<u8>) {
    let mut rest = template;
    let mut salt = bits;
    while let Some(start) = rest.find('{') {
        out.put(&rest[..start]);
        salt = crate::prng::mix(salt);
        match rest.as_bytes()[start + 1] {
            b'r' => out.extend_from_slice(recipient),
            b'i' => _ = out.put(OUR_ADDRESS),
            b'd' => _ = out.number(1_700_000_000 + (salt & 0x0fff_ffff)),
            b'n' => _ = out.number(10 + (salt & 0xff)),
            b'x' => _ = out.letters(salt, 14),
            b'h' => _ = out.hex(salt & 0x00ff_ffff_ffff, 12, false),
            _ => _ = out.hex(salt & 0x00ff_ffff_ffff, 10, true),
        }
        rest = &rest[start + 3..];
    }
    out.put(rest);
}

/// A remote host as Postfix writes it: `name[address]`.
pub(crate) fn put_host(destination: &Destination, host: usize, out: &mut Vec<u8>) {
    let host = host.min(destination.hosts.len() - 1);
    out.put(&destination.hosts[host]).put("[");
    put_address(destination.address.wrapping_add(host as u32 * 3), out);
    out.put("]");
}

/// An IPv4 address in dotted form.
pub(crate) fn put_address(address: u32, out: &mut Vec<u8>) {
    let [first, second, third, fourth] = address.to_be_bytes();
    out.number(u64::from(first)).put(".").number(u64::from(second)).put(".").number(u64::from(third)).put(".").number(u64::from(fourth));
}

/// What stands in the parentheses of the delivery line.
pub(crate) fn put_reason(verdict: Verdict, destination: &Destination, host: usize, recipient: &[u8], bits: u64, out: &mut Vec<u8>) {
    match verdict {
        Verdict::Timeout | Verdict::Refused => {
            out.put("connect to ");
            put_host(destination, host, out);
            out.put(if verdict == Verdict::Timeout { ":25: Connection timed out" } else { ":25: Connection refused" });
            return;
        }
        Verdict::NoDomain => {
            out.put("Host or domain name not found. Name service error for name=")
                .put(&destination.domain)
                .put(" type=AAAA: Host not found");
            return;
        }
        Verdict::NoAnswer => {
            out.put("Host or domain name not found. Name service error for name=")
                .put(&destination.domain)
                .put(" type=MX: Host not found, try again");
            return;
        }
        Verdict::NullMx => {
            out.put("Domain ").put(&destination.domain).put(" does not accept mail (nullMX)");
            return;
        }
        _ => {}
    }
    let (_, step, template) = answer(verdict, destination.provider);
    if verdict == Verdict::Accepted {
        fill(template, recipient, bits, out);
        return;
    }
    out.put("host ");
    put_host(destination, host, out);
    out.put(if step == Step::Greeting { " refused to talk to me: " } else { " said: " });
    fill(template, recipient, bits, out);
    out.put(match step {
        Step::Greeting => "",
        Step::Mail => " (in reply to MAIL FROM command)",
        Step::Rcpt => " (in reply to RCPT TO command)",
        Step::EndOfData => " (in reply to end of DATA command)",
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    const ALL: [Verdict; 15] = [
        Verdict::Accepted,
        Verdict::Greylisted,
        Verdict::Throttled,
        Verdict::Busy,
        Verdict::MailboxFull,
        Verdict::UnknownUser,
        Verdict::Inactive,
        Verdict::Spam,
        Verdict::Policy,
        Verdict::Blocked,
        Verdict::Timeout,
        Verdict::Refused,
        Verdict::NoDomain,
        Verdict::NoAnswer,
        Verdict::NullMx,
    ];

    #[test]
    fn the_enhanced_code_agrees_with_the_status_for_every_provider() {
        for verdict in ALL {
            for provider in 0..16 {
                let class = enhanced_code(verdict, provider).as_bytes()[0];
                let expected = match verdict.status() {
                    Status::Sent => b'2',
                    Status::Deferred => b'4',
                    Status::Bounced => b'5',
                };
                assert_eq!(class, expected, "{verdict:?} at {provider}");
            }
        }
    }

    #[test]
    fn every_answer_is_complete() {
        let world = World::new(&mut Prng::new(1));
        for destination in world.destinations.iter().step_by(20) {
            for verdict in ALL {
                let mut out = Vec::new();
                put_reason(verdict, destination, 0, b"a@b.example", 5, &mut out);
                let text = String::from_utf8(out).unwrap();
                assert!(!text.is_empty() && !text.contains(['{', '}']), "{text}");
            }
        }
    }
}
