//! The engine from minutes to notices: history, pauses, restarts, flapping, lag, one incident with one notice.

use std::collections::BTreeSet;
use std::sync::Arc;

use mailvane_alert::condition::Verdict;
use mailvane_alert::event::NoticeKind;
use mailvane_alert::input::{Dimension, Finding, FindingState, Sample};
use mailvane_alert::state::{Settings, Silence, State};
use mailvane_alert::{Engine, Minute, Notice, RuleSet, Severity, Step};
use mailvane_model::Time;

use crate::minutes::{DAY, cell, time};

/// A minute in which google takes everything, or refuses it, and another provider is always fine.
fn minute(at: i64, google_refuses: bool) -> Minute {
    let mut minute = Minute { start: time(at), end: time(at + 1), ..Minute::default() };
    let refused = if google_refuses { 10 } else { 0 };
    minute.cells.push((Dimension::All, Arc::from(""), cell(20, refused)));
    minute.cells.push((Dimension::Provider, Arc::from("google"), cell(10, refused)));
    minute.cells.push((Dimension::Provider, Arc::from("yahoo"), cell(10, 0)));
    if google_refuses {
        minute.cells.push((Dimension::Blocked, Arc::from("google"), cell(10, 10)));
        minute.samples.push(Sample {
            time: time(at).0,
            weight: 10,
            provider: "google".into(),
            reason: "reputation".into(),
            sender: "news@example.com".into(),
            reply: "550 5.7.1 low reputation".into(),
            ..Sample::default()
        });
    }
    minute
}

fn engine(trains: bool) -> Engine {
    Engine::new(RuleSet::embedded(), Settings { trains, ..Settings::default() })
}

/// Plays minutes; `wall` says when each is read.
fn play(engine: &mut Engine, minutes: std::ops::Range<i64>, refuses: impl Fn(i64) -> bool, wall: impl Fn(i64) -> Time) -> Step {
    let mut all = Step::default();
    for at in minutes {
        all.extend(engine.step(&minute(at, refuses(at)), wall(at)));
    }
    all
}

fn live(at: i64) -> Time {
    time(at + 1)
}

fn kinds(step: &Step) -> Vec<NoticeKind> {
    step.notices.iter().map(|notice| notice.kind).collect()
}

#[test]
fn a_block_is_one_incident_with_one_notice_and_one_resolution() {
    let mut engine = engine(false);
    let step = play(&mut engine, 0..DAY, |at| (600..660).contains(&at), live);
    assert_eq!(kinds(&step), [NoticeKind::Fired, NoticeKind::Resolved], "{:#?}", step.notices);
    let notice = &step.notices[0];
    assert_eq!(notice.severity, Severity::Page);
    assert!(notice.at - time(600).0 <= 3 * Time::MINUTE, "fired after {} min", (notice.at - time(600).0) / Time::MINUTE);
    assert_eq!(notice.began, time(600).0);
    assert_eq!((notice.lines[0].group.label.as_str(), notice.lines[0].group.key.as_str()), ("provider", "google"));
    assert!(notice.lines[0].text.contains("recipients"), "{}", notice.lines[0].text);
    assert_eq!(notice.samples[0].reply, "550 5.7.1 low reputation");
    assert!(notice.contrast.iter().any(|excess| excess.label == "sender" && excess.key == "news@example.com"));
    assert_eq!(step.notices[1].answers.as_ref(), Some(&notice.id));
    assert_eq!(step.notices[1].incident, notice.incident);
    assert!(step.incidents.iter().all(|row| row.title == "A provider blocks us"), "{:#?}", step.incidents);
}

#[test]
fn what_follows_from_a_block_is_a_part_of_its_incident() {
    let mut engine = engine(false);
    let mut step = Step::default();
    for at in 0..DAY {
        let refuses = (600..660).contains(&at);
        let mut minute = minute(at, refuses);
        minute.cells.push((Dimension::SenderDomain, Arc::from("example.com"), cell(20, if refuses { 10 } else { 0 })));
        step.extend(engine.step(&minute, live(at)));
    }
    assert_eq!(kinds(&step), [NoticeKind::Fired, NoticeKind::Resolved], "{:#?}", step.notices);
    assert!(step.transitions.iter().any(|change| change.rule == "sender_refused" && change.to == State::Firing));
    let incidents: BTreeSet<&str> = step.incidents.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(incidents.len(), 1, "{:#?}", step.incidents);
}

