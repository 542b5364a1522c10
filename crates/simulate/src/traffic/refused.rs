//! The world's other mail: clients that are refused, bots that postscreen turns away, guesses at passwords.

use mailvane_model::Time;

use crate::host::Host;
use crate::people;
use crate::prng::mix;
use crate::process::{Program, Taken};
use crate::remote::put_address;
use crate::text::Text;
use crate::truth::{Mark, RefusalKind};
use crate::world::world_address;

/// A client without a good name.
#[derive(Clone, Copy, Debug)]
struct Stranger {
    bits: u64,
}

impl Stranger {
    fn put(self, text: &mut Vec<u8>) {
        if self.bits.is_multiple_of(3) {
            text.put("host-").number(self.bits >> 8 & 0xffff).put(".dynamic.example[");
        } else {
            text.put("unknown[");
        }
        put_address(world_address(mix(self.bits >> 16)), text);
        text.put("]");
    }

    fn put_helo(self, text: &mut Vec<u8>) {
        match self.bits >> 4 & 3 {
            0 => text.put("User"),
            1 => text.put("mail.").put(&people::company(self.bits >> 20 & 0xfff)),
            2 => text.put("WIN-").letters(self.bits, 11),
            _ => text.put("host").number(self.bits >> 12 & 0xff).put(".example"),
        };
    }

    fn put_sender(self, text: &mut Vec<u8>) {
        people::local_part(self.bits >> 9, false, text);
        text.put("@").put(&people::company(self.bits >> 20 & 0xfff));
    }
}

impl Host {
    /// Strangers come back from few addresses: a network of bots is not without end.
    fn stranger(&mut self) -> Stranger {
        let address = self.prng.below(900);
        Stranger { bits: mix(address) & !0xffff | self.prng.below(0x1_0000) }
    }

    /// A client whose recipients are all refused.
    pub(crate) fn refused_client(&mut self, now: Time) {
        let client = self.stranger();
        let by = self.processes.take(Program::Smtpd, now, &mut self.prng);
        if (client.bits >> 5).is_multiple_of(16) {
            let line = self.timeline.line(now, by, Mark::None);
            line.warning = true;
            line.text.put("warning: hostname host-").number(client.bits >> 8 & 0xffff).put(".dynamic.example does not resolve to address ");
            put_address(world_address(mix(client.bits >> 16)), &mut line.text);
            line.text.put(": Name or service not known");
        }
        client_line(self, now.plus(500), by, "connect from ", client);
        let kind = match self.prng.below(100) {
            0..40 => RefusalKind::Blocklisted,
            40..70 => RefusalKind::UnknownUser,
            70..80 => RefusalKind::RelayDenied,
            80..92 => RefusalKind::SenderDomain,
            _ => RefusalKind::Helo,
        };
        let count = if kind == RefusalKind::UnknownUser { 1 + self.prng.below(3) } else { 1 };
        let mut time = now.plus(300_000);
        for _ in 0..count {
            time = time.plus(40_000 + self.prng.wait(60_000));
            self.refusal_line(time, by, client, kind);
        }
        time = time.plus(50_000);
        if self.prng.percent(45) {
            client_line(self, time, by, "lost connection after RCPT from ", client);
            client_line(self, time.plus(200), by, "disconnect from ", client);
            let text = &mut self.timeline.last_line().text;
            text.put(" ehlo=1 mail=1 rcpt=0/").number(count).put(" commands=2/").number(count + 2);
        } else {
            client_line(self, time, by, "disconnect from ", client);
            let text = &mut self.timeline.last_line().text;
            text.put(" ehlo=1 mail=1 rcpt=0/").number(count).put(" quit=1 commands=3/").number(count + 3);
        }
        self.timeline.last_line().mark = Mark::Disconnect;
        self.processes.release(by, time.plus(200));
    }

