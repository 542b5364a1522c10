//! `/queue`: what is in flight now, as the log tells.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::figures::outcome_key;
use mailvane_analytics::{Dimension, Within};
use mailvane_model::word::{Outcome, Population, Reason};
use mailvane_model::{OutcomeRow, Time};
use serde_json::{Value, json};

use super::breakdown::label;
use super::chain::{chains, gather};
use super::item::{Speech, of_chain};
use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::key_word;
use super::{Api, now};
use crate::live::view::{About, View};

/// Groups of each kind.
const GROUPS: usize = 50;
/// Messages that wait longest.
const OLDEST: usize = 10;

/// `/queue`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    api.answer(move |view, about| answer(view, about, reader.within())).await
}

/// A message in the queue.
#[derive(Default)]
struct Waiting {
    arrived: Time,
    deferred: bool,
    held: bool,
    notification: bool,
}

/// Messages and recipients in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    /// Messages.
    pub(crate) messages: usize,
    /// Recipients still to deliver.
    pub(crate) recipients: usize,
}

/// Recipients that are in a queue, of those a reader may see.
fn in_queue<'v>(view: &'v View, within: Option<&'v Within>) -> impl Iterator<Item = OutcomeRow<'v>> {
    let is_theirs = move |row: &OutcomeRow<'_>| within.is_none_or(|within| within.has_outcome(row));
    view.open.outcomes.iter().filter(move |row| matches!(row.outcome, Outcome::Queued | Outcome::Held) && is_theirs(row))
}

/// How much is in the queue.
pub(crate) fn depth(view: &View, within: Option<&Within>) -> Depth {
    let mut messages = BTreeSet::new();
    let mut recipients = 0;
    for row in in_queue(view, within) {
        recipients += 1;
        messages.insert(row.message);
    }
    Depth { messages: messages.len(), recipients }
}

fn answer(view: &View, about: &About, within: Option<&Within>) -> Result<Value, Problem> {
    let mut messages: BTreeMap<u64, Waiting> = BTreeMap::new();
    let mut recipients = 0_u64;
    for row in in_queue(view, within) {
        recipients += 1;
        let message = messages.entry(row.message).or_insert_with(|| Waiting { arrived: row.arrived, ..Waiting::default() });
        message.deferred |= row.deferrals > 0;
        message.held |= row.outcome == Outcome::Held;
        message.notification |= row.population == Population::Notification;
    }
    let waiting = messages.values().filter(|message| message.deferred && !message.held).count();
    let held = messages.values().filter(|message| message.held).count();
    Ok(json!({
        "as_of": moment(view.open_made),
        "method": "inferred",
        "complete_since": optional_moment(view.data_from),
        "messages": messages.len(),
        "recipients": recipients,
        "being_tried": messages.len() - waiting - held,
        "waiting": waiting,
        "held": held,
        "notifications": messages.values().filter(|message| message.notification).count(),
        "by_provider": groups(view, Dimension::Provider, within),
        "by_reason": groups(view, Dimension::Reason, within),
        "by_domain": groups(view, Dimension::Domain, within),
        "oldest": oldest(view, about, &messages, within)?,
    }))
}

#[derive(Default)]
struct Group {
    messages: BTreeSet<u64>,
    recipients: u64,
    deferred: bool,
    oldest: Option<Time>,
    reasons: BTreeMap<Reason, u64>,
}

fn groups(view: &View, by: Dimension, within: Option<&Within>) -> Vec<Value> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for row in in_queue(view, within) {
        // What was not tried yet has no reason: a group of its own.
        let group = groups.entry(outcome_key(&row, by).unwrap_or_default().into_owned()).or_default();
        group.messages.insert(row.message);
        group.recipients += 1;
        group.deferred |= row.deferrals > 0;
        group.oldest = Some(group.oldest.map_or(row.arrived, |oldest| oldest.min(row.arrived)));
        if let Some(reason) = row.reason {
            *group.reasons.entry(reason).or_default() += 1;
        }
    }
    let mut groups: Vec<(String, Group)> = groups.into_iter().collect();
    groups.sort_by(|left, right| right.1.messages.len().cmp(&left.1.messages.len()).then_with(|| left.0.cmp(&right.0)));
    groups.truncate(GROUPS);
    let write = |(key, group): &(String, Group)| {
        let name = if key.is_empty() && !group.deferred { "not tried yet".to_owned() } else { label(by, key) };
        let top = group.reasons.iter().max_by_key(|(reason, count)| (**count, std::cmp::Reverse(**reason)));
        json!({
            "key": key_word(by, key),
            "label": name,
            "messages": group.messages.len(),
            "recipients": group.recipients,
            "oldest": optional_moment(group.oldest),
            "top_reason": top.map(|(reason, _)| reason.word()),
        })
    };
    groups.iter().map(write).collect()
}

fn oldest(view: &View, about: &About, messages: &BTreeMap<u64, Waiting>, within: Option<&Within>) -> Result<Vec<Value>, Problem> {
    let mut by_age: Vec<(Time, u64)> = messages.iter().map(|(id, message)| (message.arrived, *id)).collect();
    by_age.sort_unstable();
    by_age.truncate(OLDEST);
    let ids: Vec<u64> = by_age.iter().map(|(_, id)| *id).collect();
    let rows = gather(view, &ids)?;
    let chains = chains(&rows, within);
    let speech = Speech::new(about.zone, now());
    Ok(ids.iter().filter_map(|id| chains.get(id).and_then(|chain| of_chain(chain, &speech))).collect())
}
