//! The rules in force: the embedded ones, each replaced by the file of the same name in a folder of the user's.

use std::collections::BTreeMap;

use super::read::unknown;
use super::{Problem, Rule};

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        /// The rules that ship: file name and text.
        pub(crate) const EMBEDDED: &[(&str, &str)] = &[$((concat!($name, ".toml"), include_str!(concat!("../../../../alerts/", $name, ".toml"))),)+];
    };
}

embedded!(
    "account_guessed",
    "account_hijacked",
    "backlog_expiring",
    "backlog_growing",
    "backscatter",
    "bounce_spike",
    "certificate",
    "clients_outside",
    "dead_destination",
    "deferral_spike",
    "disk_filling",
    "filter_refuses_user",
    "forged_sender_wave",
    "log_blind",
    "log_gap",
    "login_after_guessing",
    "mail_not_coming_in",
    "mail_not_going_out",
    "our_refusals",
    "outbound_stopped",
    "own_trouble",
    "parse_coverage",
    "password_guessing",
    "password_spraying",
    "probe_problem",
    "provider_block",
    "provider_refuses",
    "queue_active_slow",
    "sender_bounces",
    "sender_refused",
    "sender_silent",
    "smarthost_login",
    "user_limit_day",
    "user_limit_hour",
);

/// Rules by name.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
}

impl RuleSet {
    /// The rules that ship.
    ///
    /// # Panics
    /// Never: a test reads every embedded rule.
    pub fn embedded() -> Self {
        Self::with(&[]).0
    }

    /// The embedded rules with a folder's files over them: (file name, text). An empty file turns the rule of its name off.
    /// A file that is refused leaves the rule that it would have replaced in force.
    pub fn with(files: &[(String, String)]) -> (Self, Vec<Problem>) {
        let mut rules = BTreeMap::new();
        let mut problems = Vec::new();
        let embedded = EMBEDDED.iter().map(|(file, text)| (*file, *text));
        for (file, text) in embedded.chain(files.iter().map(|(file, text)| (file.as_str(), text.as_str()))) {
            let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml").to_owned();
            if is_empty(text) {
                rules.remove(&name);
                continue;
            }
            match Rule::parse(file, text) {
                Ok(rule) => {
                    rules.insert(name, rule);
                }
                Err(found) => problems.extend(found),
            }
        }
        let set = RuleSet { rules: rules.into_values().collect() };
        let place = |problem: Problem| match files.iter().find(|(file, _)| file.rsplit('/').next() == Some(problem.file.as_str())) {
            Some((file, _)) => Problem { file: file.clone(), ..problem },
            None => problem,
        };
        problems.extend(set.dangling().into_iter().map(place));
        (set, problems)
    }

    /// These rules and no others.
    pub fn of(rules: Vec<Rule>) -> Self {
        RuleSet { rules }
    }

    /// Every rule, by name.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// One rule.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// Takes the names of receivers out that are not `known`, and says where they stood.
    pub fn keep_receivers(&mut self, known: &[&str]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for rule in &mut self.rules {
            let strange: Vec<String> = rule.notify.iter().filter(|name| !known.contains(&name.as_str())).cloned().collect();
            rule.notify.retain(|name| known.contains(&name.as_str()));
            let line = rule.text.lines().position(|line| line.trim_start().starts_with("notify")).map_or(1, |line| line + 1);
            let file = format!("{}.toml", rule.name);
            problems.extend(strange.iter().map(|name| {
                let text = format!("{}; name it in [notify.{name}]", unknown("receiver", name, known.iter().copied()));
                Problem { file: file.clone(), line, text }
            }));
        }
        problems
    }

