//! "Where is the mail from X?": messages and refused attempts in one list, newest first.

use std::collections::BTreeMap;

use mailvane_metric::network;
use mailvane_model::row::{Batch, OutcomeColumns};
use mailvane_model::word::{Action, Direction, HandedTo, Outcome, Population};
use mailvane_model::{Address, AttemptRow, MessageRow, OutcomeRow, RejectionRow, Time};
use mailvane_store::{Kind, Probe, Segment, Snapshot};
use polars::prelude::*;

use crate::Result;
use crate::condition::{ROW, is_value, lazy_numbered, living, micros, within_expression};
use crate::scope::Scope;

/// How the words of a search are understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// No words: everything.
    All,
    /// A piece of an address with its `@`: the piece before it, and the piece after it.
    Address(String, String),
    /// An IP address.
    Ip(String),
    /// The network of a client, as [`network::of`] names it.
    Network(String),
    /// A queue id.
    QueueId(String),
    /// A piece of a Message-ID.
    MessageId(String),
    /// Any text: a part of an address, domain, client name, user name, Message-ID or reply.
    Text(String),
}

impl Words {
    /// Reads what was typed.
    pub fn read(typed: &str) -> Self {
        let typed = typed.trim();
        if typed.is_empty() {
            return Words::All;
        }
        if typed.parse::<std::net::IpAddr>().is_ok() {
            return Words::Ip(typed.to_lowercase());
        }
        if typed.split_once('/').is_some_and(|(address, _)| network::of(address) == typed) {
            return Words::Network(typed.to_owned());
        }
        if is_queue_id(typed) {
            return Words::QueueId(typed.to_owned());
        }
        if typed.starts_with('<') && typed.ends_with('>') && typed.len() > 2 {
            return Words::MessageId(typed[1..typed.len() - 1].to_owned());
        }
        match typed.to_lowercase().rsplit_once('@') {
            Some((local, domain)) => Words::Address(local.to_owned(), domain.to_owned()),
            None => Words::Text(typed.to_lowercase()),
        }
    }

    /// The word for it in answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Words::All => "all",
            Words::Address(..) => "address",
            Words::Ip(_) => "ip",
            Words::Network(_) => "network",
            Words::QueueId(_) => "queue_id",
            Words::MessageId(_) => "message_id",
            Words::Text(text) if text.contains('.') && !text.contains(' ') => "domain",
            Words::Text(_) => "text",
        }
    }
}

/// Whether a word can only be a queue id of Postfix: upper-case hexadecimal, or the long form.
fn is_queue_id(word: &str) -> bool {
    let short = (6..=15).contains(&word.len())
        && word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
        && word.bytes().any(|byte| byte.is_ascii_digit());
    let vowelless = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u');
    let long = (12..=20).contains(&word.len())
        && word.bytes().all(vowelless)
        && word.contains('z')
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_digit());
    short || long
}

/// A state of a recipient that can be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Delivered, other than to a smarthost.
    Delivered,
    /// Handed to a smarthost.
    Relayed,
    /// In a queue and not deferred so far.
    Fresh,
    /// In a queue and deferred.
    Waiting,
    /// Deferred at least once, whatever came of it.
    HadDeferral,
    /// Any other state, as it is.
    Other(Outcome),
}

impl State {
    /// Whether a recipient is in it.
    pub fn has(self, row: &OutcomeRow<'_>) -> bool {
        let relayed = row.handed_to == HandedTo::Smarthost;
        match self {
            State::Delivered => row.outcome == Outcome::Delivered && !relayed,
            State::Relayed => row.outcome == Outcome::Delivered && relayed,
            State::Fresh => row.outcome == Outcome::Queued && row.deferrals == 0,
            State::Waiting => row.outcome == Outcome::Queued && row.deferrals > 0,
            State::HadDeferral => row.deferrals > 0,
            State::Other(outcome) => row.outcome == outcome,
        }
    }

