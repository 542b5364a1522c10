//! Verdicts held against a folder of bounce mails with their truth (`truth.tsv`, `eml/`), as the Sisimai project publishes them.
//!
//! Its reasons are coarser than ours, or cut otherwise: [`OURS`] says in the open which of ours count as agreement. Only rows on
//! which two of its versions agree are taken. From a mail the diagnostic text of its delivery status is judged, or, where it has
//! none, the words of the far side that its body quotes.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use mailvane_model::word::{Reason, Stage};
use mailvane_reply::judge::{Failure, Judge};
use mailvane_reply::provider::Providers;

use super::mail::{self, Report};

/// Which reasons of ours agree with one of theirs.
const OURS: &[(&str, &[Reason])] = &[
    ("userunknown", &[Reason::UnknownRecipient]),
    ("hostunknown", &[Reason::BadDomain]),
    ("mailboxfull", &[Reason::MailboxFull]),
    ("suspend", &[Reason::InactiveRecipient]),
    ("hasmoved", &[Reason::InactiveRecipient]),
    ("notaccept", &[Reason::BadDomain, Reason::SenderRejected]),
    ("expired", &[Reason::Expired, Reason::ConnectionFailure, Reason::DnsFailure, Reason::RemoteTemporary, Reason::Greylisted]),
    ("filtered", &[Reason::UnknownRecipient, Reason::RecipientPolicy, Reason::InactiveRecipient]),
    ("rejected", &[Reason::SenderRejected, Reason::RecipientPolicy, Reason::Reputation]),
    ("blocked", &[Reason::IpBlocklisted, Reason::Reputation, Reason::RateLimited, Reason::PtrHelo]),
    ("badreputation", &[Reason::Reputation, Reason::IpBlocklisted, Reason::RateLimited]),
    ("networkerror", &[Reason::ConnectionFailure, Reason::DnsFailure, Reason::Loop, Reason::RemoteTemporary, Reason::BadDomain]),
    ("authfailure", &[Reason::AuthSpf, Reason::AuthDkim, Reason::AuthDmarc, Reason::AuthMissing]),
    ("requireptr", &[Reason::PtrHelo]),
    ("policyviolation", &[Reason::RecipientPolicy, Reason::ContentSpam, Reason::VirusAttachment, Reason::Reputation, Reason::AuthMissing]),
    ("spamdetected", &[Reason::ContentSpam]),
    ("contenterror", &[Reason::FormatError, Reason::ContentSpam]),
    ("virusdetected", &[Reason::VirusAttachment]),
    ("mesgtoobig", &[Reason::MessageTooLarge]),
    ("exceedlimit", &[Reason::MessageTooLarge, Reason::RateLimited]),
    ("systemerror", &[Reason::RemoteError, Reason::RemoteTemporary, Reason::LocalPolicy, Reason::Loop, Reason::DnsFailure]),
    ("mailererror", &[Reason::LocalPolicy, Reason::RemoteError]),
    ("systemfull", &[Reason::RemoteTemporary]),
    ("securityerror", &[Reason::SmarthostAuth, Reason::RecipientPolicy, Reason::RelayDenied, Reason::AuthMissing, Reason::AuthSpf]),
    ("norelaying", &[Reason::RelayDenied]),
    ("toomanyconn", &[Reason::TooManyConnections, Reason::RateLimited]),
    ("speeding", &[Reason::RateLimited]),
    ("syntaxerror", &[Reason::ProtocolError, Reason::FormatError]),
    ("failedstarttls", &[Reason::TlsFailed]),
    ("notcompliantrfc", &[Reason::FormatError, Reason::PtrHelo]),
    ("onhold", &[Reason::Unclassified, Reason::RemoteTemporary, Reason::RecipientPolicy, Reason::Greylisted, Reason::RemoteError]),
    ("undefined", &[Reason::Unclassified]),
    ("vacation", &[Reason::AutoReply]),
];

/// A row of their truth.
struct Row<'a> {
    file: &'a str,
    index: usize,
    reason: &'a str,
}

