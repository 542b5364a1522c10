//! `/failures`: what fails, by provider, reason and template, with verdict, fix and samples.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::failures::{Failures, Group, TREND_STEPS, failures};
use mailvane_model::Verdict;
use mailvane_model::word::Reason;
use mailvane_reply::{codes, normalise};
use serde_json::{Value, json};

use super::json::{id, moment, text};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::{FIGURES, WINDOW, Window};
use super::{Api, now, verdict};
use crate::live::view::View;
use crate::rules;

/// Groups by default, and at most.
const LIMIT: (usize, usize) = (50, 1000);

/// `/failures`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[WINDOW, &["limit"]])?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    api.answer(move |view, _| answer(view, &window, limit)).await
}

fn answer(view: &View, window: &Window, limit: usize) -> Result<Value, Problem> {
    let found = failures(&view.snapshot, &window.scope, |reply, template| {
        normalise::template_into(codes::said(reply).reply, template);
    })?;
    let length = (window.scope.until.0 - window.scope.since.0).max(0) as f64;
    Ok(json!({
        "window": window.write(view.complete_to),
        "groups": found.groups.iter().take(limit).map(group).collect::<Vec<Value>>(),
        "total_groups": found.groups.len(),
        "trend_step_s": length / 1e6 / TREND_STEPS as f64,
        "unclassified": unclassified(&found),
        "attempts_over_limit": found.over_limit,
        "exact": found.exact,
    }))
}

/// Replies that no rule names: how many templates wait for a name.
fn unclassified(found: &Failures) -> Value {
    let without = found.groups.iter().filter(|group| group.reason == Reason::Unclassified);
    let (templates, attempts) = without.fold((0_u64, 0_u64), |sum, group| (sum.0 + 1, sum.1 + group.attempts));
    json!({"templates": templates, "attempts": attempts})
}

fn group(group: &Group) -> Value {
    let said = Verdict {
        reason: Some(group.reason),
        scope: group.scope,
        fault: group.fault,
        permanent: group.permanent,
        retry: group.retry,
        rule: group.rule.as_str().into(),
        matched: "".into(),
        confidence: group.confidence,
    };
    let samples = group.samples.iter().map(|sample| {
        json!({
            "time": moment(sample.time),
            "id": id(sample.message),
            "recipient": text(&sample.recipient),
            "relay_host": text(&sample.relay_host),
            "reply": sample.reply,
            "quoted": verdict::quoted(&sample.reply),
        })
    });
    json!({
        "provider": text(&group.provider),
        "provider_name": text(rules::current().providers.name(&group.provider)),
        "reason": group.reason.word(),
        "template": group.template,
        "verdict": verdict::of(&said, &group.provider),
        "attempts": group.attempts,
        "bounced": group.bounced,
        "deferred": group.deferred,
        "suspended": group.suspended,
        "recipients": group.recipients,
        "first": moment(group.first),
        "last": moment(group.last),
        "trend": group.trend,
        "samples": samples.collect::<Vec<Value>>(),
    })
}
