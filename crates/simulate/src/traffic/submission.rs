//! Mail that goes out: users on the submission service, the web application, programs, the newsletter, a hijacked account.

use mailvane_model::Time;

use crate::host::Host;
use crate::incident::IncidentKind;
use crate::message::{Fate, Message, Recipient, Target};
use crate::people;
use crate::prng::mix;
use crate::process::{Program, Taken};
use crate::remote::put_address;
use crate::rhythm;
use crate::text::Text;
use crate::timeline::Task;
use crate::truth::Mark;
use crate::world::world_address;

/// The newsletter goes out in sessions of so many messages.
const NEWSLETTER_SESSION: u32 = 20;
/// The subscribers' list is this much longer than the mail of one week, so that addresses come again.
const LIST_LENGTH: u64 = 4;

/// How mail comes in, for the line that opens it.
#[derive(Clone, Copy, Debug)]
enum Door {
    Submission { user: u64 },
    Application { number: u64 },
}

impl Host {
    /// One of our users writes to a few people.
    pub(crate) fn user_submits(&mut self, now: Time) {
        let bits = self.prng.below(people::OUR_USERS);
        let user = bits * bits / people::OUR_USERS;
        let recipients = match self.prng.below(100) {
            0..70 => 1,
            70..84 => 2,
            84..94 => 3 + self.prng.below(4),
            _ => 6 + self.prng.below(24),
        };
        let index = self.new_message(now.plus(340_000));
        let mut message = std::mem::take(self.queue.get_mut(index));
        message.sender = message.keep(|text| text.extend_from_slice(&self.users[user as usize]));
        message.sender_target = Some(Target::Mailbox);
        for _ in 0..recipients {
            if self.prng.percent(18) {
                self.add_colleague(&mut message);
            } else {
                self.add_stranger(&mut message, 7_000);
            }
        }
        self.submission_session(index, message, user, now);
    }

    /// The lines of a session with a login that hands one message in.
    fn submission_session(&mut self, index: u32, mut message: Message, user: u64, now: Time) {
        let bits = self.prng.next();
        message.message_id = message.keep(|text| {
            text.put("<").hex(bits >> 32, 8, false).put("-").hex(bits >> 16 & 0xffff, 4, false).put("-");
            text.hex(bits & 0xffff, 4, false).put("-").hex(mix(bits) >> 16, 12, false).put("@").put(&self.options.domain).put(">");
        });
        let by = self.processes.take(Program::Submission, now, &mut self.prng);
        let door = Door::Submission { user };
        let text = &mut self.timeline.line(now, by, Mark::None).text;
        text.put("connect from ");
        put_client(door, &self.options.domain, text);
        let text = &mut self.timeline.line(now.plus(90_000), by, Mark::None).text;
        text.put("Anonymous TLS connection established from ");
        put_client(door, &self.options.domain, text);
        text.put(": TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256");
        let opened = message.arrived;
        let text = &mut self.timeline.line(opened, by, Mark::AuthOk).text;
        text.put(message.queue_id.text()).put(": client=");
        put_client(door, &self.options.domain, text);
        text.put(", sasl_method=PLAIN, sasl_username=");
        text.extend_from_slice(&self.users[user as usize]);
        self.cleanup_line(&message, opened.plus(60_000));
        self.signed_line(&message, opened.plus(75_000));
        let recipients = message.recipients.len() as u64;
        let end = opened.plus(220_000 + self.prng.wait(300_000));
        self.closing_line(by, door, "ehlo=2 starttls=1 auth=1", 1, recipients, end);
        self.processes.release(by, end);
        *self.queue.get_mut(index) = message;
        self.timeline.task(opened.plus(90_000), Task::Retry(index));
    }

    /// A place in the queue for a message that is opened at `arrived`.
    pub(crate) fn new_message(&mut self, arrived: Time) -> u32 {
        let index = self.queue.open();
        let (queue_id, inode) = self.ids.take(arrived);
        let size = 1_400 + self.prng.wait(9_000) as u64 + if self.prng.percent(12) { self.prng.wait(900_000) as u64 } else { 0 };
        let message = self.queue.get_mut(index);
        message.queue_id = queue_id;
        message.inode = inode;
        message.arrived = arrived;
        message.size = size;
        index
    }

    /// Adds somebody of the world. `dead`: so many in a million are at a domain that takes no mail.
    pub(crate) fn add_stranger(&mut self, message: &mut Message, dead: u32) {
        let destination = if self.prng.per_million(dead) { self.world.draw_dead(&mut self.prng) } else { self.world.draw(&mut self.prng) };
        let people = self.world.get(destination).people;
        let draw = self.prng.below(people);
        // Some people get far more mail than others.
        let person = draw * draw / people;
        self.add_person(message, destination, person, 3);
    }

