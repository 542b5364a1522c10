//! OpenSMTPD's lines, generation by generation.

use super::{Delivery, Event, Line, Outcome};
use crate::record::{Body, Client};

fn line(message: &str) -> Line<'static> {
    let text = Box::leak(format!("Nov  2 08:15:01 mx1 smtpd[75]: {message}").into_boxed_str());
    match crate::head::record(text.as_bytes()).body {
        Body::OpenSmtpd(line) => line,
        other => panic!("{text}: {other:?}"),
    }
}

fn delivery(message: &str) -> Delivery<'static> {
    match line(message).event {
        Event::Delivery(delivery) => delivery,
        other => panic!("{message}: {other:?}"),
    }
}

#[test]
fn deliveries_of_every_generation_say_the_same() {
    let new = delivery(
        "00000000c0ffee01 mta delivery evpid=8a1b2c3dd4e5f607 from=<a@example.org> to=<u@example.net> rcpt=<-> source=\"203.0.113.1\" relay=\"198.51.100.5 (mx.example.net)\" delay=1m1s result=\"TempFail\" stat=\"450 4.2.0 \"later\" stat=\"250 Ok\"",
    );
    let middle = delivery(
        "00000000c0ffee01 mta event=delivery evpid=8a1b2c3dd4e5f607 from=<a@example.org> to=<u@example.net> rcpt=<-> source=\"203.0.113.1\" relay=\"198.51.100.5 (mx.example.net)\" delay=1m1s result=\"TempFail\" stat=\"450 4.2.0 \"later\" stat=\"250 Ok\"",
    );
    let old = delivery(
        "relay: TempFail for 8a1b2c3dd4e5f607: session=00000000c0ffee01, from=<a@example.org>, to=<u@example.net>, rcpt=<->, source=203.0.113.1, relay=198.51.100.5 (mx.example.net), delay=1m1s, stat=450 4.2.0 \"later\" stat=\"250 Ok",
    );
    for each in [&new, &middle, &old] {
        assert_eq!((each.evpid, each.message()), (&b"8a1b2c3dd4e5f607"[..], &b"8a1b2c3d"[..]));
        assert_eq!((each.sender, each.recipient, each.original), (&b"a@example.org"[..], &b"u@example.net"[..], &b""[..]));
        assert_eq!(each.relay, Client { name: b"mx.example.net", ip: b"198.51.100.5", port: 0 });
        assert_eq!((each.outcome, each.delay_ms, each.source), (Outcome::TempFail, Some(61_000), &b"203.0.113.1"[..]));
        assert_eq!(each.stat, b"450 4.2.0 \"later\" stat=\"250 Ok");
    }
}

#[test]
fn local_deliveries_and_the_end_in_the_queue() {
    let mailbox = delivery(
        "00000000c0ffee02 mda delivery evpid=8a1b2c3dd4e5f608 from=<> to=<\"a > b\"@example.com> rcpt=<root@example.com> user=joe delay=0s result=Ok stat=Delivered",
    );
    assert_eq!((mailbox.local, mailbox.user, mailbox.outcome), (true, &b"joe"[..], Outcome::Ok));
    assert_eq!(
        (mailbox.recipient, mailbox.original, mailbox.stat),
        (&b"\"a > b\"@example.com"[..], &b"root@example.com"[..], &b"Delivered"[..])
    );
    let old =
        delivery("delivery: Ok for 8a1b2c3dd4e5f608: from=<>, to=<joe@example.com>, user=joe, method=maildir, delay=1s, stat=Delivered");
    assert_eq!((old.user, old.method, old.outcome), (&b"joe"[..], &b"maildir"[..], Outcome::Ok));
    assert_eq!(
        delivery("relay: Expire for 8a1b2c3dd4e5f608: from=<@>, to=<u@example.net>, rcpt=<->, delay=4d, stat=Envelope expired").outcome,
        Outcome::Expired
    );
    assert_eq!(delivery("delivery: Remove for 8a1b2c3dd4e5f608: from=<a@example.org>, to=<u@example.com>, rcpt=<->, delay=1s, stat=Removed by administrator").outcome, Outcome::Removed);
    assert_eq!(delivery("00000000c0ffee02 mta delivery evpid=8a1b2c3dd4e5f608 from=<a@x.example> to=<b@y.example> rcpt=<-> source=\"-\" relay=\"y.example\" delay=0s result=\"PermFail\" stat=\"No MX found for domain\"").relay.ip, b"");
}

