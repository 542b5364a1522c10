//! Refusals at the door, logins, connections.

use mailvane_metric::Door;
use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::{Rejection, Tally};
use mailvane_model::word::Action;

use super::failure::reason_words;
use super::format::{Clock, count, counted, printable, shortened};
use super::page::Page;
use super::table::Table;

/// How many columns the longer lists are shortened to.
const CLIENTS_SHOWN: usize = 3;

pub(super) fn rejections(page: &mut Page, report: &Report, clock: Clock<'_>) {
    let rejections = &report.rejections;
    if rejections.lines.is_empty() {
        return;
    }
    page.heading("Rejected at the door", "Mail that was never accepted, and what rules held, threw away or only warned about.");
    let about = [
        (Door::Rejected, "for good"),
        (Door::RejectedTemporarily, "for now"),
        (Door::Held, "held"),
        (Door::Discarded, "thrown away"),
        (Door::Warned, "only warned"),
    ];
    let parts: Vec<String> = about
        .iter()
        .filter(|part| rejections.get(part.0) > 0)
        .map(|part| format!("{} {}", count(rejections.get(part.0)), part.1))
        .collect();
    page.line(&format!("  {}", parts.join(", ")));
    for rejection in rejections.lines.iter().take(page.top()) {
        one(page, rejection, clock);
    }
    let more = rejections.more + rejections.lines.len().saturating_sub(page.top()) as u64;
    if more > 0 {
        page.dim(&format!("  and {} more", counted(more, "kind of refusal", "kinds of refusal")));
    }
    tallies(page, "Client", &rejections.clients, "refusals");
    tallies(page, "Sender domain", &rejections.sender_domains, "refusals");
    tallies(page, "Recipient", &rejections.recipients, "refusals");
}

fn one(page: &mut Page, rejection: &Rejection, clock: Clock<'_>) {
    let done = match rejection.action {
        Action::Reject => "refused",
        Action::Defer => "refused for now",
        Action::Hold => "held",
        Action::Discard => "thrown away",
        Action::Warn => "warned",
    };
    let when = clock.span(rejection.first, rejection.last);
    let reason = reason_words(rejection.reason).to_lowercase();
    page.line(&format!("  {:>7} x  {done} at {}: {reason}  ({when})", count(rejection.count), rejection.stage.word()));
    page.dim(&format!("             > {}", shortened(&printable(&rejection.sample), page.width().saturating_sub(15))));
    let clients: Vec<String> =
        rejection.clients.iter().take(CLIENTS_SHOWN).map(|client| format!("{} {}", client_name(client), count(client.count))).collect();
    if !clients.is_empty() {
        page.dim(&format!(
            "             {}",
            shortened(&printable(&format!("from {}", clients.join(", "))), page.width().saturating_sub(13))
        ));
    }
}

fn client_name(client: &Tally) -> String {
    match (client.key.as_str(), client.name.as_str()) {
        ("", "") => "(no address)".to_owned(),
        (key, "" | "unknown") => key.to_owned(),
        (key, name) => format!("{name}[{key}]"),
    }
}

/// A short table of keys and counts; nothing when there is nothing.
fn tallies(page: &mut Page, head: &'static str, lines: &[Tally], what: &'static str) {
    if lines.is_empty() {
        return;
    }
    let mut table = Table::new(&[head, what]);
    for line in lines.iter().take(page.top()) {
        table.row(&client_name(line), vec![count(line.count)]);
    }
    page.blank();
    table.write(page);
}

pub(super) fn logins(page: &mut Page, report: &Report) {
    let logins = &report.logins;
    if logins.failed == 0 {
        return;
    }
    page.heading("Logins refused", "Guessing goes on all day on every server; what matters is a login that succeeds afterwards.");
    let methods: Vec<String> = logins.methods.iter().map(|method| format!("{} {}", method.key, count(method.count))).collect();
    let clients = counted(logins.clients.len() as u64, "client", "clients");
    page.line(&format!(
        "  {} refused from {clients} or more ({}), {} accepted",
        count(logins.failed),
        methods.join(", "),
        count(logins.ok)
    ));
    tallies(page, "Client", &logins.clients, "refused");
    tallies(page, "User", &logins.users, "refused");
}

pub(super) fn sessions(page: &mut Page, report: &Report) {
    let sessions = &report.sessions;
    if sessions.ended == 0 {
        return;
    }
    page.heading("Inbound connections", "");
    page.line(&format!("  {} ended, {} of them lost before their end", count(sessions.ended), count(sessions.lost)));
    if !sessions.lost_after.is_empty() {
        let parts: Vec<String> = sessions.lost_after.iter().map(|step| format!("{} {}", step.key, count(step.count))).collect();
        page.line(&format!("  lost after: {}", parts.join(", ")));
    }
    tallies(page, "Client", &sessions.clients, "connections");
}
