//! State that survives a restart: the pieces that changed, and an assembler made from stored pieces.

use ahash::AHashMap;

use mailvane_model::Time;
use mailvane_model::word::Mta;

use crate::assembler::Assembler;
use crate::config::Config;
use crate::encoding::Damaged;
use crate::ending::is_abandoned;
use crate::life::{Flags, Life, LifeRef, QueueKey, State};
use crate::ours::{Evidence, Learned};
use crate::piece::{self, STRETCH, Ties, kind};
use crate::timer::Alarm;

/// State could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A piece does not hold what its key says, or was written by another version.
    #[error("stored assembly state is damaged or of another version: piece {key}; start with an empty data folder or restore a backup")]
    Damaged {
        /// The key of the piece, in hexadecimal.
        key: String,
    },
}

/// A piece of state: its key, and its bytes, or nothing when it is gone.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

impl Assembler {
    /// The pieces of state that changed since the last call: bytes to keep under a key, or `None` where the key is gone.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let (changed, gone) = self.lives.take_dirty();
        let mut changes = Vec::with_capacity(changed.len() + gone.len());
        for (id, stretches) in gone {
            changes.push((piece::life_key(id), None));
            changes.extend((1..stretches).map(|stretch| (piece::stretch_key(id, stretch), None)));
        }
        for at in changed {
            self.write_life(at, &mut changes);
        }
        self.write_processes(&mut changes);
        self.write_streams(&mut changes);
        if self.watermark != self.stored_watermark {
            self.stored_watermark = self.watermark;
            changes.push((vec![kind::WATERMARK], Some(piece::write_watermark(self.watermark))));
        }
        changes
    }

    fn write_life(&mut self, at: LifeRef, changes: &mut Vec<Change>) {
        let Some(life) = self.lives.get(at) else { return };
        let stream = self.streams.get(life.stream).key;
        changes.push((piece::life_key(life.id), Some(piece::write_life(&self.lives, at, life, stream))));
        let (from, to) = life.marked;
        if from < to {
            let last = (to as usize - 1) / STRETCH;
            for stretch in (from as usize / STRETCH).max(1)..=last {
                changes.push((piece::stretch_key(life.id, stretch as u32), Some(piece::write_stretch(&self.lives, life, stretch))));
            }
        }
        if let Some(life) = self.lives.get_mut(at) {
            life.marked = (u32::MAX, 0);
        }
    }

    fn write_processes(&mut self, changes: &mut Vec<Change>) {
        let streams = &self.streams;
        let key = |kind: u8, process: (u32, u32)| piece::stream_key(kind, streams.get(process.0).key, &process.1.to_be_bytes());
        for process in std::mem::take(&mut self.sessions.gone) {
            changes.push((key(kind::SESSION, process), None));
        }
        for process in std::mem::take(&mut self.sessions.gone_tls) {
            changes.push((key(kind::TLS, process), None));
        }
        // What went and came again is written below, after it was deleted here: the order of changes matters.
        let lives = &self.lives;
        let mut written: Vec<Change> = Vec::new();
        self.sessions
            .each_dirty(|process, session| written.push((key(kind::SESSION, process), Some(piece::write_session(lives, session)))));
        self.sessions.each_dirty_tls(|process, tls| written.push((key(kind::TLS, process), Some(piece::write_tls(tls)))));
        // The maps have no order; what is handed out has one.
        written.sort_unstable();
        changes.extend(written);
    }

    fn write_streams(&mut self, changes: &mut Vec<Change>) {
        for state in self.streams.all_mut() {
            if std::mem::take(&mut state.dirty) {
                let bytes = piece::write_stream(&state.stream, state.manager, state.learned.filters);
                changes.push((piece::stream_key(kind::STREAM, state.key, &[]), Some(bytes)));
            }
            let mut news = std::mem::take(&mut state.learned.news);
            news.sort_unstable();
            news.dedup();
            for (sort, name) in news {
                let bytes = match sort {
                    Learned::DOMAIN => {
                        state.learned.domains.get(&name).map(|(evidence, count)| piece::write_learned(*evidence, *count, None))
                    }
                    Learned::CLIENT => state
                        .learned
                        .clients
                        .get(&name)
                        .map(|reach| piece::write_learned(Evidence::RelayedOutside, reach.count, Some(reach))),
                    Learned::SMARTHOST => {
                        state.learned.smarthosts.get(&name).map(|count| piece::write_learned(Evidence::TookEverything, *count, None))
                    }
                    _ => state.learned.addresses.get(&name).map(|count| piece::write_learned(Evidence::CameBack, *count, None)),
                };
                let mut rest = vec![sort];
                rest.extend_from_slice(name.as_bytes());
                changes.push((piece::stream_key(kind::LEARNED, state.key, &rest), bytes));
            }
        }
    }

    /// An assembler in the state that the stored pieces hold, in whatever order they come.
    pub fn restore(config: Config, pieces: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Result<Self, Error> {
        let mut sorted = Sorted::default();
        for (key, value) in pieces {
            sorted.add(key, value);
        }
        let mut assembler = Assembler::new(config);
        let mut restoring = Restoring::default();
        if let Some((key, value)) = &sorted.watermark {
            assembler.watermark = piece::read_watermark(value).map_err(|_| damaged(key))?;
            assembler.stored_watermark = assembler.watermark;
            assembler.swept = assembler.watermark.0.div_euclid(Time::HOUR);
        }
        for (key, value) in &sorted.streams {
            restoring.stream(&mut assembler, value).map_err(|_| damaged(key))?;
        }
        for (key, value) in &sorted.learned {
            restoring.learned(&mut assembler, key, value).map_err(|_| damaged(key))?;
        }
        assembler.lives.reserve(sorted.lives.len());
        restoring.by_id.reserve(sorted.lives.len());
        sorted.stretches.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        for (key, value) in &sorted.lives {
            restoring.life(&mut assembler, value, &sorted.stretches).map_err(|_| damaged(key))?;
        }
        restoring.tie(&mut assembler);
        for (key, value) in &sorted.processes {
            restoring.process(&mut assembler, key, value).map_err(|_| damaged(key))?;
        }
        assembler.wind();
        Ok(assembler)
    }

    /// Sets the timers of restored lives that have not rung yet, and notes who waits for whom.
    fn wind(&mut self) {
        let mut timers: Vec<(Time, Alarm, LifeRef)> = Vec::new();
        let mut waiting: Vec<(LifeRef, usize, String)> = Vec::new();
        for (at, life) in self.lives.all() {
            timers.push((life.opened, Alarm::Announce, at));
            timers.extend(life.late.map(|due| (due.plus(-Alarm::Late.wait()), Alarm::Late, at)));
            timers.extend(life.link.map(|due| (due.plus(-Alarm::Link.wait()), Alarm::Link, at)));
            if matches!(self.streams.get(life.stream).stream.mta, Mta::Sendmail | Mta::OpenSmtpd) && crate::ending::may_be_over(life) {
                timers.push((life.seen, Alarm::Quiet, at));
            }
            if is_abandoned(life) {
                timers.push((life.opened, Alarm::Abandon, at));
            }
            for (place, recipient) in life.recipients.iter().enumerate() {
                if recipient.state == State::Hop && recipient.next.is_none() {
                    let filter = recipient.last.as_ref().is_some_and(|last| last.filter);
                    timers.push((recipient.ended, if filter { Alarm::Filter } else { Alarm::Hop }, at));
                    if let Some(last) = recipient.last.as_ref().filter(|last| !last.next_queue_id().is_empty()) {
                        waiting.push((at, place, last.next_queue_id().to_owned()));
                    }
                }
            }
        }
        timers.retain(|(from, alarm, _)| from.plus(alarm.wait()) > self.watermark);
        timers.sort_unstable_by_key(|(from, alarm, at)| (from.plus(alarm.wait()), at.slot));
        for (from, alarm, at) in timers {
            self.timers.set(alarm, from, at);
        }
        for (at, place, queue_id) in waiting {
            self.waiting.add(&queue_id, at, place);
        }
        let mut lives: Vec<(Time, u64, LifeRef)> = self.lives.all().map(|(at, life)| (life.opened, life.id, at)).collect();
        lives.sort_unstable_by_key(|(opened, id, _)| (*opened, *id));
        for (_, _, at) in lives {
            self.remember(at);
        }
    }
}

