//! One word for each kind of record: what a receiver makes of it. The findings say more.

use crate::check::View;
use crate::dns::dmarc::Walk;
use crate::lookup::{Kind, Reply};
use crate::record::{Read, bimi, dkim, dmarc, mta_sts, tls_rpt};
use crate::spf::tree::Fault;
use crate::spf::{Record, Request, Tree, Verdict, check_host, is_record};
use crate::target::Target;

/// How a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    None,
    /// There is one, within its grammar.
    Valid,
    /// There is one with faults, or more than one.
    Invalid,
    /// It could not be found out.
    Unknown,
}

impl Standing {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Standing::None => "none",
            Standing::Valid => "valid",
            Standing::Invalid => "invalid",
            Standing::Unknown => "unknown",
        }
    }
}

/// One record and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The name it stands at.
    pub name: String,
    /// How it is.
    pub standing: Standing,
    /// Its text, if there is exactly one.
    pub record: Option<String>,
    /// What is wrong with it.
    pub faults: Vec<String>,
    /// What else is to be said.
    pub notes: Vec<String>,
    /// Its most important words: policy, mode, key.
    pub says: Vec<(&'static str, String)>,
}

impl Summary {
    fn of<Value>(
        reply: &Reply,
        records: Vec<String>,
        read: impl Fn(&str) -> Read<Value>,
        says: impl Fn(&Value) -> Vec<(&'static str, String)>,
    ) -> Summary {
        let name = reply.question.name.clone();
        let mut summary = Summary { name, standing: Standing::None, record: None, faults: Vec::new(), notes: Vec::new(), says: Vec::new() };
        if !reply.outcome.is_definite() {
            summary.standing = Standing::Unknown;
            summary.faults.push(reply.outcome.to_string());
            return summary;
        }
        match records.as_slice() {
            [] => {
                // Something else stands where the record should be.
                if let Some(other) = reply.texts().first() {
                    summary.standing = Standing::Invalid;
                    summary.faults = read(other).faults;
                    summary.record = Some(other.clone());
                }
            }
            [text] => {
                let read = read(text);
                summary.standing = if read.is_valid() { Standing::Valid } else { Standing::Invalid };
                summary.says = read.value.as_ref().map(says).unwrap_or_default();
                (summary.faults, summary.notes) = (read.faults, read.notes);
                summary.record = Some(text.clone());
            }
            several => {
                summary.standing = Standing::Invalid;
                summary.faults.push(format!("{} records; there may be one", several.len()));
            }
        }
        summary
    }
}

async fn texts(view: &View, name: &str, is_ours: impl Fn(&str) -> bool) -> (Reply, Vec<String>) {
    crate::dns::texts_at(&view.resolver, name, is_ours).await
}

/// The DMARC record that applies to the domain, by the tree walk.
pub async fn dmarc(view: &View, target: &Target) -> Summary {
    let walk = Walk::from(&view.resolver, &target.domain).await;
    let (own, records) = texts(view, &format!("_dmarc.{}", target.domain), dmarc::is_record).await;
    let (reply, records) = match walk.policy() {
        Some(step) if records.is_empty() => (step.reply.clone(), step.records.clone()),
        _ => (own, records),
    };
    let mut summary = Summary::of(&reply, records, dmarc::read, |record| {
        vec![
            ("policy", record.policy.word().to_owned()),
            ("subdomain_policy", record.for_subdomains().word().to_owned()),
            ("nonexistent_policy", record.for_nonexistent().word().to_owned()),
            ("effective_policy", record.effective().word().to_owned()),
        ]
    });
    if let Some(organisation) = walk.organisation() {
        summary.says.push(("organisational_domain", organisation));
    }
    summary
}

/// The MTA-STS record.
pub async fn mta_sts(view: &View, target: &Target) -> Summary {
    let (reply, records) = texts(view, &format!("_mta-sts.{}", target.domain), mta_sts::is_record).await;
    Summary::of(&reply, records, mta_sts::read, |record| vec![("id", record.id.clone())])
}

/// The TLS-RPT record.
pub async fn tls_rpt(view: &View, target: &Target) -> Summary {
    let (reply, records) = texts(view, &format!("_smtp._tls.{}", target.domain), tls_rpt::is_record).await;
    let listed = |record: &tls_rpt::TlsRpt| record.reports.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    Summary::of(&reply, records, tls_rpt::read, |record| vec![("rua", listed(record))])
}

/// The BIMI record at the selector `default`.
pub async fn bimi(view: &View, target: &Target) -> Summary {
    let (reply, records) = texts(view, &format!("default._bimi.{}", target.domain), |_| true).await;
    Summary::of(&reply, records, bimi::read, |record| vec![("logo", record.logo.clone().unwrap_or_default())])
}

/// The key of each selector.
pub async fn dkim(view: &View, target: &Target) -> Vec<(String, Summary)> {
    let mut keys = Vec::new();
    for selector in &target.selectors {
        let (reply, records) = texts(view, &format!("{}._domainkey.{}", selector.value, target.domain), |_| true).await;
        let summary = Summary::of(&reply, records, dkim::read, |key| {
            let kind = match key.key {
                Some(dkim::Key::Rsa(bits)) => format!("rsa {bits}"),
                Some(dkim::Key::Ed25519) => "ed25519".to_owned(),
                None => "revoked".to_owned(),
            };
            vec![("key", kind)]
        });
        keys.push((selector.value.clone(), summary));
    }
    keys
}

/// SPF: the result for a client when one is given, else how the record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfSummary {
    /// `pass`, `fail`, ... for a client; without one `none`, `permerror`, `temperror`, or nothing for a good record.
    pub result: Option<&'static str>,
    /// Terms that need lookups: those evaluated for the client, else all of the record.
    pub lookups: u32,
    /// Lookups that find nothing, likewise.
    pub void_lookups: u32,
    /// What the domain tells refused senders.
    pub explanation: Option<String>,
    /// Why, for errors.
    pub cause: String,
    /// The term that matched, and whose record it stands in.
    pub matched: Option<(String, String)>,
    /// How the record is.
    pub standing: Standing,
    /// Its text.
    pub record: Option<String>,
    /// What is wrong with it and with what it leads to.
    pub faults: Vec<String>,
}

