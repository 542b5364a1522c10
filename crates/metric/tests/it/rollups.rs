//! Rollups: deltas add up to what there is from nothing, and mean what they say.

use std::collections::{BTreeMap, HashSet};

use mailvane_metric::window::Window;
use mailvane_metric::{Cell, Cube, Figure, Traffic, Width, rollup};
use mailvane_model::word::Status;
use mailvane_model::{AttemptRow, Time};
use proptest::prelude::*;

use crate::rows::{Dice, Event, batch, events};

type Stored = BTreeMap<(Cube, Width, Time, u64, String), Cell>;

/// Adds the deltas of a batch as a store does: through bytes, dropping cells that became empty.
fn commit(stored: &mut Stored, rows: &[Event]) {
    let batch = batch(rows);
    rollup::all_deltas(&batch, &mut |width, cube, time, stream, key, delta| {
        let delta = Cell::decode(&delta.encode()).expect("a cell reads its own bytes");
        let place = (cube, width, time, stream, key.to_owned());
        let cell = stored.entry(place.clone()).or_default();
        cell.merge(&delta);
        if cell.is_empty() {
            stored.remove(&place);
        }
    });
}

/// The attempts that the figures of the default population count.
fn attempts(rows: &[Event]) -> impl Iterator<Item = &AttemptRow<'static>> {
    rows.iter().filter_map(|event| match event {
        Event::Attempt(row) if Traffic::of(row.population, row.direction) == Traffic::DEFAULT && row.status != Status::Held => Some(row),
        _ => None,
    })
}

/// Recipients, each once, of the attempts that pass.
fn distinct<'a>(rows: impl Iterator<Item = &'a AttemptRow<'static>>) -> i64 {
    rows.map(|row| (row.message, row.recipient)).collect::<HashSet<_>>().len() as i64
}

