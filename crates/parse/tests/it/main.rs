//! What must hold for every line, whatever its bytes: nothing panics, and a record borrows from its line and from nowhere else.

mod lines;

use mailvane_model::Time;
use mailvane_model::word::Mta;
use mailvane_parse::calendar::{Anchor, Calendar, Zone};
use mailvane_parse::{Body, Field, Record, When, head, record, wrap};
use proptest::prelude::*;

/// Every text of a record lies inside the line, or is one of the constant words of the field list.
fn check(line: &[u8], record: &Record<'_>) {
    let inside = |text: &[u8]| text.is_empty() || line.as_ptr_range().contains(&text.as_ptr()) && text.len() <= line.len();
    assert!(inside(record.host) && (inside(record.program) || record.program == b"exim"));
    if let Body::Postfix(postfix) = &record.body {
        assert!(inside(postfix.instance) && inside(postfix.service) && postfix.queue_id.is_none_or(inside));
    }
    record.visit(&mut |name, field| {
        assert!(!name.is_empty());
        if let Field::Decimal(value) = field {
            assert!(value.is_finite() && value >= 0.0);
        }
    });
}

/// Reads a line in every way there is.
fn read(line: &[u8]) {
    check(line, &record(line));
    check(line, &head::record_of(line, Some(Mta::Postfix)));
    check(line, &head::record_of(line, Some(Mta::Sendmail)));
    check(line, &head::record_of(line, Some(Mta::OpenSmtpd)));
    check(line, &head::record_of(line, Some(Mta::Exim)));
    let mut scratch = Vec::new();
    let plain = wrap::plain(line, &mut scratch);
    check(plain, &record(plain));
    let block = wrap::plain_block(line);
    assert_eq!(newlines(&block), newlines(line), "a block keeps its lines");
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// A known line with some of its bytes replaced, doubled or cut: nearer to the grammar than noise is.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<prop::sample::Index>(),
        prop_oneof![
            Just(b'<'),
            Just(b'>'),
            Just(b'"'),
            Just(b'\\'),
            Just(b':'),
            Just(b'='),
            Just(b'['),
            Just(b']'),
            Just(b' '),
            Just(b','),
            Just(b';'),
            any::<u8>()
        ],
        0..3u8,
    );
    (prop::sample::select(lines::LINES), prop::collection::vec(edit, 0..12), any::<prop::sample::Index>()).prop_map(|(line, edits, cut)| {
        let mut bytes = line.as_bytes().to_vec();
        for (place, byte, kind) in edits {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ if bytes.len() > 1 => {
                    bytes.remove(place);
                }
                _ => {}
            }
        }
        let length = cut.index(bytes.len() * 2).min(bytes.len());
        bytes.truncate(length.max(1));
        bytes
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        Just(When::Missing),
        (any::<i64>(), -900..900i16).prop_map(|(micros, offset_minutes)| When::Absolute { micros, offset_minutes }),
        any::<i64>().prop_map(|micros| When::Local { micros }),
        (1..=12u8, 1..=31u8, 0..Time::DAY).prop_map(|(month, day, micros)| When::Yearless { month, day, micros }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&line);
    }

    #[test]
    fn no_damaged_line_panics(line in damaged()) {
        read(&line);
    }

    #[test]
    fn no_message_after_a_good_head_panics(daemon in prop::sample::select(lines::DAEMONS), message in "\\PC{0,80}") {
        read(format!("Nov  2 08:15:01 mx1 postfix/{daemon}[8]: {message}").as_bytes());
    }

    #[test]
    fn no_message_of_another_mta_panics(opening in prop::sample::select(lines::OPENINGS), message in "\\PC{0,80}") {
        read(format!("Nov  2 08:15:01 mx1 {opening}{message}").as_bytes());
    }

    #[test]
    fn no_text_of_exim_panics(id in prop_oneof![Just(""), Just("1rABCD-0005MB-00 ")], message in "(<=|=>|\\*\\*|==|H=h|rejected|SMTP)?\\PC{0,80}") {
        read(format!("2026-11-02 08:15:01 {id}{message}").as_bytes());
        read(format!("Nov  2 08:15:01 mx1 exim[8]: {id}{message}").as_bytes());
    }

    #[test]
    fn a_calendar_takes_any_times_and_goes_on_after_encoding(
        whens in prop::collection::vec(when(), 0..30),
        modified in 0..4_000_000_000_000_000i64,
        zone in prop_oneof![(-900..900i16).prop_map(Zone::Fixed), Just("America/New_York".parse::<Zone>().unwrap())],
    ) {
        let anchor = Anchor::NotAfter(Time(modified));
        let mut calendar = Calendar::with_anchor(zone, anchor);
        for when in whens {
            let mut again = Calendar::decode(&calendar.encode()).unwrap();
            again.set_anchor(anchor);
            prop_assert_eq!(calendar.resolve(when), again.resolve(when));
        }
    }

    #[test]
    fn no_bytes_of_a_state_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), when in when()) {
        if let Ok(mut calendar) = Calendar::decode(&bytes) {
            calendar.resolve(when);
        }
    }

    #[test]
    fn times_in_order_stay_in_order(steps in prop::collection::vec(0..40 * Time::DAY, 1..40)) {
        let mut calendar = Calendar::with_year(Zone::Fixed(0), 2024);
        let mut time = Time(1_704_067_200 * Time::SECOND);
        for step in steps {
            time = time.plus(step);
            let date = time.to_chrono();
            let (month, day) = (chrono::Datelike::month(&date) as u8, chrono::Datelike::day(&date) as u8);
            let resolved = calendar.resolve(When::Yearless { month, day, micros: time.0.rem_euclid(Time::DAY) });
            prop_assert_eq!(resolved, Some((time, 0)));
        }
    }
}

