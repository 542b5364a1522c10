//! The name a server says in HELO (RFC 5321 sections 2.3.5 and 4.1.1.1).

use std::net::IpAddr;

use super::{addresses_of, unanswered};
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, name};

/// One HELO name, and the addresses it should have.
pub struct Helo {
    /// The name.
    pub host: String,
    /// The sending addresses of the servers that may say it; empty when they are not known.
    pub sending: Vec<IpAddr>,
}

impl Helo {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let host = name::canonical(&self.host);
        if !name::is_host(&host) {
            return vec![
                Finding::problem(
                    "helo.name",
                    &self.host,
                    Severity::High,
                    format!("The server calls itself `{}`, which is no full host name", self.host),
                )
                .means("Receivers refuse `localhost`, bare words and addresses in HELO.")
                .fix("Postfix: set `myhostname` (or `smtp_helo_name`) to the full name of the server. Exim: `primary_hostname`."),
            ];
        }
        let (four, six) = addresses_of(&view.resolver, &host).await;
        let addresses: Vec<IpAddr> = four.addresses().into_iter().chain(six.addresses()).collect();
        if addresses.is_empty()
            && let Some(silent) = [&four, &six].into_iter().find(|reply| !reply.outcome.is_definite())
        {
            return vec![unanswered("helo.name", &self.host, silent)];
        }
        let missing: Vec<String> = self.sending.iter().filter(|address| !addresses.contains(address)).map(ToString::to_string).collect();
        let value: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let finding = if addresses.is_empty() {
            Finding::problem("helo.name", &self.host, Severity::High, format!("The HELO name {host} has no address"))
                .means("Receivers that look it up refuse or distrust the server.")
                .fix(format!("Publish an A record for {host} with the sending address, or let the server say another name."))
        } else if !missing.is_empty() && missing.len() == self.sending.len() {
            Finding::warning(
                "helo.name",
                &self.host,
                Severity::High,
                format!("The HELO name {host} does not lead to {}", missing.join(", ")),
            )
            .means(format!("It leads to {}. Filters compare the two.", value.join(", ")))
            .fix("Give the name the sending address, or let the server say the name that its PTR record has.")
        } else {
            Finding::ok("helo.name", &self.host, format!("The HELO name {host} leads to {}", value.join(", ")))
        };
        vec![finding.value(value).from_reply(&four).from_reply(&six)]
    }
}

impl Check for Helo {
    fn name(&self) -> &'static str {
        "helo"
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
    use super::*;
    use crate::dns::testing::findings;
    use crate::finding::State;
    use crate::lookup::scripted::Scripted;
    use crate::lookup::{Kind, Outcome};

    fn state(server: &Scripted, host: &str, sending: &[&str]) -> State {
        let sending = sending.iter().map(|address| address.parse().unwrap()).collect();
        findings(server, &Helo { host: host.to_owned(), sending })[0].state
    }

    #[test]
    fn names() {
        let server = Scripted::new(1).a("mail.example.com", &["192.0.2.10"]);
        assert_eq!(state(&server, "mail.example.com", &["192.0.2.10"]), State::Ok);
        assert_eq!(state(&server, "mail.example.com", &[]), State::Ok);
        assert_eq!(state(&server, "mail.example.com", &["192.0.2.99"]), State::Warning);
        assert_eq!(state(&server, "other.example.com", &["192.0.2.10"]), State::Problem);
        for host in ["localhost", "mail", "192.0.2.10", "[192.0.2.10]", "mail_1.example.com"] {
            assert_eq!(state(&server, host, &[]), State::Problem, "{host}");
        }
        let silent = server.fail("mail.example.com", Kind::A, Outcome::Timeout);
        assert_eq!(state(&silent, "mail.example.com", &["192.0.2.10"]), State::Unknown);
    }
}
