//! Incoming webhooks as Slack, Mattermost, Rocket.Chat and others know them.

use serde_json::json;

use super::super::secret::Secret;
use super::super::words::Words;
use super::post::Request;
use crate::event::{Notice, NoticeKind};
use crate::rule::Severity;

/// A message is cut after so many characters.
const TEXT: usize = 3_000;

/// The request.
pub(crate) fn request(url: &Secret, notice: &Notice, words: &Words) -> Result<Request, String> {
    let body = serde_json::to_vec(&json!({ "text": text(notice, words) })).map_err(|error| error.to_string())?;
    Ok(Request { url: url.clone(), headers: Vec::new(), body })
}

fn text(notice: &Notice, words: &Words) -> String {
    let sign = match (notice.kind, notice.severity) {
        (NoticeKind::Resolved, _) => ":white_check_mark:",
        (_, Severity::Page) => ":rotating_light:",
        (_, Severity::Ticket) => ":warning:",
        (_, Severity::Info) => ":information_source:",
    };
    let mut text = format!("{sign} *{}*\n{}, {}", escape(&words.title), escape(&words.status), escape(&words.since));
    let mut add = |line: &str| {
        text.push('\n');
        text.push_str(line);
    };
    words.parts.iter().for_each(|part| add(&escape(&part.text)));
    words.summary.iter().for_each(|line| add(&format!("• {}", escape(line))));
    words.groups.iter().for_each(|group| add(&format!("• {}", escape(group))));
    words.replies.iter().for_each(|reply| add(&format!("> {}x {}", reply.count, escape(&reply.reply))));
    if let Some(step) = words.next.first() {
        add(&format!("*Next:* {}", escape(step)));
    }
    if !words.link.is_empty() {
        add(&format!("<{}>", words.link));
    }
    text.chars().take(TEXT).collect()
}

/// What has a meaning of its own there: links, mentions and channels.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn strangers_cannot_mention_everybody() {
        let mut notice = notice();
        notice.samples[0].reply = "550 <!channel> <https://evil.example|click>".into();
        let text = text(&notice, &words(&notice, Content::Full));
        assert!(!text.contains("<!channel>") && text.contains("&lt;!channel&gt;"), "{text}");
        assert!(text.starts_with(":rotating_light: *A provider blocks us"), "{text}");
        assert!(text.ends_with('>'), "{text}");
    }
}