#[test]
fn what_happens_at_one_provider_is_no_cause_of_what_happens_at_another() {
    let mut engine = engine(false);
    play(&mut engine, 0..2 * DAY, |_| false, live);
    let mut step = Step::default();
    for at in 2 * DAY..2 * DAY + 60 {
        let mut minute = minute(at, true);
        let yahoo = minute.cells.iter_mut().find(|cell| &*cell.1 == "yahoo").unwrap();
        yahoo.2 = cell(10, 5);
        step.extend(engine.step(&minute, live(at)));
    }
    let told: BTreeSet<&str> = step.notices.iter().flat_map(|notice| notice.lines.iter().map(|line| line.group.key.as_str())).collect();
    assert!(told.contains("google") && told.contains("yahoo"), "{:#?}", step.notices);
}

#[test]
fn what_outlives_its_cause_is_told_by_itself() {
    let mut engine = engine(false);
    let mut step = Step::default();
    for at in 0..DAY {
        let mut minute = minute(at, (600..660).contains(&at));
        // Another provider begins to refuse some of our mail meanwhile, and goes on.
        let refused = if (630..900).contains(&at) { 4 } else { 0 };
        minute.cells[2] = (Dimension::Provider, Arc::from("yahoo"), cell(10, refused));
        step.extend(engine.step(&minute, live(at)));
    }
    let told = |key: &str| -> Vec<NoticeKind> {
        let about = step.notices.iter().filter(|notice| notice.lines.iter().any(|line| line.group.key == key));
        about.map(|notice| notice.kind).collect()
    };
    assert_eq!(told("google"), [NoticeKind::Fired, NoticeKind::Resolved], "{:#?}", step.notices);
    assert_eq!(told("yahoo"), [NoticeKind::Fired, NoticeKind::Resolved], "{:#?}", step.notices);
    let resolved = step.notices.iter().find(|notice| notice.kind == NoticeKind::Resolved).unwrap();
    assert!(resolved.at < time(720).0, "the cause is over though what followed goes on");
}

#[test]
fn a_block_is_over_after_a_handful_of_messages_on_a_host_that_became_quiet() {
    let mut engine = engine(false);
    let mut step = Step::default();
    for at in 0..DAY {
        let mut minute = minute(at, (600..660).contains(&at));
        // One message to each provider in a quarter of an hour, from then on.
        if at >= 660 {
            minute.cells.clear();
            if at % 15 == 0 {
                minute.cells.push((Dimension::All, Arc::from(""), cell(2, 0)));
                minute.cells.push((Dimension::Provider, Arc::from("google"), cell(1, 0)));
                minute.cells.push((Dimension::Provider, Arc::from("yahoo"), cell(1, 0)));
            }
        }
        step.extend(engine.step(&minute, live(at)));
    }
    assert_eq!(kinds(&step), [NoticeKind::Fired, NoticeKind::Resolved], "{:#?}", step.notices);
    let resolved = step.notices[1].at;
    assert!(resolved <= time(660 + 180).0, "resolved {} min after its end", (resolved - time(660).0) / Time::MINUTE);
}

#[test]
fn history_fills_rows_and_sends_nothing() {
    let mut engine = engine(true);
    let begun = [3, 8, 14, 20, 26].map(|day| day * DAY + 600);
    let wall = time(30 * DAY);
    let step = play(&mut engine, 0..30 * DAY - 60, |at| begun.iter().any(|begin| (*begin..begin + 45).contains(&at)), |_| wall);
    assert_eq!(step.notices, []);
    let mut ids: Vec<&str> = step.incidents.iter().map(|row| row.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "{:#?}", step.incidents);
    assert!(step.incidents.iter().all(|row| row.history));
    assert_eq!(step.incidents.iter().filter(|row| row.ended.is_some()).count(), 5);
    // And nothing comes later because of them.
    assert_eq!(play(&mut engine, 30 * DAY - 60..31 * DAY, |_| false, |at| wall.max(live(at))).notices, []);
}

