//! How often verdicts are right: the labelled replies against the rules.
//!
//! `labelled/replies.tsv` is written by hand. Every fifth row is held out: rules are not tuned on it, and its agreement
//! is given apart.

use std::fmt::Write as _;

use mailvane_model::verdict::Verdict;
use mailvane_model::word::{Reason, Scope, Stage};

use crate::judge::{Failure, Judge};
use crate::suppress;

const REPLIES: &str = include_str!("../labelled/replies.tsv");

/// Every so many-th row is held out.
pub const HELD_OUT_EVERY: usize = 5;

/// A reply with what it means.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The failure as it stands in a log.
    pub failure: Failure<'a>,
    /// What it means.
    pub reason: Reason,
    /// What it is about.
    pub scope: Scope,
    /// Whether it was kept back from tuning.
    pub held_out: bool,
}

/// Every labelled reply; rows that cannot be read are left out (a test holds that there are none).
pub fn labelled() -> impl Iterator<Item = Labelled<'static>> {
    rows().enumerate().filter_map(|(index, line)| read(line, index % HELD_OUT_EVERY == HELD_OUT_EVERY - 1))
}

fn rows() -> impl Iterator<Item = &'static str> {
    REPLIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn read(line: &str, held_out: bool) -> Option<Labelled<'_>> {
    let fields: Vec<&str> = line.splitn(6, '\t').collect();
    let [provider, stage, end, reason, scope, text] = fields[..] else { return None };
    let failure = Failure {
        provider: if provider == "-" { "" } else { provider },
        text,
        enhanced_code: "",
        stage: Stage::from_word(stage)?,
        deferred: match end {
            "deferred" => true,
            "bounced" => false,
            _ => return None,
        },
    };
    Some(Labelled { failure, reason: Reason::from_word(reason)?, scope: Scope::from_word(scope)?, held_out })
}

/// Counts over a set of replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Replies.
    pub all: usize,
    /// Reason and scope as labelled.
    pub right: usize,
}

impl Count {
    /// The share that is right, percent; 100 of nothing.
    pub fn percent(&self) -> f64 {
        if self.all == 0 { 100.0 } else { self.right as f64 * 100.0 / self.all as f64 }
    }

    fn add(&mut self, right: bool) {
        self.all += 1;
        self.right += usize::from(right);
    }
}

/// Precision and recall of one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The reason.
    pub reason: Reason,
    /// Replies labelled so.
    pub labelled: usize,
    /// Replies judged so.
    pub judged: usize,
    /// Both.
    pub agreed: usize,
}

/// The outcome of the whole set.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// All replies.
    pub all: Count,
    /// Those on which rules may be tuned.
    pub tuned: Count,
    /// Those kept back.
    pub held_out: Count,
    /// Replies by which an address was blamed that is not at fault.
    pub wrong_hard_bounces: usize,
    /// Each reason.
    pub lines: Vec<Line>,
    /// What is wrong: the reply, and what was said of it.
    pub wrong: Vec<(Labelled<'static>, Verdict)>,
}

/// Judges every labelled reply.
pub fn score(judge: &Judge) -> Score {
    let mut score = Score::default();
    let mut lines: Vec<Line> = Reason::ALL.iter().map(|reason| Line { reason: *reason, labelled: 0, judged: 0, agreed: 0 }).collect();
    for row in labelled() {
        let verdict = judge.judge(&row.failure);
        let said = verdict.reason.unwrap_or_default();
        let right = said == row.reason && verdict.scope == row.scope;
        score.all.add(right);
        if row.held_out { &mut score.held_out } else { &mut score.tuned }.add(right);
        let expected_blame = matches!(row.reason, Reason::UnknownRecipient | Reason::InactiveRecipient | Reason::BadDomain);
        score.wrong_hard_bounces += usize::from(suppress::blames_address(&verdict) && !expected_blame);
        lines[row.reason as usize].labelled += 1;
        lines[said as usize].judged += 1;
        lines[said as usize].agreed += usize::from(said == row.reason);
        if !right {
            score.wrong.push((row, (*verdict).clone()));
        }
    }
    score.lines = lines;
    score
}

/// The score as a table in Markdown: precision and recall of each reason, then the totals.
pub fn table(judge: &Judge) -> String {
    let score = score(judge);
    let mut out = String::from("| reason | replies | precision % | recall % |\n|---|---:|---:|---:|\n");
    for line in score.lines.iter().filter(|line| line.labelled + line.judged > 0) {
        let precision = Count { all: line.judged, right: line.agreed }.percent();
        let recall = Count { all: line.labelled, right: line.agreed }.percent();
        // Writing to a string does not fail.
        let _ = writeln!(out, "| {} | {} | {precision:.1} | {recall:.1} |", line.reason, line.labelled);
    }
    let totals = [("agreement", score.all), ("of these tuned", score.tuned), ("of these held out", score.held_out)];
    for (name, count) in totals {
        let _ = writeln!(out, "| **{name}** | {} | {:.1} | |", count.all, count.percent());
    }
    let blamed = score.wrong_hard_bounces as f64 * 100.0 / (score.all.all.max(1)) as f64;
    let _ = writeln!(out, "| **addresses wrongly blamed** | {} | {blamed:.2} | |", score.wrong_hard_bounces);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_read_and_the_set_is_broad() {
        assert_eq!(labelled().count(), rows().count(), "a row cannot be read");
        assert!(labelled().count() >= 400);
        for reason in Reason::ALL {
            assert!(labelled().any(|row| row.reason == *reason), "{reason} has no reply");
        }
        let listed = crate::provider::Providers::embedded();
        let mut providers: Vec<&str> =
            labelled().map(|row| row.failure.provider).filter(|provider| listed.get(provider).is_some()).collect();
        providers.sort_unstable();
        providers.dedup();
        assert!(providers.len() >= 25, "{} providers", providers.len());
    }

    #[test]
    fn agreement_is_at_least_98_percent_and_hardly_an_address_is_wrongly_blamed() {
        let score = score(&Judge::embedded());
        let wrong: Vec<String> = score
            .wrong
            .iter()
            .map(|(row, verdict)| {
                format!(
                    "{} {} -> {:?} {} by {} {:?}: {}",
                    row.reason, row.scope, verdict.reason, verdict.scope, verdict.rule, verdict.matched, row.failure.text
                )
            })
            .collect();
        assert!(score.all.percent() >= 98.0, "{:.2} %:\n{}", score.all.percent(), wrong.join("\n"));
        assert!(score.wrong_hard_bounces * 1000 < score.all.all * 5, "{} addresses are wrongly blamed", score.wrong_hard_bounces);
    }
}