    /// What holds for every row in it, as a condition on columns.
    fn condition(self) -> Expr {
        let is = |outcome: Outcome| col("outcome").eq(lit(u32::from(outcome.code())));
        match self {
            State::Delivered | State::Relayed => is(Outcome::Delivered),
            State::Fresh | State::Waiting => is(Outcome::Queued),
            State::HadDeferral => col("deferrals").gt(lit(0)),
            State::Other(outcome) => is(outcome),
        }
    }
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// Span of arrival, traffic and filters.
    pub scope: Scope,
    /// The words.
    pub words: Words,
    /// States of recipients wanted, any of them; empty means all.
    pub states: Vec<State>,
    /// Whether messages are wanted.
    pub messages: bool,
    /// Whether refusals are wanted.
    pub rejections: bool,
    /// Actions of refusals wanted, any of them; empty means all.
    pub actions: Vec<Action>,
    /// At most so many.
    pub limit: usize,
    /// Only what sorts after this (older): the time and id of the last one of the page before.
    pub before: Option<(Time, u64)>,
}

/// What was found: ids with their times, newest first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Messages (the id of the first hop) and refusals in one order.
    pub hits: Vec<Hit>,
    /// Whether there are older ones.
    pub more: bool,
    /// The rows of the refusals among the hits (and others that were looked at).
    pub rejections: Batch,
}

/// One thing found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// When the message arrived, or was refused.
    pub time: Time,
    /// The id of the first hop, or of the refusal.
    pub id: u64,
    /// Whether it is a refusal.
    pub rejection: bool,
}

/// The newest hits, kept in order.
struct Best {
    keep: usize,
    before: Option<(Time, u64)>,
    hits: BTreeMap<(Time, u64), bool>,
}

impl Best {
    fn offer(&mut self, time: Time, id: u64, rejection: bool) {
        if self.before.is_some_and(|before| (time, id) >= before) {
            return;
        }
        self.hits.insert((time, id), rejection);
        if self.hits.len() > self.keep {
            self.hits.pop_first();
        }
    }

    /// Whether nothing of this time or before it can get in any more.
    fn is_full_past(&self, time: Time) -> bool {
        self.hits.len() >= self.keep && self.hits.first_key_value().is_some_and(|((oldest, _), _)| *oldest > time)
    }
}

/// Finds. `open` are the recipients still in a queue, which are in no stored row yet. Hits are ids of messages of any hop: the
/// message of a chain's first hop stands in the row itself.
pub fn search(snapshot: &Snapshot, open: &OutcomeColumns, search: &Search) -> Result<Found> {
    let newest = newest(snapshot, search);
    // A page is mostly filled by the last hour: only what is rare is worth reading everything.
    for length in SPANS {
        let since = newest.plus(-length);
        if since <= search.scope.since {
            break;
        }
        let narrow = Search { scope: Scope { since, ..search.scope.clone() }, ..search.clone() };
        let found = within_span(snapshot, open, &narrow)?;
        if found.more {
            return Ok(found);
        }
    }
    within_span(snapshot, open, search)
}

/// Spans that are tried first, back from the newest row.
const SPANS: [i64; 3] = [Time::HOUR, 8 * Time::HOUR, 48 * Time::HOUR];

/// Nothing that is looked for is later than this.
fn newest(snapshot: &Snapshot, search: &Search) -> Time {
    let latest = snapshot.span().map_or(search.scope.since, |span| span.1);
    search.before.map_or(search.scope.until, |before| search.scope.until.min(before.0)).min(latest)
}

fn within_span(snapshot: &Snapshot, open: &OutcomeColumns, search: &Search) -> Result<Found> {
    let mut best = Best { keep: search.limit + 1, before: search.before, hits: BTreeMap::new() };
    let mut found = Found::default();
    if search.messages {
        outcomes(snapshot, open, search, &mut best)?;
        if search.states.is_empty() {
            if let Some(probe) = probe(&search.words) {
                for hit in snapshot.lives(probe, search.scope.since, Time(i64::MAX), PROBED)? {
                    best.offer(hit.time, hit.life, false);
                }
            }
            let by_delivery = is_by_delivery(search);
            if !by_delivery {
                messages(snapshot, search, &mut best)?;
            }
            if by_delivery || search.words != Words::All {
                attempts(snapshot, search, &mut best)?;
            }
        }
    }
    if search.rejections {
        rejections(snapshot, search, &mut best, &mut found.rejections)?;
    }
    found.more = best.hits.len() > search.limit;
    found.hits = best
        .hits
        .iter()
        .rev()
        .take(search.limit)
        .map(|((time, id), rejection)| Hit { time: *time, id: *id, rejection: *rejection })
        .collect();
    Ok(found)
}

/// At most so many messages of one queue id or Message-ID.
const PROBED: usize = 500;

