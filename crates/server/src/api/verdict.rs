//! Verdicts and their explanations.

use mailvane_model::word::{Action, Fault, Reason};
use mailvane_model::{AttemptRow, OutcomeRow, RejectionRow, Verdict};
use mailvane_reply::codes;
use mailvane_reply::explain::{self, Explanation};
use mailvane_reply::judge::Failure;
use mailvane_reply::reason::{Retry, meaning};
use serde_json::{Value, json};

use super::json::text;
use crate::rules;

/// What is said of a verdict that no rule stands behind.
const PLAIN_CONFIDENCE: u8 = 50;

fn explanation(of: &Explanation, who: Fault) -> Value {
    json!({
        "title": of.title,
        "cause": of.cause,
        "fix": of.steps,
        "who": who.word(),
        "act": of.act,
        "links": of.links,
        "tell_sender": of.tell_sender,
    })
}

/// A reason in plain words.
pub(crate) fn of_reason(reason: Reason) -> Value {
    explanation(&explain::reason(reason), meaning(reason).fault)
}

fn write(verdict: &Verdict, provider: &str) -> Value {
    let rules = rules::current();
    let words = explain::verdict(&rules.judge, &rules.providers, verdict, provider);
    json!({
        "reason": verdict.reason.unwrap_or_default().word(),
        "scope": verdict.scope.word(),
        "fault": verdict.fault.word(),
        "permanent": verdict.permanent,
        "retry": verdict.retry,
        "rule": &*verdict.rule,
        "confidence": verdict.confidence,
        "explanation": explanation(&words, verdict.fault),
    })
}

/// A verdict as it is.
pub(crate) fn of(verdict: &Verdict, provider: &str) -> Value {
    write(verdict, provider)
}

/// What a reply quotes: addresses of ours, the list it names, a link, a ticket.
pub(crate) fn quoted(reply: &str) -> Value {
    let found = mailvane_reply::quoted::of(codes::said(reply).reply);
    let ips: Vec<String> = found.ips.iter().map(ToString::to_string).collect();
    json!({"ips": ips, "list": text(found.list), "link": text(found.link), "ticket": text(found.ticket)})
}

/// The verdict on an attempt; null for a success.
pub(crate) fn of_attempt(row: &AttemptRow<'_>) -> Value {
    if row.reason.is_none() { Value::Null } else { write(&attempt(row), row.provider) }
}

fn attempt(row: &AttemptRow<'_>) -> Verdict {
    Verdict {
        reason: row.reason,
        scope: row.scope,
        fault: row.fault,
        permanent: row.permanent,
        retry: row.retry,
        rule: row.rule.into(),
        matched: "".into(),
        confidence: row.confidence,
    }
}

/// The verdict on an outcome; null for a success. `last` is the last attempt for the recipient that failed.
pub(crate) fn of_outcome(row: &OutcomeRow<'_>, last: Option<&AttemptRow<'_>>) -> Value {
    let Some(reason) = row.reason else { return Value::Null };
    let verdict = match last.filter(|last| last.reason == Some(reason)) {
        Some(last) => Verdict { permanent: row.permanent, ..attempt(last) },
        None => Verdict { scope: row.scope, fault: row.fault, ..plain(reason, row.permanent) },
    };
    write(&verdict, row.provider)
}

/// What a reason means by itself.
fn plain(reason: Reason, permanent: bool) -> Verdict {
    let meaning = meaning(reason);
    let retry = match meaning.retry {
        Retry::Always => true,
        Retry::Never => false,
        Retry::ByCode => !permanent,
    };
    Verdict {
        reason: Some(reason),
        scope: meaning.scope,
        fault: meaning.fault,
        permanent,
        retry,
        rule: "".into(),
        matched: "".into(),
        confidence: PLAIN_CONFIDENCE,
    }
}

/// The verdict on a refusal of ours.
pub(crate) fn of_rejection(row: &RejectionRow<'_>) -> Value {
    let failure = Failure {
        provider: "",
        text: row.reply_text,
        enhanced_code: row.enhanced_code,
        stage: row.stage,
        deferred: row.action == Action::Defer,
    };
    let judged = rules::current().judge.judge_own(&failure);
    let mut verdict = if judged.reason == Some(row.reason) { (*judged).clone() } else { plain(row.reason, row.action == Action::Reject) };
    verdict.rule = row.rule.into();
    verdict.permanent = row.action == Action::Reject;
    write(&verdict, "")
}
