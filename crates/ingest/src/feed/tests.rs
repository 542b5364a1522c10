//! Which source feeds a stream: copies, divided logs, takeovers, restarts.

use super::*;
use mailvane_model::hash;
use proptest::prelude::*;

type Line = (i64, &'static str);

fn position(source: usize, index: usize) -> Position {
    Position { file: FileId(source as u64), offset: index as u64 }
}

/// Offers the lines of all sources in pieces, in the order that `turns` tells, and returns what fed.
fn run(sources: &[Vec<Line>], turns: &[usize]) -> (Vec<(i64, Position)>, FeedCounts) {
    let mut feeds = Feeds::new(&vec![Policy::Auto; sources.len()]);
    let mut next = vec![0; sources.len()];
    let mut fed = Vec::new();
    let mut released = Vec::new();
    let rest = (0..sources.len()).cycle().take(sources.len() * 1000);
    for source in turns.iter().map(|turn| turn % sources.len()).chain(rest) {
        for _ in 0..3 {
            let Some((second, text)) = sources[source].get(next[source]) else {
                feeds.finish(source);
                break;
            };
            let at = position(source, next[source]);
            next[source] += 1;
            match feeds.offer(source, 1, *second, at, text.as_bytes(), || hash::bytes(text.as_bytes())) {
                Verdict::Feed => fed.push((*second, at)),
                Verdict::Shadow | Verdict::Held => {}
            }
        }
        feeds.release(&mut released);
        fed.extend(released.drain(..).map(|line| (line.second, line.position)));
    }
    assert_eq!(feeds.held_lines(), 0);
    fed.sort();
    (fed, feeds.counts())
}

fn texts(sources: &[Vec<Line>], fed: &[(i64, Position)]) -> Vec<&'static str> {
    fed.iter().map(|(_, at)| sources[at.file.0 as usize][at.offset as usize].1).collect()
}

const WORDS: [&str; 5] = ["connect", "client", "qmgr", "removed", "warning"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_line_feeds_once_in_whatever_order_sources_are_read(
        lines in proptest::collection::vec((0_i64..3, 0_usize..5, 1_usize..8), 1..120),
        turns in proptest::collection::vec(0_usize..3, 0..60),
        other_turns in proptest::collection::vec(0_usize..3, 0..60),
    ) {
        // Each line goes to the sources of a mask; equal lines stand at least three seconds apart, as equal texts of one process do.
        let mut sources = vec![Vec::new(), Vec::new(), Vec::new()];
        let mut expected = 0;
        let mut second = 1000;
        let mut last_of = [0; 5];
        for (step, word, mask) in lines {
            second += step;
            if second - last_of[word] <= 2 * TOLERANCE_SECONDS {
                continue;
            }
            last_of[word] = second;
            expected += 1;
            for (index, source) in sources.iter_mut().enumerate() {
                if mask >> index & 1 == 1 {
                    source.push((second, WORDS[word]));
                }
            }
        }
        let (fed, _) = run(&sources, &turns);
        prop_assert_eq!(fed.len(), expected);
        let (other, _) = run(&sources, &other_turns);
        prop_assert_eq!(fed, other);
    }
}

#[test]
fn equal_lines_of_one_second_are_counted() {
    let all = vec![(1, "x"), (1, "x"), (1, "x"), (2, "x")];
    let some = vec![(1, "x"), (1, "x")];
    let more = vec![(1, "x"), (1, "x"), (1, "x"), (1, "x"), (2, "x"), (9, "y")];
    assert_eq!(run(&[all.clone(), some.clone()], &[0, 1]).0.len(), 4);
    assert_eq!(run(&[some, all.clone()], &[1, 1, 0]).0.len(), 4);
    let sources = [all, more];
    let (fed, counts) = run(&sources, &[]);
    assert_eq!(texts(&sources, &fed), ["x", "x", "x", "x", "x", "y"]);
    assert_eq!((counts.shadow_lines, counts.filled_lines), (4, 2));
}

#[test]
fn a_shadow_with_rounded_times_is_still_a_shadow() {
    let (fed, counts) = run(&[vec![(10, "a"), (11, "a"), (20, "b")], vec![(11, "a"), (12, "a"), (21, "b")]], &[0, 1]);
    assert_eq!(fed.len(), 3);
    assert_eq!(counts.shadow_lines, 3);
}

fn must_not_hash() -> u64 {
    unreachable!("a single source is never compared")
}

