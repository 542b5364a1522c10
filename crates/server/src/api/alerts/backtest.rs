//! What an edited rule would have done, over what is stored, before it is put in force.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mailvane_alert::event::IncidentRow;
use mailvane_alert::{Rule, RuleSet};
use mailvane_model::Time;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::body::Said;
use super::super::json::moment;
use super::super::problem::Problem;
use super::super::reader::Reader;
use super::super::{Api, now};
use super::show::row;
use crate::alerting::replay::Replay;
use crate::pipeline::span;

/// How far back is looked, at most.
const MOST: i64 = 31 * Time::DAY;
/// It ends after this time, and says how far it came.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(45);
/// Incidents that are listed.
const INCIDENTS: usize = 500;

/// What is asked.
/// So much before the span that is asked for is learned from.
const LEARN: i64 = 14 * Time::DAY;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The rule as TOML.
    rule: String,
    /// How far back: `7d`.
    #[serde(default)]
    since: Option<String>,
}

/// `POST /alerts/backtest`.
pub(crate) async fn backtest(State(api): State<Arc<Api>>, _: Reader, Said(asked): Said<Asked>) -> Result<Json<Value>, Problem> {
    let length = match asked.since.as_deref() {
        None => 7 * Time::DAY,
        Some(text) => span::length(text).filter(|length| *length > 0).ok_or_else(|| Problem::bad_request("since: use 12h, 7d or 30d"))?,
    };
    let rule = match Rule::parse("rule", &asked.rule) {
        Ok(rule) => rule,
        Err(problems) => {
            let problems: Vec<Value> = problems.iter().map(|problem| json!({"line": problem.line, "text": problem.text})).collect();
            let nothing: [Value; 0] = [];
            return Ok(Json(
                json!({"problems": problems, "since": null, "until": null, "complete": false, "minutes": 0, "total": 0, "incidents": nothing}),
            ));
        }
    };
    let view = api.view()?;
    let until = now().floor(Time::MINUTE);
    let wanted = until.plus(-length.min(MOST)).floor(Time::MINUTE);
    let work = move || replay(&view.snapshot, rule, wanted, until);
    api.gate.run(work).await.map(Json)
}

fn replay(snapshot: &mailvane_store::Snapshot, rule: Rule, wanted: Time, until: Time) -> Result<Value, Problem> {
    let begun = std::time::Instant::now();
    // What comes before the span teaches what is usual, as it did the rules in force.
    let mut replay = Replay::new(RuleSet::of(vec![rule]), snapshot, wanted.plus(-LEARN), until);
    let since = replay.through.max(wanted);
    let mut incidents: Vec<IncidentRow> = Vec::new();
    while begun.elapsed() < PATIENCE
        && let Some(step) = replay.next(snapshot)?
    {
        for row in step.incidents {
            match incidents.iter_mut().find(|known| known.id == row.id) {
                Some(known) => *known = row,
                None => incidents.push(row),
            }
        }
    }
    incidents.retain(|row| row.part_of.is_none() && row.ended.is_none_or(|ended| ended >= since.0));
    incidents.sort_by_key(|row| std::cmp::Reverse(row.began));
    let total = incidents.len();
    incidents.truncate(INCIDENTS);
    let nothing: [Value; 0] = [];
    Ok(json!({
        "problems": nothing,
        "since": moment(since),
        "until": moment(replay.through),
        "complete": replay.through >= until,
        "minutes": replay.minutes,
        "total": total,
        "incidents": incidents.iter().map(row).collect::<Vec<_>>(),
    }))
}
