//! `GET /queue`: what is in flight now, inferred from the log.

use std::collections::BTreeMap;

use mailvane_analytics::Dimension;
use mailvane_model::word::{Outcome, Population};
use mailvane_model::{OutcomeRow, Time};
use mailvane_reply::provider::Providers;
use serde_json::{Value, json};

use super::breakdown::label;
use super::item::{Writer, chains};
use super::problem::Problem;
use super::window::time;
use crate::live::view::View;

/// Groups of each dimension.
const GROUPS: usize = 50;
/// Messages that wait longest.
const OLDEST: usize = 10;

/// Waiting mail of one group.
#[derive(Default)]
struct Group {
    messages: std::collections::BTreeSet<u64>,
    recipients: u64,
    oldest: Option<Time>,
    reasons: BTreeMap<&'static str, u64>,
}

/// Messages and recipients in flight, without notifications and held ones.
pub(super) fn depth(view: &View) -> (usize, usize) {
    let waiting = view.open.outcomes.iter().filter(|row| row.outcome == Outcome::Queued && row.population == Population::Ordinary);
    let ids: Vec<u64> = waiting.map(|row| row.message).collect();
    let mut messages = ids.clone();
    messages.sort_unstable();
    messages.dedup();
    (messages.len(), ids.len())
}

/// Answers.
pub(super) fn answer(view: &View, writer: &Writer<'_>) -> Result<Value, Problem> {
    let queued: Vec<OutcomeRow<'_>> = view.open.outcomes.iter().filter(|row| row.outcome == Outcome::Queued).collect();
    let ordinary: Vec<&OutcomeRow<'_>> = queued.iter().filter(|row| row.population == Population::Ordinary).collect();
    let distinct = |rows: &mut dyn Iterator<Item = u64>| rows.collect::<std::collections::BTreeSet<u64>>().len();
    let waiting = distinct(&mut ordinary.iter().filter(|row| row.deferrals > 0).map(|row| row.message));
    let all = distinct(&mut ordinary.iter().map(|row| row.message));
    let mut oldest: Vec<(Time, u64)> = ordinary.iter().map(|row| (row.arrived, row.message)).collect();
    oldest.sort_unstable();
    oldest.dedup();
    oldest.truncate(OLDEST);
    let ids: Vec<u64> = oldest.iter().map(|found| found.1).collect();
    let items: Vec<Value> =
        if ids.is_empty() { Vec::new() } else { chains(view, &ids)?.iter().map(|chain| writer.message(chain)).collect() };
    Ok(json!({
        "as_of": time(view.open_made),
        "method": "inferred",
        "complete_since": view.data_from.map(time),
        "messages": all,
        "recipients": ordinary.len(),
        "being_tried": all - waiting,
        "waiting": waiting,
        "held": distinct(&mut view.open.outcomes.iter().filter(|row| row.outcome == Outcome::Held).map(|row| row.message)),
        "notifications": distinct(&mut queued.iter().filter(|row| row.population == Population::Notification).map(|row| row.message)),
        "by_provider": groups(&ordinary, Dimension::Provider, |row| row.provider, writer.providers),
        "by_reason": groups(&ordinary, Dimension::Reason, |row| row.reason.map_or("", |reason| reason.word()), writer.providers),
        "by_domain": groups(&ordinary, Dimension::Domain, |row| row.recipient.domain, writer.providers),
        "oldest": items,
    }))
}

fn groups<'a>(rows: &[&OutcomeRow<'a>], by: Dimension, key: impl Fn(&OutcomeRow<'a>) -> &'a str, providers: &Providers) -> Vec<Value> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for row in rows {
        let group = groups.entry(key(row)).or_default();
        group.messages.insert(row.message);
        group.recipients += 1;
        group.oldest = Some(group.oldest.map_or(row.arrived, |oldest| oldest.min(row.arrived)));
        if let Some(reason) = row.reason {
            *group.reasons.entry(reason.word()).or_default() += 1;
        }
    }
    let mut sorted: Vec<(&str, Group)> = groups.into_iter().collect();
    sorted.sort_by_key(|(key, group)| (std::cmp::Reverse(group.recipients), *key));
    let shown = sorted.into_iter().take(GROUPS).map(|(key, group)| {
        let label = if by == Dimension::Reason && key.is_empty() { "not tried yet".to_owned() } else { label(by, key, providers) };
        json!({
            "key": key,
            "label": label,
            "messages": group.messages.len(),
            "recipients": group.recipients,
            "oldest": group.oldest.map(time),
            "top_reason": group.reasons.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| *reason),
        })
    });
    shown.collect()
}