/// What the store's filters can look for by itself.
fn probe(words: &Words) -> Option<Probe<'_>> {
    match words {
        Words::QueueId(id) => Some(Probe::QueueId(id)),
        Words::MessageId(id) => Some(Probe::MessageId(id)),
        _ => None,
    }
}

/// Segments with rows up to a time, newest first.
fn newest_first(snapshot: &Snapshot, kind: Kind, since: Time, until: Time) -> Vec<std::sync::Arc<Segment>> {
    let mut segments = snapshot.segments(kind, since, until);
    segments.sort_by_key(|segment| std::cmp::Reverse((segment.time_max, segment.id)));
    segments
}

/// Whether a filter names something that only attempts and outcomes know.
fn is_by_delivery(search: &Search) -> bool {
    use crate::Dimension as By;
    search.scope.filters.wanted.iter().any(|wanted| matches!(wanted.0, By::Provider | By::Domain | By::Relay | By::Reason))
}

/// A message of several directions belongs to each of them.
fn has_traffic(scope: &Scope, population: Population, direction: Direction) -> bool {
    let direction = scope.direction.filter(|_| direction == Direction::Mixed).unwrap_or(direction);
    scope.has(mailvane_metric::Traffic::of(population, direction))
}

fn admits_outcome(search: &Search, row: &OutcomeRow<'_>) -> bool {
    search.scope.spans(row.arrived)
        && has_traffic(&search.scope, row.population, row.direction)
        && (search.states.is_empty() || search.states.iter().any(|state| state.has(row)))
        && search.scope.admits_outcome(row)
        && outcome_matches(&search.words, row)
}

fn outcomes(snapshot: &Snapshot, open: &OutcomeColumns, search: &Search, best: &mut Best) -> Result<()> {
    for row in open.iter().filter(|row| admits_outcome(search, row)) {
        best.offer(row.arrived, row.message, false);
    }
    for pending in snapshot.pending() {
        let dead = pending.dead(Kind::Outcomes);
        for (index, row) in pending.rows.outcomes.iter().enumerate() {
            if dead.binary_search(&(index as u32)).is_err() && admits_outcome(search, &row) {
                best.offer(row.arrived, row.message, false);
            }
        }
    }
    // Of recipients that are done, attempts say the same and hold every word; only a wanted state needs the outcomes.
    if search.states.is_empty() {
        return Ok(());
    }
    let wanted = search.states.iter().map(|state| state.condition()).reduce(Expr::or);
    for segment in newest_first(snapshot, Kind::Outcomes, search.scope.since, Time(i64::MAX)) {
        if best.is_full_past(segment.time_max) {
            break;
        }
        let rows = candidates(snapshot, &segment, search, "arrived", None, wanted.clone())?;
        newest_batches(snapshot, &segment, &rows, best, |rows, best| {
            for row in rows.outcomes.iter().filter(|row| admits_outcome(search, row)) {
                best.offer(row.arrived, row.message, false);
            }
            rows.outcomes.time.0.first().copied()
        })?;
    }
    Ok(())
}

fn admits_attempt(search: &Search, row: &AttemptRow<'_>) -> bool {
    search.scope.spans(row.arrived)
        && has_traffic(&search.scope, row.population, row.direction)
        && search.scope.admits_attempt(row)
        && attempt_matches(&search.words, row)
}

fn attempts(snapshot: &Snapshot, search: &Search, best: &mut Best) -> Result<()> {
    for pending in snapshot.pending() {
        for row in pending.rows.attempts.iter().filter(|row| admits_attempt(search, row)) {
            best.offer(row.arrived, row.message, false);
        }
    }
    for segment in newest_first(snapshot, Kind::Attempts, search.scope.since, Time(i64::MAX)) {
        if best.is_full_past(segment.time_max) {
            break;
        }
        let rows = candidates(snapshot, &segment, search, "arrived", Some(&ATTEMPT_PLACES), None)?;
        newest_batches(snapshot, &segment, &rows, best, |rows, best| {
            for row in rows.attempts.iter().filter(|row| admits_attempt(search, row)) {
                best.offer(row.arrived, row.message, false);
            }
            rows.attempts.time.0.first().copied()
        })?;
    }
    Ok(())
}

fn admits_message(search: &Search, row: &MessageRow<'_>) -> bool {
    // A later hop is found by way of its attempts.
    row.previous_hop == 0
        && search.scope.spans(row.time)
        && has_traffic(&search.scope, row.population, row.direction)
        && search.scope.admits_message(row)
        && message_matches(&search.words, row)
}

