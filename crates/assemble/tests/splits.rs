//! The same lines give the same facts: whatever the batch borders, the restarts in between, and the order of sources.

use std::collections::BTreeMap;

use mailvane_assemble::{Assembler, Config};
use mailvane_model::{AttemptRow, AuthRow, FileId, MessageRow, NoticeRow, OutcomeRow, Position, RejectionRow, SessionRow, Sink, Time};
use mailvane_parse::calendar::{Calendar, Zone};
use proptest::prelude::*;

/// Keeps the last revision of every row, as text.
#[derive(Debug, Default, PartialEq)]
struct Facts {
    rows: BTreeMap<(&'static str, u64), String>,
    /// What sums say: every outcome counted when told, and taken back when replaced.
    outcomes: BTreeMap<&'static str, i64>,
}

impl Sink for Facts {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        self.rows.insert(("message", row.id), format!("{:?}", MessageRow { rev: 0, ..*row }));
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        assert!(self.rows.insert(("attempt", row.id), format!("{row:?}")).is_none(), "an attempt is told once");
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        let former = self.rows.insert(("outcome", row.id), format!("{:?}", OutcomeRow { rev: 0, ..*row }));
        assert_eq!(former.is_some(), replaced.is_some(), "a revision says what it replaces: {row:?}");
        if let (Some(former), Some(replaced)) = (former, replaced) {
            assert_eq!(former, format!("{:?}", OutcomeRow { rev: 0, ..*replaced }), "what is replaced is what was told");
            *self.outcomes.entry(replaced.outcome.word()).or_default() -= 1;
        }
        *self.outcomes.entry(row.outcome.word()).or_default() += 1;
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.rows.insert(("rejection", row.id), format!("{row:?}"));
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.rows.insert(("auth", row.id), format!("{row:?}"));
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.rows.insert(("session", row.id), format!("{row:?}"));
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.rows.insert(("notice", row.id), format!("{row:?}"));
    }
}

struct Line<'a> {
    file: u64,
    offset: u64,
    time: Time,
    bytes: &'a [u8],
}

fn lines(file: u64, text: &str) -> Vec<Line<'_>> {
    let mut calendar = Calendar::with_year(Zone::Fixed(0), 2026);
    let mut offset = 0;
    let mut all = Vec::new();
    for line in text.lines() {
        let bytes = line.as_bytes();
        let when = mailvane_parse::head::record(bytes).when;
        let (time, _) = calendar.resolve(when).expect("every line of these has a time");
        all.push(Line { file, offset, time, bytes });
        offset += bytes.len() as u64 + 1;
    }
    all
}

/// Feeds the lines; at each of `borders` the clock may be moved, at each of `restarts` the assembler is stored and restored.
fn assemble(lines: &[Line<'_>], restarts: &[usize], clocks: &[usize], watermarks: &[Time]) -> Facts {
    let mut facts = Facts::default();
    let mut assembler = Assembler::new(Config::default());
    let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let record = mailvane_parse::head::record(line.bytes);
        assembler.record("here", Position { file: FileId(line.file), offset: line.offset }, line.time, &record, &mut facts);
        if clocks.contains(&number) {
            assembler.advance(watermarks[number], &mut facts);
        }
        if restarts.contains(&number) {
            for (key, value) in assembler.take_changes() {
                match value {
                    Some(value) => drop(stored.insert(key, value)),
                    None => drop(stored.remove(&key)),
                }
            }
            assembler = Assembler::restore(Config::default(), stored.clone().into_iter()).expect("what was stored is restored");
        }
    }
    let end = lines.iter().map(|line| line.time).max().unwrap_or_default();
    assembler.advance(end.plus(2 * Time::HOUR), &mut facts);
    assembler.finish(&mut facts);
    facts
}

