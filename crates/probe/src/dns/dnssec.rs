//! DNSSEC of the domain: signed or not, and whether the signatures hold and go on holding.

use crate::check::{Check, Confirmation, View};
use crate::finding::{Evidence, Finding, Severity};
use crate::lookup::validate::{Judgement, Security};
use crate::lookup::{Boxed, Kind, Outcome, Reply};

/// Signatures that end sooner than this are about to be forgotten by their signer.
const EXPIRY_NEAR: i64 = 3 * 86_400;
/// Algorithms that validators treat as absent or may soon (RFC 9904, RFC 9905: those with SHA-1; RSA/MD5, DSA).
const OLD_ALGORITHMS: &[u8] = &[1, 3, 5, 6, 7, 12];

/// The signatures of the zone of a domain.
pub struct Dnssec {
    /// The domain.
    pub domain: String,
}

impl Dnssec {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let Some(judge) = &view.judge else {
            return vec![Finding::unknown("dnssec.chain", &self.domain, "Signatures were not checked: no resolver to carry them")];
        };
        // SOA and MX: the zone as a whole, and what mail needs first.
        let (zone, mail) = futures_util::future::join(judge.judge(&self.domain, Kind::Soa), judge.judge(&self.domain, Kind::Mx)).await;
        let bogus =
            [(&zone, Kind::Soa), (&mail, Kind::Mx)].into_iter().find(|(judgement, _)| matches!(judgement.security, Security::Bogus(_)));
        if let Some((judgement, kind)) = bogus {
            // Of the very record that does not hold: the rest of the zone may be in order.
            let resolver = view.resolver.ask(&self.domain, kind).await;
            return vec![self.bogus(judgement, kind, &resolver, view)];
        }
        let finding = match &zone.security {
            Security::Secure => Finding::ok("dnssec.chain", &self.domain, "Signed, and the chain from the root holds").value(["secure"]),
            Security::Insecure => Finding::warning("dnssec.chain", &self.domain, Severity::Low, "Not signed with DNSSEC")
                .means("Mail works. Answers about the domain can be forged, and DANE is not possible.")
                .fix("Sign the zone where its name servers are run, then hand the DS record to the registrar.")
                .value(["unsigned"]),
            Security::Bogus(why) | Security::Unknown(why) => {
                Finding::unknown("dnssec.chain", &self.domain, format!("Signatures could not be checked: {why}"))
            }
        };
        let mut findings = vec![evident(finding, &zone, &self.domain, Kind::Soa, view)];
        if zone.security == Security::Secure {
            findings.extend(self.ages(&zone, view));
        }
        findings
    }

    /// Our word alone is not enough: the resolver has to refuse the zone as well.
    fn bogus(&self, judgement: &Judgement, kind: Kind, resolver: &Reply, view: &View) -> Finding {
        let Security::Bogus(why) = &judgement.security else { return Finding::unknown("dnssec.chain", &self.domain, "not judged") };
        let title = format!("DNSSEC is broken: {why}");
        let finding = if matches!(resolver.outcome, Outcome::Bogus(_) | Outcome::ServFail(_)) {
            Finding::problem("dnssec.chain", &self.domain, Severity::Critical, title)
                .means("Validating resolvers, those of Gmail and Comcast among them, cannot see the domain at all: no mail to it, and none from it is believed.")
                .fix("Sign the zone again, or take the DS record away at the registrar until it is.")
        } else {
            Finding::unknown("dnssec.chain", &self.domain, format!("{title} (seen by us alone)"))
                .means("The resolver still answers: it may not check signatures, or a question of ours went wrong.")
                .fix("Ask a validating resolver: --resolver 9.9.9.9")
        };
        evident(finding, judgement, &self.domain, kind, view).from_reply(resolver)
    }

    fn ages(&self, zone: &Judgement, view: &View) -> Vec<Finding> {
        let mut findings = Vec::new();
        let soonest = zone.signatures.iter().map(|signature| signature.expiration).min();
        if let Some(left) = soonest.map(|end| end - view.now.seconds()).filter(|left| *left < EXPIRY_NEAR) {
            findings.push(
                Finding::warning(
                    "dnssec.expiry",
                    &self.domain,
                    Severity::High,
                    format!("The signatures of the zone end in {} hours", left.max(0) / 3600),
                )
                .means("When nobody renews them the domain disappears for validating receivers.")
                .fix("Look at the signer: its key, its clock, its log."),
            );
        }
        if let Some(old) = zone.signatures.iter().find(|signature| OLD_ALGORITHMS.contains(&signature.algorithm)) {
            findings.push(
                Finding::warning(
                    "dnssec.algorithm",
                    &self.domain,
                    Severity::Medium,
                    format!("Signed with the old algorithm {}", old.algorithm),
                )
                .means("Validators have begun to treat it as no signature.")
                .fix("Roll over to ECDSA P-256 (13) or Ed25519 (15)."),
            );
        }
        findings.into_iter().map(|finding| evident(finding, zone, &self.domain, Kind::Soa, view)).collect()
    }
}

