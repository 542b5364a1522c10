//! What a command of the real program found.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// An ended command.
pub(crate) struct Outcome {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) json: Value,
    /// What it said beside.
    pub(crate) err: String,
}

impl Outcome {
    /// Runs the program.
    pub(crate) fn of(program: &Path, arguments: &[String]) -> Self {
        let output = Command::new(program).args(arguments).output().unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Outcome { code: output.status.code(), json, err: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    /// All findings.
    pub(crate) fn findings(&self) -> Vec<&Value> {
        if let Some(all) = self.json["findings"].as_array() {
            return all.iter().collect();
        }
        let groups = self.json.as_object().into_iter().flatten();
        groups.filter_map(|(_, group)| group.get("findings")?.as_array()).flatten().collect()
    }

    /// The rules with a finding in one of these states, sorted, each once.
    pub(crate) fn rules(&self, states: &[&str]) -> Vec<String> {
        let fits = |finding: &&&Value| states.iter().any(|state| finding["state"] == *state);
        let mut rules: Vec<String> =
            self.findings().iter().filter(fits).map(|finding| finding["check"].as_str().unwrap().to_owned()).collect();
        rules.sort();
        rules.dedup();
        rules
    }

    /// The rules that are bad.
    pub(crate) fn bad(&self) -> Vec<String> {
        self.rules(&["problem", "warning"])
    }

    /// What is wrong with this outcome, if anything is: other rules than wanted, or another exit code.
    pub(crate) fn differs(&self, expected: &[&str]) -> Option<String> {
        let bad = self.bad();
        let code = if self.rules(&["problem"]).is_empty() { 0 } else { 1 };
        if bad == expected && self.code == Some(code) {
            return None;
        }
        let titles: Vec<String> = self
            .findings()
            .iter()
            .filter(|finding| finding["state"] == "problem" || finding["state"] == "warning")
            .map(|finding| format!("    {} {} ({}): {}", finding["state"], finding["check"], finding["subject"], finding["title"]))
            .collect();
        Some(format!("wanted {expected:?}, found {bad:?}, exit code {:?} {}\n{}", self.code, self.err.trim(), titles.join("\n")))
    }
}