fn messages(snapshot: &Snapshot, search: &Search, best: &mut Best) -> Result<()> {
    for pending in snapshot.pending() {
        let dead = pending.dead(Kind::Messages);
        for (index, row) in pending.rows.messages.iter().enumerate() {
            if dead.binary_search(&(index as u32)).is_err() && admits_message(search, &row) {
                best.offer(row.time, row.id, false);
            }
        }
    }
    for segment in newest_first(snapshot, Kind::Messages, search.scope.since, search.scope.until) {
        if best.is_full_past(segment.time_max) {
            break;
        }
        let rows = candidates(snapshot, &segment, search, "time", Some(&MESSAGE_PLACES), None)?;
        newest_batches(snapshot, &segment, &rows, best, |rows, best| {
            for row in rows.messages.iter().filter(|row| admits_message(search, row)) {
                best.offer(row.time, row.id, false);
            }
            rows.messages.time.0.first().copied()
        })?;
    }
    Ok(())
}

fn admits_rejection(search: &Search, row: &RejectionRow<'_>) -> bool {
    search.scope.spans(row.time)
        && (search.actions.is_empty() || search.actions.contains(&row.action))
        && search.scope.admits_rejection(row)
        && rejection_matches(&search.words, row)
}

fn rejections(snapshot: &Snapshot, search: &Search, best: &mut Best, found: &mut Batch) -> Result<()> {
    for pending in snapshot.pending() {
        for row in pending.rows.rejections.iter().filter(|row| admits_rejection(search, row)) {
            best.offer(row.time, row.id, true);
            found.rejections.push(&row);
        }
    }
    for segment in newest_first(snapshot, Kind::Rejections, search.scope.since, search.scope.until) {
        if best.is_full_past(segment.time_max) {
            break;
        }
        let wanted = search.actions.iter().map(|action| col("action").eq(lit(u32::from(action.code())))).reduce(Expr::or);
        let rows = candidates(snapshot, &segment, search, "time", Some(&REJECTION_PLACES), wanted)?;
        newest_batches(snapshot, &segment, &rows, best, |rows, best| {
            for row in rows.rejections.iter().filter(|row| admits_rejection(search, row)) {
                best.offer(row.time, row.id, true);
                found.rejections.push(&row);
            }
            rows.rejections.time.0.first().copied()
        })?;
    }
    Ok(())
}

/// Rows of a segment read at once: a page of hits needs few, and rows stand in the order of time.
const READ_ROWS: usize = 1_000;

/// Reads rows of a segment, newest first, until `offer` fills the page with newer ones. `offer` tells the time of the first row it
/// was given: no row before it is of a later time, and mail arrived before what happened to it.
fn newest_batches(
    snapshot: &Snapshot,
    segment: &Segment,
    rows: &[u32],
    best: &mut Best,
    mut offer: impl FnMut(&Batch, &mut Best) -> Option<Time>,
) -> Result<()> {
    for rows in rows.rchunks(READ_ROWS) {
        let batch = snapshot.read(segment, Some(rows))?;
        if offer(&batch, best).is_some_and(|time| best.is_full_past(time)) {
            break;
        }
    }
    Ok(())
}

/// The numbers of the rows of a segment that can match, ascending; each is checked again by the caller.
fn candidates(
    snapshot: &Snapshot,
    segment: &Segment,
    search: &Search,
    clock: &str,
    places: Option<&Places>,
    further: Option<Expr>,
) -> Result<Vec<u32>> {
    let mut frame = living(lazy_numbered(segment)?, segment);
    let schema = frame.collect_schema()?;
    let scope = &search.scope;
    let until = search.before.map_or(scope.until, |before| scope.until.min(before.0.plus(1)));
    frame = frame.filter(micros(clock).gt_eq(lit(scope.since.0)).and(micros(clock).lt(lit(until.0))));
    if let Some(further) = further {
        frame = frame.filter(further);
    }
    if let Some(population) = scope.population.filter(|_| schema.contains("population")) {
        frame = frame.filter(col("population").eq(lit(u32::from(population.code()))));
    }
    if let Some(direction) = scope.direction.filter(|_| schema.contains("direction")) {
        let is = |direction: Direction| col("direction").eq(lit(u32::from(direction.code())));
        frame = frame.filter(is(direction).or(is(Direction::Mixed)));
    }
    if let Some(condition) = places.and_then(|places| condition(&search.words, places, &schema)) {
        frame = frame.filter(condition);
    }
    if let Some(condition) = scope.filters.within.as_ref().and_then(|within| within_expression(within, &schema)) {
        frame = frame.filter(condition);
    }
    for (dimension, value) in &scope.filters.wanted {
        if let Some(condition) = is_value(*dimension, value, snapshot, &schema) {
            frame = frame.filter(condition);
        }
    }
    let frame = frame.select([col(ROW).cast(DataType::UInt32)]).collect()?;
    Ok(frame.column(ROW)?.as_materialized_series().u32()?.iter().flatten().collect())
}

