//! The report as text for people: what `mailvane report` prints.
//!
//! [`report`] writes every section; a section without content is left out, so a quiet day is a short page.

mod breakdown;
mod door;
mod failure;
mod format;
mod page;
mod queue;
mod server;
mod steps;
mod table;
#[cfg(test)]
mod tests;
mod totals;

use mailvane_metric::summary::Report;
use mailvane_metric::summary::report::Failure;
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population};

pub(crate) use format::bytes;
use format::{Clock, count, counted};
pub(crate) use page::Medium;
use page::Page;

use crate::html::Picture;
pub use page::Style;

/// What was read, for the head of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// The files, as a person would name them: "mail.log (0.9 MB)".
    pub inputs: Vec<String>,
    /// The servers: "Postfix 3.7 on mail.example.com".
    pub servers: Vec<String>,
    /// What was taken for ours, and why: ("Our domains", "example.com (delivered here)").
    pub ours: Vec<(String, String)>,
    /// The name of the zone that times are shown in.
    pub zone: String,
    /// The start of the window that was asked for.
    pub since: Option<Time>,
    /// The end of the window that was asked for.
    pub until: Option<Time>,
    /// Lines that carried fields we use.
    pub recognised: u64,
    /// Known lines without use, and lines of other programs.
    pub ignored: u64,
    /// Lines that are neither.
    pub unparsed: u64,
    /// Samples of those, with how often each kind came.
    pub unparsed_samples: Vec<(u64, String)>,
    /// Anything else that a reader must know before trusting the numbers.
    pub notes: Vec<String>,
    /// Replies that no rule names, by template, the most frequent first.
    pub unnamed: Vec<Unnamed>,
}

/// Replies of one template that no rule names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unnamed {
    /// The template: names, numbers and addresses are placeholders.
    pub template: String,
    /// How often it came.
    pub count: u64,
    /// Who sent it first; may be empty.
    pub provider: String,
    /// When it came first.
    pub first: Time,
    /// When it came last.
    pub last: Time,
    /// The first reply of this kind.
    pub sample: String,
}

impl Header {
    /// All lines.
    pub fn lines(&self) -> u64 {
        self.recognised + self.ignored + self.unparsed
    }
}

/// Why something fails and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// What it means, in one or two sentences.
    pub cause: String,
    /// What to do, step by step.
    pub steps: Vec<String>,
    /// A page with more, empty when there is none.
    pub link: String,
}

/// What the report asks of others: the reader's clock, names of providers, explanations of failures.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    /// How many minutes east of UTC the reader's clock is at a time.
    pub offset_minutes: &'a dyn Fn(Time) -> i32,
    /// The name of a provider for people.
    pub provider: &'a dyn Fn(&str) -> String,
    /// What to say about a failure.
    pub advice: &'a dyn Fn(&Failure) -> Option<Advice>,
}

/// The report as text.
pub fn report(report: &Report, header: &Header, words: &Words<'_>, style: Style) -> String {
    sections(report, header, words, style, Medium::Text).0
}

/// Every section, as text or as HTML.
pub(crate) fn sections(report: &Report, header: &Header, words: &Words<'_>, style: Style, medium: Medium) -> (String, Vec<Picture>) {
    let mut page = Page::new(style, medium);
    let clock = Clock { offset_minutes: words.offset_minutes };
    head(&mut page, report, header, clock);
    if report.is_empty() {
        page.blank();
        page.line("No mail: nothing was received, delivered or refused in this time.");
        coverage(&mut page, header);
        return page.finish();
    }
    totals::write(&mut page, report, header);
    server::first_look(&mut page, report);
    breakdown::providers(&mut page, report, words);
    failure::write(&mut page, report, words, clock);
    failure::unnamed(&mut page, header, words, clock);
    queue::write(&mut page, report, words, clock);
    breakdown::domains(&mut page, report);
    breakdown::senders(&mut page, report);
    breakdown::recipients(&mut page, report);
    breakdown::delays(&mut page, report);
    breakdown::relays(&mut page, report);
    door::rejections(&mut page, report, clock);
    door::logins(&mut page, report);
    door::sessions(&mut page, report);
    server::trouble(&mut page, report, clock);
    steps::write(&mut page, report, clock);
    breakdown::notifications(&mut page, report);
    coverage(&mut page, header);
    limits(&mut page, report);
    page.finish()
}

