//! Reading rows out of a snapshot: whole segments, and the lives that a probe finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch, StringArray};
use mailvane_model::row::{AttemptColumns, Batch, MessageColumns, OutcomeColumns, RejectionColumns};
use mailvane_model::{Address, Time};

use crate::column::Table;
use crate::detail::Detail;
use crate::error::{Error, Result};
use crate::filter::{self, Probe, bare_message_id};
use crate::kind::Kind;
use crate::part::file::{self, Wanted};
use crate::part::fill::PartReader;
use crate::part::sort::collect;
use crate::segment::Segment;
use crate::snapshot::{Snapshot, stream_of};

/// A message that a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hit {
    /// The id of the message.
    pub life: u64,
    /// The time of the latest row that was found.
    pub time: Time,
}

impl Snapshot {
    /// The rows of a segment, whole and without superseded ones: of those in `rows` (ascending) or all. Only the columns of
    /// the segment's kind are filled.
    pub fn read(&self, segment: &Segment, rows: Option<&[u32]>) -> Result<Batch> {
        let alive: Option<Vec<u32>> = match rows {
            Some(rows) => Some(rows.iter().copied().filter(|row| !segment.is_dead(*row)).collect()),
            None if segment.dead.is_empty() => None,
            None => Some((0..segment.rows as u32).filter(|row| !segment.is_dead(*row)).collect()),
        };
        self.read_rows(segment, alive.as_deref(), Detail::Whole)
    }

    /// The rows of a segment with a time between two (`until` not included), without superseded ones, as far as is wanted of them.
    pub fn read_between(&self, segment: &Segment, from: Time, until: Time, detail: Detail) -> Result<Batch> {
        let is_inside = segment.time_min >= from && segment.time_max < until;
        if is_inside && segment.dead.is_empty() {
            return self.read_rows(segment, None, detail);
        }
        let mut rows: Vec<u32> = if is_inside { (0..segment.rows as u32).collect() } else { timed_rows(segment, from, until)? };
        rows.retain(|row| !segment.is_dead(*row));
        self.read_rows(segment, Some(&rows), detail)
    }

    /// Rows of a segment (ascending numbers, none superseded), or all of them, as far as is wanted of them.
    pub fn read_rows(&self, segment: &Segment, rows: Option<&[u32]>, detail: Detail) -> Result<Batch> {
        let mut batch = Batch::default();
        let part: Vec<&Segment> = self.part(segment.part).into_iter().map(|segment| &**segment).collect();
        let reader = PartReader { segments: &part, streams: &|key| stream_of(self.streams(), key), detail };
        read_kind(&reader, segment.kind, rows, &mut batch)?;
        Ok(batch)
    }

    /// Which segments can hold rows that a probe looks for, between two times (`until` not included). All others do not.
    pub fn find(&self, probe: Probe<'_>, from: Time, until: Time) -> Result<Vec<Arc<Segment>>> {
        let mut found = Vec::new();
        for part in self.parts(from, until) {
            if filter::Open::new(&part[0].filter.path)?.can_hold(probe)? {
                found.extend(part.into_iter().filter(|segment| segment.overlaps(from, until)).cloned());
            }
        }
        Ok(found)
    }

    /// The messages that a probe finds among messages, attempts and outcomes of a time, newest first, `limit` at most.
    pub fn lives(&self, probe: Probe<'_>, from: Time, until: Time, limit: usize) -> Result<Vec<Hit>> {
        let mut hits = Hits { found: AHashMap::new(), from, until };
        for pending in self.pending() {
            pending_hits(&pending.rows, probe, &mut hits);
        }
        for part in self.parts(from, until) {
            if hits.found.len() >= limit {
                break;
            }
            if filter::Open::new(&part[0].filter.path)?.can_hold(probe)? {
                self.with_part(&part, |reader| part_hits(reader, probe, &mut hits))?;
            }
        }
        let mut all: Vec<Hit> = hits.found.into_iter().map(|(life, time)| Hit { life, time }).collect();
        all.sort_unstable_by_key(|hit| (std::cmp::Reverse(hit.time), hit.life));
        all.truncate(limit);
        Ok(all)
    }

