//! What the tests feed to the engine: a time of their own, and cells of mail.

use mailvane_metric::{Cell, Figure, Traffic};
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population};

/// Monday 2 Nov 2026, 00:00 UTC, in minutes.
const BEGIN: i64 = 29_892_960;
pub(crate) const HOUR: i64 = 60;
pub(crate) const DAY: i64 = 1440;

/// The start of a minute, counted from the first.
pub(crate) fn time(minute: i64) -> Time {
    Time((BEGIN + minute) * Time::MINUTE)
}

/// What was sent in a minute: tried, and refused of them.
pub(crate) fn cell(tried: i64, refused: i64) -> Cell {
    let mut cell = Cell::default();
    let figures = cell.figures_mut(Traffic::DEFAULT);
    for (figure, count) in [
        (Figure::Attempts, tried),
        (Figure::Recipients, tried),
        (Figure::RecipientsFirstTried, tried),
        (Figure::Accepted, tried - refused),
        (Figure::RefusedAttempts, refused),
        (Figure::Bounced, refused),
        (Figure::Delivered, tried - refused),
    ] {
        figures.add(figure, count);
    }
    cell
}

/// Notices that were sent to the outside in a minute.
pub(crate) fn notices_out(tried: i64) -> Cell {
    let mut cell = Cell::default();
    cell.figures_mut(Traffic::of(Population::Notification, Direction::Outbound)).add(Figure::Attempts, tried);
    cell
}
