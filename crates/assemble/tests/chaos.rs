//! Lines in any order, with lines lost, queue ids used again and hops crossing: nothing panics, sums stay right, everything ends.

use std::collections::BTreeMap;

use mailvane_assemble::{Assembler, Config};
use mailvane_model::{AttemptRow, FileId, MessageRow, OutcomeRow, Position, Sink, Time};
use proptest::prelude::*;

#[derive(Debug, Default, PartialEq)]
struct Facts {
    /// Revision, what is counted, and the whole row.
    messages: BTreeMap<u64, (u32, String, String)>,
    attempts: BTreeMap<u64, String>,
    outcomes: BTreeMap<u64, (u32, String)>,
}

impl Sink for Facts {
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        let text = format!("{:?}", MessageRow { rev: 0, ..*row });
        let former = self.messages.insert(row.id, (row.rev, counted(row), text));
        assert_eq!(former.as_ref().map_or(0, |(rev, _, _)| rev + 1), row.rev, "revisions count up: {row:?}");
        assert_eq!(former.map(|(_, counted, _)| counted), replaced.map(counted), "what is replaced is what was told");
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        assert!(self.attempts.insert(row.id, format!("{row:?}")).is_none(), "an attempt is told once");
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        let text = |row: &OutcomeRow<'_>| format!("{:?}", OutcomeRow { rev: 0, ..*row });
        let former = self.outcomes.insert(row.id, (row.rev, text(row)));
        assert_eq!(former.as_ref().map_or(0, |(rev, _)| rev + 1), row.rev, "revisions count up: {row:?}");
        assert_eq!(former.map(|(_, text)| text), replaced.map(text), "what is replaced is what was told");
    }
}

/// What a row of a message adds to sums, and where.
fn counted(row: &MessageRow<'_>) -> String {
    let place = (row.time, row.stream, row.direction, row.population, row.sender, row.client_name, row.client_ip, row.sasl_user);
    format!("{place:?} {:?}", (row.previous_hop, row.chain, row.size, row.recipients))
}

/// Kinds of lines; `{a}`, `{b}` are queue ids, `{r}` a recipient.
const LINES: &[&str] = &[
    "postfix/smtpd[1]: connect from mail.example.org[192.0.2.7]",
    "postfix/smtpd[1]: disconnect from mail.example.org[192.0.2.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
    "postfix/smtpd[1]: {a}: client=mail.example.org[192.0.2.7]",
    "postfix/smtpd[1]: {a}: client=desk.example.org[198.51.100.7], sasl_method=PLAIN, sasl_username=ann",
    "postfix/smtpd[2]: {a}: client=localhost[127.0.0.1]",
    "postfix/smtpd[2]: {a}: client=localhost[127.0.0.1], orig_queue_id={b}, orig_client=mail.example.org[192.0.2.7]",
    "postfix/pickup[3]: {a}: uid=33 from=<www>",
    "postfix/pickup[3]: {a}: uid=33 from=<www> orig_id={b}",
    "postfix/cleanup[4]: {a}: message-id=<1@example.org>",
    "postfix/cleanup[4]: {a}: message-id=<2@example.org>",
    "postfix/qmgr[5]: {a}: from=<joe@example.org>, size=100, nrcpt=1 (queue active)",
    "postfix/qmgr[5]: {a}: from=<joe@example.org>, size=100, nrcpt=2 (queue active)",
    "postfix/qmgr[5]: {a}: from=<>, size=100, nrcpt=1 (queue active)",
    "postfix/smtp[6]: {a}: to=<{r}@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)",
    "postfix/smtp[6]: {a}: to=<{r}@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=4.2.0, status=deferred (host mx.example.net[203.0.113.1] said: 450 4.2.0 Greylisted (in reply to RCPT TO command))",
    "postfix/smtp[6]: {a}: to=<{r}@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=5.1.1, status=bounced (host mx.example.net[203.0.113.1] said: 550 5.1.1 no such user (in reply to RCPT TO command))",
    "postfix/smtp[7]: {a}: to=<{r}@example.net>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {b})",
    "postfix/smtp[7]: {a}: to=<{r}@example.net>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.6.0 taken)",
    "postfix/smtp[7]: {a}: to=<{r}@example.net>, relay=10.1.2.3[10.1.2.3]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {b})",
    "postfix/local[8]: {a}: to=<{r}@example.com>, relay=local, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (delivered to mailbox)",
    "postfix/local[8]: {a}: to=<{r}@example.com>, relay=local, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (forwarded as {b})",
    "postfix/smtp[6]: {a}: to=<{r}@example.net>, orig_to=<all@example.com>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)",
    "postfix/smtp[6]: {a}: to=<{r}@example.net>, relay=mx.example.net[203.0.113.1]:25, delay=1, delays=0/0/1/0, dsn=2.1.5, status=deliverable (250 ok)",
    "postfix/qmgr[5]: {a}: removed",
    "postfix/qmgr[5]: {a}: removed",
    "postfix/qmgr[5]: {a}: from=<joe@example.org>, status=expired, returned to sender",
    "postfix/bounce[9]: {a}: sender non-delivery notification: {b}",
    "postfix/postsuper[10]: {a}: removed",
    "postfix/postsuper[10]: {a}: requeued",
    "postfix/postsuper[10]: {a}: placed on hold",
    "postfix/cleanup[4]: {a}: milter-reject: END-OF-MESSAGE from mail.example.org[192.0.2.7]: 5.7.1 Spam; from=<joe@example.org> to=<{r}@example.com> proto=ESMTP helo=<mail>",
    "postfix/cleanup[4]: {a}: discard: header Subject: junk from mail.example.org[192.0.2.7]; from=<joe@example.org> to=<{r}@example.com> proto=ESMTP helo=<mail>: no",
    "postfix/smtpd[1]: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as {a}; from=<joe@example.org> to=<{r}@example.com> proto=ESMTP helo=<mail>",
];

