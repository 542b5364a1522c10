//! What a simulated host promises: the same log for the same options, lines in order, a truth that agrees with the lines.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};

use mailvane_model::Time;
use mailvane_simulate::{Ending, HeadForm, Host, Incident, IncidentKind, Options, QueueIds, RefusalKind, Truth};

const DAY_ONE: Time = Time::from_seconds(1_793_577_600);

fn options(hours: i64) -> Options {
    Options { start: DAY_ONE, end: Some(DAY_ONE.plus(hours * Time::HOUR)), messages_per_day: 4_000, ..Options::default() }
}

fn play(options: Options) -> (String, Truth) {
    let mut host = Host::new(options);
    let mut out = Vec::new();
    let mut last = Time(i64::MIN);
    while let Some(time) = host.next_line(&mut out) {
        assert!(time >= last, "time runs backwards");
        last = time;
    }
    (String::from_utf8(out).unwrap(), host.truth().clone())
}

fn count(log: &str, needle: &str) -> u64 {
    log.lines().filter(|line| line.contains(needle)).count() as u64
}

#[test]
fn the_same_options_give_the_same_bytes() {
    let (first, truth) = play(options(3));
    let (second, _) = play(options(3));
    assert!(first == second);
    let (other, _) = play(Options { seed: 2, ..options(3) });
    assert!(first != other);
    assert_eq!(truth.bytes, first.len() as u64);
    assert_eq!(truth.lines, first.lines().count() as u64);
}

#[test]
fn the_truth_agrees_with_the_lines() {
    for filter in [true, false] {
        let (log, truth) = play(Options { filter, records: true, ..options(30) });
        assert_eq!(truth.attempts, count(&log, ", status=") - count(&log, ", status=expired"));
        assert_eq!(truth.deferred, count(&log, "status=deferred"));
        assert_eq!(truth.bounced, count(&log, "status=bounced"));
        assert_eq!(truth.delivered + truth.internal + truth.discarded, count(&log, "status=sent"));
        assert_eq!(truth.refused(), count(&log, "NOQUEUE: reject:"));
        assert_eq!(truth.refusals[RefusalKind::Greylisted as usize], count(&log, "Recipient address rejected: Greylisted, see"));
        assert_eq!(truth.auth_failed, count(&log, "authentication failed"));
        assert_eq!(truth.sessions, count(&log, "disconnect from"));
        assert_eq!(truth.notifications, count(&log, "sender non-delivery notification"));
        assert_eq!(truth.auth_ok, count(&log, ", sasl_method=PLAIN, sasl_username="));
        assert_eq!(truth.messages, log.lines().filter_map(queue_id).collect::<HashSet<_>>().len() as u64);
        assert_eq!(truth.records.len() as u64, truth.attempts - truth.internal);
        let by_provider: u64 = truth.providers.iter().map(|provider| provider.delivered + provider.deferred + provider.bounced).sum();
        assert_eq!(by_provider + truth.discarded, truth.attempts - truth.internal);
        assert_eq!(truth.internal > 0, filter);
    }
}

fn queue_id(line: &str) -> Option<&str> {
    let (_, text) = line.split_once("]: ")?;
    let (id, _) = text.split_once(": ")?;
    (id.len() >= 13 && id.as_bytes()[10] == b'z').then_some(id)
}

#[test]
fn every_life_begins_before_it_goes_on_and_nothing_follows_its_end() {
    let (log, _) = play(options(24));
    let mut lives: HashMap<&str, &str> = HashMap::new();
    for line in log.lines() {
        let Some(id) = queue_id(line) else { continue };
        let state = lives.entry(id).or_insert("new");
        let opens = line.contains(": client=") || line.contains(": uid=") || line.contains("/cleanup[");
        assert!(*state != "gone", "after its end: {line}");
        assert!(*state != "new" || opens, "before its beginning: {line}");
        *state = if line.ends_with(": removed") { "gone" } else { "open" };
    }
    let gone = lives.values().filter(|state| **state == "gone").count();
    assert!(gone * 10 > lives.len() * 9, "{gone} of {} messages left the queue", lives.len());
}

#[test]
fn dead_domains_wait_five_days_and_expire() {
    let (log, truth) = play(Options { messages_per_day: 1_000, ..options(24 * 7) });
    assert!(truth.expired > 0);
    assert!(count(&log, "status=expired, returned to sender") > 0);
    assert!(truth.expired >= count(&log, "status=expired, returned to sender"));
    let share = truth.deferred as f64 / truth.attempts as f64;
    assert!((0.02..0.40).contains(&share), "deferred attempts {share}");
}

