//! Lines that no mail makes: start of the daemons, statistics, monitoring, logins to mailboxes, a warning now and then.

use mailvane_model::Time;

use crate::host::Host;
use crate::incident::IncidentKind;
use crate::people;
use crate::process::{Program, Taken};
use crate::remote::put_address;
use crate::text::Text;
use crate::timeline::Task;
use crate::truth::Mark;
use crate::world::world_address;

impl Host {
    /// The first line of the log.
    pub(crate) fn daemon_started(&mut self, now: Time) {
        let by = self.single(Program::Master, now);
        let version = if self.options.tls_field { "3.11.1" } else { "3.7.11" };
        self.timeline.line(now, by, Mark::None).text.put("daemon started -- version ").put(version).put(", configuration /etc/postfix");
    }

    /// A monitoring system looks whether port 25 answers.
    pub(crate) fn monitoring_check(&mut self, now: Time) {
        let by = self.processes.take(Program::Smtpd, now, &mut self.prng);
        self.timeline.line(now, by, Mark::None).text.put("connect from monitor.").put(&self.options.domain).put("[10.20.0.5]");
        let text = &mut self.timeline.line(now.plus(3_000), by, Mark::Disconnect).text;
        text.put("disconnect from monitor.").put(&self.options.domain).put("[10.20.0.5] ehlo=1 quit=1 commands=2");
        self.processes.release(by, now.plus(3_000));
    }

    /// What anvil and scache say of themselves.
    pub(crate) fn statistics(&mut self, now: Time) {
        let rate = 2 + self.prng.below(40);
        let address = world_address(self.prng.next());
        let when = now
            .plus(i64::from(self.options.zone_minutes) * Time::MINUTE - 200 * Time::SECOND)
            .to_chrono()
            .format("%b %e %H:%M:%S")
            .to_string();
        let by = self.single(Program::Anvil, now);
        for (step, name) in ["rate", "count"].into_iter().enumerate() {
            let text = &mut self.timeline.line(now.plus(step as i64 * 50), by, Mark::None).text;
            text.put("statistics: max connection ").put(name).put(" ").number(if step == 0 { rate } else { rate / 8 + 1 });
            text.put(if step == 0 { "/60s for (smtp:" } else { " for (smtp:" });
            put_address(address, text);
            text.put(") at ").put(&when);
        }
        let by = self.single(Program::Scache, now);
        let hits = self.prng.below(30);
        self.timeline
            .line(now.plus(900), by, Mark::None)
            .text
            .put("statistics: domain lookup hits=")
            .number(hits)
            .put(" miss=")
            .number(hits / 3 + 4)
            .put(" success=")
            .number(hits * 100 / (hits + hits / 3 + 4))
            .put("%");
    }

    /// A user reads the mailbox: a line of the same log that is not Postfix's.
    pub(crate) fn mailbox_login(&mut self, now: Time) {
        let user = self.prng.below(people::OUR_USERS) as usize;
        let bits = self.prng.next();
        let by = Taken::unnumbered(Program::Dovecot);
        let text = &mut self.timeline.line(now, by, Mark::None).text;
        text.put("imap-login: Login: user=<");
        text.extend_from_slice(&self.users[user]);
        text.put(">, method=PLAIN, rip=");
        put_address(world_address(bits), text);
        text.put(", lip=")
            .put(crate::remote::OUR_ADDRESS)
            .put(", mpid=")
            .number(1000 + bits % 60_000)
            .put(", TLS, session=<")
            .letters(bits, 16)
            .put(">");
    }

    /// One of the warnings that every server has.
    pub(crate) fn warning(&mut self, now: Time) {
        let program = *self.prng.pick(&[Program::Smtpd, Program::TrivialRewrite, Program::Cleanup]);
        let by = self.processes.take(program, now, &mut self.prng);
        let bits = self.prng.next();
        let line = self.timeline.line(now, by, Mark::None);
        line.warning = true;
        match program {
            Program::TrivialRewrite => {
                line.text
                    .put("warning: do not list domain ")
                    .put(&self.options.domain)
                    .put(" in BOTH mydestination and virtual_mailbox_domains");
            }
            Program::Cleanup => {
                line.text.put("warning: dict_nis_init: NIS domain name not set - NIS lookups disabled");
            }
            _ => {
                line.text.put("warning: non-SMTP command from unknown[");
                put_address(world_address(bits), &mut line.text);
                line.text.put("]: GET / HTTP/1.1");
            }
        }
        self.processes.release(by, now);
    }

    /// While the policy service is away, the master process says so too.
    pub(crate) fn own_trouble(&mut self, now: Time, incident: u16) {
        const STEP: i64 = 60 * Time::SECOND;
        let this = &self.options.incidents[usize::from(incident)];
        if this.kind != IncidentKind::PolicyDown || !this.is_on(now) {
            return;
        }
        let by = self.single(Program::Master, now);
        let line = self.timeline.line(now, by, Mark::None);
        line.warning = true;
        line.text.put("warning: process /usr/lib/postfix/sbin/spawn pid ").number(u64::from(by.pid) + 900).put(" exit status 1");
        let line = self.timeline.line(now.plus(100), by, Mark::None);
        line.warning = true;
        line.text.put("warning: /usr/lib/postfix/sbin/spawn: bad command startup -- throttling");
        self.timeline.task(now.plus(STEP), Task::OwnTrouble(incident));
    }
}