/// The same for Sendmail and OpenSMTPD, whose ids `{x}` are in lower case.
const OTHERS: &[&str] = &[
    "sm-mta[1]: NOQUEUE: connect from mail.example.org [192.0.2.7]",
    "sm-mta[1]: AUTH=server, relay=mail.example.org [192.0.2.7], authid=ann, mech=PLAIN, bits=0",
    "sm-mta[1]: {a}: from=<joe@example.org>, size=100, class=0, nrcpts=1, msgid=<1@example.org>, proto=ESMTP, daemon=MTA, relay=mail.example.org [192.0.2.7]",
    "sm-mta[1]: {a}: from=<joe@example.org>, size=100, class=0, nrcpts=2, msgid=<1@example.org>, proto=ESMTP, daemon=MTA, relay=localhost [127.0.0.1]",
    "sendmail[2]: {a}: from=ann, size=90, class=0, nrcpts=1, msgid=<1@example.org>, relay=ann@localhost",
    "sm-mta[1]: {a}: from=<joe@example.org>, size=0, class=0, nrcpts=1, proto=ESMTP, daemon=MTA, relay=mail.example.org [192.0.2.7]",
    "sm-mta[3]: {a}: to=<{r}@example.net>,<bob@example.net>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=1, relay=mx.example.net. [203.0.113.1], dsn=2.0.0, stat=Sent (ok)",
    "sm-mta[3]: {a}: to=<{r}@example.net>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=1, relay=mx.example.net. [203.0.113.1], dsn=4.2.0, reply=450 4.2.0 Greylisted, stat=Deferred: 450 4.2.0 Greylisted",
    "sm-mta[3]: {a}: to=<{r}@example.net>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=1, relay=mx.example.net. [203.0.113.1], dsn=5.1.1, stat=User unknown",
    "sendmail[2]: {a}: to={r}@example.net, delay=00:00:01, xdelay=00:00:01, mailer=relay, pri=1, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent ({b} Message accepted for delivery)",
    "sm-mta[3]: {a}: to={r}, ctladdr=<all@example.com> (8/0), delay=00:00:01, xdelay=00:00:01, mailer=local, pri=1, dsn=2.0.0, stat=Sent",
    "sm-mta[1]: {a}: to=<{r}@example.com>, delay=00:00:00, pri=1, stat=Message exceeds maximum fixed size (1)",
    "sm-mta[1]: {a}: to=<{r}@example.com>, delay=00:00:00, pri=1, stat=discarded",
    "sm-mta[1]: {a}: to=<{r}@example.com>, delay=00:00:00, mailer=esmtp, pri=1, stat=queued",
    "sm-mta[3]: {a}: {b}: DSN: User unknown",
    "sm-mta[3]: {a}: {b}: sender notify: Cannot send message for 5 days",
    "sm-mta[3]: {a}: {b}: sender notify: Warning: could not send message for past 4 hours",
    "sm-mta[3]: {a}: clone {b}, owner=list@example.com",
    "sm-mta[3]: {a}: done; delay=00:00:01, ntries=1",
    "sm-mta[1]: {a}: Milter: data, reject=554 5.7.1 Spam",
    "sm-mta[1]: {a}: collect: premature EOM: Connection reset by mail.example.org",
    "sm-mta[1]: {a}: lost input channel from mail.example.org [192.0.2.7] to MTA after data",
    "sm-mta[1]: {a}: quarantine=odd",
    "smtpd[9]: 00000001c0ffee01 smtp connected address=192.0.2.7 host=mail.example.org",
    "smtpd[9]: 00000001c0ffee01 smtp message msgid={x} size=100 nrcpt=2 proto=ESMTP",
    "smtpd[9]: 00000002c0ffee02 smtp message msgid={x} size=100 nrcpt=1 proto=ESMTP",
    "smtpd[9]: 00000001c0ffee01 smtp event=message address=192.0.2.7 host=h msgid={x} from=<joe@example.org> to=<{r}@example.net> size=100 ndest=1 proto=ESMTP",
    "smtpd[9]: 00000001c0ffee01 smtp envelope evpid={x}00000001 from=<joe@example.org> to=<{r}@example.net>",
    "smtpd[9]: 00000002c0ffee02 smtp envelope evpid={x}00000002 from=<> to=<{r}@example.com>",
    "smtpd[9]: 00000003c0ffee03 mta tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256",
    "smtpd[9]: 00000003c0ffee03 mta delivery evpid={x}00000001 from=<joe@example.org> to=<{r}@example.net> rcpt=<-> source=\"203.0.113.9\" relay=\"203.0.113.1 (mx.example.net)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 ok\"",
    "smtpd[9]: 00000003c0ffee03 mta delivery evpid={x}00000001 from=<joe@example.org> to=<{r}@example.net> rcpt=<-> source=\"203.0.113.9\" relay=\"203.0.113.1 (mx.example.net)\" delay=1s result=\"TempFail\" stat=\"450 4.2.0 Greylisted\"",
    "smtpd[9]: 00000003c0ffee03 mta delivery evpid={x}00000001 from=<joe@example.org> to=<{r}@example.net> rcpt=<-> source=\"203.0.113.9\" relay=\"127.0.0.1 (localhost)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 {b} Message accepted for delivery\"",
    "smtpd[9]: 00000004c0ffee04 mda delivery evpid={x}00000002 from=<> to=<{r}@example.com> rcpt=<{r}@example.com> user=ann delay=0s result=Ok stat=Delivered",
    "smtpd[9]: relay: Expire for {x}00000001: from=<joe@example.org>, to=<{r}@example.net>, rcpt=<->, delay=4d, stat=Envelope expired",
    "smtpd[9]: relay: Remove for {x}00000001: from=<joe@example.org>, to=<{r}@example.net>, rcpt=<->, delay=4d, stat=Removed by administrator",
    "smtpd[9]: 00000001c0ffee01 smtp disconnected reason=quit",
];

