//! Topics of ntfy, written as JSON so that titles may hold any letter.

use serde_json::json;

use super::super::secret::Secret;
use super::super::words::Words;
use super::post::Request;
use crate::event::{Notice, NoticeKind};
use crate::rule::Severity;

/// A message is cut after so many characters.
const TEXT: usize = 3_000;

/// The request. The topic is the last part of the address.
pub(crate) fn request(url: &Secret, token: Option<&Secret>, notice: &Notice, words: &Words) -> Result<Request, String> {
    let (base, topic) = url.reveal().trim_end_matches('/').rsplit_once('/').unwrap_or_default();
    if topic.is_empty() || !base.contains("://") || base.ends_with('/') {
        return Err("the address of ntfy must end with a topic: https://ntfy.example.net/topic".to_owned());
    }
    let (priority, tag) = match (notice.kind, notice.severity) {
        (NoticeKind::Resolved, _) => (2, "white_check_mark"),
        (_, Severity::Page) => (5, "rotating_light"),
        (_, Severity::Ticket) => (3, "warning"),
        (_, Severity::Info) => (2, "information_source"),
    };
    let mut lines = vec![words.since.clone()];
    lines.extend(words.parts.iter().map(|part| part.text.clone()));
    lines.extend(words.summary.iter().cloned());
    lines.extend(words.groups.iter().take(2).cloned());
    lines.extend(words.replies.first().map(|reply| format!("{}x {}", reply.count, reply.reply)));
    lines.extend(words.next.first().map(|step| format!("Next: {step}")));
    let message: String = lines.join("\n").chars().take(TEXT).collect();
    let mut body = json!({
        "topic": topic,
        "title": format!("{}: {}", words.status, words.title),
        "message": message,
        "priority": priority,
        "tags": [tag],
    });
    if !words.link.is_empty() {
        body["click"] = json!(words.link);
    }
    let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
    let headers = token.map(|token| ("authorization", Secret::of(format!("Bearer {}", token.reveal())))).into_iter().collect();
    Ok(Request { url: Secret::of(base), headers, body })
}

#[cfg(test)]
mod tests {
    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn the_topic_is_the_end_of_the_address() {
        let words = words(&notice(), Content::Masked);
        let made = request(&Secret::of("https://ntfy.example.net/ops"), Some(&Secret::of("tk")), &notice(), &words).unwrap();
        assert_eq!(made.url.reveal(), "https://ntfy.example.net");
        let body: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
        assert_eq!((body["topic"].as_str(), body["priority"].as_i64()), (Some("ops"), Some(5)));
        assert_eq!(made.headers[0].1.reveal(), "Bearer tk");
        for wrong in ["https://ntfy.example.net", "https://ntfy.example.net/", "ops"] {
            assert!(request(&Secret::of(wrong), None, &notice(), &words).is_err(), "{wrong}");
        }
    }
}
