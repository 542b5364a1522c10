//! `/breakdown`: figures by group.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::figures::{Group, breakdown, summary};
use mailvane_analytics::{Dimension, Scope};
use mailvane_metric::{Figure, Figures, Rates, Spread};
use mailvane_model::word::Reason;
use serde_json::{Value, json};

use super::figures::{self, Open, count, in_trouble, is_open_in, spread};
use super::json::optional_moment;
use super::problem::Problem;
use super::question::{Question, wrong_word};
use super::reader::Reader;
use super::window::{FIGURES, WINDOW, Window, key_word};
use super::{Api, now, verdict};
use crate::live::view::View;

/// The dimensions of the contract.
const BY: &[&str] = &["provider", "domain", "sender_domain", "sender", "relay", "instance", "reason", "client"];
/// Groups by default, and at most.
const LIMIT: (usize, usize) = (20, 1000);

/// The dimension of a word.
pub(crate) fn dimension(word: &str) -> Result<Dimension, Problem> {
    let known = BY.contains(&word).then(|| Dimension::from_word(word)).flatten();
    known.ok_or_else(|| wrong_word("by", word, BY.iter().copied()))
}

/// `/breakdown`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[WINDOW, &["clock", "by", "sort", "limit"]])?;
    let by = question.get("by").ok_or_else(|| Problem::bad_request("by is missing").hint(format!("give one of {}", BY.join(", "))))?;
    let by = dimension(by)?;
    let sort = Sort::read(question.get("sort").unwrap_or("trouble"))?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    api.answer(move |view, _| answer(view, &window, by, sort, limit)).await
}

fn answer(view: &View, window: &Window, by: Dimension, sort: Sort, limit: usize) -> Result<Value, Problem> {
    let scope = &window.scope;
    let total = figures::sum(&summary(&view.snapshot, scope)?, |traffic| scope.has(traffic));
    let found = breakdown(&view.snapshot, scope, by)?;
    let mut rows: Vec<Row> = found.groups.into_iter().filter_map(|group| Row::of(group, scope)).collect();
    let groups = rows.len();
    rows.sort_by(|left, right| sort.order(left, right));
    rows.truncate(limit);
    let mut open: BTreeMap<String, Open> = BTreeMap::new();
    for row in view.open.outcomes.iter().filter(|row| is_open_in(row, scope)) {
        if let Some(key) = mailvane_analytics::figures::outcome_key(&row, by) {
            open.entry(key.into_owned()).or_default().add(&row);
        }
    }
    Ok(json!({
        "window": window.write(view.complete_to),
        "by": by.word(),
        "sort": sort.word,
        "rows": rows.iter().map(|row| row.write(by, open.get(&row.group.key).copied().unwrap_or_default())).collect::<Vec<Value>>(),
        "total_rows": found.exact.then_some(groups),
        "exact": found.exact,
        "total": figures::write(&total, Open::of(&view.open.outcomes, scope)),
    }))
}

/// One group with the figures of the scope.
struct Row {
    group: Group,
    figures: Figures,
}

impl Row {
    /// Groups that only met our door have no figures.
    fn of(group: Group, scope: &Scope) -> Option<Self> {
        let figures = figures::sum(&group.cell, |traffic| scope.has(traffic));
        (!figures.is_empty()).then_some(Row { group, figures })
    }

    fn write(&self, by: Dimension, open: Open) -> Value {
        let reason = Reason::from_word(&self.group.key).filter(|_| by == Dimension::Reason);
        json!({
            "key": key_word(by, &self.group.key),
            "label": label(by, &self.group.key),
            "figures": figures::write(&self.figures, open),
            "top_reason": reason.or_else(|| self.group.top_reason()).map(Reason::word),
            "recipients_in_trouble": in_trouble(&self.figures),
            "first_seen": optional_moment(self.group.first),
            "last_seen": optional_moment(self.group.last),
            "explanation": reason.map_or(Value::Null, verdict::of_reason),
        })
    }
}