/// The rows of failures on which their versions agree.
fn rows(truth: &str) -> Result<Vec<Row<'_>>> {
    let mut lines = truth.lines();
    let head: Vec<&str> = lines.next().context("truth.tsv is empty")?.split('\t').collect();
    let column =
        |name: &str| head.iter().position(|each| each.starts_with(name)).with_context(|| format!("truth.tsv has no column {name}"));
    let (file, index, reason, agreed) = (column("file")?, column("index")?, column("reason")?, column("agreed")?);
    let mut found = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let get = |at: usize| fields.get(at).copied().unwrap_or_default();
        // Complaints and deliveries are no failures.
        let is_failure = !matches!(get(reason), "feedback" | "delivered");
        if get(agreed) == "yes" && is_failure {
            found.push(Row { file: get(file), index: get(index).parse().unwrap_or(1), reason: get(reason) });
        }
    }
    Ok(found)
}

/// The table: agreement, and every disagreement.
pub(super) fn run(folder: &Path, judge: &Judge) -> Result<String> {
    let truth = folder.join("truth.tsv");
    let truth = std::fs::read_to_string(&truth).with_context(|| format!("cannot read {}", truth.display()))?;
    let providers = Providers::embedded();
    let (mut quoted, mut general, mut without) = (Tally::default(), Tally::default(), Vec::new());
    for row in rows(&truth)? {
        let path = folder.join("eml").join(row.file);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let Some(report) = mail::report(&bytes, row.index) else {
            without.push(format!("{} {}", row.file, row.index));
            continue;
        };
        let Some((_, ours)) = OURS.iter().find(|(theirs, _)| *theirs == row.reason) else {
            bail!("{}: the reason {} is not known", row.file, row.reason);
        };
        let verdict = judge.judge(&failure(&report, &providers));
        let tally = if report.is_reply { &mut quoted } else { &mut general };
        tally.add(verdict.reason.is_some_and(|reason| ours.contains(&reason)), || {
            let said = verdict.reason.unwrap_or_default();
            format!("{} {}: theirs {}, ours {said} by {}: {}", row.file, row.index, row.reason, verdict.rule, report.text)
        });
    }
    let mut out = String::new();
    quoted.write("bounce mails with a diagnosis or a quoted reply", &mut out);
    general.write("bounce mails with nothing but the words of the program that reports", &mut out);
    if !without.is_empty() {
        let _ = writeln!(out, "without any text that could be cut out ({}): {}", without.len(), without.join(", "));
    }
    Ok(out)
}

/// How many agree, and those that do not.
#[derive(Default)]
struct Tally {
    right: usize,
    all: usize,
    wrong: String,
}

impl Tally {
    fn add(&mut self, agrees: bool, telling: impl FnOnce() -> String) {
        self.all += 1;
        if agrees {
            self.right += 1;
        } else {
            // Writing to a string does not fail.
            let _ = writeln!(self.wrong, "  {}", telling());
        }
    }

    fn write(&self, what: &str, out: &mut String) {
        let percent = self.right as f64 * 100.0 / self.all.max(1) as f64;
        let _ = writeln!(out, "{what}: {} of {} agree ({percent:.1} %); the others:\n{}", self.right, self.all, self.wrong);
    }
}

fn failure<'a>(report: &'a Report, providers: &'a Providers) -> Failure<'a> {
    Failure {
        provider: providers.of_host(&report.host),
        text: &report.text,
        enhanced_code: &report.status,
        stage: Stage::Unknown,
        deferred: report.status.starts_with('4'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_two_versions_agree_on_are_taken() {
        let truth = "file\tindex\treason\tagreed_by_x\na.eml\t1\tuserunknown\tyes\nb.eml\t2\tblocked\tno\nc.eml\t1\tfeedback\tyes\n";
        let found = rows(truth).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file, found[0].index, found[0].reason), ("a.eml", 1, "userunknown"));
        assert!(rows("file\tindex\n").is_err());
    }
}