#[test]
fn history_that_comes_to_light_later_is_learned_from_and_findings_stay_told() {
    let finding = || Finding {
        check: "dns.spf".to_owned(),
        subject: "example.com".to_owned(),
        state: FindingState::Problem,
        text: "no record".to_owned(),
        lost: false,
        value: Vec::new(),
    };
    let mut engine = engine(true);
    let mut step = Step::default();
    for at in 3 * DAY..3 * DAY + 3 {
        let minute = Minute { start: time(at), end: time(at + 1), findings: vec![finding()], ..Minute::default() };
        step.extend(engine.step(&minute, live(at)));
    }
    assert_eq!(kinds(&step), [NoticeKind::Fired]);
    assert!(engine.book().is_empty());
    assert_eq!(engine.first(), Some(time(3 * DAY)));
    let wall = time(3 * DAY + 10);
    engine.begin_anew();
    assert!(engine.is_learning());
    let step = play(&mut engine, 0..3 * DAY + 60, |at| (DAY..DAY + 60).contains(&at), |at| wall.max(live(at)));
    assert_eq!(kinds(&step), [], "{:#?}", step.notices);
    let row = step.incidents.iter().find(|row| row.group.key == "google").unwrap();
    assert!(row.history);
    assert!(!engine.is_learning());
    assert!(engine.alerts().any(|alert| alert.state == State::Firing && alert.rule == "probe_problem"));
    assert_eq!(engine.incidents().count(), 1);
}

#[test]
fn what_still_holds_after_the_history_is_told_once_with_its_true_beginning() {
    let mut engine = engine(true);
    let wall = time(DAY);
    let mut step = play(&mut engine, 0..DAY, |at| at >= DAY - 120, |at| wall.max(live(at)));
    step.extend(play(&mut engine, DAY..DAY + 60, |_| true, live));
    assert_eq!(kinds(&step), [NoticeKind::Fired]);
    assert_eq!(step.notices[0].began, time(DAY - 120).0);
    let rows: Vec<bool> = step.incidents.iter().filter(|row| row.id == step.notices[0].incident).map(|row| row.history).collect();
    assert_eq!((rows.first(), rows.last()), (Some(&true), Some(&false)), "its row says that it was told");
}

#[test]
fn a_pause_gives_one_notice_for_what_holds_and_one_line_for_what_is_over() {
    let mut engine = engine(false);
    assert_eq!(play(&mut engine, 0..DAY, |_| false, live).notices, []);
    // Six hours stopped: one block from the first to the second hour, another from the fifth on.
    let back = time(DAY + 360);
    let refuses = |at: i64| (DAY + 60..DAY + 120).contains(&at) || at >= DAY + 300;
    let step = play(&mut engine, DAY..DAY + 420, refuses, |at| back.max(live(at)));
    let mut kinds = kinds(&step);
    kinds.sort_by_key(|kind| *kind as u8);
    assert_eq!(kinds, [NoticeKind::Fired, NoticeKind::Summary]);
    let fired = step.notices.iter().find(|notice| notice.kind == NoticeKind::Fired).unwrap();
    assert_eq!(fired.began, time(DAY + 300).0);
    let summary = step.notices.iter().find(|notice| notice.kind == NoticeKind::Summary).unwrap();
    assert_eq!(summary.summary.len(), 1, "{:?}", summary.summary);
    assert_eq!(summary.severity, Severity::Ticket, "routes leave out less by default");
    assert!(summary.summary[0].contains("google"));
}

#[test]
fn a_restart_in_the_middle_repeats_nothing_and_gives_the_same_ids() {
    let refuses = |at: i64| (600..700).contains(&at);
    let mut whole = engine(false);
    let expected = play(&mut whole, 0..900, refuses, live);
    for stop in [599, 601, 603, 640, 705, 710] {
        let mut first = engine(false);
        let mut step = play(&mut first, 0..stop, refuses, live);
        let kept = first.save().unwrap();
        let mut second = Engine::restore(RuleSet::embedded(), Settings { trains: false, ..Settings::default() }, &kept).unwrap();
        assert_eq!(second.through(), Some(time(stop)));
        step.extend(play(&mut second, stop..900, refuses, live));
        let ids = |notices: &[Notice]| notices.iter().map(|notice| notice.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&step.notices), ids(&expected.notices), "stopped at {stop}");
        let changes = |step: &Step| step.transitions.iter().map(|transition| transition.id.clone()).collect::<Vec<_>>();
        assert_eq!(changes(&step), changes(&expected), "stopped at {stop}");
    }
}

