//! A window cut into the steps that rollups have: as wide as can be, and in halves where that is worth it.

use mailvane_metric::{Cube, Width};
use mailvane_model::Time;

/// Steps of one width that follow each other: their width, the start of the first one and the end of the last one.
pub(super) type Piece = (Width, Time, Time);
/// So many steps are worth a second processor.
const LONG: i64 = 14;

/// Cuts a span into the widest steps a cube has, none of them over one of the `borders`.
pub(super) fn pieces(since: Time, until: Time, cube: Cube, borders: impl Iterator<Item = Time>) -> Vec<Piece> {
    let widths: Vec<Width> = [Width::Day, Width::Hour, Width::Quarter, Width::Minute].into_iter().filter(|width| cube.at(*width)).collect();
    let borders: Vec<Time> = borders.collect();
    // A border that is no border of the wide step makes narrow steps necessary everywhere.
    let fits = |width: Width| borders.iter().all(|border| width.floor(*border) == *border);
    let widest = widths.iter().copied().find(|width| fits(*width)).or(widths.last().copied());
    let Some(widest) = widest else { return Vec::new() };
    let narrow: Vec<Width> = widths.into_iter().filter(|width| width.micros() <= widest.micros()).collect();
    let mut found = Vec::new();
    let mut at = since;
    while at < until {
        let step = narrow.iter().copied().find(|width| width.floor(at) == at && at.plus(width.micros()) <= until);
        let width = step.or(narrow.last().copied()).unwrap_or(widest);
        let mut end = at.plus(width.micros());
        // Runs of the same width are one piece.
        while end < until
            && narrow.iter().copied().find(|other| other.floor(end) == end && end.plus(other.micros()) <= until) == Some(width)
        {
            end = end.plus(width.micros());
        }
        found.push((width, at, end));
        at = end;
    }
    found
}

/// Parts a long window, so that two processors may work on it; between chunks of the store, so that none is read twice. The second half of
/// a short one is empty.
pub(super) fn halves(pieces: Vec<Piece>) -> (Vec<Piece>, Vec<Piece>) {
    let longest = pieces.iter().copied().max_by_key(|(width, from, until)| (until.0 - from.0) / width.micros());
    let Some((width, from, until)) = longest.filter(|(width, from, until)| (until.0 - from.0) / width.micros() >= LONG) else {
        return (pieces, Vec::new());
    };
    let chunk = if width == Width::Day { 7 * Time::DAY } else { Time::DAY };
    let middle = Time(i64::midpoint(from.0, until.0)).floor(chunk);
    if middle <= from {
        return (pieces, Vec::new());
    }
    let mut early: Vec<Piece> = pieces.iter().copied().take_while(|piece| piece.1 < middle).collect();
    let mut late: Vec<Piece> = pieces.iter().copied().skip_while(|piece| piece.2 <= middle).collect();
    if let (Some(end), Some(start)) = (early.last_mut(), late.first_mut()) {
        (end.2, start.1) = (end.2.min(middle), start.1.max(middle));
    }
    (early, late)
}