/// The same for Exim.
const EXIM_LINES: &[&str] = &[
    "exim[1]: {a} <= joe@example.org H=mail.example.org [192.0.2.7] P=esmtp S=100 id=1@example.org",
    "exim[1]: {a} <= joe@example.org H=mail.example.org [192.0.2.7] P=esmtp S=100 id=1@example.org for all@example.com {r}@example.net",
    "exim[1]: {a} <= ann@example.org H=desk.example.org [198.51.100.7] P=esmtpsa A=plain:ann S=100 id=2@example.org",
    "exim[1]: {a} <= joe@example.org H=localhost [127.0.0.1] P=esmtp S=120 id=1@example.org",
    "exim[1]: {a} <= joe@example.org U=nobody P=spam-scanned S=120 id=1@example.org",
    "exim[1]: {a} <= www@example.org U=www P=local S=100",
    "exim[1]: {a} <= <> R={b} U=exim P=local S=100",
    "exim[2]: {a} => {r}@example.net R=dnslookup T=remote_smtp H=mx.example.net [203.0.113.1] C=\"250 ok\"",
    "exim[2]: {a} -> {r}@example.net <all@example.com> R=dnslookup T=remote_smtp H=mx.example.net [203.0.113.1] C=\"250 ok\"",
    "exim[2]: {a} >> {r}@example.net R=dnslookup T=remote_smtp H=mx.example.net [203.0.113.1] C=\"250 ok\"",
    "exim[2]: {a} => {r}@example.net R=amavis T=amavis_smtp H=127.0.0.1 [127.0.0.1]:10024 C=\"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 OK id={b}\"",
    "exim[2]: {a} => {r} <{r}@example.com> R=spamcheck_router T=spamcheck",
    "exim[2]: {a} => {r} <{r}@example.com> R=local_user T=mail_spool",
    "exim[2]: {a} => {r} <all@example.com> R=local_user T=mail_spool",
    "exim[2]: {a} => |/bin/{r} <all@example.com> R=system_aliases T=address_pipe",
    "exim[2]: {a} => :blackhole: <{r}@example.com> R=system_aliases",
    "exim[2]: {a} => blackhole (DATA ACL discarded recipients): no",
    "exim[2]: {a} == {r}@example.net R=dnslookup T=remote_smtp defer (-44) H=mx.example.net [203.0.113.1]: SMTP error from remote mail server after RCPT TO:<{r}@example.net>: 450 4.2.0 Greylisted",
    "exim[2]: {a} == all@example.com R=system_aliases defer (-1): lookup failed",
    "exim[2]: {a} == {r}@example.net R=dnslookup T=remote_smtp defer (-53): retry time not reached for any host",
    "exim[2]: {a} ** {r}@example.net R=dnslookup T=remote_smtp H=mx.example.net [203.0.113.1]: SMTP error from remote mail server after RCPT TO:<{r}@example.net>: 550 5.1.1 no such user",
    "exim[2]: {a} ** {r}@example.net: retry timeout exceeded",
    "exim[2]: {a} Frozen (delivery error message)",
    "exim[2]: {a} Message is frozen",
    "exim[2]: {a} Unfrozen by forced delivery",
    "exim[2]: {a} removed by root",
    "exim[2]: {a} cancelled by timeout_frozen_after",
    "exim[2]: {a} address <{r}@example.net> marked delivered by root",
    "exim[2]: {a} {r}@example.net: error ignored",
    "exim[1]: {a} H=mail.example.org [192.0.2.7] F=<joe@example.org> rejected after DATA: spam",
    "exim[2]: {a} Completed",
    "exim[2]: {a} Completed",
];