fn damaged(key: &[u8]) -> Error {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in key {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Error::Damaged { key: text }
}

type Pair = (Vec<u8>, Vec<u8>);

/// Stored pieces by kind. A kind that this version does not know is left alone.
#[derive(Default)]
struct Sorted {
    watermark: Option<Pair>,
    streams: Vec<Pair>,
    learned: Vec<Pair>,
    lives: Vec<Pair>,
    stretches: Vec<Pair>,
    processes: Vec<Pair>,
}

impl Sorted {
    fn add(&mut self, key: Vec<u8>, value: Vec<u8>) {
        match key.first() {
            Some(&kind::WATERMARK) => self.watermark = Some((key, value)),
            Some(&kind::STREAM) => self.streams.push((key, value)),
            Some(&kind::LEARNED) => self.learned.push((key, value)),
            Some(&kind::LIFE) => self.lives.push((key, value)),
            Some(&kind::RECIPIENTS) => self.stretches.push((key, value)),
            Some(&(kind::SESSION | kind::TLS)) => self.processes.push((key, value)),
            _ => {}
        }
    }
}

/// What has to be known while pieces are put together.
#[derive(Default)]
struct Restoring {
    stream_of: AHashMap<u64, u32>,
    by_id: AHashMap<u64, LifeRef>,
    ties: Vec<(LifeRef, Ties)>,
}

impl Restoring {
    fn stream(&mut self, assembler: &mut Assembler, value: &[u8]) -> Result<(), Damaged> {
        let (stream, manager, filters) = piece::read_stream(value)?;
        let number = assembler.streams.add(stream);
        let state = assembler.streams.get_mut(number);
        state.manager = manager;
        state.learned.filters = filters;
        state.dirty = false;
        self.stream_of.insert(state.key, number);
        Ok(())
    }

    fn stream_of(&self, key: &[u8]) -> Result<(u32, usize), Damaged> {
        let (key, _) = key.get(1..).and_then(|rest| rest.split_first_chunk::<8>()).ok_or(Damaged)?;
        let number = self.stream_of.get(&u64::from_be_bytes(*key)).ok_or(Damaged)?;
        Ok((*number, 9))
    }

    fn learned(&mut self, assembler: &mut Assembler, key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        let (number, rest) = self.stream_of(key)?;
        let (sort, name) = key[rest..].split_first().ok_or(Damaged)?;
        let name: Box<str> = std::str::from_utf8(name).map_err(|_| Damaged)?.into();
        let (evidence, reach) = piece::read_learned(value)?;
        let learned = &mut assembler.streams.get_mut(number).learned;
        match *sort {
            Learned::DOMAIN => drop(learned.domains.insert(name, (evidence, reach.count))),
            Learned::CLIENT => drop(learned.clients.insert(name, reach)),
            Learned::SMARTHOST => drop(learned.smarthosts.insert(name, reach.count)),
            _ => drop(learned.addresses.insert(name, reach.count)),
        }
        Ok(())
    }

    fn life(&mut self, assembler: &mut Assembler, value: &[u8], stretches: &[Pair]) -> Result<(), Damaged> {
        let lives = &mut assembler.lives;
        let mut slot = None;
        let stream_of = &self.stream_of;
        let insert = |stream: u64, queue_id: &str, id: u64, keyed: bool| {
            let number = *stream_of.get(&stream)?;
            let key = QueueKey::of(number, queue_id.as_bytes());
            slot = Some(if keyed { lives.insert(key, id) } else { lives.insert_without_key(key, id) });
            Some((number, key))
        };
        let (mut life, mut ties, count) = piece::read_life(value, insert)?;
        let at = slot.ok_or(Damaged)?;
        if life.recipients.len() < count {
            read_stretches(&mut life, &mut ties, stretches)?;
        }
        if life.recipients.len() != count {
            return Err(Damaged);
        }
        life.marked = (u32::MAX, 0);
        life.flags.set(Flags::STORED);
        life.generation = at.generation;
        let id = life.id;
        if let Some(place) = lives.get_mut(at) {
            *place = life;
        }
        self.by_id.insert(id, at);
        if ties.previous != 0 || ties.child != 0 || !ties.next.is_empty() {
            self.ties.push((at, ties));
        }
        Ok(())
    }

    /// Ids become references.
    fn tie(&mut self, assembler: &mut Assembler) {
        for (at, ties) in std::mem::take(&mut self.ties) {
            let Some(life) = assembler.lives.get_mut(at) else { continue };
            life.previous = self.by_id.get(&ties.previous).copied();
            life.child = self.by_id.get(&ties.child).copied();
            for (place, id) in ties.next {
                // Slot and generation of nobody: the next life has ended and spoke for the recipient.
                let ended = LifeRef { slot: u32::MAX, generation: 0 };
                life.recipients[place as usize].next = Some(self.by_id.get(&id).copied().unwrap_or(ended));
            }
        }
    }

    fn process(&mut self, assembler: &mut Assembler, key: &[u8], value: &[u8]) -> Result<(), Damaged> {
        let (number, rest) = self.stream_of(key)?;
        let pid = key.get(rest..).and_then(|pid| <[u8; 4]>::try_from(pid).ok()).ok_or(Damaged)?;
        let process = (number, u32::from_be_bytes(pid));
        if key[0] == kind::SESSION {
            let (mut session, life) = piece::read_session(value)?;
            session.life = self.by_id.get(&life).copied();
            assembler.sessions.put(process, session);
        } else {
            assembler.sessions.put_tls(process, piece::read_tls(value)?);
        }
        Ok(())
    }
}

/// The recipients of a life past the first stretch.
fn read_stretches(life: &mut Life, ties: &mut Ties, stretches: &[Pair]) -> Result<(), Damaged> {
    let prefix = piece::stretch_key(life.id, 0);
    let prefix = &prefix[..9];
    let first = stretches.partition_point(|(key, _)| key.as_slice() < prefix);
    for (_, value) in stretches[first..].iter().take_while(|(key, _)| key.starts_with(prefix)) {
        piece::read_stretch(value, life, ties)?;
    }
    Ok(())
}
