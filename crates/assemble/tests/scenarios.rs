//! What becomes of messages, told by short logs.

use std::collections::BTreeMap;

use mailvane_assemble::{Assembler, Config, Limits};
use mailvane_model::{AttemptRow, AuthRow, FileId, MessageRow, NoticeRow, OutcomeRow, Position, RejectionRow, SessionRow, Sink, Time};
use mailvane_parse::calendar::{Calendar, Zone};

/// Short words of the last revision of each row, in the order in which they were first told.
#[derive(Debug, Default)]
struct Tale {
    messages: Vec<(u64, String)>,
    outcomes: Vec<(u64, String)>,
    attempts: Vec<String>,
    others: Vec<String>,
    bounce_of: BTreeMap<String, u64>,
    ids: BTreeMap<String, u64>,
}

fn put(rows: &mut Vec<(u64, String)>, id: u64, text: String) {
    match rows.iter_mut().find(|(each, _)| *each == id) {
        Some((_, former)) => *former = text,
        None => rows.push((id, text)),
    }
}

impl Sink for Tale {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        let ended = if row.removed.is_some() { "removed" } else { "open" };
        put(&mut self.messages, row.id, format!("{} <{}> {} {} {ended}", row.queue_id, row.sender, row.direction, row.population));
        self.bounce_of.insert(row.queue_id.to_owned(), row.bounce_of);
        self.ids.insert(row.queue_id.to_owned(), row.id);
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        let flags = if row.contacted { "" } else { " (not contacted)" };
        self.attempts.push(format!("{} {} {} #{}{flags}", row.queue_id, row.recipient, row.status, row.attempt));
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {
        let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
        let text = format!("{} {} {} {} {}/{}{note}", row.queue_id, row.recipient, row.outcome, row.handed_to, row.attempts, row.deferrals);
        put(&mut self.outcomes, row.id, text);
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.others.push(format!("rejection {} {} {} {} {}", row.client_ip, row.stage, row.action, row.reply_code, row.enhanced_code));
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.others.push(format!("auth {} {} {} {}", row.client_ip, row.user, row.method, row.result));
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.others.push(format!("session {} [{}] lost {} messages {}", row.client_ip, row.tls, row.lost_after, row.messages));
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.others.push(format!("notice {} {} {}", row.daemon, row.level, row.text));
    }
}

impl Tale {
    fn outcomes(&self) -> Vec<&str> {
        self.outcomes.iter().map(|(_, text)| text.as_str()).collect()
    }
    fn messages(&self) -> Vec<&str> {
        self.messages.iter().map(|(_, text)| text.as_str()).collect()
    }
}

fn feed(assembler: &mut Assembler, file: u64, text: &str, tale: &mut Tale) -> Time {
    let mut calendar = Calendar::with_year(Zone::Fixed(0), 2026);
    let mut latest = Time::default();
    for (offset, line) in (0..).zip(text.lines().map(str::trim_start).filter(|line| !line.is_empty())) {
        let record = mailvane_parse::head::record(line.as_bytes());
        let (time, _) = calendar.resolve(record.when).expect("every line of these has a time");
        assembler.record("here", Position { file: FileId(file), offset: offset * 100 }, time, &record, tale);
        latest = latest.max(time);
    }
    latest
}

/// The tale at the end of the input.
fn tell(text: &str) -> Tale {
    let (mut assembler, mut tale) = (Assembler::new(Config::default()), Tale::default());
    feed(&mut assembler, 1, text, &mut tale);
    assembler.finish(&mut tale);
    tale
}

/// The tale when the log went on for `wait` without a word of these messages.
fn tell_after(text: &str, wait: i64) -> Tale {
    let (mut assembler, mut tale) = (Assembler::new(Config::default()), Tale::default());
    let latest = feed(&mut assembler, 1, text, &mut tale);
    assembler.advance(latest.plus(wait), &mut tale);
    assembler.finish(&mut tale);
    assert_eq!(assembler.statistics().lives, 0, "everything has ended");
    tale
}

