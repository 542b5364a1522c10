//! `/summary`: every number of a window, and whether mail is flowing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::figures::{summary, tells_door};
use mailvane_analytics::{Dimension, Scope, figures as sums};
use mailvane_metric::{Cell, Door, Figure, Figures, Spread, Traffic};
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population};
use serde_json::{Value, json};

use super::figures::{self, Open, count, spread};
use super::json::{optional_moment, percentiles, ratio};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::{FIGURES, WINDOW, Window};
use super::{Api, health, now};
use crate::live::view::View;

/// `/summary`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[WINDOW, &["clock"]])?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    api.answer(move |view, _| answer(view, &window)).await
}

fn answer(view: &View, window: &Window) -> Result<Value, Problem> {
    let scope = &window.scope;
    // Every traffic at once: directions and notifications stand beside the asked ones.
    let everything = Scope { population: None, direction: None, ..scope.clone() };
    let cell = summary(&view.snapshot, &everything)?;
    let asked = figures::sum(&cell, |traffic| scope.has(traffic));
    let open = Open::of(&view.open.outcomes, scope);
    let judged = judge(view, window, &asked, open, &cell)?;
    Ok(json!({
        "window": window.write(view.complete_to),
        "coverage": coverage(view, Some(scope)),
        "sentence": judged.sentence,
        "health": judged.health.word(),
        "received": received(&asked),
        "figures": figures::write(&asked, open),
        "delay_parts": delay_parts(&asked),
        "by_direction": by_direction(view, scope, &cell),
        "inbound": tells_door(&view.snapshot, &everything).then(|| inbound(&cell)),
        "notifications": notifications(&cell),
    }))
}

/// How much was understood, since the store was begun; gaps are those that touch the scope.
pub(crate) fn coverage(view: &View, scope: Option<&Scope>) -> Value {
    let total = view.coverage.total;
    let understood = mailvane_metric::Rate { count: total.recognised + total.ignored, of: total.lines() };
    let gaps = view.gaps.iter().filter(|gap| scope.is_none_or(|scope| gap.since < scope.until && gap.until >= scope.since));
    json!({
        "lines": total.lines(),
        "recognised": total.recognised,
        "ignored": total.ignored,
        "unparsed": total.unparsed,
        "understood": ratio(understood),
        "gaps": gaps.count(),
        "data_from": optional_moment(view.data_from),
        "data_to": optional_moment(view.complete_to),
    })
}

fn judge(view: &View, window: &Window, asked: &Figures, open: Open, cell: &Cell) -> Result<health::Judged, Problem> {
    let scope = &window.scope;
    let mut facts = health::Facts {
        direction: scope.direction,
        whole: asked,
        recent: None,
        worst: None,
        reason: None,
        open,
        refused: (cell.door(Door::Rejected) + cell.door(Door::RejectedTemporarily)).max(0) as u64,
        reached: view.complete_to.is_some_and(|complete| complete > scope.since),
        read: view.complete_to.is_some(),
    };
    let end = view.complete_to.map_or(scope.until, |complete| scope.until.min(complete.plus(Time::MINUTE)));
    let recent =
        Scope { since: scope.since.max(end.plus(-Time::HOUR).floor(Time::MINUTE)), until: end, by_arrival: false, ..scope.clone() };
    let last_hour = (recent.since < recent.until && facts.reached).then(|| summary(&view.snapshot, &recent)).transpose()?;
    let last_hour = last_hour.map(|cell| figures::sum(&cell, |traffic| scope.has(traffic)));
    facts.recent = last_hour.as_ref();
    let providers = worst(view, scope, &facts)?;
    facts.worst = providers.as_ref().map(|(key, figures, _)| (key.as_str(), figures));
    facts.reason = providers.as_ref().and_then(|(_, _, reason)| *reason);
    Ok(health::judge(&facts))
}

type Worst = (String, Figures, Option<mailvane_model::word::Reason>);