/// Where the words of a search can stand in one kind of row.
struct Places {
    addresses: &'static [(&'static str, &'static str)],
    ips: &'static [&'static str],
    queue_ids: &'static [&'static str],
    texts: &'static [&'static str],
}

const ATTEMPT_PLACES: Places = Places {
    addresses: &[
        ("sender_local", "sender_domain"),
        ("recipient_local", "recipient_domain"),
        ("orig_recipient_local", "orig_recipient_domain"),
    ],
    ips: &["client_ip", "relay_ip"],
    queue_ids: &[],
    texts: &["sasl_user", "relay_host", "reply_text"],
};

const MESSAGE_PLACES: Places = Places {
    addresses: &[("sender_local", "sender_domain")],
    ips: &["client_ip"],
    queue_ids: &["queue_id"],
    texts: &["sasl_user", "client_name"],
};

const REJECTION_PLACES: Places = Places {
    addresses: &[("sender_local", "sender_domain"), ("recipient_local", "recipient_domain")],
    ips: &["client_ip"],
    queue_ids: &["queue_id"],
    texts: &["sasl_user", "client_name", "helo", "reply_text"],
};

fn condition(words: &Words, places: &Places, schema: &Schema) -> Option<Expr> {
    let has = |name: &&&str| schema.contains(name);
    let lower = |name: &str| col(name).str().to_lowercase();
    let contains = |name: &str, needle: &str| lower(name).str().contains_literal(lit(needle.to_owned()));
    let either: Vec<Expr> = match words {
        Words::All => return None,
        Words::Address(local, domain) => places
            .addresses
            .iter()
            .filter(|pair| schema.contains(pair.0))
            .map(|pair| lower(pair.0).str().ends_with(lit(local.clone())).and(col(pair.1).str().starts_with(lit(domain.clone()))))
            .chain(schema.contains("message_id").then(|| contains("message_id", &format!("{local}@{domain}"))))
            .collect(),
        Words::Ip(ip) => places.ips.iter().filter(has).map(|name| col(*name).eq(lit(ip.clone()))).collect(),
        // Addresses of a network have the beginning of its name in them; each is looked at again.
        Words::Network(name) => match start_of(name) {
            "" => return None,
            start => places.ips.iter().filter(has).map(|name| contains(name, start)).collect(),
        },
        Words::QueueId(id) => places.queue_ids.iter().filter(has).map(|name| col(*name).eq(lit(id.clone()))).collect(),
        Words::MessageId(id) => {
            schema.contains("message_id").then(|| col("message_id").str().contains_literal(lit(id.clone()))).into_iter().collect()
        }
        Words::Text(text) => {
            let addresses = places.addresses.iter().flat_map(|pair| [pair.0, pair.1]);
            let names = addresses.chain(places.texts.iter().copied()).chain(places.ips.iter().copied()).chain(["message_id"]);
            names.filter(|name| schema.contains(name)).map(|name| contains(name, text)).collect()
        }
    };
    Some(either.into_iter().reduce(Expr::or).unwrap_or(lit(false)))
}

/// What all addresses of a network have in them, as the log writes them; nothing where they may be written in several ways.
fn start_of(network: &str) -> &str {
    network.strip_suffix("0/24").filter(|start| !start.contains(':')).unwrap_or_default()
}

fn in_address(address: Address<'_>, words: &Words) -> bool {
    match words {
        Words::Address(local, domain) => {
            address.local.to_lowercase().ends_with(local.as_str()) && address.domain.starts_with(domain.as_str())
        }
        Words::Text(text) => address.local.to_lowercase().contains(text.as_str()) || address.domain.contains(text.as_str()),
        _ => false,
    }
}

