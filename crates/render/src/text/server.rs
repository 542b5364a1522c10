//! Trouble on this server: what its own daemons complain about.

use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::Notice;
use mailvane_model::word::Level;

use super::format::{Clock, count, counted, printable, shortened};
use super::page::Page;

/// A line near the top when there is something grave below.
pub(super) fn first_look(page: &mut Page, report: &Report) {
    let grave: u64 = report.trouble.iter().filter(|notice| notice.level >= Level::Error).map(|notice| notice.count).sum();
    let warnings: u64 = report.trouble.iter().filter(|notice| notice.level == Level::Warning).map(|notice| notice.count).sum();
    if grave > 0 {
        page.blank();
        page.alarm(&format!("  {} of daemons here: see \"Trouble on this server\" below", counted(grave, "error", "errors")));
    } else if warnings > 0 {
        page.blank();
        page.notice(&format!("  {} of daemons here: see \"Trouble on this server\" below", counted(warnings, "warning", "warnings")));
    }
    for gap in report.gaps.iter().take(3) {
        page.alarm(&format!("  Lines are missing: {}", printable(&gap.sample)));
    }
}

pub(super) fn trouble(page: &mut Page, report: &Report, clock: Clock<'_>) {
    if !report.trouble.is_empty() {
        page.heading(
            "Trouble on this server",
            "Warnings, errors, fatals and panics of its mail daemons, by what they say; the gravest first.",
        );
        notices(page, &report.trouble, clock);
    }
    if !report.gaps.is_empty() {
        page.heading("Gaps", "Lines that are missing: numbers of that time are too low.");
        notices(page, &report.gaps, clock);
    }
    if !report.lifecycle.is_empty() {
        page.heading("Starts, stops and reloads", "");
        notices(page, &report.lifecycle, clock);
    }
}

fn notices(page: &mut Page, all: &[Notice], clock: Clock<'_>) {
    // Twice the lines of other tables: this is what admins read first.
    let shown = page.top() * 2;
    for notice in all.iter().take(shown) {
        let daemon = if notice.daemon.is_empty() { String::new() } else { format!("{}: ", notice.daemon) };
        let when = clock.span(notice.first, notice.last);
        let title = format!("  {:>7} x  {:<7}  {daemon}{when}", count(notice.count), notice.level.word());
        if notice.level >= Level::Error {
            page.alarm(&title);
        } else {
            page.line(&title);
        }
        for line in super::format::wrapped(&shortened(&printable(&notice.sample), 300), page.width().saturating_sub(15)) {
            page.dim(&format!("             {line}"));
        }
    }
    let more = all.len().saturating_sub(shown) as u64;
    if more > 0 {
        page.dim(&format!("  and {} more", counted(more, "text", "texts")));
    }
}
