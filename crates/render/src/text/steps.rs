//! Traffic by day and by hour.

use mailvane_metric::Figure;
use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::Step;
use mailvane_model::Time;

use super::format::{Clock, count, sparse};
use super::page::Page;
use super::table::Table;
use crate::chart::{Chart, Hue, Kind, Series};

/// So many hours are shown one by one; a longer time is shown by day and by hour of the day.
const HOURS_ONE_BY_ONE: usize = 48;
/// Charts go by hour up to so many hours, by day beyond.
const HOURS_DRAWN: usize = 15 * 24;
/// So many days are shown.
const DAYS_SHOWN: usize = 62;

const HEADS: [&str; 10] =
    ["", "received", "delivered", "relayed", "bounced", "expired", "deferred attempts", "others received", "others delivered", "rejected"];

pub(super) fn write(page: &mut Page, report: &Report, clock: Clock<'_>) {
    if report.hours.is_empty() {
        return;
    }
    page.heading("Traffic over time", "Outbound mail; inbound, forwarded and local mail together as \"others\". An attempt counts at its own time, an outcome when it became final.");
    if page.is_html() {
        figures(page, report, clock);
    }
    if report.days.len() > 1 {
        let hidden = report.days.len().saturating_sub(DAYS_SHOWN);
        let mut table = table("Day");
        for step in report.days.iter().skip(hidden) {
            table.row(&clock.write(step.start, "%a %-d %b %Y"), cells(step));
        }
        if hidden > 0 {
            table.note(format!("{hidden} earlier days are left out"));
        }
        table.write(page);
        page.blank();
    }
    if report.hours.len() <= HOURS_ONE_BY_ONE {
        let mut table = table("Hour");
        for step in &report.hours {
            table.row(&clock.write(step.start, "%a %-d %b %H:%M"), cells(step));
        }
        table.write(page);
    } else {
        let mut table = table("Hour of the day");
        for step in &report.hours_of_day {
            let hour = step.start.0 / Time::HOUR;
            table.row(&format!("{hour:02} to {:02}", hour + 1), cells(step));
        }
        table.note(format!("sums over {} days", count(report.days.len() as u64)));
        table.write(page);
    }
}

/// What became of outbound mail, and what went wrong, over time.
fn figures(page: &mut Page, report: &Report, clock: Clock<'_>) {
    let by_day = report.hours.len() > HOURS_DRAWN;
    let (steps, step_seconds) = if by_day { (&report.days, 86_400) } else { (&report.hours, 3_600) };
    let of = |name: &str, hue: Hue, value: &dyn Fn(&Step) -> i64| Series {
        name: name.to_owned(),
        hue,
        values: steps.iter().map(|step| value(step).max(0) as f64).collect(),
    };
    let outbound = |figure: Figure| move |step: &Step| step.outbound.get(figure);
    let outcomes = vec![
        of("delivered", Hue::Good, &outbound(Figure::Delivered)),
        of("relayed", Hue::Aside, &outbound(Figure::Relayed)),
        of("bounced", Hue::Bad, &outbound(Figure::Bounced)),
        of("expired", Hue::Slow, &outbound(Figure::Expired)),
    ];
    let trouble = vec![
        of("deferred attempts", Hue::Slow, &outbound(Figure::DeferredAttempts)),
        of("rejected at the door", Hue::Other, &|step| step.rejected as i64),
        of("others delivered", Hue::Good, &|step| step.others.get(Figure::Delivered)),
    ];
    let charts = [("Outbound recipients, by final state", outcomes, Kind::Bars), ("Attempts and refusals", trouble, Kind::Lines)];
    for (title, series, kind) in charts {
        let starts = steps.iter().map(|step| step.start).collect();
        let chart = Chart { title: title.to_owned(), starts, step_seconds, series, kind, size: (1100, 220), ..Chart::default() };
        page.figure(&chart, clock.offset_minutes);
    }
}

fn table(head: &'static str) -> Table {
    Table::new(&[&[head], &HEADS[1..]].concat())
}

fn cells(step: &Step) -> Vec<String> {
    let outbound = |figure| sparse(step.outbound.get(figure));
    let delivered = step.others.get(Figure::Delivered) + step.others.get(Figure::Relayed);
    vec![
        outbound(Figure::Received),
        outbound(Figure::Delivered),
        outbound(Figure::Relayed),
        outbound(Figure::Bounced),
        outbound(Figure::Expired),
        outbound(Figure::DeferredAttempts),
        sparse(step.others.get(Figure::Received)),
        sparse(delivered),
        sparse(step.rejected as i64),
    ]
}
