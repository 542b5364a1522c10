//! How a group did over the time of an incident and before it.

use mailvane_metric::Figure;
use mailvane_model::Time;

use crate::condition::Group;
use crate::event::Trend;
use crate::input::Dimension;
use crate::series::history::{Entry, minute_of};
use crate::series::{Book, outbound};

/// Steps of a trend at most.
const STEPS: i64 = 168;

/// The trend of a group from before `began` up to `now`: the whole server's where the group has no numbers of its own.
pub(crate) fn of(book: &Book, group: &Group, began: Time, now: Time) -> Trend {
    let dimension = Dimension::ALL.into_iter().find(|known| !group.is_whole() && known.word() == group.label);
    let own = dimension.and_then(|dimension| book.get(outbound(), dimension, &group.key));
    let Some(series) = own.or_else(|| book.get(outbound(), Dimension::All, "")) else { return Trend::default() };
    // As long before it as it lasts, in the steps in which so much of the past is remembered.
    let wanted = (now.0 - began.0).max(0).saturating_mul(2);
    let history = &series.history;
    let (entries, step, least) = match wanted {
        wanted if wanted <= Time::HOUR => (&history.minutes, Time::MINUTE, 60),
        wanted if wanted <= Time::DAY => (&history.quarters, 15 * Time::MINUTE, 24),
        _ => (&history.hours, Time::HOUR, 48),
    };
    let until = now.plus(step - 1).floor(step);
    let count = (wanted / step + 1).clamp(least, STEPS);
    let from = until.plus(-step * count);
    let mut trend = Trend { from: from.0, step, accepted: vec![0; count as usize], refused: vec![0; count as usize] };
    for entry in entries {
        let place = i64::from(entry.at - minute_of(from)) * Time::MINUTE / step;
        if entry.at < minute_of(from) || place >= count {
            continue;
        }
        let (accepted, refused) = counted(entry);
        trend.accepted[place as usize] += accepted;
        trend.refused[place as usize] += refused;
    }
    trend
}

/// Attempts of a step that went well, and that did not.
fn counted(entry: &Entry) -> (u32, u32) {
    let get = |figure| entry.counts.get(figure).clamp(0, i64::from(u32::MAX)) as u32;
    let refused = get(Figure::RefusedAttempts).saturating_add(get(Figure::DeferredAttempts));
    (get(Figure::Attempts).saturating_sub(refused), refused)
}