    fn refusal_line(&mut self, time: Time, by: Taken, client: Stranger, kind: RefusalKind) {
        let guess = self.prng.next();
        let mut recipient = Vec::with_capacity(64);
        match kind {
            RefusalKind::UnknownUser => {
                people::local_part(guess, guess & 1 == 0, &mut recipient);
                recipient.put("@").put(&self.options.domain);
            }
            RefusalKind::RelayDenied => {
                people::local_part(guess, true, &mut recipient);
                recipient.put("@gmail.com");
            }
            _ => recipient.extend_from_slice(&self.users[(guess % people::OUR_USERS) as usize]),
        }
        let text = &mut self.timeline.line(time, by, Mark::Refusal(kind)).text;
        text.put("NOQUEUE: reject: RCPT from ");
        client.put(text);
        match kind {
            RefusalKind::Blocklisted => {
                text.put(": 554 5.7.1 Service unavailable; Client host [");
                put_address(world_address(mix(client.bits >> 16)), text);
                text.put("] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/");
                put_address(world_address(mix(client.bits >> 16)), text);
            }
            RefusalKind::UnknownUser => {
                text.put(": 550 5.1.1 <");
                text.extend_from_slice(&recipient);
                text.put(">: Recipient address rejected: User unknown in virtual mailbox table");
            }
            RefusalKind::RelayDenied => {
                text.put(": 554 5.7.1 <");
                text.extend_from_slice(&recipient);
                text.put(">: Relay access denied");
            }
            RefusalKind::SenderDomain => {
                text.put(": 450 4.1.8 <");
                client.put_sender(text);
                text.put(">: Sender address rejected: Domain not found");
            }
            _ => {
                text.put(": 504 5.5.2 <");
                client.put_helo(text);
                text.put(">: Helo command rejected: need fully-qualified hostname");
            }
        }
        text.put("; from=<");
        client.put_sender(text);
        text.put("> to=<");
        text.extend_from_slice(&recipient);
        text.put("> proto=ESMTP helo=<");
        client.put_helo(text);
        text.put(">");
    }

    /// Somebody tries passwords, on the submission service or on port 25.
    pub(crate) fn login_guess(&mut self, now: Time) {
        let client = self.stranger();
        let program = if self.prng.percent(60) { Program::Submission } else { Program::Smtpd };
        let by = self.processes.take(program, now, &mut self.prng);
        client_line(self, now, by, "connect from ", client);
        let tries = if self.prng.percent(15) { 1 + self.prng.below(4) } else { 1 };
        let mut time = now.plus(200_000);
        for _ in 0..tries {
            time = time.plus(700_000 + self.prng.wait(1_500_000));
            let user = *self.prng.pick(&people::GUESSED);
            let method = if self.prng.percent(80) { "LOGIN" } else { "PLAIN" };
            let line = self.timeline.line(time, by, Mark::AuthFailed);
            line.warning = true;
            line.text.put("warning: ");
            client.put(&mut line.text);
            line.text.put(": SASL ").put(method).put(" authentication failed: ");
            line.text.put(if method == "LOGIN" { "UGFzc3dvcmQ6" } else { "(reason unavailable)" });
            line.text.put(", sasl_username=").put(user).put("@").put(&self.options.domain);
        }
        time = time.plus(120_000);
        if self.prng.percent(35) {
            client_line(self, time, by, "lost connection after AUTH from ", client);
            time = time.plus(300);
        }
        client_line(self, time, by, "disconnect from ", client);
        self.timeline.last_line().mark = Mark::Disconnect;
        self.timeline.last_line().text.put(" ehlo=1 auth=0/").number(tries).put(" rset=1 quit=1 commands=3/").number(tries + 3);
        self.processes.release(by, time);
    }

