//! `/charts/series.svg` and `/charts/series.png`: the answer of `/series` as a picture, for mail, reports and other pages.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use mailvane_render::chart::{Band, Chart, Hue, Kind, Marker, Series, Unit};

use super::Api;
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::series::{ASKED, Answer, Asked, answer};
use super::window::WINDOW;
use crate::command::report::offset_minutes;

/// Width and height unless asked, and the least and the most of each, in pixels.
const SIZE: (u32, u32) = (900, 300);
const LEAST: (u32, u32) = (200, 120);
const MOST: (u32, u32) = (2400, 1200);
/// Colours of lines that mean nothing by themselves, in this order.
const HUES: &[Hue] = &[Hue::Aside, Hue::Slow, Hue::Good, Hue::Other, Hue::Bad];

/// `/charts/series.svg`.
pub(crate) async fn svg(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Response, Problem> {
    draw(&api, &reader, &uri, "image/svg+xml", |chart, offset| chart.svg(offset).map(String::into_bytes)).await
}

/// `/charts/series.png`.
pub(crate) async fn png(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Response, Problem> {
    draw(&api, &reader, &uri, "image/png", |chart, offset| chart.png(offset)).await
}

type Offset<'a> = &'a dyn Fn(mailvane_model::Time) -> i32;

async fn draw(
    api: &Arc<Api>,
    reader: &Reader,
    uri: &Uri,
    kind: &'static str,
    form: impl Fn(&Chart, Offset<'_>) -> Result<Vec<u8>, mailvane_render::Error> + Send + 'static,
) -> Result<Response, Problem> {
    let question = Question::read(uri, &[WINDOW, ASKED, &["kind", "width", "height"]])?;
    let asked = Asked::read(&question, reader)?;
    let shape = question.word("kind", &[("bars", Kind::Bars), ("lines", Kind::Lines)], Kind::Lines)?;
    let size = (side(&question, "width", SIZE.0, LEAST.0, MOST.0)?, side(&question, "height", SIZE.1, LEAST.1, MOST.1)?);
    let (here, view) = (Arc::clone(api), api.view()?);
    let work = move || -> Result<Vec<u8>, Problem> {
        let answer = answer(&here, &view, &asked)?;
        let units: std::collections::BTreeSet<&str> = answer.lines.iter().map(|line| line.metric.unit).collect();
        if units.len() > 1 {
            return Err(
                Problem::bad_request("these metrics have different units and cannot stand in one chart").hint("ask for one unit at a time")
            );
        }
        let zone = asked.window.zone;
        let chart = chart(&answer, shape, size);
        form(&chart, &|time| offset_minutes(zone, time)).map_err(|error| Problem::internal(&error))
    };
    let body = api.gate.run(work).await?;
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, no-cache")], body).into_response())
}

fn side(question: &Question, name: &str, usual: u32, least: u32, most: u32) -> Result<u32, Problem> {
    let Some(text) = question.get(name) else { return Ok(usual) };
    let given = text.parse().ok().filter(|side| (least..=most).contains(side));
    given.ok_or_else(|| Problem::bad_request(format!("{name}: `{text}` is not a number from {least} to {most}")))
}

/// The colour of a metric, as on the page; by its place where it is one of many groups.
fn hue(metric: &str, place: usize, groups: bool) -> Hue {
    match metric {
        _ if groups => HUES[place % HUES.len()],
        "delivered" | "acceptance_now" => Hue::Good,
        "relayed" | "received" => Hue::Aside,
        "deferred" | "deferred_recipients" | "deferral_rate" => Hue::Slow,
        "bounced" | "hard_bounced" | "bounce_rate" | "failure_rate" => Hue::Bad,
        "expired" => Hue::Other,
        _ => HUES[place % HUES.len()],
    }
}

/// The picture of an answer.
pub(crate) fn chart(answer: &Answer, kind: Kind, size: (u32, u32)) -> Chart {
    let metrics: std::collections::BTreeSet<&str> = answer.lines.iter().map(|line| line.metric.word).collect();
    let groups = answer.lines.len() > metrics.len();
    let title: Vec<String> = metrics.iter().map(|word| word.replace('_', " ")).collect();
    let unit = match answer.lines.first().map(|line| line.metric.unit) {
        Some("ratio") => Unit::Share,
        Some("seconds") => Unit::Seconds,
        Some("bytes") => Unit::Bytes,
        _ => Unit::Count,
    };
    let unknown = if kind == Kind::Lines { f64::NAN } else { 0.0 };
    let lines = answer.lines.iter().enumerate().map(|(place, line)| Series {
        name: line.label.clone(),
        hue: hue(line.metric.word, place, groups),
        values: line.values().map(|value| value.unwrap_or(unknown)).collect(),
    });
    let context = answer.context.as_ref();
    // One band is read; several over each other are not.
    let band = context.and_then(|context| context.usual.first()).map(|usual| Band { low: usual.low.clone(), high: usual.high.clone() });
    let end = answer.borders.last().copied();
    let markers = context.into_iter().flat_map(|context| &context.markers).map(|marker| Marker {
        from: marker.from,
        // What nobody was woken for may go on for days: a line where it begins says enough.
        until: if marker.is_page() { marker.until.or(end) } else { None },
        hue: if marker.is_incident() { Hue::Bad } else { Hue::Other },
    });
    Chart {
        title: title.join(", "),
        starts: answer.borders[..answer.borders.len().saturating_sub(1)].to_vec(),
        step_seconds: answer.step,
        series: lines.collect(),
        kind,
        size,
        unit,
        band,
        markers: markers.collect(),
        legend: true,
    }
}