#[test]
fn messages_and_envelopes() {
    assert_eq!(
        line("00000000c0ffee03 smtp message msgid=8a1b2c3d size=2345 nrcpt=2 proto=ESMTP").event,
        Event::Message {
            message: b"8a1b2c3d",
            size: 2345,
            recipients: 2,
            protocol: b"ESMTP",
            sender: None,
            recipient: b"",
            client: Client::default()
        }
    );
    assert_eq!(
        line("00000000c0ffee03 smtp envelope evpid=8a1b2c3dd4e5f607 from=<a@example.org> to=<u@example.net>").event,
        Event::Envelope { evpid: b"8a1b2c3dd4e5f607", sender: b"a@example.org", recipient: b"u@example.net" }
    );
    let Event::Message { sender, recipient, client, recipients, .. } =
        line("00000000c0ffee03 smtp event=message address=192.0.2.7 host=h.example.org msgid=8a1b2c3d from=<> to=<u@example.net> size=1 ndest=1 proto=ESMTP").event
    else {
        panic!("not a message")
    };
    assert_eq!((sender, recipient, client.ip, recipients), (Some(&b""[..]), &b"u@example.net"[..], &b"192.0.2.7"[..], 1));
    let old =
        line("smtp-in: Accepted message 8a1b2c3d on session 00000000c0ffee03: from=<a@example.org>, size=2345, nrcpts=3, proto=ESMTP");
    assert_eq!(old.session, b"00000000c0ffee03");
    assert!(matches!(old.event, Event::Message { message: b"8a1b2c3d", size: 2345, recipients: 3, recipient: b"", .. }));
}

#[test]
fn sessions_of_every_generation() {
    let client = Client { name: b"h.example.org", ip: b"2001:db8::7", port: 0 };
    assert_eq!(line("00000000c0ffee04 smtp connected address=[2001:db8::7] host=h.example.org").event, Event::Connected { client });
    assert_eq!(line("smtp-in: New session 00000000c0ffee04 from host h.example.org [IPv6:2001:db8::7]").event, Event::Connected { client });
    assert_eq!(
        line("00000000c0ffee04 smtp connected address=local host=mx1.example.com").event,
        Event::Connected { client: Client { name: b"mx1.example.com", ..Client::default() } }
    );
    assert_eq!(
        line("00000000c0ffee04 smtp failed-command command=\"RCPT TO:<\"x\" result=\"250\"@example.com>\" result=\"550 5.1.1 no\"").event,
        Event::FailedCommand { command: b"RCPT TO:<\"x\" result=\"250\"@example.com>", result: b"550 5.1.1 no", client: Client::default() }
    );
    assert_eq!(
        line("smtp-in: Failed command on session 00000000c0ffee04: \"MAIL FROM:<a@example.org>  \" => 421 4.3.0: Temporary Error").event,
        Event::FailedCommand { command: b"MAIL FROM:<a@example.org>  ", result: b"421 4.3.0: Temporary Error", client: Client::default() }
    );
    let tls = |message: &str| match line(message).event {
        Event::Tls { inbound, version, cipher, bits } => (inbound, version, cipher, bits),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        tls("00000000c0ffee04 mta tls ciphers=TLSv1.3:AEAD-AES256-GCM-SHA384:256"),
        (false, &b"TLSv1.3"[..], &b"AEAD-AES256-GCM-SHA384"[..], &b"256"[..])
    );
    assert_eq!(
        tls("smtp-in: Started TLS on session 00000000c0ffee04: version=TLSv1.2, cipher=EDH-RSA-DES-CBC3-SHA, bits=112"),
        (true, &b"TLSv1.2"[..], &b"EDH-RSA-DES-CBC3-SHA"[..], &b"112"[..])
    );
    for (message, result) in [
        ("00000000c0ffee04 smtp authentication user=joe result=ok", &b"ok"[..]),
        ("00000000c0ffee04 smtp event=authentication user=joe address=192.0.2.7 host=h result=permfail", b"permfail"),
        ("smtp-in: Authentication failed for user joe on session 00000000c0ffee04", b"permfail"),
        ("smtp-in: Accepted authentication for user joe on session 00000000c0ffee04", b"ok"),
    ] {
        assert!(matches!(line(message).event, Event::Authentication { user: b"joe", result: found, .. } if found == result), "{message}");
    }
    assert!(matches!(
        line("00000000c0ffee04 smtp disconnected reason=\"io-error: x y\"").event,
        Event::Disconnected { inbound: true, reason: b"io-error: x y", .. }
    ));
    assert!(matches!(
        line("00000000c0ffee04 mta disconnected reason=quit messages=1").event,
        Event::Disconnected { inbound: false, messages: Some(1), .. }
    ));
    assert!(matches!(
        line("00000000c0ffee04 mta error reason=IO Error: refused").event,
        Event::SessionFailed { reason: b"IO Error: refused" }
    ));
    assert!(matches!(
        line("smtp-out: Error on session 00000000c0ffee04 after 2 messages sent: IO Error: x").event,
        Event::SessionFailed { reason: b"IO Error: x" }
    ));
    assert!(matches!(line("smtp-out: Disabling route [] <-> 198.51.100.5 (mx) for 15s").event, Event::Route { .. }));
    assert!(matches!(
        line("00000000c0ffee04 mta connecting address=smtp+tls://198.51.100.5:587 host=mx.example.net").event,
        Event::Connecting { relay: Client { name: b"mx.example.net", ip: b"198.51.100.5", port: 587 }, scheme: b"smtp+tls" }
    ));
}

#[test]
fn the_daemon_speaks_of_itself() {
    assert!(matches!(line("info: OpenSMTPD 7.4.0-portable starting").event, Event::Lifecycle { version: b"7.4.0-portable", .. }));
    assert!(matches!(line("warn: queue: no return path!").event, Event::Trouble { .. }));
    assert_eq!(crate::head::record(b"Nov  2 08:15:01 mx1 smtpd[75]: something else").body, Body::Unparsed);
}
