//! What must hold for every input: nothing panics, one template has one verdict, and history is judged as at ingest.

use mailvane_model::word::Stage;
use mailvane_reply::judge::{Failure, Judge};
use mailvane_reply::{bench, cluster, codes, dialogue, normalise, provider, quoted};
use proptest::prelude::*;

/// Bytes of the longest placeholder.
const LONGEST_PLACEHOLDER: usize = 9;

/// Pieces of replies, so that random texts come near to real ones.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,6}",
        Just("550-5.7.1 ".to_owned()),
        Just("550 5.1.1 ".to_owned()),
        Just("421 4.7.0 [TSS04] ".to_owned()),
        Just("host mx[192.0.2.5] said: ".to_owned()),
        Just(" (in reply to RCPT TO command)".to_owned()),
        Just("delivery temporarily suspended: ".to_owned()),
        Just("SMTP error from remote mail server after RCPT TO:<a@b>: ".to_owned()),
        Just("<a@example.com>".to_owned()),
        Just("https://example.org/a?b=c&d=".to_owned()),
        Just("2001:db8::1".to_owned()),
        Just("127.255.255.254".to_owned()),
        Just("\"joe\"".to_owned()),
        Just("\\n".to_owned()),
        Just("user unknown".to_owned()),
        Just("over quota".to_owned()),
        Just("@".to_owned()),
        Just(":".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

/// A text with places for mail addresses (1) and addresses of machines (2).
fn text_with_places() -> impl Strategy<Value = String> {
    let piece = prop_oneof![piece(), Just("\u{1}".to_owned()), Just("\u{2}".to_owned()), Just(" ".to_owned())];
    let pieces = prop::collection::vec(piece, 0..8);
    let starts = prop_oneof![Just(""), Just("550 5.1.1 "), Just("host mx.example.net\u{2} said: 550 "), Just("to=")];
    (starts, pieces).prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

/// A plain mail address and the address of a machine.
fn addresses() -> impl Strategy<Value = (String, String)> {
    let octet = || prop_oneof![0_u8..=255, Just(25_u8)];
    let ip = (prop_oneof![0_u8..127, 128_u8..=255], octet(), octet(), octet()).prop_map(|(a, b, c, d)| format!("{a}.{b}.{c}.{d}"));
    ("[A-Za-z0-9]([A-Za-z0-9._+-]{0,12})@[A-Za-z0-9.-]{0,12}[A-Za-z0-9]", ip)
}

fn shape_of(text: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    mailvane_model::shape::write(text, &mut hasher);
    std::hash::Hasher::finish(&hasher)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in text(), provider in prop_oneof![Just(""), Just("google"), Just("yahoo"), Just("example.net")], deferred: bool, stage in 0_u8..12) {
        let failure = Failure { provider, text: &text, enhanced_code: "", stage: Stage::from_code(stage).unwrap_or_default(), deferred };
        let judge = Judge::embedded();
        let first = judge.judge(&failure);
        prop_assert_eq!(&judge.judge(&failure), &first);
        prop_assert_eq!(&judge.weigh(&failure).verdict, &first);
        let _ = (codes::of(&text), dialogue::find(&text), quoted::of(&text), provider::Providers::embedded().of_host(&text).len());
        let mut clusters = cluster::Clusters::default();
        clusters.add(&text, provider, mailvane_model::time::Time::from_seconds(0));
        prop_assert_eq!(clusters.top().len(), 1);
    }

    #[test]
    fn a_template_grows_with_its_text_and_no_more(text in text()) {
        let template = normalise::template(&text);
        // The longest placeholder stands for one byte at least.
        let bound = text.len() * LONGEST_PLACEHOLDER + 1;
        prop_assert!(template.len() <= bound);
        prop_assert!(!template.contains('\n'));
    }

    /// What the cache of verdicts rests on.
    #[test]
    fn texts_of_one_shape_mean_the_same(text in text_with_places(), here in addresses(), there in addresses()) {
        let fill = |with: &(String, String)| text.replace('\u{1}', &format!("<{}>", with.0)).replace('\u{2}', &format!("[{}]", with.1));
        let (here, there) = (fill(&here), fill(&there));
        prop_assume!(here.len() <= 400 && there.len() <= 400);
        prop_assert_eq!(shape_of(&here), shape_of(&there));
        let weigh = |text: &str| Judge::embedded().weigh(&Failure { text, ..Failure::default() });
        prop_assert_eq!(weigh(&here), weigh(&there));
    }

    #[test]
    fn names_addresses_and_numbers_do_not_change_the_verdict(name in "[a-z]{3,9}", number in 10_u32..99_999, host in 1_u8..254) {
        let judge = Judge::embedded();
        let text = format!("host mx{number}.example.net[198.51.100.{host}] said: 450 4.2.0 <{name}@example.net>: Greylisted for {number} seconds (in reply to RCPT TO command)");
        let verdict = judge.judge(&Failure { text: &text, deferred: true, ..Failure::default() });
        prop_assert_eq!(verdict.reason.map(mailvane_model::word::Reason::word), Some("greylisted"));
    }
}

#[test]
fn a_long_text_is_cut_and_judged() {
    let judge = Judge::embedded();
    for unit in ["550-5.7.1 a long line of policy ", "a@", "1.", "http://a/", "((((", "é", "user unknown ", "::"] {
        let text = unit.repeat(200_000 / unit.len());
        let verdict = judge.judge(&Failure { text: &text, ..Failure::default() });
        assert!(verdict.reason.is_some());
        assert!(normalise::template(&text).len() <= normalise::MAX_TEXT_BYTES * LONGEST_PLACEHOLDER);
    }
}

#[test]
fn history_is_judged_as_at_ingest() {
    let ingest = Judge::with_packs(&[]).expect("the packs compile");
    let later = Judge::with_packs(&[]).expect("the packs compile");
    assert_eq!(ingest.version(), later.version());
    for row in bench::labelled() {
        let verdict = ingest.judge(&row.failure);
        // From what is stored: provider, enhanced code, reply text, stage, deferred.
        let stored = Failure { enhanced_code: codes::of(row.failure.text).enhanced, ..row.failure };
        assert_eq!(later.judge(&stored), verdict, "{}", row.failure.text);
        // A remote reply inside the frame of the MTA is judged like the bare one.
        if row.failure.text.as_bytes()[0].is_ascii_digit() && !matches!(row.failure.stage, Stage::Unknown | Stage::Connect) {
            let command = match row.failure.stage {
                Stage::Helo => "EHLO",
                Stage::Mail => "MAIL FROM",
                Stage::Rcpt => "RCPT TO",
                Stage::EndOfMessage => "end of DATA",
                Stage::Auth => "AUTH PLAIN",
                Stage::Starttls => "STARTTLS",
                _ => "DATA",
            };
            let framed = format!("host mx.example.net[192.0.2.5] said: {} (in reply to {command} command)", row.failure.text);
            let logged = Failure { text: &framed, stage: Stage::Unknown, ..row.failure };
            assert_eq!(later.judge(&logged), verdict, "{framed}");
        }
    }
}

#[test]
fn a_users_pack_wins_and_changes_the_version() {
    let mine = "[[rule]]\nid = \"no\"\nreason = \"recipient_policy\"\nany = [\"computer says no\"]\nmatch = [\"550 computer says no\"]\n";
    let judge = Judge::with_packs(&[("mine", mine)]).expect("it compiles");
    let failure = Failure { text: "550 5.1.1 user unknown: computer says no", ..Failure::default() };
    assert_eq!(&*judge.judge(&failure).rule, "mine/no");
    assert_ne!(judge.version(), Judge::embedded().version());
    assert_eq!(&*Judge::embedded().judge(&failure).rule, "recipient/user-unknown");
}

#[test]
fn a_broken_pack_is_refused_with_what_to_do() {
    let refuse = |text: &str| Judge::with_packs(&[("mine", text)]).expect_err("it is broken").to_string();
    assert!(refuse("[[rule]]\nid = \"a\"\nreason = \"nonsense\"\nany = [\"x y\"]\n").contains("write one of"));
    assert!(refuse("[[rule]]\nid = \"a\"\nreason = \"loop\"\n").contains("no condition"));
    assert!(refuse("[[rule]]\nid = \"a\"\nreason = \"loop\"\nany = [\" \"]\n").contains("empty"));
    assert!(refuse("[[rule]]\nid = \"a\"\nreason = \"loop\"\nunknown_key = 1\n").contains("unknown field"));
    assert!(refuse("[[rule]]\nid = \"a\"\nreason = \"loop\"\nenhanced = [\"9.1\"]\n").contains("5.1.1"));
    assert!(refuse("[[rule]]\nid = \"a\"\nreason = \"loop\"\npattern = \"(\"\n").contains("compiled"));
    let twice = "[[rule]]\nid = \"a\"\nreason = \"loop\"\nany = [\"xy\"]\n";
    assert!(refuse(&twice.repeat(2)).contains("twice"));
}

#[test]
fn many_threads_may_ask_one_judge() {
    let judge = Judge::embedded();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let judge = judge.clone();
            scope.spawn(move || {
                for row in bench::labelled() {
                    assert!(judge.judge(&row.failure).reason.is_some());
                }
            });
        }
    });
}

#[test]
fn an_expired_failure_carries_its_root() {
    let judge = Judge::embedded();
    let last = judge.judge(&Failure { text: "452 4.2.2 mailbox over quota", deferred: true, ..Failure::default() });
    let expired = judge.expired(Some(&last));
    assert_eq!(expired.reason.map(mailvane_model::word::Reason::word), Some("expired"));
    assert_eq!((expired.scope, &*expired.rule), (last.scope, "expired:recipient/mailbox-full"));
    assert_eq!(&*judge.expired(None).rule, "expired");
}

#[test]
fn no_refusal_of_ours_is_trouble_of_a_receiving_side() {
    use mailvane_model::word::Reason;
    let judge = Judge::embedded();
    for row in bench::labelled() {
        let verdict = judge.judge_own(&row.failure);
        assert!(
            !matches!(verdict.reason, Some(Reason::RemoteTemporary | Reason::RemoteError | Reason::Unclassified)),
            "{}: {:?} by {}",
            row.failure.text,
            verdict.reason,
            verdict.rule
        );
    }
}
