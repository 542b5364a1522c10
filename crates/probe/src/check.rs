//! What a check is, and how its bad news is confirmed before anybody hears it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use mailvane_model::Time;

use crate::fetch::{Fetch, Offline};
use crate::finding::{Evidence, Finding, State};
use crate::lookup::authority::Authority;
use crate::lookup::network::Server;
use crate::lookup::validate::{Anchors, Judge, Validator};
use crate::lookup::{Boxed, Lookup, Resolver};

/// Checks under way at once.
pub const PARALLEL_LIMIT: usize = 64;
/// A check that takes longer ends as unknown.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// How bad news of a check is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The check runs again over other name servers; both have to agree.
    SecondServer,
    /// The check sees to it itself, or its news do not come from DNS.
    Own,
}

/// What a check sees of the world while it runs.
#[derive(Clone)]
pub struct View {
    /// Where it asks for records.
    pub resolver: Arc<Resolver>,
    /// Who judges signatures; `None` where nobody can.
    pub judge: Option<Arc<dyn Judge>>,
    /// How files are fetched.
    pub web: Arc<dyn Fetch>,
    /// The time of the run.
    pub now: Time,
}

impl View {
    /// A view that neither judges signatures nor fetches files.
    pub fn new(resolver: Resolver, now: Time) -> Self {
        View { resolver: Arc::new(resolver), judge: None, web: Arc::new(Offline), now }
    }
}

/// One rule, or several that share their questions, about one subject.
pub trait Check: Send + Sync {
    /// Its name: the part before the dot in the ids of its findings.
    fn name(&self) -> &'static str;

    /// What it is about.
    fn subject(&self) -> &str;

    /// How bad news are confirmed.
    fn confirmation(&self) -> Confirmation {
        Confirmation::SecondServer
    }

    /// How long it may take; longer ends as unknown.
    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    /// Looks, and says what it found. A step of ours that failed is [`State::Unknown`], never bad.
    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>>;
}

/// Two independent views of DNS, so that no single server's word raises an alarm.
pub struct Panel {
    first: View,
    second: Option<View>,
    /// The only resolver was chosen by the operator: its word counts when it says the same twice.
    sole: bool,
}

impl Panel {
    /// The views of one run: bad news of `first` must be borne out by `second`. With `sole`, a single server that was chosen on
    /// purpose may also confirm itself.
    pub const fn new(first: View, second: Option<View>, sole: bool) -> Self {
        Panel { first, second, sole }
    }

    /// The views over real resolvers: the first of them, then the others; second opinions from the others, then from the authoritative
    /// servers of each zone. `chosen`: the operator named these resolvers, so a single one may confirm itself when the authoritative
    /// servers cannot be asked. `anchors`: the keys that signatures lead back to.
    pub fn over_network(now: Time, servers: &[Server], chosen: bool, web: &Arc<dyn Fetch>, anchors: &Anchors) -> Self {
        let lookup = |server: &Server| Arc::new(server.clone()) as Arc<dyn Lookup>;
        let first: Vec<_> = servers.iter().map(lookup).collect();
        let mut second: Vec<_> = servers.iter().skip(1).map(lookup).collect();
        let base = Arc::new(Resolver::new(first.clone()));
        let sole = chosen && servers.len() == 1;
        if sole {
            second.clone_from(&first);
        } else if let Some(like) = servers.first() {
            second.push(Arc::new(Authority::over_network(base, like)));
        }
        let view = |lookups: Vec<Arc<dyn Lookup>>, server: Option<&Server>| View {
            judge: server.map(|server| Arc::new(Validator::new(server.clone(), anchors.clone())) as Arc<dyn Judge>),
            web: Arc::clone(web),
            ..View::new(Resolver::new(lookups), now)
        };
        Panel::new(view(first, servers.first()), Some(view(second, servers.get(1).or(servers.first()))), sole)
    }

