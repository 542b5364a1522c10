//! `mailvane alerts check`: every rule read and shown, or what is wrong with it.

use std::io::Write;

use anyhow::{Context as _, Result};
use mailvane_alert::rule::span_text;
use serde_json::json;

use super::complain;
use crate::alerting::rules;
use crate::{Ending, cli};

/// Runs it.
pub(super) fn run(arguments: &cli::AlertsCheck) -> Result<Ending> {
    let (set, problems) = rules::load(arguments.rules.as_deref())?;
    let mut out = String::new();
    if arguments.json {
        let listed: Vec<_> = set
            .rules()
            .iter()
            .map(|rule| {
                json!({
                    "name": rule.name, "title": rule.title, "severity": rule.severity.word(), "kind": rule.condition.kind(),
                    "for_s": rule.hold / 1_000_000, "resolve_after_s": rule.resolve_after / 1_000_000, "muted_by": rule.muted_by, "notify": rule.notify,
                })
            })
            .collect();
        let wrong: Vec<_> =
            problems.iter().map(|problem| json!({"file": problem.file, "line": problem.line, "text": problem.text})).collect();
        out = json!({"rules": listed, "problems": wrong}).to_string();
        out.push('\n');
    } else {
        for rule in set.rules() {
            let hold = if rule.hold > 0 { format!(" for {}", span_text(rule.hold)) } else { String::new() };
            out.push_str(&format!("{:<7} {:<22} {:<16} {}{hold}\n", rule.severity.word(), rule.name, rule.condition.kind(), rule.title));
        }
        let wrong = if problems.is_empty() { "all are whole".to_owned() } else { format!("{} problems", problems.len()) };
        out.push_str(&format!("{} rules in force; {wrong}\n", set.rules().len()));
    }
    std::io::stdout().write_all(out.as_bytes()).context("cannot write the rules")?;
    if !arguments.json {
        complain(&problems);
    }
    Ok(if problems.is_empty() { Ending::Fine } else { Ending::Problems })
}
