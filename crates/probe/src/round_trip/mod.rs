//! A message on its whole way: submitted, followed by its queue id in our own log, fetched over IMAP, measured leg by leg, deleted.
//!
//! * [`submit`]: the first leg. [`fetch`]: the last. [`heads`]: what its headers tell of the legs between. [`Trail`]: our own log.

pub mod fetch;
pub mod heads;
pub mod submit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

use crate::check::{Check, Confirmation, View};
use crate::finding::{Evidence, Finding, Severity, Timing};
use crate::lookup::Boxed;
use crate::service::Service;
use crate::service::smtp::{MARK, Use};
use fetch::{Fetched, Lost};
use heads::Heads;
use submit::{Refused, Submitted};

/// A message that takes longer than this on one leg was held up.
const LEG_SLOW: i64 = 60;

/// What our own log says of a queue id: its lines, and those of the hops after it, in order.
pub trait Trail: Send + Sync {
    /// The lines about a message.
    fn lines(&self, queue_id: &str) -> Vec<String>;
}

/// A round trip.
#[derive(Clone)]
pub struct RoundTrip {
    /// Where the message is submitted, with the login for it.
    pub submission: Service,
    /// What that port is for.
    pub purpose: Use,
    /// The server of the mailbox, with the login for it.
    pub mailbox: Service,
    /// The sender: an address of the operator's.
    pub from: String,
    /// The recipient: a mailbox of the operator's own.
    pub to: String,
    /// The name said in EHLO.
    pub helo: String,
    /// How long the message may take.
    pub wait: Duration,
    /// Our own log.
    pub trail: Option<Arc<dyn Trail>>,
    subject: String,
}

impl RoundTrip {
    /// From one address to another.
    pub fn new(submission: Service, purpose: Use, mailbox: Service, from: &str, to: &str) -> Self {
        RoundTrip {
            submission,
            purpose,
            mailbox,
            from: from.to_owned(),
            to: to.to_owned(),
            helo: format!("{MARK}.invalid"),
            wait: Duration::from_secs(120),
            trail: None,
            subject: format!("{from} to {to}"),
        }
    }

    async fn look(&self, view: &View) -> Vec<Finding> {
        let started = Instant::now();
        let mark = mark();
        let (submitted, submit_evidence) = match submit::submit(self, view, &mark).await {
            Ok(submitted) => submitted,
            Err((refused, evidence)) => return vec![with_all(self.not_submitted(&refused), evidence)],
        };
        let deadline = started + self.wait;
        let (fetched, fetch_evidence) = fetch::fetch(self, view, &mark, deadline).await;
        let trail: Vec<String> = match (&self.trail, &submitted.queue_id) {
            (Some(trail), Some(queue_id)) => trail.lines(queue_id),
            _ => Vec::new(),
        };
        let arrived = started.elapsed();
        let mut findings = match fetched {
            Ok(fetched) => self.arrived(&submitted, &fetched, arrived),
            Err(lost) => vec![self.lost(&submitted, &lost, &trail)],
        };
        let trail: Vec<Evidence> = trail
            .into_iter()
            .map(|line| Evidence::new("our log", line, submitted.queue_id.clone().unwrap_or_default(), view.now))
            .collect();
        let all: Vec<Evidence> = submit_evidence.into_iter().chain(trail).chain(fetch_evidence).collect();
        for finding in &mut findings {
            finding.evidence.clone_from(&all);
        }
        findings
    }

    fn not_submitted(&self, refused: &Refused) -> Finding {
        let title = format!("The message was not taken at {}: {refused}", self.submission.subject());
        match refused {
            Refused::Fault(fault) if fault.may_be_ours() => Finding::unknown("roundtrip.arrived", &self.subject, title),
            _ => Finding::problem("roundtrip.arrived", &self.subject, Severity::High, title)
                .means("Users who send this way meet the same.")
                .fix("Read the reply: login, sender, recipient or content is refused."),
        }
    }

    fn lost(&self, submitted: &Submitted, lost: &Lost, trail: &[String]) -> Finding {
        let taken = match &submitted.queue_id {
            Some(id) => format!("taken as {id}"),
            None => format!("taken ({})", submitted.reply),
        };
        match lost {
            Lost::Mailbox(why) => Finding::unknown(
                "roundtrip.arrived",
                &self.subject,
                format!("The message was {taken}; the mailbox could not be looked into: {why}"),
            )
            .fix("See the probe of IMAP for this server."),
            Lost::NotThere => {
                let last = trail.last().map_or("our log says nothing of it".to_owned(), |line| format!("the last line about it: {line}"));
                let title = format!("The message was {taken} and did not arrive within {} s", self.wait.as_secs());
                Finding::problem("roundtrip.arrived", &self.subject, Severity::High, title)
                    .means(format!("Other mail may hang or be lost at the same hop; {last}."))
                    .fix("Follow its queue id (`mailvane trace --queue-id`): is it waiting, was it handed on, did a filter take it?")
            }
        }
    }