fn head(page: &mut Page, report: &Report, header: &Header, clock: Clock<'_>) {
    page.title("Mailvane report");
    match header.inputs.as_slice() {
        [] => {}
        [one] => page.labelled(0, "Read      ", one),
        many => page.labelled(0, "Read      ", &format!("{}: {}", counted(many.len() as u64, "file", "files"), many.join(", "))),
    }
    if let (Some(since), Some(until)) = (header.since, header.until) {
        page.labelled(0, "Asked for ", &format!("{} to {}", clock.full(since), clock.full(until)));
    } else if let Some(since) = header.since {
        page.labelled(0, "Asked for ", &format!("from {}", clock.full(since)));
    } else if let Some(until) = header.until {
        page.labelled(0, "Asked for ", &format!("until {}", clock.full(until)));
    }
    if let (Some(first), Some(last)) = (report.first, report.last) {
        page.labelled(0, "Covers    ", &format!("{} to {} ({})", clock.full(first), clock.full(last), header.zone));
    }
    if !header.servers.is_empty() {
        page.labelled(0, "Servers   ", &header.servers.join(", "));
    }
    let widest = header.ours.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0).max(9);
    for (label, text) in &header.ours {
        page.labelled(0, &format!("{label:<widest$} "), text);
    }
    if header.lines() > 0 {
        let understood = mailvane_metric::Rate { count: header.recognised + header.ignored, of: header.lines() };
        page.labelled(0, "Lines     ", &format!("{}, {} understood", count(header.lines()), format::percent(understood)));
    }
    for note in &header.notes {
        page.notice(&format!("Note      {note}"));
    }
}

fn coverage(page: &mut Page, header: &Header) {
    if header.lines() == 0 {
        return;
    }
    page.heading("How much was understood", "");
    page.line(&format!("  {:>12}  lines read", count(header.lines())));
    page.line(&format!("  {:>12}  carried something the numbers use", count(header.recognised)));
    page.line(&format!("  {:>12}  known, without use here, or of other programs", count(header.ignored)));
    page.line(&format!("  {:>12}  not understood", count(header.unparsed)));
    for (times, sample) in header.unparsed_samples.iter().take(page.top()) {
        let sample = format::shortened(&format::printable(sample), page.width().saturating_sub(16));
        page.dim(&format!("  {:>12}  {sample}", format!("{} x", count(*times))));
    }
}

fn limits(page: &mut Page, report: &Report) {
    if report.limits.is_empty() {
        return;
    }
    page.heading("Limits that were met", "The totals above are complete; in these tables the least frequent keys were summed up together.");
    for limit in &report.limits {
        page.line(&format!("  {}: more than {}, {} summed up", limit.table, counted(limit.limit, "key", "keys"), count(limit.dropped)));
    }
}

/// A traffic in words.
pub(crate) fn traffic_name(traffic: mailvane_metric::Traffic) -> String {
    let kind = match traffic.population {
        Population::Ordinary => "",
        Population::Notification => "Notifications",
        Population::Probe => "Address probes",
        Population::Own => "Mailvane's own",
    };
    match (traffic.direction, kind) {
        (Direction::Unknown, "") => "Direction unknown".to_owned(),
        (Direction::Unknown, kind) => kind.to_owned(),
        (direction, "") => {
            let mut name = direction.word().to_owned();
            name[..1].make_ascii_uppercase();
            name
        }
        (direction, kind) => format!("{kind}, {}", direction.word()),
    }
}
