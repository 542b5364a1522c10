//! MTA-STS: the announcement in DNS, the policy over HTTPS, and whether it fits the MX hosts (RFC 8461).

use std::net::IpAddr;

use super::{addresses_of, texts_at, unanswered};
use crate::check::{Check, View};
use crate::fetch::{FetchError, Fetched};
use crate::finding::{Evidence, Finding, Severity};
use crate::lookup::{Boxed, Kind, Reply};
use crate::record::mta_sts::{self, Mode, POLICY_LIMIT, Policy};

/// A policy that is kept for less than this protects little (RFC 8461 section 3.2 advises weeks).
const MAX_AGE_SHORT: u64 = 7 * 86_400;
/// Where the policy is.
const PATH: &str = "/.well-known/mta-sts.txt";

/// MTA-STS of one domain.
pub struct MtaSts {
    /// The domain.
    pub domain: String,
}

impl MtaSts {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let (reply, records) = texts_at(&view.resolver, &format!("_mta-sts.{}", self.domain), mta_sts::is_record).await;
        if !reply.outcome.is_definite() {
            return vec![unanswered("mta-sts.record", &self.domain, &reply)];
        }
        let text = match records.as_slice() {
            [] => return vec![self.missing(&reply)],
            [text] => text,
            several => {
                let title = format!("{} MTA-STS records; there may be one", several.len());
                let finding = Finding::problem("mta-sts.record", &self.domain, Severity::High, title);
                return vec![
                    finding.means("RFC 8461 section 3.1: senders treat that as none.").fix("Leave one of them.").from_reply(&reply),
                ];
            }
        };
        let read = mta_sts::read(text);
        if !read.is_valid() {
            let title = format!("The MTA-STS record is broken: {}", read.faults.join("; "));
            return vec![
                Finding::problem("mta-sts.record", &self.domain, Severity::High, title)
                    .means("Senders ignore it.")
                    .fix("Publish `v=STSv1; id=...` with letters and digits.")
                    .from_reply(&reply),
            ];
        }
        let mut findings = vec![
            Finding::ok("mta-sts.record", &self.domain, "MTA-STS is announced").value(text.split(';').map(str::trim)).from_reply(&reply),
        ];
        findings.extend(self.policy(view).await.into_iter().map(|finding| finding.from_reply(&reply)));
        findings
    }

    fn missing(&self, reply: &Reply) -> Finding {
        let finding = match reply.texts().first() {
            Some(other) if crate::spf::is_record(other) => {
                Finding::problem("mta-sts.record", &self.domain, Severity::Medium, "An SPF record stands at _mta-sts")
                    .fix("Remove it there.")
            }
            _ => Finding::ok("mta-sts.record", &self.domain, "No MTA-STS (it is optional)"),
        };
        finding.from_reply(reply)
    }

    async fn policy(&self, view: &View) -> Vec<Finding> {
        let host = format!("mta-sts.{}", self.domain);
        let (four, six) = addresses_of(&view.resolver, &host).await;
        let addresses: Vec<IpAddr> = four.addresses().into_iter().chain(six.addresses()).collect();
        if addresses.is_empty() {
            let silent = [&four, &six].into_iter().find(|reply| !reply.outcome.is_definite());
            return vec![match silent {
                Some(silent) => unanswered("mta-sts.policy", &self.domain, silent),
                None => self.unusable(format!("{host} has no address")).from_reply(&four),
            }];
        }
        let fetched = view.web.get(&host, PATH, &addresses, POLICY_LIMIT).await;
        let evidence = |answer: String| Evidence::new(format!("GET https://{host}{PATH}"), answer, host.clone(), view.now);
        match fetched {
            Err(error @ FetchError::Certificate(_)) => vec![self.unusable(error.to_string()).with(evidence(error.to_string()))],
            Err(error) => vec![
                Finding::unknown("mta-sts.policy", &self.domain, format!("The MTA-STS policy was not seen: {error}"))
                    .with(evidence(error.to_string())),
            ],
            Ok(fetched) => {
                let shown = format!("HTTP {} {}\n{}", fetched.status, fetched.content_type, String::from_utf8_lossy(&fetched.body));
                self.read(view, &fetched).await.into_iter().map(|finding| finding.with(evidence(shown.clone()))).collect()
            }
        }
    }

    fn unusable(&self, why: String) -> Finding {
        Finding::problem("mta-sts.policy", &self.domain, Severity::High, format!("The MTA-STS policy cannot be used: {why}"))
            .means("Senders that hold an older policy keep to that one; others deliver without protection.")
            .fix(format!(
                "Serve the policy at https://mta-sts.{}{PATH} with a valid certificate, as text/plain, without redirect.",
                self.domain
            ))
    }

    async fn read(&self, view: &View, fetched: &Fetched) -> Vec<Finding> {
        if fetched.status != 200 {
            let hint = if (300..400).contains(&fetched.status) { ", and redirects are not followed" } else { "" };
            return vec![self.unusable(format!("HTTP status {}{hint}", fetched.status))];
        }
        if fetched.cut {
            return vec![self.unusable(format!("longer than {POLICY_LIMIT} bytes"))];
        }
        let mut findings = Vec::new();
        if !fetched.content_type.to_ascii_lowercase().starts_with("text/plain") {
            findings.push(
                Finding::warning(
                    "mta-sts.type",
                    &self.domain,
                    Severity::Low,
                    format!("The policy is served as `{}`, not text/plain", fetched.content_type),
                )
                .fix("Set the Content-Type of the file to text/plain."),
            );
        }
        let read = mta_sts::read_policy(&String::from_utf8_lossy(&fetched.body));
        let faults = read.faults.join("; ");
        let Some(policy) = read.value.filter(|_| read.faults.is_empty()) else {
            findings.push(self.unusable(faults));
            return findings;
        };
        let parts = [format!("mode {}", policy.mode.word()), format!("max_age {}", policy.max_age)]
            .into_iter()
            .chain(policy.mx.iter().map(|mx| format!("mx {mx}")));
        findings.push(Finding::ok("mta-sts.policy", &self.domain, format!("MTA-STS policy, mode {}", policy.mode.word())).value(parts));
        findings.extend(self.mode(&policy));
        findings.extend(self.hosts(view, &policy).await);
        findings
    }

    fn mode(&self, policy: &Policy) -> Vec<Finding> {
        let mut findings = Vec::new();
        if policy.mode == Mode::Testing {
            findings.push(
                Finding::warning(
                    "mta-sts.mode",
                    &self.domain,
                    Severity::Low,
                    "MTA-STS in mode testing: failures are reported, mail is not protected",
                )
                .fix("When the TLS reports are clean, set `mode: enforce` and change the id."),
            );
        }
        if policy.max_age < MAX_AGE_SHORT && policy.mode != Mode::None {
            findings.push(
                Finding::warning(
                    "mta-sts.max-age",
                    &self.domain,
                    Severity::Low,
                    format!("max_age of {} s is less than a week", policy.max_age),
                )
                .fix("Set some weeks: 1209600 or more."),
            );
        }
        findings
    }

    /// Every MX host has to be one that the policy names.
    async fn hosts(&self, view: &View, policy: &Policy) -> Option<Finding> {
        if policy.mode == Mode::None {
            return None;
        }
        let reply = view.resolver.ask(&self.domain, Kind::Mx).await;
        if !reply.outcome.is_definite() {
            return Some(unanswered("mta-sts.hosts", &self.domain, &reply));
        }
        let outside: Vec<String> = reply.pointed().into_iter().filter(|host| !host.is_empty() && !policy.covers(host)).collect();
        let finding = if outside.is_empty() {
            Finding::ok("mta-sts.hosts", &self.domain, "The policy names every MX host")
        } else {
            let title = format!("The MTA-STS policy does not name {}", outside.join(", "));
            let fix = "Add the host to the policy (`mx:`) and change the id, or remove the MX record.";
            if policy.mode == Mode::Enforce {
                Finding::problem("mta-sts.hosts", &self.domain, Severity::Critical, title)
                    .means("Senders that honour MTA-STS, Gmail and Microsoft among them, do not deliver to that host.")
                    .fix(fix)
            } else {
                Finding::warning("mta-sts.hosts", &self.domain, Severity::Medium, title)
                    .means("In mode enforce, senders would not deliver to it.")
                    .fix(fix)
            }
        };
        Some(finding.from_reply(&reply))
    }
}

