//! Totals and rates, one line for each traffic.

use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::Section;
use mailvane_metric::{Door, Figure, Rate};
use mailvane_model::word::Population;

use super::format::{bytes, count, percent, sparse, sum};
use super::page::Page;
use super::table::Table;
use super::{Header, traffic_name};

pub(super) fn write(page: &mut Page, report: &Report, _header: &Header) {
    page.heading(
        "Totals",
        "Outbound is mail of our users and hosts to recipients elsewhere, without delivery notifications, address probes and \
         Mailvane's own mail: every number below is about it unless it says otherwise. The other lines stand beside it and are never added to it.",
    );
    traffics(page, report);
    outcomes(page, report);
    beside(page, report);
    rates(page, report);
    door(page, report);
}

/// The sections with anything in them; the default one always.
fn sections(report: &Report) -> impl Iterator<Item = &Section> {
    report.sections.iter().enumerate().filter(|(at, section)| *at == 0 || !section.figures.is_empty()).map(|(_, section)| section)
}

fn traffics(page: &mut Page, report: &Report) {
    let mut table =
        Table::new(&["Messages", "received", "bytes", "recipients", "senders", "deferred", "deferred attempts", "bytes delivered"]);
    for section in sections(report) {
        let figures = &section.figures;
        let get = |figure| figures.get(figure);
        let size = |figure| if get(figure) > 0 { bytes(get(figure) as u64) } else { ".".to_owned() };
        table.row(
            &traffic_name(section.traffic),
            vec![
                sum(get(Figure::Received)),
                size(Figure::ReceivedBytes),
                sparse(get(Figure::ReceivedRecipients)),
                sparse(section.senders.total as i64),
                sparse(section.messages_deferred as i64),
                sparse(get(Figure::DeferredAttempts)),
                size(Figure::DeliveredBytes),
            ],
        );
    }
    table.note("deferred: messages that were deferred at least once, each counted at its first deferral".to_owned());
    table.write(page);
}

fn outcomes(page: &mut Page, report: &Report) {
    page.blank();
    let mut table =
        Table::new(&["Recipients", "delivered", "relayed", "bounced", "hard", "expired", "waiting", "ever deferred", "greylisted"]);
    for section in sections(report) {
        let get = |figure| section.figures.get(figure);
        table.row(
            &traffic_name(section.traffic),
            vec![
                sum(get(Figure::Delivered)),
                sparse(get(Figure::Relayed)),
                sparse(get(Figure::Bounced)),
                sparse(get(Figure::BouncedHard)),
                sparse(get(Figure::Expired)),
                sparse(get(Figure::Queued)),
                sparse(get(Figure::RecipientsDeferred)),
                sparse(get(Figure::RecipientsGreylisted)),
            ],
        );
    }
    if report.sections.iter().any(|section| section.figures.get(Figure::Relayed) > 0) {
        table.note("relayed: taken by a smarthost; whether it arrived only that relay can say".to_owned());
    }
    table.write(page);
}

/// What is counted beside the rates, never inside.
fn beside(page: &mut Page, report: &Report) {
    let mut table = Table::new(&[
        "Beside the rates",
        "to mailboxes",
        "to commands",
        "to filters",
        "to files",
        "discarded",
        "deleted",
        "held",
        "rejected",
        "unknown",
        "inner hops",
    ]);
    for section in sections(report) {
        let figures = [
            Figure::DeliveredToMailbox,
            Figure::DeliveredToCommand,
            Figure::DeliveredToFilter,
            Figure::DeliveredToFile,
            Figure::Discarded,
            Figure::Deleted,
            Figure::Held,
            Figure::Rejected,
            Figure::Unknown,
            Figure::InternalHops,
        ];
        if figures.iter().any(|figure| section.figures.get(*figure) > 0) {
            let cells = figures.iter().map(|figure| sparse(section.figures.get(*figure))).collect();
            table.row(&traffic_name(section.traffic), cells);
        }
    }
    if !table.is_empty() {
        page.blank();
        table.write(page);
    }
}

fn rates(page: &mut Page, report: &Report) {
    page.blank();
    let with_n = |rate: Rate| if rate.of == 0 { "-".to_owned() } else { format!("{} of {}", percent(rate), count(rate.of)) };
    let mut table = Table::new(&["Rates", "bounce", "hard", "expiry", "failure", "deferral", "not greylisted", "accepted now"]);
    for section in sections(report) {
        let rates = &section.rates;
        if section.traffic.population != Population::Ordinary && rates.failure.of == 0 {
            continue;
        }
        table.row(
            &traffic_name(section.traffic),
            vec![
                with_n(rates.bounce),
                percent(rates.hard_bounce),
                percent(rates.expiry),
                percent(rates.failure),
                with_n(rates.deferral),
                percent(rates.deferral_without_greylisting),
                percent(rates.acceptance),
            ],
        );
    }
    table.note("bounce, hard, expiry, failure: of recipients delivered, relayed, bounced or expired".to_owned());
    table.note("deferral, accepted now: of recipients tried in this time, each once".to_owned());
    table.write(page);
}

fn door(page: &mut Page, report: &Report) {
    let lines = [
        (report.door(Door::Rejected), "refused at the door for good"),
        (report.door(Door::RejectedTemporarily), "refused at the door for now"),
        (report.door(Door::Held), "put on hold by a rule"),
        (report.door(Door::Discarded), "thrown away by a rule"),
        (report.door(Door::Warned), "let in with a warning by a rule"),
        (report.logins.failed, "logins refused"),
        (report.logins.ok, "logins accepted"),
        (report.sessions.ended, "inbound connections"),
        (report.sessions.lost, "of them lost before their end"),
    ];
    let lines: Vec<_> = lines.into_iter().filter(|line| line.0 > 0).collect();
    if lines.is_empty() {
        return;
    }
    page.blank();
    page.dim("  At the door");
    for (value, text) in lines {
        page.line(&format!("  {:>9}  {text}", count(value)));
    }
}