/// SPF of the domain, or of the given sender's domain for a client.
pub async fn spf(view: &View, target: &Target) -> SpfSummary {
    let helo = target.helo.first().map_or("", |helo| helo.value.as_str());
    let Some(address) = target.sending.first() else { return spf_record(view, target).await };
    let sender = target.mail_from().into_iter().next().unwrap_or_default();
    let request = Request { ip: address.value, sender, helo: helo.to_owned(), receiver: "unknown".to_owned(), now: view.now };
    let result = check_host(&view.resolver, &request).await;
    let record = view.resolver.ask(&result.domain, Kind::Txt).await.texts().into_iter().find(|text| is_record(text));
    let standing = match result.verdict {
        Verdict::None => Standing::None,
        Verdict::PermError => Standing::Invalid,
        Verdict::TempError => Standing::Unknown,
        _ => Standing::Valid,
    };
    let faults = if standing == Standing::Invalid { vec![result.cause.clone()] } else { Vec::new() };
    SpfSummary {
        result: Some(result.verdict.word()),
        lookups: result.lookups,
        void_lookups: result.void_lookups,
        explanation: result.explanation,
        cause: result.cause,
        matched: result.matched,
        standing,
        record,
        faults,
    }
}

async fn spf_record(view: &View, target: &Target) -> SpfSummary {
    let (reply, records) = texts(view, &target.domain, is_record).await;
    let tree = Tree::walk(&view.resolver, &target.domain).await;
    let mut faults: Vec<String> = records.iter().flat_map(|text| Record::errors(text)).map(|error| error.to_string()).collect();
    if faults.is_empty() {
        faults = tree.faults.iter().filter(|fault| !is_missing(fault)).filter_map(shown).collect();
    }
    let missing: Vec<String> = tree.faults.iter().filter(|fault| is_missing(fault)).filter_map(shown).collect();
    if tree.exceeds_lookups() {
        faults.push(format!("{} lookups; at most {} are allowed", tree.lookups, crate::spf::LOOKUP_LIMIT));
    }
    if tree.void_lookups > crate::spf::VOID_LIMIT {
        faults.push(format!("{} lookups that find nothing; at most {} are allowed", tree.void_lookups, crate::spf::VOID_LIMIT));
    }
    let failed = tree.faults.iter().any(|fault| matches!(fault, Fault::Failed(_)));
    let standing = match records.len() {
        _ if !reply.outcome.is_definite() => Standing::Unknown,
        0 => Standing::None,
        _ if !faults.is_empty() => Standing::Invalid,
        _ if failed => Standing::Unknown,
        _ => Standing::Valid,
    };
    let result = match standing {
        Standing::None => Some("none"),
        Standing::Invalid => Some("permerror"),
        Standing::Unknown => Some("temperror"),
        // The record is well formed; what it leads to is not there (section 5.2).
        Standing::Valid if !missing.is_empty() => Some("permerror"),
        Standing::Valid => None,
    };
    faults.extend(missing);
    let record = if records.len() == 1 { records.into_iter().next() } else { None };
    SpfSummary {
        result,
        lookups: tree.lookups,
        void_lookups: tree.void_lookups,
        explanation: None,
        cause: faults.join("; "),
        matched: None,
        standing,
        record,
        faults,
    }
}

