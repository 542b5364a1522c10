//! `GET /trouble`: warnings and worse of the mail daemons, grouped.

use mailvane_analytics::trouble;
use serde_json::{Value, json};

use super::problem::Problem;
use super::window::{Question, time};

/// Answers.
pub(super) fn answer(question: &Question) -> Result<Value, Problem> {
    let limit = question.number("limit", 20, 500)?;
    let found = trouble::trouble(&question.view.snapshot, &question.scope).map_err(|error| Problem::internal(&error))?;
    let groups: Vec<Value> = found
        .iter()
        .take(limit)
        .map(|group| {
            json!({
                "level": group.level.word(),
                "daemon": group.daemon,
                "text": group.template,
                "sample": group.sample,
                "count": group.count,
                "first": time(group.first),
                "last": time(group.last),
                "host": group.host,
            })
        })
        .collect();
    Ok(json!({ "window": question.window(), "groups": groups, "total_groups": found.len() }))
}