const QUEUE_IDS: [&str; 4] = ["4A000001", "4A000002", "4A000003", "4A000004"];
const EXIM_IDS: [&str; 4] = ["1rABCD-0000A1-00", "1rABCD-0000A2-00", "1rABCD-000000000A3-0000", "1rABCD-000000000A4-0000"];
const PEOPLE: [&str; 3] = ["ann", "bob", "all"];

#[derive(Clone, Debug)]
struct Step {
    line: usize,
    first: usize,
    second: usize,
    who: usize,
    /// Seconds since the line before.
    pause: u32,
    out: bool,
    restarts: bool,
    advances: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![8 => 0_u32..3, 2 => 3_u32..40, 1 => 400_u32..800, 1 => 3_000_u32..5_000];
    let step = (
        0..LINES.len() * OTHERS.len() * EXIM_LINES.len(),
        0..4_usize,
        0..4_usize,
        0..3_usize,
        pause,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.3),
    );
    prop::collection::vec(
        step.prop_map(|(line, first, second, who, pause, out, restarts, advances)| Step {
            line,
            first,
            second,
            who,
            pause,
            out,
            restarts,
            advances,
        }),
        1..80,
    )
}

fn text(kinds: &[&str], step: &Step) -> String {
    let line = kinds[step.line % kinds.len()];
    let ids = if line.starts_with("exim") { EXIM_IDS } else { QUEUE_IDS };
    let (first, second) = (ids[step.first], ids[step.second]);
    let text = line.replace("{a}", first).replace("{b}", second).replace("{r}", PEOPLE[step.who]);
    let text = text.replace("{x}", &first.to_lowercase());
    if step.out { text.replacen("postfix/", "postfix-out/", 1) } else { text }
}

