//! From the queue onwards: activation, attempts, retries, expiry, removal.

use mailvane_model::Time;

use crate::host::Host;
use crate::message::Target;
use crate::process::{Program, Taken};
use crate::remote::{self, Status, Verdict};
use crate::text::Text;
use crate::timeline::Task;
use crate::truth::{Ending, Mark, RecipientRecord};
use crate::world::{LOCAL, PROVIDERS};

/// Postfix defaults: back-off between 300 and 4000 seconds, queue runs every 300, five days of life.
const SHORTEST_BACKOFF: i64 = 300 * Time::SECOND;
const LONGEST_BACKOFF: i64 = 4000 * Time::SECOND;
const QUEUE_RUN: i64 = 300 * Time::SECOND;
pub(crate) const LIFETIME: i64 = 5 * Time::DAY;
/// A connection attempt that meets silence ends after this time (`smtp_connect_timeout`).
const CONNECT_TIMEOUT: i64 = 30 * Time::SECOND;

/// The parts of a delay, in microseconds: before the queue manager, in it, connection set-up, transmission.
#[derive(Clone, Copy, Debug)]
struct Delays {
    before: i64,
    queue: i64,
    connect: i64,
    transmit: i64,
}

/// The connection that the attempt before left open.
#[derive(Clone, Copy, Debug)]
struct Connection {
    target: Target,
    taken: Taken,
    uses: u32,
}

/// What an activation has come to.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// When its last line is written.
    end: Time,
    bounced: bool,
    last_try: bool,
}

impl Host {
    /// The queue manager takes the message up, and every open recipient is tried once.
    pub(crate) fn activate(&mut self, index: u32, now: Time) {
        let last_try = now.0 - self.queue.get(index).arrived.0 > LIFETIME;
        self.queue_manager_line(index, now);
        let mut progress = Progress { end: now, bounced: false, last_try };
        let mut connection: Option<Connection> = None;
        for place in 0..self.queue.get(index).recipients.len() {
            let recipient = &self.queue.get(index).recipients[place];
            if recipient.done {
                continue;
            }
            let target = recipient.target;
            if connection.is_some_and(|open| open.target != target) {
                self.close_connection(&mut connection, progress.end);
            }
            match target {
                Target::Filter => {
                    self.through_filter(index, now, &mut progress.end);
                    break;
                }
                Target::Mailbox => self.deliver_to_mailbox(index, place, now, &mut connection, &mut progress),
                Target::Remote(destination) => self.deliver_to_remote(index, place, destination, now, &mut connection, &mut progress),
            }
        }
        self.close_connection(&mut connection, progress.end);
        self.after_attempts(index, progress);
    }

    fn close_connection(&mut self, connection: &mut Option<Connection>, end: Time) {
        if let Some(open) = connection.take() {
            self.processes.release(open.taken, end);
        }
    }

    fn queue_manager_line(&mut self, index: u32, now: Time) {
        let by = self.single(Program::Qmgr, now);
        let message = self.queue.get(index);
        let text = &mut self.timeline.line(now, by, Mark::None).text;
        text.put(message.queue_id.text()).put(": from=<");
        text.extend_from_slice(message.part(message.sender));
        text.put(">, size=").number(message.size).put(", nrcpt=").number(message.recipients.len() as u64).put(" (queue active)");
    }

    /// A process of a daemon that serves everybody.
    pub(crate) fn single(&mut self, program: Program, now: Time) -> Taken {
        self.processes.take(program, now, &mut self.prng)
    }

    fn after_attempts(&mut self, index: u32, progress: Progress) {
        let mut end = progress.end;
        let open = self.queue.get(index).is_open();
        if open && !progress.last_try {
            if progress.bounced {
                self.notify_sender(index, end.plus(2_000));
            }
            let message = self.queue.get(index);
            let backoff = (end.0 - message.arrived.0).clamp(SHORTEST_BACKOFF, LONGEST_BACKOFF);
            let due = end.0 + backoff;
            let spread = 40_000 * (message.inode as i64 % 400);
            self.timeline.task(Time((due.div_euclid(QUEUE_RUN) + 1) * QUEUE_RUN + spread), Task::Retry(index));
            return;
        }
        if open {
            let by = self.single(Program::Qmgr, end);
            let message = self.queue.get(index);
            let text = &mut self.timeline.line(end.plus(900), by, Mark::None).text;
            text.put(message.queue_id.text()).put(": from=<");
            text.extend_from_slice(message.part(message.sender));
            text.put(">, status=expired, returned to sender");
            end = end.plus(1_500);
        }
        if open || progress.bounced {
            end = self.notify_sender(index, end.plus(1_000));
        }
        self.remove(index, end.plus(700));
    }

