//! BIMI: the logo beside mail of the domain. It needs DMARC that is enforced.

use super::dmarc::Walk;
use super::{texts_at, unanswered};
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::Boxed;
use crate::record::bimi;
use crate::record::dmarc::{self, Policy};

/// The BIMI record of one domain, at the selector `default`.
pub struct Bimi {
    /// The domain.
    pub domain: String,
}

impl Bimi {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let (reply, records) = texts_at(&view.resolver, &format!("default._bimi.{}", self.domain), |_| true).await;
        if !reply.outcome.is_definite() {
            return vec![unanswered("bimi.record", &self.domain, &reply)];
        }
        let text = match records.as_slice() {
            [] => return vec![Finding::ok("bimi.record", &self.domain, "No BIMI record (it is optional)").from_reply(&reply)],
            [text] => text,
            several => {
                let title = format!("{} records at default._bimi; there may be one", several.len());
                return vec![
                    Finding::warning("bimi.record", &self.domain, Severity::Low, title).fix("Leave one of them.").from_reply(&reply),
                ];
            }
        };
        let read = bimi::read(text);
        let Some(record) = read.value.filter(|_| read.faults.is_empty()) else {
            let title = format!("The BIMI record is broken: {}", read.faults.join("; "));
            return vec![
                Finding::warning("bimi.record", &self.domain, Severity::Low, title)
                    .means("No logo is shown.")
                    .fix("Mend or remove it.")
                    .from_reply(&reply),
            ];
        };
        let exists = Finding::ok(
            "bimi.record",
            &self.domain,
            if record.declines() { "The domain declines to have a logo" } else { "One BIMI record" },
        );
        let mut findings = vec![exists.value(text.split(';').map(str::trim)).from_reply(&reply)];
        if !record.declines() {
            findings.extend(self.enforced(view).await.map(|finding| finding.from_reply(&reply)));
            if record.authority.as_deref().unwrap_or_default().is_empty() {
                findings.push(
                    Finding::ok(
                        "bimi.certificate",
                        &self.domain,
                        "No certificate for the logo (`a`): Gmail and Apple show it only with one",
                    )
                    .from_reply(&reply),
                );
            }
        }
        findings
    }

    async fn enforced(&self, view: &View) -> Option<Finding> {
        let walk = Walk::from(&view.resolver, &self.domain).await;
        let policy = walk.policy().and_then(|step| dmarc::read(step.records.first()?).value);
        if policy.as_ref().is_some_and(|policy| policy.effective() != Policy::None) || walk.failed.is_some() {
            return None;
        }
        Some(
            Finding::warning("bimi.dmarc", &self.domain, Severity::Low, "BIMI without an enforced DMARC policy: no logo is shown")
                .fix("Set `p=quarantine` or `p=reject` in the DMARC record first."),
        )
    }
}

impl Check for Bimi {
    fn name(&self) -> &'static str {
        "bimi"
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
    use crate::dns::testing::{bad, findings};
    use crate::lookup::scripted::Scripted;

    #[test]
    fn records() {
        let at = "default._bimi.example.com";
        let look = |server: Scripted| bad(&findings(&server, &Bimi { domain: "example.com".to_owned() })).join(" ");
        let enforced = || Scripted::new(1).txt("_dmarc.example.com", "v=DMARC1; p=reject");
        let logo = "v=BIMI1; l=https://example.com/l.svg; a=https://example.com/v.pem";
        assert_eq!(look(Scripted::new(1)), "");
        assert_eq!(look(enforced().txt(at, logo)), "");
        assert_eq!(look(Scripted::new(1).txt(at, logo)), "bimi.dmarc");
        assert_eq!(look(Scripted::new(1).txt(at, "v=BIMI1; l=; a=;")), "");
        assert_eq!(look(enforced().txt(at, "v=BIMI1; l=http://example.com/l.svg")), "bimi.record");
        assert_eq!(look(enforced().txt(at, logo).txt(at, logo)), "bimi.record");
    }
}