/// The figures of a step over all streams.
fn total(stored: &Stored, width: Width, step: Time) -> Cell {
    let mut sum = Cell::default();
    for ((cube, each, time, _, _), cell) in stored {
        if (*cube, *each, *time) == (Cube::Total, width, step) {
            sum.merge(cell);
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn deltas_of_any_batches_equal_rollups_from_nothing(seed in any::<u64>(), lives in 1_u64..60) {
        let rows = events(seed, lives);
        let (mut at_once, mut in_parts) = (Stored::new(), Stored::new());
        commit(&mut at_once, &rows);
        let mut dice = Dice::new(seed);
        let mut rest = rows.as_slice();
        while !rest.is_empty() {
            let (part, tail) = rest.split_at(1 + dice.below(rest.len() as u64) as usize);
            commit(&mut in_parts, part);
            rest = tail;
        }
        prop_assert_eq!(at_once, in_parts);
    }

    #[test]
    fn what_is_replaced_leaves_nothing_behind(seed in any::<u64>(), lives in 1_u64..40) {
        let rows = events(seed, lives);
        let revised: HashSet<(&str, u64)> = rows.iter().filter_map(|event| match event {
            Event::Outcome(row, Some(_)) => Some(("outcome", row.id)),
            Event::Message(row, Some(_)) => Some(("message", row.id)),
            _ => None,
        }).collect();
        let last_words: Vec<Event> = rows.iter().filter_map(|event| match event {
            Event::Outcome(row, None) if revised.contains(&("outcome", row.id)) => None,
            Event::Message(row, None) if revised.contains(&("message", row.id)) => None,
            Event::Outcome(row, _) => Some(Event::Outcome(*row, None)),
            Event::Message(row, _) => Some(Event::Message(*row, None)),
            other => Some(*other),
        }).collect();
        let (mut by_deltas, mut from_nothing) = (Stored::new(), Stored::new());
        commit(&mut by_deltas, &rows);
        commit(&mut from_nothing, &last_words);
        prop_assert_eq!(by_deltas, from_nothing);
    }

    #[test]
    fn recipients_of_a_step_count_once_each(seed in any::<u64>(), lives in 1_u64..60) {
        let rows = events(seed, lives);
        let mut stored = Stored::new();
        commit(&mut stored, &rows);
        for width in Width::ALL {
            let steps: HashSet<Time> = attempts(&rows).map(|row| width.floor(row.time)).collect();
            for step in steps {
                let inside = || attempts(&rows).filter(|row| width.floor(row.time) == step);
                let cell = total(&stored, *width, step);
                let get = |figure| cell.get(Traffic::DEFAULT, figure);
                prop_assert_eq!(get(Figure::Recipients), distinct(inside()));
                prop_assert_eq!(get(Figure::RecipientsDeferred), distinct(inside().filter(|row| row.status == Status::Deferred)));
                prop_assert_eq!(get(Figure::Accepted), distinct(inside().filter(|row| row.status == Status::Delivered)));
            }
        }
    }

    #[test]
    fn recipients_of_a_window_count_once_each_but_for_half_a_step(seed in any::<u64>(), lives in 1_u64..60, steps in 1_i64..40) {
        let rows = events(seed, lives);
        let mut stored = Stored::new();
        commit(&mut stored, &rows);
        let width = Width::Quarter;
        let start = width.floor(Time::from_seconds(1_762_020_000));
        let end = start.plus(steps * width.micros());
        let mut window = Window::new(start);
        for step in 0..steps {
            let step = start.plus(step * width.micros());
            if let Some(figures) = total(&stored, width, step).figures(Traffic::DEFAULT) {
                window.add(step, width, figures);
            }
        }
        let inside = || attempts(&rows).filter(|row| start <= row.time && row.time < end);
        // Only a retry whose try before lies near the start of the window can be taken for the wrong side.
        let slack = |row: &&AttemptRow<'_>| row.previous.is_some_and(|previous| (previous.0 - start.0).abs() <= width.micros() / 2 + (row.time.0 - previous.0) / 30 + Time::SECOND);
        let unsure = inside().filter(slack).count() as i64;
        prop_assert!((window.recipients() - distinct(inside())).abs() <= unsure, "{} {}", window.recipients(), distinct(inside()));
        let deferred = distinct(inside().filter(|row| row.status == Status::Deferred));
        prop_assert!((window.deferred() - deferred).abs() <= unsure);
    }

    #[test]
    fn ever_deferred_adds_up_over_all_time(seed in any::<u64>(), lives in 1_u64..60) {
        let rows = events(seed, lives);
        let mut stored = Stored::new();
        commit(&mut stored, &rows);
        let over_time = |figure| stored.iter().filter(|entry| entry.0.0 == Cube::Total && entry.0.1 == Width::Hour).map(|entry| entry.1.get(Traffic::DEFAULT, figure)).sum::<i64>();
        let deferred = || attempts(&rows).filter(|row| row.status == Status::Deferred);
        prop_assert_eq!(over_time(Figure::RecipientsFirstDeferred), distinct(deferred()));
        prop_assert_eq!(over_time(Figure::MessagesFirstDeferred), deferred().map(|row| row.message).collect::<HashSet<_>>().len() as i64);
        prop_assert_eq!(over_time(Figure::DeferredAttempts), deferred().count() as i64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_width_at_once_is_each_width_by_itself_in_its_one_form(seed in any::<u64>(), lives in 1_u64..40) {
        let batch = batch(&events(seed, lives));
        let (mut at_once, mut each) = (Vec::new(), Vec::new());
        rollup::all_deltas(&batch, &mut |width, cube, time, stream, key, cell| at_once.push((width, cube, time, stream, key.to_owned(), cell.clone())));
        for width in Width::ALL {
            rollup::deltas(&batch, *width, &mut |cube, time, stream, key, cell| each.push((*width, cube, time, stream, key.to_owned(), cell.clone())));
        }
        for (_, _, _, _, _, cell) in &at_once {
            prop_assert_eq!(Cell::decode(&cell.encode()), Ok(cell.clone()));
        }
        prop_assert_eq!(at_once, each);
    }
}