/// What people call a group.
pub(crate) fn label(by: Dimension, key: &str) -> String {
    if key == mailvane_analytics::figures::OTHER {
        return "everything else".to_owned();
    }
    match (by, key) {
        (Dimension::Provider, "") => "no host reached".to_owned(),
        (Dimension::Relay, "") => "none".to_owned(),
        (Dimension::SenderDomain, "") => "no domain".to_owned(),
        (Dimension::Domain, "") => "this server".to_owned(),
        (Dimension::Client, "") => "this server itself".to_owned(),
        (Dimension::Provider, id) => crate::rules::current().providers.name(id).to_owned(),
        (Dimension::Reason, word) => {
            Reason::from_word(word).map_or_else(|| word.to_owned(), |reason| mailvane_reply::explain::title(reason).to_owned())
        }
        (_, key) => key.to_owned(),
    }
}

/// By what groups are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    /// As it was given.
    word: &'static str,
    by: &'static str,
    turned: bool,
}

impl Sort {
    const WORDS: &'static [(&'static str, &'static str)] = &[
        ("trouble", "-trouble"),
        ("attempts", "-attempts"),
        ("delivered", "-delivered"),
        ("deferred", "-deferred"),
        ("bounced", "-bounced"),
        ("expired", "-expired"),
        ("failure_rate", "-failure_rate"),
        ("deferral_rate", "-deferral_rate"),
        ("acceptance_now", "-acceptance_now"),
        ("delay_p95", "-delay_p95"),
        ("bytes", "-bytes"),
        ("key", "-key"),
    ];

    /// Of a word.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        for (plain, turned) in Self::WORDS {
            if text == *plain || text == *turned {
                return Ok(Sort { word: if text == *plain { plain } else { turned }, by: plain, turned: text == *turned });
            }
        }
        Err(wrong_word("sort", text, Self::WORDS.iter().map(|word| word.0)))
    }

    /// The largest first, `key` in alphabetical order.
    fn order(self, left: &Row, right: &Row) -> std::cmp::Ordering {
        let by_key = left.group.key.cmp(&right.group.key);
        let first = if self.by == "key" { by_key } else { self.value(&right.figures).total_cmp(&self.value(&left.figures)) };
        let first = if self.turned { first.reverse() } else { first };
        // Groups without trouble follow by their size.
        first.then_with(|| count(&right.figures, Figure::Attempts).cmp(&count(&left.figures, Figure::Attempts))).then(by_key)
    }

    fn value(self, of: &Figures) -> f64 {
        let rates = Rates::of(of);
        let rate = |rate: mailvane_metric::Rate| rate.value().unwrap_or(-1.0);
        match self.by {
            "attempts" => count(of, Figure::Attempts) as f64,
            "delivered" => (count(of, Figure::Delivered) + count(of, Figure::Relayed)) as f64,
            "deferred" => count(of, Figure::DeferredAttempts) as f64,
            "bounced" => count(of, Figure::Bounced) as f64,
            "expired" => count(of, Figure::Expired) as f64,
            "failure_rate" => rate(rates.failure),
            "deferral_rate" => rate(rates.deferral),
            "acceptance_now" => rate(rates.acceptance),
            "delay_p95" => spread(of, Spread::Delay).p95.map_or(-1.0, |value| value as f64),
            "bytes" => count(of, Figure::DeliveredBytes) as f64,
            _ => in_trouble(of) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, deferred: i64, attempts: i64) -> Row {
        let mut figures = Figures::default();
        figures.add(Figure::RecipientsDeferred, deferred);
        figures.add(Figure::Attempts, attempts);
        Row { group: Group { key: key.to_owned(), ..Group::default() }, figures }
    }

    fn sorted(word: &str) -> String {
        let mut rows = [row("a", 0, 5), row("b", 7, 7), row("c", 0, 9)];
        let sort = Sort::read(word).unwrap_or_else(|_| panic!("{word}"));
        rows.sort_by(|left, right| sort.order(left, right));
        rows.iter().map(|row| row.group.key.as_str()).collect()
    }

    #[test]
    fn most_trouble_first_then_the_largest() {
        assert_eq!(sorted("trouble"), "bca");
        assert_eq!(sorted("-attempts"), "abc");
        assert_eq!(sorted("key"), "abc");
        assert_eq!(sorted("-key"), "cba");
        assert!(Sort::read("size").is_err());
        assert!(dimension("user").is_err());
    }
}
