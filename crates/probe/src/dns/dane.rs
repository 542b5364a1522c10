//! DANE: certificates of the MX hosts pinned in DNS (RFC 7672). Whether they match the live server is seen by the SMTP probe.

use super::unanswered;
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::validate::Security;
use crate::lookup::{Boxed, Data, Kind, Reply};

/// The TLSA records of one MX host, at port 25.
pub struct Dane {
    /// The host.
    pub host: String,
}

impl Dane {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let name = format!("_25._tcp.{}", self.host);
        let reply = view.resolver.ask(&name, Kind::Tlsa).await;
        if reply.outcome.is_void() {
            return vec![
                Finding::ok("dane.record", &self.host, format!("No TLSA record for {} (DANE is optional)", self.host)).from_reply(&reply),
            ];
        }
        if !reply.outcome.is_definite() {
            return vec![unanswered("dane.record", &self.host, &reply)];
        }
        let records: Vec<(u8, u8, u8, usize)> = reply
            .outcome
            .records()
            .iter()
            .filter_map(|record| {
                if let Data::Tlsa { usage, selector, matching, data } = &record.data {
                    Some((*usage, *selector, *matching, data.len()))
                } else {
                    None
                }
            })
            .collect();
        let value = records.iter().map(|(usage, selector, matching, _)| format!("{usage} {selector} {matching}"));
        let mut findings = vec![self.form(&records, &reply).value(value)];
        findings.push(self.secure(view, &name, &reply).await);
        findings
    }

    fn form(&self, records: &[(u8, u8, u8, usize)], reply: &Reply) -> Finding {
        let usable = records.iter().filter(|record| fault(**record).is_none()).count();
        let faults: Vec<String> = records.iter().filter_map(|record| fault(*record)).collect();
        let finding = if usable == 0 {
            Finding::problem(
                "dane.record",
                &self.host,
                Severity::High,
                format!("No usable TLSA record for {}: {}", self.host, faults.join("; ")),
            )
            .means("RFC 7672 section 3.1: senders cannot use it, and some then refuse to deliver.")
            .fix("Publish `3 1 1` with the SHA-256 of the server's public key.")
        } else if !faults.is_empty() {
            Finding::warning(
                "dane.record",
                &self.host,
                Severity::Low,
                format!("TLSA records that no sender can use: {}", faults.join("; ")),
            )
            .fix("Remove them.")
        } else {
            Finding::ok("dane.record", &self.host, format!("{usable} usable TLSA records for {}", self.host))
        };
        finding.from_reply(reply)
    }

    async fn secure(&self, view: &View, name: &str, reply: &Reply) -> Finding {
        let judged = match &view.judge {
            Some(judge) => judge.judge(name, Kind::Tlsa).await.security,
            None if reply.authentic => Security::Secure,
            None => Security::Unknown("the resolver does not check signatures".to_owned()),
        };
        let finding = match judged {
            Security::Secure => Finding::ok("dane.secure", &self.host, "The TLSA records are signed"),
            Security::Insecure => Finding::warning(
                "dane.secure",
                &self.host,
                Severity::High,
                format!("TLSA records for {} without DNSSEC mean nothing", self.host),
            )
            .means("RFC 7672 section 2.2: senders ignore them.")
            .fix("Sign the zone of the MX host, or remove the records."),
            Security::Bogus(why) => Finding::problem(
                "dane.secure",
                &self.host,
                Severity::Critical,
                format!("The signatures of the TLSA records do not hold: {why}"),
            )
            .means("Senders that use DANE keep the mail and give up after days.")
            .fix("Sign the zone again."),
            Security::Unknown(why) => {
                Finding::unknown("dane.secure", &self.host, format!("Whether the TLSA records are signed could not be found out: {why}"))
            }
        };
        finding.from_reply(reply)
    }
}

/// Why a record cannot be used for SMTP.
fn fault((usage, selector, matching, length): (u8, u8, u8, usize)) -> Option<String> {
    let shown = format!("`{usage} {selector} {matching}`");
    match (usage, selector, matching, length) {
        (0 | 1, ..) => Some(format!("{shown}: usage 0 and 1 are not for SMTP")),
        (4.., ..) => Some(format!("{shown}: no such usage")),
        (_, 2.., ..) => Some(format!("{shown}: no such selector")),
        (_, _, 3.., _) => Some(format!("{shown}: no such matching type")),
        (_, _, 1, length) if length != 32 => Some(format!("{shown}: a SHA-256 has 32 bytes, not {length}")),
        (_, _, 2, length) if length != 64 => Some(format!("{shown}: a SHA-512 has 64 bytes, not {length}")),
        _ => None,
    }
}

impl Check for Dane {
    fn name(&self) -> &'static str {
        "dane"
    }

    fn subject(&self) -> &str {
        &self.host
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dns::dnssec::tests::Fixed;
    use crate::dns::testing::{bad, looked};
    use crate::lookup::scripted::Scripted;

    #[test]
    fn records() {
        let look = |usage, selector, matching, length, security: Security| {
            let data = Data::Tlsa { usage, selector, matching, data: vec![7; length] };
            let server = Scripted::new(1).record("_25._tcp.mx.example.com", Kind::Tlsa, vec![data]);
            let judge = Arc::new(Fixed::new(security));
            bad(&looked(&server, &Dane { host: "mx.example.com".to_owned() }, |view| View { judge: Some(judge.clone()), ..view })).join(" ")
        };
        assert_eq!(look(3, 1, 1, 32, Security::Secure), "");
        assert_eq!(look(2, 0, 2, 64, Security::Secure), "");
        assert_eq!(look(1, 1, 1, 32, Security::Secure), "dane.record");
        assert_eq!(look(3, 1, 1, 20, Security::Secure), "dane.record");
        assert_eq!(look(3, 2, 1, 32, Security::Secure), "dane.record");
        assert_eq!(look(3, 1, 1, 32, Security::Insecure), "dane.secure");
        assert_eq!(look(3, 1, 1, 32, Security::Bogus(String::new())), "dane.secure");
        assert_eq!(look(3, 1, 1, 32, Security::Unknown(String::new())), "");
    }
}