    /// The queue manager removes the message.
    pub(crate) fn remove(&mut self, index: u32, end: Time) {
        let by = self.single(Program::Qmgr, end);
        let message = self.queue.get(index);
        self.timeline.line(end, by, Mark::None).text.put(message.queue_id.text()).put(": removed");
        let inode = message.inode;
        self.ids.give_back(inode);
        self.queue.close(index);
    }

    fn deliver_to_remote(
        &mut self,
        index: u32,
        place: usize,
        destination: u16,
        now: Time,
        connection: &mut Option<Connection>,
        progress: &mut Progress,
    ) {
        let provider = self.world.get(destination).provider;
        if self.suspended[usize::from(destination)].until > now {
            self.suspended_line(index, place, destination, now, progress);
            return;
        }
        let disturbance = self.disturbance(PROVIDERS[usize::from(provider)], now);
        let recipient = &self.queue.get(index).recipients[place];
        let (fate, first) = (recipient.fate, recipient.attempts == 0);
        let at = self.world.get(destination);
        let verdict = remote::decide(at, fate, first, disturbance, &mut self.prng);
        let start = now.plus(1_000 + self.prng.wait(9_000));
        let reused = connection.is_some();
        let open = match *connection {
            Some(open) => open,
            None => Connection {
                target: Target::Remote(destination),
                taken: self.processes.take(Program::Smtp, start, &mut self.prng),
                uses: 0,
            },
        };
        let latency = self.world.get(destination).latency;
        let connect = if reused { 0 } else { 8_000 + self.prng.wait(latency / 4) };
        let transmit = if verdict.is_without_host() { 0 } else { 20_000 + self.prng.wait(latency * 3 / 4) };
        let (host, connect_end) =
            self.try_hosts(index, destination, verdict, open.taken, if reused { progress.end } else { start }, connect);
        let end = connect_end.plus(transmit);
        let delays = self.delays(index, now, connect_end.0 - start.0.min(connect_end.0), transmit);
        self.delivery_line(
            index,
            place,
            end,
            Attempt { verdict, destination, host, delays, by: open.taken, uses: open.uses + 1 },
            progress,
        );
        *connection = Some(Connection { uses: open.uses + 1, ..open });
        progress.end = progress.end.max(end);
        // One refusal to talk is not the end of a large provider: only what goes on makes the queue manager wait.
        if verdict.suspends() && (disturbance.is_some() || verdict.is_without_host()) {
            self.suspend(destination, verdict, host, end);
        }
    }

    /// The lines before the result: hosts that could not be reached, TLS. Gives the host that was the last, and when it was connected.
    fn try_hosts(&mut self, index: u32, destination: u16, verdict: Verdict, by: Taken, start: Time, connect: i64) -> (usize, Time) {
        let at = &self.world.destinations[usize::from(destination)];
        let hosts = at.hosts.len();
        let mut time = start;
        match verdict {
            Verdict::Timeout | Verdict::Refused => {
                let wait = if verdict == Verdict::Timeout { CONNECT_TIMEOUT } else { 20_000 };
                for host in 0..hosts {
                    time = time.plus(wait);
                    let text = &mut self.timeline.line(time, by, Mark::None).text;
                    text.put("connect to ");
                    remote::put_host(at, host, text);
                    text.put(if verdict == Verdict::Timeout { ":25: Connection timed out" } else { ":25: Connection refused" });
                }
                (hosts - 1, time)
            }
            Verdict::Throttled => {
                for host in 0..hosts - 1 {
                    time = time.plus(connect + 30_000);
                    let bits = self.prng.next();
                    let text = &mut self.timeline.line(time, by, Mark::None).text;
                    text.put(self.queue.get(index).queue_id.text()).put(": ");
                    remote::put_reason(verdict, at, host, b"", bits, text);
                }
                (hosts - 1, time.plus(connect))
            }
            Verdict::NoDomain | Verdict::NullMx => (0, time.plus(60_000)),
            Verdict::NoAnswer => (0, time.plus(10 * Time::SECOND)),
            _ => {
                let host = if connect > 0 && hosts > 1 && self.prng.percent(6) { 1 } else { 0 };
                time = time.plus(connect);
                if at.tls && connect > 0 {
                    let text = &mut self.timeline.line(time, by, Mark::None).text;
                    text.put(if at.provider == crate::world::OTHER { "Untrusted" } else { "Trusted" })
                        .put(" TLS connection established to ");
                    remote::put_host(at, host, text);
                    text.put(":25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256");
                }
                (host, time)
            }
        }
    }

