//! The sums of one traffic, by every dimension.

use mailvane_model::stream::is_word;
use mailvane_model::{AttemptRow, MessageRow, OutcomeRow, Stream};

use super::failure::Failures;
use super::recipients::Recipients;
use super::report::{Breakdown, Limit, Line, Section};
use super::table::{Counts, Sums, Table};
use crate::cell::Figures;
use crate::count::{self, Marks, Rates};
use crate::figure::{Figure, Traffic};
use crate::histogram::{DenseHistogram, bucket_of};
use crate::sender;

/// How many providers are told apart.
const PROVIDERS: usize = 1_000;
/// How many recipient domains are told apart.
const DOMAINS: usize = 50_000;
/// How many senders are told apart.
const SENDERS: usize = 30_000;
/// How many sender domains are told apart.
const SENDER_DOMAINS: usize = 20_000;
/// How many relay hosts are told apart.
const RELAYS: usize = 20_000;
/// How many users are told apart.
const USERS: usize = 20_000;
/// How many clients are told apart.
const CLIENTS: usize = 20_000;
/// How many instances are told apart.
const INSTANCES: usize = 1_000;

/// Everything that is summed up of one traffic.
///
/// A row goes to as few lines as can be: senders carry their domains, relay hosts their providers; the wider lines are
/// added up at the end.
#[derive(Clone, Debug)]
pub(super) struct SectionFold {
    traffic: Traffic,
    counts: Counts,
    delay: DenseHistogram,
    delay_parts: [DenseHistogram; 4],
    sizes: DenseHistogram,
    /// What relay hosts that were dropped have left, and all delays.
    providers: Table,
    domains: Table,
    senders: Table,
    /// What senders that were dropped have left.
    sender_domains: Table,
    recipients: Recipients,
    /// By relay host and provider.
    relays: Table,
    instances: Instances,
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
            recipients: Recipients::default(),
            relays: Table::new(RELAYS, false),
            instances: Instances::default(),
            users: Table::new(USERS, false),
            clients: Table::new(CLIENTS, false),
            failures: Failures::default(),
            key: String::new(),
        }
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    pub(super) fn message(&mut self, row: &MessageRow<'_>, marks: &Marks, sign: i64) {
        marks.apply(&mut self.counts.0, sign);
        if let Some(size) = row.size {
            self.sizes.add(bucket_of(size), sign);
        }
        sender::write(row.sender, &mut self.key);
        self.senders.line_under(&self.key, &mut self.sender_domains, domain_of).apply(marks, sign);
        self.instances.line(row.stream).apply(marks, sign);
        if !row.sasl_user.is_empty() {
            self.users.line(row.sasl_user).apply(marks, sign);
        }
        if !row.client_ip.is_empty() {
            client_to(row.client_name, row.client_ip, &mut self.key);
            self.clients.line(&self.key).apply(marks, sign);
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
        self.domains.line(row.recipient.domain).apply(marks, 1);
        relay_to(row.relay_host, row.provider, &mut self.key);
        self.relays.line_under(&self.key, &mut self.providers, provider_of).apply(marks, 1);
        self.instances.line(row.stream).apply(marks, 1);
        if count::is_refusal(row.status) {
            self.failures.attempt(row, marks);
        }
    }

    pub(super) fn outcome(&mut self, row: &OutcomeRow<'_>, marks: &Marks, sign: i64) {
        let delay = count::outcome_delay(row);
        marks.apply(&mut self.counts.0, sign);
        if let Some(delay) = delay {
            self.delay.add(bucket_of(delay), sign);
            self.providers.line(row.provider).delay_only(delay, sign);
        }
        let add = |sums: &mut Sums| {
            sums.apply(marks, sign);
            if let Some(delay) = delay {
                sums.delay(delay, sign);
            }
        };
        self.recipients.add(row.recipient, marks, row.size.unwrap_or(0), sign);
        add(self.domains.line(row.recipient.domain));
        relay_to(row.relay_host, row.provider, &mut self.key);
        add(self.relays.line_under(&self.key, &mut self.providers, provider_of));
        sender::write(row.sender, &mut self.key);
        add(self.senders.line_under(&self.key, &mut self.sender_domains, domain_of));
        add(self.instances.line(row.stream));
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
        self.providers.merge(&other.providers);
        self.domains.merge(&other.domains);
        self.sender_domains.merge(&other.sender_domains);
        self.recipients.merge(&other.recipients);
        self.senders.merge_under(&other.senders, &mut self.sender_domains, domain_of);
        self.relays.merge_under(&other.relays, &mut self.providers, provider_of);
        self.users.merge(&other.users);
        self.clients.merge(&other.clients);
        self.instances.merge(&other.instances);
        self.failures.merge(&other.failures);
    }

    fn tables(&self) -> [(&'static str, &Table); 7] {
        [
            ("providers", &self.providers),
            ("recipient domains", &self.domains),
            ("senders", &self.senders),
            ("sender domains", &self.sender_domains),
            ("relay hosts", &self.relays),
            ("users", &self.users),
            ("clients", &self.clients),
        ]
    }

    /// The tables that met their limit.
    pub(super) fn limits(&self) -> impl Iterator<Item = Limit> {
        let met = self.tables().into_iter().filter(|entry| entry.1.dropped > 0);
        let of_tables = met.map(|(name, table)| Limit { table: name.into(), limit: table.limit() as u64, dropped: table.dropped });
        of_tables.chain(self.recipients.limit())
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
            providers: breakdown(&self.providers.with_children(&self.relays, provider_of), top),
            domains: breakdown(&self.domains, top),
            senders: breakdown(&self.senders, top),
            senders_by_bytes: by(&self.senders, Figure::ReceivedBytes, top),
            sender_domains: breakdown(&self.sender_domains.with_children(&self.senders, domain_of), top),
            recipients: self.recipients.by_count(top, &self.counts),
            recipients_by_bytes: self.recipients.by_bytes(top),
            relays: breakdown(&Table::new(RELAYS, false).with_children(&self.relays, relay_of), top),
            instances: breakdown(&self.instances.table(), top),
            users: breakdown(&self.users, top),
            clients: breakdown(&self.clients, top),
            failures: self.failures.finish(),
        }
    }
}

