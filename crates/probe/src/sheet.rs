//! The rules of Gmail, Yahoo and Microsoft for who sends to them, line by line, with the evidence each line rests on.

use crate::finding::{Finding, State};
use crate::lookup::name;
use crate::target::Target;

/// Does a line hold?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It does.
    Pass,
    /// It does not.
    Fail,
    /// It could not be found out.
    Unknown,
}

impl Mark {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Mark::Pass => "pass",
            Mark::Fail => "fail",
            Mark::Unknown => "unknown",
        }
    }
}

/// Whom a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody who sends there.
    All,
    /// Who sends there in bulk: about 5000 messages a day to Gmail or Microsoft.
    Bulk,
}

/// One line of the sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose rule it is.
    pub provider: &'static str,
    /// Whom it is for.
    pub scope: Scope,
    /// The rule.
    pub rule: &'static str,
    /// Does it hold?
    pub mark: Mark,
    /// What this rests on.
    pub because: String,
}

/// Messages a day from which Gmail and Microsoft count a sender as bulk; Yahoo names no number, and this one is prudent.
pub const BULK_A_DAY: u64 = 5_000;

/// How much of our own mail a provider took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// As [`Line::provider`].
    pub provider: &'static str,
    /// Recipients on the busiest day.
    pub busiest: u64,
    /// Days that were looked at.
    pub days: u32,
}

/// What the lines are made of.
struct Facts<'a> {
    findings: &'a [Finding],
    target: &'a Target,
    volumes: &'a [Volume],
}

type Judged = (Mark, String);

/// The sheet of a domain, from the findings about it and how much our own servers send, where that is known.
pub fn sheet(findings: &[Finding], target: &Target, volumes: &[Volume]) -> Vec<Line> {
    let facts = Facts { findings, target, volumes };
    let line = |provider, scope, rule, (mark, because): Judged| Line { provider, scope, rule, mark, because };
    let mut lines = Vec::new();
    for provider in ["Gmail", "Yahoo"] {
        lines.push(line(provider, Scope::All, "SPF or DKIM", either(facts.spf(), facts.dkim())));
        lines.push(line(provider, Scope::All, "sending addresses have a name that leads back", facts.names()));
        lines.push(line(provider, Scope::Bulk, "SPF and DKIM", both(facts.spf(), facts.dkim())));
        lines.push(line(provider, Scope::Bulk, "DMARC, at least p=none", facts.dmarc()));
        lines.push(line(provider, Scope::Bulk, "From is aligned with SPF or DKIM", facts.aligned()));
    }
    lines.push(line("Gmail", Scope::All, "TLS when sending", not_seen("seen in the log or by the round trip only")));
    lines.push(line("Microsoft", Scope::All, "sending addresses have a name", facts.names()));
    lines.push(line("Microsoft", Scope::Bulk, "SPF passes and DKIM passes", both(facts.spf(), facts.dkim())));
    lines.push(line("Microsoft", Scope::Bulk, "DMARC, at least p=none, aligned with SPF or DKIM", both(facts.dmarc(), facts.aligned())));
    for provider in ["Gmail", "Yahoo", "Microsoft"] {
        lines.push(line(provider, Scope::Bulk, "who sends 5,000 messages a day is a bulk sender", facts.volume(provider)));
    }
    for (provider, rule) in [
        ("Gmail", "unsubscribing with one click (RFC 8058) in marketing mail"),
        ("Yahoo", "unsubscribing with one click in marketing mail"),
    ] {
        lines.push(line(provider, Scope::Bulk, rule, not_seen("stands in the headers of messages, not in DNS")));
    }
    lines.push(line(
        "Gmail",
        Scope::Bulk,
        "spam rate below 0.3 %",
        not_seen("cannot be seen here: Gmail shows it in Postmaster Tools only"),
    ));
    lines.push(line(
        "Yahoo",
        Scope::Bulk,
        "spam rate below 0.3 %",
        not_seen("cannot be seen here: Yahoo shows it in its feedback loop only"),
    ));
    lines
}

