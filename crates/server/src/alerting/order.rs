//! What people ask of the alerts: by the API at once, from the command line through the file that both may write.

use std::sync::mpsc::SyncSender;

use mailvane_alert::notify::Tried;
use mailvane_alert::state::Silence;
use serde::{Deserialize, Serialize};

use crate::queue::list::Look;
use crate::reporting::Due;

/// Characters of a comment, a pattern or a name.
pub(crate) const WORDS_MAX: usize = 300;
/// The longest silence, microseconds.
pub(crate) const SILENCE_MAX: i64 = 366 * mailvane_model::Time::DAY;

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum Order {
    /// Tell nothing of what this covers.
    Silence {
        /// It.
        silence: Silence,
    },
    /// End a silence.
    EndSilence {
        /// Its id.
        id: String,
        /// When, on the wall.
        at: i64,
    },
    /// Somebody has seen an incident.
    Acknowledge {
        /// The incident.
        incident: String,
        /// Who.
        author: String,
    },
    /// Send a test notice.
    Test {
        /// To which receiver.
        receiver: String,
        /// Who wants it.
        author: String,
    },
}

/// What reaches the thread of alerts.
pub(crate) enum Message {
    /// An order of the API, and who waits for it.
    Order(Order, SyncSender<Result<(), String>>),
    /// A report on a schedule is due.
    Report(Due),
    /// A notice was sent, or not.
    Sent {
        /// Which delivery.
        delivery: String,
        /// What came of it.
        tried: Tried,
    },
    /// The mail server was asked for its queue.
    Listed(Result<Box<Look>, String>),
}

/// Makes a silence, or says why not.
pub(crate) fn silence(rule: &str, key: &str, comment: &str, author: &str, from: i64, until: i64) -> Result<Silence, String> {
    for (what, text) in [("rule", rule), ("key", key), ("comment", comment), ("author", author)] {
        if text.chars().count() > WORDS_MAX || text.chars().any(char::is_control) {
            return Err(format!("{what}: {WORDS_MAX} characters at most, on one line"));
        }
    }
    if rule.trim().is_empty() && key.trim().is_empty() {
        return Err("say what is to be silent: a rule, a key (a provider, a user, a domain), or `*` for all".to_owned());
    }
    if until <= from || until - from > SILENCE_MAX {
        return Err("a silence ends after it begins, and within a year".to_owned());
    }
    let or_all = |text: &str| if text.trim().is_empty() { "*".to_owned() } else { text.trim().to_owned() };
    let (rule, key) = (or_all(rule), or_all(key));
    let words = [rule.as_bytes(), key.as_bytes(), author.as_bytes()].map(mailvane_model::hash::bytes);
    let id = mailvane_model::hash::words(&[words[0], words[1], words[2], from as u64, until as u64]);
    Ok(Silence { id: format!("{id:016x}"), author: author.to_owned(), comment: comment.trim().to_owned(), from, until, rule, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_says_what_and_until_when() {
        let made = silence("", "google", "they know", "ann", 5, 10).expect("fine");
        assert_eq!((made.rule.as_str(), made.key.as_str()), ("*", "google"));
        assert!(silence(" ", "", "", "ann", 5, 10).is_err());
        assert!(silence("*", "", "", "ann", 10, 10).is_err());
        assert!(silence("*", "", "a\nb", "ann", 5, 10).is_err());
        assert!(silence("*", "", "", "ann", 0, 400 * mailvane_model::Time::DAY).is_err());
        let order = Order::Silence { silence: made };
        let text = serde_json::to_vec(&order).expect("written");
        assert_eq!(serde_json::from_slice::<Order>(&text).expect("read"), order);
    }
}
