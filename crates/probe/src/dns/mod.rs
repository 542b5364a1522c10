//! The checks of DNS: one file a check, with its rule, severity, wording, fix and tests together.

pub mod bimi;
pub mod caa;
pub mod dane;
pub mod dkim;
pub mod dmarc;
pub mod dnsbl;
pub mod dnssec;
pub mod helo;
pub mod mta_sts;
pub mod mx;
pub mod ptr;
pub mod spf;
pub mod tls_rpt;
pub mod zone;

use crate::finding::Finding;
use crate::lookup::{Kind, Outcome, Reply, Resolver};

/// A question that could not be answered: unknown, whatever the record may be.
pub(crate) fn unanswered(check: &str, subject: &str, reply: &Reply) -> Finding {
    let finding = Finding::unknown(check, subject, format!("{} could not be found out: {}", reply.question, reply.outcome));
    let finding = match &reply.outcome {
        Outcome::Bogus(_) => finding
            .means("Validating receivers cannot see this record either: to them the domain is broken.")
            .fix("See the finding about DNSSEC."),
        Outcome::ServFail(_) => finding
            .means("The name servers of the zone do not answer, or its signatures are broken.")
            .fix("Ask again; if it stays, look at the zone's name servers."),
        Outcome::Refused => finding.means("The name server does not want to answer us.").fix("Ask another one: --resolver ADDRESS."),
        _ => finding.means("This is a failure of the way there, and says nothing about the record."),
    };
    finding.from_reply(reply)
}

/// The texts at a name of which one alone may be there, those of another kind left out.
pub(crate) async fn texts_at(resolver: &Resolver, name: &str, is_record: impl Fn(&str) -> bool) -> (Reply, Vec<String>) {
    let reply = resolver.ask(name, Kind::Txt).await;
    let texts = reply.texts().into_iter().filter(|text| is_record(text)).collect();
    (reply, texts)
}

/// Both address lookups of a host.
pub(crate) async fn addresses_of(resolver: &Resolver, host: &str) -> (Reply, Reply) {
    futures_util::future::join(resolver.ask(host, Kind::A), resolver.ask(host, Kind::Aaaa)).await
}

#[cfg(test)]
pub(crate) mod testing {
    //! A clean domain as every test begins with it, and how a check looks at it.

    use std::sync::Arc;

    use crate::check::{Check, Panel, View};
    use crate::finding::{Finding, State};
    use crate::lookup::Resolver;
    use crate::lookup::scripted::{NOW, Scripted, block_on};

    /// What two servers that say the same make of a check.
    pub(crate) fn findings(server: &Scripted, check: &dyn Check) -> Vec<Finding> {
        looked(server, check, |view| view)
    }

    /// As [`findings`], with views that `dress` adds to.
    pub(crate) fn looked(server: &Scripted, check: &dyn Check, dress: impl Fn(View) -> View) -> Vec<Finding> {
        let view = |number| dress(View::new(Resolver::new(vec![Arc::new(server.at(number))]), NOW));
        block_on(Panel::new(view(1), Some(view(2)), false).run(check))
    }

    /// The state of one rule, for a check that says it once.
    pub(crate) fn state(findings: &[Finding], rule: &str) -> Option<State> {
        findings.iter().find(|finding| finding.check == rule).map(|finding| finding.state)
    }

    /// The rules that are broken or hurt, sorted.
    pub(crate) fn bad(findings: &[Finding]) -> Vec<&str> {
        let mut bad: Vec<&str> = findings.iter().filter(|finding| finding.state.is_bad()).map(|finding| finding.check.as_str()).collect();
        bad.sort_unstable();
        bad
    }
}
