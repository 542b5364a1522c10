//! Pieces of state as bytes: a life, a stretch of its recipients, a session, a stream, a learned name. Each begins with its version.

use mailvane_model::word::{Direction, Fault, HandedTo, Mta, Outcome, Reason, Scope, Stage};
use mailvane_model::{FileId, Position, Stream, Time};

use crate::encoding::{Damaged, Reader, Writer};
use crate::life::{Flags, Last, LastView, Life, LifeRef, Place, QueueKey, Recipient, State};
use crate::lives::Lives;
use crate::ours::{Evidence, Reach};
use crate::session::{Session, Tls};
use crate::timer::Alarm;
use crate::told::Told;
use crate::tried::Failed;

/// The version of every piece. Version 1 had no delay beside the last attempt of a recipient, version 2 no waits of a life, version 3 no host that failed,
/// version 4 of what was told of a message only the direction; all are still read.
pub(crate) const VERSION: u8 = 5;
/// The oldest version that is read.
const OLDEST: u8 = 1;
/// The first with the delay of a last attempt.
const WITH_DELAY: u8 = 2;
/// The first with the waits of a life, and its times as they follow its opening.
const WITH_WAITS: u8 = 3;
/// The first with the host that failed before a result.
const WITH_FAILED: u8 = 4;
/// The first with all that is counted of the row of a message that was told.
const WITH_TOLD: u8 = 5;

/// Recipients in one piece.
pub(crate) const STRETCH: usize = 64;

/// Kinds of pieces: the first byte of a key.
pub(crate) mod kind {
    pub(crate) const LIFE: u8 = b'L';
    pub(crate) const RECIPIENTS: u8 = b'R';
    pub(crate) const SESSION: u8 = b'S';
    pub(crate) const TLS: u8 = b'C';
    pub(crate) const STREAM: u8 = b'T';
    pub(crate) const LEARNED: u8 = b'D';
    pub(crate) const WATERMARK: u8 = b'W';
}

/// The key of a life.
pub(crate) fn life_key(id: u64) -> Vec<u8> {
    let mut key = vec![kind::LIFE];
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// The key of a stretch of recipients past the first.
pub(crate) fn stretch_key(id: u64, stretch: u32) -> Vec<u8> {
    let mut key = vec![kind::RECIPIENTS];
    key.extend_from_slice(&id.to_be_bytes());
    key.extend_from_slice(&stretch.to_be_bytes());
    key
}

/// The key of something that belongs to a stream.
pub(crate) fn stream_key(kind: u8, stream: u64, rest: &[u8]) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&stream.to_be_bytes());
    key.extend_from_slice(rest);
    key
}

/// The other lives that a life names by their ids.
#[derive(Debug, Default)]
pub(crate) struct Ties {
    pub(crate) previous: u64,
    pub(crate) child: u64,
    /// Place of a recipient, and the life that its delivery brought.
    pub(crate) next: Vec<(u32, u64)>,
}

fn id_of(lives: &Lives, at: Option<LifeRef>) -> u64 {
    at.and_then(|at| lives.get(at)).map_or(0, |life| life.id)
}

/// A life, without the recipients past the first stretch.
pub(crate) fn write_life(lives: &Lives, at: LifeRef, life: &Life, stream: u64) -> Vec<u8> {
    let mut writer = Writer(Vec::with_capacity(256));
    writer.byte(VERSION);
    writer.word(life.id);
    writer.word(stream);
    writer.byte(u8::from(lives.by_key(&life.key) == Some(at)));
    writer.number(u64::from(life.flags.0 & !(Flags::DIRTY | Flags::STORED)));
    for span in [
        life.queue_id,
        life.message_id,
        life.sender_local,
        life.sender_domain,
        life.client_name,
        life.client_ip,
        life.sasl_user,
        life.service,
    ] {
        writer.text(life.texts.get(span));
    }
    writer.signed(life.opened.0);
    writer.signed(life.seen.0 - life.opened.0);
    for time in [life.removed, life.late, life.link] {
        writer.optional(time.map(|time| time.0.wrapping_sub(life.opened.0) as u64));
    }
    writer.optional(life.size);
    writer.optional(life.expected.map(u64::from));
    write_lines(&mut writer, &life.lines);
    for word in [life.previous_id, id_of(lives, life.previous), life.child_id, id_of(lives, life.child), life.bounce_of] {
        writer.word(word);
    }
    writer.number(u64::from(life.held_by));
    writer.number(u64::from(life.told.rev));
    writer.byte(life.directions);
    writer.byte(life.told.direction.code());
    life.told.write(life, &mut writer);
    Failed::write(life.failed.as_deref(), &mut writer);
    writer.number(life.recipients.len() as u64);
    for recipient in life.recipients.iter().take(STRETCH) {
        write_recipient(&mut writer, lives, life, recipient);
    }
    writer.0
}

