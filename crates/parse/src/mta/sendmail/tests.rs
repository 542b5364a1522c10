//! Sendmail's lines, form by form.

use super::{Child, Event, Line, Verdict};
use crate::record::{Body, Client, Severity};

fn line(text: &'static str) -> Line<'static> {
    let record = crate::head::record(text.as_bytes());
    match record.body {
        Body::Sendmail(line) => line,
        other => panic!("{text}: {other:?}"),
    }
}

fn event(message: &str) -> Event<'static> {
    line(Box::leak(format!("Nov  2 08:15:01 mx1 sm-mta[5133]: {message}").into_boxed_str())).event
}

#[test]
fn a_transaction_and_its_deliveries() {
    let Event::From { sender, size, nrcpts, message_id, relay, .. } = event(
        "5AN8F1aB005133: from=<\"a, size=9\"@example.org>, size=2345, class=0, nrcpts=2, msgid=<m,1@example.org>, proto=ESMTP, daemon=MTA, relay=h.example.org [192.0.2.7] (may be forged)",
    ) else {
        panic!("not a from line")
    };
    assert_eq!((sender, size, nrcpts, message_id), (&b"\"a, size=9\"@example.org"[..], 2345, 2, &b"<m,1@example.org>"[..]));
    assert_eq!(relay, Client { name: b"h.example.org", ip: b"192.0.2.7", port: 0 });
    let Event::Delivery(delivery) = event(
        "5AN8F1aB005133: to=<u@example.net>,<v@example.net>, [more], ctladdr=<a@example.org> (1000/1000), delay=1+00:00:05, xdelay=00:00:02, mailer=esmtp, pri=1, relay=mx.example.net. [198.51.100.5], dsn=2.0.0, stat=Sent (OK id=1rAB)",
    ) else {
        panic!("not a to line")
    };
    assert_eq!(delivery.to.into_iter().collect::<Vec<_>>(), [b"u@example.net", b"v@example.net"]);
    assert!(delivery.more);
    assert_eq!((delivery.controlling, delivery.delay_ms, delivery.transfer_ms), (&b"a@example.org"[..], Some(86_405_000), Some(2000)));
    assert_eq!((delivery.mailer, delivery.dsn, delivery.stat), (&b"esmtp"[..], &b"2.0.0"[..], &b"Sent (OK id=1rAB)"[..]));
    assert_eq!(delivery.relay, Client { name: b"mx.example.net", ip: b"198.51.100.5", port: 0 });
}

#[test]
fn a_reply_that_claims_a_result_is_not_believed() {
    let stat = |message: &str| match event(message) {
        Event::Delivery(delivery) => (delivery.reply.to_vec(), delivery.stat.to_vec()),
        other => panic!("{other:?}"),
    };
    let (reply, result) = stat("5AN8F1aB005133: to=<u@example.net>, dsn=5.1.1, reply=550 no, stat=Sent (yes), stat=User unknown");
    assert_eq!((reply, result), (b"550 no, stat=Sent (yes)".to_vec(), b"User unknown".to_vec()));
    let (_, result) =
        stat("5AN8F1aB005133: to=<u@example.net>, dsn=4.2.0, reply=450 later, stat=Sent, stat=Deferred: 450 later, stat=Sent");
    assert_eq!(result, b"Deferred: 450 later, stat=Sent");
}

#[test]
fn notifications_and_their_kinds() {
    let kind = |message: &str| match event(message) {
        Event::Child { new_queue_id: b"5AN8F1aC005134", kind, .. } => kind,
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("5AN8F1aB005133: 5AN8F1aC005134: DSN: User unknown"), Child::Dsn);
    assert_eq!(kind("5AN8F1aB005133: 5AN8F1aC005134: return to sender: User unknown"), Child::Returned);
    assert_eq!(kind("5AN8F1aB005133: 5AN8F1aC005134: sender notify: Cannot send message for 5 days"), Child::SenderNotify);
    assert_eq!(kind("5AN8F1aB005133: 5AN8F1aC005134: postmaster notify: User unknown"), Child::PostmasterNotify);
}