    /// Every row (messages, attempts, outcomes) of some messages, each in its highest revision, sorted by time.
    pub fn life(&self, lives: &[u64]) -> Result<Batch> {
        let wanted: AHashSet<u64> = lives.iter().copied().collect();
        let mut batches: Vec<Batch> = Vec::new();
        for part in self.parts(Time(i64::MIN), Time(i64::MAX)) {
            let filter = filter::Open::new(&part[0].filter.path)?;
            let mut here = false;
            for life in lives {
                here = here || filter.can_hold(Probe::Life(*life))?;
            }
            if here {
                batches.push(self.with_part(&part, |reader| part_lives(reader, &wanted))?);
            }
        }
        for pending in self.pending() {
            let of = |kind: Kind, row: usize| pending.dead(kind).binary_search(&(row as u32)).is_err();
            let rows = &pending.rows;
            let pick = |keep: &dyn Fn(usize) -> bool, count: usize| -> Vec<u32> {
                (0..count).filter(|row| keep(*row)).map(|row| row as u32).collect()
            };
            let messages = pick(&|row| of(Kind::Messages, row) && wanted.contains(&rows.messages.id.0[row]), rows.messages.rows());
            let attempts = pick(&|row| wanted.contains(&rows.attempts.message.0[row]), rows.attempts.rows());
            let of_outcome =
                |row: usize| wanted.contains(&rows.outcomes.message.0[row]) || wanted.contains(&rows.outcomes.last_message.0[row]);
            let outcomes = pick(&|row| of(Kind::Outcomes, row) && of_outcome(row), rows.outcomes.rows());
            batches.push(Batch {
                messages: rows.messages.pick(&messages),
                attempts: rows.attempts.pick(&attempts),
                outcomes: rows.outcomes.pick(&outcomes),
                ..Batch::default()
            });
        }
        Ok(joined(&batches))
    }

    /// The rejections that name an address or queue id, newest first, `limit` at most.
    pub fn rejections(&self, probe: Probe<'_>, from: Time, until: Time, limit: usize) -> Result<RejectionColumns> {
        let mut found = RejectionColumns::default();
        for pending in self.pending().iter().rev() {
            let table = &pending.rows.rejections;
            let hit = |row: &u32| {
                let row = table.get(*row as usize);
                row.time >= from && row.time < until && is_rejection_of(probe, row.queue_id, row.sender, row.recipient)
            };
            let rows: Vec<u32> = (0..table.rows() as u32).rev().filter(hit).collect();
            found.append(&table.pick(&rows));
        }
        for part in self.parts(from, until) {
            if found.rows() >= limit {
                break;
            }
            if filter::Open::new(&part[0].filter.path)?.can_hold(probe)? {
                self.with_part(&part, |reader| {
                    let rows = rejection_rows(reader, probe, from, until)?;
                    let table = reader.rejections(Some(&rows))?;
                    let newest_first: Vec<u32> = (0..table.rows() as u32).rev().collect();
                    found.append(&table.pick(&newest_first));
                    Ok(())
                })?;
            }
        }
        let mut order: Vec<u32> = (0..found.rows() as u32).collect();
        order.sort_by_key(|row| std::cmp::Reverse(found.time.0[*row as usize]));
        order.truncate(limit);
        Ok(found.pick(&order))
    }

    fn part(&self, part: u64) -> Vec<&Arc<Segment>> {
        self.all_segments().iter().filter(|segment| segment.part == part).collect()
    }

    /// The parts with rows of a time, newest first.
    fn parts(&self, from: Time, until: Time) -> Vec<Vec<&Arc<Segment>>> {
        let mut parts: BTreeMap<u64, Vec<&Arc<Segment>>> = BTreeMap::new();
        for segment in self.all_segments() {
            parts.entry(segment.part).or_default().push(segment);
        }
        let mut parts: Vec<_> = parts.into_values().filter(|part| part.iter().any(|segment| segment.overlaps(from, until))).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.iter().map(|segment| segment.time_max).max()));
        parts
    }

    fn with_part<T>(&self, part: &[&Arc<Segment>], work: impl FnOnce(&PartReader<'_>) -> Result<T>) -> Result<T> {
        let segments: Vec<&Segment> = part.iter().map(|segment| &***segment).collect();
        work(&PartReader { segments: &segments, streams: &|key| stream_of(self.streams(), key), detail: Detail::Whole })
    }
}

/// The rows of a segment with a time between two.
fn timed_rows(segment: &Segment, from: Time, until: Time) -> Result<Vec<u32>> {
    let batch = file::read(segment.path(), Wanted { columns: file::Columns::Only(&["time"]), rows: None })?;
    let times = batch.column_by_name("time").and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| Error::format("a segment without times"))?.values();
    let is_wanted = |(row, time): (usize, &i64)| (*time >= from.0 && *time < until.0).then_some(row as u32);
    Ok(times.iter().enumerate().filter_map(is_wanted).collect())
}

fn read_kind(reader: &PartReader<'_>, kind: Kind, rows: Option<&[u32]>, batch: &mut Batch) -> Result<()> {
    match kind {
        Kind::Messages => batch.messages = reader.messages(rows)?,
        Kind::Attempts => batch.attempts = reader.attempts(rows)?.0,
        Kind::Outcomes => batch.outcomes = reader.outcomes(rows)?.0,
        Kind::Rejections => batch.rejections = reader.rejections(rows)?,
        Kind::Auths => batch.auths = reader.auths(rows)?,
        Kind::Sessions => batch.sessions = reader.sessions(rows)?,
        Kind::Notices => batch.notices = reader.notices(rows)?,
    }
    Ok(())
}