    fn delays(&self, index: u32, now: Time, connect: i64, transmit: i64) -> Delays {
        let before = (now.0 - self.queue.get(index).arrived.0).max(0);
        Delays { before, queue: 4_000 + before % 7_000, connect, transmit }
    }

    fn suspend(&mut self, destination: u16, verdict: Verdict, host: usize, end: Time) {
        let at = &self.world.destinations[usize::from(destination)];
        let suspension = &mut self.suspended[usize::from(destination)];
        suspension.until = end.plus(SHORTEST_BACKOFF - 20 * Time::SECOND);
        suspension.code = remote::enhanced_code(verdict, at.provider);
        suspension.reason.clear();
        remote::put_reason(verdict, at, host, b"", 7, &mut suspension.reason);
    }

    /// A destination that did not talk to us is left alone: the error daemon defers its mail without a try.
    fn suspended_line(&mut self, index: u32, place: usize, destination: u16, now: Time, progress: &mut Progress) {
        let end = now.plus(15_000 + self.prng.wait(20_000));
        let by = self.processes.take(Program::ErrorDaemon, now, &mut self.prng);
        let provider = self.world.get(destination).provider;
        let delays = self.delays(index, now, 0, 0);
        let suspension = &self.suspended[usize::from(destination)];
        let line = self.timeline.line(end, by, Mark::Attempt { provider, ending: Ending::Deferred, closes: progress.last_try });
        put_recipient(&mut line.text, self.queue.get(index), place);
        line.text.put(", relay=none, delay=");
        put_delays(&mut line.text, delays);
        line.text.put(", dsn=").put(suspension.code).put(", status=deferred (delivery temporarily suspended: ");
        line.text.extend_from_slice(&suspension.reason);
        line.text.put(")");
        self.processes.release(by, end);
        self.finish_attempt(index, place, end, provider, Ending::Deferred);
        progress.end = progress.end.max(end);
    }

    fn delivery_line(&mut self, index: u32, place: usize, end: Time, attempt: Attempt, progress: &mut Progress) {
        let bits = self.prng.next();
        let at = &self.world.destinations[usize::from(attempt.destination)];
        let provider = at.provider;
        let status = attempt.verdict.status();
        let ending = match status {
            Status::Sent => Ending::Delivered,
            Status::Deferred => Ending::Deferred,
            Status::Bounced => Ending::Bounced,
        };
        let closes = status != Status::Deferred || progress.last_try;
        let message = self.queue.get(index);
        let line = self.timeline.line(end, attempt.by, Mark::Attempt { provider, ending, closes });
        let text = &mut line.text;
        put_recipient(text, message, place);
        if attempt.verdict.is_without_host() {
            text.put(", relay=none");
        } else {
            text.put(", relay=");
            remote::put_host(at, attempt.host, text);
            text.put(":25");
        }
        if attempt.uses > 1 {
            text.put(", conn_use=").number(u64::from(attempt.uses));
        }
        text.put(", delay=");
        put_delays(text, attempt.delays);
        if self.options.tls_field {
            text.put(if attempt.verdict.is_without_host() || !at.tls { ", tls=none" } else { ", tls=may" });
        }
        text.put(", dsn=").put(remote::enhanced_code(attempt.verdict, provider)).put(match status {
            Status::Sent => ", status=sent (",
            Status::Deferred => ", status=deferred (",
            Status::Bounced => ", status=bounced (",
        });
        remote::put_reason(attempt.verdict, at, attempt.host, message.part(message.recipients[place].address), bits, text);
        text.put(")");
        progress.bounced |= status == Status::Bounced;
        self.finish_attempt(index, place, end, provider, ending);
    }

    /// Keeps the record of the attempt and closes the recipient.
    fn finish_attempt(&mut self, index: u32, place: usize, end: Time, provider: u8, ending: Ending) {
        let message = self.queue.get_mut(index);
        let recipient = &mut message.recipients[place];
        recipient.attempts += 1;
        recipient.done = ending != Ending::Deferred;
        let (address, attempt) = (recipient.address, recipient.attempts);
        if self.options.records {
            let message = self.queue.get(index);
            let record = RecipientRecord {
                time: end,
                queue_id: message.queue_id.text().to_owned(),
                recipient: String::from_utf8_lossy(message.part(address)).into_owned(),
                provider: PROVIDERS[usize::from(provider)],
                ending,
                attempt,
            };
            self.timeline.last_line().record = Some(Box::new(record));
        }
    }