#[test]
fn one_source_of_a_stream_costs_no_hash() {
    let mut single = Feeds::new(&[Policy::Auto, Policy::Never, Policy::Always]);
    assert_eq!(single.offer(0, 7, 5, position(0, 0), b"x", must_not_hash), Verdict::Feed);
    assert_eq!(single.offer(1, 7, 5, position(1, 0), b"x", must_not_hash), Verdict::Shadow);
    assert_eq!(single.offer(2, 7, 5, position(2, 0), b"x", must_not_hash), Verdict::Feed);
    // Two logs of two streams, both read to their end.
    let mut two = Feeds::new(&[Policy::Auto, Policy::Auto]);
    two.at_end(0, 100);
    two.at_end(1, 100);
    assert_eq!(two.offer(0, 7, 101, position(0, 0), b"x", must_not_hash), Verdict::Feed);
    assert_eq!(two.offer(1, 8, 101, position(1, 0), b"x", must_not_hash), Verdict::Feed);
}

#[test]
fn a_shadow_takes_over_when_the_feed_stops_and_gives_way_when_it_returns() {
    let mut feeds = Feeds::new(&[Policy::Auto, Policy::Auto]);
    let mut out = Vec::new();
    let mut fed = Vec::new();
    let mut offer = |feeds: &mut Feeds, source: usize, second: i64| {
        let line = format!("line {second}");
        if feeds.offer(source, 1, second, position(source, second as usize), line.as_bytes(), || hash::bytes(line.as_bytes()))
            == Verdict::Feed
        {
            fed.push((source, second));
        }
        feeds.release(&mut out);
        fed.extend(out.drain(..).map(|line| (line.source, line.second)));
    };
    // Both run; then the first stops while the other goes on, and the clock tells that the first is at its end.
    for second in 100..110 {
        offer(&mut feeds, 0, second);
        offer(&mut feeds, 1, second);
    }
    for second in 110..120 {
        offer(&mut feeds, 1, second);
        feeds.at_end(0, second);
    }
    feeds.at_end(0, 130);
    // It was only late: its lines come after all, and go on.
    for second in 110..125 {
        offer(&mut feeds, 0, second);
        if second >= 120 {
            offer(&mut feeds, 1, second);
        }
    }
    let seconds: Vec<i64> = fed.iter().map(|(_, second)| *second).collect();
    let mut once = seconds.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(seconds.len(), once.len(), "doubled: {fed:?}");
    assert_eq!(once, (100..125).collect::<Vec<_>>());
    assert!(fed.contains(&(1, 112)) && fed.contains(&(0, 105)));
}

#[test]
fn what_is_held_is_bounded_and_nothing_is_lost_by_it() {
    let mut feeds = Feeds::new(&[Policy::Auto, Policy::Auto]);
    let mut out = Vec::new();
    let count = MAX_HELD_LINES + 500;
    for index in 0..count {
        let verdict = feeds.offer(1, 1, index as i64, position(1, index), b"line", || index as u64);
        assert_eq!(verdict, Verdict::Held);
    }
    feeds.release(&mut out);
    assert_eq!((out.len(), feeds.held_lines()), (500, MAX_HELD_LINES));
    assert_eq!(feeds.counts().forced_lines, 500);
    // The source before it has the same lines: none feeds twice.
    for index in 0..count {
        let verdict = feeds.offer(0, 1, index as i64, position(0, index), b"line", || index as u64);
        assert_eq!(verdict, if index < 500 { Verdict::Shadow } else { Verdict::Feed });
    }
    out.clear();
    feeds.finish(0);
    feeds.release(&mut out);
    assert_eq!((out.len(), feeds.held_lines()), (0, 0));
}

#[test]
fn a_restart_goes_on_without_overlap() {
    let lines: Vec<(i64, String)> = (0..60).map(|n| (1000 + n / 3, format!("line {n}"))).collect();
    for cut in [0, 1, 20, 37, 59] {
        let mut feeds = Feeds::new(&[Policy::Auto, Policy::Auto]);
        let mut fed = Vec::new();
        let mut out = Vec::new();
        for (index, (second, line)) in lines.iter().enumerate() {
            if index == cut {
                let bytes = feeds.encode();
                feeds = Feeds::new(&[Policy::Auto, Policy::Auto]);
                feeds.restore(&bytes).unwrap();
                assert_eq!(feeds.encode(), bytes);
                assert!(feeds.restore(&bytes[..bytes.len() - 1]).is_err());
                feeds = Feeds::new(&[Policy::Auto, Policy::Auto]);
                feeds.restore(&bytes).unwrap();
            }
            // The shadow is first, and alone has every seventh line.
            for source in [1, 0] {
                if source == 0 && index % 7 == 0 {
                    continue;
                }
                let key = || hash::bytes(line.as_bytes());
                if feeds.offer(source, 1, *second, position(source, index), line.as_bytes(), key) == Verdict::Feed {
                    fed.push(line.clone());
                }
            }
            feeds.release(&mut out);
            fed.extend(out.drain(..).map(|line| String::from_utf8(line.line).unwrap()));
        }
        feeds.finish(0);
        feeds.finish(1);
        feeds.release(&mut out);
        fed.extend(out.drain(..).map(|line| String::from_utf8(line.line).unwrap()));
        let mut expected: Vec<String> = lines.iter().map(|(_, line)| line.clone()).collect();
        expected.sort();
        fed.sort();
        assert_eq!(fed, expected, "cut at {cut}");
    }
}

