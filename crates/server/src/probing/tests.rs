//! Jobs out of the configuration, what is known of our servers, and what a board keeps of their runs.

use std::time::Duration;

use chrono_tz::UTC;
use mailvane_alert::input::FindingState;
use mailvane_model::Time;
use mailvane_probe::{Finding, Origin, Severity, State};
use mailvane_store::Probes;

use super::board::Board;
use super::known::{Known, Postfix};
use super::run::Looked;
use super::settings::{Kind, Plan, Section};

fn section(name: &str) -> Section {
    Section { name: name.to_owned(), domains: vec!["example.com".to_owned()], ..Section::default() }
}

fn servers(kind: &str, hosts: &[&str]) -> Section {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    Section { name: kind.to_owned(), kind: Some(kind.to_owned()), hosts, ..Section::default() }
}

/// A round trip over one server.
fn trip() -> Section {
    let text = |text: &str| Some(text.to_owned());
    let (imap, mail_from, rcpt) = (text("mail.example.com"), text("trip@example.com"), text("box@example.com"));
    // Not read before the first run, but it has to be there.
    let password_file = Some(std::path::PathBuf::from("/dev/null"));
    Section { imap, mail_from, rcpt, user: text("trip"), password_file, ..servers("roundtrip", &["mail.example.com:587"]) }
}

fn read(sections: &[Section]) -> Result<Plan, String> {
    Plan::read(sections, &["example.com".to_owned()], UTC, Known::default()).map_err(|error| format!("{error:#}"))
}

#[test]
fn without_sections_our_domains_are_looked_at_in_dns_only() {
    let plan = read(&[]).expect("a plan");
    assert_eq!((plan.jobs.len(), plan.jobs[0].kind, plan.jobs[0].scopes.as_slice()), (1, Kind::Dns, ["example.com".to_owned()].as_slice()));
    assert!(Plan::read(&[], &[], UTC, Known::default()).expect("a plan").jobs.is_empty());
}

#[test]
fn every_kind_is_read() {
    let all = [
        section("dns"),
        servers("smtp", &["mail.example.com", "mail.example.com:587"]),
        servers("imap", &["mail.example.com:993"]),
        servers("pop3", &["mail.example.com:995"]),
        servers("tls", &["mail.example.com:465"]),
        servers("http", &["https://webmail.example.com/login"]),
        servers("dnsbl", &["192.0.2.10"]),
        trip(),
    ];
    let plan = read(&all).expect("a plan");
    assert_eq!((plan.jobs.len(), plan.senders().collect::<Vec<_>>()), (8, vec!["trip@example.com".to_owned()]));
}

#[test]
fn mistakes_are_named_when_the_configuration_is_read() {
    let wrong: [(Section, &str); 12] = [
        (Section { imap: None, ..trip() }, "`imap`"),
        (Section { wait_s: Some(900), ..trip() }, "wait_s"),
        (Section { name: String::new(), ..section("x") }, "name"),
        (section("two words"), "name"),
        (Section { kind: Some("ping".to_owned()), ..section("a") }, "use one of dns, smtp"),
        (Section { schedule: Some("* * * *".to_owned()), ..section("a") }, "4 fields"),
        (Section { timezone: Some("Nowhere".to_owned()), ..section("a") }, "Nowhere"),
        (Section { jitter_s: Some(-1), ..section("a") }, "jitter_s"),
        (servers("smtp", &["a b"]), "no server"),
        (servers("smtp", &[]), "hosts"),
        (Section { purpose: Some("relay".to_owned()), ..servers("smtp", &["mail.example.com"]) }, "submission"),
        (Section { resolvers: vec!["nowhere".to_owned()], ..section("a") }, "nowhere"),
    ];
    for (section, word) in wrong {
        let error = read(&[section]).expect_err(word);
        assert!(error.contains(word), "{word}: {error}");
    }
    assert!(read(&[section("a"), section("a")]).expect_err("twice").contains("another one"));
}

