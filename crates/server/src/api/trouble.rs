//! `/trouble`: warnings and worse of the mail daemons.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::trouble::trouble;
use serde_json::{Value, json};

use super::json::moment;
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::{FIGURES, Window};
use super::{Api, now};

/// Groups by default, and at most.
const LIMIT: (usize, usize) = (20, 500);

/// `/trouble`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["limit", "since", "until"]])?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    api.answer(move |view, _| {
        let found = trouble(&view.snapshot, &window.scope)?;
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
                    "first": moment(group.first),
                    "last": moment(group.last),
                    "host": group.host,
                })
            })
            .collect();
        Ok(json!({"window": window.write(view.complete_to), "groups": groups, "total_groups": found.len()}))
    })
    .await
}