    /// The view that is asked first.
    pub const fn first(&self) -> &View {
        &self.first
    }

    /// Runs one check and has its bad news confirmed.
    pub async fn run(&self, check: &dyn Check) -> Vec<Finding> {
        let limit = check.time_limit();
        let Ok(findings) = tokio::time::timeout(limit, self.confirmed(check)).await else {
            let title = format!("The check did not end within {} s", limit.as_secs());
            return vec![Finding::unknown(check.name(), check.subject(), title)];
        };
        findings
    }

    /// Runs all checks, many at once; `told` hears of each when it ends. The findings come in the order of the checks.
    pub async fn run_all(&self, checks: &[Box<dyn Check>], mut told: impl FnMut(&dyn Check, &[Finding])) -> Vec<Finding> {
        let mut ended: Vec<Vec<Finding>> = vec![Vec::new(); checks.len()];
        let one = |at: usize| -> Boxed<'_, (usize, Vec<Finding>)> { Box::pin(async move { (at, self.run(checks[at].as_ref()).await) }) };
        let runs: Vec<Boxed<'_, (usize, Vec<Finding>)>> = (0..checks.len()).map(one).collect();
        let mut runs = futures_util::stream::iter(runs).buffer_unordered(PARALLEL_LIMIT);
        while let Some((at, findings)) = runs.next().await {
            told(checks[at].as_ref(), &findings);
            ended[at] = findings;
        }
        ended.into_iter().flatten().collect()
    }

    async fn confirmed(&self, check: &dyn Check) -> Vec<Finding> {
        let first = check.run(&self.first).await;
        let bad = first.iter().any(|finding| finding.state.is_bad());
        if !bad || check.confirmation() == Confirmation::Own {
            return first;
        }
        let second = match &self.second {
            Some(view) => check.run(view).await,
            None => Vec::new(),
        };
        first.into_iter().map(|finding| if finding.state.is_bad() { weigh(finding, &second, self.sole) } else { finding }).collect()
    }
}

/// Bad news and what the second view says to it.
fn weigh(mut finding: Finding, second: &[Finding], sole: bool) -> Finding {
    let other = second.iter().find(|other| other.check == finding.check && other.subject == finding.subject);
    match other {
        Some(other) if other.state.is_bad() => {
            let heard_elsewhere = sole || servers(&finding).is_empty() || !servers(other).is_subset(&servers(&finding));
            if !heard_elsewhere {
                return unconfirmed(finding, "the second opinion came from the same name server");
            }
            finding.state = finding.state.min(other.state);
            add_evidence(&mut finding, other);
            finding
        }
        Some(other) if other.state == State::Ok => disagreed(finding, other),
        Some(other) => {
            let why = other.title.clone();
            unconfirmed(finding, &format!("a second opinion could not be had ({why})"))
        }
        None if second.is_empty() => unconfirmed(finding, "there is no second name server to ask"),
        None => unconfirmed(finding, "the second name server does not say the same"),
    }
}

fn unconfirmed(mut finding: Finding, why: &str) -> Finding {
    let wording = format!("Not confirmed: {why}. {}", finding.wording);
    wording.trim_end().clone_into(&mut finding.wording);
    finding.state = State::Unknown;
    finding
}

fn disagreed(mut finding: Finding, other: &Finding) -> Finding {
    let (here, there) = (names(&servers(&finding)), names(&servers(other)));
    finding.wording = format!(
        "Name servers do not agree. {here}: {}. {there}: {}. One of them may hold an old or an inside view of the zone.",
        finding.title, other.title
    );
    finding.state = State::Unknown;
    add_evidence(&mut finding, other);
    finding
}

fn add_evidence(finding: &mut Finding, other: &Finding) {
    let known = |evidence: &Evidence| {
        finding
            .evidence
            .iter()
            .any(|old| (&old.server, &old.question, &old.answer) == (&evidence.server, &evidence.question, &evidence.answer))
    };
    let new: Vec<Evidence> = other.evidence.iter().filter(|evidence| !known(evidence)).cloned().collect();
    finding.evidence.extend(new);
}

