//! What people do about alerts: acknowledge, silence, end a silence. For operators; each is kept in the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mailvane_model::Time;
use serde::Deserialize;

use super::super::body::Said;
use super::super::guard::done;
use super::super::problem::Problem;
use super::super::reader::{Caller, Reader};
use super::super::{Api, now};
use super::show;
use crate::alerting::order::{self, Order};

/// Gives an order on a thread where it may wait.
async fn give(api: &Arc<Api>, order: Order) -> Result<(), Problem> {
    let board = Arc::clone(&api.board);
    let given = tokio::task::spawn_blocking(move || board.order(order)).await.map_err(|error| Problem::internal(&error))?;
    given.map_err(Problem::conflict)
}

/// `POST /alerts/incidents/{id}/acknowledge`.
pub(crate) async fn acknowledge(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    if !api.board.state().incidents.iter().any(|incident| incident.id == id) {
        return Err(Problem::not_found("there is no such incident that goes on"));
    }
    let author = reader.identity.name.clone();
    give(&api, Order::Acknowledge { incident: id.clone(), author: author.clone() }).await?;
    api.access.note(&author, caller.address(), "alert_acknowledged", &id).await;
    Ok(done())
}

/// What is sent to make a silence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSilence {
    #[serde(default)]
    rule: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    comment: String,
    /// How long, in minutes.
    minutes: u32,
}

/// `POST /alerts/silences`.
pub(crate) async fn silence(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Said(said): Said<NewSilence>,
) -> Result<Response, Problem> {
    let (author, from) = (reader.identity.name.clone(), now().0);
    let until = from.saturating_add(i64::from(said.minutes) * Time::MINUTE);
    let made = order::silence(&said.rule, &said.key, &said.comment, &author, from, until).map_err(Problem::bad_request)?;
    give(&api, Order::Silence { silence: made.clone() }).await?;
    let detail = format!("{} {} for {} min: {}", made.rule, made.key, said.minutes, made.comment);
    api.access.note(&author, caller.address(), "alerts_silenced", &detail).await;
    Ok((StatusCode::CREATED, Json(show::silence(&made, from))).into_response())
}

/// `DELETE /alerts/silences/{id}`.
pub(crate) async fn end_silence(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let wall = now().0;
    if !api.board.state().silences.iter().any(|silence| silence.id == id && silence.until > wall) {
        return Err(Problem::not_found("there is no such silence that goes on"));
    }
    give(&api, Order::EndSilence { id: id.clone(), at: wall }).await?;
    api.access.note(&reader.identity.name, caller.address(), "silence_ended", &id).await;
    Ok(done())
}

/// What is sent to try a receiver out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tested {
    receiver: String,
}

/// `POST /alerts/test`.
pub(crate) async fn test(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Said(said): Said<Tested>,
) -> Result<Response, Problem> {
    if !api.board.state().routes.iter().any(|(name, _)| *name == said.receiver) {
        return Err(Problem::not_found("there is no such receiver"));
    }
    let author = reader.identity.name.clone();
    give(&api, Order::Test { receiver: said.receiver.clone(), author: author.clone() }).await?;
    api.access.note(&author, caller.address(), "test_notice_sent", &said.receiver).await;
    Ok(done())
}