fn evident(finding: Finding, judgement: &Judgement, domain: &str, kind: Kind, view: &View) -> Finding {
    finding.with(Evidence::new(
        format!("{domain} {} with its chain of keys", kind.word()),
        format!("{:?}", judgement.security),
        judgement.server.clone(),
        view.now,
    ))
}

impl Check for Dnssec {
    fn name(&self) -> &'static str {
        "dnssec"
    }

    fn subject(&self) -> &str {
        &self.domain
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::Own
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::dns::testing::{bad, looked};
    use crate::finding::State;
    use crate::lookup::scripted::{NOW, Scripted};
    use crate::lookup::validate::{Judge, Signature};

    /// Always judges the same.
    #[derive(Clone)]
    pub(crate) struct Fixed(pub(crate) Judgement);

    impl Fixed {
        pub(crate) fn new(security: Security) -> Self {
            Fixed(Judgement { security, signatures: Vec::new(), server: "192.0.2.1:53".to_owned() })
        }
    }

    impl Judge for Fixed {
        fn judge<'a>(&'a self, _: &'a str, _: Kind) -> Boxed<'a, Judgement> {
            Box::pin(std::future::ready(self.0.clone()))
        }
    }

    fn look(judge: Fixed, server: Scripted) -> Vec<Finding> {
        looked(&server, &Dnssec { domain: "example.com".to_owned() }, |view| View { judge: Some(Arc::new(judge.clone())), ..view })
    }

    #[test]
    fn results() {
        let state = |security| look(Fixed::new(security), Scripted::new(1))[0].state;
        assert_eq!(state(Security::Secure), State::Ok);
        assert_eq!(state(Security::Insecure), State::Warning);
        assert_eq!(state(Security::Unknown(String::new())), State::Unknown);
        assert_eq!(state(Security::Bogus(String::new())), State::Unknown);
        let refusing = Scripted::new(1).fail("example.com", Kind::Soa, Outcome::Bogus("signature expired".to_owned()));
        assert_eq!(look(Fixed::new(Security::Bogus(String::new())), refusing)[0].state, State::Problem);
    }

    #[test]
    fn signatures_that_end_and_old_algorithms() {
        let signed = |hours: i64, algorithm| {
            let mut judge = Fixed::new(Security::Secure);
            judge.0.signatures = vec![Signature { expiration: NOW.seconds() + hours * 3600, algorithm }];
            bad(&look(judge, Scripted::new(1))).join(" ")
        };
        assert_eq!(signed(240, 13), "");
        assert_eq!(signed(24, 13), "dnssec.expiry");
        assert_eq!(signed(240, 7), "dnssec.algorithm");
    }

    #[test]
    fn without_a_judge_it_is_unknown() {
        let found = looked(&Scripted::new(1), &Dnssec { domain: "example.com".to_owned() }, |view| view);
        assert_eq!(found[0].state, State::Unknown);
    }
}