#[test]
fn a_reused_queue_id_is_another_message() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=4.0.0, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)
         Nov  2 08:00:09 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.com[198.51.100.7]
         Nov  2 08:00:09 mx1 postfix/qmgr[2]: 4A0001: from=<b@example.com>, size=200, nrcpt=1 (queue active)
         Nov  2 08:00:10 mx1 postfix/smtp[3]: 4A0001: to=<y@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
         Nov  2 08:00:10 mx1 postfix/qmgr[2]: 4A0001: removed",
    );
    assert_eq!(
        tale.outcomes(),
        [
            "4A0001 x@example.net unknown nobody 1/1 (its queue id was used again before its end was seen)",
            "4A0001 y@example.net delivered remote 1/0"
        ]
    );
    assert_eq!(tale.messages(), ["4A0001 <a@example.org> unknown ordinary open", "4A0001 <b@example.com> unknown ordinary removed"]);
}

#[test]
fn a_log_that_starts_in_the_middle_is_told_as_far_as_it_is_known() {
    let tale = tell(
        "Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=900, delays=899/0/1/0, dsn=2.0.0, status=sent (250 ok)
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: removed
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0002: removed",
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net delivered remote 1/0"]);
    assert_eq!(tale.messages(), ["4A0001 <> unknown ordinary removed"]);
}

#[test]
fn lines_out_of_order_by_seconds_belong_to_their_message() {
    let tale = tell_after(
        "Nov  2 08:00:00 mx1 postfix/cleanup[1]: 4A0001: message-id=<1@example.org>
         Nov  2 08:00:00 mx1 postfix/smtpd[1]: 4A0001: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0001: removed
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)",
        Time::MINUTE,
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net delivered remote 1/0"]);
    assert_eq!(tale.messages(), ["4A0001 <a@example.org> outbound ordinary removed"]);
}

#[test]
fn a_lost_last_line_is_unknown() {
    let tale = tell_after(
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.3, status=deferred (Host or domain name not found. Name service error for name=example.net type=MX: Host not found, try again)
         Nov  2 08:10:01 mx1 postfix/qmgr[2]: 4A0001: removed",
        Time::MINUTE,
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net unknown nobody 1/1 (the line of its last attempt is missing)"]);
}

#[test]
fn a_recipient_whose_only_line_was_lost_is_unknown() {
    let log = "Nov  2 08:00:00 mx1 postfix/submission/smtpd[1]: 4A0001: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=3 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0001: removed";
    let lost = "4A0001  unknown nobody 0/0 (the line of its last attempt is missing)";
    for tale in [tell(log), tell_after(log, Time::MINUTE)] {
        assert_eq!(tale.outcomes(), ["4A0001 x@example.net delivered remote 1/0", lost, lost]);
    }
    // An address that two aliases reach has one outcome and two lines: nothing is lost.
    let twice = log.replace("nrcpt=3", "nrcpt=2").replace(
        "4A0001: removed",
        "4A0001: removed
         Nov  2 08:00:02 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, orig_to=<y@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)",
    );
    assert_eq!(tell_after(&twice, Time::MINUTE).outcomes(), ["4A0001 x@example.net delivered remote 1/0"]);
}

#[test]
fn a_filter_hop_is_no_try_and_the_delay_of_one_hop_is_exact() {
    let log = "Nov  2 08:00:00 mx1 postfix/submission/smtpd[1]: 4A0001: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
         Nov  2 08:00:00 mx1 postfix/cleanup[9]: 4A0001: message-id=<1@example.org>
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtpd[7]: 4A0002: client=localhost[127.0.0.1]
         Nov  2 08:00:01 mx1 postfix/cleanup[9]: 4A0002: message-id=<1@example.org>
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0002: from=<a@example.org>, size=120, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4A0002)
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: removed
         Nov  2 08:00:02 mx1 postfix/smtp[4]: 4A0002: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=4.2.2, status=deferred (host mx.example.net[203.0.113.1] said: 452 4.2.2 mailbox full (in reply to RCPT TO command))
         Nov  2 08:10:02 mx1 postfix/smtp[4]: 4A0002: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=601, delays=0/600/1/0, dsn=2.0.0, status=sent (250 ok)
         Nov  2 08:10:02 mx1 postfix/qmgr[2]: 4A0002: removed";
    assert_eq!(tell(log).outcomes(), ["4A0001 x@example.net delivered remote 2/1"]);
    let one_hop = "Nov  2 08:00:00 mx1 postfix/submission/smtpd[1]: 4A0003: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0003: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0003: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=0.37, delays=0.1/0/0.2/0.07, dsn=2.0.0, status=sent (250 ok)";
    let mut delays = Delays::default();
    let mut assembler = Assembler::new(Config::default());
    let mut calendar = Calendar::with_year(Zone::Fixed(0), 2026);
    for (offset, line) in (0..).zip(one_hop.lines().map(str::trim_start)) {
        let record = mailvane_parse::head::record(line.as_bytes());
        let (time, _) = calendar.resolve(record.when).expect("a time");
        assembler.record("here", Position { file: FileId(1), offset }, time, &record, &mut delays);
    }
    assert_eq!(delays.0, [Some(370)]);
}

