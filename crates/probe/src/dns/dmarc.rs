//! The DMARC policy of a domain by RFC 9989: found by the tree walk, in its grammar, strong enough, with reports that may arrive.

use futures_util::future::join_all;

use super::{texts_at, unanswered};
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Outcome, Reply, Resolver, name};
use crate::record::ReportUri;
use crate::record::dmarc::{self, Dmarc, Policy, Suffix};

/// Labels above which the walk skips ahead (RFC 9989 section 4.10).
const LABEL_LIMIT: usize = 8;
/// Where the walk goes on then.
const LABELS_AFTER_SKIP: usize = 7;
/// Report addresses whose owners are asked for their consent.
const DESTINATION_LIMIT: usize = 10;

/// One step of the walk.
#[derive(Clone, Debug)]
pub struct Step {
    /// The domain whose `_dmarc` was asked for.
    pub domain: String,
    /// Its DMARC records; more than one count as none.
    pub records: Vec<String>,
    /// The answer.
    pub reply: Reply,
}

impl Step {
    fn record(&self) -> Option<Dmarc> {
        let [text] = self.records.as_slice() else { return None };
        dmarc::read(text).value
    }
}

/// A walk up the tree from one domain.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Its steps, the domain itself first.
    pub steps: Vec<Step>,
    /// An answer that could not be had: what lies above is not known.
    pub failed: Option<Reply>,
}

impl Walk {
    /// Walks up from a domain (RFC 9989 section 4.10).
    pub async fn from(resolver: &Resolver, domain: &str) -> Walk {
        let names = targets(&name::canonical(domain));
        // All at once: the walk is short, and one after the other is slow.
        let answers = join_all(names.iter().map(|domain| async move {
            let (reply, records) = texts_at(resolver, &format!("_dmarc.{domain}"), dmarc::is_record).await;
            Step { domain: domain.clone(), records, reply }
        }))
        .await;
        let mut walk = Walk::default();
        for step in answers {
            if !step.reply.outcome.is_definite() {
                walk.failed = Some(step.reply);
                break;
            }
            let ends = step.record().is_some_and(|record| record.suffix != Suffix::Unknown);
            walk.steps.push(step);
            if ends {
                break;
            }
        }
        walk
    }

    /// The organisational domain (RFC 9989 section 4.10.2).
    pub fn organisation(&self) -> Option<String> {
        let start = &self.steps.first()?.domain;
        let mut found = None;
        for step in &self.steps {
            let Some(record) = step.record() else { continue };
            match record.suffix {
                Suffix::No => return Some(step.domain.clone()),
                Suffix::Yes if step.domain != *start => return Some(below(start, &step.domain)),
                _ => found = Some(step.domain.clone()),
            }
        }
        Some(found.unwrap_or_else(|| start.clone()))
    }

    /// The step whose record applies (RFC 9989 section 4.10.1): the domain's own, else that of its organisational domain, else that of
    /// the public suffix.
    pub fn policy(&self) -> Option<&Step> {
        let own = self.steps.first().filter(|step| step.record().is_some());
        let organisation = self.organisation();
        let above = || self.steps.iter().find(|step| Some(&step.domain) == organisation.as_ref() && step.record().is_some());
        let suffix = || self.steps.iter().find(|step| step.record().is_some_and(|record| record.suffix == Suffix::Yes));
        own.or_else(above).or_else(suffix)
    }
}

/// The domains that a walk asks, in order.
fn targets(domain: &str) -> Vec<String> {
    let labels = name::labels(domain);
    let mut targets = vec![domain.to_owned()];
    let mut left = if labels.len() < LABEL_LIMIT { labels.len().saturating_sub(1) } else { LABELS_AFTER_SKIP };
    while left > 0 {
        targets.push(labels[labels.len() - left..].join("."));
        left -= 1;
    }
    targets
}

/// The domain one label below `zone` on the way to `domain`.
fn below(domain: &str, zone: &str) -> String {
    let count = name::labels(zone).len() + 1;
    let labels = name::labels(domain);
    labels[labels.len().saturating_sub(count)..].join(".")
}

/// The DMARC policy that applies to a domain.
pub struct DmarcPolicy {
    /// The domain, as it stands in From.
    pub domain: String,
}

