//! Tables by provider, domain, sender, recipient and relay.

use mailvane_metric::histogram::Percentiles;
use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::{Breakdown, Line, Section};
use mailvane_metric::{Figure, Traffic};
use mailvane_model::word::{Direction, Population};

use super::format::{bytes, counted, maybe_duration, percent, sparse};
use super::page::Page;
use super::table::Table;
use super::{Words, traffic_name};

/// The sections of ordinary mail with content, the default one first.
fn ordinary(report: &Report) -> impl Iterator<Item = &Section> {
    report.sections.iter().filter(|section| section.traffic.population == Population::Ordinary && !section.figures.is_empty())
}

/// Sections that leave this server.
fn leaving(report: &Report) -> impl Iterator<Item = &Section> {
    ordinary(report).filter(|section| matches!(section.traffic.direction, Direction::Outbound | Direction::Forwarded | Direction::Unknown))
}

fn key(line: &Line, nothing: &str) -> String {
    if line.key.is_empty() { nothing.to_owned() } else { line.key.clone() }
}

fn rest(breakdown: &Breakdown, shown: usize, table: &mut Table) {
    let hidden = breakdown.total.saturating_sub(breakdown.lines.len().min(shown) as u64);
    if hidden > 0 {
        table.note(format!("and {} more", super::format::count(hidden)));
    }
    if breakdown.short_by > 0 {
        table.note(format!("each line may be short by up to {}", counted(breakdown.short_by, "recipient", "recipients")));
    }
}

pub(super) fn providers(page: &mut Page, report: &Report, words: &Words<'_>) {
    let mut begun = false;
    for section in leaving(report) {
        let heads = [
            "Provider",
            "recipients",
            "delivered",
            "relayed",
            "bounced",
            "expired",
            "waiting",
            "failure",
            "deferral",
            "accepted",
            "p50",
            "p95",
        ];
        let mut table = Table::new(&heads);
        for line in section.providers.lines.iter().take(shown(page, section)) {
            let name = if line.key.is_empty() { "(nobody reached)".to_owned() } else { (words.provider)(&line.key) };
            let mut cells = finals(line);
            cells.extend([
                percent(line.rates.failure),
                percent(line.rates.deferral),
                percent(line.rates.acceptance),
                maybe_duration(line.delay.p50),
                maybe_duration(line.delay.p95),
            ]);
            table.row(&name, cells);
        }
        if table.is_empty() {
            continue;
        }
        if !begun {
            page.heading(
                "By provider",
                "Who runs the receiving systems. Recipients: tried in this time, each once. p50, p95: delay until delivery.",
            );
            begun = true;
        }
        named(page, section);
        rest(&section.providers, shown(page, section), &mut table);
        table.write(page);
    }
}

/// How many lines a table of this traffic shows: fewer beside the default one.
fn shown(page: &Page, section: &Section) -> usize {
    if section.traffic == Traffic::DEFAULT { page.top() } else { page.top().div_ceil(2) }
}

/// Names the traffic when it is not the default one.
fn named(page: &mut Page, section: &Section) {
    if section.traffic != Traffic::DEFAULT {
        page.subheading(&traffic_name(section.traffic));
    }
}

fn finals(line: &Line) -> Vec<String> {
    let figures = [Figure::Recipients, Figure::Delivered, Figure::Relayed, Figure::Bounced, Figure::Expired, Figure::Queued];
    figures.iter().map(|figure| sparse(line.get(*figure))).collect()
}

pub(super) fn domains(page: &mut Page, report: &Report) {
    let mut begun = false;
    for section in ordinary(report) {
        let heads = [
            "Domain",
            "recipients",
            "delivered",
            "relayed",
            "bounced",
            "expired",
            "waiting",
            "deferred attempts",
            "bytes",
            "mean delay",
            "longest",
        ];
        let mut table = Table::new(&heads);
        for line in section.domains.lines.iter().take(shown(page, section)) {
            let mut cells = finals(line);
            cells.push(sparse(line.get(Figure::DeferredAttempts)));
            cells.push(size(line.get(Figure::DeliveredBytes)));
            cells.push(maybe_duration(line.delay_mean_ms));
            cells.push(maybe_duration(line.delay_max_ms));
            table.row(&key(line, "(no domain)"), cells);
        }
        if table.is_empty() {
            continue;
        }
        if !begun {
            page.heading("By recipient domain", "");
            begun = true;
        }
        named(page, section);
        rest(&section.domains, shown(page, section), &mut table);
        table.write(page);
    }
}

