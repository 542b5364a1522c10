//! How long one step takes when ten thousand series have something new in every minute.

use std::sync::Arc;
use std::time::Instant;

use mailvane_alert::input::Dimension;
use mailvane_alert::state::Settings;
use mailvane_alert::{Engine, Minute, RuleSet};
use mailvane_metric::{Cell, Figure, Traffic};
use mailvane_model::Time;

const SERIES: usize = 10_000;
const MINUTES: i64 = 90;

/// Prints the time of the slowest and the mean step of the last half hour.
pub(crate) fn run() {
    let mut engine = Engine::new(RuleSet::embedded(), Settings { trains: false, ..Settings::default() });
    let dimensions = [Dimension::Provider, Dimension::SenderDomain, Dimension::User, Dimension::Domain];
    let keys: Vec<Arc<str>> = (0..SERIES / dimensions.len()).map(|number| Arc::from(format!("key{number}"))).collect();
    let mut times = Vec::new();
    for at in 0..MINUTES {
        let start = Time((29_900_000 + at) * Time::MINUTE);
        let mut minute = Minute { start, end: start.plus(Time::MINUTE), ..Minute::default() };
        for dimension in dimensions {
            for (number, key) in keys.iter().enumerate() {
                let mut cell = Cell::default();
                let figures = cell.figures_mut(Traffic::DEFAULT);
                let failed = i64::from((number as i64 + at) % 9 == 0);
                for (figure, count) in [
                    (Figure::Attempts, 4),
                    (Figure::Recipients, 4),
                    (Figure::RecipientsFirstTried, 4),
                    (Figure::Accepted, 4 - failed),
                    (Figure::DeferredAttempts, failed),
                    (Figure::RecipientsDeferred, failed),
                ] {
                    figures.add(figure, count);
                }
                minute.cells.push((dimension, Arc::clone(key), cell));
            }
        }
        let begun = Instant::now();
        engine.step(&minute, minute.end);
        times.push(begun.elapsed().as_secs_f64());
    }
    let last = &times[times.len() - 30..];
    let slowest = last.iter().copied().fold(0.0, f64::max);
    let mean = last.iter().sum::<f64>() / last.len() as f64;
    println!(
        "{} series, {} rules: {:.3} s for a step on average, {slowest:.3} s for the slowest, on one core",
        engine.book().len(),
        engine.rules().rules().len(),
        mean
    );
}
