//! The text report of a small day.

use mailvane_metric::summary::report::Failure;
use mailvane_metric::summary::{Context, Fold, Options, Report};
use mailvane_model::word::{Action, AuthResult, Direction, HandedTo, Level, Outcome, Population, Reason, Scope, Stage, Status};
use mailvane_model::{Address, AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow, Sink, Stream, Time};

use super::{Advice, Header, Style, Words, report};

const START: i64 = 1_762_000_000;

fn at(second: i64) -> Time {
    Time::from_seconds(START + second)
}

fn stream() -> Stream {
    Stream { host: "mail.example.com".into(), instance: "postfix".into(), ..Stream::default() }
}

/// One message to one recipient: deferred `deferrals` times, then `outcome`.
fn mail(fold: &mut Fold, number: i64, recipient: &str, deferrals: u32, outcome: Outcome, reason: Option<Reason>) {
    let stream = stream();
    let (sender, recipient) = (Address::split("alice@example.com"), Address::split(recipient));
    let id = number as u64 + 1;
    let direction = Direction::Outbound;
    let arrived = at(number);
    fold.message(
        &MessageRow {
            id,
            time: arrived,
            stream: &stream,
            sender,
            size: Some(2000),
            recipients: Some(1),
            direction,
            ..MessageRow::default()
        },
        None,
    );
    let provider = recipient.domain;
    let base = AttemptRow {
        message: id,
        arrived,
        stream: &stream,
        sender,
        recipient,
        provider,
        direction,
        contacted: true,
        size: Some(2000),
        ..AttemptRow::default()
    };
    let mut previous = None;
    for attempt in 1..=deferrals {
        let time = at(number + i64::from(attempt) * 300);
        let reply_text = "450 4.2.0 Greylisted, come back later";
        let first_deferral = attempt == 1;
        let reason = Some(Reason::Greylisted);
        fold.attempt(&AttemptRow { time, status: Status::Deferred, attempt, previous, first_deferral, reason, reply_text, ..base });
        previous = Some(time);
    }
    let time = at(number + i64::from(deferrals) * 300 + 2);
    let permanent = outcome == Outcome::Bounced;
    let (status, reply_text) = match outcome {
        Outcome::Delivered => (Some(Status::Delivered), "250 2.0.0 OK"),
        Outcome::Bounced => (Some(Status::Bounced), "550 5.1.1 User unknown"),
        _ => (None, "450 4.2.0 Greylisted, come back later"),
    };
    if let Some(status) = status {
        let delays_ms = Some([10, 20, 300, 400]);
        fold.attempt(&AttemptRow {
            time,
            status,
            attempt: deferrals + 1,
            previous,
            reason,
            reply_text,
            scope: Scope::Recipient,
            delays_ms,
            ..base
        });
    }
    let row = OutcomeRow {
        id,
        time,
        arrived,
        stream: &stream,
        message: id,
        sender,
        recipient,
        direction,
        provider,
        handed_to: if outcome == Outcome::Delivered { HandedTo::Remote } else { HandedTo::Nobody },
        outcome,
        deferrals,
        greylisted: deferrals,
        reply_text,
        reason,
        scope: Scope::Recipient,
        permanent,
        size: Some(2000),
        delay_ms: Some((time.0 - arrived.0) as u64 / 1000),
        ..OutcomeRow::default()
    };
    fold.outcome(&row, None);
}

fn day() -> Report {
    let mut fold = Fold::new(Options::default());
    for number in 0..8 {
        mail(&mut fold, number, "bob@example.net", 0, Outcome::Delivered, None);
    }
    mail(&mut fold, 8, "carol@example.net", 2, Outcome::Delivered, None);
    mail(&mut fold, 9, "dave@example.org", 0, Outcome::Bounced, Some(Reason::UnknownRecipient));
    mail(&mut fold, 10, "erin@example.org", 3, Outcome::Queued, Some(Reason::Greylisted));
    let stream = stream();
    let client = "203.0.113.9";
    let reply_text = "554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked";
    let rejection = RejectionRow {
        time: at(20),
        stream: &stream,
        client_ip: client,
        client_name: "unknown",
        stage: Stage::Rcpt,
        reply_code: 554,
        reply_text,
        reason: Reason::IpBlocklisted,
        action: Action::Reject,
        ..RejectionRow::default()
    };
    fold.rejection(&rejection);
    fold.auth(&AuthRow {
        time: at(21),
        stream: &stream,
        client_ip: client,
        user: "admin",
        method: "LOGIN",
        result: AuthResult::Failed,
        ..AuthRow::default()
    });
    fold.session(&SessionRow { time: at(22), stream: &stream, client_ip: client, lost_after: Stage::Auth, ..SessionRow::default() });
    let text = "database /etc/aliases.db is older than source file /etc/aliases";
    fold.notice(&NoticeRow { time: at(23), stream: &stream, daemon: "local", level: Level::Warning, text, ..NoticeRow::default() });
    fold.outcome(
        &OutcomeRow {
            time: at(24),
            population: Population::Notification,
            direction: Direction::Local,
            outcome: Outcome::Delivered,
            ..OutcomeRow::default()
        },
        None,
    );
    fold.finish(&Context { offset_minutes: &|_| 60, top: 10 })
}

