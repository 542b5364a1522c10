//! The tables of the bench, as Markdown.

use std::collections::BTreeMap;

use mailvane_alert::event::Step;
use mailvane_alert::state::State;

use crate::host::{Host, minute_of};
use crate::incident::Kind;
use crate::score::{Score, Tally, median};

/// Hosts from this size on are busy.
const BUSY: u32 = 200_000;

fn percent(part: u32, of: u32) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.1} %", f64::from(part) * 100.0 / f64::from(of)) }
}

fn add(sum: &mut Tally, other: &Tally) {
    sum.all += other.all;
    sum.found += other.found;
    sum.paged += other.paged;
    sum.delays.extend(&other.delays);
    sum.fixed[0] += other.fixed[0];
    sum.fixed[1] += other.fixed[1];
}

fn row(name: &str, tally: &Tally, busy: &[i64], fixed: bool) -> String {
    let delay = |values: Vec<i64>| median(values).map_or("-".to_owned(), |minutes| format!("{minutes} min"));
    let fixed = |at: usize| if fixed { percent(tally.fixed[at], tally.all) } else { "cannot see it".to_owned() };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {} |",
        tally.all,
        percent(tally.found, tally.all),
        percent(tally.paged, tally.all),
        delay(busy.to_vec()),
        delay(tally.delays.clone()),
        fixed(0),
        fixed(1)
    )
}

/// Prints everything.
pub(crate) fn print(score: &Score) {
    println!("Incidents that touch 50 messages or more, and a third or more of what their target sends in that time:\n");
    println!("| kind | incidents | found | as a page | median delay, busy hosts | median delay, all | fixed 5 % | fixed 10 % |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut whole = Tally::default();
    let mut whole_busy = Vec::new();
    for kind in Kind::ALL {
        let mut sum = Tally::default();
        let mut busy = Vec::new();
        for ((_, size), tally) in score.large.iter().filter(|((known, _), _)| *known == kind) {
            add(&mut sum, tally);
            if *size >= BUSY {
                busy.extend(&tally.delays);
            }
        }
        println!("{}", row(kind.word(), &sum, &busy, kind.is_failure()));
        add(&mut whole, &sum);
        whole_busy.extend(busy);
    }
    println!("{}", row("**all**", &whole, &whole_busy, true));
    by_size(score);
    println!("\nSmaller incidents, for which there is no goal:\n");
    println!("| meant to touch | incidents | found | fixed 5 % | fixed 10 % |");
    println!("|---|---|---|---|---|");
    for (size, tally) in &score.small {
        let (all, fixed) = (tally.all, tally.fixed);
        println!("| {size} messages | {all} | {} | {} | {} |", percent(tally.found, all), percent(fixed[0], all), percent(fixed[1], all));
    }
}

fn by_size(score: &Score) {
    println!(
        "\n| messages a day | host-months | large incidents | found | median delay | false pages a month | false tickets a month | fixed 5 %, false alarms a month | fixed 10 % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut rules: BTreeMap<&str, u32> = BTreeMap::new();
    for (size, noise) in &score.noise {
        let mut sum = Tally::default();
        score.large.iter().filter(|((_, known), _)| known == size).for_each(|(_, tally)| add(&mut sum, tally));
        let rate = |count: u32| format!("{:.2}", f64::from(count) / f64::from(noise.months));
        println!(
            "| {size} | {} | {} | {} | {} | {} | {} | {} | {} |",
            noise.months,
            sum.all,
            percent(sum.found, sum.all),
            median(sum.delays).map_or("-".to_owned(), |minutes| format!("{minutes} min")),
            rate(noise.pages),
            rate(noise.tickets),
            rate(noise.fixed[0]),
            rate(noise.fixed[1])
        );
        for (rule, count) in &noise.rules {
            *rules.entry(rule).or_default() += count;
        }
    }
    let said: Vec<String> = rules.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    println!("\nSaid outside of incidents, by rule: {}.", if said.is_empty() { "nothing".to_owned() } else { said.join(", ") });
}

/// What happened at one host, and what was said of it, in the order of time.
pub(crate) fn story(host: &Host, step: &Step) {
    let day = |minute: i64| minute as f64 / 1440.0;
    let incidents = host.incidents.iter().map(|one| {
        let of = format!("{} {:?} until day {:.3}: {} of {}", one.kind.word(), host.target(one), day(one.end), one.touched, one.of);
        (one.start, format!("  {of}"))
    });
    let changes = step.transitions.iter().filter(|change| change.to != State::Pending).map(|change| {
        let (rule, key, text) = (&change.rule, &change.group.key, &change.reading.text);
        (minute_of(change.at), format!("    {:?} {rule} {key:?} {text}", change.to))
    });
    let mut lines: Vec<(i64, String)> = incidents.chain(changes).collect();
    lines.sort();
    lines.iter().for_each(|(minute, line)| println!("day {:.3}{line}", day(*minute)));
    println!();
}
