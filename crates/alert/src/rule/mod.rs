//! A rule: what to look at, how grave it is, and what to do about it.

pub(crate) mod read;
mod set;

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

pub use read::{Problem, span_text, span_words};
pub use set::RuleSet;

use crate::condition::Condition;
use read::{Reader, Source};

/// How grave an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A line in the daily mail.
    #[default]
    Info,
    /// Somebody should look at it in working hours.
    Ticket,
    /// Somebody should look at it now.
    Page,
}

const SEVERITIES: [(&str, Severity); 3] = [("info", Severity::Info), ("ticket", Severity::Ticket), ("page", Severity::Page)];

impl Severity {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Ticket => "ticket",
            Severity::Page => "page",
        }
    }
}

/// How long what fires must have been fine before it is called over, unless the rule says otherwise.
const RESOLVE_AFTER: i64 = 15 * Time::MINUTE;

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name of its file without `.toml`.
    pub name: String,
    /// What it says in one line.
    pub title: String,
    /// Why anybody should care.
    pub why: String,
    /// How grave it is.
    pub severity: Severity,
    /// What to look at.
    pub condition: Condition,
    /// For how long the condition must hold before the rule fires.
    pub hold: i64,
    /// For how long it must be fine again before it is over.
    pub resolve_after: i64,
    /// The receivers; empty: all.
    pub notify: Vec<String>,
    /// While one of these rules fires, this one is not told: what it sees follows from that.
    pub muted_by: Vec<String>,
    /// What alerts without a group of their own belong to: they share an incident.
    pub topic: String,
    /// What to do, in plain words.
    pub runbook: String,
    /// The rule as it was written.
    pub text: String,
}

impl Rule {
    /// Reads a rule. `file` is the name of its file, with `.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it, by line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let source = Source { file, text };
        let table = match toml::de::DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                return Err(vec![source.problem(at, error.message().to_owned())]);
            }
        };
        let reader = Reader::new(source, table.get_ref(), 0);
        let name = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml").to_owned();
        let severity = reader.word("severity", None, &SEVERITIES).unwrap_or_default();
        let words = |key| reader.texts(key).into_iter().map(str::to_owned).collect();
        let condition = match reader.inner("condition") {
            Some(inner) => {
                let condition = Condition::read(&inner);
                reader.absorb(inner);
                condition
            }
            None => {
                reader.wrong("condition", "`[condition]` is missing: it says what to look at, beginning with its `kind`");
                None
            }
        };
        let rule = condition.map(|condition| Rule {
            title: reader.needed("title"),
            why: reader.needed("why"),
            severity,
            condition,
            hold: reader.span("for", 0),
            resolve_after: reader.span("resolve_after", RESOLVE_AFTER),
            notify: words("notify"),
            muted_by: words("muted_by"),
            topic: reader.text("topic").unwrap_or(&name).to_owned(),
            runbook: reader.needed("runbook"),
            text: text.to_owned(),
            name,
        });
        if rule.is_none() {
            // So that they count as known keys, and not as typos beside the real problem.
            for key in ["title", "why", "for", "resolve_after", "notify", "muted_by", "topic", "runbook"] {
                let _ = reader.texts(key);
            }
        }
        let problems = reader.finish();
        rule.filter(|_| problems.is_empty()).ok_or(problems)
    }
}
