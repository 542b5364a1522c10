//! The assembler: its state, its clock, and how a line finds its life.

use std::borrow::Cow;

use mailvane_model::word::Mta;
use mailvane_model::{Position, Sink, Time};
use mailvane_parse::mta::exim;
use mailvane_parse::mta::postfix::Event;
use mailvane_parse::mta::{opensmtpd, sendmail};
use mailvane_parse::{Body, Record};
use mailvane_reply::judge::Judge;
use mailvane_reply::provider::Providers;

use crate::chain::Waiting;
use crate::config::{self, Config};
use crate::life::{Flags, Life, LifeRef, QueueKey};
use crate::lives::Lives;
use crate::ours::{self, Found};
use crate::outcome::{MOST_HOPS, View, note};
use crate::session::Sessions;
use crate::statistics::Statistics;
use crate::streams::Streams;
use crate::text::{self, Mailbox};
use crate::timer::{Alarm, Timers};
use crate::verdict::Verdicts;

/// Where a line stands: its stream, its bytes, its time, its process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here<'a> {
    pub(crate) stream: u32,
    pub(crate) position: Position,
    pub(crate) time: Time,
    pub(crate) pid: Option<u32>,
    /// Which of several events of the same kind on one line.
    pub(crate) repeat: u32,
    /// The whole line where it is text, else empty.
    pub(crate) line: &'a str,
}

