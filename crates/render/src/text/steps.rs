//! Traffic by day and by hour.

use mailvane_metric::Figure;
use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::Step;
use mailvane_model::Time;

use super::format::{Clock, count, sparse};
use super::page::Page;
use super::table::Table;

/// So many hours are shown one by one; a longer time is shown by day and by hour of the day.
const HOURS_ONE_BY_ONE: usize = 48;
/// So many days are shown.
const DAYS_SHOWN: usize = 62;

const HEADS: [&str; 10] =
    ["", "received", "delivered", "relayed", "bounced", "expired", "deferred attempts", "others received", "others delivered", "rejected"];

pub(super) fn write(page: &mut Page, report: &Report, clock: Clock<'_>) {
    if report.hours.is_empty() {
        return;
    }
    page.heading("Traffic over time", "Outbound mail; inbound, forwarded and local mail together as \"others\". An attempt counts at its own time, an outcome when it became final.");
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