#[test]
fn who_sends_evenly_round_the_clock_is_within_a_days_limit() {
    let mut engine = engine(false);
    let mut play = |minutes: std::ops::Range<i64>, tried: i64| {
        let mut all = Step::default();
        for at in minutes {
            let mut minute = Minute { start: time(at), end: time(at + 1), ..Minute::default() };
            minute.cells.push((Dimension::All, Arc::from(""), cell(tried, 0)));
            minute.cells.push((Dimension::User, Arc::from("app"), cell(tried, 0)));
            all.extend(engine.step(&minute, live(at)));
        }
        all.transitions.into_iter().filter(|change| change.rule == "user_limit_day" && change.to == State::Firing).count()
    };
    // 21,600 a day, from an account whose busiest hour has 900.
    assert_eq!(play(0..6 * DAY, 15), 0);
    assert_eq!(play(6 * DAY..7 * DAY, 30), 1, "twice its day is too much");
}

#[test]
fn a_survey_names_for_each_rule_what_is_nearest_to_its_limit() {
    let mut engine = engine(false);
    assert_eq!(engine.survey(), []);
    // Three in ten are refused: nothing fires, and everybody can see how far it is from that.
    for at in 0..3 * DAY {
        let mut minute = minute(at, false);
        minute.cells[1].2 = cell(10, 3);
        minute.cells.push((Dimension::Blocked, Arc::from("google"), cell(3, 3)));
        engine.step(&minute, live(at));
    }
    let survey = engine.survey();
    let of = |rule: &str| survey.iter().find(|found| found.0 == rule).map(|found| &found.1);
    let block = of("provider_block").unwrap();
    assert_eq!(block.group.key, "google");
    assert_eq!(block.verdict, Verdict::Clear);
    assert!(block.value < block.limit && block.count > 0.0, "{block:?}");
    assert!(block.text.contains(" of recipients refused "), "{}", block.text);
    assert!(of("mail_not_going_out").is_some_and(|silence| silence.usual.is_some()), "{survey:#?}");
    assert!(of("log_gap").is_some_and(|gap| gap.text.starts_with("no gap")));
    // What fires comes before all that does not.
    let mut step = play(&mut engine, 3 * DAY..3 * DAY + 60, |_| true, live);
    assert!(step.notices.pop().is_some());
    let survey = engine.survey();
    let block = &survey.iter().find(|found| found.0 == "provider_block").unwrap().1;
    assert_eq!((block.group.key.as_str(), block.verdict), ("google", Verdict::Holds));
}

#[test]
fn a_state_that_is_not_ours_is_refused() {
    for kept in [&[9, b'{', b'}'][..], &[], &[1, b'x']] {
        assert!(Engine::restore(RuleSet::embedded(), Settings::default(), kept).is_err());
    }
}

#[test]
fn a_flapping_input_gives_one_notice() {
    let mut engine = engine(false);
    let step = play(&mut engine, 0..DAY, |at| at >= 300 && at / 10 % 2 == 0, live);
    let fired = kinds(&step).iter().filter(|kind| matches!(kind, NoticeKind::Fired | NoticeKind::Resolved)).count();
    assert_eq!(fired, 1, "{:?}", kinds(&step));
}