/// Messages, attempts and outcomes of several batches, sorted by time.
fn joined(batches: &[Batch]) -> Batch {
    fn sorted<T: Table>(table: &T) -> T {
        let mut order: Vec<u32> = (0..table.rows() as u32).collect();
        order.sort_by_key(|row| table.times()[*row as usize]);
        table.pick(&order)
    }
    let messages: Vec<(&MessageColumns, &[u32])> = batches.iter().map(|batch| (&batch.messages, &[][..])).collect();
    let attempts: Vec<(&AttemptColumns, &[u32])> = batches.iter().map(|batch| (&batch.attempts, &[][..])).collect();
    let outcomes: Vec<(&OutcomeColumns, &[u32])> = batches.iter().map(|batch| (&batch.outcomes, &[][..])).collect();
    Batch {
        messages: sorted(&collect(&messages)),
        attempts: sorted(&collect(&attempts)),
        outcomes: sorted(&collect(&outcomes)),
        ..Batch::default()
    }
}

/// The rows of some messages in a part.
fn part_lives(reader: &PartReader<'_>, wanted: &AHashSet<u64>) -> Result<Batch> {
    let mut batch = Batch::default();
    for kind in [Kind::Messages, Kind::Attempts, Kind::Outcomes] {
        let rows = reader.rows_of(kind, wanted)?;
        if !rows.is_empty() {
            read_kind(reader, kind, Some(&rows), &mut batch)?;
        }
    }
    Ok(batch)
}

/// What was found so far, and the times that are wanted.
struct Hits {
    found: AHashMap<u64, Time>,
    from: Time,
    until: Time,
}

impl Hits {
    fn add(&mut self, life: u64, time: Time) {
        if time >= self.from && time < self.until && life != 0 {
            let latest = self.found.entry(life).or_insert(time);
            *latest = time.max(*latest);
        }
    }
}

/// Whether two addresses are the same mailbox for a search: case does not matter.
fn same_address(left: Address<'_>, right: Address<'_>) -> bool {
    left.local.eq_ignore_ascii_case(right.local) && left.domain.eq_ignore_ascii_case(right.domain)
}

fn pending_hits(rows: &Batch, probe: Probe<'_>, hits: &mut Hits) {
    for row in rows.messages.iter() {
        let hit = match probe {
            Probe::QueueId(id) => row.queue_id == id,
            Probe::MessageId(id) => bare_message_id(row.message_id) == bare_message_id(id),
            Probe::Sender(address) => same_address(row.sender, address),
            Probe::Life(id) => row.id == id || row.chain == id,
            Probe::Recipient(_) => false,
        };
        if hit {
            hits.add(row.id, row.time);
        }
    }
    for row in rows.attempts.iter() {
        let hit = match probe {
            Probe::QueueId(id) => row.queue_id == id,
            Probe::MessageId(id) => bare_message_id(row.message_id) == bare_message_id(id),
            Probe::Sender(address) => same_address(row.sender, address),
            Probe::Recipient(address) => same_address(row.recipient, address) || same_address(row.orig_recipient, address),
            Probe::Life(id) => row.message == id,
        };
        if hit {
            hits.add(row.message, row.time);
        }
    }
    for row in rows.outcomes.iter() {
        let hit = match probe {
            Probe::Recipient(address) => same_address(row.recipient, address) || same_address(row.orig_recipient, address),
            Probe::Life(id) => row.message == id || row.last_message == id,
            _ => false,
        };
        if hit {
            hits.add(row.last_message, row.time);
        }
    }
}

/// Columns of a segment for a look over all rows.
struct Columns(RecordBatch);

impl Columns {
    fn texts(&self, name: &str) -> Option<&StringArray> {
        self.0.column_by_name(name).and_then(|array| array.as_string_opt::<i32>())
    }

    fn time(&self, row: usize) -> Time {
        let array = self.0.column_by_name("time").and_then(|array| array.as_primitive_opt::<TimestampMicrosecondType>());
        array.map_or_else(Time::default, |array| Time(array.value(row)))
    }

    /// The rows where a text is as wanted. Null is not.
    fn rows(&self, name: &str, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        let Some(array) = self.texts(name) else { return Vec::new() };
        (0..array.len()).filter(|row| !array.is_null(*row) && wanted(array.value(*row))).collect()
    }

    /// The rows with an address in two columns.
    fn addresses(&self, name: &str, address: Address<'_>) -> Vec<usize> {
        let domains = self.texts(&format!("{name}_domain"));
        let mut rows = self.rows(&format!("{name}_local"), |local| local.eq_ignore_ascii_case(address.local));
        rows.retain(|row| domains.is_some_and(|domains| domains.value(*row).eq_ignore_ascii_case(address.domain)));
        rows
    }
}

