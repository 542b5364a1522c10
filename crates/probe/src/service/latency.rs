//! How long the steps of a conversation took.

use std::time::Duration;

use super::Seen;
use crate::finding::{Finding, Severity, Timing};

/// A greeting that takes longer makes senders give up early and mail programs look frozen. Servers that hold clients off on purpose
/// (postscreen) take six seconds.
const GREETING: Duration = Duration::from_secs(15);
/// Any other step.
const STEP: Duration = Duration::from_secs(10);

/// The steps, and a warning when one was slow.
pub(crate) fn look<Facts>(rule: &str, subject: &str, seen: &Seen<Facts>) -> Finding {
    let limit = |name: &str| if name == "greeting" { GREETING } else { STEP };
    let total: Duration = seen.steps.iter().map(|step| step.took).sum();
    let slow = seen.steps.iter().filter(|step| step.took > limit(step.name)).max_by_key(|step| step.took);
    let mut finding = match slow {
        Some(step) => {
            let title = format!("Slow: {} took {:.1} s", step.name, step.took.as_secs_f64());
            Finding::warning(rule, subject, Severity::Medium, title)
                .means("Senders wait, but not all of them; mail programs look frozen.")
                .fix("Look for lookups that time out on the server: DNS, block lists, policy services, the password database.")
        }
        None => Finding::ok(rule, subject, format!("All steps together took {:.2} s", total.as_secs_f64())),
    };
    // A step that is made several times (MAIL, RCPT) counts as one.
    for step in &seen.steps {
        let took = step.took.as_micros() as u64;
        match finding.timings.iter_mut().find(|timing| timing.step == step.name) {
            Some(timing) => timing.took += took,
            None => finding.timings.push(Timing { step: step.name.to_owned(), took }),
        }
    }
    let shown: Vec<String> = finding.timings.iter().map(|timing| format!("{} {:.0} ms", timing.step, timing.took as f64 / 1e3)).collect();
    if finding.state.is_bad() {
        finding.wording = format!("{} {}.", finding.wording, shown.join(", "));
    }
    finding
}
