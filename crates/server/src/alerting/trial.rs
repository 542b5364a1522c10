//! A notice that says that it is a test, and looks as a real one would.

use mailvane_alert::Severity;
use mailvane_alert::condition::{Group, Reading};
use mailvane_alert::contrast::Excess;
use mailvane_alert::event::{Line, Notice, NoticeKind, Trend};
use mailvane_alert::input::Sample;
use mailvane_model::{Time, hash};

/// What is known of a test.
pub(crate) struct Trial<'a> {
    /// What tells it from another of the same moment: the receiver, and the route when there is one for each.
    pub(crate) words: &'a str,
    /// This host.
    pub(crate) host: &'a str,
    /// How grave it pretends to be.
    pub(crate) severity: Severity,
    /// Why it came, as a sentence.
    pub(crate) why: &'a str,
}

/// The notice, to all receivers.
pub(crate) fn notice(trial: &Trial<'_>, now: Time) -> Notice {
    let id = hash::words(&[hash::bytes(trial.words.as_bytes()), now.0 as u64]);
    let line = Line {
        rule: "test".into(),
        title: "This is a test".into(),
        group: Group::default(),
        severity: trial.severity,
        text: "48 of 50 recipients refused in 5m, usually 0.4 % (made up)".into(),
        reading: Reading::default(),
        why: format!("{} Nothing is wrong.", trial.why),
        runbook: "1. Check that this arrived where you will see it at night.\n2. Check that it is not in the spam folder.".into(),
    };
    let sample = Sample {
        weight: 48,
        provider: "google".into(),
        reason: "reputation".into(),
        reply: "550 5.7.1 This is a made-up reply".into(),
        permanent: true,
        ..Sample::default()
    };
    Notice {
        id: format!("{id:016x}"),
        incident: String::new(),
        answers: None,
        kind: NoticeKind::Fired,
        severity: trial.severity,
        title: format!("Test notice of Mailvane on {}", trial.host),
        at: now.0,
        began: now.plus(-12 * Time::MINUTE).0,
        receivers: Vec::new(),
        lines: vec![line],
        contrast: vec![Excess { label: "provider".into(), key: "google".into(), share: 0.96, of_mail: Some(0.3), failures: 48 }],
        samples: vec![sample],
        young: false,
        summary: Vec::new(),
        trend: Trend {
            from: now.plus(-60 * Time::MINUTE).floor(Time::MINUTE).0,
            step: Time::MINUTE,
            accepted: (0..60).map(|minute| if minute < 48 { 8 + minute % 5 } else { 1 }).collect(),
            refused: (0..60).map(|minute| if minute < 48 { 0 } else { 6 + minute % 4 }).collect(),
        },
        changes: Vec::new(),
    }
}