impl<'a> Here<'a> {
    /// A part of the line as text.
    #[inline]
    pub(crate) fn text(&self, bytes: &'a [u8]) -> Cow<'a, str> {
        text::part(self.line, bytes)
    }

    /// An address of the line.
    #[inline]
    pub(crate) fn mailbox(&self, bytes: &'a [u8], null_sender: bool) -> Mailbox<'a> {
        Mailbox::of(self.line, bytes, null_sender)
    }

    /// The id of an event of this line that belongs to no message. `ordinal` (below 16) tells kinds apart.
    pub(crate) fn id(&self, ordinal: u32) -> u64 {
        self.position.event(0, ordinal | self.repeat << 4)
    }
}

/// Turns records into rows. Feed each stream in the order of its lines; streams may be mixed in any way.
#[derive(Debug, Default)]
pub struct Assembler {
    pub(crate) config: Config,
    pub(crate) streams: Streams,
    pub(crate) lives: Lives,
    pub(crate) sessions: Sessions,
    pub(crate) verdicts: Verdicts,
    pub(crate) timers: Timers,
    pub(crate) waiting: Waiting,
    pub(crate) counts: Statistics,
    pub(crate) watermark: Time,
    /// The watermark that was stored last.
    pub(crate) stored_watermark: Time,
    /// The hour of log time in which the open messages were last looked through for stale ones.
    pub(crate) swept: i64,
}

impl Assembler {
    /// An assembler that has seen nothing.
    pub fn new(config: Config) -> Self {
        Assembler { config, ..Assembler::default() }
    }

    /// Judges by these rules and names providers by this list from now on (the user's own packs).
    pub fn judge_by(&mut self, judge: Judge, providers: Providers) {
        self.verdicts.replace(judge, providers);
    }

    /// Feeds one record. `origin` is that of the source; host word and instance come from the record.
    pub fn record(&mut self, origin: &str, position: Position, time: Time, record: &Record<'_>, sink: &mut impl Sink) {
        self.counts.records += 1;
        if record.repeated > 0 {
            return self.repeated_line(origin, position, time, record, sink);
        }
        match &record.body {
            Body::Postfix(line) => {
                let stream = self.streams.of(origin, record.host, line.instance, Mta::Postfix);
                let here = Here { stream, position, time, pid: record.pid, repeat: 0, line: record.text };
                self.postfix_line(here, record, line, sink);
            }
            Body::Sendmail(line) => {
                let stream = self.streams.of(origin, record.host, b"", Mta::Sendmail);
                self.sendmail_line(Here { stream, position, time, pid: record.pid, repeat: 0, line: record.text }, record, line, sink);
            }
            Body::OpenSmtpd(line) => {
                let stream = self.streams.of(origin, record.host, b"", Mta::OpenSmtpd);
                self.opensmtpd_line(Here { stream, position, time, pid: None, repeat: 0, line: record.text }, record, line, sink);
            }
            Body::Exim(line) => {
                let stream = self.streams.of(origin, record.host, b"", Mta::Exim);
                let here = Here { stream, position, time, pid: record.pid, repeat: 0, line: record.text };
                self.exim_line(here, record, line, sink);
            }
            Body::Repeated { times } => {
                let stream = self.streams.of(origin, record.host, b"", Mta::Unknown);
                let here = Here { stream, position, time, pid: record.pid, repeat: 0, line: record.text };
                self.repeated(here, *times, sink);
            }
            _ => {}
        }
    }

    /// A line that stands for several of the same text. It is never taken for news of a message; failed logins and refusals count.
    #[cold]
    fn repeated_line(&mut self, origin: &str, position: Position, time: Time, record: &Record<'_>, sink: &mut impl Sink) {
        /// A line that claims more repeats than this is not believed further.
        const MOST_REPEATS: u32 = 10_000;
        let mta = match &record.body {
            Body::Exim(_) => Mta::Exim,
            Body::Sendmail(_) => Mta::Sendmail,
            Body::OpenSmtpd(_) => Mta::OpenSmtpd,
            _ => Mta::Postfix,
        };
        let stream = self.streams.of(origin, record.host, record.instance(), mta);
        let here = Here { stream, position, time, pid: record.pid, repeat: 0, line: record.text };
        if !counts_when_repeated(&record.body) {
            return self.repeated(here, record.repeated, sink);
        }
        for repeat in 0..record.repeated.min(MOST_REPEATS) {
            let here = Here { repeat, ..here };
            match &record.body {
                Body::Postfix(line) => self.postfix_line(here, record, line, sink),
                Body::Exim(line) => self.exim_line(here, record, line, sink),
                Body::Sendmail(line) => self.sendmail_line(here, record, line, sink),
                Body::OpenSmtpd(line) => self.opensmtpd_line(here, record, line, sink),
                _ => {}
            }
        }
    }

    /// The newest line of all sources is of `time`, or every source has been read up to it: waits that ended by then are ended. Call it
    /// before each record: the clock goes by whole seconds of log time, so that it does not matter in what batches the lines came.
    #[inline]
    pub fn reach(&mut self, time: Time, sink: &mut impl Sink) {
        if time > self.watermark {
            self.advance(time.floor(Time::SECOND), sink);
        }
    }

    /// Moves the clock of log time: every source has been read up to `watermark`. Waits that ended by then are ended.
    pub fn advance(&mut self, watermark: Time, sink: &mut impl Sink) {
        if watermark <= self.watermark {
            return;
        }
        self.watermark = watermark;
        while let Some((alarm, due, at)) = self.timers.next(watermark) {
            self.ring(alarm, due, at, sink);
        }
        let hour = watermark.0.div_euclid(Time::HOUR);
        if hour > self.swept {
            self.swept = hour;
            self.sweep(watermark, sink);
            let lives = &self.lives;
            self.waiting.sweep(|at| lives.get(at).is_some());
            self.sessions.sweep(watermark.plus(-config::SESSION_WAIT));
        }
    }

    /// Ends messages without a line for longer than the longest queue lifetime.
    fn sweep(&mut self, watermark: Time, sink: &mut impl Sink) {
        let limit = watermark.plus(-self.config.limits.lifetime);
        // A hop that ends lets go of the one before it, so that a whole chain ends in as many turns.
        for _ in 0..=MOST_HOPS {
            let stale: Vec<LifeRef> =
                self.lives.all().filter(|(_, life)| life.seen < limit && life.held_by == 0).map(|(at, _)| at).collect();
            if stale.is_empty() {
                return;
            }
            for at in stale {
                self.counts.stale += u64::from(self.lives.get(at).is_some());
                self.give_up(at, note::STALE, sink);
            }
        }
    }

    /// End of input: tells the state of everything that is still open (`queued`, `held`, `unknown`). The state itself does not
    /// change, so that reading can go on later.
    pub fn finish(&self, sink: &mut impl Sink) {
        let view = self.view();
        for (_, life) in self.lives.all() {
            if self.is_telling(life) {
                let row = view.message(life);
                sink.message(&row, view.told_message(life, &row).as_ref());
            }
            if life.flags.has(Flags::PROBE) {
                continue;
            }
            for place in 0..life.recipients.len() {
                self.finish_recipient(life, place, sink);
            }
            self.finish_unnamed(life, sink);
        }
    }

    /// The lines of an open message, as far as they were seen; none when it is not open.
    pub fn lines(&self, stream: &mailvane_model::Stream, queue_id: &str, message: u64) -> &[Position] {
        let life = self.streams.number(stream).and_then(|number| self.lives.by_key(&QueueKey::of(number, queue_id.as_bytes())));
        life.and_then(|at| self.lives.get(at)).filter(|life| life.id == message).map_or(&[], |life| &life.lines)
    }

    /// The streams met so far.
    pub fn streams(&self) -> impl Iterator<Item = &mailvane_model::Stream> {
        self.streams.all().map(|state| &state.stream)
    }

    /// What was taken for ours, and why.
    pub fn ours(&self) -> Found {
        ours::found(&self.config, self.streams.all().map(|state| &state.learned))
    }

    /// Counts of what is open, and of limits that were hit.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            lives: self.lives.len() as u64,
            recipients: self.lives.all().map(|(_, life)| life.recipients.len() as u64).sum(),
            sessions: self.sessions.len() as u64,
            timers: (self.timers.len() + self.waiting.len()) as u64,
            streams: u64::from(self.streams.len()),
            ..self.counts
        }
    }