/// The delays of outcomes.
#[derive(Default)]
struct Delays(Vec<Option<u64>>);

impl Sink for Delays {
    fn outcome(&mut self, row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {
        self.0.push(row.delay_ms);
    }
}

#[test]
fn expiry_names_nobody_and_ends_all_that_wait() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=2 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<y@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to mx.example.net[203.0.113.1]:25: Connection timed out)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, status=expired, returned to sender
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0001: removed",
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net delivered remote 1/0", "4A0001 y@example.net expired nobody 1/1"]);
    assert_eq!(tale.attempts, ["4A0001 x@example.net delivered #1", "4A0001 y@example.net deferred #1 (not contacted)"]);
}

#[test]
fn a_soft_bounce_is_a_deferral_and_a_probe_is_nothing() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=5.1.1, status=SOFTBOUNCE (host mx.example.net[203.0.113.1] said: 550 5.1.1 no (in reply to RCPT TO command))
         Nov  2 08:00:02 mx1 postfix/cleanup[1]: 4A0002: message-id=<p@mx1.example.com>
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0002: from=<double-bounce@mx1.example.com>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:02 mx1 postfix/smtp[3]: 4A0002: to=<z@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.1.5, status=deliverable (250 2.1.5 Ok)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0002: removed",
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net queued nobody 1/1"]);
    assert_eq!(tale.attempts, ["4A0001 x@example.net deferred #1"]);
    assert!(tale.messages().contains(&"4A0002 <double-bounce@mx1.example.com> unknown probe removed"), "{:?}", tale.messages());
}

#[test]
fn the_administrator_holds_releases_deletes_and_requeues() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/pickup[1]: 4A0001: uid=33 from=<www>
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<www@example.com>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)
         Nov  2 08:01:00 mx1 postfix/postsuper[9]: 4A0001: requeued
         Nov  2 08:01:01 mx1 postfix/pickup[1]: 4A0002: uid=33 from=<www@example.com> orig_id=4A0001
         Nov  2 08:01:01 mx1 postfix/qmgr[2]: 4A0002: from=<www@example.com>, size=120, nrcpt=1 (queue active)
         Nov  2 08:01:02 mx1 postfix/smtp[3]: 4A0002: to=<x@example.net>, relay=none, delay=60, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)
         Nov  2 08:02:00 mx1 postfix/postsuper[9]: 4A0002: placed on hold",
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net held nobody 2/2"]);
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/pickup[1]: 4A0001: uid=33 from=<www>
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<www@example.com>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)
         Nov  2 08:02:00 mx1 postfix/postsuper[9]: 4A0001: removed",
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net deleted nobody 1/1"]);
}

#[test]
fn a_requeued_message_that_is_not_tried_again_is_still_queued() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<www@example.com>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)
         Nov  2 08:01:00 mx1 postfix/postsuper[9]: 4A0001: requeued
         Nov  2 08:01:01 mx1 postfix/pickup[1]: 4A0002: uid=33 from=<www@example.com> orig_id=4A0001",
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net queued nobody 1/1"]);
}