fn columns(reader: &PartReader<'_>, kind: Kind, names: &[&str]) -> Result<Option<Columns>> {
    let Some(segment) = reader.segments.iter().find(|segment| segment.kind == kind) else { return Ok(None) };
    Ok(Some(Columns(file::read(segment.path(), Wanted { columns: file::Columns::Only(names), rows: None })?)))
}

fn part_hits(reader: &PartReader<'_>, probe: Probe<'_>, hits: &mut Hits) -> Result<()> {
    let names = ["time", "queue_id", "message_id", "sender_local", "sender_domain"];
    let by_message = match probe {
        Probe::QueueId(_) => &names[..2],
        Probe::MessageId(_) => &["time", "message_id"],
        Probe::Sender(_) => &["time", "sender_local", "sender_domain"],
        Probe::Recipient(_) | Probe::Life(_) => &[],
    };
    let rows_of = |columns: &Columns| match probe {
        Probe::QueueId(id) => columns.rows("queue_id", |text| text == id),
        Probe::MessageId(id) => columns.rows("message_id", |text| bare_message_id(text) == bare_message_id(id)),
        Probe::Sender(address) => columns.addresses("sender", address),
        Probe::Recipient(address) => {
            let mut rows = columns.addresses("recipient", address);
            rows.extend(columns.addresses("orig_recipient", address));
            rows
        }
        Probe::Life(_) => Vec::new(),
    };
    if let Probe::Life(life) = probe {
        return life_hits(reader, life, hits);
    }
    if !by_message.is_empty()
        && let Some(columns) = columns(reader, Kind::Messages, by_message)?
    {
        let rows = rows_of(&columns);
        if !rows.is_empty() {
            let ids = reader.message_ids()?;
            rows.into_iter().for_each(|row| hits.add(ids[row].0, columns.time(row)));
        }
    }
    let recipient = ["time", "recipient_local", "recipient_domain", "orig_recipient_local", "orig_recipient_domain"];
    let by_delivery = if matches!(probe, Probe::Recipient(_)) { &recipient[..] } else { by_message };
    if let Some(columns) = columns(reader, Kind::Attempts, by_delivery)? {
        let rows = rows_of(&columns);
        if !rows.is_empty() {
            let lives = reader.attempt_lives()?;
            rows.into_iter().for_each(|row| hits.add(lives[row], columns.time(row)));
        }
    }
    // Outcomes leave out what their attempt has: what is found here had none.
    if matches!(probe, Probe::Recipient(_))
        && let Some(columns) = columns(reader, Kind::Outcomes, by_delivery)?
    {
        let rows = rows_of(&columns);
        if !rows.is_empty() {
            let ids = reader.outcome_ids()?;
            rows.into_iter().for_each(|row| hits.add(ids[row].last, columns.time(row)));
        }
    }
    Ok(())
}

/// The message of an id, and those of which it begins the chain.
fn life_hits(reader: &PartReader<'_>, life: u64, hits: &mut Hits) -> Result<()> {
    let ids = reader.message_ids()?;
    let Some(columns) = columns(reader, Kind::Messages, &["time", "chain"])? else { return Ok(()) };
    let chains = file::numbers(&columns.0, "chain");
    for (row, (id, _)) in ids.iter().enumerate() {
        if *id == life || chains[row] == Some(life) {
            hits.add(*id, columns.time(row));
        }
    }
    Ok(())
}

fn is_rejection_of(probe: Probe<'_>, queue_id: &str, sender: Address<'_>, recipient: Address<'_>) -> bool {
    match probe {
        Probe::QueueId(id) => queue_id == id,
        Probe::Sender(address) => same_address(sender, address),
        Probe::Recipient(address) => same_address(recipient, address),
        Probe::MessageId(_) | Probe::Life(_) => false,
    }
}

fn rejection_rows(reader: &PartReader<'_>, probe: Probe<'_>, from: Time, until: Time) -> Result<Vec<u32>> {
    let names = ["time", "queue_id", "sender_local", "sender_domain", "recipient_local", "recipient_domain"];
    let Some(columns) = columns(reader, Kind::Rejections, &names)? else { return Ok(Vec::new()) };
    let rows = match probe {
        Probe::QueueId(id) => columns.rows("queue_id", |text| text == id),
        Probe::Sender(address) => columns.addresses("sender", address),
        Probe::Recipient(address) => columns.addresses("recipient", address),
        Probe::MessageId(_) | Probe::Life(_) => Vec::new(),
    };
    let in_time = |row: &usize| columns.time(*row) >= from && columns.time(*row) < until;
    Ok(rows.into_iter().filter(in_time).map(|row| row as u32).collect())
}
