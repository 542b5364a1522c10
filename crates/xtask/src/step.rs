//! Steps of a check, and the summary that closes it.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// Left out, and what to do to have it.
    Skipped(String),
    /// What went wrong.
    Failed(String),
}

/// A step that was taken.
#[derive(Debug)]
pub(crate) struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// All steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    taken: Vec<Step>,
}

impl Steps {
    /// Takes a step and remembers how it ended. The others go on whatever happens.
    pub(crate) fn take(&mut self, name: &'static str, work: impl FnOnce() -> Result<Outcome>) {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = work().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        match &outcome {
            Outcome::Passed => {}
            Outcome::Skipped(why) => println!("left out: {why}"),
            Outcome::Failed(why) => eprintln!("failed: {why}"),
        }
        self.taken.push(Step { name, outcome, took: start.elapsed() });
    }

    /// Whether no step failed.
    pub(crate) fn are_fine(&self) -> bool {
        !self.taken.iter().any(|step| matches!(step.outcome, Outcome::Failed(_)))
    }

    /// The closing summary: a line for each step.
    pub(crate) fn summary(&self) -> String {
        let mut text = String::new();
        for step in &self.taken {
            let (word, why) = match &step.outcome {
                Outcome::Passed => ("passed", String::new()),
                Outcome::Skipped(why) => ("LEFT OUT", format!("  {why}")),
                Outcome::Failed(why) => ("FAILED", format!("  {}", why.lines().next().unwrap_or_default())),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:14} {word:9} {:>7.1} s{why}", step.name, step.took.as_secs_f64());
        }
        let failed = self.taken.iter().filter(|step| matches!(step.outcome, Outcome::Failed(_))).count();
        let skipped = self.taken.iter().filter(|step| matches!(step.outcome, Outcome::Skipped(_))).count();
        let _ = match (failed, skipped) {
            (0, 0) => writeln!(text, "everything passed"),
            (0, skipped) => writeln!(text, "passed, {skipped} left out"),
            (failed, _) => writeln!(text, "{failed} failed"),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_the_whole_and_a_skip_is_told() {
        let mut steps = Steps::default();
        steps.take("one", || Ok(Outcome::Passed));
        steps.take("two", || Ok(Outcome::Skipped("install it".to_owned())));
        assert!(steps.are_fine());
        assert!(steps.summary().contains("install it") && steps.summary().ends_with("passed, 1 left out\n"));
        steps.take("three", || anyhow::bail!("broken"));
        assert!(!steps.are_fine());
        assert!(steps.summary().ends_with("1 failed\n"));
    }
}