#[test]
fn content_checks_reject_discard_and_hold_after_a_queue_id() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/cleanup[4]: 4A0001: milter-reject: END-OF-MESSAGE from mail.example.org[192.0.2.7]: 5.7.1 Spam; from=<a@example.org> to=<x@example.com> proto=ESMTP helo=<mail>
         Nov  2 08:00:01 mx1 postfix/smtpd[1]: 4A0002: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:01 mx1 postfix/cleanup[4]: 4A0002: discard: header Subject: junk from mail.example.org[192.0.2.7]; from=<a@example.org> to=<x@example.com> proto=ESMTP helo=<mail>: no
         Nov  2 08:00:02 mx1 postfix/smtpd[1]: 4A0003: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:02 mx1 postfix/cleanup[4]: 4A0003: hold: header Subject: odd from mail.example.org[192.0.2.7]; from=<a@example.org> to=<team@example.com> proto=ESMTP helo=<mail>: look
         Nov  2 08:00:02 mx1 postfix/cleanup[4]: 4A0003: message-id=<3@example.org>
         Nov  2 08:05:00 mx1 postfix/postsuper[9]: 4A0003: released from hold
         Nov  2 08:05:01 mx1 postfix/qmgr[2]: 4A0003: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:05:01 mx1 postfix/local[5]: 4A0003: to=<box@example.com>, orig_to=<team@example.com>, relay=local, delay=300, delays=300/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)
         Nov  2 08:05:01 mx1 postfix/qmgr[2]: 4A0003: removed",
    );
    assert_eq!(
        tale.outcomes(),
        [
            "4A0001 x@example.com rejected nobody 0/0",
            "4A0002 x@example.com discarded nobody 0/0",
            "4A0003 box@example.com delivered mailbox 1/0"
        ]
    );
    let rejections = [
        "rejection 192.0.2.7 end_of_message reject 0 5.7.1",
        "rejection 192.0.2.7 end_of_message discard 0 ",
        "rejection 192.0.2.7 end_of_message hold 0 ",
    ];
    assert_eq!(tale.others, rejections);
}

#[test]
fn refusals_of_our_own_probes_are_left_out_and_nobody_else_can_hide_behind_their_mark() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: 554 5.7.1 <mailvane-probe@example.net>: Relay access denied; from=<mailvane-probe@example.org> to=<mailvane-probe@example.net> proto=ESMTP helo=<mailvane-probe.mx1.example.com>
         Nov  2 08:00:01 mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[203.0.113.5]: 554 5.7.1 <x@example.net>: Relay access denied; from=<y@example.org> to=<x@example.net> proto=ESMTP helo=<mailvane-probe.invalid>",
    );
    assert_eq!(tale.others, ["rejection 203.0.113.5 rcpt reject 554 5.7.1"]);
}

#[test]
fn a_filter_that_keeps_its_mail_leaves_it_unknown_and_one_that_says_so_discards() {
    let taken = "Nov  2 08:00:00 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=2 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.com>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4A0009)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<y@example.com>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/1/0, dsn=2.7.0, status=sent (250 2.7.0 Ok, discarded, id=1 - spam)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0001: removed";
    let tale = tell_after(taken, 2 * Time::HOUR);
    assert_eq!(
        tale.outcomes(),
        ["4A0001 y@example.com discarded filter 1/0", "4A0001 x@example.com unknown filter 1/0 (left our sight at the filter)"]
    );
    assert_eq!(tale.attempts, ["4A0001 x@example.com internal_hop #1", "4A0001 y@example.com discarded #1"]);
}

#[test]
fn a_before_queue_filter_hands_over_the_client() {
    let tale = tell_after(
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: connect from mail.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/smtpd[1]: NOQUEUE: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:01 mx1 postfix/smtpd[6]: connect from localhost[127.0.0.1]
         Nov  2 08:00:01 mx1 postfix/smtpd[6]: 4A0001: client=localhost[127.0.0.1]
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/local[5]: 4A0001: to=<box@example.com>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: removed
         Nov  2 08:00:01 mx1 postfix/smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4A0001; from=<a@example.org> to=<box@example.com> proto=ESMTP helo=<mail>",
        Time::HOUR,
    );
    assert_eq!(tale.outcomes(), ["4A0001 box@example.com delivered mailbox 1/0"]);
    assert_eq!(tale.messages().len(), 1);
    assert!(tale.others.is_empty(), "{:?}", tale.others);
}

#[test]
fn notifications_know_their_cause_in_both_orders_of_lines() {
    let cause = "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=5.1.1, status=bounced (host mx.example.net[203.0.113.1] said: 550 5.1.1 no (in reply to RCPT TO command))\n";
    let notice = "Nov  2 08:00:01 mx1 postfix/bounce[7]: 4A0001: sender non-delivery notification: 4A0002\n";
    let made = "Nov  2 08:00:01 mx1 postfix/cleanup[4]: 4A0002: message-id=<n@mx1.example.com>\n";
    let sent = "Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0002: from=<>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: removed
         Nov  2 08:00:02 mx1 postfix/smtp[3]: 4A0002: to=<a@example.org>, relay=mx.example.org[192.0.2.25]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0002: removed";
    for text in [[cause, made, notice, sent].concat(), [cause, notice, made, sent].concat(), [cause, made, sent, "\n", notice].concat()] {
        let tale = tell(&text);
        assert_eq!(tale.outcomes(), ["4A0001 x@example.net bounced nobody 1/0", "4A0002 a@example.org delivered remote 1/0"]);
        assert_eq!(tale.bounce_of["4A0002"], tale.ids["4A0001"]);
        // Told before its cause was known, its attempt could not say whose it was.
        let direction = if text.ends_with(notice) { "unknown" } else { "outbound" };
        assert!(tale.messages().contains(&format!("4A0002 <<>> {direction} notification removed").as_str()), "{:?}", tale.messages());
    }
}