#[test]
fn names_tell_which_log_holds_most() {
    let mut names = ["syslog", "mail.err", "mail.log", "mail.info", "rejectlog"];
    names.sort_by_key(|name| (usual_priority(std::path::Path::new(name)), *name));
    assert_eq!(names, ["mail.log", "mail.info", "syslog", "mail.err", "rejectlog"]);
}

#[test]
fn a_restart_knows_sources_by_name_whatever_their_order() {
    let mut feeds = Feeds::new(&[]);
    feeds.add_named_source(70, Policy::Auto);
    feeds.add_named_source(80, Policy::Auto);
    let held = |feeds: &mut Feeds, source: usize, second: i64| feeds.offer(source, 1, second, position(source, 0), b"line", || 5);
    assert_eq!(held(&mut feeds, 0, 100), Verdict::Feed);
    assert_eq!(held(&mut feeds, 1, 200), Verdict::Held);
    let bytes = feeds.encode();
    // The other way round: what was the second source has priority now.
    let mut turned = Feeds::new(&[]);
    turned.add_named_source(80, Policy::Auto);
    turned.add_named_source(70, Policy::Auto);
    turned.restore(&bytes).unwrap();
    let mut out = Vec::new();
    turned.release(&mut out);
    assert_eq!(out.iter().map(|line| (line.source, line.second)).collect::<Vec<_>>(), [(0, 200)]);
    // One is gone: what it held is judged all the same.
    let mut fewer = Feeds::new(&[]);
    fewer.add_named_source(70, Policy::Auto);
    fewer.restore(&bytes).unwrap();
    fewer.finish(0);
    out.clear();
    fewer.release(&mut out);
    assert_eq!(out.len(), 1);
}

/// A folder of dated files, or the same log of many hosts: each line of each of them feeds, and a copy feeds once.
#[test]
fn twenty_logs_of_one_stream_lose_nothing() {
    let days: Vec<Vec<Line>> =
        (0..20).map(|day| (0..10).map(|line| (day * 86_400 + line * 60, WORDS[line as usize % 5])).collect()).collect();
    let (fed, counts) = run(&days, &[3, 19, 0, 7]);
    assert_eq!((fed.len(), counts.shadow_lines, counts.surplus_lines), (200, 0, 0));
    let copies: Vec<Vec<Line>> = vec![days[0].clone(); 20];
    let (fed, counts) = run(&copies, &[11, 2, 19]);
    assert_eq!((fed.len(), counts.shadow_lines), (10, 190));
}

#[test]
fn many_sources_survive_a_restart() {
    let mut feeds = Feeds::new(&[Policy::Auto; 12]);
    let offer = |feeds: &mut Feeds, source: usize| feeds.offer(source, 1, 100, position(source, 0), b"line", || 5);
    // While another may bring the same, it is remembered.
    assert_eq!(offer(&mut feeds, 0), Verdict::Feed);
    (0..12).for_each(|source| feeds.at_end(source, 108));
    (1..11).for_each(|source| assert_eq!(offer(&mut feeds, source), Verdict::Shadow, "{source}"));
    let mut again = Feeds::new(&[Policy::Auto; 12]);
    again.restore(&feeds.encode()).unwrap();
    (0..12).for_each(|source| again.at_end(source, 108));
    assert_eq!(offer(&mut again, 11), Verdict::Shadow);
    assert_eq!(offer(&mut again, 10), Verdict::Feed, "a second one of a source that has delivered it");
}

#[test]
fn a_state_of_eight_sources_is_still_read() {
    let mut bytes = vec![VERSION_OF_EIGHT];
    let length = |bytes: &mut Vec<u8>, length: u32| bytes.extend_from_slice(&length.to_le_bytes());
    let word = |bytes: &mut Vec<u8>, word: u64| bytes.extend_from_slice(&word.to_le_bytes());
    length(&mut bytes, 2);
    [0, 100, 1, 100].into_iter().for_each(|value| word(&mut bytes, value));
    length(&mut bytes, 1);
    [1, 100, 100, i64::MIN as u64].into_iter().for_each(|value| word(&mut bytes, value));
    [2, 0, 1].into_iter().for_each(|value| length(&mut bytes, value));
    length(&mut bytes, 0);
    length(&mut bytes, 1);
    [hash::words(&[1, 5]), 100, 1].into_iter().for_each(|value| word(&mut bytes, value));
    [1_u16, 0, 0, 0, 0, 0, 0, 0].into_iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
    let mut feeds = Feeds::new(&[Policy::Auto, Policy::Auto]);
    feeds.restore(&bytes).unwrap();
    feeds.at_end(0, 200);
    assert_eq!(feeds.offer(1, 1, 100, position(1, 0), b"line", || 5), Verdict::Shadow);
}