fn size(value: i64) -> String {
    if value > 0 { bytes(value as u64) } else { ".".to_owned() }
}

pub(super) fn senders(page: &mut Page, report: &Report) {
    let mut begun = false;
    for section in ordinary(report) {
        let tables: [(&str, &Breakdown, &str); 4] = [
            ("Sender", &section.senders, "(sender unknown)"),
            ("Sender domain", &section.sender_domains, "(no domain)"),
            ("User", &section.users, "(none)"),
            ("Client", &section.clients, "(none)"),
        ];
        for (head, breakdown, nothing) in tables {
            // One domain alone says no more than the totals do.
            if breakdown.total == 0 || (breakdown.total == 1 && head.starts_with("Sender d")) {
                continue;
            }
            let mut table = Table::new(&[head, "messages", "bytes", "delivered", "relayed", "bounced", "expired", "waiting", "failure"]);
            for line in breakdown.lines.iter().take(shown(page, section)) {
                let figures = [Figure::Delivered, Figure::Relayed, Figure::Bounced, Figure::Expired, Figure::Queued];
                let mut cells = vec![sparse(line.get(Figure::Received)), size(line.get(Figure::ReceivedBytes))];
                cells.extend(figures.iter().map(|figure| sparse(line.get(*figure))));
                cells.push(percent(line.rates.failure));
                table.row(&key(line, nothing), cells);
            }
            if !begun {
                page.heading(
                    "Top senders",
                    "Addresses that a machine made for one message (VERP, SRS, BATV, ids) are folded to one, with * in their place.",
                );
                begun = true;
            }
            page.subheading(&format!("{}, by {}", traffic_name(section.traffic), head.to_lowercase()));
            rest(breakdown, shown(page, section), &mut table);
            table.write(page);
        }
        if begun && section.traffic == Traffic::DEFAULT {
            by_bytes(page, "Outbound, senders by bytes received", &section.senders_by_bytes, Figure::ReceivedBytes, "Sender");
        }
    }
}

fn by_bytes(page: &mut Page, title: &str, lines: &[Line], figure: Figure, head: &'static str) {
    if lines.len() < 2 {
        return;
    }
    let mut table = Table::new(&[head, "bytes"]);
    for line in lines.iter().take(page.top()) {
        table.row(&key(line, "(unknown)"), vec![size(line.get(figure))]);
    }
    page.subheading(title);
    table.write(page);
}

pub(super) fn recipients(page: &mut Page, report: &Report) {
    let mut begun = false;
    for section in ordinary(report).filter(|section| section.recipients.total > 1) {
        let mut table = Table::new(&["Recipient", "delivered", "relayed", "bounced", "expired", "waiting", "bytes"]);
        for line in section.recipients.lines.iter().take(shown(page, section)) {
            let figures = [Figure::Delivered, Figure::Relayed, Figure::Bounced, Figure::Expired, Figure::Queued];
            let mut cells: Vec<String> = figures.iter().map(|figure| sparse(line.get(*figure))).collect();
            cells.push(size(line.get(Figure::DeliveredBytes)));
            table.row(&key(line, "(unknown)"), cells);
        }
        if table.is_empty() {
            continue;
        }
        if !begun {
            page.heading("Top recipients", "");
            begun = true;
        }
        page.subheading(&traffic_name(section.traffic));
        rest(&section.recipients, shown(page, section), &mut table);
        table.write(page);
        if section.traffic == Traffic::DEFAULT {
            by_bytes(page, "Outbound, recipients by bytes delivered", &section.recipients_by_bytes, Figure::DeliveredBytes, "Recipient");
        }
    }
}