impl DmarcPolicy {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let walk = Walk::from(&view.resolver, &self.domain).await;
        if let (Some(failed), None) = (&walk.failed, walk.policy()) {
            return vec![unanswered("dmarc.record", &self.domain, failed)];
        }
        let mut findings = Vec::new();
        for step in walk.steps.iter().filter(|step| step.records.len() > 1) {
            findings.push(self.several(step));
        }
        if let Some(broken) =
            walk.steps.iter().find(|step| step.domain == self.domain && step.records.len() == 1 && step.record().is_none())
        {
            findings.push(self.useless(broken));
        }
        let Some(step) = walk.policy() else {
            if findings.is_empty() {
                findings.push(self.missing(&walk));
            }
            return findings;
        };
        let read = dmarc::read(&step.records[0]);
        let Some(record) = read.value else { return findings };
        findings.push(self.exists(step));
        if !read.faults.is_empty() {
            findings.push(self.faulty(&read.faults, step));
        }
        findings.extend(read.notes.iter().map(|note| self.noted(note, step)));
        findings.extend(self.strength(&record, step));
        findings.extend(self.reports(view, &record, step, &walk).await);
        findings.push(self.organised(&walk, step));
        findings
    }

    fn missing(&self, walk: &Walk) -> Finding {
        let finding = Finding::problem("dmarc.record", &self.domain, Severity::High, "No DMARC record")
            .means("Gmail, Yahoo and Microsoft ask bulk senders for one, and nobody stops mail forged in the domain's name.")
            .fix(format!(
                "Publish a TXT record at _dmarc.{}: `v=DMARC1; p=none; rua=mailto:dmarc@{}`, read the reports, then raise the policy.",
                self.domain, self.domain
            ));
        walk.steps.iter().fold(finding, |finding, step| finding.from_reply(&step.reply))
    }

    fn several(&self, step: &Step) -> Finding {
        Finding::problem(
            "dmarc.record",
            &self.domain,
            Severity::Critical,
            format!("{} DMARC records at _dmarc.{}; there may be one", step.records.len(), step.domain),
        )
        .means("RFC 9989 section 4.10: receivers discard all of them, as if there were none.")
        .fix("Leave one of them.")
        .value(step.records.clone())
        .from_reply(&step.reply)
    }

    fn useless(&self, step: &Step) -> Finding {
        let read = dmarc::read(&step.records[0]);
        Finding::problem(
            "dmarc.record",
            &self.domain,
            Severity::Critical,
            format!("The DMARC record does nothing: {}", read.faults.join("; ")),
        )
        .means("Receivers treat the domain as one without DMARC.")
        .fix("Give it a policy: `p=none`, `p=quarantine` or `p=reject`.")
        .from_reply(&step.reply)
    }

    fn exists(&self, step: &Step) -> Finding {
        let from = if step.domain == self.domain { String::new() } else { format!(" (that of {})", step.domain) };
        let parts = step.records[0].split(';').map(str::trim).filter(|part| !part.is_empty());
        Finding::ok("dmarc.record", &self.domain, format!("One DMARC record{from}")).value(parts).from_reply(&step.reply)
    }

    fn faulty(&self, faults: &[String], step: &Step) -> Finding {
        Finding::problem("dmarc.syntax", &self.domain, Severity::High, format!("The DMARC record has faults: {}", faults.join("; ")))
            .means("Receivers ignore what they cannot read: the default takes its place, or nothing.")
            .fix("Mend the tags named.")
            .from_reply(&step.reply)
    }

    fn noted(&self, note: &str, step: &Step) -> Finding {
        let tag = note.trim_start_matches('`').split(['=', '`']).next().unwrap_or_default();
        let subject = format!("{} {tag}", self.domain);
        if note.contains("is no tag") {
            Finding::warning("dmarc.tag", &subject, Severity::Low, note).fix("Remove it, or mend a typing error.").from_reply(&step.reply)
        } else {
            Finding::ok("dmarc.tag", &subject, note).from_reply(&step.reply)
        }
    }

    fn strength(&self, record: &Dmarc, step: &Step) -> Vec<Finding> {
        let inherited = step.domain != self.domain;
        let asked = if inherited { record.for_subdomains() } else { record.policy };
        let policy = if record.testing { asked.lowered() } else { asked };
        let mut findings = Vec::new();
        let finding = match (policy, record.testing) {
            (_, true) if asked != Policy::None => Finding::warning(
                "dmarc.policy",
                &self.domain,
                Severity::Medium,
                format!("Policy {} in test mode (`t=y`): treated as {}", asked.word(), policy.word()),
            )
            .fix("Remove `t=y` when the reports show that all mail of yours passes."),
            (Policy::None, _) => {
                Finding::warning("dmarc.policy", &self.domain, Severity::Medium, "Policy none: forged mail is reported and not stopped")
                    .fix("When the reports show that all mail of yours passes, go to `p=quarantine`, then `p=reject`.")
            }
            _ => Finding::ok("dmarc.policy", &self.domain, format!("Policy {}", policy.word())),
        };
        findings.push(finding.value([policy.word()]).from_reply(&step.reply));
        if let Some(percent) = record.percent.filter(|percent| *percent < 100 && policy != Policy::None) {
            findings.push(
                Finding::warning(
                    "dmarc.percent",
                    &self.domain,
                    Severity::Low,
                    format!("`pct={percent}`: receivers of before RFC 9989 apply the policy to a part only, others to all"),
                )
                .fix("Remove `pct`; `t=y` is the way to test now.")
                .from_reply(&step.reply),
            );
        }
        if !inherited && record.for_subdomains() < record.policy {
            findings.push(
                Finding::warning(
                    "dmarc.subdomains",
                    &self.domain,
                    Severity::Medium,
                    format!("Subdomains are less protected than the domain: `sp={}`", record.for_subdomains().word()),
                )
                .means("Forgers use a subdomain instead.")
                .fix("Remove `sp`, or set it as strict as `p`.")
                .from_reply(&step.reply),
            );
        }
        findings
    }

    async fn reports(&self, view: &View, record: &Dmarc, step: &Step, walk: &Walk) -> Vec<Finding> {
        if record.aggregate.is_empty() {
            return vec![
                Finding::warning("dmarc.reports", &self.domain, Severity::Medium, "No address for aggregate reports (`rua`)")
                    .means("Nobody learns whose mail fails, ours or that of forgers.")
                    .fix(format!("Add `rua=mailto:dmarc@{}`.", self.domain))
                    .from_reply(&step.reply),
            ];
        }
        let mut domains: Vec<&str> = record.aggregate.iter().chain(&record.failure).filter_map(mail_domain).collect();
        domains.sort_unstable();
        domains.dedup();
        let asked = domains.into_iter().take(DESTINATION_LIMIT).map(|destination| self.authorised(view, destination, step, walk));
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// RFC 9990 section 4: another organisation has to agree to receive the reports.
    async fn authorised(&self, view: &View, destination: &str, step: &Step, walk: &Walk) -> Option<Finding> {
        let theirs = Walk::from(&view.resolver, destination).await;
        let (ours, other) = (walk.organisation(), theirs.organisation());
        let subject = format!("{} {destination}", self.domain);
        if name::is_within(destination, &step.domain) || (ours.is_some() && ours == other && theirs.failed.is_none()) {
            return None;
        }
        let at = format!("{}._report._dmarc.{destination}", step.domain);
        let (reply, consents) = texts_at(&view.resolver, &at, dmarc::is_record).await;
        let finding = match &reply.outcome {
            outcome if !outcome.is_definite() => unanswered("dmarc.authorised", &subject, &reply),
            Outcome::Found(_) if !consents.is_empty() => {
                Finding::ok("dmarc.authorised", &subject, format!("{destination} agrees to receive the reports")).from_reply(&reply)
            }
            _ => Finding::problem(
                "dmarc.authorised",
                &subject,
                Severity::High,
                format!("{destination} has not agreed to receive the reports"),
            )
            .means("RFC 9990 section 4: receivers then send no reports there.")
            .fix(format!("The owner of {destination} publishes a TXT record at {at}: `v=DMARC1`."))
            .from_reply(&reply),
        };
        Some(finding)
    }

    fn organised(&self, walk: &Walk, step: &Step) -> Finding {
        let organisation = walk.organisation().unwrap_or_else(|| self.domain.clone());
        Finding::ok("dmarc.organisation", &self.domain, format!("The organisational domain is {organisation}"))
            .value([organisation])
            .from_reply(&step.reply)
    }
}

