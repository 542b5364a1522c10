//! The webhook of our own form. The body is signed: `X-Mailvane-Signature: t=SECONDS,v1=HEX`, HEX being HMAC-SHA256 of `SECONDS.BODY`
//! under the shared key; who receives it refuses what is old or does not agree.

use mailvane_model::Time;
use ring::hmac;
use serde_json::{Value, json};

use super::super::secret::Secret;
use super::super::words::Words;
use super::post::Request;
use crate::event::{Notice, NoticeKind};

/// The version of the form.
const VERSION: u32 = 1;

/// The notice as one object, also for commands.
pub fn body(notice: &Notice, words: &Words) -> Value {
    let time = |micros: i64| Time(micros).floor(Time::SECOND).rfc3339(0);
    json!({
        "version": VERSION,
        "id": notice.id,
        "incident": if notice.incident.is_empty() { Value::Null } else { json!(notice.incident) },
        "kind": notice.kind,
        "state": if notice.kind == NoticeKind::Resolved { "resolved" } else { "firing" },
        "severity": notice.severity.word(),
        "began": time(notice.began),
        "at": time(notice.at),
        "rules": notice.lines.iter().map(|line| line.rule.as_str()).collect::<Vec<_>>(),
        "notice": words,
    })
}

/// The request.
pub(crate) fn request(url: &Secret, key: Option<&Secret>, notice: &Notice, words: &Words, seconds: i64) -> Result<Request, String> {
    let body = serde_json::to_vec(&body(notice, words)).map_err(|error| error.to_string())?;
    let headers = key.map(|key| ("x-mailvane-signature", Secret::of(signature(key, seconds, &body)))).into_iter().collect();
    Ok(Request { url: url.clone(), headers, body })
}

fn signature(key: &Secret, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::super::super::words::Content;
    use super::super::super::words::tests::{notice, words};
    use super::*;

    #[test]
    fn the_body_is_signed_with_its_time() {
        // RFC 4231, test case 2, with the time and a dot before the data.
        assert_eq!(
            signature(&Secret::of("Jefe"), 0, b""),
            format!("t=0,v1={}", hex(&hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"Jefe"), b"0.")))
        );
        let request =
            request(&Secret::of("https://h.example"), Some(&Secret::of("k")), &notice(), &words(&notice(), Content::Full), 7).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((body["state"].as_str(), body["severity"].as_str()), (Some("firing"), Some("page")));
        let header = request.headers[0].1.reveal();
        let given = header.strip_prefix("t=7,v1=").unwrap();
        let signed = [b"7.".as_slice(), &request.body].concat();
        assert_eq!(given, hex(&hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"k"), &signed)));
        assert_ne!(signature(&Secret::of("k"), 7, b"x"), signature(&Secret::of("k"), 8, b"x"));
    }

    fn hex(tag: &hmac::Tag) -> String {
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
