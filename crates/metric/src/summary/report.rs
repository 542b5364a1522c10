//! What a fold has found, ready to be shown: plain fields, sorted, rates worked out.

use mailvane_model::Time;
use mailvane_model::word::{Action, Fault, Level, Reason, Scope, Stage};

use crate::cell::Figures;
use crate::count::Rates;
use crate::figure::{Door, Figure, Traffic};
use crate::histogram::Percentiles;

/// The numbers of a span of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The time of the first row.
    pub first: Option<Time>,
    /// The time of the last row.
    pub last: Option<Time>,
    /// One for each traffic that there was; the default population first, and always there.
    pub sections: Vec<Section>,
    /// What came in on the wire and was refused.
    pub rejections: Rejections,
    /// Logins.
    pub logins: Logins,
    /// Inbound connections.
    pub sessions: Sessions,
    /// Warnings, errors, fatals and panics of mail daemons, the gravest first.
    pub trouble: Vec<Notice>,
    /// Lines that are missing.
    pub gaps: Vec<Notice>,
    /// Starts, stops, reloads and the like.
    pub lifecycle: Vec<Notice>,
    /// What waits at the end of the input.
    pub queue: Queue,
    /// By hour, local time, oldest first, hours without anything left out.
    pub hours: Vec<Step>,
    /// By day, local time, oldest first, days without anything left out.
    pub days: Vec<Step>,
    /// By hour of the day, local time, 24 of them, over all days.
    pub hours_of_day: Vec<Step>,
    /// Tables that met their limit.
    pub limits: Vec<Limit>,
}

impl Report {
    /// Whether there was nothing at all: a day without mail.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The numbers of a traffic.
    pub fn section(&self, traffic: Traffic) -> Option<&Section> {
        self.sections.iter().find(|section| section.traffic == traffic)
    }
}

/// The numbers of one traffic: whose mail, which direction. Sections are never added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// The traffic.
    pub traffic: Traffic,
    /// Every count.
    pub figures: Figures,
    /// The rates.
    pub rates: Rates,
    /// Messages deferred, each once (in the window).
    pub messages_deferred: u64,
    /// Delay from arrival to delivery, milliseconds.
    pub delay: Percentiles,
    /// Its parts a, b, c and d, of accepted attempts, milliseconds.
    pub delay_parts: [Percentiles; 4],
    /// Sizes of messages received, bytes.
    pub sizes: Percentiles,
    /// By who runs the receiving system.
    pub providers: Breakdown,
    /// By recipient domain.
    pub domains: Breakdown,
    /// By sender, normalised.
    pub senders: Breakdown,
    /// The senders with the most bytes received.
    pub senders_by_bytes: Vec<Line>,
    /// By sender domain.
    pub sender_domains: Breakdown,
    /// By recipient.
    pub recipients: Breakdown,
    /// The recipients with the most bytes delivered.
    pub recipients_by_bytes: Vec<Line>,
    /// By the host that was spoken to.
    pub relays: Breakdown,
    /// By our instance: host and name.
    pub instances: Breakdown,
    /// By SASL user.
    pub users: Breakdown,
    /// By the client that brought the messages.
    pub clients: Breakdown,
    /// What failed or waits, the most harmful first.
    pub failures: Vec<Failure>,
}

/// The lines of one dimension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breakdown {
    /// The first lines, the busiest first.
    pub lines: Vec<Line>,
    /// How many lines there were in all.
    pub total: u64,
    /// The sum of what is not in `lines`, if anything.
    pub other: Option<Line>,
    /// When lines had to be dropped while folding: a line may be short by up to this many recipients. 0 when all is exact.
    pub short_by: u64,
}

/// One line of a breakdown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// The key: a provider, a domain, an address; empty where there is none.
    pub key: String,
    /// Every count, by [`Figure::code`].
    pub figures: Figures,
    /// The rates.
    pub rates: Rates,
    /// Percentiles of the delay (providers, relays and instances only), milliseconds.
    pub delay: Percentiles,
    /// The mean delay of delivered recipients, milliseconds.
    pub delay_mean_ms: Option<u64>,
    /// The longest delay of a delivered recipient, milliseconds.
    pub delay_max_ms: Option<u64>,
}

impl Line {
    /// One count.
    pub fn get(&self, figure: Figure) -> i64 {
        self.figures.get(figure)
    }
}

