//! Lines of every kind.

use super::*;
use crate::record;

fn line(text: &str) -> Line<'_> {
    match record(text.as_bytes()).body {
        Body::Exim(line) => line,
        body => panic!("not an Exim line: {body:?}"),
    }
}

fn event(text: &str) -> Event<'_> {
    match record(text.as_bytes()).body {
        Body::Exim(line) => line.event,
        body => panic!("not an Exim line: {body:?}"),
    }
}

#[test]
fn lines_are_told_by_their_form() {
    for text in [
        "2026-11-22 14:00:00 1rABCD-0005MB-00 Completed",
        "2026-11-22 14:00:00.123 1rABCD-0005MB-00 Completed",
        "2026-11-22 14:00:00 +0100 1rABCD-000000001bo-D342 Completed",
        "2026-11-22 14:00:00.5 +0100 [77] 1rABCD-000000001bo-D342 Completed",
        "2026-11-22 14:00:00 [77] 1rABCD-0005MB-00 Completed",
        "Nov 22 14:00:00 mx1 exim[77]: 2026-11-22 14:00:00 1rABCD-0005MB-00 Completed",
        "Nov 22 14:00:00 mx1 exim4[77]: 1rABCD-0005MB-00 Completed",
        "2026-11-22T14:00:00.123+01:00 mx1 exim[77]: 2026-11-22 14:00:00 +0100 [77] 1rABCD-0005MB-00 Completed",
        "<22>1 2026-11-22T14:00:00Z mx1 exim 77 - - 1rABCD-0005MB-00 Completed",
        "mx1.example.com exim[77]: 2026-11-22 14:00:00 1rABCD-0005MB-00 Completed",
        "Nov 22 14:00:00 mx1 exim[77]: [1/2] 2026-11-22 14:00:00 1rABCD-0005MB-00 Completed",
    ] {
        assert!(matches!(event(text), Event::Completed { .. }), "{text}");
        assert!(!record(text.as_bytes()).queue_id().is_empty(), "{text}");
    }
    let other = [
        "2026-11-22 14:00:00 mx1 postfix/qmgr[1]: 4A0001: removed",
        "2026-11-22 14:00:00 status installed exim4:amd64 4.96",
        "2026-11-22 14:00:00 imap-login: Info: Disconnected (no auth attempts): rip=192.0.2.7",
    ];
    for text in other {
        assert!(!matches!(record(text.as_bytes()).body, Body::Exim(_)), "{text}");
    }
}

#[test]
fn reads_arrivals() {
    let text = "2026-11-22 14:00:00 1rABCD-000000001bo-D342 <= joe@example.com H=mail.example.com (ehlo.example.com) [192.0.2.7]:41122 I=[203.0.113.1]:587 P=esmtpsa X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=dovecot_login:joe L- K S=2345 M8S=0 RT=0.2s id=abc@example.com T=\"Hi P=x \\\"there\\\" id=z\" from <joe@example.com> for a@example.net b@example.org";
    let Event::Arrival(arrival) = event(text) else { panic!("{text}") };
    let host = Host { name: b"mail.example.com", helo: b"ehlo.example.com", ip: b"192.0.2.7", port: 41122, user: b"" };
    assert_eq!(arrival.host, host);
    assert_eq!((arrival.sender, arrival.protocol, arrival.auth), (&b"joe@example.com"[..], &b"esmtpsa"[..], &b"dovecot_login:joe"[..]));
    assert_eq!((arrival.size, arrival.header_id), (Some(2345), &b"abc@example.com"[..]));
    assert_eq!((arrival.tls, arrival.recipients), (&b"TLS1.3:TLS_AES_256_GCM_SHA384:256"[..], &b"a@example.net b@example.org"[..]));

    let text = "2026-11-22 14:00:00 1rABCD-0005MB-00 <= a@example.com H=h.example DS [192.0.2.7] P=esmtp L. ARC SPF S=12 id=x";
    let Event::Arrival(arrival) = event(text) else { panic!("{text}") };
    assert_eq!((arrival.host.ip, arrival.size, arrival.header_id), (&b"192.0.2.7"[..], Some(12), &b"x"[..]));

    let text = "2026-11-22 14:00:00 1rABCD-0005MB-00 <= <> R=1rABCC-0005MA-00 U=Debian-exim P=local S=1797";
    let Event::Arrival(arrival) = event(text) else { panic!("{text}") };
    assert_eq!((arrival.sender, arrival.bounce_of, arrival.host.user), (&b""[..], &b"1rABCC-0005MA-00"[..], &b"Debian-exim"[..]));
    let Event::Arrival(arrival) = event("2026-11-22 14:00:00 1rABCD-0005MB-00 (= a b@example.com H=([192.0.2.8]) [192.0.2.9] P=smtp S=1")
    else {
        panic!()
    };
    assert!(arrival.fake_reject);
    assert_eq!((arrival.sender, arrival.host.helo, arrival.host.ip), (&b"a b@example.com"[..], &b"[192.0.2.8]"[..], &b"192.0.2.9"[..]));
}