#[test]
fn a_lagging_source_makes_its_rules_unknown_and_catches_up_without_a_word() {
    let mut engine = engine(false);
    assert_eq!(play(&mut engine, 0..10 * DAY, |_| false, live).notices, []);
    let begin = 10 * DAY + 600;
    play(&mut engine, 10 * DAY..begin, |_| false, live);
    let mut all = Step::default();
    // One of two sources stops being read for an hour: half of the mail is missing, and what there is looks bad.
    for at in begin..begin + 60 {
        let mut half = minute(at, true);
        half.cells.retain(|(_, key, _)| &**key == "google");
        half.lagging.push(Arc::from("mx2"));
        all.extend(engine.step(&half, live(at)));
    }
    let fired: Vec<_> = all.transitions.iter().filter(|transition| transition.to == State::Firing).collect();
    assert!(fired.iter().all(|transition| transition.rule == "log_blind"), "{fired:#?}");
    assert_eq!(fired.len(), 1, "lag has a rule of its own");
    // It catches up: an hour of lines at once, of times that are behind.
    for at in begin..begin + 60 {
        let mut late = minute(at, false);
        late.cells.iter_mut().for_each(|(_, _, one)| *one = cell(100, 0));
        assert!(engine.step(&late, live(begin + 60)).is_empty());
    }
    let after = play(&mut engine, begin + 60..begin + 600, |_| false, live);
    let fired: Vec<_> = after.transitions.iter().filter(|transition| transition.to == State::Firing).collect();
    assert!(fired.is_empty(), "{fired:#?}");
}

#[test]
fn nothing_is_said_of_a_quiet_fortnight() {
    let mut engine = engine(false);
    let step = play(&mut engine, 0..14 * DAY, |_| false, live);
    assert_eq!(step.notices, []);
    assert_eq!(step.transitions, []);
}

#[test]
fn a_silence_holds_back_and_its_end_tells() {
    let mut engine = engine(false);
    engine.silence(Silence {
        id: "s1".into(),
        author: "alice".into(),
        comment: "known".into(),
        from: time(0).0,
        until: time(660).0,
        rule: "*".into(),
        key: "google".into(),
    });
    let step = play(&mut engine, 0..700, |at| at >= 600, live);
    assert_eq!(kinds(&step), [NoticeKind::Fired]);
    assert_eq!(step.notices[0].at, time(660).0);
    assert_eq!(step.notices[0].began, time(600).0);
}

#[test]
fn an_acknowledged_incident_is_not_repeated() {
    let settings = Settings { trains: false, escalation: vec![vec!["boss".to_owned()]], ..Settings::default() };
    let refuses = |at: i64| at >= 600;
    let mut alone = Engine::new(RuleSet::embedded(), settings.clone());
    let step = play(&mut alone, 0..900, refuses, live);
    assert_eq!(kinds(&step), [NoticeKind::Fired, NoticeKind::Escalated, NoticeKind::Repeat]);
    assert_eq!(step.notices[1].receivers, ["boss"]);
    let mut seen = Engine::new(RuleSet::embedded(), settings);
    let mut step = play(&mut seen, 0..605, refuses, live);
    let incident = seen.incidents().next().unwrap().id.clone();
    seen.acknowledge(&incident, "alice", time(605)).unwrap();
    assert!(seen.acknowledge("nobody", "alice", time(605)).is_err());
    step.extend(play(&mut seen, 605..900, refuses, live));
    assert_eq!(kinds(&step), [NoticeKind::Fired]);
}

#[test]
fn a_log_that_is_not_read_any_more_is_told_by_the_clock_alone() {
    let mut engine = engine(false);
    play(&mut engine, 0..DAY, |_| false, live);
    let mut step = Step::default();
    for late in [1, 10, 25, 30] {
        step.extend(engine.tick(time(DAY + late)));
    }
    let fired: Vec<_> = step.transitions.iter().filter(|transition| transition.to == State::Firing).collect();
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].rule, "log_blind");
    assert_eq!(kinds(&step), [NoticeKind::Fired], "this one is told although what is read lies behind");
}

#[test]
fn parts_of_a_minute_say_what_the_whole_minute_says() {
    let refuses = |at: i64| (600..640).contains(&at);
    let mut whole = engine(false);
    let expected = play(&mut whole, 0..700, refuses, live);
    let mut parts = engine(false);
    let mut step = Step::default();
    for at in 0..700 {
        for part in 0..6 {
            // Everything happens in the first ten seconds.
            let mut piece = if part == 0 { minute(at, refuses(at)) } else { Minute::default() };
            piece.start = time(at).plus(part * 10 * Time::SECOND);
            piece.end = piece.start.plus(10 * Time::SECOND);
            step.extend(parts.step(&piece, piece.end));
        }
    }
    assert_eq!(kinds(&step), kinds(&expected));
    assert!(step.notices[0].at <= expected.notices[0].at, "parts are no slower");
}