pub(super) fn delays(page: &mut Page, report: &Report) {
    let mut table = Table::new(&["Delay", "n", "p50", "p90", "p95", "p99", "longest"]);
    let mut sizes = Table::new(&["Size of messages", "n", "p50", "p90", "p95", "p99", "largest"]);
    for section in ordinary(report) {
        let name = traffic_name(section.traffic);
        if section.delay.count > 0 {
            table.row(&format!("{name}, arrival to delivery"), cells(&section.delay, super::format::duration));
            let parts = ["  until last tried, waits included (a)", "  in the queue (b)", "  connecting (c)", "  sending (d)"];
            for (part, values) in parts.iter().zip(&section.delay_parts) {
                if values.count > 0 {
                    table.row(part, cells(values, super::format::duration));
                }
            }
        }
        if section.sizes.count > 0 {
            sizes.row(&name, cells(&section.sizes, bytes));
            let without = (section.figures.get(Figure::Received).max(0) as u64).saturating_sub(section.sizes.count);
            if without > 0 {
                sizes.note(format!("{name}: {} without a size in the log", counted(without, "message", "messages")));
            }
        }
    }
    if table.is_empty() && sizes.is_empty() {
        return;
    }
    page.heading("Delays and sizes", "Percentiles are within 2 % of the exact value. a to d are of accepted attempts.");
    if !table.is_empty() {
        table.write(page);
    }
    if !sizes.is_empty() {
        page.blank();
        sizes.write(page);
    }
}

fn cells(values: &Percentiles, write: impl Fn(u64) -> String) -> Vec<String> {
    let one = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), &write);
    vec![super::format::count(values.count), one(values.p50), one(values.p90), one(values.p95), one(values.p99), one(values.max)]
}

pub(super) fn relays(page: &mut Page, report: &Report) {
    let mut begun = false;
    for section in ordinary(report) {
        let heads = ["", "attempts", "accepted", "deferred", "refused", "delivered", "relayed", "bounced", "mean delay"];
        for (head, breakdown) in [("Relay", &section.relays), ("Instance", &section.instances)] {
            if breakdown.total < 2 {
                continue;
            }
            let mut table = Table::new(&[&[head], &heads[1..]].concat());
            for line in breakdown.lines.iter().take(shown(page, section)) {
                let figures = [
                    Figure::Attempts,
                    Figure::Accepted,
                    Figure::DeferredAttempts,
                    Figure::RefusedAttempts,
                    Figure::Delivered,
                    Figure::Relayed,
                    Figure::Bounced,
                ];
                let mut cells: Vec<String> = figures.iter().map(|figure| sparse(line.get(*figure))).collect();
                cells.push(maybe_duration(line.delay_mean_ms));
                table.row(&key(line, "(none)"), cells);
            }
            if table.is_empty() {
                continue;
            }
            if !begun {
                page.heading("By relay and instance", "Relay: the host that was spoken to. Instance: the mail system of ours that spoke.");
                begun = true;
            }
            page.subheading(&format!("{}, by {}", traffic_name(section.traffic), head.to_lowercase()));
            rest(breakdown, shown(page, section), &mut table);
            table.write(page);
        }
    }
}

pub(super) fn notifications(page: &mut Page, report: &Report) {
    let notices = |section: &&Section| section.traffic.population == Population::Notification && !section.figures.is_empty();
    let mut table = Table::new(&["Notifications", "messages", "delivered", "bounced", "expired", "waiting", "deferred attempts"]);
    for section in report.sections.iter().filter(notices) {
        let get = |figure| sparse(section.figures.get(figure));
        let name = match section.traffic.direction {
            Direction::Outbound | Direction::Forwarded => "sent to outside senders",
            Direction::Inbound => "come in from outside",
            Direction::Local => "sent to senders here",
            Direction::Unknown | Direction::Mixed => "to senders not known as ours or others'",
        };
        let figures =
            [Figure::Received, Figure::Delivered, Figure::Bounced, Figure::Expired, Figure::Queued, Figure::DeferredAttempts].map(get);
        table.row(name, figures.to_vec());
        for line in section.domains.lines.iter().take(5) {
            let figures = [Figure::Received, Figure::Delivered, Figure::Bounced, Figure::Expired, Figure::Queued, Figure::DeferredAttempts];
            let cells = figures.iter().map(|figure| sparse(line.get(*figure))).collect();
            table.row(&format!("  to {}", key(line, "(no domain)")), cells);
        }
    }
    if !table.is_empty() {
        page.heading("Delivery notifications", "Mail with the null sender <>: bounces and delay notices. Not part of any number above.");
        table.write(page);
    }
}
