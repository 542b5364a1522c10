//! Mail from the world that is welcome, more or less: greylisting first, then the content filter, then mailboxes and aliases.

use mailvane_model::Time;

use crate::host::Host;
use crate::message::{Fate, Message, Recipient, Target};
use crate::people;
use crate::prng::mix;
use crate::process::Program;
use crate::remote::put_address;
use crate::text::Text;
use crate::timeline::Task;
use crate::truth::{Mark, RefusalKind};
use crate::world::world_address;

/// Aliases and how many of our users stand behind each.
const ALIASES: [(&str, u64); 7] = [("info", 3), ("sales", 4), ("support", 5), ("jobs", 2), ("office", 2), ("press", 1), ("staff", 24)];

impl Host {
    /// A client of the world has mail for us.
    pub(crate) fn world_sends(&mut self, now: Time) {
        let bits = self.prng.next();
        self.inbound(now, bits, true);
    }

    /// One session of a client of the world; everything about it follows from `bits`, so that it comes back as the same.
    pub(crate) fn inbound(&mut self, now: Time, bits: u64, first: bool) {
        let port = 32_768 + bits % 28_000;
        if self.options.postscreen {
            self.screen_passes(now, bits, port);
        }
        let by = self.processes.take(Program::Smtpd, now, &mut self.prng);
        let text = &mut self.timeline.line(now.plus(2_000), by, Mark::None).text;
        text.put("connect from ");
        put_sending_host(bits, text);
        let tls = bits >> 8 & 15 != 0;
        if tls {
            let text = &mut self.timeline.line(now.plus(120_000), by, Mark::None).text;
            text.put("Anonymous TLS connection established from ");
            put_sending_host(bits, text);
            text.put(": TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256");
        }
        let opened = now.plus(180_000 + (bits >> 20 & 0x3_ffff) as i64);
        let greylisted = first && (bits >> 12).is_multiple_of(28);
        let broken = self.is_on(now, |kind| matches!(kind, crate::IncidentKind::PolicyDown | crate::IncidentKind::DnsFailure));
        let opening = if tls { "ehlo=2 starttls=1" } else { "ehlo=1" };
        let end = if greylisted || broken {
            let kind = if broken { RefusalKind::OwnTrouble } else { RefusalKind::Greylisted };
            self.put_off(by, bits, opened, kind, opening)
        } else {
            self.accept(by, bits, opened, opening)
        };
        self.processes.release(by, end);
        if greylisted || broken {
            let wait = 330 * Time::SECOND + self.prng.wait(15 * Time::MINUTE);
            self.timeline.task(now.plus(wait), Task::ComeBack(bits));
        }
    }

    fn screen_passes(&mut self, now: Time, bits: u64, port: u64) {
        let by = self.single(Program::Postscreen, now);
        let address = sending_address(bits);
        let text = &mut self.timeline.line(now, by, Mark::None).text;
        text.put("CONNECT from [");
        put_address(address, text);
        text.put("]:").number(port).put(" to [").put(crate::remote::OUR_ADDRESS).put("]:25");
        let text = &mut self.timeline.line(now.plus(600), by, Mark::None).text;
        text.put("PASS OLD [");
        put_address(address, text);
        text.put("]:").number(port);
    }

    fn put_off(&mut self, by: crate::process::Taken, bits: u64, time: Time, kind: RefusalKind, opening: &str) -> Time {
        if kind == RefusalKind::OwnTrouble && self.is_on(time, |kind| matches!(kind, crate::IncidentKind::PolicyDown)) {
            let line = self.timeline.line(time.plus(-500), by, Mark::None);
            line.warning = true;
            line.text.put("warning: problem talking to server private/policy: Connection refused");
        }
        let user = recipient_of(bits);
        let text = &mut self.timeline.line(time, by, Mark::Refusal(kind)).text;
        text.put("NOQUEUE: reject: RCPT from ");
        put_sending_host(bits, text);
        text.put(if kind == RefusalKind::Greylisted { ": 450 4.2.0 <" } else { ": 451 4.3.5 <" });
        text.extend_from_slice(&self.users[user]);
        text.put(if kind == RefusalKind::Greylisted {
            ">: Recipient address rejected: Greylisted, see https://greylist.example/; from=<"
        } else {
            ">: Recipient address rejected: Server configuration problem; from=<"
        });
        put_sender(bits, text);
        text.put("> to=<");
        text.extend_from_slice(&self.users[user]);
        text.put("> proto=ESMTP helo=<");
        put_host_name(bits, text);
        text.put(">");
        let end = time.plus(30_000);
        let text = &mut self.timeline.line(end, by, Mark::Disconnect).text;
        text.put("disconnect from ");
        put_sending_host(bits, text);
        let before = if opening.len() > 6 { 3 } else { 1 };
        text.put(" ").put(opening).put(" mail=1 rcpt=0/1 quit=1 commands=").number(before + 2).put("/").number(before + 3);
        end
    }

