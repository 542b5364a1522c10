//! What a backtest found, for people and as JSON.

use mailvane_alert::event::{IncidentRow, NoticeKind, Transition};
use mailvane_alert::rule::span_text;
use mailvane_alert::{Engine, Step};
use mailvane_model::Time;
use serde_json::{Value, json};

use crate::pipeline::span::Span;

/// What there is to print.
pub(super) struct Told<'a> {
    pub(super) engine: &'a Engine,
    pub(super) step: &'a Step,
    pub(super) span: Span,
    pub(super) first: Option<Time>,
    pub(super) last: Option<Time>,
    /// Minutes of log time that were judged.
    pub(super) minutes: u64,
    /// How long that took.
    pub(super) seconds: f64,
    pub(super) offset: &'a dyn Fn(Time) -> i32,
}

impl Told<'_> {
    fn time(&self, micros: i64) -> String {
        Time(micros).floor(Time::SECOND).rfc3339((self.offset)(Time(micros)))
    }

    /// The incidents that touch the span, each once, as they ended (or stand).
    fn incidents(&self) -> Vec<&IncidentRow> {
        let mut last: Vec<&IncidentRow> = Vec::new();
        for row in &self.step.incidents {
            match last.iter_mut().find(|known| known.id == row.id) {
                Some(known) => *known = row,
                None => last.push(row),
            }
        }
        last.retain(|row| {
            row.part_of.is_none() && row.fired < self.span.until.0 && row.ended.is_none_or(|ended| ended >= self.span.since.0)
        });
        last.sort_by(|left, right| (left.began, &left.id).cmp(&(right.began, &right.id)));
        last
    }

    fn transitions(&self) -> impl Iterator<Item = &Transition> {
        self.step.transitions.iter().filter(|transition| self.span.contains(Time(transition.at)))
    }

    fn notices(&self, incident: &str) -> usize {
        self.step.notices.iter().filter(|notice| notice.incident == incident).count()
    }
}

/// For people.
pub(super) fn text(told: &Told<'_>) -> String {
    let mut out = String::new();
    let (Some(first), Some(last)) = (told.first, told.last) else { return "no mail log lines: nothing to judge\n".to_owned() };
    out.push_str(&format!(
        "{} rules over {} to {} ({} minutes of log in {:.1} s)\n\n",
        told.engine.rules().rules().len(),
        told.time(first.0),
        told.time(last.0),
        told.minutes,
        told.seconds
    ));
    let incidents = told.incidents();
    for row in &incidents {
        let end = row.ended.map_or("goes on at the end".to_owned(), |ended| format!("for {}", length(ended - row.began)));
        let group = if row.group.is_whole() { String::new() } else { format!(": {}", row.group) };
        out.push_str(&format!("{}  {:<6}  {}{group}\n", told.time(row.began), row.severity.word(), row.title));
        out.push_str(&format!("    {end}; fired {} after it began; {} notices\n", length(row.fired - row.began), told.notices(&row.id)));
        out.push_str(&format!("    {}\n    rules: {}\n", row.text, row.rules.join(", ")));
        let fired = told.step.notices.iter().find(|notice| notice.incident == row.id && notice.kind == NoticeKind::Fired);
        for excess in fired.iter().flat_map(|notice| &notice.contrast).take(3) {
            out.push_str(&format!("    {:.0} % of the failures: {} {}\n", excess.share * 100.0, excess.label, excess.key));
        }
        for sample in fired.iter().flat_map(|notice| &notice.samples) {
            out.push_str(&format!("    {}x {}\n", sample.weight, sample.reply));
        }
        out.push('\n');
    }
    let pages = incidents.iter().filter(|row| row.severity == mailvane_alert::Severity::Page).count();
    out.push_str(&match incidents.len() {
        0 => "nothing would have fired\n".to_owned(),
        count => format!("{count} incidents would have fired, {pages} of them pages\n"),
    });
    out
}

/// A length of time, in its largest two units.
fn length(micros: i64) -> String {
    let minutes = micros.max(0) / Time::MINUTE * Time::MINUTE;
    if minutes == 0 {
        return span_text(micros.max(0));
    }
    let (days, hours) = (minutes / Time::DAY * Time::DAY, minutes / Time::HOUR * Time::HOUR);
    let (large, rest) = if days > 0 { (days, hours - days) } else { (hours, minutes - hours) };
    match (large, rest) {
        (0, rest) => span_text(rest),
        (large, 0) => span_text(large),
        (large, rest) => format!("{} {}", span_text(large), span_text(rest)),
    }
}

/// As one object.
pub(super) fn json(told: &Told<'_>) -> String {
    let incidents: Vec<Value> = told
        .incidents()
        .into_iter()
        .map(|row| {
            json!({
                "id": row.id, "title": row.title, "group": group(&row.group), "severity": row.severity.word(),
                "began": told.time(row.began), "fired": told.time(row.fired), "ended": row.ended.map(|ended| told.time(ended)),
                "duration_s": row.ended.map(|ended| (ended - row.began) / Time::SECOND), "rules": row.rules, "text": row.text,
                "notices": told.notices(&row.id),
            })
        })
        .collect();
    let transitions: Vec<Value> = told
        .transitions()
        .map(|transition| {
            let reading = &transition.reading;
            json!({
                "id": transition.id, "time": told.time(transition.at), "rule": transition.rule, "group": group(&transition.group),
                "state": transition.to, "severity": transition.severity.word(), "value": reading.value, "limit": reading.limit,
                "count": reading.count, "of": reading.of, "usual": reading.usual, "window_s": reading.window / Time::SECOND, "text": reading.text,
            })
        })
        .collect();
    let rules: Vec<&str> = told.engine.rules().rules().iter().map(|rule| rule.name.as_str()).collect();
    let object = json!({
        "first": told.first.map(|time| told.time(time.0)), "last": told.last.map(|time| told.time(time.0)), "minutes": told.minutes,
        "rules": rules, "incidents": incidents, "transitions": transitions, "dropped": told.engine.dropped(),
    });
    format!("{object}\n")
}

fn group(group: &mailvane_alert::condition::Group) -> Value {
    if group.is_whole() { Value::Null } else { json!({ group.label.clone(): group.key }) }
}