fn told(kinds: &[&str], steps: &[Step]) -> Vec<String> {
    steps
        .iter()
        .map(|step| {
            format!(
                "+{} {}{}{}",
                step.pause,
                text(kinds, step),
                if step.advances { " [clock]" } else { "" },
                if step.restarts { " [restart]" } else { "" }
            )
        })
        .collect()
}

fn run(kinds: &[&str], steps: &[Step], disturbed: bool) -> (Facts, u64) {
    let mut facts = Facts::default();
    let mut assembler = Assembler::new(Config::default());
    let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut time = Time::from_seconds(1_793_606_400);
    for (number, step) in (0_u64..).zip(steps) {
        time = time.plus(i64::from(step.pause) * Time::SECOND);
        let text = text(kinds, step);
        let line = format!("Nov  2 08:00:00 mx1 {text}");
        let record = mailvane_parse::head::record(line.as_bytes());
        assembler.record("here", Position { file: FileId(1), offset: number }, time, &record, &mut facts);
        if disturbed && step.advances {
            assembler.advance(time, &mut facts);
        }
        if disturbed && step.restarts {
            for (key, value) in assembler.take_changes() {
                match value {
                    Some(value) => drop(stored.insert(key, value)),
                    None => drop(stored.remove(&key)),
                }
            }
            assembler = Assembler::restore(Config::default(), stored.clone().into_iter()).expect("what was stored is restored");
        }
    }
    // Twice: what is given up at the first may leave a hop that waits for it.
    assembler.advance(time.plus(8 * Time::DAY), &mut facts);
    assembler.advance(time.plus(16 * Time::DAY), &mut facts);
    assembler.finish(&mut facts);
    (facts, assembler.statistics().lives)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn revisions_are_right_and_everything_ends(steps in steps()) {
        for disturbed in [false, true] {
            let (_, open) = run(LINES, &steps, disturbed);
            prop_assert_eq!(open, 0, "{:#?}", told(LINES, &steps));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn revisions_are_right_and_everything_ends_for_other_mtas(steps in steps()) {
        for disturbed in [false, true] {
            let (_, open) = run(OTHERS, &steps, disturbed);
            prop_assert_eq!(open, 0, "{:#?}", told(OTHERS, &steps));
        }
    }

    #[test]
    fn revisions_are_right_and_everything_ends_for_exim(steps in steps(), both in any::<bool>()) {
        let kinds = if both { [LINES, EXIM_LINES].concat() } else { EXIM_LINES.to_vec() };
        for disturbed in [false, true] {
            let (_, open) = run(&kinds, &steps, disturbed);
            prop_assert_eq!(open, 0, "{:#?}", told(&kinds, &steps));
        }
    }
}