#[test]
fn every_line_is_known() {
    for line in lines::LINES {
        let mut scratch = Vec::new();
        let record = record(wrap::plain(line.as_bytes(), &mut scratch));
        assert!(!matches!(record.kind(), "unparsed" | "empty"), "{line}");
        read(line.as_bytes());
    }
}

/// Names that `mailvane records` gives to every line.
const OF_EVERY_LINE: &[&str] = &["line", "time", "source", "host", "program", "pid", "queue_id", "record", "raw"];

#[test]
fn a_name_stands_for_one_field_of_a_line() {
    for line in lines::LINES {
        let mut names: Vec<&str> = Vec::new();
        record(line.as_bytes()).visit(&mut |name, _| names.push(name));
        for (place, name) in names.iter().enumerate() {
            assert!(!names[..place].contains(name), "{name} stands twice: {line}");
            assert!(!OF_EVERY_LINE.contains(name), "{name} is taken: {line}");
        }
    }
}

/// The field of that name, as text; several are joined by commas.
fn field(line: &str, wanted: &str) -> Option<String> {
    let mut found = None;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    record(line.as_bytes()).visit(&mut |name, field| {
        if name == wanted {
            found = Some(match field {
                Field::Text(value) => text(value),
                Field::Number(value) => value.to_string(),
                Field::Decimal(value) => value.to_string(),
                Field::Words(value) => text(value).replace(' ', ","),
                Field::Texts(value) => value.into_iter().map(text).collect::<Vec<_>>().join(","),
            });
        }
    });
    found
}

#[test]
fn fields_are_told_by_name() {
    let exim = "2026-11-22 14:00:00 1rABCD-0005MB-00 <= a@example.org H=h.example [192.0.2.7] P=esmtpa A=plain:a S=1234 for b@example.com c@example.com";
    assert_eq!(field(exim, "recipients").as_deref(), Some("b@example.com,c@example.com"));
    assert_eq!((field(exim, "auth").as_deref(), field(exim, "size").as_deref()), (Some("plain:a"), Some("1234")));
    assert_eq!(field(exim.strip_suffix(" c@example.com").unwrap(), "recipient").as_deref(), Some("b@example.com"));
    let smtpd = "Nov  2 08:15:01 mx1 smtpd[75]: 00000000c0ffee01 mta delivery evpid=8a1b2c3dd4e5f607 from=<a@example.org> to=<u@example.net> rcpt=<-> source=\"203.0.113.1\" relay=\"198.51.100.5 (mx.example.net)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 OK\"";
    assert_eq!(field(smtpd, "source_ip").as_deref(), Some("203.0.113.1"));
    for (stat, status, detail) in [
        ("Host unknown (Name server: example.net: host not found)", "Host unknown", Some("Name server: example.net: host not found")),
        ("Sent (5AN8F1aB005133 Message accepted for delivery)", "Sent", Some("5AN8F1aB005133 Message accepted for delivery")),
        ("Deferred: Connection refused by mx (10)", "Deferred", Some("Connection refused by mx (10)")),
        ("User unknown", "User unknown", None),
    ] {
        let line = format!(
            "Nov  2 08:15:01 mx1 sm-mta[1]: 5AN8F1aB005132: to=<a@example.net>, delay=00:00:01, mailer=esmtp, dsn=5.1.2, stat={stat}"
        );
        assert_eq!((field(&line, "status").as_deref(), field(&line, "detail").as_deref()), (Some(status), detail), "{stat}");
    }
}
