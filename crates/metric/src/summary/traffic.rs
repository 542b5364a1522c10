//! The sums of one traffic, by every dimension.

use mailvane_model::{AttemptRow, MessageRow, OutcomeRow, Stream};

use super::failure::Failures;
use super::report::{Breakdown, Limit, Line, Section};
use super::table::{Counts, Sums, Table};
use crate::cell::Figures;
use crate::count::{self, Marks, Rates};
use crate::figure::{Figure, Traffic};
use crate::histogram::DenseHistogram;
use crate::sender;

/// How many providers are told apart.
const PROVIDERS: usize = 1_000;
/// How many recipient domains are told apart.
const DOMAINS: usize = 50_000;
/// How many senders are told apart.
const SENDERS: usize = 30_000;
/// How many sender domains are told apart.
const SENDER_DOMAINS: usize = 20_000;
/// How many recipients are told apart.
const RECIPIENTS: usize = 30_000;
/// How many relay hosts are told apart.
const RELAYS: usize = 20_000;
/// How many users are told apart.
const USERS: usize = 20_000;
/// How many clients are told apart.
const CLIENTS: usize = 20_000;
/// How many instances are told apart.
const INSTANCES: usize = 1_000;

/// Everything that is summed up of one traffic.
#[derive(Clone, Debug)]
pub(super) struct SectionFold {
    traffic: Traffic,
    counts: Counts,
    delay: DenseHistogram,
    delay_parts: [DenseHistogram; 4],
    sizes: DenseHistogram,
    providers: Table,
    domains: Table,
    senders: Table,
    sender_domains: Table,
    recipients: Table,
    relays: Table,
    instances: Table,
    users: Table,
    clients: Table,
    failures: Failures,
    /// A buffer for keys that are put together.
    key: String,
}