/// What fails in one way at one provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// Why.
    pub reason: Reason,
    /// Who runs the far side; empty where nobody was reached.
    pub provider: String,
    /// What it is about, as the last row says.
    pub scope: Scope,
    /// Who must act, as the last row says.
    pub fault: Fault,
    /// Recipients refused for good.
    pub bounced: u64,
    /// Recipients given up after the queue lifetime.
    pub expired: u64,
    /// Recipients that still wait.
    pub queued: u64,
    /// Recipients deferred in this way, each once (in the window).
    pub recipients_deferred: u64,
    /// Deferred attempts.
    pub deferred_attempts: u64,
    /// The basic code of the first sample, 0 when there was none.
    pub reply_code: u16,
    /// The enhanced code of the first sample.
    pub enhanced_code: String,
    /// Up to three replies that differ in more than names and numbers.
    pub samples: Vec<String>,
    /// When it was first seen.
    pub first: Time,
    /// When it was last seen.
    pub last: Time,
}

impl Failure {
    /// Recipients lost: bounced and expired.
    pub fn lost(&self) -> u64 {
        self.bounced + self.expired
    }
}

/// Refusals at the door.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejections {
    /// The counts by [`Door::code`].
    pub counts: [i64; Door::SIZE],
    /// By what was done, at which stage, why; the most frequent first.
    pub lines: Vec<Rejection>,
    /// By client address.
    pub clients: Vec<Tally>,
    /// By sender domain.
    pub sender_domains: Vec<Tally>,
    /// By recipient.
    pub recipients: Vec<Tally>,
    /// Groups left out of `lines`.
    pub more: u64,
}

impl Rejections {
    /// One count.
    pub fn get(&self, door: Door) -> u64 {
        self.counts[usize::from(door.code())].max(0) as u64
    }

    /// All refusals, for good and for now.
    pub fn refused(&self) -> u64 {
        self.get(Door::Rejected) + self.get(Door::RejectedTemporarily)
    }
}

/// Refusals of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rejection {
    /// What was done.
    pub action: Action,
    /// In which step.
    pub stage: Stage,
    /// Why.
    pub reason: Reason,
    /// Our basic reply code.
    pub reply_code: u16,
    /// Our reply, with names and numbers taken out.
    pub template: String,
    /// One reply as it was.
    pub sample: String,
    /// The client of the sample.
    pub sample_client: String,
    /// How often.
    pub count: u64,
    /// The clients that met it, most frequent first, a few.
    pub clients: Vec<Tally>,
    /// When first.
    pub first: Time,
    /// When last.
    pub last: Time,
}

/// A key and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The key.
    pub key: String,
    /// A name beside the key (of a client address), empty when none is known.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// Logins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logins {
    /// Accepted.
    pub ok: u64,
    /// Refused.
    pub failed: u64,
    /// Refused, by client address.
    pub clients: Vec<Tally>,
    /// Refused, by user name, where the log has it.
    pub users: Vec<Tally>,
    /// Refused, by method.
    pub methods: Vec<Tally>,
    /// Accepted, by user name.
    pub ok_users: Vec<Tally>,
}

/// Inbound connections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sessions {
    /// That ended.
    pub ended: u64,
    /// Of them lost before their end.
    pub lost: u64,
    /// Lost, by the step in which.
    pub lost_after: Vec<Tally>,
    /// All, by client address: who connects most.
    pub clients: Vec<Tally>,
}

/// Notices of the same text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notice {
    /// How grave.
    pub level: Level,
    /// The daemon.
    pub daemon: String,
    /// The text with names and numbers taken out.
    pub template: String,
    /// One text as it was.
    pub sample: String,
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Time,
    /// When last.
    pub last: Time,
}

/// What waits at the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    /// Messages that wait, without held ones and notifications.
    pub messages: u64,
    /// Recipients that wait, of them.
    pub recipients: u64,
    /// Recipients of notifications that wait.
    pub notifications: u64,
    /// Recipients on hold.
    pub held: u64,
    /// The arrival of the oldest that waits.
    pub oldest: Option<Time>,
    /// By recipient domain, the fullest first.
    pub domains: Vec<Waiting>,
    /// Domains left out of `domains`.
    pub more: u64,
}

/// What waits for one domain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waiting {
    /// The recipient domain.
    pub domain: String,
    /// Who runs the far side; empty where nobody was reached.
    pub provider: String,
    /// Recipients.
    pub recipients: u64,
    /// Of them never deferred so far: being tried, or not tried yet.
    pub fresh: u64,
    /// The arrival of the oldest.
    pub oldest: Time,
    /// Why the last of them waits.
    pub reason: Option<Reason>,
    /// The last reply.
    pub sample: String,
}

/// The traffic of one step of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The start of the step in UTC; of an hour of the day its number times an hour.
    pub start: Time,
    /// The counts of the default population.
    pub outbound: Figures,
    /// The counts of everything else, of ordinary mail: inbound, forwarded, local, unknown. Beside, never added.
    pub others: Figures,
    /// Refusals at the door.
    pub rejected: u64,
}

/// A table that met its limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Which table.
    pub table: String,
    /// How many keys it may hold.
    pub limit: u64,
    /// How many keys were dropped from it.
    pub dropped: u64,
}