    fn arrived(&self, submitted: &Submitted, fetched: &Fetched, took: Duration) -> Vec<Finding> {
        let heads = heads::read(&fetched.head);
        let mut findings = vec![self.folder(fetched), self.legs(submitted, &heads, took)];
        findings.extend(self.results(&heads));
        findings.extend(self.signed(&heads));
        if !fetched.deleted {
            let title = format!("The message stays in {}: the server does not let one message be deleted alone", fetched.folder);
            findings.push(
                Finding::warning("roundtrip.deleted", &self.subject, Severity::Low, title).fix("Empty the mailbox from time to time."),
            );
        }
        findings
    }

    fn folder(&self, fetched: &Fetched) -> Finding {
        let folder = &fetched.folder;
        if folder.eq_ignore_ascii_case("INBOX") {
            return Finding::ok("roundtrip.arrived", &self.subject, "The message arrived in the inbox").value([folder.clone()]);
        }
        let junk = ["junk", "spam", "bulk", "quarantine"].iter().any(|word| folder.to_ascii_lowercase().contains(word));
        let title = format!("The message arrived in {folder}");
        if junk {
            return Finding::problem("roundtrip.arrived", &self.subject, Severity::High, title)
                .means("Mail that is sent like this is taken for spam.")
                .fix("Look at the findings about SPF, DKIM, DMARC and block lists, and at what the filter wrote into the headers.")
                .value([folder.clone()]);
        }
        Finding::warning("roundtrip.arrived", &self.subject, Severity::Low, title)
            .means("A rule of the mailbox moved it.")
            .value([folder.clone()])
    }

    fn legs(&self, submitted: &Submitted, heads: &Heads, took: Duration) -> Finding {
        let slow = heads.legs.iter().filter(|leg| leg.seconds > LEG_SLOW).max_by_key(|leg| leg.seconds);
        let mut finding = match slow {
            Some(leg) => Finding::warning(
                "roundtrip.latency",
                &self.subject,
                Severity::Medium,
                format!("{} s before {} took it on", leg.seconds, leg.by),
            )
            .means("Greylisting, a queue that is full, or a filter that is slow. Clocks that differ show the same.")
            .fix("Look into the log of the hop before."),
            None => Finding::ok(
                "roundtrip.latency",
                &self.subject,
                format!("On its way for {:.1} s over {} hops", took.as_secs_f64(), heads.legs.len()),
            ),
        };
        finding.timings = submitted
            .steps
            .iter()
            .map(|step| Timing { step: format!("submit {}", step.name), took: step.took.as_micros() as u64 })
            .chain(heads.legs.iter().map(|leg| Timing { step: format!("to {}", leg.by), took: leg.seconds.max(0) as u64 * 1_000_000 }))
            .chain([Timing { step: "all".to_owned(), took: took.as_micros() as u64 }])
            .collect();
        finding
    }

    /// What the receiving side made of SPF, DKIM and DMARC.
    fn results(&self, heads: &Heads) -> Vec<Finding> {
        let of = |method: &str| heads.results.iter().find(|(known, _)| known == method).map(|(_, result)| result.as_str());
        let mut findings = Vec::new();
        for (method, rule) in [("spf", "roundtrip.spf"), ("dkim", "roundtrip.dkim"), ("dmarc", "roundtrip.dmarc")] {
            findings.push(match of(method) {
                Some("pass") => Finding::ok(rule, &self.subject, format!("{method} passed at the receiving side")),
                Some(result @ ("temperror" | "none" | "neutral")) => {
                    Finding::unknown(rule, &self.subject, format!("{method}={result} at the receiving side"))
                }
                Some(result) => Finding::problem(rule, &self.subject, Severity::High, format!("{method}={result} at the receiving side"))
                    .means("This is the proof: what is published and what the server does do not fit.")
                    .fix("`mailvane check` of the sender's domain says which record, address or key it is."),
                None => Finding::unknown(rule, &self.subject, format!("The receiving side says nothing of {method}")),
            });
        }
        findings
    }

    fn signed(&self, heads: &Heads) -> Option<Finding> {
        let (domain, selector) = heads.signatures.first()?;
        let value = heads.signatures.iter().map(|(domain, selector)| format!("d={domain} s={selector}"));
        Some(Finding::ok("roundtrip.signature", &self.subject, format!("Signed by {domain} with the selector {selector}")).value(value))
    }
}

fn with_all(mut finding: Finding, evidence: Vec<Evidence>) -> Finding {
    finding.evidence = evidence;
    finding
}

/// What tells this message from all others.
fn mark() -> String {
    let mut bytes = [0; 8];
    // Without randomness the message cannot be told from an older one, but is still sent.
    let _ = SystemRandom::new().fill(&mut bytes);
    format!("{MARK}.{:016x}", u64::from_be_bytes(bytes))
}

impl Check for RoundTrip {
    fn name(&self) -> &'static str {
        "roundtrip"
    }

    fn subject(&self) -> &str {
        &self.subject
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::Own
    }

    fn time_limit(&self) -> Duration {
        self.wait + crate::service::TIME_LIMIT
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
mod tests;
