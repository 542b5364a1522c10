//! A main log of Exim for benches: seeded, in the form of Debian's Exim 4.96 with its usual `log_selector`.
//!
//! Per message: an arrival, deliveries to remote and local recipients, some deferred and tried again, some refused with their notification, and
//! between them what any server on the Internet logs: refused recipients, guessed passwords, connections that break off.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) messages: u64,
}

const PROVIDERS: [(&str, &str, &str); 5] = [
    ("gmail.com", "gmail-smtp-in.l.google.com", "250 2.0.0 OK  1795316259 d9443c01a7336-20aa9d5b0c4si0000271plb.97 - gsmtp"),
    (
        "outlook.com",
        "outlook-com.olc.protection.outlook.com",
        "250 2.6.0 [InternalId=20307428, Hostname=AM0PR04MB0574.eurprd04] 9616 bytes Queued mail for delivery -> 250 2.1.5",
    ),
    ("yahoo.com", "mta7.am0.yahoodns.net", "250 ok dirdel"),
    ("example.net", "mx.example.net", "250 2.0.0 Ok: queued as 4F1A2B3C4D"),
    ("example.org", "mail.example.org", "250 OK id=1xUxlr-0000Is-1l"),
];
const CIPHER: &str = "TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256";

/// The log begins on 2 November 2026.
const DAY_ONE: u64 = 1;
/// Milliseconds between two messages; the log then has some 40,000 messages a day.
const STEP_MS: u64 = 2_000;

/// Writes whole messages until `most` bytes are reached.
pub(super) fn write(out: &mut impl Write, seed: u64, most: u64) -> Result<Written> {
    let mut log =
        Log { out, written: Written::default(), state: seed.wrapping_mul(2).wrapping_add(1), now_ms: 0, later: BTreeMap::new(), made: 0 };
    while log.written.bytes < most {
        log.now_ms += STEP_MS / 2 + log.below(STEP_MS);
        log.flush(log.now_ms / 1_000)?;
        match log.below(100) {
            0..=29 => log.background(),
            30..=64 => log.inbound(),
            _ => log.outbound(),
        }
    }
    log.flush(u64::MAX)?;
    Ok(log.written)
}

struct Log<'w, W> {
    out: &'w mut W,
    written: Written,
    state: u64,
    now_ms: u64,
    /// Lines that are not written yet, by second and order: a log is in the order of time.
    later: BTreeMap<(u64, u64), String>,
    made: u64,
}

