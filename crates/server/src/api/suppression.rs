//! `/suppression`: the addresses that should not be mailed again, as JSON, CSV or text.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use mailvane_model::Time;

use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::read_zone;
use super::{Api, now};
use crate::command::report::offset_minutes;
use crate::pipeline::span;
use crate::suppression;

/// How the list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Text,
}

/// `/suppression`. Everything stored is looked at unless a time is given.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Response, Problem> {
    let question = Question::read(&uri, &[&["since", "until", "time_zone", "format"]])?;
    let form = question.word("format", &[("json", Form::Json), ("csv", Form::Csv), ("text", Form::Text)], Form::Json)?;
    let zone = read_zone(&question, reader.zone)?;
    let bound = |name: &str, default: Time| match question.get(name) {
        Some(text) => span::moment(text, zone, now()).map_err(|_| Problem::bad_request(format!("{name}: `{text}` is not a time"))),
        None => Ok(default),
    };
    let (since, until) = (bound("since", Time(i64::MIN))?, bound("until", Time(i64::MAX))?);
    if since >= until {
        return Err(Problem::bad_request("since is not before until: nothing can lie between them"));
    }
    let view = api.view()?;
    let written = move || -> Result<Vec<u8>, Problem> {
        let made = suppression::of_snapshot(&view.snapshot, since, until)?;
        let offset = |time: Time| offset_minutes(zone, time);
        Ok(match form {
            Form::Json => suppression::json(&made, &|_| 0),
            Form::Csv => suppression::csv(&made, &offset).into_bytes(),
            Form::Text => suppression::text(&made, zone).into_bytes(),
        })
    };
    let body = api.gate.run(written).await?;
    Ok(match form {
        Form::Json => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Form::Csv => {
            let name = "attachment; filename=\"suppression.csv\"";
            ([(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, name)], body).into_response()
        }
        Form::Text => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response(),
    })
}

/// The list as JSON, for the test of the contract.
#[cfg(test)]
pub(crate) fn of_view(view: &crate::live::view::View) -> serde_json::Value {
    let made = suppression::of_snapshot(&view.snapshot, Time(i64::MIN), Time(i64::MAX)).expect("read");
    serde_json::from_slice(&suppression::json(&made, &|_| 0)).expect("JSON")
}