/// A stretch of recipients past the first.
pub(crate) fn write_stretch(lives: &Lives, life: &Life, stretch: usize) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    for recipient in life.recipients.iter().skip(stretch * STRETCH).take(STRETCH) {
        write_recipient(&mut writer, lives, life, recipient);
    }
    writer.0
}

/// Reads a life back. `insert` makes its slot from its stream, queue id and id.
pub(crate) fn read_life(
    bytes: &[u8],
    insert: impl FnOnce(u64, &str, u64, bool) -> Option<(u32, QueueKey)>,
) -> Result<(Life, Ties, usize), Damaged> {
    let mut reader = Reader(bytes);
    let version = version(&mut reader)?;
    let mut life = Life::default();
    life.id = reader.word()?;
    let stream = reader.word()?;
    let keyed = reader.byte()? == 1;
    life.flags = Flags(reader.small()?);
    let queue_id = reader.text()?;
    (life.stream, life.key) = insert(stream, queue_id, life.id, keyed).ok_or(Damaged)?;
    life.queue_id = life.texts.add(queue_id);
    life.message_id = life.texts.add(reader.text()?);
    life.sender_local = life.texts.add(reader.text()?);
    life.sender_domain = life.texts.add(reader.text()?);
    life.client_name = life.texts.add(reader.text()?);
    life.client_ip = life.texts.add(reader.text()?);
    life.sasl_user = life.texts.add(reader.text()?);
    life.service = life.texts.add(reader.text()?);
    life.opened = Time(reader.signed()?);
    life.seen = life.opened.plus(reader.signed()?);
    if version >= WITH_WAITS {
        let mut time = || Ok(reader.optional()?.map(|after| Time(life.opened.0.wrapping_add(after as i64))));
        (life.removed, life.late, life.link) = (time()?, time()?, time()?);
    } else {
        // What is missing follows from what the life was waiting for.
        life.removed = reader.optional()?.map(|time| Time(time as i64));
        life.late = life.flags.has(Flags::CLOSED).then(|| life.removed.unwrap_or(life.seen).plus(Alarm::Late.wait()));
        life.link = life.flags.has(Flags::LINKABLE).then(|| life.opened.plus(Alarm::Link.wait()));
    }
    life.size = reader.optional()?;
    life.expected = reader.optional()?.map(|count| count as u32);
    read_lines(&mut reader, &mut life.lines)?;
    let mut ties = Ties::default();
    life.previous_id = reader.word()?;
    ties.previous = reader.word()?;
    life.child_id = reader.word()?;
    ties.child = reader.word()?;
    life.bounce_of = reader.word()?;
    life.held_by = reader.small()?;
    let rev = reader.small()?;
    life.directions = reader.byte()?;
    let direction = Direction::from_code(reader.byte()?).ok_or(Damaged)?;
    life.told = Told::read(&mut reader, version >= WITH_TOLD, &mut life, rev, direction)?;
    if version >= WITH_FAILED {
        life.failed = Failed::read(&mut reader)?;
    }
    let count = usize::try_from(reader.number()?).map_err(|_| Damaged)?;
    while !reader.is_empty() {
        read_recipient(&mut reader, version, &mut life, &mut ties)?;
    }
    Ok((life, ties, count))
}

/// Reads a stretch of recipients back into its life.
pub(crate) fn read_stretch(bytes: &[u8], life: &mut Life, ties: &mut Ties) -> Result<(), Damaged> {
    let mut reader = Reader(bytes);
    let version = version(&mut reader)?;
    while !reader.is_empty() {
        read_recipient(&mut reader, version, life, ties)?;
    }
    Ok(())
}

fn version(reader: &mut Reader<'_>) -> Result<u8, Damaged> {
    let version = reader.byte()?;
    if (OLDEST..=VERSION).contains(&version) { Ok(version) } else { Err(Damaged) }
}

/// Lines of one file in order are a few bytes each.
fn write_lines(writer: &mut Writer, lines: &[Position]) {
    writer.number(lines.len() as u64);
    let mut former = Position::default();
    for line in lines {
        if line.file == former.file {
            writer.byte(0);
        } else {
            writer.byte(1);
            writer.word(line.file.0);
            former.offset = 0;
        }
        writer.signed(line.offset.wrapping_sub(former.offset) as i64);
        former = *line;
    }
}

