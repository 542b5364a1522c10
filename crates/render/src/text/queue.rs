//! What waits at the end of the input.

use mailvane_metric::summary::Report;

use super::Words;
use super::failure::reason_words;
use super::format::{Clock, count, counted};
use super::page::Page;
use super::table::Table;

pub(super) fn write(page: &mut Page, report: &Report, words: &Words<'_>, clock: Clock<'_>) {
    let queue = &report.queue;
    if queue.recipients + queue.notifications + queue.held == 0 {
        return;
    }
    page.heading("Queue at the end", "As the log shows it: mail that came before the log begins is not in it.");
    let oldest = queue.oldest.map(|oldest| format!(", the oldest since {}", clock.short(oldest))).unwrap_or_default();
    page.line(&format!(
        "  {} for {} waiting{oldest}",
        counted(queue.messages, "message", "messages"),
        counted(queue.recipients, "recipient", "recipients")
    ));
    if queue.notifications > 0 {
        page.line(&format!("  {} waiting beside them", counted(queue.notifications, "delivery notification", "delivery notifications")));
    }
    if queue.held > 0 {
        page.line(&format!("  {} on hold", counted(queue.held, "recipient", "recipients")));
    }
    let mut table = Table::new(&["Destination", "recipients", "not tried or being tried", "oldest", "provider", "why"]);
    for waiting in queue.domains.iter().take(page.top()) {
        let domain = if waiting.domain.is_empty() { "(no domain)" } else { &waiting.domain };
        let provider = if waiting.provider.is_empty() { ".".to_owned() } else { (words.provider)(&waiting.provider) };
        let why = waiting.reason.map_or_else(|| ".".to_owned(), |reason| reason_words(reason).to_lowercase());
        let fresh = if waiting.fresh > 0 { count(waiting.fresh) } else { ".".to_owned() };
        table.row(domain, vec![count(waiting.recipients), fresh, clock.short(waiting.oldest), provider, why]);
    }
    if !table.is_empty() {
        let more = queue.more + queue.domains.len().saturating_sub(page.top()) as u64;
        if more > 0 {
            table.note(format!("and {} more", counted(more, "destination", "destinations")));
        }
        table.write(page);
    }
}