fn mail_domain(uri: &ReportUri) -> Option<&str> {
    match uri {
        ReportUri::Mail(_, domain) => Some(domain),
        ReportUri::Https(_) => None,
    }
}

impl Check for DmarcPolicy {
    fn name(&self) -> &'static str {
        "dmarc"
    }

    fn subject(&self) -> &str {
        &self.domain
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dns::testing::{bad, findings, state};
    use crate::finding::State;
    use crate::lookup::Kind;
    use crate::lookup::scripted::{Scripted, block_on};

    fn look(server: &Scripted, domain: &str) -> Vec<Finding> {
        findings(server, &DmarcPolicy { domain: domain.to_owned() })
    }

    fn with(record: &str) -> Scripted {
        Scripted::new(1).txt("_dmarc.example.com", record)
    }

    #[test]
    fn a_clean_record_has_nothing_bad() {
        let found = look(&with("v=DMARC1; p=reject; rua=mailto:dmarc@example.com"), "example.com");
        assert!(found.iter().all(|finding| finding.state == State::Ok), "{found:?}");
    }

    #[test]
    fn each_fault_is_found() {
        for (record, rule) in [
            ("v=spf1 -all", "dmarc.record"),
            ("v=DMARC1", "dmarc.record"),
            ("v=DMARC1; p=rejekt; rua=mailto:a@example.com", "dmarc.syntax"),
            ("v=DMARC1; p=none; rua=mailto:a@example.com", "dmarc.policy"),
            ("v=DMARC1; p=quarantine; t=y; rua=mailto:a@example.com", "dmarc.policy"),
            ("v=DMARC1; p=reject; pct=20; rua=mailto:a@example.com", "dmarc.percent"),
            ("v=DMARC1; p=reject; sp=none; rua=mailto:a@example.com", "dmarc.subdomains"),
            ("v=DMARC1; p=reject", "dmarc.reports"),
            ("v=DMARC1; p=reject; rua=mailto:a@collector.example.net", "dmarc.authorised"),
            ("v=DMARC1; p=reject; rau=mailto:a@example.com; rua=mailto:a@example.com", "dmarc.tag"),
        ] {
            assert!(bad(&look(&with(record), "example.com")).contains(&rule), "{record}");
        }
        assert_eq!(bad(&look(&Scripted::new(1), "example.com")), ["dmarc.record"]);
        assert_eq!(bad(&look(&with("v=DMARC1; p=none").txt("_dmarc.example.com", "v=DMARC1; p=reject"), "example.com")), ["dmarc.record"]);
    }

    #[test]
    fn consent_of_another_organisation() {
        let server = with("v=DMARC1; p=reject; rua=mailto:a@collector.example.net")
            .txt("example.com._report._dmarc.collector.example.net", "v=DMARC1;");
        assert_eq!(state(&look(&server, "example.com"), "dmarc.authorised"), Some(State::Ok));
        let silent = with("v=DMARC1; p=reject; rua=mailto:a@collector.example.net").fail(
            "example.com._report._dmarc.collector.example.net",
            Kind::Txt,
            Outcome::Timeout,
        );
        assert_eq!(state(&look(&silent, "example.com"), "dmarc.authorised"), Some(State::Unknown));
    }

    #[test]
    fn a_subdomain_inherits() {
        let found = look(&with("v=DMARC1; p=reject; sp=quarantine; rua=mailto:a@example.com"), "news.example.com");
        let policy = found.iter().find(|finding| finding.check == "dmarc.policy").unwrap();
        assert_eq!(policy.value, ["quarantine"]);
    }

    #[test]
    fn silence_is_unknown() {
        let found = look(&Scripted::new(1).fail("_dmarc.example.com", Kind::Txt, Outcome::ServFail(String::new())), "example.com");
        assert_eq!(state(&found, "dmarc.record"), Some(State::Unknown));
    }

    fn organisation(server: Scripted, domain: &str) -> Option<String> {
        block_on(Walk::from(&Resolver::new(vec![Arc::new(server)]), domain)).organisation()
    }

    #[test]
    fn organisations_by_the_walk() {
        let two = || with("v=DMARC1; p=none").txt("_dmarc.a.example.com", "v=DMARC1; p=reject");
        assert_eq!(organisation(two(), "b.a.example.com").as_deref(), Some("example.com"));
        let own = || with("v=DMARC1; p=none").txt("_dmarc.a.example.com", "v=DMARC1; p=reject; psd=n");
        assert_eq!(organisation(own(), "b.a.example.com").as_deref(), Some("a.example.com"));
        let suffix = || with("v=DMARC1; p=none; psd=y");
        assert_eq!(organisation(suffix(), "c.b.a.example.com").as_deref(), Some("a.example.com"));
        assert_eq!(organisation(suffix(), "example.com").as_deref(), Some("example.com"));
        assert_eq!(organisation(Scripted::new(1), "a.example.com").as_deref(), Some("a.example.com"));
    }

    #[test]
    fn the_walk_is_short() {
        assert_eq!(targets("a.example.com"), ["a.example.com", "example.com", "com"]);
        let long = targets("a.b.c.d.e.f.g.h.i.example.com");
        assert_eq!((long.len(), long[1].as_str()), (8, "e.f.g.h.i.example.com"));
    }
}