fn read_lines(reader: &mut Reader<'_>, lines: &mut Vec<Position>) -> Result<(), Damaged> {
    let mut former = Position::default();
    for _ in 0..reader.number()? {
        if reader.byte()? == 1 {
            former = Position { file: FileId(reader.word()?), offset: 0 };
        }
        former.offset = former.offset.wrapping_add(reader.signed()? as u64);
        lines.push(former);
    }
    Ok(())
}

fn write_recipient(writer: &mut Writer, lives: &Lives, life: &Life, recipient: &Recipient) {
    for span in [recipient.local, recipient.domain, recipient.original_local, recipient.original_domain] {
        writer.text(life.texts.get(span));
    }
    writer.byte(recipient.state as u8);
    writer.byte(recipient.place as u8);
    writer.byte(recipient.outcome.code());
    writer.byte(recipient.handed_to.code());
    writer.byte(recipient.note);
    writer.byte(u8::from(recipient.chained));
    writer.byte(u8::from(recipient.forgotten));
    writer.byte(recipient.told_direction.code());
    for count in [recipient.attempts, recipient.deferrals, recipient.greylisted, recipient.told] {
        writer.number(u64::from(count));
    }
    writer.optional(recipient.first.map(|time| time.0 as u64));
    writer.optional(recipient.latest.map(|time| time.0 as u64));
    writer.signed(recipient.ended.0);
    match id_of(lives, recipient.next) {
        // A hop whose next life has ended is not waited for any more: the id of nobody says so.
        0 if recipient.next.is_some() => writer.word(u64::MAX),
        id => writer.word(id),
    }
    let Some(last) = &recipient.last else {
        writer.byte(0);
        return;
    };
    writer.byte(1);
    writer.number(u64::from(last.reply_code));
    let last = last.view();
    for text in [last.enhanced, last.text, last.relay_host, last.relay_ip, last.provider, last.next_queue_id] {
        writer.text(text);
    }
    writer.byte(last.reason.map_or(u8::MAX, Reason::code));
    for code in [last.scope.code(), last.fault.code(), u8::from(last.permanent), u8::from(last.filter)] {
        writer.byte(code);
    }
    writer.optional(last.delay_ms.map(u64::from));
}

fn read_recipient(reader: &mut Reader<'_>, version: u8, life: &mut Life, ties: &mut Ties) -> Result<(), Damaged> {
    let mut recipient = Recipient {
        local: life.texts.add(reader.text()?),
        domain: life.texts.add(reader.text()?),
        original_local: life.texts.add(reader.text()?),
        original_domain: life.texts.add(reader.text()?),
        ..Recipient::default()
    };
    recipient.state = State::from_code(reader.byte()?).ok_or(Damaged)?;
    recipient.place = Place::from_code(reader.byte()?).ok_or(Damaged)?;
    recipient.outcome = Outcome::from_code(reader.byte()?).ok_or(Damaged)?;
    recipient.handed_to = HandedTo::from_code(reader.byte()?).ok_or(Damaged)?;
    recipient.note = reader.byte()?;
    recipient.chained = reader.byte()? == 1;
    recipient.forgotten = reader.byte()? == 1;
    recipient.told_direction = Direction::from_code(reader.byte()?).ok_or(Damaged)?;
    recipient.attempts = reader.small()?;
    recipient.deferrals = reader.small()?;
    recipient.greylisted = reader.small()?;
    recipient.told = reader.small()?;
    recipient.first = reader.optional()?.map(|time| Time(time as i64));
    recipient.latest = reader.optional()?.map(|time| Time(time as i64));
    recipient.ended = Time(reader.signed()?);
    match reader.word()? {
        0 => {}
        id => ties.next.push((life.recipients.len() as u32, id)),
    }
    if reader.byte()? == 1 {
        recipient.last = Some(read_last(reader, version)?);
    }
    life.push(recipient);
    Ok(())
}

fn read_last(reader: &mut Reader<'_>, version: u8) -> Result<Box<Last>, Damaged> {
    let mut last = LastView {
        reply_code: reader.small()? as u16,
        enhanced: reader.text()?,
        text: reader.text()?,
        relay_host: reader.text()?,
        relay_ip: reader.text()?,
        provider: reader.text()?,
        next_queue_id: reader.text()?,
        ..LastView::default()
    };
    last.reason = match reader.byte()? {
        u8::MAX => None,
        code => Some(Reason::from_code(code).ok_or(Damaged)?),
    };
    last.scope = Scope::from_code(reader.byte()?).ok_or(Damaged)?;
    last.fault = Fault::from_code(reader.byte()?).ok_or(Damaged)?;
    last.permanent = reader.byte()? == 1;
    last.filter = reader.byte()? == 1;
    if version >= WITH_DELAY {
        last.delay_ms = reader.optional()?.and_then(|delay| u32::try_from(delay).ok());
    }
    Ok(last.keep())
}