    /// A client that connects and leaves without mail.
    pub(crate) fn idle_client(&mut self, now: Time) {
        let client = self.stranger();
        let by = self.processes.take(Program::Smtpd, now, &mut self.prng);
        client_line(self, now, by, "connect from ", client);
        let end = now.plus(400_000 + self.prng.wait(2_000_000));
        let how = *self.prng.pick(&[
            "lost connection after CONNECT from ",
            "lost connection after EHLO from ",
            "lost connection after STARTTLS from ",
            "timeout after EHLO from ",
        ]);
        if how.contains("STARTTLS") {
            client_line(self, end.plus(-400), by, "SSL_accept error from ", client);
            self.timeline.last_line().text.put(": -1");
        }
        client_line(self, end, by, how, client);
        client_line(self, end.plus(150), by, "disconnect from ", client);
        self.timeline.last_line().mark = Mark::Disconnect;
        let commands = if how.contains("CONNECT") { " commands=0/0" } else { " ehlo=1 commands=1" };
        self.timeline.last_line().text.put(commands);
        self.processes.release(by, end.plus(150));
    }

    /// A bot that postscreen sees through.
    pub(crate) fn screened_bot(&mut self, now: Time) {
        let client = self.stranger();
        let by = self.single(Program::Postscreen, now);
        let port = 1_024 + self.prng.below(64_000);
        let address = world_address(mix(client.bits >> 16));
        let mut peer = Vec::with_capacity(32);
        peer.push(b'[');
        put_address(address, &mut peer);
        peer.put("]:").number(port);
        self.screen_line(now, "CONNECT from ", &peer).put(" to [").put(crate::remote::OUR_ADDRESS).put("]:25");
        let mut end = now.plus(2_000_000);
        match self.prng.below(100) {
            0..45 => {
                let listing = self.processes.take(Program::Dnsblog, now, &mut self.prng);
                let text = &mut self.timeline.line(now.plus(40_000), listing, Mark::None).text;
                text.put("addr ");
                put_address(address, text);
                text.put(" listed by domain zen.spamhaus.org as 127.0.0.").number(if port & 1 == 0 { 4 } else { 11 });
                self.processes.release(listing, now.plus(40_000));
                self.screen_line(now.plus(1_900_000), "DNSBL rank 3 for ", &peer);
                end = now.plus(2_600_000);
                self.screen_refusal(end, by, address, &peer, client);
            }
            45..70 => {
                self.screen_line(now.plus(30_000), "PREGREET 11 after 0.03 from ", &peer).put(": EHLO User\\r\\n");
                if self.prng.percent(30) {
                    self.screen_refusal(end, by, address, &peer, client);
                }
            }
            _ => {
                self.screen_line(end, "HANGUP after 1.2 from ", &peer).put(" in tests before SMTP handshake");
                self.timeline.last_line().mark = Mark::HangUp;
            }
        }
        self.screen_line(end.plus(1_000), "DISCONNECT ", &peer);
    }

    fn screen_line(&mut self, time: Time, words: &str, peer: &[u8]) -> &mut Vec<u8> {
        let by = self.single(Program::Postscreen, time);
        let text = &mut self.timeline.line(time, by, Mark::None).text;
        text.put(words).extend_from_slice(peer);
        text
    }

    fn screen_refusal(&mut self, time: Time, by: Taken, address: u32, peer: &[u8], client: Stranger) {
        let user = (client.bits >> 3) % people::OUR_USERS;
        let text = &mut self.timeline.line(time, by, Mark::Refusal(RefusalKind::Postscreen)).text;
        text.put("NOQUEUE: reject: RCPT from ").extend_from_slice(peer);
        text.put(": 550 5.7.1 Service unavailable; client [");
        put_address(address, text);
        text.put("] blocked using zen.spamhaus.org; from=<");
        client.put_sender(text);
        text.put(">, to=<");
        text.extend_from_slice(&self.users[user as usize]);
        text.put(">, proto=ESMTP, helo=<");
        client.put_helo(text);
        text.put(">");
    }
}

fn client_line(host: &mut Host, time: Time, by: Taken, words: &str, client: Stranger) {
    let text = &mut host.timeline.line(time, by, Mark::None).text;
    text.put(words);
    client.put(text);
}