/// The record is as it should be, and the domain it leads to is not.
const fn is_missing(fault: &Fault) -> bool {
    matches!(fault, Fault::Missing(..))
}

/// A fault that makes the record fail; `None` for one that does not.
fn shown(fault: &Fault) -> Option<String> {
    match fault {
        Fault::Syntax(domain, error) => Some(format!("{domain}: {error}")),
        Fault::Several(domain, count) => Some(format!("{domain} has {count} SPF records")),
        Fault::Missing(term, why) => Some(format!("`{term}`: {why}")),
        Fault::Loop(path) => Some(format!("a loop: {path}")),
        Fault::ManyHosts(term, hosts) => Some(format!("`{term}` leads to {hosts} MX hosts")),
        Fault::Void(_) | Fault::Failed(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lookup::scripted::{NOW, Scripted, block_on};
    use crate::lookup::{Outcome, Resolver};
    use crate::target::{Learned, Origin};

    fn view(server: Scripted) -> View {
        View::new(Resolver::new(vec![Arc::new(server)]), NOW)
    }

    #[test]
    fn standings() {
        let standing = |server: Scripted| block_on(dmarc(&view(server), &Target::new("a.example.com"))).standing;
        let at = "_dmarc.a.example.com";
        assert_eq!(standing(Scripted::new(1)), Standing::None);
        assert_eq!(standing(Scripted::new(1).txt(at, "v=DMARC1; p=none")), Standing::Valid);
        assert_eq!(standing(Scripted::new(1).txt("_dmarc.example.com", "v=DMARC1; p=none")), Standing::Valid);
        assert_eq!(standing(Scripted::new(1).txt(at, "v=DMARC1; p=none").txt(at, "v=DMARC1; p=reject")), Standing::Invalid);
        assert_eq!(standing(Scripted::new(1).txt(at, "v=spf1 -all")), Standing::Invalid);
        assert_eq!(standing(Scripted::new(1).fail(at, Kind::Txt, Outcome::Timeout)), Standing::Unknown);
    }

    #[test]
    fn spf_with_and_without_a_client() {
        let server = || Scripted::new(1).txt("example.com", "v=spf1 a:gone.example.com ip4:192.0.2.10 -all");
        let mut target = Target::new("example.com");
        let summary = block_on(spf(&view(server()), &target));
        assert_eq!((summary.result, summary.lookups, summary.void_lookups, summary.standing), (None, 1, 1, Standing::Valid));
        target.sending.push(Learned::new("192.0.2.10".parse().unwrap(), Origin::CommandLine));
        let summary = block_on(spf(&view(server()), &target));
        assert_eq!((summary.result, summary.lookups, summary.void_lookups), (Some("pass"), 1, 1));
    }
}
