//! Alertmanager's API, version 2: `POST /api/v2/alerts`.

use mailvane_model::Time;
use serde_json::{Value, json};

use super::super::secret::Secret;
use super::super::words::Words;
use super::post::Request;
use crate::event::{Notice, NoticeKind};
use crate::rule::Severity;

/// Alertmanager calls over what is not renewed: so long it believes us. Repeats come sooner.
const BELIEVED: i64 = 26 * Time::HOUR;

/// The request.
pub(crate) fn request(url: &Secret, token: Option<&Secret>, notice: &Notice, words: &Words) -> Result<Request, String> {
    let body = serde_json::to_vec(&alerts(notice, words)).map_err(|error| error.to_string())?;
    let url = Secret::of(format!("{}/api/v2/alerts", url.reveal().trim_end_matches('/')));
    let headers = token.map(|token| ("authorization", Secret::of(format!("Bearer {}", token.reveal())))).into_iter().collect();
    Ok(Request { url, headers, body })
}

/// The alert. Its severity is part of its identity there, so one that got graver ends under its former severity.
fn alerts(notice: &Notice, words: &Words) -> Value {
    let time = |micros: i64| Time(micros).rfc3339(0);
    let ends = |severity| {
        let over = notice.kind == NoticeKind::Resolved || severity != notice.severity;
        if over { notice.at } else { notice.at.saturating_add(BELIEVED) }
    };
    let group = notice.lines.first().map(|line| &line.group).filter(|group| !group.is_whole());
    let one = |severity: Severity| {
        let mut labels = json!({
            "alertname": "Mailvane",
            "severity": severity.word(),
            "instance": words.host,
            "incident": if notice.incident.is_empty() { &notice.id } else { &notice.incident },
        });
        if let Some(group) = group
            && group.label != "user"
        {
            labels[group.label.as_str()] = json!(group.key);
        }
        json!({
            "labels": labels,
            "annotations": {
                "summary": words.title,
                "description": words.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("; "),
                "runbook": words.next.join(" "),
            },
            "startsAt": time(notice.began),
            "endsAt": time(ends(severity)),
            "generatorURL": words.link,
        })
    };
    let all = matches!(notice.kind, NoticeKind::Worse | NoticeKind::Resolved);
    let severities = [Severity::Info, Severity::Ticket, Severity::Page].into_iter();
    severities.filter(|severity| *severity == notice.severity || (all && *severity < notice.severity)).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn an_alert_begins_gets_graver_and_ends_under_the_same_labels() {
        let words = words(&notice(), Content::Full);
        let fired = alerts(&notice(), &words);
        assert_eq!(fired.as_array().map(Vec::len), Some(1));
        assert_eq!(fired[0]["labels"]["provider"], "google");
        let over = Notice { kind: NoticeKind::Resolved, ..notice() };
        let over = alerts(&over, &words);
        let page = over.as_array().unwrap().last().unwrap();
        assert_eq!(page["labels"], fired[0]["labels"]);
        assert!(page["endsAt"].as_str() < fired[0]["endsAt"].as_str());
        let worse = alerts(&Notice { kind: NoticeKind::Worse, ..notice() }, &words);
        assert_eq!(worse[1]["endsAt"], Time(notice().at).rfc3339(0), "the ticket it was is over");
        let request = request(&Secret::of("http://am.example:9093/"), None, &notice(), &words).unwrap();
        assert_eq!(request.url.reveal(), "http://am.example:9093/api/v2/alerts");
    }
}