#[test]
fn logins_are_told_once_for_each_connection_and_repeats_are_counted() {
    let tale = tell(
        "Nov  2 08:00:00 mx1 postfix/submission/smtpd[1]: connect from desk.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/submission/smtpd[1]: warning: desk.example.org[192.0.2.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6
         Nov  2 08:00:01 mx1 postfix/submission/smtpd[1]: message repeated 2 times: [ warning: desk.example.org[192.0.2.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6]
         Nov  2 08:00:02 mx1 postfix/submission/smtpd[1]: 4A0001: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
         Nov  2 08:00:03 mx1 postfix/submission/smtpd[1]: 4A0002: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
         Nov  2 08:00:04 mx1 postfix/submission/smtpd[1]: lost connection after DATA from desk.example.org[192.0.2.7]
         Nov  2 08:00:04 mx1 postfix/submission/smtpd[1]: disconnect from desk.example.org[192.0.2.7] ehlo=1 auth=1/4 mail=2 rcpt=2 data=2 commands=8
         Nov  2 08:00:05 mx1 last message repeated 3 times",
    );
    let failed = tale.others.iter().filter(|text| text.ends_with("LOGIN failed")).count();
    assert_eq!(failed, 3, "{:?}", tale.others);
    assert_eq!(tale.others.iter().filter(|text| *text == "auth 192.0.2.7 ann PLAIN ok").count(), 1);
    assert!(tale.others.contains(&"session 192.0.2.7 [] lost data messages 2".to_owned()), "{:?}", tale.others);
    assert!(tale.others.iter().any(|text| text.contains("repeated 3 times")));
    assert!(tale.messages().is_empty(), "nothing reached the queue");
}

#[test]
fn abandoned_transactions_are_forgotten() {
    let (mut assembler, mut tale) = (Assembler::new(Config::default()), Tale::default());
    let latest = feed(
        &mut assembler,
        1,
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: connect from mail.example.org[192.0.2.7]
         Nov  2 08:00:02 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:04 mx1 postfix/smtpd[1]: lost connection after RCPT from mail.example.org[192.0.2.7]
         Nov  2 08:00:04 mx1 postfix/smtpd[1]: disconnect from mail.example.org[192.0.2.7] ehlo=1 mail=1 rcpt=1 commands=3",
        &mut tale,
    );
    assert_eq!(assembler.statistics().lives, 1);
    assembler.advance(latest.plus(Time::MINUTE), &mut tale);
    assert_eq!(assembler.statistics().lives, 0);
    assembler.finish(&mut tale);
    assert!(tale.messages().is_empty() && tale.outcomes().is_empty());
}

#[test]
fn limits_close_the_oldest_and_count_it() {
    let limits = Limits { lives: 10, ..Limits::default() };
    let (mut assembler, mut tale) = (Assembler::new(Config { limits, ..Config::default() }), Tale::default());
    let mut text = String::new();
    for number in 0..25 {
        use std::fmt::Write as _;
        writeln!(text, "Nov  2 08:00:{number:02} mx1 postfix/smtp[3]: 4A00{number:02}: to=<x@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)").unwrap();
    }
    feed(&mut assembler, 1, &text, &mut tale);
    let statistics = assembler.statistics();
    assert_eq!((statistics.lives, statistics.lives_over_limit), (10, 15));
    assembler.finish(&mut tale);
    assert_eq!(tale.outcomes.len(), 25);
    assert_eq!(tale.outcomes().iter().filter(|text| text.contains("unknown")).count(), 15);
}

#[test]
fn what_is_silent_for_longer_than_the_queue_lifetime_is_unknown() {
    let tale = tell_after(
        "Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<a@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/smtp[3]: 4A0001: to=<x@example.net>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example.net[203.0.113.1]:25: Connection timed out)",
        7 * Time::DAY,
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net unknown nobody 1/1 (no line for longer than the queue lifetime)"]);
}

#[test]
fn odd_bytes_do_no_harm() {
    let (mut assembler, mut tale) = (Assembler::new(Config::default()), Tale::default());
    let line = b"Nov  2 08:00:01 mx\xff1 postfix/smtp[3]: 4A0001: to=<x\xfe@ex\xc3ample.net>, relay=m\xffx[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 \xff ok)";
    let record = mailvane_parse::head::record(line);
    assembler.record("here", Position::default(), Time::from_seconds(1_793_606_401), &record, &mut tale);
    assembler.finish(&mut tale);
    assert_eq!(tale.outcomes().len(), 1);
    assert!(tale.outcomes()[0].contains('\u{fffd}'));
}

#[test]
fn a_signer_on_our_own_public_address_is_a_hop() {
    let text = |first: &str, second: &str, second_client: &str| {
        format!(
            "Nov  2 08:00:00 mx1 postfix/submission/smtpd[1]: {first}: client=desk.example.org[192.0.2.7], sasl_method=PLAIN, sasl_username=ann
             Nov  2 08:00:00 mx1 postfix/cleanup[4]: {first}: message-id=<{first}@example.org>
             Nov  2 08:00:00 mx1 postfix/qmgr[2]: {first}: from=<ann@example.com>, size=100, nrcpt=1 (queue active)
             Nov  2 08:00:01 mx1 postfix/smtpd[6]: {second}: client={second_client}
             Nov  2 08:00:01 mx1 postfix/cleanup[4]: {second}: message-id=<{first}@example.org>
             Nov  2 08:00:01 mx1 postfix/qmgr[2]: {second}: from=<ann@example.com>, size=120, nrcpt=1 (queue active)
             Nov  2 08:00:01 mx1 postfix/smtp[3]: {first}: to=<x@example.net>, relay=203.0.113.10[203.0.113.10]:2501, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {second})
             Nov  2 08:00:01 mx1 postfix/qmgr[2]: {first}: removed
             Nov  2 08:00:02 mx1 postfix/smtp[3]: {second}: to=<x@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)
             Nov  2 08:00:02 mx1 postfix/qmgr[2]: {second}: removed\n"
        )
    };
    let tale = tell(
        &[text("4A0001", "4A0002", "mx1.example.com[203.0.113.10]"), text("4A0003", "4A0004", "mx1.example.com[203.0.113.10]")].concat(),
    );
    assert_eq!(tale.outcomes(), ["4A0001 x@example.net delivered remote 1/0", "4A0003 x@example.net delivered remote 1/0"]);
    assert_eq!(tale.attempts[0], "4A0001 x@example.net internal_hop #1");
}