fn text(of: &Report, style: Style) -> String {
    let header =
        Header { inputs: vec!["mail.log (1 kB)".into()], zone: "Europe/Berlin".into(), recognised: 99, ignored: 1, ..Header::default() };
    let advice = |failure: &Failure| {
        (failure.reason == Reason::UnknownRecipient).then(|| Advice {
            cause: "The address does not exist.".into(),
            steps: vec!["Take it off your lists.".into()],
            link: String::new(),
        })
    };
    report(of, &header, &Words { offset_minutes: &|_| 60, provider: &|id| id.to_owned(), advice: &advice }, style)
}

#[test]
fn every_section_has_its_numbers() {
    let out = text(&day(), Style::default());
    for expected in [
        "mail.log (1 kB)",
        "100, 100.0 % understood",
        "10.0 % of 10", // bounce rate: 1 of 9 delivered and 1 bounced
        "18.2 % of 11", // deferral rate: 2 of 11 recipients tried
        "No such recipient at example.org: 1 recipient bounced",
        "why  The address does not exist.",
        "do   Take it off your lists.",
        "1 message for 1 recipient waiting",
        "alice@example.com",
        "refused at rcpt: sending ip on a block list",
        "1 refused",
        "Trouble on this server",
        "database /etc/aliases.db is older than source file",
        "Delivery notifications",
        "Europe/Berlin",
    ] {
        assert!(out.contains(expected), "{expected:?} is missing in\n{out}");
    }
    assert!(!out.contains('\x1b'), "no colour unless asked for");
    assert!(out.lines().all(|line| line.chars().count() <= 120), "lines fit a terminal");
}

#[test]
fn colours_are_the_callers_choice_and_change_no_words() {
    let day = day();
    let coloured = text(&day, Style { colour: true, ..Style::default() });
    let mut plain = coloured.clone();
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m"] {
        plain = plain.replace(code, "");
    }
    assert_ne!(plain, coloured);
    assert_eq!(plain, text(&day, Style::default()));
}

#[test]
fn a_day_without_mail_is_a_short_page() {
    let empty = Fold::new(Options::default()).finish(&Context { offset_minutes: &|_| 0, top: 10 });
    assert!(empty.is_empty());
    let out = text(&empty, Style::default());
    assert!(out.contains("No mail"), "{out}");
    assert!(out.lines().count() < 20);
}

#[test]
fn a_mail_has_its_charts_as_pictures_beside_the_page() {
    let words = Words { offset_minutes: &|_| 60, provider: &|id| id.to_owned(), advice: &|_| None };
    let (page, pictures) = crate::html::mail(&day(), &Header::default(), &words, 10);
    assert!(!page.contains("<svg"), "programs that read mail show none");
    assert!(!pictures.is_empty());
    for picture in &pictures {
        assert!(page.contains(&format!("<img src=\"cid:{}\" alt=\"", picture.name)), "{} is shown", picture.name);
        assert!(picture.png.starts_with(b"\x89PNG"));
    }
    assert_eq!(page.matches("src=").count(), pictures.len(), "nothing else is loaded");
}

#[test]
fn the_same_report_as_html_is_whole_and_safe() {
    let header = Header { inputs: vec!["<b>mail.log".into()], recognised: 99, ignored: 1, ..Header::default() };
    let words = Words { offset_minutes: &|_| 60, provider: &|id| id.to_owned(), advice: &|_| None };
    let out = crate::html::report(&day(), &header, &words, 10);
    assert!(out.starts_with("<!DOCTYPE html>") && out.trim_end().ends_with("</html>"));
    assert!(out.contains("&lt;b&gt;mail.log") && !out.contains("<b>mail"), "what comes from outside is escaped");
    assert!(!out.contains("<script") && !out.contains("src=") && !out.contains("url("), "nothing is loaded");
    assert_eq!(out.matches("<section>").count(), out.matches("</section>").count());
    assert_eq!(out.matches("<table>").count(), out.matches("</table>").count());
    assert!(out.matches("<svg").count() >= 1);
    for expected in
        ["10.0 % of 10", "18.2 % of 11", "No such recipient at example.org", "<h2>Trouble on this server</h2>", "alice@example.com"]
    {
        assert!(out.contains(expected), "{expected:?} is missing");
    }
}