    fn deliver_to_mailbox(&mut self, index: u32, place: usize, now: Time, connection: &mut Option<Connection>, progress: &mut Progress) {
        let start = progress.end.max(now.plus(3_000));
        let open = match *connection {
            Some(open) => open,
            None => Connection { target: Target::Mailbox, taken: self.processes.take(Program::Lmtp, start, &mut self.prng), uses: 0 },
        };
        let end = start.plus(15_000 + self.prng.wait(30_000));
        let bits = self.prng.next();
        let delays = self.delays(index, now, if open.uses == 0 { 9_000 } else { 0 }, end.0 - start.0);
        let dovecot = Taken::unnumbered(Program::Dovecot);
        let message = self.queue.get(index);
        let address = message.part(message.recipients[place].address);
        let text = &mut self.timeline.line(end.plus(-2_000), dovecot, Mark::None).text;
        text.put("lmtp(");
        text.extend_from_slice(address);
        text.put(")<").number(u64::from(open.taken.pid) + 40).put("><").letters(bits, 22).put(">: msgid=");
        text.extend_from_slice(message.part(message.message_id));
        text.put(": saved mail to INBOX");
        let text =
            &mut self.timeline.line(end, open.taken, Mark::Attempt { provider: LOCAL, ending: Ending::Delivered, closes: true }).text;
        put_recipient(text, message, place);
        text.put(", relay=").put(&self.options.host).put(".").put(&self.options.domain).put("[private/dovecot-lmtp]");
        if open.uses > 0 {
            text.put(", conn_use=").number(u64::from(open.uses) + 1);
        }
        text.put(", delay=");
        put_delays(text, delays);
        text.put(", dsn=2.0.0, status=sent (250 2.0.0 <");
        text.extend_from_slice(address);
        text.put("> ").letters(bits, 22).put(" Saved)");
        self.finish_attempt(index, place, end, LOCAL, Ending::Delivered);
        *connection = Some(Connection { uses: open.uses + 1, ..open });
        progress.end = end;
    }

    /// The content filter takes the message and gives it back under a new queue id, or throws it away.
    fn through_filter(&mut self, index: u32, now: Time, end: &mut Time) {
        let taken = self.processes.take(Program::Smtp, now, &mut self.prng);
        let filter = self.processes.take(Program::Amavis, now, &mut self.prng);
        let work = 180_000 + self.prng.wait(700_000);
        let back = now.plus(work);
        let spam = self.queue.get(index).spam;
        let child = if spam { None } else { Some(self.reinject(index, back)) };
        let done = back.plus(35_000);
        let bits = self.prng.next();
        self.filter_line(index, filter, done.plus(-3_000), bits, child);
        let delays = self.delays(index, now, 6_000, work);
        for place in 0..self.queue.get(index).recipients.len() {
            let mark = if spam { Mark::Attempt { provider: LOCAL, ending: Ending::Discarded, closes: true } } else { Mark::Internal };
            let text = &mut self.timeline.line(done, taken, mark).text;
            put_recipient(text, self.queue.get(index), place);
            text.put(", relay=127.0.0.1[127.0.0.1]:10024, delay=");
            put_delays(text, delays);
            match child {
                None => text
                    .put(", dsn=2.7.0, status=sent (250 2.7.0 Ok, discarded, id=")
                    .padded(u64::from(filter.pid), 5)
                    .put("-")
                    .padded(bits % 20, 2)
                    .put(" - spam)"),
                Some(child) => text
                    .put(", dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as ")
                    .put(self.queue.get(child).queue_id.text())
                    .put(")"),
            };
            if spam {
                self.finish_attempt(index, place, done, LOCAL, Ending::Discarded);
            } else {
                self.queue.get_mut(index).recipients[place].done = true;
            }
        }
        self.processes.release(taken, done);
        self.processes.release(filter, done);
        *end = done;
        if let Some(child) = child {
            self.timeline.task(back.plus(30_000), Task::Retry(child));
        }
    }