fn in_row(words: &Words, addresses: &[Address<'_>], ips: &[&str], queue_ids: &[&str], texts: &[&str], message_id: &str) -> bool {
    match words {
        Words::All => true,
        Words::Ip(ip) => ips.contains(&ip.as_str()),
        Words::Network(name) => ips.iter().any(|ip| network::of(ip) == *name),
        Words::QueueId(id) => queue_ids.contains(&id.as_str()),
        Words::MessageId(id) => message_id.contains(id.as_str()),
        Words::Address(local, domain) => {
            addresses.iter().any(|address| in_address(*address, words)) || message_id.to_lowercase().contains(&format!("{local}@{domain}"))
        }
        Words::Text(text) => {
            addresses.iter().any(|address| in_address(*address, words))
                || texts.iter().chain(ips).chain([&message_id]).any(|place| place.to_lowercase().contains(text.as_str()))
        }
    }
}

/// Whether the words stand in an outcome.
pub fn outcome_matches(words: &Words, row: &OutcomeRow<'_>) -> bool {
    in_row(
        words,
        &[row.sender, row.recipient, row.orig_recipient],
        &[row.client_ip, row.relay_ip],
        &[row.queue_id, row.last_queue_id],
        &[row.sasl_user, row.relay_host, row.reply_text],
        row.message_id,
    )
}

/// Whether the words stand in an attempt.
pub fn attempt_matches(words: &Words, row: &AttemptRow<'_>) -> bool {
    in_row(
        words,
        &[row.sender, row.recipient, row.orig_recipient],
        &[row.client_ip, row.relay_ip],
        &[row.queue_id],
        &[row.sasl_user, row.relay_host, row.reply_text],
        row.message_id,
    )
}

/// Whether the words stand in a message.
pub fn message_matches(words: &Words, row: &MessageRow<'_>) -> bool {
    in_row(words, &[row.sender], &[row.client_ip], &[row.queue_id], &[row.sasl_user, row.client_name], row.message_id)
}

/// Whether the words stand in a refusal.
pub fn rejection_matches(words: &Words, row: &RejectionRow<'_>) -> bool {
    in_row(
        words,
        &[row.sender, row.recipient],
        &[row.client_ip],
        &[row.queue_id],
        &[row.sasl_user, row.client_name, row.helo, row.reply_text],
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_by_their_shape() {
        assert_eq!(Words::read(" "), Words::All);
        assert_eq!(Words::read("Joe@Example.com"), Words::Address("joe".into(), "example.com".into()));
        assert_eq!(Words::read("@example.com"), Words::Address(String::new(), "example.com".into()));
        assert_eq!(Words::read("192.0.2.7"), Words::Ip("192.0.2.7".into()));
        assert_eq!(Words::read("192.0.2.0/24"), Words::Network("192.0.2.0/24".into()));
        assert_eq!(Words::read("2001:db8:7::/48"), Words::Network("2001:db8:7::/48".into()));
        assert_eq!(Words::read("192.0.2.0/20"), Words::Text("192.0.2.0/20".into()));
        assert_eq!(Words::read("4A5B6C7D"), Words::QueueId("4A5B6C7D".into()));
        assert_eq!(Words::read("4ZK8wY2dHxz1Qp"), Words::QueueId("4ZK8wY2dHxz1Qp".into()));
        assert_eq!(Words::read("<a@b>"), Words::MessageId("a@b".into()));
        assert_eq!(Words::read("Greylist"), Words::Text("greylist".into()));
    }

    #[test]
    fn a_piece_on_both_sides_of_the_at_sign_is_found() {
        let row = OutcomeRow { recipient: Address { local: "Jane.Doe", domain: "mail.example.org" }, ..OutcomeRow::default() };
        assert!(outcome_matches(&Words::read("doe@mail.example"), &row));
        assert!(outcome_matches(&Words::read("jane"), &row));
        assert!(!outcome_matches(&Words::read("doe@example"), &row));
    }

    #[test]
    fn a_network_has_its_addresses_and_no_other() {
        let from = |client_ip| RejectionRow { client_ip, ..RejectionRow::default() };
        for (network, address, is_in) in [
            ("192.0.2.0/24", "192.0.2.250", true),
            ("192.0.2.0/24", "192.0.20.5", false),
            ("192.0.2.0/24", "::ffff:192.0.2.9", true),
            ("2001:db8:7::/48", "2001:0db8:0007:1::5", true),
            ("2001:db8:7::/48", "2001:db8:70::5", false),
        ] {
            assert_eq!(rejection_matches(&Words::read(network), &from(address)), is_in, "{address} in {network}");
        }
    }
}