#[test]
fn decisions_of_rules_and_filters() {
    let decision = |message: &str| match event(message) {
        Event::Decision(decision) => decision,
        other => panic!("{message}: {other:?}"),
    };
    let found = decision(
        "5AN8F1aB005133: ruleset=check_rcpt, arg1=<u,v@example.net>, relay=[192.0.2.9], reject=550 5.7.1 <u@example.net>... Relaying denied",
    );
    assert_eq!((found.ruleset, found.argument, found.client.ip), (&b"check_rcpt"[..], &b"u,v@example.net"[..], &b"192.0.2.9"[..]));
    assert_eq!(found.text, b"550 5.7.1 <u@example.net>... Relaying denied");
    let found = decision(
        "ruleset=check_relay, arg1=h.example.org, arg2=192.0.2.9, relay=h.example.org [192.0.2.9], reject=421 4.3.2 Connection rate limit exceeded.",
    );
    assert_eq!((found.argument2, found.client.name), (&b"192.0.2.9"[..], &b"h.example.org"[..]));
    let found = decision("5AN8F1aB005133: ruleset=check_rcpt, arg1=<u@example.net>, relay=h.example.org [192.0.2.9], discard");
    assert_eq!((found.verdict, found.client.ip), (Verdict::Discard, &b"192.0.2.9"[..]));
    let found = decision("5AN8F1aB005133: Milter: to=<u@example.net>, reject=451 4.7.1 Greylisting in action");
    assert_eq!((found.step, found.argument), (&b"to"[..], &b"u@example.net"[..]));
    let found = decision("5AN8F1aB005133: milter=spamd, action=data, reject=554 5.7.1 Spam");
    assert_eq!((found.milter, found.step, found.text), (&b"spamd"[..], &b"data"[..], &b"554 5.7.1 Spam"[..]));
    let found = decision("5AN8F1aB005133: milter=clam, quarantine=virus");
    assert_eq!(found.verdict, Verdict::Quarantine);
    assert!(matches!(
        event("ruleset=trust_auth, arg1=a@example.org, relay=localhost [127.0.0.1], reject=550 5.7.1 not authenticated"),
        Event::Note { .. }
    ));
}

#[test]
fn connections_logins_and_tls() {
    let client = Client { name: b"h.example.org", ip: b"192.0.2.9", port: 0 };
    assert_eq!(event("NOQUEUE: connect from h.example.org [192.0.2.9]"), Event::Connect { client });
    assert_eq!(
        event("5AN8F1aB005133: h.example.org [192.0.2.9] did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA-v4"),
        Event::NoTransaction { client, daemon: b"MTA-v4" }
    );
    assert_eq!(
        event("5AN8F1aB005133: lost input channel from h.example.org [192.0.2.9] to MTA after rcpt"),
        Event::Lost { client, daemon: b"MTA", stage: b"rcpt" }
    );
    assert_eq!(
        event(
            "5AN8F1aB005133: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): checkpass failed, user=a, relay=[198.51.100.1], relay=h.example.org [192.0.2.9] (may be forged)"
        ),
        Event::AuthFailed {
            client,
            user: b"a, relay=[198.51.100.1]",
            method: b"LOGIN",
            text: b"authentication failure (-13) SASL(-13): checkpass failed"
        }
    );
    assert_eq!(
        event("AUTH=server, relay=h.example.org [192.0.2.9], authid=joe, mech=PLAIN, bits=0"),
        Event::Authenticated { client, user: b"joe", method: b"PLAIN" }
    );
    assert!(matches!(
        event("STARTTLS=client, relay=mx.example.net., version=TLSv1.3, verify=FAIL, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"),
        Event::Tls { inbound: false, relay: Client { name: b"mx.example.net", .. }, version: b"TLSv1.3", verification: b"FAIL", .. }
    ));
    assert!(matches!(
        event("STARTTLS=server, error: accept failed=-1, relay=h.example.org [192.0.2.9]"),
        Event::TlsFailed { inbound: true, .. }
    ));
    assert!(matches!(
        event("5AN8F1aB005133: h.example.org [192.0.2.9]: possible SMTP attack: command=AUTH, count=5"),
        Event::Misbehaved { .. }
    ));
    assert!(matches!(
        event("5AN8F1aB005133: rejecting commands from h.example.org [192.0.2.9] due to pre-greeting traffic"),
        Event::PreGreeting { .. }
    ));
}

#[test]
fn the_daemon_speaks_of_itself() {
    assert!(matches!(event("starting daemon (8.17.1): SMTP"), Event::Lifecycle { version: b"8.17.1", .. }));
    assert!(matches!(event("5AN8F1aB005133: SYSERR(root): collect: I/O error"), Event::Trouble { .. }));
    let record = crate::head::record(b"Nov  2 08:15:01 mx1 sendmail[1]: NOQUEUE: SYSERR(root): x");
    assert_eq!(record.severity, Severity::Error);
    assert_eq!(crate::head::record(b"Nov  2 08:15:01 mx1 sm-mta[1]: 5AN8F1aB005133[2]: to=<a@example.net>").body, Body::Ignored);
    assert_eq!(crate::head::record(b"Nov  2 08:15:01 mx1 sm-notify[1]: from=<a>, size=1").body, Body::Ignored);
    assert_eq!(crate::head::record(b"Nov  2 08:15:01 mx1 sm-mta[1]: words that nobody knows").body, Body::Unparsed);
}
