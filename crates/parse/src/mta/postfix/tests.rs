//! Lines of Postfix and what they become. Written by hand, shaped like the real ones.

use super::*;
use crate::record;

fn line(text: &'static str) -> Line<'static> {
    let whole = Box::leak(format!("Nov  2 08:15:01 mx1 {text}").into_boxed_str());
    match record(whole.as_bytes()).body {
        Body::Postfix(line) => line,
        body => panic!("not a Postfix line: {body:?}"),
    }
}

fn delivery(text: &'static str) -> Delivery<'static> {
    match line(text).event {
        Event::Delivery(delivery) => delivery,
        event => panic!("not a delivery: {event:?}"),
    }
}

fn decision(text: &'static str) -> Decision<'static> {
    match line(text).event {
        Event::Decision(decision) => decision,
        event => panic!("not a decision: {event:?}"),
    }
}

fn peer<'a>(name: &'a str, ip: &'a str, port: u16) -> Client<'a> {
    Client { name: name.as_bytes(), ip: ip.as_bytes(), port }
}

#[test]
fn reads_a_delivery_with_every_key() {
    let text = "postfix/smtp[812]: 4ZK8wY2dHxz1Qp: to=<u@example.com>, orig_to=<alias@example.net>, relay=mx.example.com[198.51.100.5]:25, \
                conn_use=2, delay=1.4, delays=0.1/0.02/0.5/0.78, tls=may, dsn=2.0.0, status=sent (250 2.0.0 OK 1700000000 x1-gsmtp)";
    let line = line(text);
    assert_eq!(line.daemon, Daemon::Smtp);
    assert_eq!(line.queue_id, Some(&b"4ZK8wY2dHxz1Qp"[..]));
    assert_eq!(
        line.event,
        Event::Delivery(Delivery {
            to: b"u@example.com",
            orig_to: Some(b"alias@example.net"),
            relay: peer("mx.example.com", "198.51.100.5", 25),
            conn_use: 2,
            delay_ms: Some(1400),
            delays_ms: Some([100, 20, 500, 780]),
            tls: b"may",
            dsn: b"2.0.0",
            status: DeliveryStatus::Sent,
            status_word: b"sent",
            text: b"250 2.0.0 OK 1700000000 x1-gsmtp",
        })
    );
}

#[test]
fn what_a_remote_server_says_cannot_pass_for_the_list() {
    let said = delivery(
        "postfix/smtp[8]: 75603128: to=<a@example.com>, relay=mx.example.com[198.51.100.5]:25, delay=1, delays=0/0/0/1, dsn=5.0.0, \
         status=bounced (host mx.example.com[198.51.100.5] said: 550 no, status=sent (250 ok), to=<x@example.net> (in reply to RCPT TO command))",
    );
    assert_eq!(said.status, DeliveryStatus::Bounced);
    assert!(said.text.starts_with(b"host mx") && said.text.ends_with(b"command)"));
    assert_eq!(said.to, b"a@example.com");
}

#[test]
fn a_quoted_local_part_may_hold_anything() {
    let quoted = delivery(
        "postfix/smtp[8]: 75603128: to=<\"x> relay=evil[203.0.113.6]:25, status=bounced \\\" y\"@example.com>, relay=none, delay=9, \
         delays=9/0/0/0, dsn=4.4.1, status=deferred (connect to x[192.0.2.1]:25: Connection timed out)",
    );
    assert_eq!(quoted.to, &b"\"x> relay=evil[203.0.113.6]:25, status=bounced \\\" y\"@example.com"[..]);
    assert_eq!(quoted.relay, peer("none", "", 0));
    let old = delivery("postfix/smtp[8]: 75603128: to=<a, b> c@example.com>, relay=none, delay=9, dsn=4.4.1, status=deferred (x)");
    assert_eq!(old.to, b"a, b> c@example.com");
}

#[test]
fn reads_relays_that_are_sockets_names_or_ipv6() {
    let of = |text| delivery(text).relay;
    assert_eq!(
        of("postfix/lmtp[8]: 75603128: to=<a@b>, relay=mx1.example.com[private/dovecot-lmtp], delay=1, dsn=2.0.0, status=sent (x)"),
        peer("mx1.example.com", "private/dovecot-lmtp", 0)
    );
    assert_eq!(
        of("postfix/smtp[8]: 75603128: to=<a@b>, relay=mx[2001:db8::1]:25, delay=1, dsn=2.0.0, status=sent (x)"),
        peer("mx", "2001:db8::1", 25)
    );
    assert_eq!(of("postfix/smtp[8]: 75603128: to=<a@b>, relay=[2001:db8::1]:25, delay=1, status=sent (x)"), peer("", "2001:db8::1", 25));
    assert_eq!(of("postfix/pipe[8]: 75603128: to=<a@b>, relay=dovecot, delay=1, status=sent (x)"), peer("dovecot", "", 0));
}

#[test]
fn a_cut_delivery_keeps_what_is_there() {
    let cut = delivery(
        "postfix/smtp[8]: 75603128: to=<a@b>, relay=none, delay=1.25, delays=1/0/0/0.25, dsn=4.4.1, status=deferred (host x[192.0.2.1] said: 45",
    );
    assert_eq!((cut.delay_ms, cut.text), (Some(1250), &b"host x[192.0.2.1] said: 45"[..]));
    assert_eq!(delivery("postfix/smtp[8]: 75603128: to=<a@b>, relay=mx[192.0").relay.name, b"mx[192.0");
    assert_eq!(delivery("postfix/smtp[8]: 75603128: to=<someone@exam").to, b"someone@exam");
}

#[test]
fn reads_the_life_of_a_message() {
    assert_eq!(
        line("postfix/submission/smtpd[8]: 4ZK8wY2dHxz1Qp: client=h.example.net[192.0.2.7], sasl_method=PLAIN, sasl_username=joe, b@example.com").event,
        Event::Opened {
            client: peer("h.example.net", "192.0.2.7", 0),
            sasl_method: b"PLAIN",
            sasl_username: b"joe, b@example.com",
            sasl_sender: b"",
            orig_queue_id: b"",
            orig_client: Client::default(),
        }
    );
    assert_eq!(line("postfix/submission/smtpd[8]: connect from h[192.0.2.7]").service, b"submission");
    assert_eq!(
        line("postfix/smtpd[8]: 7ADDD20D: client=localhost[127.0.0.1]:3456, orig_queue_id=671961F2, orig_client=m.example[192.0.2.3]")
            .event,
        Event::Opened {
            client: peer("localhost", "127.0.0.1", 3456),
            sasl_method: b"",
            sasl_username: b"",
            sasl_sender: b"",
            orig_queue_id: b"671961F2",
            orig_client: peer("m.example", "192.0.2.3", 0),
        }
    );
    assert_eq!(
        line("postfix/cleanup[8]: 7ADDD20D: message-id=<a b@example.com>").event,
        Event::MessageId { id: b"a b@example.com", resent: false }
    );
    assert_eq!(
        line("postfix/cleanup[8]: 7ADDD20D: message-id=<open, to=<x@y>, status=sent").event,
        Event::MessageId { id: b"open, to=<x@y>, status=sent", resent: false }
    );
    assert_eq!(
        line("postfix/qmgr[8]: 7ADDD20D: from=<\"to=<fake@example.net>, size=1\"@example.com>, size=2345, nrcpt=2 (queue active)").event,
        Event::Active { sender: b"\"to=<fake@example.net>, size=1\"@example.com", size: 2345, nrcpt: 2 }
    );
    assert_eq!(
        line("postfix/qmgr[8]: 7ADDD20D: from=<>, status=force-expired, returned to sender").event,
        Event::Expired { sender: b"", forced: true }
    );
    assert_eq!(line("postfix/qmgr[8]: 7ADDD20D: removed").event, Event::Removed);
    assert_eq!(line("postfix/qmgr[8]: 7ADDD20D: removed (canceled)").event, Event::Canceled);
    assert_eq!(line("postfix/postsuper[8]: 7ADDD20D: removed").event, Event::AdminRemoved);
    assert_eq!(
        line("postfix/bounce[8]: 9764C135: sender non-delivery notification: C3938144").event,
        Event::Notification { kind: b"sender non-delivery notification", new_queue_id: b"C3938144" }
    );
    assert_eq!(
        line("postfix/bounce[8]: 9764C135: sender notification failed to a@example.com: queue full").event,
        Event::NotificationFailed { recipient: b"a@example.com", text: b"queue full" }
    );
    assert_eq!(
        line("postfix/pickup[8]: 75603128: uid=33 from=<www-data> orig_id=A1B2C3D4").event,
        Event::PickedUp { uid: 33, sender: b"www-data", orig_id: b"A1B2C3D4" }
    );
}

#[test]
fn reads_rejections_of_smtpd_cleanup_and_postscreen() {
    let smtpd = decision(
        "postfix/smtpd[8]: NOQUEUE: reject: RCPT from h.example[192.0.2.9]: 550 5.1.1 <\"; from=<x@y>\"@example.com>: Recipient address rejected: \
         User unknown; from=<s@example.net> to=<\"; from=<x@y>\"@example.com> proto=ESMTP helo=<h e>",
    );
    assert_eq!((smtpd.verb, smtpd.stage, smtpd.client), (Verb::Reject, &b"RCPT"[..], peer("h.example", "192.0.2.9", 0)));
    assert_eq!(smtpd.reply, &b"550 5.1.1 <\"; from=<x@y>\"@example.com>: Recipient address rejected: User unknown"[..]);
    assert_eq!((smtpd.sender, smtpd.recipient), (Some(&b"s@example.net"[..]), Some(&b"\"; from=<x@y>\"@example.com"[..])));
    assert_eq!((smtpd.proto, smtpd.helo), (&b"ESMTP"[..], &b"h e"[..]));

    let blocked = decision(
        "postfix/smtpd[8]: NOQUEUE: reject: RCPT from d[192.0.2.9]: 554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example; \
         see https://bl.example/; from=<> to=<a@example.com> proto=SMTP helo=<d>",
    );
    assert!(blocked.reply.ends_with(b"see https://bl.example/"));
    assert_eq!(blocked.sender, Some(&b""[..]));

    let content = decision(
        "postfix/cleanup[8]: 488072D7: reject: header Subject: buy; from=<x@y> to=<z> now from h.example[192.0.2.2]; from=<s@example.net> \
         to=<b@example.com> proto=ESMTP helo=<h>: 5.7.1 no spam: go",
    );
    assert_eq!((content.stage, content.matched), (&b"header"[..], &b"Subject: buy; from=<x@y> to=<z> now"[..]));
    assert_eq!((content.client, content.reply), (peer("h.example", "192.0.2.2", 0), &b"5.7.1 no spam: go"[..]));

    let milter = decision(
        "postfix/cleanup[8]: 488072D7: milter-reject: END-OF-MESSAGE from h[192.0.2.2]: 5.7.1 Spam; from=<a@b> to=<c@d> proto=ESMTP helo=<h>",
    );
    assert_eq!((milter.verb, milter.stage, milter.reply), (Verb::MilterReject, &b"END-OF-MESSAGE"[..], &b"5.7.1 Spam"[..]));

    let screen = decision(
        "postfix/postscreen[8]: NOQUEUE: reject: RCPT from [2001:db8::5]:60591: 550 5.7.1 Service unavailable; client [2001:db8::5] blocked using bl.example; \
         from=<s@example.net>, to=<g@example.com>, proto=ESMTP, helo=<h>",
    );
    assert_eq!((screen.client, screen.helo), (peer("", "2001:db8::5", 60591), &b"h"[..]));
    assert_eq!(screen.recipient, Some(&b"g@example.com"[..]));
}

#[test]
fn reads_sessions_logins_and_limits() {
    assert_eq!(
        line("postfix/smtpd[8]: NOQUEUE: lost connection after DATA (51 bytes) from unknown[192.0.2.9]").event,
        Event::Lost { how: b"lost connection", stage: b"DATA", client: peer("unknown", "192.0.2.9", 0) }
    );
    assert_eq!(
        line("postfix/smtpd[8]: warning: unknown[192.0.2.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=joe").event,
        Event::AuthFailed { client: peer("unknown", "192.0.2.9", 0), method: b"LOGIN", reason: b"UGFzc3dvcmQ6", username: b"joe" }
    );
    assert_eq!(
        line("postfix/smtpd[8]: warning: Connection rate limit exceeded: 61 from h[192.0.2.9] for service smtp").event,
        Event::LimitExceeded { limit: b"Connection rate", count: 61, client: peer("h", "192.0.2.9", 0), service: b"smtp" }
    );
    assert_eq!(
        line("postfix/smtpd[8]: warning: TLS library problem: error:0A00010B:SSL routines::wrong version number").event,
        Event::Trouble { text: b"TLS library problem: error:0A00010B:SSL routines::wrong version number" }
    );
    assert_eq!(
        line("postfix/smtp[8]: Trusted TLS connection established to mx[192.0.2.9]:25: TLSv1.3 with cipher AES (256/256 bits)").event,
        Event::Tls {
            inbound: false,
            verification: b"Trusted",
            peer: peer("mx", "192.0.2.9", 25),
            version: b"TLSv1.3",
            cipher: b"AES (256/256 bits)"
        }
    );
}

#[test]
fn a_tag_has_an_instance_services_and_a_daemon() {
    let line = line("postfix-10.20.30.40/10.0.0.1:10025/smtpd[8]: connect from h[192.0.2.7]");
    assert_eq!((line.instance, line.service, line.daemon), (&b"postfix-10.20.30.40"[..], &b"10.0.0.1:10025"[..], Daemon::Smtpd));
}

#[test]
fn queue_ids_are_told_from_words() {
    let id = |text: &'static str| syntax::queue_id(text.as_bytes()).0;
    assert_eq!(id("0F5383D: removed"), syntax::Id::Queue(b"0F5383D"));
    assert_eq!(id("4jXDHF6jycz7B: removed"), syntax::Id::Queue(b"4jXDHF6jycz7B"));
    for text in ["Deleted: 3 messages", "statistics: x", "ABCDE: x", "DNSBL rank", "5: x", "bcdfghjk: x", "4ZK8wY"] {
        assert_eq!(id(text), syntax::Id::None, "{text}");
    }
    assert_eq!(id("NOQUEUE: reject"), syntax::Id::NoQueue);
}