#[test]
fn what_postfix_says_is_known_and_the_configuration_is_believed_first() {
    let postfix = Postfix {
        bind: ["192.0.2.10".to_owned(), "[2001:db8::10]".to_owned()],
        interfaces: "127.0.0.1, 10.0.0.5, 192.0.2.10".to_owned(),
        helo: "mail.example.com".to_owned(),
        relay_host: String::new(),
        relaying: None,
    };
    let known = Known::of_postfix(vec!["example.com".to_owned()], &postfix);
    let target = known.target("example.com", &section("dns"), at(0));
    let addresses: Vec<String> = target.sending.iter().map(|learned| learned.value.to_string()).collect();
    assert_eq!(
        (addresses.as_slice(), target.sending[0].origin),
        (["192.0.2.10".to_owned(), "2001:db8::10".to_owned()].as_slice(), Origin::Settings)
    );
    assert_eq!(target.helo[0].value, "mail.example.com");
    let given = Section { ip: vec!["198.51.100.9".parse().expect("an address")], ..section("dns") };
    let target = known.target("example.com", &given, at(0));
    assert_eq!((target.sending.len(), target.sending[0].origin), (1, Origin::Configuration));
    let relayed = Known::of_postfix(Vec::new(), &Postfix { relay_host: "[smtp.example.net]:587".to_owned(), ..Postfix::default() });
    assert_eq!(relayed.target("example.com", &section("dns"), at(0)).smarthost.as_deref(), Some("smtp.example.net"));
    let everywhere = Known::of_postfix(Vec::new(), &Postfix { interfaces: "all".to_owned(), ..Postfix::default() });
    assert!(everywhere.sending.is_empty(), "an address that is not visible is not made up");
}

fn looked(minute: i64, found: Result<Vec<Finding>, String>) -> Vec<Looked> {
    vec![Looked { scope: "example.com".to_owned(), time: at(minute), took: Duration::from_millis(40), found }]
}

fn at(minute: i64) -> Time {
    Time(1_790_000_000_000_000 + minute * 60_000_000)
}

#[test]
fn a_board_keeps_what_stands_and_what_changed_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = read(&[]).expect("a plan");
    let board = || Board::open(Probes::open(folder.path()).expect("opens"), &plan).expect("a board");
    let there = Finding::ok("spf.record", "example.com", "there").value(["v=spf1", "ip4:203.0.113.7", "-all"]);
    let gone = Finding::problem("spf.record", "example.com", Severity::High, "No SPF record");
    let first = board();
    assert_eq!(first.never_ran(), [0]);
    first.take(0, at(0), 0, &looked(0, Ok(vec![there]))).expect("kept");
    first.take(0, at(30), 0, &looked(30, Ok(vec![gone.clone()]))).expect("kept");
    let states: Vec<FindingState> = first.take_findings().into_iter().map(|finding| finding.state).collect();
    assert_eq!(states, [FindingState::Ok, FindingState::Problem], "alerts count runs themselves");
    assert!(first.take_findings().is_empty() && first.lost() == 0);
    drop(first);
    // The second run of the bad news comes after a restart.
    let second = board();
    assert!(second.never_ran().is_empty());
    assert_eq!(second.changes(None, Time(0), at(99), 10).expect("read").len(), 0);
    second.take(0, at(60), 2, &looked(60, Ok(vec![gone]))).expect("kept");
    let changes = second.changes(Some("dns"), Time(0), at(99), 10).expect("read");
    assert_eq!(changes.len(), 1);
    assert!(changes[0].1.sentence().ends_with("No SPF record; removed v=spf1 ip4:203.0.113.7 -all"), "{}", changes[0].1.sentence());
    let shown = second.probe("dns").expect("there");
    let standing = shown.standings["example.com"].values().next().expect("one");
    assert_eq!((standing.finding.state, standing.since, standing.first_seen), (State::Problem, at(30), at(0)));
    let (time, run) = shown.last.expect("a run");
    assert_eq!((time, run.problems, run.missed), (at(60), 1, 2));
    assert_eq!(second.runs("dns", Time(0), at(99), 10).expect("read").len(), 3);
}

#[test]
fn a_run_that_could_not_begin_changes_nothing_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = read(&[]).expect("a plan");
    let board = Board::open(Probes::open(folder.path()).expect("opens"), &plan).expect("a board");
    board.take(0, at(0), 0, &looked(0, Err("no name server".to_owned()))).expect("kept");
    let shown = board.probe("dns").expect("there");
    assert!(shown.standings.is_empty());
    assert_eq!(shown.last.expect("a run").1.failed["example.com"], "no name server");
}

#[test]
fn a_probe_can_be_asked_for_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let board = Board::open(Probes::open(folder.path()).expect("opens"), &read(&[]).expect("a plan")).expect("a board");
    assert!(board.ask("dns") && board.ask("dns") && !board.ask("other"));
    assert_eq!(board.asked(), [0]);
    assert!(board.asked().is_empty());
}
