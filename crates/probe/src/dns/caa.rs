//! CAA: which authorities may issue certificates for the MX hosts (RFC 8659).

use super::unanswered;
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Data, Kind, Reply, name};

/// The CAA records that apply to one host.
pub struct Caa {
    /// The host.
    pub host: String,
}

impl Caa {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let mut at = name::canonical(&self.host);
        let mut last: Option<Reply> = None;
        // RFC 8659 section 3: the first name on the way up that has any.
        while !at.is_empty() {
            let reply = view.resolver.ask(&at, Kind::Caa).await;
            if !reply.outcome.is_definite() {
                return vec![unanswered("caa.record", &self.host, &reply)];
            }
            if !reply.outcome.records().is_empty() {
                return vec![self.judged(&reply)];
            }
            at = name::parent(&at).unwrap_or_default().to_owned();
            last = Some(reply);
        }
        let finding = Finding::ok("caa.record", &self.host, "No CAA record: any authority may issue certificates for it");
        vec![last.iter().fold(finding, |finding, reply| finding.from_reply(reply))]
    }

    fn judged(&self, reply: &Reply) -> Finding {
        let records: Vec<(bool, &str, &str)> = reply
            .outcome
            .records()
            .iter()
            .filter_map(|record| {
                if let Data::Caa { critical, tag, value } = &record.data { Some((*critical, tag.as_str(), value.as_str())) } else { None }
            })
            .collect();
        let issuers: Vec<&str> = records
            .iter()
            .filter(|(_, tag, _)| *tag == "issue")
            .map(|(_, _, value)| value.split(';').next().unwrap_or_default().trim())
            .collect();
        let value = records.iter().map(|(_, tag, value)| format!("{tag} {value}"));
        let unknown = records.iter().find(|(critical, tag, _)| {
            *critical && !["issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone"].contains(tag)
        });
        let finding = if let Some((_, tag, _)) = unknown {
            Finding::problem("caa.record", &self.host, Severity::High, format!("A critical CAA tag that no authority knows: `{tag}`"))
                .means("RFC 8659 section 4.1: no authority may issue a certificate then; the next renewal fails.")
                .fix("Remove the record or its critical flag.")
        } else if !issuers.is_empty() && issuers.iter().all(|issuer| issuer.is_empty()) {
            Finding::warning("caa.record", &self.host, Severity::Medium, "CAA forbids every authority to issue certificates for the host")
                .means("The next renewal of its certificate fails.")
                .fix("Add `0 issue \"...\"` with the name of your authority.")
        } else {
            Finding::ok(
                "caa.record",
                &self.host,
                if issuers.is_empty() { "CAA without `issue`".to_owned() } else { format!("Certificates only by {}", issuers.join(", ")) },
            )
        };
        finding.value(value).from_reply(reply)
    }
}

impl Check for Caa {
    fn name(&self) -> &'static str {
        "caa"
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
    use crate::lookup::Outcome;
    use crate::lookup::scripted::Scripted;

    #[test]
    fn records() {
        let with = |critical, tag: &str, value: &str| {
            Scripted::new(1).record("example.com", Kind::Caa, vec![Data::Caa { critical, tag: tag.to_owned(), value: value.to_owned() }])
        };
        let state = |server: &Scripted| findings(server, &Caa { host: "mx.example.com".to_owned() })[0].state;
        assert_eq!(state(&Scripted::new(1)), State::Ok);
        assert_eq!(state(&with(false, "issue", "ca.example.net; account=1")), State::Ok);
        assert_eq!(state(&with(false, "issue", ";")), State::Warning);
        assert_eq!(state(&with(true, "tbs", "x")), State::Problem);
        assert_eq!(state(&Scripted::new(1).fail("mx.example.com", Kind::Caa, Outcome::Timeout)), State::Unknown);
    }
}