/// The provider that most recipients are in trouble with; only of mail that goes out, and only where that is known at once.
fn worst(view: &View, scope: &Scope, facts: &health::Facts<'_>) -> Result<Option<Worst>, Problem> {
    let goes_out = matches!(scope.direction, None | Some(Direction::Outbound | Direction::Forwarded));
    let is_quick = sums::is_quick(&view.snapshot, scope, Dimension::Provider);
    if !goes_out || !is_quick || count(facts.whole, Figure::Recipients) == 0 {
        return Ok(None);
    }
    let found = sums::breakdown(&view.snapshot, scope, Dimension::Provider)?;
    let groups = found.groups.into_iter().filter(|group| group.key != sums::OTHER).map(|group| {
        let figures = figures::sum(&group.cell, |traffic| scope.has(traffic));
        let reason = group.top_reason();
        (group.key, figures, reason)
    });
    let refused = |figures: &Figures| {
        let accepted = mailvane_metric::Rates::of(figures).acceptance;
        accepted.of.saturating_sub(accepted.count)
    };
    Ok(groups.max_by(|left, right| (refused(&left.1), &right.0).cmp(&(refused(&right.1), &left.0))))
}

fn received(figures: &Figures) -> Value {
    json!({
        "messages": count(figures, Figure::Received),
        "recipients": count(figures, Figure::ReceivedRecipients),
        "bytes": count(figures, Figure::ReceivedBytes),
    })
}

fn delay_parts(figures: &Figures) -> Value {
    let part = |which| percentiles(&spread(figures, which));
    json!({
        "before_queue_manager": part(Spread::DelayBefore),
        "in_queue": part(Spread::DelayQueued),
        "connection": part(Spread::DelayConnecting),
        "transmission": part(Spread::DelaySending),
    })
}

fn by_direction(view: &View, scope: &Scope, cell: &Cell) -> Value {
    let directions = [Direction::Outbound, Direction::Inbound, Direction::Forwarded, Direction::Local, Direction::Unknown];
    let rows = directions.map(|direction| {
        let scope = Scope { direction: Some(direction), ..scope.clone() };
        let figures = figures::sum(cell, |traffic| scope.has(traffic));
        let open = Open::of(&view.open.outcomes, &scope);
        json!({"direction": direction.word(), "outcomes": figures::outcomes(&figures, open), "rates": figures::rates(&figures)})
    });
    json!(rows)
}

fn inbound(cell: &Cell) -> Value {
    let door = |door| cell.door(door).max(0);
    let kinds = [Door::Rejected, Door::RejectedTemporarily, Door::Discarded, Door::Held, Door::Warned];
    json!({
        "rejections": {
            "total": kinds.iter().map(|kind| door(*kind)).sum::<i64>(),
            "reject": door(Door::Rejected),
            "defer": door(Door::RejectedTemporarily),
            "discard": door(Door::Discarded),
            "hold": door(Door::Held),
            "warn": door(Door::Warned),
        },
        "auth": {"ok": door(Door::AuthOk), "failed": door(Door::AuthFailed)},
        "sessions": {"total": door(Door::Sessions), "lost": door(Door::SessionsLost)},
    })
}

/// Notifications that were made here: those that came from outside are inbound.
fn notifications(cell: &Cell) -> Value {
    let is_ours = |traffic: Traffic| {
        traffic.population == Population::Notification && !matches!(traffic.direction, Direction::Inbound | Direction::Forwarded)
    };
    let ours = figures::sum(cell, is_ours);
    let outside = figures::sum(cell, |traffic| is_ours(traffic) && traffic.direction == Direction::Outbound);
    json!({
        "sent": count(&ours, Figure::Received),
        "delivered": count(&ours, Figure::Delivered) + count(&ours, Figure::Relayed),
        "failed": count(&ours, Figure::Bounced) + count(&ours, Figure::Expired),
        "to_outside": count(&outside, Figure::Received),
    })
}
