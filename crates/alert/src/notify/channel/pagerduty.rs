//! `PagerDuty` events, version 2: one incident there for each of ours.

use mailvane_model::Time;
use serde_json::json;

use super::super::secret::Secret;
use super::super::words::Words;
use super::post::Request;
use crate::event::{Notice, NoticeKind};
use crate::rule::Severity;

/// The request.
pub(crate) fn request(url: &Secret, key: &Secret, notice: &Notice, words: &Words) -> Result<Request, String> {
    let severity = match notice.severity {
        Severity::Page => "critical",
        Severity::Ticket => "warning",
        Severity::Info => "info",
    };
    let mut body = json!({
        "routing_key": key.reveal(),
        "event_action": if notice.kind == NoticeKind::Resolved { "resolve" } else { "trigger" },
        "dedup_key": format!("mailvane-{}", if notice.incident.is_empty() { &notice.id } else { &notice.incident }),
        "client": "Mailvane",
        "payload": {
            "summary": format!("{} ({})", words.title, words.status),
            "source": words.host,
            "severity": severity,
            "timestamp": Time(notice.began).rfc3339(0),
            "component": "mail",
            "custom_details": words,
        },
    });
    if !words.link.is_empty() {
        body["client_url"] = json!(words.link);
        body["links"] = json!([{ "href": words.link, "text": "Mailvane" }]);
    }
    let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
    Ok(Request { url: url.clone(), headers: Vec::new(), body })
}

#[cfg(test)]
mod tests {
    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn the_resolution_closes_the_incident_that_the_alarm_opened() {
        let made = |notice: &Notice| -> serde_json::Value {
            let request = request(&Secret::of("https://pd.example"), &Secret::of("key"), notice, &words(notice, Content::Masked)).unwrap();
            serde_json::from_slice(&request.body).unwrap()
        };
        let (alarm, over) = (made(&notice()), made(&Notice { kind: NoticeKind::Resolved, ..notice() }));
        assert_eq!(alarm["dedup_key"], over["dedup_key"]);
        assert_eq!((alarm["event_action"].as_str(), over["event_action"].as_str()), (Some("trigger"), Some("resolve")));
        assert_eq!(alarm["payload"]["severity"], "critical");
    }
}