    fn accept(&mut self, by: crate::process::Taken, bits: u64, opened: Time, opening: &str) -> Time {
        let index = self.new_message(opened);
        let mut message = std::mem::take(self.queue.get_mut(index));
        self.address_inbound(&mut message, bits);
        let text = &mut self.timeline.line(opened, by, Mark::Message).text;
        text.put(message.queue_id.text()).put(": client=");
        text.extend_from_slice(message.part(message.client));
        self.cleanup_line(&message, opened.plus(70_000));
        let recipients = message.recipients.len() as u64;
        let end = opened.plus(150_000 + self.prng.wait(200_000));
        let text = &mut self.timeline.line(end, by, Mark::Disconnect).text;
        text.put("disconnect from ");
        text.extend_from_slice(message.part(message.client));
        let before = if opening.len() > 6 { 3 } else { 1 };
        text.put(" ").put(opening).put(" mail=1 rcpt=").number(recipients).put(" data=1 quit=1 commands=").number(before + recipients + 3);
        *self.queue.get_mut(index) = message;
        self.timeline.task(opened.plus(95_000), Task::Retry(index));
        end
    }

    fn address_inbound(&mut self, message: &mut Message, bits: u64) {
        message.client = message.keep(|text| put_sending_host(bits, text));
        let null = (bits >> 30) % 60 == 7;
        message.sender = message.keep(|text| {
            if !null {
                put_sender(bits, text);
            }
        });
        let back = self.world.draw(&mut self.prng);
        message.sender_target = (!null).then_some(Target::Remote(back));
        message.message_id =
            message.keep(|text| _ = text.put("<").letters(mix(bits), 24).put("@").put(&people::company(bits >> 44 & 0x3ff)).put(">"));
        message.spam = (bits >> 34) % 100 < 7;
        match (bits >> 24) % 100 {
            0..5 => self.add_alias(message, bits),
            5..8 => self.add_forward(message),
            8..18 => {
                self.add_mailbox(message, recipient_of(bits));
                self.add_mailbox(message, recipient_of(mix(bits)));
            }
            _ => self.add_mailbox(message, recipient_of(bits)),
        }
        if !self.options.filter {
            message.recipients = std::mem::take(&mut message.after_filter);
        }
    }

    /// Adds a recipient of the hop before the filter.
    fn add_first_hop(message: &mut Message, address: (u32, u32)) {
        message.add_recipient(address, Target::Filter, Fate::Accepts);
    }

    fn add_mailbox(&mut self, message: &mut Message, user: usize) {
        let address = message.keep(|text| text.extend_from_slice(&self.users[user]));
        Self::add_first_hop(message, address);
        message.add_after_filter(Recipient {
            address,
            original: (0, 0),
            target: Target::Mailbox,
            fate: Fate::Accepts,
            attempts: 0,
            done: false,
        });
    }

    /// An alias is expanded behind the filter, into the mailboxes of its members.
    fn add_alias(&mut self, message: &mut Message, bits: u64) {
        let (name, members) = ALIASES[(bits >> 50) as usize % ALIASES.len()];
        let original = message.keep(|text| _ = text.put(name).put("@").put(&self.options.domain));
        Self::add_first_hop(message, original);
        for member in 0..members {
            let user = (mix(name.len() as u64 * 7 + member) % people::OUR_USERS) as usize;
            let address = message.keep(|text| text.extend_from_slice(&self.users[user]));
            message.add_after_filter(Recipient {
                address,
                original,
                target: Target::Mailbox,
                fate: Fate::Accepts,
                attempts: 0,
                done: false,
            });
        }
    }

    /// A user of ours has the mail sent on to an address of the world.
    fn add_forward(&mut self, message: &mut Message) {
        let user = 200 + self.prng.below(30);
        let original = message.keep(|text| text.extend_from_slice(&self.users[user as usize]));
        Self::add_first_hop(message, original);
        let spam_there = self.prng.percent(6);
        let mut forwarded = Message { text: std::mem::take(&mut message.text), ..Message::default() };
        self.add_person(&mut forwarded, (user % 7) as u16, user, 0);
        message.text = forwarded.text;
        for recipient in forwarded.recipients {
            let fate = if spam_there { Fate::Spam } else { Fate::Accepts };
            message.add_after_filter(Recipient { original, fate, ..recipient });
        }
    }
}

fn recipient_of(bits: u64) -> usize {
    let draw = (bits >> 36) % people::OUR_USERS;
    (draw * draw / people::OUR_USERS) as usize
}

fn sending_address(bits: u64) -> u32 {
    world_address(mix(bits >> 44 & 0x3ff))
}

fn put_host_name(bits: u64, text: &mut Vec<u8>) {
    let number = bits >> 44 & 0x3ff;
    match number % 10 {
        0..3 => text.put("mail-lj1-f").number(number % 200).put(".google.com"),
        3..5 => text.put("mail-am6eur05on2").padded(number, 3).put(".outbound.protection.outlook.com"),
        5 => text.put("o").number(number).put(".sender.bulk.example"),
        _ => text.put("mail.").put(&people::company(number)),
    };
}

/// The client as smtpd writes it.
pub(crate) fn put_sending_host(bits: u64, text: &mut Vec<u8>) {
    put_host_name(bits, text);
    text.put("[");
    put_address(sending_address(bits), text);
    text.put("]");
}

fn put_sender(bits: u64, text: &mut Vec<u8>) {
    let number = bits >> 44 & 0x3ff;
    match number % 10 {
        0..3 => {
            people::local_part(bits >> 40, true, text);
            text.put("@gmail.com");
        }
        5 => {
            text.put("bounces+").number(bits >> 20 & 0xf_ffff).put("-").letters(bits, 4).put("@sender.bulk.example");
        }
        _ => {
            people::local_part(bits >> 40, false, text);
            text.put("@").put(&people::company(number));
        }
    }
}