fn delivery(text: &str) -> Delivery<'_> {
    match event(text) {
        Event::Delivery(delivery) => delivery,
        event => panic!("{event:?}"),
    }
}

#[test]
fn reads_results() {
    let done = delivery(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 => a@example.net <alias@example.com> F=<joe@example.com> P=<joe@example.com> R=dnslookup T=remote_smtp S=2410 H=mx.example.net [198.51.100.5]:25* X=TLS1.3:A:256 CV=yes DN=\"CN=mx, O=x\" K L C=\"250 2.0.0 OK \\\"queued\\\" as 5F1\" QT=3s DT=1m2s",
    );
    assert_eq!(
        (done.address, done.original, done.router, done.transport),
        (&b"a@example.net"[..], &b"alias@example.com"[..], &b"dnslookup"[..], &b"remote_smtp"[..])
    );
    assert_eq!((done.host.name, done.host.ip, done.host.port, done.reused), (&b"mx.example.net"[..], &b"198.51.100.5"[..], 25, true));
    assert_eq!((done.text, done.queue_ms, done.delivery_ms), (&b"250 2.0.0 OK \\\"queued\\\" as 5F1"[..], Some(3000), Some(62_000)));
    let failed = delivery(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 ** u@example.net R=dnslookup T=remote_smtp H=mx.example.net [198.51.100.5]:25 I=[203.0.113.1]:4000: SMTP error from remote mail server after RCPT TO:<u@example.net>: 550 5.1.1 No R=such user DT=0.5s",
    );
    assert_eq!(failed.text, &b"SMTP error from remote mail server after RCPT TO:<u@example.net>: 550 5.1.1 No R=such user"[..]);
    assert_eq!((failed.delivery_ms, failed.host.port), (Some(500), 25));
    let unroutable = delivery("2026-11-22 14:00:00 1rABCD-0005MB-00 ** u@example.net: retry timeout exceeded");
    assert_eq!((unroutable.address, unroutable.text), (&b"u@example.net"[..], &b"retry timeout exceeded"[..]));
    let deferred = delivery(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 == u@example.net R=dnslookup T=remote_smtp defer (110): Connection timed out H=mx.example.net [198.51.100.5]: SMTP timeout after initial connection",
    );
    assert_eq!(
        (deferred.errno, deferred.host.ip, deferred.text),
        (Some(110), &b"198.51.100.5"[..], &b"SMTP timeout after initial connection"[..])
    );
    let refused =
        delivery("2026-11-22 14:00:00 1rABCD-0005MB-00 == u@example.net R=dnslookup T=remote_smtp defer (111): Connection refused");
    assert_eq!((refused.errno, refused.text), (Some(111), &b"Connection refused"[..]));
    let waits = delivery("2026-11-22 14:00:00 1rABCD-0005MB-00 == u@example.net routing defer (-51): retry time not reached");
    assert_eq!((waits.address, waits.errno, waits.text), (&b"u@example.net"[..], Some(-51), &b"retry time not reached"[..]));
}