    fn filter_line(&mut self, index: u32, filter: Taken, time: Time, bits: u64, child: Option<u32>) {
        let message = self.queue.get(index);
        let text = &mut self.timeline.line(time, filter, Mark::None).text;
        text.put("(").padded(u64::from(filter.pid), 5).put("-").padded(bits % 20, 2).put(") ");
        text.put(if child.is_some() { "Passed CLEAN {RelayedInbound}, " } else { "Blocked SPAM {DiscardedInbound,Quarantined}, " });
        text.extend_from_slice(message.part(message.client));
        text.put(" <");
        text.extend_from_slice(message.part(message.sender));
        text.put("> -> <");
        text.extend_from_slice(message.part(message.recipients[0].address));
        text.put(">, Queue-ID: ").put(message.queue_id.text()).put(", Message-ID: ");
        text.extend_from_slice(message.part(message.message_id));
        text.put(", mail_id: ")
            .letters(bits, 12)
            .put(", Hits: ")
            .put(if child.is_some() { "-1.9" } else { "14.2" })
            .put(", size: ")
            .number(message.size);
        if let Some(child) = child {
            text.put(", queued_as: ").put(self.queue.get(child).queue_id.text());
        }
        text.put(", ").number(180 + bits % 900).put(" ms");
    }

    /// The filter hands the message back on port 10025: a new life, with the first queue id told by XFORWARD.
    fn reinject(&mut self, index: u32, time: Time) -> u32 {
        let child = self.queue.open();
        let (queue_id, inode) = self.ids.take(time);
        let mut message = std::mem::take(self.queue.get_mut(child));
        let parent = self.queue.get(index);
        message.queue_id = queue_id;
        message.inode = inode;
        message.arrived = time;
        message.size = parent.size + 412;
        message.text.extend_from_slice(&parent.text);
        message.sender = parent.sender;
        message.client = parent.client;
        message.message_id = parent.message_id;
        message.recipients.extend(parent.after_filter.iter().cloned());
        message.sender_target = parent.sender_target;
        let parent_id = parent.queue_id;
        let smtpd = self.processes.take(Program::Reinjection, time, &mut self.prng);
        self.timeline.line(time.plus(1_000), smtpd, Mark::None).text.put("connect from localhost[127.0.0.1]");
        let text = &mut self.timeline.line(time.plus(3_000), smtpd, Mark::Message).text;
        text.put(queue_id.text()).put(": client=localhost[127.0.0.1], orig_queue_id=").put(parent_id.text()).put(", orig_client=");
        text.extend_from_slice(message.part(message.client));
        self.cleanup_line(&message, time.plus(6_000));
        let recipients = message.recipients.len() as u64;
        let text = &mut self.timeline.line(time.plus(31_000), smtpd, Mark::Disconnect).text;
        text.put("disconnect from localhost[127.0.0.1] ehlo=1 xforward=1 mail=1 rcpt=")
            .number(recipients)
            .put(" data=1 quit=1 commands=")
            .number(recipients + 5);
        self.processes.release(smtpd, time.plus(31_000));
        *self.queue.get_mut(child) = message;
        child
    }

    /// The line of cleanup that names the Message-ID.
    pub(crate) fn cleanup_line(&mut self, message: &crate::message::Message, time: Time) {
        let by = self.processes.take(Program::Cleanup, time, &mut self.prng);
        let text = &mut self.timeline.line(time, by, Mark::None).text;
        text.put(message.queue_id.text()).put(": message-id=");
        text.extend_from_slice(message.part(message.message_id));
        self.processes.release(by, time.plus(25_000));
    }
}

/// One attempt, decided.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    verdict: Verdict,
    destination: u16,
    host: usize,
    delays: Delays,
    by: Taken,
    uses: u32,
}

fn put_recipient(text: &mut Vec<u8>, message: &crate::message::Message, place: usize) {
    let recipient = &message.recipients[place];
    text.put(message.queue_id.text()).put(": to=<");
    text.extend_from_slice(message.part(recipient.address));
    text.put(">");
    if recipient.original != (0, 0) {
        text.put(", orig_to=<");
        text.extend_from_slice(message.part(recipient.original));
        text.put(">");
    }
}

/// The total and its four parts.
fn put_delays(text: &mut Vec<u8>, delays: Delays) {
    let Delays { before, queue, connect, transmit } = delays;
    text.seconds(before + queue + connect + transmit).put(", delays=");
    text.seconds(before).put("/").seconds(queue).put("/").seconds(connect).put("/").seconds(transmit);
}
