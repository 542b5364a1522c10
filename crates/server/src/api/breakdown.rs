//! `GET /breakdown`: groups of one dimension, those in trouble first.

use mailvane_analytics::figures::{self as analytics, Group};
use mailvane_analytics::{Dimension, Scope};
use mailvane_metric::{Figure, Figures, Rates, Spread};
use mailvane_model::word::Reason;
use mailvane_reply::explain;
use mailvane_reply::provider::Providers;
use serde_json::{Value, json};

use super::figures;
use super::problem::Problem;
use super::window::{Question, time};

/// A group with its figures of the scope.
struct Row {
    group: Group,
    figures: Figures,
}

/// Answers.
pub(super) fn answer(question: &Question, providers: &Providers) -> Result<Value, Problem> {
    let name =
        question.get("by").ok_or_else(|| Problem::bad_request("`by` is missing").hint("by=provider, domain, sender, reason, ..."))?;
    let by = Dimension::from_word(name).ok_or_else(|| Problem::bad_request(format!("cannot group by `{name}`")))?;
    let (sort, turned) = match question.get("sort").unwrap_or("trouble") {
        sort if sort.starts_with('-') => (&sort[1..], true),
        sort => (sort, false),
    };
    let limit = question.number("limit", 20, 1000)?;
    let scope = &question.scope;
    let found = analytics::breakdown(&question.view.snapshot, scope, by).map_err(|error| Problem::internal(&error))?;
    let mut total = Figures::default();
    let mut rows: Vec<Row> = Vec::new();
    for group in found.groups {
        let figures = figures::merged(&group.cell, scope);
        total.merge(&figures, 1);
        if !figures.is_empty() {
            rows.push(Row { group, figures });
        }
    }
    if sort == "key" {
        rows.sort_by(|left, right| left.group.key.cmp(&right.group.key));
    } else {
        let worth = weight(sort)?;
        rows.sort_by(|left, right| {
            worth(&right.figures).total_cmp(&worth(&left.figures)).then_with(|| left.group.key.cmp(&right.group.key))
        });
    }
    if turned {
        rows.reverse();
    }
    let count = rows.len();
    let shown: Vec<Value> = rows.iter().take(limit).map(|row| one(row, by, question, providers)).collect();
    Ok(json!({
        "window": question.window(),
        "by": name,
        "sort": question.get("sort").unwrap_or("trouble"),
        "rows": shown,
        "total_rows": found.exact.then_some(count),
        "exact": found.exact,
        "total": figures::figures(&total, figures::open(&question.view, scope)),
    }))
}

fn weight(sort: &str) -> Result<fn(&Figures) -> f64, Problem> {
    Ok(match sort {
        "trouble" => |figures| figures::trouble(figures) as f64 + figures.get(Figure::Attempts) as f64 / 1e12,
        "attempts" => |figures| figures.get(Figure::Attempts) as f64,
        "delivered" => |figures| (figures.get(Figure::Delivered) + figures.get(Figure::Relayed)) as f64,
        "deferred" => |figures| figures.get(Figure::DeferredAttempts) as f64,
        "bounced" => |figures| figures.get(Figure::Bounced) as f64,
        "expired" => |figures| figures.get(Figure::Expired) as f64,
        "failure_rate" => |figures| Rates::of(figures).failure.value().unwrap_or(-1.0),
        "deferral_rate" => |figures| Rates::of(figures).deferral.value().unwrap_or(-1.0),
        "acceptance_now" => |figures| Rates::of(figures).acceptance.value().unwrap_or(-1.0),
        "delay_p95" => |figures| figures.spread(Spread::Delay).and_then(|delay| delay.quantile(0.95)).map_or(-1.0, |delay| delay as f64),
        "bytes" => |figures| figures.get(Figure::DeliveredBytes) as f64,
        other => return Err(Problem::bad_request(format!("cannot sort by `{other}`"))),
    })
}

fn one(row: &Row, by: Dimension, question: &Question, providers: &Providers) -> Value {
    let key = &row.group.key;
    let mut scope: Scope = question.scope.clone();
    scope.filters.wanted.push((by, key.clone()));
    let reason = (by == Dimension::Reason).then(|| Reason::from_word(key)).flatten();
    json!({
        "key": key,
        "label": label(by, key, providers),
        "figures": figures::figures(&row.figures, figures::open(&question.view, &scope)),
        "top_reason": row.group.top_reason().map(|reason| reason.word()),
        "recipients_in_trouble": figures::trouble(&row.figures).max(0),
        "first_seen": row.group.first.map(time),
        "last_seen": row.group.last.map(time),
        "explanation": reason.map(explanation),
    })
}

/// A key for people.
pub(super) fn label(by: Dimension, key: &str, providers: &Providers) -> String {
    match (by, key) {
        (_, analytics::OTHER) => "everything else".to_owned(),
        (Dimension::Provider, "") => "nobody reached".to_owned(),
        (Dimension::Provider, key) => providers.name(key).to_owned(),
        (Dimension::Reason, key) => Reason::from_word(key).map_or_else(|| key.to_owned(), |reason| explain::title(reason).to_owned()),
        (_, "") => "unknown".to_owned(),
        (_, key) => key.to_owned(),
    }
}

/// What a reason means, in words.
pub(super) fn explanation(reason: Reason) -> Value {
    let words = explain::reason(reason);
    let who = mailvane_reply::reason::meaning(reason).fault;
    json!({ "title": words.title, "cause": words.cause, "fix": words.steps, "who": who.word() })
}