#[test]
fn heads_and_queue_ids_come_in_the_form_that_was_asked_for() {
    let first = |form| play(Options { form, ..options(1) }).0.lines().next().map(str::to_owned).unwrap();
    assert!(first(HeadForm::Rfc3164).starts_with("Nov  2 01:00:00 mx1 postfix/master["), "{}", first(HeadForm::Rfc3164));
    assert!(first(HeadForm::Rfc3339).starts_with("2026-11-02T01:00:00.000000+01:00 mx1 postfix/master["));
    assert!(first(HeadForm::Rfc5424).starts_with("<22>1 2026-11-02T01:00:00.000000+01:00 mx1 postfix/master "));
    let (log, _) = play(Options { queue_ids: QueueIds::Short, ..options(2) });
    let opened = log.lines().find(|line| line.contains(": client=")).unwrap();
    let id = opened.split_once("]: ").unwrap().1.split_once(':').unwrap().0;
    assert!((6..=12).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{opened}");
}

fn with_incident(kind: IncidentKind) -> (String, Truth, Truth) {
    let incident = Incident { kind, start: DAY_ONE.plus(8 * Time::HOUR), end: DAY_ONE.plus(14 * Time::HOUR), percent: 100 };
    let (_, quiet) = play(options(14));
    let (log, truth) = play(Options { incidents: vec![incident], ..options(14) });
    (log, quiet, truth)
}

fn provider(truth: &Truth, name: &str) -> (u64, u64, u64) {
    let found = truth.providers.iter().find(|provider| provider.name == name).unwrap();
    (found.delivered, found.deferred, found.bounced)
}

#[test]
fn a_provider_that_refuses_bounces_and_one_that_throttles_defers() {
    let (log, quiet, refused) = with_incident(IncidentKind::Refusal { provider: "Google" });
    assert!(provider(&refused, "Google").2 > provider(&quiet, "Google").2 + 100);
    assert!(provider(&refused, "Yahoo").2 < 100);
    assert!(count(&log, "very low reputation") > 100);
    let (_, quiet, throttled) = with_incident(IncidentKind::Throttle { provider: "Microsoft" });
    assert!(provider(&throttled, "Microsoft").1 > provider(&quiet, "Microsoft").1 + 50);
}

#[test]
fn the_other_incidents_show_in_their_own_lines() {
    let (log, ..) = with_incident(IncidentKind::Unreachable { provider: "GMX" });
    assert!(count(&log, "gmx.net[") > 0 && count(&log, "delivery temporarily suspended: connect to mx01.emig.gmx.net") > 0);
    let (_, quiet, hijacked) = with_incident(IncidentKind::Hijack { messages_per_hour: 300 });
    assert!(hijacked.auth_ok > quiet.auth_ok + 1000, "{} {}", hijacked.auth_ok, quiet.auth_ok);
    assert!(hijacked.bounced > quiet.bounced + 300);
    let (log, ..) = with_incident(IncidentKind::PolicyDown);
    assert!(count(&log, "problem talking to server private/policy") > 50 && count(&log, "451 4.3.5") > 50);
    let (_, quiet, blind) = with_incident(IncidentKind::DnsFailure);
    assert!(blind.deferred > quiet.deferred + 300);
}

#[test]
fn records_tell_the_way_of_a_recipient() {
    let (_, truth) = play(Options { records: true, ..options(20) });
    let greylisted = truth.records.iter().find(|record| record.attempt == 2 && record.ending == Ending::Delivered).unwrap();
    let first =
        truth.records.iter().find(|record| record.queue_id == greylisted.queue_id && record.recipient == greylisted.recipient).unwrap();
    assert_eq!((first.ending, first.attempt), (Ending::Deferred, 1));
    assert!(greylisted.time.0 - first.time.0 >= 300 * Time::SECOND);
}

#[test]
fn a_live_host_tells_when_it_goes_on_and_takes_a_new_incident() {
    let mut host = Host::new(Options { end: None, ..options(0) });
    let mut out = Vec::new();
    for _ in 0..1000 {
        let next = host.next_time().unwrap();
        let written = host.next_line(&mut out).unwrap();
        assert!(written >= next);
    }
    let now = host.next_time().unwrap();
    host.add_incident(Incident {
        kind: IncidentKind::Hijack { messages_per_hour: 3600 },
        start: now,
        end: now.plus(Time::HOUR),
        percent: 100,
    });
    let before = host.truth().auth_ok;
    while host.next_line(&mut out).unwrap() < now.plus(10 * Time::MINUTE) {}
    assert!(host.truth().auth_ok > before + 300);
}