/// The watermark after each line of a log read in order: its own time.
fn in_order(lines: &[Line<'_>]) -> Vec<Time> {
    let mut latest = Time::default();
    lines
        .iter()
        .map(|line| {
            latest = latest.max(line.time);
            latest
        })
        .collect()
}

/// The rows that one has and the other has not.
fn differences(one: &Facts, other: &Facts) -> Vec<String> {
    let missing = |from: &Facts, side: &str, there: &Facts| -> Vec<String> {
        let rows = from.rows.iter().filter(|(key, row)| there.rows.get(key) != Some(row));
        rows.map(|((kind, id), row)| format!("{side} {kind} {id} {row}")).collect()
    };
    [missing(one, "expected", other), missing(other, "found", one)].concat()
}

const ONE: &str = include_str!("one.log");
const OUT: &str = include_str!("out.log");

/// Logs of other MTAs, and of several in one file.
const OTHERS: &[&str] = &[
    include_str!("../../../sample-logs/exim/simple-delivery.log"),
    include_str!("../../../sample-logs/exim/deferral-and-expiry.log"),
    include_str!("../../../sample-logs/exim/bounce.log"),
    include_str!("../../../sample-logs/exim/local-targets.log"),
    include_str!("../../../sample-logs/exim/frozen-and-removed.log"),
    include_str!("../../../sample-logs/exim/cutthrough-and-fakes.log"),
    include_str!("../../../sample-logs/exim/filter-reinjection.log"),
    include_str!("../../../sample-logs/sendmail/multi-recipient.log"),
    include_str!("../../../sample-logs/sendmail/submission-hand-over.log"),
    include_str!("../../../sample-logs/sendmail/notices-and-expiry.log"),
    include_str!("../../../sample-logs/sendmail/refusals.log"),
    include_str!("../../../sample-logs/sendmail/logins-and-tls.log"),
    include_str!("../../../sample-logs/opensmtpd/deliveries.log"),
    include_str!("../../../sample-logs/opensmtpd/generations.log"),
    include_str!("../../../sample-logs/mixed/one-syslog.log"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batch_borders_and_restarts_change_nothing(
        restarts in prop::collection::vec(0_usize..200, 0..12),
        clocks in prop::collection::vec(0_usize..200, 0..40),
    ) {
        let lines = lines(1, ONE);
        let watermarks = in_order(&lines);
        let undisturbed = assemble(&lines, &[], &[], &watermarks);
        let disturbed = assemble(&lines, &restarts, &clocks, &watermarks);
        prop_assert_eq!(differences(&undisturbed, &disturbed), Vec::<String>::new());
        prop_assert_eq!(&undisturbed.outcomes, &disturbed.outcomes);
    }

    #[test]
    fn batch_borders_and_restarts_change_nothing_for_other_mtas(
        log in prop::sample::select(OTHERS),
        restarts in prop::collection::vec(0_usize..40, 0..12),
        clocks in prop::collection::vec(0_usize..40, 0..40),
    ) {
        let lines = lines(1, log);
        let watermarks = in_order(&lines);
        let undisturbed = assemble(&lines, &[], &[], &watermarks);
        let disturbed = assemble(&lines, &restarts, &clocks, &watermarks);
        prop_assert_eq!(differences(&undisturbed, &disturbed), Vec::<String>::new());
        prop_assert_eq!(&undisturbed.outcomes, &disturbed.outcomes);
    }

    #[test]
    fn the_order_of_sources_changes_nothing(mixing in prop::collection::vec(any::<bool>(), 400), restarts in prop::collection::vec(0_usize..200, 0..6)) {
        let (first, second) = (lines(1, ONE), lines(2, OUT));
        let mut mixed = Vec::new();
        let (mut first, mut second) = (first.into_iter().peekable(), second.into_iter().peekable());
        let mut choices = mixing.into_iter().cycle();
        while first.peek().is_some() || second.peek().is_some() {
            let takes_first = second.peek().is_none() || first.peek().is_some() && choices.next().unwrap_or(true);
            mixed.extend(if takes_first { first.next() } else { second.next() });
        }
        let mut by_time: Vec<Line<'_>> = lines(1, ONE).into_iter().chain(lines(2, OUT)).collect();
        by_time.sort_by_key(|line| line.time);
        let (expected, found) = (assemble(&by_time, &[], &[], &[]), assemble(&mixed, &restarts, &[], &[]));
        prop_assert_eq!(differences(&expected, &found), Vec::<String>::new());
        prop_assert_eq!(&expected.outcomes, &found.outcomes);
    }
}

#[test]
fn every_recipient_of_a_chain_has_one_outcome() {
    let mut all: Vec<Line<'_>> = lines(1, ONE).into_iter().chain(lines(2, OUT)).collect();
    all.sort_by_key(|line| line.time);
    let facts = assemble(&all, &[], &[], &[]);
    let outcomes: Vec<&String> = facts.rows.iter().filter(|((kind, _), _)| *kind == "outcome").map(|(_, row)| row).collect();
    for needle in [
        "ann\", domain: \"example.net",
        "box1\", domain: \"example.com",
        "box2\", domain: \"example.com",
        "gone\", domain: \"example.net",
        "late\", domain: \"example.net",
    ] {
        assert_eq!(
            outcomes.iter().filter(|row| row.contains(&format!("recipient: Address {{ local: \"{needle}\" }}, orig"))).count(),
            1,
            "{needle}"
        );
    }
    assert_eq!(facts.outcomes.get("unknown"), None, "nothing is unknown in a whole log: {facts:#?}");
}

/// 500,000 open messages: the bytes of their pieces, and what comes back.
#[test]
fn many_open_messages_are_restored() {
    const MANY: u64 = 20_000;
    let mut facts = Facts::default();
    let mut assembler = Assembler::new(Config::default());
    for number in 0..MANY {
        let lines = [
            format!("Nov  2 08:15:01 mx1 postfix/smtpd[812]: 4A{number:08X}: client=mail.example.org[192.0.2.7]"),
            format!("Nov  2 08:15:01 mx1 postfix/cleanup[820]: 4A{number:08X}: message-id=<m{number}@example.org>"),
            format!(
                "Nov  2 08:15:01 mx1 postfix/qmgr[510]: 4A{number:08X}: from=<joe{number}@example.org>, size=2345, nrcpt=1 (queue active)"
            ),
            format!(
                "Nov  2 08:15:02 mx1 postfix/smtp[840]: 4A{number:08X}: to=<box{number}@example.com>, relay=mx.example.com[203.0.113.1]:25, delay=1, delays=0.1/0/0/0.9, dsn=4.2.0, status=deferred (host mx.example.com[203.0.113.1] said: 450 4.2.0 try later (in reply to RCPT TO command))"
            ),
        ];
        for (ordinal, line) in (0..).zip(&lines) {
            let record = mailvane_parse::head::record(line.as_bytes());
            let position = Position { file: FileId(1), offset: number * 1000 + ordinal };
            assembler.record("here", position, Time::from_seconds(1_793_606_401), &record, &mut facts);
        }
    }
    let pieces: Vec<(Vec<u8>, Vec<u8>)> = assembler.take_changes().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let restored = Assembler::restore(Config::default(), pieces.into_iter()).expect("what was stored is restored");
    assert_eq!(restored.statistics().lives, MANY);
    let (mut expected, mut found) = (Facts::default(), Facts::default());
    assembler.finish(&mut expected);
    restored.finish(&mut found);
    assert_eq!(differences(&expected, &found), Vec::<String>::new());
    assert_eq!(expected.outcomes.get("queued"), Some(&(MANY as i64)));
}

#[test]
fn large_messages_are_stored_in_stretches_and_damage_is_named() {
    let mut facts = Facts::default();
    let mut assembler = Assembler::new(Config::default());
    let attempt = |assembler: &mut Assembler, facts: &mut Facts, number: u64| {
        let line = format!(
            "Nov  2 08:15:02 mx1 postfix/smtp[840]: 4A0001: to=<box{number}@example.com>, relay=none, delay=1, delays=0.1/0/0/0.9, dsn=4.4.1, status=deferred (connect to mx.example.com[203.0.113.1]:25: Connection timed out)"
        );
        let record = mailvane_parse::head::record(line.as_bytes());
        assembler.record("here", Position { file: FileId(1), offset: number }, Time::from_seconds(1_793_606_401), &record, facts);
    };
    for number in 0..1000 {
        attempt(&mut assembler, &mut facts, number);
    }
    let mut stored: BTreeMap<Vec<u8>, Vec<u8>> =
        assembler.take_changes().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    assert!(stored.len() > 1000 / 64, "in stretches");
    attempt(&mut assembler, &mut facts, 1000);
    let changes = assembler.take_changes();
    assert!(changes.len() < 5, "only what changed is written again: {}", changes.len());
    stored.extend(changes.into_iter().filter_map(|(key, value)| Some((key, value?))));
    let restored = Assembler::restore(Config::default(), stored.clone().into_iter()).expect("what was stored is restored");
    assert_eq!(restored.statistics().recipients, 1001);
    for value in stored.values_mut() {
        value.truncate(value.len() / 2);
    }
    assert!(Assembler::restore(Config::default(), stored.into_iter()).is_err());
}