    /// What rows are made from.
    pub(crate) fn view(&self) -> View<'_> {
        View { config: &self.config, streams: &self.streams, lives: &self.lives }
    }

    /// The life of a queue id, if one is open; the line is noted as one of its lines.
    #[inline]
    pub(crate) fn known(&mut self, here: Here, queue_id: &[u8], sink: &mut impl Sink) -> Option<LifeRef> {
        let at = self.lives.by_key(&QueueKey::of(here.stream, queue_id))?;
        let limits = self.config.limits;
        let life = self.lives.get_mut(at)?;
        if here.time.0 - life.seen.0 > limits.lifetime {
            self.counts.stale += 1;
            self.give_up(at, note::STALE, sink);
            return None;
        }
        if life.lines.len() < limits.lines {
            life.lines.push(here.position);
        } else {
            self.counts.lines_over_limit += 1;
        }
        life.seen = life.seen.max(here.time);
        self.lives.touch(at);
        Some(at)
    }

    /// The life of a queue id; where none is open the log began in its middle, and it is made with unknown parts.
    pub(crate) fn known_or_new(&mut self, here: Here, queue_id: &[u8], sink: &mut impl Sink) -> LifeRef {
        match self.known(here, queue_id, sink) {
            Some(at) => at,
            None => {
                let at = self.create(here, queue_id, 0, sink);
                // Where the first lines of a later hop are lost, the reply that named it still tells where it came from.
                self.appeared(at, sink);
                at
            }
        }
    }

    /// Makes a life. `ordinal` tells apart several that begin on one line.
    pub(crate) fn create(&mut self, here: Here, queue_id: &[u8], ordinal: u32, sink: &mut impl Sink) -> LifeRef {
        if self.lives.len() >= self.config.limits.lives {
            self.close_oldest(sink);
        }
        let key = QueueKey::of(here.stream, queue_id);
        let at = self.lives.insert(key, here.position.life(ordinal));
        if let Some(life) = self.lives.get_mut(at) {
            life.stream = here.stream;
            life.queue_id = life.texts.add(&text::part(here.line, queue_id));
            life.opened = here.time;
            life.seen = here.time;
            life.lines.push(here.position);
        }
        self.lives.touch(at);
        self.timers.set(Alarm::Announce, here.time, at);
        at
    }

    /// Waits for lines of a message that may come a little late.
    pub(crate) fn await_late(&mut self, at: LifeRef, from: Time) {
        let due = self.timers.set(Alarm::Late, from, at);
        if let Some(life) = self.lives.get_mut(at) {
            life.late = Some(due);
            self.lives.touch(at);
        }
    }

    /// A message may have come from a former hop: it is waited for.
    pub(crate) fn await_former(&mut self, at: LifeRef, from: Time) {
        let due = self.timers.set(Alarm::Link, from, at);
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(Flags::UNCERTAIN | Flags::LINKABLE);
            life.link = Some(due);
            self.lives.touch(at);
        }
    }

    /// Makes room when too many messages are open: the oldest tenth of a percent goes at once, so that looking for it is rare.
    fn close_oldest(&mut self, sink: &mut impl Sink) {
        let mut ages: Vec<(Time, LifeRef)> = self.lives.all().map(|(at, life)| (life.opened, at)).collect();
        let count = (ages.len() / 1000).max(1).min(ages.len());
        if count < ages.len() {
            ages.select_nth_unstable_by_key(count - 1, |(opened, at)| (*opened, at.slot));
        }
        ages.truncate(count);
        ages.sort_unstable_by_key(|(opened, at)| (*opened, at.slot));
        for (_, at) in ages {
            self.counts.lives_over_limit += 1;
            self.give_up(at, note::LIMIT, sink);
        }
    }

    /// Whether there is something to tell of a message that was not told.
    pub(crate) fn is_telling(&self, life: &Life) -> bool {
        let is_news = life.told.rev == 0 || life.flags.has(Flags::RETELL) || self.view().message_direction(life) != life.told.direction;
        is_news && crate::ending::is_message(life)
    }
}

/// Whether each of several equal lines counts: failed logins and refusals, which are about no message that was accepted.
fn counts_when_repeated(body: &Body<'_>) -> bool {
    match body {
        Body::Postfix(line) => line.queue_id.is_none() && matches!(line.event, Event::AuthFailed { .. } | Event::Decision(_)),
        Body::Exim(line) => line.message_id.is_none() && matches!(line.event, exim::Event::AuthFailed { .. } | exim::Event::Rejection(_)),
        Body::Sendmail(line) => {
            matches!(line.event, sendmail::Event::AuthFailed { .. } | sendmail::Event::AddressRefused { .. })
                || line.queue_id.is_none() && matches!(line.event, sendmail::Event::Decision(_))
        }
        Body::OpenSmtpd(line) => matches!(line.event, opensmtpd::Event::FailedCommand { .. } | opensmtpd::Event::Authentication { .. }),
        _ => false,
    }
}