fn servers(finding: &Finding) -> BTreeSet<&str> {
    finding.evidence.iter().map(|evidence| evidence.server.as_str()).collect()
}

fn names(servers: &BTreeSet<&str>) -> String {
    if servers.is_empty() { "nobody".to_owned() } else { servers.iter().copied().collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::lookup::scripted::{NOW, Scripted, block_on};
    use crate::lookup::{Kind, Outcome};

    struct HasMx;

    impl Check for HasMx {
        fn name(&self) -> &'static str {
            "mx"
        }

        fn subject(&self) -> &'static str {
            "example.com"
        }

        fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
            Box::pin(async move {
                let reply = view.resolver.ask("example.com", Kind::Mx).await;
                let finding = match &reply.outcome {
                    Outcome::Found(_) => Finding::ok("mx", "example.com", "there"),
                    outcome if outcome.is_void() => Finding::problem("mx", "example.com", Severity::High, "missing"),
                    outcome => Finding::unknown("mx", "example.com", outcome.to_string()),
                };
                vec![finding.from_reply(&reply)]
            })
        }
    }

    fn state(first: Scripted, second: Option<Scripted>, sole: bool) -> (State, String) {
        let view = |server: Scripted| View::new(Resolver::new(vec![Arc::new(server)]), NOW);
        let panel = Panel::new(view(first), second.map(view), sole);
        let findings = block_on(panel.run(&HasMx));
        (findings[0].state, findings[0].wording.clone())
    }

    fn there(number: u8) -> Scripted {
        Scripted::new(number).mx("example.com", &[(10, "mx.example.com")])
    }

    #[test]
    fn two_servers_that_agree_are_believed() {
        assert_eq!(state(Scripted::new(1), Some(Scripted::new(2)), false).0, State::Problem);
        assert_eq!(state(there(1), None, false).0, State::Ok);
    }

    #[test]
    fn one_word_is_not_enough() {
        assert_eq!(state(Scripted::new(1), None, false).0, State::Unknown);
        assert_eq!(state(Scripted::new(1), Some(Scripted::new(1)), false).0, State::Unknown);
        let silent = Scripted::new(2).fail("example.com", Kind::Mx, Outcome::Timeout);
        let (state, wording) = state(Scripted::new(1), Some(silent), false);
        assert_eq!(state, State::Unknown);
        assert!(wording.contains("timeout"), "{wording}");
    }

    #[test]
    fn a_chosen_server_may_confirm_itself() {
        assert_eq!(state(Scripted::new(1), Some(Scripted::new(1)), true).0, State::Problem);
    }

    #[test]
    fn servers_that_differ_are_named() {
        let (state, wording) = state(Scripted::new(1), Some(there(2)), false);
        assert_eq!(state, State::Unknown);
        assert!(wording.contains("192.0.2.1:53: missing") && wording.contains("192.0.2.2:53: there"), "{wording}");
    }

    #[test]
    fn silence_is_never_a_missing_record() {
        let silent = |number| Scripted::new(number).fail("example.com", Kind::Mx, Outcome::Timeout);
        assert_eq!(state(silent(1), Some(silent(2)), false).0, State::Unknown);
        assert_eq!(state(silent(1), Some(silent(1)), true).0, State::Unknown);
    }

    #[test]
    fn all_checks_run_and_keep_their_order() {
        let panel = Panel::new(View::new(Resolver::new(vec![Arc::new(there(1))]), NOW), None, false);
        let checks: Vec<Box<dyn Check>> = vec![Box::new(HasMx), Box::new(HasMx)];
        let mut told = 0;
        let findings = block_on(panel.run_all(&checks, |_, _| told += 1));
        assert_eq!((findings.len(), told), (2, 2));
    }
}