impl Check for MtaSts {
    fn name(&self) -> &'static str {
        "mta-sts"
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
    use crate::dns::testing::{bad, looked, state};
    use crate::fetch::Fetch;
    use crate::finding::State;
    use crate::lookup::Outcome;
    use crate::lookup::scripted::Scripted;

    #[derive(Clone)]
    struct File(Result<Fetched, FetchError>);

    impl Fetch for File {
        fn get<'a>(&'a self, host: &'a str, path: &'a str, _: &'a [IpAddr], _: usize) -> Boxed<'a, Result<Fetched, FetchError>> {
            assert_eq!((host, path), ("mta-sts.example.com", PATH));
            Box::pin(std::future::ready(self.0.clone()))
        }
    }

    fn file(body: &str) -> File {
        File(Ok(Fetched { status: 200, content_type: "text/plain; charset=utf-8".to_owned(), body: body.as_bytes().to_vec(), cut: false }))
    }

    fn clean() -> Scripted {
        Scripted::new(1)
            .txt("_mta-sts.example.com", "v=STSv1; id=1")
            .a("mta-sts.example.com", &["192.0.2.80"])
            .mx("example.com", &[(10, "mx.example.com")])
    }

    const POLICY: &str = "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 1209600\n";

    fn look(server: &Scripted, file: File) -> Vec<Finding> {
        let web: Arc<dyn Fetch> = Arc::new(file);
        looked(server, &MtaSts { domain: "example.com".to_owned() }, |view| View { web: Arc::clone(&web), ..view })
    }

