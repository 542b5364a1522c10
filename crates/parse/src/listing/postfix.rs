//! `postqueue -j`: one JSON object a line.

use serde_json::Value;

use super::{Listed, Queue, Recipient};

/// Reads a line; `now` is the time of the listing, in seconds. `None` for what is no message.
pub fn line(line: &str, now: i64) -> Option<Listed> {
    let read: Value = serde_json::from_str(line.trim()).ok()?;
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let queue = match read["queue_name"].as_str()? {
        "maildrop" => Queue::Maildrop,
        "incoming" => Queue::Incoming,
        "active" => Queue::Active,
        "hold" => Queue::Hold,
        _ => Queue::Deferred,
    };
    let arrived = read["arrival_time"].as_i64()?;
    // Postfix writes the null sender as the name of its bounces' sender.
    let sender = Some(text(&read, "sender")).filter(|sender| sender != "MAILER-DAEMON").unwrap_or_default();
    let mut listed = Listed {
        queue,
        queue_id: read["queue_id"].as_str()?.to_owned(),
        age: now.saturating_sub(arrived).max(0),
        size: read["message_size"].as_u64().unwrap_or_default(),
        sender,
        ..Listed::default()
    };
    for waiting in read["recipients"].as_array().into_iter().flatten() {
        listed.push(Recipient { address: text(waiting, "address"), reason: text(waiting, "delay_reason") });
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_deferred_message_is_read() {
        let text = r#"{"queue_name": "deferred", "queue_id": "4XYZ", "arrival_time": 1762000000, "message_size": 1234, "forced_expire": false, "sender": "ann@example.com", "recipients": [{"address": "bob@example.net", "delay_reason": "connect to mx.example.net[192.0.2.1]:25: Connection timed out"}, {"address": "eve@example.org"}]}"#;
        let listed = line(text, 1_762_003_600).unwrap();
        assert_eq!((listed.queue, listed.age, listed.size, listed.waiting()), (Queue::Deferred, 3600, 1234, 2));
        assert!(listed.recipients[0].reason.contains("timed out") && listed.recipients[1].reason.is_empty());
        let notice = line(r#"{"queue_name":"active","queue_id":"A","arrival_time":5,"sender":"MAILER-DAEMON"}"#, 3).unwrap();
        assert_eq!((notice.queue, notice.age, notice.sender.as_str()), (Queue::Active, 0, ""));
        assert_eq!(line("postqueue: fatal: Queue report unavailable", 0), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn no_line_panics(text in ".{0,200}", now in any::<i64>()) {
            line(&text, now);
        }
    }
}