/// Our mail systems: few, and the rows of one stand together.
#[derive(Clone, Debug, Default)]
struct Instances {
    all: Vec<(Stream, Sums)>,
    last: usize,
    /// What did not find a place any more.
    other: Sums,
}

impl Instances {
    #[inline]
    fn line(&mut self, stream: &Stream) -> &mut Sums {
        if self.all.get(self.last).is_none_or(|entry| !is_same(&entry.0, stream)) {
            match self.all.iter().position(|entry| is_same(&entry.0, stream)) {
                Some(at) => self.last = at,
                None if self.all.len() >= INSTANCES => return &mut self.other,
                None => {
                    self.last = self.all.len();
                    let delays = Some(Box::default());
                    self.all.push((stream.clone(), Sums { delays, ..Sums::default() }));
                }
            }
        }
        &mut self.all[self.last].1
    }

    fn merge(&mut self, other: &Instances) {
        for (stream, sums) in &other.all {
            self.line(stream).merge(sums);
        }
        self.other.merge(&other.other);
    }

    /// By `host/instance`, or the host alone where there is no instance.
    fn table(&self) -> Table {
        let mut table = Table::new(INSTANCES, true);
        for (stream, sums) in &self.all {
            let host = if stream.host.is_empty() { &stream.origin } else { &stream.host };
            let key = if stream.instance.is_empty() { host.clone() } else { format!("{host}/{}", stream.instance) };
            table.line(&key).merge(sums);
        }
        table.other.merge(&self.other);
        table
    }
}

/// Whether two streams have the same name for people; what else tells them apart does not show here.
#[inline]
fn is_same(left: &Stream, right: &Stream) -> bool {
    is_word(&left.instance, right.instance.as_bytes())
        && is_word(&left.host, right.host.as_bytes())
        && (!left.host.is_empty() || is_word(&left.origin, right.origin.as_bytes()))
}

fn client_to(name: &str, address: &str, key: &mut String) {
    key.clear();
    key.push_str(if name.is_empty() { "unknown" } else { name });
    key.push('[');
    key.push_str(address);
    key.push(']');
}

/// The domain of the key of a sender.
fn domain_of(key: &str) -> &str {
    key.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// What stands between relay host and provider in a key: no name has it.
const BETWEEN: char = '\0';

fn relay_to(relay: &str, provider: &str, key: &mut String) {
    key.clear();
    key.push_str(relay);
    key.push(BETWEEN);
    key.push_str(provider);
}

fn provider_of(key: &str) -> &str {
    key.rsplit_once(BETWEEN).map_or("", |(_, provider)| provider)
}

fn relay_of(key: &str) -> &str {
    key.rsplit_once(BETWEEN).map_or(key, |(relay, _)| relay)
}

fn breakdown(table: &Table, top: usize) -> Breakdown {
    let mut all: Vec<(i64, &str, &Sums)> = table.iter().map(|(key, sums)| (sums.weight(), key, sums)).collect();
    // A revision may have moved all that a line had to another traffic.
    all.retain(|(_, _, sums)| !sums.is_empty());
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