#[test]
fn commands_files_and_replies_are_addresses() {
    let pipe = delivery(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 == |/bin/cmd --to: x <a@example.com> R=system_aliases T=address_pipe defer (0): Child process of address_pipe transport returned 75",
    );
    assert_eq!((pipe.address, pipe.original), (&b"|/bin/cmd --to: x"[..], &b"a@example.com"[..]));
    let reply = delivery(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 => >joe@example.org (vacation@example.com) <joe@example.com> R=userforward T=address_reply",
    );
    assert_eq!(
        (reply.address, reply.original, reply.transport),
        (&b">joe@example.org (vacation@example.com)"[..], &b"joe@example.com"[..], &b"address_reply"[..])
    );
    let hole = delivery("2026-11-22 14:00:00 1rABCD-0005MB-00 => :blackhole: <a@example.com> R=system_aliases");
    assert_eq!((hole.address, hole.original), (&b":blackhole:"[..], &b"a@example.com"[..]));
    let many = delivery(
        "2026-11-22 14:00:00 1rABCD-0005MB-00 => c@example.net (b@example.com) <a@example.com> R=dnslookup T=remote_smtp H=h [192.0.2.1]",
    );
    assert_eq!((many.address, many.original), (&b"c@example.net"[..], &b"a@example.com"[..]));
}

#[test]
fn reads_refusals() {
    let text = "2026-11-22 14:00:00 [10] H=(x.example) [192.0.2.7]:3755 I=[203.0.113.1]:25 F=spam@example.org temporarily rejected RCPT joe@example.com: try later";
    let Event::Rejection(refusal) = event(text) else { panic!("{text}") };
    assert!(refusal.temporary);
    assert_eq!((refusal.stage, refusal.recipient, refusal.text), (&b"RCPT"[..], Some(&b"joe@example.com"[..]), &b"try later"[..]));
    assert_eq!((refusal.sender, refusal.host.ip), (Some(&b"spam@example.org"[..]), &b"192.0.2.7"[..]));
    let text = "2026-11-22 14:00:00 rejected EHLO from h.example [192.0.2.7]: syntactically invalid argument(s): x y";
    let Event::Rejection(refusal) = event(text) else { panic!("{text}") };
    assert_eq!((refusal.stage, refusal.text), (&b"EHLO"[..], &b"syntactically invalid argument(s): x y"[..]));
    let text = "2026-11-22 14:00:00 1rABCD-0005MB-00 H=h.example [192.0.2.7] F=<a@example.org> rejected after DATA: content";
    let refused = line(text);
    assert!(matches!(refused.event, Event::Rejection(Rejection { stage: b"DATA", text: b"content", .. })));
    let text = "2026-11-22 14:00:00 H=[192.0.2.7]:62839 dropped by 'connect' ACL: no";
    assert!(matches!(event(text), Event::Rejection(Rejection { stage: b"CONNECT", text: b"no", .. })));
}

#[test]
fn the_address_of_a_client_is_the_one_exim_wrote() {
    let text = "2026-11-22 14:00:00 SMTP protocol error in \"aUtH lOgIn\" H=(test) [203.0.113.8]\" H=(x) [192.0.2.6] AUTH command used when not advertised";
    let Event::Misbehaved { host, .. } = event(text) else { panic!("{text}") };
    assert_eq!(host.ip, b"192.0.2.6");
    let text = "2026-11-22 14:00:00 plain authenticator failed for h.example ([192.0.2.33]) [192.0.2.7]:5 I=[203.0.113.1]:25 Ci=3: 535 Incorrect authentication data (set_id=a@b)";
    let Event::AuthFailed { method, host, user, text } = event(text) else { panic!() };
    assert_eq!((method, host.ip, user, text), (&b"plain"[..], &b"192.0.2.7"[..], &b"a@b"[..], &b"535 Incorrect authentication data"[..]));
}