#[test]
fn a_filter_program_hands_back_by_pickup() {
    let tale = tell_after(
        "Nov  2 08:00:00 mx1 postfix/smtpd[1]: 4A0001: client=mail.example.org[192.0.2.7]
         Nov  2 08:00:00 mx1 postfix/cleanup[4]: 4A0001: message-id=<1@example.org>
         Nov  2 08:00:00 mx1 postfix/qmgr[2]: 4A0001: from=<joe@example.org>, size=100, nrcpt=1 (queue active)
         Nov  2 08:00:01 mx1 postfix/pipe[3]: 4A0001: to=<box@example.com>, relay=spamfilter, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (delivered via spamfilter service)
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0001: removed
         Nov  2 08:00:01 mx1 postfix/pickup[8]: 4A0002: uid=110 from=<joe@example.org>
         Nov  2 08:00:01 mx1 postfix/cleanup[4]: 4A0002: message-id=<1@example.org>
         Nov  2 08:00:01 mx1 postfix/qmgr[2]: 4A0002: from=<joe@example.org>, size=140, nrcpt=1 (queue active)
         Nov  2 08:00:02 mx1 postfix/local[5]: 4A0002: to=<box@example.com>, relay=local, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (delivered to mailbox)
         Nov  2 08:00:02 mx1 postfix/qmgr[2]: 4A0002: removed",
        2 * Time::HOUR,
    );
    assert_eq!(tale.outcomes(), ["4A0001 box@example.com delivered mailbox 1/0"]);
    assert!(tale.messages().contains(&"4A0001 <joe@example.org> inbound ordinary removed"), "{:?}", tale.messages());
}