impl<W: Write> Log<'_, W> {
    /// A number below `end` (xorshift64*).
    fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    /// A line at so many seconds from now.
    fn line(&mut self, after: u64, text: &str) {
        let seconds = self.now_ms / 1_000 + after;
        // Months of 28 days: a day is never written twice.
        let (months, day) = ((seconds / 86_400 + DAY_ONE) / 28 + 10, (seconds / 86_400 + DAY_ONE) % 28 + 1);
        let (year, month) = (2026 + months / 12, months % 12 + 1);
        let clock = seconds % 86_400;
        let line = format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02} {text}\n", clock / 3_600, clock / 60 % 60, clock % 60);
        self.made += 1;
        self.later.insert((seconds, self.made), line);
    }

    /// Writes what is due before this second.
    fn flush(&mut self, before: u64) -> Result<()> {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 < before
        {
            let line = entry.remove();
            self.out.write_all(line.as_bytes())?;
            self.written.bytes += line.len() as u64;
            self.written.lines += 1;
        }
        Ok(())
    }

    /// An id in Exim's alphabet, in the order of time.
    fn id(&mut self) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        self.written.messages += 1;
        let base62 = |mut value: u64, count: usize| {
            let mut digits = vec![b'0'; count];
            for digit in digits.iter_mut().rev() {
                *digit = DIGITS[(value % 62) as usize];
                value /= 62;
            }
            String::from_utf8_lossy(&digits).into_owned()
        };
        format!(
            "{}-{}-{}",
            base62(1_795_000_000 + self.now_ms / 1_000, 6),
            base62(self.written.messages % 900_000, 6),
            base62(self.now_ms % 1_000, 2)
        )
    }

    fn outbound(&mut self) {
        let (id, user, size) = (self.id(), self.below(400), 900 + self.below(90_000));
        let client = 1 + self.below(250);
        let sender = format!("user{user}@example.com");
        self.line(0, &format!("{id} <= {sender} H=pc{client}.example.com [198.51.100.{client}] P=esmtpsa X={CIPHER} CV=no A=dovecot_login:user{user} S={size} id={}.{user}@example.com", self.now_ms));
        let (domain, host, reply) = PROVIDERS[self.below(5) as usize];
        let (to, ip) = (format!("friend{}@{domain}", self.below(5_000)), format!("203.0.113.{}", 1 + self.below(250)));
        let ended = match self.below(100) {
            0..=3 => {
                let text = format!("550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table");
                self.line(1, &format!("{id} ** {to} R=dnslookup T=remote_smtp H={host} [{ip}] X={CIPHER} CV=yes: SMTP error from remote mail server after RCPT TO:<{to}>: {text}"));
                let notice = self.id();
                self.line(1, &format!("{notice} <= <> R={id} U=Debian-exim P=local S={}", size + 1_200));
                self.line(1, &format!("{notice} => user{user} <{sender}> R=local_user T=maildir_home"));
                self.line(1, &format!("{notice} Completed"));
                1
            }
            4..=11 => {
                let text = format!("450 4.2.0 <{to}>: Recipient address rejected: Greylisted, see http://postgrey.example.org/help");
                for delay in [1, 901] {
                    self.line(delay, &format!("{id} H={host} [{ip}]: SMTP error from remote mail server after RCPT TO:<{to}>: {text}"));
                    self.line(delay, &format!("{id} == {to} R=dnslookup T=remote_smtp defer (-44) H={host} [{ip}]: SMTP error from remote mail server after RCPT TO:<{to}>: {text}"));
                }
                self.line(1_801, &format!("{id} => {to} R=dnslookup T=remote_smtp H={host} [{ip}] X={CIPHER} CV=yes C=\"{reply}\""));
                1801
            }
            12..=14 => {
                self.line(30, &format!("{id} H={host} [{ip}] Connection timed out"));
                self.line(30, &format!("{id} == {to} R=dnslookup T=remote_smtp defer (110): Connection timed out"));
                self.line(930, &format!("{id} => {to} R=dnslookup T=remote_smtp H={host} [{ip}] X={CIPHER} CV=yes C=\"{reply}\""));
                930
            }
            _ => {
                self.line(1, &format!("{id} => {to} R=dnslookup T=remote_smtp H={host} [{ip}] X={CIPHER} CV=yes C=\"{reply}\""));
                for _ in 0..self.below(3) {
                    let more = format!("friend{}@{domain}", self.below(5_000));
                    self.line(1, &format!("{id} -> {more} R=dnslookup T=remote_smtp H={host} [{ip}] X={CIPHER} CV=yes C=\"{reply}\""));
                }
                1
            }
        };
        // The last recipient's line comes just before.
        self.line(ended, &format!("{id} Completed"));
    }

    fn inbound(&mut self) {
        let (id, user, size) = (self.id(), self.below(400), 1_500 + self.below(60_000));
        let (domain, _, _) = PROVIDERS[self.below(5) as usize];
        let (client, sender) = (1 + self.below(250), self.below(9_000));
        self.line(0, &format!("{id} <= sender{sender}@{domain} H=out{client}.{domain} [192.0.2.{client}] P=esmtps X={CIPHER} CV=no S={size} DKIM={domain} id={}.in@{domain}", self.now_ms));
        self.line(0, &format!("{id} => user{user} <user{user}@example.com> R=local_user T=maildir_home"));
        self.line(0, &format!("{id} Completed"));
    }

    fn background(&mut self) {
        let client = 1 + self.below(250);
        let to = format!("nobody{}@example.com", self.below(900));
        match self.below(5) {
            0 => self.line(0, &format!("H=(win-{client}) [192.0.2.{client}] F=<spam{client}@example.net> rejected RCPT <{to}>: Unrouteable address")),
            1 => self.line(0, &format!("H=mail{client}.example.org [192.0.2.{client}] F=<news@example.org> rejected RCPT <{to}>: 192.0.2.{client} is in a black list at zen.spamhaus.org")),
            2 => self.line(0, &format!("login authenticator failed for (User) [192.0.2.{client}]: 535 Incorrect authentication data (set_id=user{client}@example.com)")),
            3 => self.line(0, &format!("no host name found for IP address 192.0.2.{client}")),
            _ => self.line(0, &format!("unexpected disconnection while reading SMTP command from (host{client}) [192.0.2.{client}] D=10s")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_log_of_the_wanted_size() {
        let make = |seed| {
            let mut log = Vec::new();
            let written = write(&mut log, seed, 500_000).unwrap();
            assert_eq!(written.bytes, log.len() as u64);
            log
        };
        let log = make(1);
        assert_eq!(log, make(1));
        assert_ne!(log, make(2));
        assert!((500_000..600_000).contains(&log.len()));
        assert!([" <= ", " => ", " == ", " ** ", " Completed"].iter().all(|flag| String::from_utf8_lossy(&log).contains(flag)));
    }
}
