//! TLS-RPT: where senders report that TLS to our MX failed (RFC 8460).

use super::{texts_at, unanswered};
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::Boxed;
use crate::record::tls_rpt;

/// The TLS-RPT record of one domain.
pub struct TlsRpt {
    /// The domain.
    pub domain: String,
}

impl TlsRpt {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let (reply, records) = texts_at(&view.resolver, &format!("_smtp._tls.{}", self.domain), tls_rpt::is_record).await;
        if !reply.outcome.is_definite() {
            return vec![unanswered("tls-rpt.record", &self.domain, &reply)];
        }
        let finding = match records.as_slice() {
            [] => self.missing(view, reply.texts().first()).await,
            [text] => {
                let read = tls_rpt::read(text);
                if read.is_valid() {
                    Finding::ok("tls-rpt.record", &self.domain, "One TLS-RPT record").value(text.split(';').map(str::trim))
                } else {
                    Finding::problem(
                        "tls-rpt.record",
                        &self.domain,
                        Severity::Medium,
                        format!("The TLS-RPT record is broken: {}", read.faults.join("; ")),
                    )
                    .means("Senders ignore it and send no reports.")
                    .fix("Publish `v=TLSRPTv1; rua=mailto:tls@...`.")
                }
            }
            several => Finding::problem(
                "tls-rpt.record",
                &self.domain,
                Severity::Medium,
                format!("{} TLS-RPT records; there may be one", several.len()),
            )
            .means("RFC 8460 section 3: senders treat that as none.")
            .fix("Leave one of them."),
        };
        vec![finding.from_reply(&reply)]
    }

    /// None is a gap only where TLS is promised.
    async fn missing(&self, view: &View, other: Option<&String>) -> Finding {
        let fix = format!("Publish a TXT record at _smtp._tls.{}: `v=TLSRPTv1; rua=mailto:tls@{}`.", self.domain, self.domain);
        if let Some(other) = other {
            let fault = tls_rpt::read(other).faults.join("; ");
            return Finding::problem(
                "tls-rpt.record",
                &self.domain,
                Severity::Medium,
                format!("What stands at _smtp._tls is no TLS-RPT record: {fault}"),
            )
            .fix(fix);
        }
        let (_, sts) = texts_at(&view.resolver, &format!("_mta-sts.{}", self.domain), crate::record::mta_sts::is_record).await;
        if sts.is_empty() {
            Finding::ok("tls-rpt.record", &self.domain, "No TLS-RPT record")
        } else {
            Finding::warning(
                "tls-rpt.record",
                &self.domain,
                Severity::Medium,
                "MTA-STS without TLS-RPT: nobody tells you when it keeps mail away",
            )
            .fix(fix)
        }
    }
}

impl Check for TlsRpt {
    fn name(&self) -> &'static str {
        "tls-rpt"
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
    use super::*;
    use crate::dns::testing::findings;
    use crate::finding::State;
    use crate::lookup::scripted::Scripted;
    use crate::lookup::{Kind, Outcome};

    fn state(server: &Scripted) -> State {
        findings(server, &TlsRpt { domain: "example.com".to_owned() })[0].state
    }

    #[test]
    fn records() {
        let at = "_smtp._tls.example.com";
        assert_eq!(state(&Scripted::new(1).txt(at, "v=TLSRPTv1; rua=mailto:t@example.com")), State::Ok);
        assert_eq!(state(&Scripted::new(1)), State::Ok);
        assert_eq!(state(&Scripted::new(1).txt("_mta-sts.example.com", "v=STSv1; id=1")), State::Warning);
        assert_eq!(state(&Scripted::new(1).txt(at, "v=TLSRPTv1")), State::Problem);
        assert_eq!(state(&Scripted::new(1).txt(at, "v=spf1 -all")), State::Problem);
        assert_eq!(
            state(&Scripted::new(1).txt(at, "v=TLSRPTv1; rua=mailto:t@example.com").txt(at, "v=TLSRPTv1; rua=mailto:u@example.com")),
            State::Problem
        );
        assert_eq!(state(&Scripted::new(1).fail(at, Kind::Txt, Outcome::Timeout)), State::Unknown);
    }
}
