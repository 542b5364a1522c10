//! `/attention`: what is wrong now, what was looked at to say so, and what changed. The head of the first page.
//!
//! * [`wrong`]: what wants somebody. [`changed`]: what is not as it was.

mod changed;
mod wrong;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_alert::condition::Group;
use serde_json::{Value, json};

use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::{FIGURES, Window};
use super::{Api, now};

/// Lines of each list; the rest is counted.
const LINES: usize = 12;

/// One line of either list.
struct Line {
    /// Its kind: `incident`, `pending`, `finding`, `source`, `queue`; `record`, `reason`, `volume`, `ended`.
    kind: &'static str,
    /// `page`, `ticket` or `info`.
    severity: &'static str,
    title: String,
    text: String,
    /// Since when, or when it happened.
    time: Option<mailvane_model::Time>,
    /// The page that tells more.
    page: String,
}

impl Line {
    fn write(&self) -> Value {
        json!({
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "text": self.text,
            "time": optional_moment(self.time),
            "page": self.page,
        })
    }
}

/// Whom an incident is about, to follow its title; nothing when it is the whole server.
pub(crate) fn about(group: &Group) -> String {
    if group.is_whole() {
        return String::new();
    }
    format!(": {} {}", group.label.replace('_', " "), name_of(group))
}

/// The key of a group as people say it: a provider has a name.
pub(crate) fn name_of(group: &Group) -> String {
    if group.label == "provider" { crate::rules::current().providers.name(&group.key).to_owned() } else { group.key.clone() }
}

/// A part of an address of ours, percent-encoded.
fn part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `/attention`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["since", "until", "time_zone"]])?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    let (here, view) = (Arc::clone(&api), api.view()?);
    let work = move || -> Result<Value, Problem> {
        let mut wrong = wrong::Wrong::default();
        // What goes on here is about the whole server: users of some domains hear of their own mail alone.
        if reader.within().is_none() {
            wrong.look(&here, &view);
        }
        let changed = changed::look(&here, &view, &window, reader.within().is_none())?;
        let lines = |lines: &[Line]| lines.iter().take(LINES).map(Line::write).collect::<Vec<_>>();
        Ok(json!({
            "as_of": moment(now()),
            "since": moment(window.scope.since),
            "until": moment(window.scope.until),
            "complete_to": optional_moment(view.complete_to),
            "wrong": lines(&wrong.lines),
            "wrong_total": wrong.lines.len(),
            "looked_at": wrong.looked_at,
            "changed": lines(&changed.lines),
            "changed_total": changed.lines.len(),
            "compared_with": changed.compared_with.map(|(since, until)| json!({"since": moment(since), "until": moment(until)})),
        }))
    };
    api.gate.run(work).await.map(Json)
}