/// An inbound connection.
pub(crate) fn write_session(lives: &Lives, session: &Session) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    for text in [&session.client_name, &session.client_ip, &session.tls] {
        writer.text(text);
    }
    writer.signed(session.since.0);
    writer.byte(session.lost_after.code());
    writer.number(u64::from(session.messages));
    writer.byte(u8::from(session.authenticated));
    writer.word(id_of(lives, session.life));
    if !session.user.is_empty() {
        writer.text(&session.user);
    }
    writer.0
}

/// Reads an inbound connection back, and the id of the message that it opened last.
pub(crate) fn read_session(bytes: &[u8]) -> Result<(Session, u64), Damaged> {
    let mut reader = Reader(bytes);
    version(&mut reader)?;
    let mut session = Session {
        client_name: reader.text()?.to_owned(),
        client_ip: reader.text()?.to_owned(),
        tls: reader.text()?.to_owned(),
        since: Time(reader.signed()?),
        lost_after: Stage::from_code(reader.byte()?).ok_or(Damaged)?,
        messages: reader.small()?,
        authenticated: reader.byte()? == 1,
        stored: true,
        ..Session::default()
    };
    let life = reader.word()?;
    if !reader.is_empty() {
        reader.text()?.clone_into(&mut session.user);
    }
    Ok((session, life))
}

/// TLS of an outgoing connection.
pub(crate) fn write_tls(tls: &Tls) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    writer.bytes(&tls.ip);
    for text in [&tls.version, &tls.cipher, &tls.verification] {
        writer.text(text);
    }
    writer.signed(tls.since.0);
    writer.optional(tls.used_by);
    if tls.port > 0 {
        writer.number(u64::from(tls.port));
    }
    writer.0
}

/// Reads TLS of an outgoing connection back.
pub(crate) fn read_tls(bytes: &[u8]) -> Result<Tls, Damaged> {
    let mut reader = Reader(bytes);
    version(&mut reader)?;
    let mut tls = Tls {
        ip: reader.bytes()?.into(),
        version: reader.text()?.into(),
        cipher: reader.text()?.into(),
        verification: reader.text()?.into(),
        since: Time(reader.signed()?),
        used_by: reader.optional()?,
        port: 0,
        dirty: false,
        stored: true,
    };
    if !reader.is_empty() {
        tls.port = reader.small()? as u16;
    }
    Ok(tls)
}

/// The clock of log time.
pub(crate) fn write_watermark(watermark: Time) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    writer.signed(watermark.0);
    writer.0
}

/// Reads the clock of log time back.
pub(crate) fn read_watermark(bytes: &[u8]) -> Result<Time, Damaged> {
    let mut reader = Reader(bytes);
    version(&mut reader)?;
    Ok(Time(reader.signed()?))
}

/// A stream: its name and its queue manager.
pub(crate) fn write_stream(stream: &Stream, manager: Option<u32>, filters: bool) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    for text in [&stream.origin, &stream.host, &stream.instance] {
        writer.text(text);
    }
    writer.byte(stream.mta.code());
    writer.optional(manager.map(u64::from));
    writer.byte(u8::from(filters));
    writer.0
}

/// Reads a stream back.
pub(crate) fn read_stream(bytes: &[u8]) -> Result<(Stream, Option<u32>, bool), Damaged> {
    let mut reader = Reader(bytes);
    version(&mut reader)?;
    let (origin, host, instance) = (reader.text()?.to_owned(), reader.text()?.to_owned(), reader.text()?.to_owned());
    let mta = Mta::from_code(reader.byte()?).ok_or(Damaged)?;
    let manager = reader.optional()?.map(|pid| pid as u32);
    Ok((Stream { origin, host, instance, mta }, manager, reader.byte()? == 1))
}

/// A learned domain or smarthost.
pub(crate) fn write_learned(evidence: Evidence, count: u64, reach: Option<&Reach>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(VERSION);
    writer.byte(evidence.code());
    writer.number(count);
    for domain in reach.map_or(&[][..], |reach| &reach.domains[..]) {
        writer.word(*domain);
    }
    writer.0
}

/// Reads something learned back: why, how often, and the domains of a client.
pub(crate) fn read_learned(bytes: &[u8]) -> Result<(Evidence, Reach), Damaged> {
    let mut reader = Reader(bytes);
    version(&mut reader)?;
    let evidence = Evidence::from_code(reader.byte()?);
    let mut reach = Reach { count: reader.number()?, ..Reach::default() };
    if !reader.is_empty() {
        for domain in &mut reach.domains {
            *domain = reader.word()?;
        }
    }
    Ok((evidence, reach))
}