    /// Names in `muted_by` that no rule has (one that was turned off may be named).
    fn dangling(&self) -> Vec<Problem> {
        let known: Vec<&str> = self
            .rules
            .iter()
            .map(|rule| rule.name.as_str())
            .chain(EMBEDDED.iter().map(|(file, _)| file.trim_end_matches(".toml")))
            .collect();
        let mut problems = Vec::new();
        for rule in &self.rules {
            for name in rule.muted_by.iter().filter(|name| !known.contains(&name.as_str())) {
                let line = rule.text.lines().position(|line| line.trim_start().starts_with("muted_by")).map_or(1, |line| line + 1);
                let text = unknown("rule", name, known.iter().copied());
                problems.push(Problem { file: format!("{}.toml", rule.name), line, text });
            }
        }
        problems
    }
}

/// Whether a file says nothing at all.
fn is_empty(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "title = \"T\"\nwhy = \"W\"\nseverity = \"ticket\"\nrunbook = \"R\"\n\n[condition]\nkind = \"threshold\"\nmetric = \"received\"\nabove = 5\nwindow = \"15m\"\n";

    fn file(name: &str, text: &str) -> (String, String) {
        (name.to_owned(), text.to_owned())
    }

    #[test]
    fn every_rule_that_ships_is_whole() {
        let (set, problems) = RuleSet::with(&[]);
        assert_eq!(problems, []);
        assert_eq!(set.rules().len(), EMBEDDED.len());
        for rule in set.rules() {
            assert!(rule.runbook.len() > 80 && rule.why.len() > 20, "{} has words for the person it wakes", rule.name);
        }
    }

    #[test]
    fn every_file_of_the_folder_ships() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../alerts");
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| std::path::Path::new(name).extension().is_some_and(|ending| ending == "toml"));
        names.sort();
        assert_eq!(names, EMBEDDED.iter().map(|(file, _)| (*file).to_owned()).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_the_nearest_name() {
        let cases = [
            (GOOD.replace("metric =", "metrc ="), 8, "unknown key `metrc`: did you mean `metric`?"),
            (GOOD.replace("received", "recieved"), 8, "unknown metric `recieved`: did you mean `received`?"),
            (GOOD.replace("15m", "90d"), 10, "`window` 90d is impossible: from 1m to 7d"),
            (GOOD.replace("15m", "0m"), 10, "`window` 0s is impossible: from 1m to 7d"),
            (GOOD.replace("threshold", "treshold"), 7, "unknown kind `treshold`: did you mean `threshold`?"),
            (GOOD.replace("ticket", "pager"), 3, "unknown severity `pager`: did you mean `page`?"),
            (GOOD.replace("title = \"T\"", "title = T"), 1, ""),
        ];
        for (text, line, words) in cases {
            let (set, problems) = RuleSet::with(&[file("mine.toml", &text), file("other.toml", GOOD)]);
            assert!(set.get("mine").is_none(), "{text}");
            assert!(set.get("other").is_some() && set.rules().len() == EMBEDDED.len() + 1, "the other rules go on");
            let problem = problems.iter().find(|problem| problem.line == line && problem.text.contains(words));
            assert!(problem.is_some_and(|problem| problem.file == "mine.toml"), "{words}: {problems:?}");
        }
    }

    #[test]
    fn a_file_of_the_same_name_replaces_a_rule_and_an_empty_one_turns_it_off() {
        let (set, problems) = RuleSet::with(&[file("backscatter.toml", GOOD), file("log_gap.toml", "# off\n")]);
        assert_eq!(problems, []);
        assert_eq!(set.get("backscatter").map(|rule| rule.title.as_str()), Some("T"));
        assert!(set.get("log_gap").is_none());
        let (set, problems) = RuleSet::with(&[file("backscatter.toml", "title = 5")]);
        assert!(!problems.is_empty() && set.get("backscatter").is_some_and(|rule| rule.title != "T"), "a refused file changes nothing");
    }

    #[test]
    fn a_rule_that_is_muted_by_nobody_known_is_said() {
        let (_, problems) = RuleSet::with(&[file("mine.toml", &format!("muted_by = \"outbound_stoped\"\n{GOOD}"))]);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].to_string(), "mine.toml, line 1: unknown rule `outbound_stoped`: did you mean `outbound_stopped`?");
    }
}
