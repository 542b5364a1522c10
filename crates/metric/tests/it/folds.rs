//! The report: folding in parts gives what folding at once gives, and it agrees with the rollups.

use mailvane_metric::summary::report::Section;
use mailvane_metric::summary::{Context, Fold, Options, Report, Tape};
use mailvane_metric::{Cell, Cube, Figure, Traffic, Width, rollup};
use mailvane_model::Time;
use proptest::prelude::*;

use crate::rows::{Dice, Event, batch, events};

fn fold(rows: &[Event]) -> Fold {
    let mut fold = Fold::new(Options::default());
    for event in rows {
        event.hand_to(&mut fold);
    }
    fold
}

fn finish(fold: &Fold) -> Report {
    fold.finish(&Context { offset_minutes: &|_| 90, top: 20 })
}

fn section(report: &Report) -> &Section {
    report.section(Traffic::DEFAULT).expect("the default population is always there")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn folding_in_parts_gives_what_folding_at_once_gives(seed in any::<u64>(), lives in 1_u64..80) {
        let rows = events(seed, lives);
        let mut dice = Dice::new(seed);
        let mut sum = Fold::new(Options::default());
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let (part, tail) = rest.split_at(1 + dice.below(rest.len() as u64) as usize);
            sum.merge(&fold(part));
            rest = tail;
        }
        let (sum, whole) = (finish(&sum), finish(&fold(&rows)));
        // Part by part first: a difference in the whole report is too long to read.
        prop_assert_eq!(&sum.queue, &whole.queue);
        prop_assert_eq!(&sum.rejections, &whole.rejections);
        prop_assert_eq!(&sum.trouble, &whole.trouble);
        for (left, right) in sum.sections.iter().zip(&whole.sections) {
            prop_assert_eq!(&left.failures, &right.failures);
            prop_assert_eq!(&left.providers, &right.providers);
        }
        prop_assert_eq!(sum, whole);
    }

    #[test]
    fn folding_from_tapes_gives_what_folding_the_rows_gives(seed in any::<u64>(), lives in 1_u64..80, rows_of_a_tape in 1_usize..50) {
        let rows = events(seed, lives);
        let (mut taped, mut tape) = (Fold::new(Options::default()), Tape::default());
        for part in rows.chunks(rows_of_a_tape) {
            tape.clear();
            for event in part {
                event.hand_to(&mut tape);
            }
            taped.play(&tape);
        }
        prop_assert_eq!(finish(&taped), finish(&fold(&rows)));
    }

    #[test]
    fn the_report_agrees_with_the_rollups(seed in any::<u64>(), lives in 1_u64..80) {
        let rows = events(seed, lives);
        let report = finish(&fold(&rows));
        let mut sum = Cell::default();
        rollup::deltas(&batch(&rows), Width::Hour, &mut |cube, _, _, _, cell| if cube == Cube::Total { sum.merge(cell) });
        for section in &report.sections {
            for figure in Figure::ALL {
                // These count once for each step, and the steps differ.
                if !matches!(figure, Figure::Recipients | Figure::RecipientsDeferred | Figure::RecipientsGreylisted) {
                    prop_assert_eq!(section.figures.get(*figure), sum.get(section.traffic, *figure), "{:?}", figure);
                }
            }
        }
    }

    #[test]
    fn breakdowns_and_steps_add_up_to_the_totals(seed in any::<u64>(), lives in 1_u64..80) {
        let report = finish(&fold(&events(seed, lives)));
        let section = section(&report);
        for figure in [Figure::Delivered, Figure::Bounced, Figure::Expired, Figure::Relayed] {
            let total = section.figures.get(figure);
            for breakdown in [&section.providers, &section.domains, &section.senders, &section.recipients, &section.relays, &section.instances] {
                prop_assert_eq!(breakdown.lines.iter().chain(&breakdown.other).map(|line| line.get(figure)).sum::<i64>(), total);
            }
            for steps in [&report.hours, &report.days, &report.hours_of_day] {
                prop_assert_eq!(steps.iter().map(|step| step.outbound.get(figure)).sum::<i64>(), total);
            }
        }
        prop_assert_eq!(report.hours_of_day.len(), 24);
        let waiting: i64 = report.sections.iter().filter(|section| section.traffic.population.code() == 0).map(|section| section.figures.get(Figure::Queued)).sum();
        prop_assert_eq!(report.queue.recipients as i64, waiting);
    }

    #[test]
    fn a_window_takes_only_its_own_rows(seed in any::<u64>(), lives in 1_u64..60) {
        let rows = events(seed, lives);
        let (since, until) = (Time::from_seconds(1_762_020_000), Time::from_seconds(1_762_060_000));
        let mut window = Fold::new(Options { since: Some(since), until: Some(until) });
        for event in &rows {
            event.hand_to(&mut window);
        }
        let report = finish(&window);
        prop_assert!(report.first.is_none_or(|first| first >= since) && report.last.is_none_or(|last| last < until));
        let whole = finish(&fold(&rows));
        prop_assert!(section(&report).figures.get(Figure::Attempts) <= section(&whole).figures.get(Figure::Attempts));
        prop_assert!(section(&report).figures.get(Figure::Recipients) <= section(&report).figures.get(Figure::Attempts));
        prop_assert!(section(&report).rates.acceptance.count <= section(&report).rates.acceptance.of);
    }
}
