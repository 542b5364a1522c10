//! What is over ends, and what is told is not told again by a longer window; the next one is told all the same.

use std::sync::Arc;

use mailvane_alert::event::NoticeKind;
use mailvane_alert::input::Dimension;
use mailvane_alert::state::{Settings, State};
use mailvane_alert::{Engine, Minute, RuleSet};
use mailvane_metric::Cell;

use crate::minutes::{DAY, HOUR, cell, notices_out, time};

/// Plays minutes; when a rule began to fire and when it was over, about one key.
fn changes(rule: &str, key: &str, minutes: i64, of: impl Fn(i64) -> Vec<(Dimension, &'static str, Cell)>) -> Vec<(i64, State)> {
    let mut engine = Engine::new(RuleSet::embedded(), Settings { trains: false, ..Settings::default() });
    let mut changes = Vec::new();
    for at in 0..minutes {
        let mut minute = Minute { start: time(at), end: time(at + 1), ..Minute::default() };
        minute.cells.extend(of(at).into_iter().map(|(dimension, key, cell)| (dimension, Arc::from(key), cell)));
        let step = engine.step(&minute, time(at + 1));
        let meant = step.transitions.iter().filter(|change| change.rule == rule && change.group.key == key && change.to != State::Pending);
        changes.extend(meant.map(|change| (at, change.to)));
    }
    changes
}

/// Whether one incident after the other was told and ended: from a beginning to at most `late` minutes, and from the end likewise.
fn assert_told(changes: &[(i64, State)], incidents: &[(i64, i64)], late: (i64, i64)) {
    let expected = incidents.iter().flat_map(|(from, until)| [(State::Firing, *from, late.0), (State::Resolved, *until, late.1)]);
    assert_eq!(changes.len(), incidents.len() * 2, "{changes:?}");
    for ((at, state), (expected, from, late)) in changes.iter().zip(expected) {
        assert!(
            *state == expected && (from..=from + late).contains(at),
            "{state:?} at {at}, expected {expected:?} from {from}: {changes:?}"
        );
    }
}

#[test]
fn a_provider_that_always_refuses_many_ends_at_what_is_usual() {
    // One in five is refused every day; for an hour all are.
    let spike = (9 * DAY + 600, 9 * DAY + 660);
    let told = changes("bounce_spike", "gmx", 11 * DAY, |at| {
        let refused = if (spike.0..spike.1).contains(&at) { 10 } else { 2 };
        vec![(Dimension::All, "", cell(50, refused)), (Dimension::Provider, "gmx", cell(10, refused))]
    });
    assert_told(&told, &[spike], (10, 60));
}

#[test]
fn a_burst_ends_and_the_next_one_is_told() {
    let bursts = [(9 * DAY + 600, 9 * DAY + 640), (9 * DAY + 900, 9 * DAY + 940)];
    let told = changes("account_hijacked", "ann@example.com", 10 * DAY, |at| {
        let is_burst = bursts.iter().any(|(from, until)| (*from..*until).contains(&at));
        let (tried, refused) = if is_burst { (20, 6) } else { (i64::from(at % 30 == 0), 0) };
        vec![(Dimension::All, "", cell(100, refused)), (Dimension::User, "ann@example.com", cell(tried, refused))]
    });
    assert_told(&told, &bursts, (5, 2 * HOUR));
}

#[test]
fn a_wave_of_notices_ends_and_the_next_one_is_told() {
    let waves = [(9 * DAY + 600, 9 * DAY + 690), (9 * DAY + 960, 9 * DAY + 1050)];
    let told = changes("backscatter", "", 10 * DAY, |at| {
        let is_wave = waves.iter().any(|(from, until)| (*from..*until).contains(&at));
        vec![(Dimension::All, "", notices_out(if is_wave { 4 } else { i64::from(at % 40 == 0) }))]
    });
    assert_told(&told, &waves, (15, 150));
}

#[test]
fn a_destination_that_never_took_mail_is_no_spike_and_one_that_stops_is() {
    let gone = 9 * DAY + 600;
    let cells = |at: i64| {
        let refused = i64::from(at >= gone);
        let tried = i64::from(at % 10 == 0);
        vec![
            (Dimension::All, "", cell(20 + tried * 2, tried * (1 + refused))),
            (Dimension::Provider, "dead.example", cell(tried, tried)),
            (Dimension::Provider, "gone.example", cell(tried, tried * refused)),
        ]
    };
    assert_eq!(changes("bounce_spike", "dead.example", 10 * DAY, cells), []);
    let told = changes("bounce_spike", "gone.example", 10 * DAY, cells);
    assert!(told.first().is_some_and(|(at, state)| *state == State::Firing && (gone..gone + 3 * HOUR).contains(at)), "{told:?}");
}

#[test]
fn what_went_on_for_days_is_not_told_again_by_the_window_of_a_week() {
    // Half of what a quiet provider gets is refused for four days; then all is well.
    let (from, until) = (9 * DAY, 13 * DAY);
    let told = changes("bounce_spike", "gmx", 17 * DAY, |at| {
        let tried = i64::from(at % 60 == 0);
        let refused = if (from..until).contains(&at) && at % 120 == 0 { tried } else { 0 };
        vec![(Dimension::All, "", cell(10 + tried, refused)), (Dimension::Provider, "gmx", cell(tried, refused))]
    });
    let fired = told.iter().filter(|change| change.1 == State::Firing).count();
    assert_eq!(fired, 1, "{told:?}");
    assert!(told.last().is_some_and(|(at, state)| *state == State::Resolved && (until..until + 2 * DAY).contains(at)), "{told:?}");
}

#[test]
fn an_outage_is_one_notice_and_one_end_whatever_its_consequences_remember() {
    let outage = 9 * DAY + 600..9 * DAY + 720;
    let providers = ["google", "yahoo", "gmx", "apple"];
    let users = ["ann@example.com", "ben@example.com", "cat@example.com"];
    let mut engine = Engine::new(RuleSet::embedded(), Settings { trains: false, ..Settings::default() });
    let mut told = Vec::new();
    for at in 0..10 * DAY {
        let mut minute = Minute { start: time(at), end: time(at + 1), ..Minute::default() };
        let mut all = 0;
        let is_out = i64::from(outage.contains(&at));
        for (number, provider) in (0..).zip(providers) {
            let tried = i64::from((at + number) % 2 == 0);
            minute.cells.push((Dimension::Provider, Arc::from(provider), cell(tried, tried * is_out)));
            all += tried;
        }
        for (number, user) in (0..).zip(users) {
            let tried = i64::from((at + number) % 3 == 0);
            minute.cells.push((Dimension::User, Arc::from(user), cell(tried, tried * is_out)));
        }
        minute.cells.push((Dimension::SenderDomain, Arc::from("example.com"), cell(all, all * is_out)));
        minute.cells.push((Dimension::All, Arc::from(""), cell(all, all * is_out)));
        let step = engine.step(&minute, time(at + 1));
        told.extend(step.notices.into_iter().map(|notice| (at - outage.start, notice.kind, notice.title)));
    }
    let kinds: Vec<NoticeKind> = told.iter().map(|notice| notice.1).collect();
    assert_eq!(kinds, [NoticeKind::Fired, NoticeKind::Resolved], "{told:#?}");
}

#[test]
fn what_was_told_of_an_outage_first_goes_on_as_the_outage() {
    // A server that mostly sends to two providers: they are seen before a third destination is.
    let outage = 9 * DAY + 600..9 * DAY + 720;
    let mut engine = Engine::new(RuleSet::embedded(), Settings { trains: false, ..Settings::default() });
    let (mut told, mut rows) = (Vec::new(), std::collections::BTreeMap::new());
    for at in 0..10 * DAY {
        let mut minute = Minute { start: time(at), end: time(at + 1), ..Minute::default() };
        let is_out = i64::from(outage.contains(&at));
        let others = i64::from(at % 9 == 0);
        minute.cells.push((Dimension::Provider, Arc::from("google"), cell(2, 2 * is_out)));
        minute.cells.push((Dimension::Provider, Arc::from("microsoft_consumer"), cell(2, 2 * is_out)));
        for provider in ["yahoo", "gmx", "apple"] {
            minute.cells.push((Dimension::Provider, Arc::from(provider), cell(others, others * is_out)));
        }
        minute.cells.push((Dimension::All, Arc::from(""), cell(4 + 3 * others, (4 + 3 * others) * is_out)));
        let step = engine.step(&minute, time(at + 1));
        told.extend(step.notices.into_iter().map(|notice| (notice.incident, notice.kind, notice.title)));
        rows.extend(step.incidents.into_iter().map(|row| (row.id, (row.title, row.part_of))));
    }
    let kinds: Vec<NoticeKind> = told.iter().map(|notice| notice.1).collect();
    assert_eq!(kinds, [NoticeKind::Fired, NoticeKind::Fired, NoticeKind::Worse, NoticeKind::Resolved], "{told:#?}");
    assert_eq!((&told[2].0, &told[3].0), (&told[0].0, &told[0].0), "the first goes on: {told:#?}");
    let shown: Vec<&String> = rows.values().filter(|row| row.1.is_none()).map(|row| &row.0).collect();
    assert_eq!(shown, ["Outgoing mail does not move"], "{rows:#?}");
}