impl SectionFold {
    pub(super) fn new(traffic: Traffic) -> Self {
        SectionFold {
            traffic,
            counts: Counts::default(),
            delay: DenseHistogram::default(),
            delay_parts: Default::default(),
            sizes: DenseHistogram::default(),
            providers: Table::new(PROVIDERS, true),
            domains: Table::new(DOMAINS, false),
            senders: Table::new(SENDERS, false),
            sender_domains: Table::new(SENDER_DOMAINS, false),
            recipients: Table::new(RECIPIENTS, false),
            relays: Table::new(RELAYS, false),
            instances: Table::new(INSTANCES, true),
            users: Table::new(USERS, false),
            clients: Table::new(CLIENTS, false),
            failures: Failures::default(),
            key: String::new(),
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    pub(super) fn message(&mut self, row: &MessageRow<'_>, marks: &Marks) {
        marks.apply(&mut self.counts.0, 1);
        if let Some(size) = row.size {
            self.sizes.record(size);
        }
        sender::write(row.sender, &mut self.key);
        self.senders.line(&self.key).apply(marks, 1);
        self.sender_domains.line(row.sender.domain).apply(marks, 1);
        instance_to(row.stream, &mut self.key);
        self.instances.line(&self.key).apply(marks, 1);
        if !row.sasl_user.is_empty() {
            self.users.line(row.sasl_user).apply(marks, 1);
        }
        if !row.client_ip.is_empty() {
            client_to(row.client_name, row.client_ip, &mut self.key);
            self.clients.line(&self.key).apply(marks, 1);
        }
    }

    pub(super) fn attempt(&mut self, row: &AttemptRow<'_>, marks: &Marks) {
        marks.apply(&mut self.counts.0, 1);
        if count::is_delivered(row.status)
            && let Some(parts) = row.delays_ms
        {
            for (histogram, part) in self.delay_parts.iter_mut().zip(parts) {
                histogram.record(u64::from(part));
            }
        }
        self.providers.line(row.provider).apply(marks, 1);
        self.domains.line(row.recipient.domain).apply(marks, 1);
        self.relays.line(row.relay_host).apply(marks, 1);
        instance_to(row.stream, &mut self.key);
        self.instances.line(&self.key).apply(marks, 1);
        if count::is_refusal(row.status) {
            self.failures.attempt(row, marks);
        }
    }

    pub(super) fn outcome(&mut self, row: &OutcomeRow<'_>, sign: i64) {
        let marks = count::outcome(row);
        let delay = count::outcome_delay(row);
        marks.apply(&mut self.counts.0, sign);
        if let Some(delay) = delay {
            self.delay.add(crate::histogram::bucket_of(delay), sign);
        }
        let add = |sums: &mut Sums| {
            sums.apply(&marks, sign);
            if let Some(delay) = delay {
                sums.delay(delay, sign);
            }
        };
        add(self.providers.line(row.provider));
        add(self.domains.line(row.recipient.domain));
        add(self.relays.line(row.relay_host));
        add(self.sender_domains.line(row.sender.domain));
        sender::write(row.sender, &mut self.key);
        add(self.senders.line(&self.key));
        recipient_to(row, &mut self.key);
        add(self.recipients.line(&self.key));
        instance_to(row.stream, &mut self.key);
        add(self.instances.line(&self.key));
        if !row.sasl_user.is_empty() {
            add(self.users.line(row.sasl_user));
        }
        self.failures.outcome(row, sign);
    }

    pub(super) fn merge(&mut self, other: &SectionFold) {
        self.counts.merge(&other.counts);
        self.delay.merge(&other.delay);
        for (mine, theirs) in self.delay_parts.iter_mut().zip(&other.delay_parts) {
            mine.merge(theirs);
        }
        self.sizes.merge(&other.sizes);
        for (mine, theirs) in self.tables_mut().into_iter().zip(other.tables()) {
            mine.1.merge(theirs.1);
        }
        self.failures.merge(&other.failures);
    }

    fn tables_mut(&mut self) -> [(&'static str, &mut Table); 9] {
        [
            ("providers", &mut self.providers),
            ("recipient domains", &mut self.domains),
            ("senders", &mut self.senders),
            ("sender domains", &mut self.sender_domains),
            ("recipients", &mut self.recipients),
            ("relay hosts", &mut self.relays),
            ("instances", &mut self.instances),
            ("users", &mut self.users),
            ("clients", &mut self.clients),
        ]
    }

    fn tables(&self) -> [(&'static str, &Table); 9] {
        [
            ("providers", &self.providers),
            ("recipient domains", &self.domains),
            ("senders", &self.senders),
            ("sender domains", &self.sender_domains),
            ("recipients", &self.recipients),
            ("relay hosts", &self.relays),
            ("instances", &self.instances),
            ("users", &self.users),
            ("clients", &self.clients),
        ]
    }

    /// The tables that met their limit.
    pub(super) fn limits(&self) -> impl Iterator<Item = Limit> {
        let met = self.tables().into_iter().filter(|entry| entry.1.dropped > 0);
        met.map(|(name, table)| Limit { table: name.into(), limit: table.limit() as u64, dropped: table.dropped })
    }

    /// The section, at most `top` lines in each breakdown.
    pub(super) fn finish(&self, top: usize) -> Section {
        let figures = self.counts.figures();
        Section {
            traffic: self.traffic,
            rates: Rates::of(&figures),
            messages_deferred: figures.get(Figure::MessagesFirstDeferred).max(0) as u64,
            figures,
            delay: self.delay.to_sparse().percentiles(),
            delay_parts: self.delay_parts.each_ref().map(|part| part.to_sparse().percentiles()),
            sizes: self.sizes.to_sparse().percentiles(),
            providers: breakdown(&self.providers, top),
            domains: breakdown(&self.domains, top),
            senders: breakdown(&self.senders, top),
            senders_by_bytes: by(&self.senders, Figure::ReceivedBytes, top),
            sender_domains: breakdown(&self.sender_domains, top),
            recipients: breakdown(&self.recipients, top),
            recipients_by_bytes: by(&self.recipients, Figure::DeliveredBytes, top),
            relays: breakdown(&self.relays, top),
            instances: breakdown(&self.instances, top),
            users: breakdown(&self.users, top),
            clients: breakdown(&self.clients, top),
            failures: self.failures.finish(),
        }
    }
}

/// `host/instance`, or the host alone where there is no instance.
fn instance_to(stream: &Stream, key: &mut String) {
    key.clear();
    key.push_str(if stream.host.is_empty() { &stream.origin } else { &stream.host });
    if !stream.instance.is_empty() {
        key.push('/');
        key.push_str(&stream.instance);
    }
}

fn client_to(name: &str, address: &str, key: &mut String) {
    key.clear();
    key.push_str(if name.is_empty() { "unknown" } else { name });
    key.push('[');
    key.push_str(address);
    key.push(']');
}

fn recipient_to(row: &OutcomeRow<'_>, key: &mut String) {
    key.clear();
    key.push_str(row.recipient.local);
    if !row.recipient.domain.is_empty() {
        key.push('@');
        key.push_str(row.recipient.domain);
    }
}

fn breakdown(table: &Table, top: usize) -> Breakdown {
    let mut all: Vec<(i64, &str, &Sums)> = table.iter().map(|(key, sums)| (sums.weight(), key, sums)).collect();
    all.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(right.1)));
    let mut other = table.other.clone();
    for (_, _, sums) in all.iter().skip(top) {
        other.merge(sums);
    }
    let has_other = all.len() > top || table.dropped > 0;
    Breakdown {
        lines: all.iter().take(top).map(|(_, key, sums)| line(key, sums)).collect(),
        total: all.len() as u64 + table.dropped,
        other: has_other.then(|| line("", &other)),
        short_by: table.short_by,
    }
}

/// The lines with the most of one figure.
fn by(table: &Table, figure: Figure, top: usize) -> Vec<Line> {
    let mut all: Vec<(i64, &str, &Sums)> = table.iter().map(|(key, sums)| (sums.counts.get(figure), key, sums)).collect();
    all.retain(|entry| entry.0 > 0);
    all.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(right.1)));
    all.iter().take(top).map(|(_, key, sums)| line(key, sums)).collect()
}

fn line(key: &str, sums: &Sums) -> Line {
    let figures: Figures = sums.counts.figures();
    Line {
        key: key.into(),
        rates: Rates::of(&figures),
        figures,
        delay: sums.delays.as_ref().map(|delays| delays.to_sparse().percentiles()).unwrap_or_default(),
        delay_mean_ms: (sums.delay_count > 0).then(|| (sums.delay_sum / sums.delay_count).max(0) as u64),
        delay_max_ms: (sums.delay_count > 0).then_some(sums.delay_max),
    }
}