    /// Adds a person at a destination. `trouble`: so many in a thousand are unknown there.
    pub(crate) fn add_person(&mut self, message: &mut Message, destination: u16, person: u64, trouble: u64) {
        let at = self.world.get(destination);
        let bits = mix(person ^ u64::from(destination) << 40);
        let fate = match bits % 1000 {
            draw if draw < trouble => Fate::Unknown,
            draw if draw < trouble + trouble / 3 => Fate::Inactive,
            990..992 => Fate::Full,
            992..994 => Fate::Spam,
            994 => Fate::Policy,
            _ => Fate::Accepts,
        };
        let address = message.keep(|text| {
            people::local_part(bits, at.free, text);
            text.put("@").put(&at.domain);
        });
        message.add_recipient(address, Target::Remote(destination), fate);
    }

    fn add_colleague(&mut self, message: &mut Message) {
        let user = self.prng.below(people::OUR_USERS) as usize;
        let address = message.keep(|text| text.extend_from_slice(&self.users[user]));
        message.add_recipient(address, Target::Mailbox, Fate::Accepts);
    }

    fn signed_line(&mut self, message: &Message, time: Time) {
        let by = self.single(Program::OpenDkim, time);
        let text = &mut self.timeline.line(time, by, Mark::None).text;
        text.put(message.queue_id.text()).put(": DKIM-Signature field added (s=mail, d=").put(&self.options.domain).put(")");
    }

    fn closing_line(&mut self, by: Taken, door: Door, opening: &str, mails: u64, recipients: u64, end: Time) {
        let text = &mut self.timeline.line(end, by, Mark::Disconnect).text;
        text.put("disconnect from ");
        put_client(door, &self.options.domain, text);
        let words = opening.bytes().filter(u8::is_ascii_digit).map(|digit| u64::from(digit - b'0')).sum::<u64>();
        text.put(" ").put(opening).put(" mail=").number(mails).put(" rcpt=").number(recipients).put(" data=").number(mails);
        text.put(" quit=1 commands=").number(words + 2 * mails + recipients + 1);
    }

    /// The web application hands a message to the server.
    pub(crate) fn application_sends(&mut self, now: Time) {
        let number = self.prng.below(3);
        let by = self.processes.take(Program::Smtpd, now, &mut self.prng);
        let door = Door::Application { number };
        self.timeline.line(now, by, Mark::None).text.put("connect from ");
        put_client(door, &self.options.domain, &mut self.timeline.last_line().text);
        let opened = now.plus(8_000);
        let kind = *self.prng.pick(&["noreply", "orders", "alerts", "billing"]);
        self.application_message(by, door, opened, None, kind);
        let end = opened.plus(60_000);
        self.closing_line(by, door, "ehlo=1", 1, 1, end);
        self.processes.release(by, end);
    }

    /// One message in a session of the application. With a subscriber's number it is the newsletter.
    fn application_message(&mut self, by: Taken, door: Door, opened: Time, subscriber: Option<u64>, kind: &str) {
        let index = self.new_message(opened);
        let mut message = std::mem::take(self.queue.get_mut(index));
        let bits = self.prng.next();
        match subscriber {
            Some(number) => {
                let destination = self.world.draw(&mut self.prng);
                self.add_person(&mut message, destination, number, 24);
                let recipient = message.part(message.recipients[0].address).to_vec();
                message.sender = message.keep(|text| {
                    text.put("bounce+").number(number).put("=");
                    text.extend(recipient.iter().map(|byte| if *byte == b'@' { b'=' } else { *byte }));
                    text.put("@news.").put(&self.options.domain);
                });
            }
            None => {
                self.add_stranger(&mut message, 4_000);
                message.sender = message.keep(|text| _ = text.put(kind).put("@shop.").put(&self.options.domain));
            }
        }
        message.sender_target = Some(Target::Mailbox);
        message.message_id = message.keep(|text| {
            _ = text
                .put("<")
                .letters(bits, 20)
                .put(".")
                .number(bits % 9_999_999)
                .put("@app")
                .number(1)
                .put(".")
                .put(&self.options.domain)
                .put(">");
        });
        let text = &mut self.timeline.line(opened, by, Mark::Message).text;
        text.put(message.queue_id.text()).put(": client=");
        put_client(door, &self.options.domain, text);
        self.cleanup_line(&message, opened.plus(9_000));
        self.signed_line(&message, opened.plus(14_000));
        *self.queue.get_mut(index) = message;
        self.timeline.task(opened.plus(22_000), Task::Retry(index));
    }