fn not_seen(why: &str) -> Judged {
    (Mark::Unknown, why.to_owned())
}

fn either(first: Judged, second: Judged) -> Judged {
    let order = |mark| [Mark::Pass, Mark::Unknown, Mark::Fail].iter().position(|known| *known == mark);
    if order(first.0) <= order(second.0) { first } else { second }
}

fn both(first: Judged, second: Judged) -> Judged {
    let order = |mark| [Mark::Fail, Mark::Unknown, Mark::Pass].iter().position(|known| *known == mark);
    match (first.0, second.0) {
        (Mark::Pass, Mark::Pass) => (Mark::Pass, format!("{}; {}", first.1, second.1)),
        _ if order(first.0) <= order(second.0) => first,
        _ => second,
    }
}

impl Facts<'_> {
    fn of<'a>(&'a self, rules: &'a [&'a str]) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(|finding| rules.contains(&finding.check.as_str()))
    }

    /// All of these have to hold: a problem fails, an unknown or nothing at all is unknown.
    fn all(&self, rules: &[&str], nothing: &str) -> Judged {
        let worst = |state| self.of(rules).find(|finding| finding.state == state);
        if let Some(finding) = worst(State::Problem) {
            return (Mark::Fail, finding.title.clone());
        }
        if let Some(finding) = worst(State::Unknown) {
            return (Mark::Unknown, finding.title.clone());
        }
        match self.of(rules).next() {
            Some(finding) => (Mark::Pass, finding.title.clone()),
            None => not_seen(nothing),
        }
    }

    /// SPF passes for what we use; without a known address it is enough that the record works.
    fn spf(&self) -> Judged {
        let record = self
            .all(&["spf.record", "spf.syntax", "spf.lookups", "spf.void", "spf.below", "spf.loop", "spf.hosts"], "SPF was not looked at");
        if record.0 != Mark::Pass {
            return record;
        }
        let uncovered = self.of(&["spf.coverage"]).find(|finding| finding.state.is_bad());
        match (uncovered, self.of(&["spf.coverage"]).next()) {
            (Some(bad), _) => (Mark::Fail, bad.title.clone()),
            (None, Some(finding)) if finding.state == State::Unknown => (Mark::Unknown, finding.title.clone()),
            (None, Some(finding)) => (Mark::Pass, finding.title.clone()),
            (None, None) => record,
        }
    }

    /// At least one selector with a key of 1024 bits or more.
    fn dkim(&self) -> Judged {
        let good = self.of(&["dkim.key"]).find(|finding| matches!(finding.state, State::Ok | State::Warning));
        good.map_or_else(|| self.all(&["dkim.key"], "DKIM was not looked at"), |finding| (Mark::Pass, finding.title.clone()))
    }

    fn dmarc(&self) -> Judged {
        self.all(&["dmarc.record"], "DMARC was not looked at")
    }

    /// Not to be a bulk sender holds; to be one is no fault, but then the bulk lines have to hold.
    fn volume(&self, provider: &str) -> Judged {
        let Some(volume) = self.volumes.iter().find(|volume| volume.provider == provider) else {
            return not_seen("our own volume is not known here: `mailvane serve` counts it in the logs");
        };
        let busiest = format!("{} recipients on the busiest of {} days, over all our domains", volume.busiest, volume.days);
        let because = if volume.busiest >= BULK_A_DAY {
            format!("{busiest}: the bulk rules apply to us")
        } else if volume.busiest * 5 >= BULK_A_DAY * 4 {
            format!("{busiest}: near the line; once over it Gmail's bulk rules apply for good")
        } else {
            format!("{busiest}: the bulk rules do not apply, and are good practice")
        };
        (Mark::Pass, because)
    }

    fn names(&self) -> Judged {
        if let Some(smarthost) = &self.target.smarthost {
            return (Mark::Unknown, format!("mail leaves through {smarthost}: its addresses count"));
        }
        self.all(&["ptr.exists", "ptr.confirmed"], "no sending address is known")
    }

    /// DKIM signs with the domain itself; SPF aligns when the envelope sender is of the same organisation.
    fn aligned(&self) -> Judged {
        let dkim = self.dkim();
        if dkim.0 == Mark::Pass {
            return (Mark::Pass, format!("d={}: {}", self.target.domain, dkim.1));
        }
        let spf = self.spf();
        let organisation = self.of(&["dmarc.organisation"]).find_map(|finding| finding.value.first());
        let (Mark::Pass, Some(organisation)) = (spf.0, organisation) else { return either(dkim, spf) };
        let of_ours =
            |sender: &String| sender.rsplit('@').next().is_some_and(|domain| name::is_within(&domain.to_ascii_lowercase(), organisation));
        if self.target.mail_from().iter().all(of_ours) {
            (Mark::Pass, format!("envelope senders are within {organisation}"))
        } else {
            (Mark::Fail, format!("an envelope sender is outside of {organisation}, and no DKIM key is known"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::target::{Learned, Origin};

    fn mark(findings: &[Finding], target: &Target, provider: &str, rule: &str) -> Mark {
        sheet(findings, target, &[]).into_iter().find(|line| line.provider == provider && line.rule == rule).unwrap().mark
    }

    fn good() -> Vec<Finding> {
        ["spf.record", "spf.coverage", "dkim.key", "dmarc.record", "ptr.exists", "ptr.confirmed"]
            .map(|rule| Finding::ok(rule, "example.com", rule))
            .to_vec()
    }

    #[test]
    fn what_dns_shows_passes_on_a_clean_domain() {
        let lines = sheet(&good(), &Target::new("example.com"), &[]);
        assert!(lines.iter().all(|line| line.mark != Mark::Fail && !line.because.is_empty()));
        assert_eq!(lines.iter().filter(|line| line.mark == Mark::Pass).count(), 13);
    }

    #[test]
    fn a_problem_fails_its_lines_only() {
        let mut findings = good();
        findings[2] = Finding::problem("dkim.key", "example.com", Severity::Critical, "no key");
        let target = Target::new("example.com");
        assert_eq!(mark(&findings, &target, "Gmail", "SPF and DKIM"), Mark::Fail);
        assert_eq!(mark(&findings, &target, "Gmail", "SPF or DKIM"), Mark::Pass);
        assert_eq!(mark(&findings, &target, "Yahoo", "DMARC, at least p=none"), Mark::Pass);
    }

    #[test]
    fn an_envelope_sender_elsewhere_is_not_aligned() {
        let mut findings = good();
        findings[2] = Finding::unknown("dkim.key", "example.com", "selector unknown");
        findings.push(Finding::ok("dmarc.organisation", "example.com", "x").value(["example.com"]));
        let mut target = Target::new("example.com");
        target.senders.push(Learned::new("bounce@example.net".to_owned(), Origin::Log));
        assert_eq!(mark(&findings, &target, "Gmail", "From is aligned with SPF or DKIM"), Mark::Fail);
        target.senders = vec![Learned::new("bounce@mail.example.com".to_owned(), Origin::Log)];
        assert_eq!(mark(&findings, &target, "Gmail", "From is aligned with SPF or DKIM"), Mark::Pass);
    }

    #[test]
    fn what_was_not_looked_at_is_unknown() {
        let lines = sheet(&[], &Target::new("example.com"), &[]);
        assert!(lines.iter().all(|line| line.mark == Mark::Unknown));
    }

    #[test]
    fn our_own_volume_is_held_against_the_line() {
        let because = |busiest| {
            let volumes = [Volume { provider: "Gmail", busiest, days: 7 }];
            let lines = sheet(&[], &Target::new("example.com"), &volumes);
            let line = lines.into_iter().find(|line| line.provider == "Gmail" && line.rule.contains("5,000")).unwrap();
            assert_eq!(line.mark, Mark::Pass);
            line.because
        };
        assert!(because(120).contains("120 recipients on the busiest of 7 days") && because(120).contains("do not apply"));
        assert!(because(4_100).contains("near the line"));
        assert!(because(5_000).contains("apply to us"));
    }
}
