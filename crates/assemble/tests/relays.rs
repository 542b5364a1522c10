//! Which host an attempt is told to have tried, where the result itself does not name one as its relay.

use mailvane_assemble::Assembler;
use mailvane_assemble::config::Config;
use mailvane_model::{AttemptRow, FileId, Position, Sink};
use mailvane_parse::calendar::{Calendar, Zone};

#[derive(Default)]
struct Relays(Vec<String>);

impl Sink for Relays {
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        let answered = if row.reply_code == 0 { "" } else { " answered" };
        self.0.push(format!("{} {}[{}]:{} {:?}{answered}", row.recipient, row.relay_host, row.relay_ip, row.relay_port, row.provider));
    }
}

fn relays(text: &str) -> Vec<String> {
    let (mut assembler, mut relays) = (Assembler::new(Config::default()), Relays::default());
    let mut calendar = Calendar::with_year(Zone::Fixed(0), 2026);
    for (offset, line) in (0..).zip(text.lines().map(str::trim_start)) {
        let record = mailvane_parse::head::record(line.as_bytes());
        let (time, _) = calendar.resolve(record.when).expect("every line of these has a time");
        assembler.record("here", Position { file: FileId(1), offset: offset * 100 }, time, &record, &mut relays);
    }
    assembler.finish(&mut relays);
    relays.0
}

#[test]
fn postfix_names_the_host_that_did_not_answer_in_its_reason() {
    let told = relays(
        "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=4 (queue active)
         Nov  2 08:00:30 mx1 postfix/smtp[3]: 4A0001: to=<a@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to gmail-smtp-in.l.google.com[192.0.2.1]:25: Connection timed out)
         Nov  2 08:00:31 mx1 postfix/smtp[3]: 4A0001: to=<b@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.2, status=deferred (lost connection with mx.example.net[192.0.2.31] while receiving the initial server greeting)
         Nov  2 08:00:32 mx1 postfix/smtp[3]: 4A0001: to=<c@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for name=mx.example.net type=A: Host not found, try again)
         Nov  2 08:00:33 mx1 postfix/error[4]: 4A0001: to=<d@example.net>, relay=none, delay=30, delays=0/30/0/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to gmail-smtp-in.l.google.com[203.0.113.5]:25: Connection timed out)",
    );
    assert_eq!(
        told,
        [
            "a@example.net gmail-smtp-in.l.google.com[192.0.2.1]:25 \"google\"",
            "b@example.net mx.example.net[192.0.2.31]:0 \"example.net\"",
            "c@example.net []:0 \"\"",
            "d@example.net gmail-smtp-in.l.google.com[203.0.113.5]:25 \"google\"",
        ]
    );
}

#[test]
fn a_filter_that_is_down_is_no_provider() {
    let told = relays(
        "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:30 mx1 postfix/smtp[3]: 4A0001: to=<a@example.net>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to 127.0.0.1[127.0.0.1]:10024: Connection refused)",
    );
    assert_eq!(told, ["a@example.net 127.0.0.1[127.0.0.1]:10024 \"\""]);
}

#[test]
fn exim_names_the_host_that_did_not_answer_in_a_line_before() {
    let told = relays(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 <= joe@example.com H=mail.example.com [198.51.100.7] P=esmtp S=900
         2026-11-22 14:00:01 1rABCD-0005MB-00 H=mx1.example.net [192.0.2.31] Connection refused
         2026-11-22 14:00:01 1rABCD-0005MB-00 H=gmail-smtp-in.l.google.com [192.0.2.1] Connection timed out
         2026-11-22 14:00:01 1rABCD-0005MB-00 == a@example.net R=dnslookup T=remote_smtp defer (110): Connection timed out
         2026-11-22 14:05:01 1rABCD-0005MB-00 H=gmail-smtp-in.l.google.com [192.0.2.1] Connection timed out
         2026-11-22 14:05:01 1rABCD-0005MB-00 == a@example.net R=dnslookup T=remote_smtp defer (110): Connection timed out
         2026-11-22 14:05:02 1rABCD-0005MB-00 == b@example.net R=dnslookup T=remote_smtp defer (110): Connection timed out
         2026-11-22 14:05:03 1rABCD-0005MB-00 == c@example.net R=dnslookup T=remote_smtp defer (113): No route to host
         2026-11-22 14:10:03 1rABCD-0005MB-00 == b@example.net R=dnslookup T=remote_smtp defer (-44) H=mx2.example.net [192.0.2.32]: SMTP error from remote mail server after RCPT TO:<b@example.net>: 450 4.2.0 later",
    );
    assert_eq!(
        told,
        [
            // Hosts of two owners failed before: which of them it was is not said.
            "a@example.net []:0 \"\"",
            "a@example.net gmail-smtp-in.l.google.com[192.0.2.1]:0 \"google\"",
            "b@example.net gmail-smtp-in.l.google.com[192.0.2.1]:0 \"google\"",
            "c@example.net []:0 \"\"",
            "b@example.net mx2.example.net[192.0.2.32]:0 \"example.net\" answered",
        ]
    );
}