    #[test]
    fn clean_and_none() {
        assert!(bad(&look(&clean(), file(POLICY))).is_empty());
        assert!(bad(&look(&Scripted::new(1), file(POLICY))).is_empty());
    }

    #[test]
    fn each_fault_is_found() {
        let status = |status| File(Ok(Fetched { status, ..file(POLICY).0.unwrap() }));
        let html = File(Ok(Fetched { content_type: "text/html".to_owned(), ..file(POLICY).0.unwrap() }));
        for (file, rules) in [
            (status(404), "mta-sts.policy"),
            (status(301), "mta-sts.policy"),
            (html, "mta-sts.type"),
            (file("version: STSv1"), "mta-sts.policy"),
            (file(&POLICY.replace("enforce", "testing")), "mta-sts.mode"),
            (file(&POLICY.replace("1209600", "86400")), "mta-sts.max-age"),
            (file(&POLICY.replace("mx.example.com", "other.example.com")), "mta-sts.hosts"),
            (File(Err(FetchError::Certificate("expired".to_owned()))), "mta-sts.policy"),
        ] {
            assert_eq!(bad(&look(&clean(), file)).join(" "), rules);
        }
        assert_eq!(bad(&look(&clean().without("mta-sts.example.com", Kind::A), file(POLICY))), ["mta-sts.policy"]);
        assert_eq!(bad(&look(&clean().txt("_mta-sts.example.com", "v=STSv1; id=2"), file(POLICY))), ["mta-sts.record"]);
        assert_eq!(bad(&look(&Scripted::new(1).txt("_mta-sts.example.com", "v=STSv1; id=a-b"), file(POLICY))), ["mta-sts.record"]);
    }

    #[test]
    fn a_failure_of_ours_is_unknown() {
        for error in [FetchError::Timeout, FetchError::Offline, FetchError::Failed("refused".to_owned())] {
            assert_eq!(state(&look(&clean(), File(Err(error))), "mta-sts.policy"), Some(State::Unknown));
        }
        let silent = clean().fail("_mta-sts.example.com", Kind::Txt, Outcome::Timeout);
        assert_eq!(state(&look(&silent, file(POLICY)), "mta-sts.record"), Some(State::Unknown));
    }
}
