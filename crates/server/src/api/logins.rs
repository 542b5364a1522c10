//! `/logins`: logins one by one, newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::logins::{Login, Which, logins};
use mailvane_model::word::AuthResult;
use serde_json::{Value, json};

use super::json::{moment, text};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::{FIGURES, Window};
use super::{Api, now};

/// Logins by default, and at most.
const LIMIT: (usize, usize) = (100, 1000);

/// `/logins`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["limit", "since", "until", "time_zone", "instance", "client", "user", "network", "result"]])?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    let result = question.word("result", &[("ok", Some(AuthResult::Ok)), ("failed", Some(AuthResult::Failed)), ("all", None)], None)?;
    let which = Which { result, network: question.get("network").map(str::to_owned) };
    api.answer(move |view, _| {
        let found = logins(&view.snapshot, &window.scope, &which, limit)?;
        Ok(json!({
            "window": window.write(view.complete_to),
            "total": found.total,
            "items": found.rows.iter().map(item).collect::<Vec<Value>>(),
        }))
    })
    .await
}

fn item(login: &Login) -> Value {
    json!({
        "time": moment(login.time),
        "result": login.result.word(),
        "user": text(&login.user),
        "client_ip": text(&login.client_ip),
        "client_name": text(&login.client_name),
        "method": text(&login.method),
        "reply_text": text(&login.reply_text),
    })
}