#[test]
fn the_header_below_a_refusal_goes_on_with_it() {
    for text in [
        "P Received: from x",
        "* Return-Path: <a@example.org>",
        "  Subject: x",
        "\tby mx1.example.com",
        "    <bob@example.com>",
        "Envelope-to: <a@example.com>",
    ] {
        assert_eq!(record(text.as_bytes()).body, Body::Ignored, "{text}");
    }
    for text in ["not a log line", "A word", " one blank"] {
        assert_eq!(record(text.as_bytes()).body, Body::Unparsed, "{text}");
    }
}

#[test]
fn the_host_of_an_error_is_read_where_old_versions_write_it() {
    let text = "2012-02-13 14:39:22 1RookS-000Pg8-VO == a@example.net R=dnslookup T=remote_smtp defer (-44): SMTP error from remote mail server after RCPT TO:<a@example.net>: host mx0.example.net [192.0.2.31]: 450 4.3.2 busy";
    let Event::Delivery(delivery) = event(text) else { panic!("{text}") };
    assert_eq!((delivery.host.name, delivery.host.ip), (&b"mx0.example.net"[..], &b"192.0.2.31"[..]));
    assert!(delivery.text.ends_with(b"450 4.3.2 busy"));
    // What the far side says is not taken for it.
    let text = "2012-02-13 14:39:22 1RookS-000Pg8-VO == a@example.net R=dnslookup T=remote_smtp defer (-44): SMTP error from remote mail server after RCPT TO:<a@example.net>: 450 see: host mx0.example.net 192.0.2.31";
    let Event::Delivery(delivery) = event(text) else { panic!("{text}") };
    assert_eq!(delivery.host, Host::default());
}

#[test]
fn tags_go_on_after_the_failure_of_a_shadow_transport() {
    let text = "2026-11-22 14:00:00 1rABCD-0005MB-00 => joe <joe@example.com> R=r T=lmtp ST=copy (mailbox /var/copy is no regular file) C=\"250 taken\"";
    let Event::Delivery(delivery) = event(text) else { panic!("{text}") };
    assert_eq!((delivery.transport, delivery.text), (&b"lmtp"[..], &b"250 taken"[..]));
}

#[test]
fn a_login_may_hold_blanks() {
    let text = "2026-11-22 14:00:00 1rABCD-0005MB-00 <= \"print job\"@example.com U=print job P=local S=1234 for a@example.net";
    let Event::Arrival(arrival) = event(text) else { panic!("{text}") };
    assert_eq!((arrival.sender, arrival.host.user), (&b"\"print job\"@example.com"[..], &b"print job"[..]));
    assert_eq!((arrival.protocol, arrival.size, arrival.recipients), (&b"local"[..], Some(1234), &b"a@example.net"[..]));
    // An answer to an ident question is a stranger's: it does not say what the protocol is.
    let text = "2026-11-22 14:00:00 1rABCD-0005MB-00 <= a@example.org H=(x) [192.0.2.7] U=x P=local S=1 P=smtp S=99";
    let Event::Arrival(arrival) = event(text) else { panic!("{text}") };
    assert_eq!((arrival.protocol, arrival.size), (&b"smtp"[..], Some(99)));
}

#[test]
fn half_an_address_at_the_end_of_a_piece_is_none() {
    let text = "Nov 22 14:00:00 mx1 exim[407]: [1/2] 1rABCD-0005MB-00 <= a@example.org H=(x) [192.0.2.7] P=esmtp S=1 for one@example.com two@example.com thr";
    let Event::Arrival(arrival) = event(text) else { panic!("{text}") };
    assert_eq!((arrival.recipients, arrival.cut), (&b"one@example.com two@example.com"[..], true));
    let whole = text.replace("[1/2] ", "");
    let Event::Arrival(arrival) = event(&whole) else { panic!("{text}") };
    assert_eq!((arrival.recipients, arrival.cut), (&b"one@example.com two@example.com thr"[..], false));
}