    /// A part of the weekly newsletter, and the plan for the next.
    pub(crate) fn newsletter(&mut self, now: Time, left: u32) {
        let count = left.min(NEWSLETTER_SESSION);
        if count > 0 {
            let door = Door::Application { number: 3 };
            let by = self.processes.take(Program::Smtpd, now, &mut self.prng);
            self.timeline.line(now, by, Mark::None).text.put("connect from ");
            put_client(door, &self.options.domain, &mut self.timeline.last_line().text);
            let list = u64::from(self.newsletter_size()) * LIST_LENGTH;
            let mut time = now.plus(10_000);
            for _ in 0..count {
                let subscriber = self.prng.below(list.max(1));
                self.application_message(by, door, time, Some(subscriber), "news");
                time = time.plus(45_000);
            }
            self.closing_line(by, door, "ehlo=1", u64::from(count), u64::from(count), time);
            self.processes.release(by, time);
        }
        let next = if left > count {
            (now.plus(1_100_000 + self.prng.wait(400_000)), left - count)
        } else {
            (rhythm::next_newsletter(now, self.options.zone_minutes), self.newsletter_size())
        };
        self.timeline.task(next.0, Task::Newsletter(next.1));
    }

    /// A program of this host mails its report to the administrator, or a customer's form is sent on.
    pub(crate) fn program_mails(&mut self, now: Time) {
        let index = self.new_message(now);
        let mut message = std::mem::take(self.queue.get_mut(index));
        let root = self.prng.percent(40);
        let bits = self.prng.next();
        message.sender = message.keep(|text| {
            _ = text.put(if root { "root" } else { "www-data" }).put("@").put(&self.options.host).put(".").put(&self.options.domain);
        });
        message.sender_target = Some(Target::Mailbox);
        if root {
            let address = message.keep(|text| text.extend_from_slice(&self.users[0]));
            let original = message.keep(|text| _ = text.put("root@").put(&self.options.host).put(".").put(&self.options.domain));
            message.recipients.push(Recipient {
                address,
                original,
                target: Target::Mailbox,
                fate: Fate::Accepts,
                attempts: 0,
                done: false,
            });
        } else {
            self.add_stranger(&mut message, 5_000);
        }
        message.message_id = message
            .keep(|text| _ = text.put("<").letters(bits, 16).put("@").put(&self.options.host).put(".").put(&self.options.domain).put(">"));
        let by = self.single(Program::Pickup, now);
        let text = &mut self.timeline.line(now, by, Mark::Message).text;
        text.put(message.queue_id.text()).put(if root { ": uid=0 from=<root>" } else { ": uid=33 from=<www-data>" });
        self.cleanup_line(&message, now.plus(4_000));
        *self.queue.get_mut(index) = message;
        self.timeline.task(now.plus(12_000), Task::Retry(index));
    }

    /// The hijacked account sends to many strangers, most of them long gone, from addresses it never used.
    pub(crate) fn hijack(&mut self, now: Time, incident: u16) {
        let (rate, on) = match &self.options.incidents[usize::from(incident)] {
            this @ crate::Incident { kind: IncidentKind::Hijack { messages_per_hour }, .. } => {
                (i64::from(*messages_per_hour), this.is_on(now))
            }
            _ => return,
        };
        if !on || rate == 0 {
            return;
        }
        let user = 17 + u64::from(incident);
        let index = self.new_message(now.plus(500_000));
        let mut message = std::mem::take(self.queue.get_mut(index));
        message.sender = message.keep(|text| text.extend_from_slice(&self.users[user as usize % self.users.len()]));
        message.sender_target = Some(Target::Mailbox);
        for _ in 0..=self.prng.below(8) {
            let destination = self.world.draw(&mut self.prng);
            let person = self.prng.next();
            self.add_person(&mut message, destination, person, 280);
        }
        self.submission_session(index, message, user % people::OUR_USERS, now);
        let wait = self.prng.wait(Time::HOUR / rate).max(1);
        self.timeline.task(now.plus(wait), Task::Hijack(incident));
    }
}

/// The client as smtpd writes it.
fn put_client(door: Door, domain: &str, text: &mut Vec<u8>) {
    match door {
        Door::Submission { user } => {
            let address = world_address(mix(user ^ 0x5eed));
            if user.is_multiple_of(3) {
                text.put("unknown[");
            } else {
                text.put("dsl-").number(user).put(".pool.access.example[");
            }
            put_address(address, text);
            text.put("]");
        }
        Door::Application { number } => {
            text.put("app").number(number + 1).put(".").put(domain).put("[10.20.0.").number(11 + number).put("]");
        }
    }
}
