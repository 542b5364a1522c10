//! The contract held: every route answers in the shape that `openapi.json` says, no field missing and none unknown.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use chrono::DateTime;
use mailvane_assemble::{Assembler, Config};
use mailvane_model::{Batch, FileId, Position, Time};
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind};
use mailvane_store::{Commit, Disk, Memory, Options, Store};
use serde_json::Value;
use tokio::sync::watch;

use super::problem::Problem;
use super::reader::Reader;
use super::{
    Api, alerts, attention, breakdown, charts, failures, life, live, live_queue, logins, messages, openapi, probes, queue, security,
    series, sources, status, summary, suppression, trouble,
};
use crate::live::view::{About, Gap, Shared, View};
use crate::pipeline::coverage::Coverage;

/// A message delivered, one bounced with its notification, one waiting, a refusal, a failed login, a warning.
const LOG: &str = "\
2026-11-02T08:00:00+00:00 mx1 postfix/submission/smtpd[101]: 4AAAA11111: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=ann
2026-11-02T08:00:00+00:00 mx1 postfix/cleanup[102]: 4AAAA11111: message-id=<one@example.com>
2026-11-02T08:00:00+00:00 mx1 postfix/qmgr[103]: 4AAAA11111: from=<ann@example.com>, size=1200, nrcpt=2 (queue active)
2026-11-02T08:00:02+00:00 mx1 postfix/smtp[104]: 4AAAA11111: to=<bob@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=2.1, delays=0.1/0/1/1, dsn=2.0.0, status=sent (250 2.0.0 OK)
2026-11-02T08:00:03+00:00 mx1 postfix/smtp[105]: 4AAAA11111: to=<eve@example.org>, relay=mx.example.org[198.51.100.8]:25, delay=3.1, delays=0.1/0/1/2, dsn=5.1.1, status=bounced (host mx.example.org[198.51.100.8] said: 550 5.1.1 <eve@example.org>: user unknown (in reply to RCPT TO command))
2026-11-02T08:00:03+00:00 mx1 postfix/cleanup[102]: 4BBBB22222: message-id=<notice@mx1.example.com>
2026-11-02T08:00:03+00:00 mx1 postfix/bounce[106]: 4AAAA11111: sender non-delivery notification: 4BBBB22222
2026-11-02T08:00:03+00:00 mx1 postfix/qmgr[103]: 4BBBB22222: from=<>, size=3000, nrcpt=1 (queue active)
2026-11-02T08:00:03+00:00 mx1 postfix/qmgr[103]: 4AAAA11111: removed
2026-11-02T08:00:04+00:00 mx1 postfix/local[107]: 4BBBB22222: to=<ann@example.com>, relay=local, delay=0.5, delays=0.1/0/0/0.4, dsn=2.0.0, status=sent (delivered to maildir)
2026-11-02T08:00:04+00:00 mx1 postfix/qmgr[103]: 4BBBB22222: removed
2026-11-02T08:01:00+00:00 mx1 postfix/submission/smtpd[101]: 4CCCC33333: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=ann
2026-11-02T08:01:00+00:00 mx1 postfix/cleanup[102]: 4CCCC33333: message-id=<two@example.com>
2026-11-02T08:01:00+00:00 mx1 postfix/qmgr[103]: 4CCCC33333: from=<ann@example.com>, size=900, nrcpt=1 (queue active)
2026-11-02T08:01:03+00:00 mx1 postfix/smtp[104]: 4CCCC33333: to=<gus@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=3, delays=0.1/0/1/2, dsn=4.7.1, status=deferred (host mx.example.net[198.51.100.7] said: 451 4.7.1 Greylisting in action, please come back later (in reply to RCPT TO command))
2026-11-02T08:02:00+00:00 mx1 postfix/smtpd[108]: NOQUEUE: reject: RCPT from unknown[203.0.113.5]: 554 5.7.1 <ann@example.com>: Relay access denied; from=<x@example.net> to=<ann@example.com> proto=ESMTP helo=<x>
2026-11-02T08:02:01+00:00 mx1 postfix/smtpd[108]: warning: unknown[203.0.113.5]: SASL LOGIN authentication failed: UGFzc3dvcmQ6
2026-11-02T08:02:02+00:00 mx1 postfix/smtpd[108]: fatal: no SASL authentication mechanisms
";
const WINDOW: &str = "since=2026-11-02T00:00:00Z&until=2026-11-03T00:00:00Z";

/// Where the rows of a log stand: an answer must not depend on it.
#[derive(Clone, Copy)]
enum Kept {
    /// Committed, not yet sealed.
    Pending,
    /// In segments on disk.
    Sealed,
}

/// A folder of a test's own, with the log in it; gone with its value.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn snapshot(rows: &Batch, kept: Kept, folder: &std::path::Path) -> mailvane_store::Snapshot {
    match kept {
        Kept::Pending => {
            let mut store = Memory::default();
            store.commit(&Commit::of(rows)).expect("memory takes it");
            store.snapshot().expect("a snapshot")
        }
        Kept::Sealed => {
            let mut store = Disk::open(&folder.join("store"), Options::default()).expect("a store");
            store.commit(&Commit { bulk: true, ..Commit::of(rows) }).expect("the disk takes it");
            let snapshot = store.snapshot().expect("a snapshot");
            assert!(!snapshot.all_segments().is_empty(), "rows are in segments");
            snapshot
        }
    }
}

/// The daemon after it has read [`LOG`], whose lines stand in `folder`.
fn api(folder: &std::path::Path, kept: Kept) -> Arc<Api> {
    api_of(LOG, folder, kept)
}

fn api_of(log: &str, folder: &std::path::Path, kept: Kept) -> Arc<Api> {
    let path = &folder.join("mail.log");
    let mut assembler = Assembler::new(Config::default());
    let (mut rows, mut offset, mut coverage) = (Batch::default(), 0, Coverage::default());
    let mut last = Time::default();
    for line in log.lines() {
        let record = mailvane_parse::record(line.as_bytes());
        coverage.add(&record, line.as_bytes());
        let (written, _) = line.split_once(' ').expect("a time");
        last = Time::from_chrono(&DateTime::parse_from_rfc3339(written).expect("RFC 3339"));
        assembler.record("here", Position { file: FileId(7), offset }, last, &record, &mut rows);
        offset += line.len() as u64 + 1;
    }
    assembler.advance(last, &mut rows);
    let mut open = Batch::default();
    assembler.finish(&mut open);
    std::fs::write(path, log).expect("a file");
    coverage.settle();
    let about = About {
        started: last,
        zone: chrono_tz::Tz::UTC,
        listen: "127.0.0.1:8624".into(),
        software: Some("Postfix 3.7.11 (mx1.example.com)".into()),
        facts: Vec::new(),
        logs: vec!["/var/log/mail.log*".into()],
        banner: None,
        demo: false,
        hints: vec!["may not read /var/log/other: run `sudo usermod -aG adm $USER` and log in again".into()],
    };
    let shared = Arc::new(Shared::new(about));
    shared.show(View {
        revision: 1,
        made: last,
        snapshot: snapshot(&rows, kept, folder),
        open: Arc::new(open),
        open_made: last,
        coverage: Arc::new(coverage),
        sources: Arc::default(),
        troubles: Arc::new(vec![("/var/log/other".into(), "permission denied".into())]),
        files: Arc::new(HashMap::from([(FileId(7), path.clone())])),
        gaps: Arc::new(vec![Gap {
            source: "mail.log".into(),
            file: FileId(7),
            from: 1,
            to: None,
            since: last,
            until: last,
            text: "truncated".into(),
        }]),
        statistics: assembler.statistics(),
        feeds: mailvane_ingest::feed::FeedCounts::default(),
        first_read: false,
        caught_up: true,
        complete_to: Some(last),
        data_from: Some(last.plus(-Time::HOUR)),
        lines_per_s: 1.5,
        stopped: None,
    });
    let settings = crate::access::Settings::read(&crate::access::settings::Section::default()).expect("defaults");
    let access = crate::access::Access::open(folder, settings, true).expect("a folder of its own");
    let board = board(&shared, folder, last);
    Arc::new(Api::new(shared, Arc::new(access), board, watch::channel(false).1))
}

/// Alerts at work on the same rows, with one incident that goes on, one that is over, and a notice.
fn board(shared: &Arc<Shared>, folder: &std::path::Path, last: Time) -> Arc<crate::alerting::board::Board> {
    use mailvane_alert::event::IncidentRow;
    use mailvane_alert::state::{Incident, Silence};
    let kept = Arc::new(mailvane_store::alerts::Alerts::open(folder).expect("a folder"));
    let row = IncidentRow {
        id: "aa".into(),
        title: "A provider blocks us".into(),
        group: mailvane_alert::condition::Group::of("provider", "google"),
        severity: mailvane_alert::Severity::Page,
        began: last.0,
        fired: last.0,
        ended: Some(last.plus(Time::HOUR).0),
        history: true,
        rules: vec!["provider_block".into()],
        text: "48 of 50".into(),
        part_of: None,
    };
    let incident = mailvane_store::alerts::KeptIncident {
        id: row.id.clone(),
        began: last,
        ended: row.ended.map(Time),
        value: serde_json::to_vec(&row).expect("JSON"),
    };
    let changes = mailvane_store::alerts::AlertChanges { incidents: vec![incident], ..Default::default() };
    kept.keep(&changes).expect("kept");
    let (back, inbox) = std::sync::mpsc::channel();
    // Orders are taken, and nothing is done about them.
    std::thread::spawn(move || {
        while let Ok(message) = inbox.recv() {
            if let crate::alerting::order::Message::Order(_, done) = message {
                drop(done.send(Ok(())));
            }
        }
    });
    let board = Arc::new(crate::alerting::board::Board::new(kept, back));
    let going: Incident = serde_json::from_value(serde_json::json!({
        "id": "bb", "key": "provider:google", "group": {"label": "provider", "key": "google"},
        "alerts": [["provider_block", {"label": "provider", "key": "google"}]], "began": last.0, "fired": last.0, "severity": "page",
        "told": "page", "told_at": last.0, "first_told_at": last.0, "first_notice": "cc", "notices": 1, "escalated": 0,
        "acknowledged": {"author": "ann", "at": last.0}, "history": false,
    }))
    .expect("an incident");
    let silence =
        Silence { id: "dd".into(), author: "ann".into(), rule: "*".into(), key: "*".into(), until: i64::MAX / 2, ..Silence::default() };
    board.show(crate::alerting::board::State {
        through: Some(last),
        rules: Arc::new(mailvane_alert::RuleSet::embedded()),
        warnings: Arc::new(vec!["a warning".into()]),
        incidents: vec![going],
        silences: vec![silence],
        routes: Arc::new(vec![("ops".into(), vec!["ops/1 email".into()])]),
        queue: Arc::new(live_queue_of(last)),
        ..Default::default()
    });
    assert!(shared.view().is_some());
    board
}

/// A queue with one message in it.
fn live_queue_of(last: Time) -> crate::alerting::board::LiveQueue {
    let text = "{\"queue_name\":\"deferred\",\"queue_id\":\"A\",\"arrival_time\":1,\"sender\":\"a@example.com\",\"recipients\":[{\"address\":\"b@example.net\",\"delay_reason\":\"connect to mx.example.net[192.0.2.1]:25: Connection timed out\"}]}\n";
    let look = crate::queue::list::of_text(text.as_bytes(), crate::queue::lifetimes::Lifetimes::default(), 4_000).expect("a listing");
    let sample = mailvane_alert::input::QueueSample { recipients: 1, deferred: 1, ..Default::default() };
    let history = vec![(last.plus(-Time::HOUR), sample.clone()), (last, sample)];
    crate::alerting::board::LiveQueue { look: Some((last, look)), problem: None, history }
}

/// What in an answer is not as a schema says.
fn problems(schema: &Value, value: &Value, contract: &Value, path: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return problems(contract.pointer(name.trim_start_matches('#')).expect("a schema"), value, contract, path, found);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let fits = |choice: &Value| {
            let mut inner = Vec::new();
            problems(choice, value, contract, path, &mut inner);
            inner
        };
        let results: Vec<Vec<String>> = choices.iter().map(fits).collect();
        if results.iter().all(|result| !result.is_empty()) {
            found.extend(results.into_iter().next().unwrap_or_default());
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |wanted: &Value| wanted == kind || (wanted == "number" && kind == "integer");
    let kinds = &schema["type"];
    if !(kinds.is_null() || is(kinds) || kinds.as_array().is_some_and(|kinds| kinds.iter().any(is))) {
        found.push(format!("{path}: {kind} instead of {kinds}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{path}: {value} is not one of {}", schema["enum"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        problems(&schema["items"], item, contract, &format!("{path}[{index}]"), found);
    }
    let Some(fields) = value.as_object().filter(|_| !schema["properties"].is_null()) else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(format!("{path}.{name} is missing"));
        }
    }
    for (name, field) in fields {
        match &schema["properties"][name] {
            Value::Null => found.push(format!("{path}.{name} is not known")),
            schema => problems(schema, field, contract, &format!("{path}.{name}"), found),
        }
    }
}

fn hold(schema: &str, answer: Result<Json<Value>, Problem>) -> Value {
    let contract: Value = serde_json::from_str(openapi::CONTRACT).expect("JSON");
    let Json(answer) = answer.unwrap_or_else(|problem| panic!("{schema}: {problem:?}"));
    let mut found = Vec::new();
    problems(&contract["components"]["schemas"][schema], &answer, &contract, schema, &mut found);
    assert!(found.is_empty(), "{found:#?}");
    answer
}

/// Somebody who may see everything.
fn all() -> Reader {
    Reader::of_all()
}

fn uri(path: &str) -> Uri {
    path.parse().expect("an address")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_keeps_the_contract() {
    for kept in [Kept::Pending, Kept::Sealed] {
        let folder = folder();
        keeps_the_contract(&api(folder.path(), kept)).await;
    }
}

async fn keeps_the_contract(api: &Arc<Api>) {
    let state = || State(Arc::clone(api));
    hold("Status", status::get(state(), all(), uri("/")).await);
    hold("Sources", sources::get(state(), uri("/")).await);
    hold("Trouble", trouble::get(state(), all(), uri(&format!("/?{WINDOW}"))).await);
    let told = hold("Logins", logins::get(state(), all(), uri(&format!("/?{WINDOW}"))).await);
    assert_eq!((&told["total"], &told["items"][0]["result"]), (&Value::from(3), &Value::from("failed")), "{told:#}");
    for (query, total) in
        [("result=failed", 1), ("user=ann", 2), ("network=192.0.2.0/24", 2), ("result=ok&network=203.0.113.0/24", 0), ("limit=1", 3)]
    {
        let told = hold("Logins", logins::get(state(), all(), uri(&format!("/?{WINDOW}&{query}"))).await);
        assert_eq!(told["total"], total, "{query}: {told:#}");
    }
    let knocked = hold("Security", security::get(state(), all(), uri(&format!("/?{WINDOW}"))).await);
    assert_eq!(knocked["over_limit"], Value::from(0));
    for query in ["", "&reason=unclassified", "&provider=example.org&limit=1"] {
        let told = hold("Failures", failures::get(state(), all(), uri(&format!("/?{WINDOW}{query}"))).await);
        if query.is_empty() {
            assert_eq!(told["groups"][0]["template"], "550 5.1.1 <{address}>: user unknown", "{told:#}");
            assert_eq!(
                (&told["total_groups"], &told["groups"][0]["samples"][0]["recipient"]),
                (&Value::from(2), &Value::from("eve@example.org"))
            );
        }
    }
    let listed = hold("Suppression", Ok(Json(suppression::of_view(&api.view().expect("a view")))));
    assert_eq!(
        (&listed["suppress"][0]["address"], &listed["suppress"][0]["ground"]),
        (&Value::from("eve@example.org"), &Value::from("gone"))
    );
    let csv = suppression::get(state(), all(), uri("/?format=csv")).await.expect("an answer");
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let going = hold("Alerts", alerts::get(state(), all(), uri("/")).await);
    assert_eq!(going["incidents"][0]["acknowledged"]["author"], "ann", "{going:#}");
    let was = hold("AlertHistory", alerts::history(state(), all(), uri("/?since=2026-11-02T00:00:00Z")).await);
    assert_eq!(was["incidents"][0]["group"]["key"], "google", "{was:#}");
    let heard = hold("Attention", attention::get(state(), all(), uri(&format!("/?{WINDOW}"))).await);
    assert_eq!(heard["wrong"][0]["kind"], "incident", "{heard:#}");
    assert!(heard["wrong"].as_array().is_some_and(|lines| lines.iter().any(|line| line["kind"] == "source")), "{heard:#}");
    assert!(heard["looked_at"].as_array().is_some_and(|looked| looked.len() >= 2), "{heard:#}");
    let rules = hold("AlertRules", alerts::rules(state(), all(), uri("/")).await);
    assert!(rules["rules"].as_array().is_some_and(|rules| rules.len() > 20));
    hold("AlertNotices", alerts::notices(state(), all(), uri("/?limit=5")).await);
    let live = hold("LiveQueue", live_queue::get(state(), all(), uri("/")).await);
    assert_eq!(
        (&live["listed"]["recipients"], &live["listed"]["destinations"][0]["domain"]),
        (&Value::from(1), &Value::from("example.net"))
    );
    let silences = hold("Silences", alerts::silences(state(), all(), uri("/")).await);
    assert_eq!(silences["silences"][0]["state"], "on");
    let waiting = hold("Queue", queue::get(state(), all(), uri("/")).await);
    assert_eq!((&waiting["recipients"], &waiting["by_reason"][0]["key"]), (&Value::from(1), &Value::from("greylisted")));
    for query in
        ["", "&direction=all&population=all", "&clock=arrival", "&provider=example.net", "&reason=greylisted&time_zone=Asia/Kolkata"]
    {
        hold("Summary", summary::get(state(), all(), uri(&format!("/?{WINDOW}{query}"))).await);
    }
    let metrics = "received,delivered,relayed,bounced,hard_bounced,expired,discarded,attempts,deferred,deferred_recipients,rejected,auth_failed,\
               bytes,delay_p50,delay_p95,bounce_rate,failure_rate,deferral_rate,acceptance_now";
    for query in ["", "&by=provider&limit=1", "&step=86400", "&by=reason"] {
        hold("Series", series::get(state(), all(), uri(&format!("/?metric={metrics}&{WINDOW}{query}"))).await);
    }
    let told = hold("Series", series::get(state(), all(), uri(&format!("/?metric=delivered&context=yes&{WINDOW}"))).await);
    assert_eq!(told["context"]["markers"][0]["title"], "A provider blocks us: provider Google (Gmail, Workspace)", "{told:#}");
    for query in
        ["metric=delivered,bounced&context=yes&kind=bars", "metric=deferral_rate&by=provider", "metric=delay_p95&width=400&height=200"]
    {
        let question = format!("/?{query}&{WINDOW}");
        let drawn = charts::svg(state(), all(), uri(&question)).await.expect("drawn");
        assert_eq!(drawn.headers()["content-type"], "image/svg+xml");
        assert_eq!(charts::png(state(), all(), uri(&question)).await.expect("drawn").headers()["content-type"], "image/png");
    }
    for query in ["metric=delivered,bounce_rate", "metric=delivered&width=9999", "metric=delivered&kind=pie"] {
        assert!(charts::svg(state(), all(), uri(&format!("/?{query}"))).await.is_err(), "{query}");
    }
    for by in ["provider", "domain", "sender_domain", "sender", "relay", "instance", "reason", "client"] {
        hold("Breakdown", breakdown::get(state(), all(), uri(&format!("/?by={by}&{WINDOW}"))).await);
    }
    let list = hold("Messages", messages::get(state(), all(), uri(&format!("/?{WINDOW}"))).await);
    let items = list["items"].as_array().expect("a list").clone();
    assert_eq!(items.len(), 4, "two messages, a notification, a refusal: {list:#}");
    for item in &items {
        let id = item["id"].as_str().expect("an id").to_owned();
        let told = hold("Life", life::get(state(), all(), Path(id), uri("/")).await);
        assert_eq!(told["lines_state"], "complete", "{told:#}");
    }
    hold("Tick", Ok(Json(live::tick(api, None, &mut Arc::default()).await.expect("a view"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_add_up_and_lead_to_their_rows() {
    for kept in [Kept::Pending, Kept::Sealed] {
        let folder = folder();
        add_up(&api(folder.path(), kept)).await;
    }
}

async fn add_up(api: &Arc<Api>) {
    let state = || State(Arc::clone(api));
    let told = hold("Summary", summary::get(state(), all(), uri(&format!("/?{WINDOW}"))).await);
    let outcomes = &told["figures"]["outcomes"];
    assert_eq!((&outcomes["delivered"], &outcomes["bounced"], &outcomes["queued"]), (&Value::from(1), &Value::from(1), &Value::from(1)));
    assert_eq!(told["inbound"]["rejections"]["reject"], 1);
    assert_eq!(told["inbound"]["auth"]["failed"], 1);
    for instance in ["mx1/postfix", "nobody/postfix"] {
        let list = hold("Messages", messages::get(state(), all(), uri(&format!("/?{WINDOW}&instance={instance}"))).await);
        assert_eq!(list["items"].as_array().is_some_and(|items| !items.is_empty()), instance.starts_with("mx1"), "{instance}: {list:#}");
    }
    for (status, count) in [
        ("bounced", 1),
        ("deferred", 1),
        ("queued", 0),
        ("refused", 1),
        ("refused_for_good", 1),
        ("refused_for_now", 0),
        ("bounced,refused", 2),
        ("had_deferral", 1),
    ] {
        let list = hold("Messages", messages::get(state(), all(), uri(&format!("/?{WINDOW}&status={status}"))).await);
        assert_eq!(list["items"].as_array().map(Vec::len), Some(count), "{status}: {list:#}");
    }
    let bounced = hold("Messages", messages::get(state(), all(), uri(&format!("/?{WINDOW}&q=EVE@example"))).await);
    let id = bounced["items"][0]["id"].as_str().expect("found").to_owned();
    let told = hold("Life", life::get(state(), all(), Path(id.clone()), uri("/")).await);
    assert_eq!(told["related"][0]["relation"], "notification", "{told:#}");
    let notification = told["related"][0]["id"].as_str().expect("an id").to_owned();
    let back = hold("Life", life::get(state(), all(), Path(notification), uri("/")).await);
    assert_eq!((&back["related"][0]["relation"], &back["related"][0]["id"]), (&Value::from("bounce_of"), &Value::from(id)));
    let verdict = &told["hops"][0]["attempts"][1]["verdict"];
    assert_eq!((&verdict["reason"], &verdict["permanent"]), (&Value::from("unknown_recipient"), &Value::from(true)));
}

/// A daemon whose probe of a domain and of a server have run twice: a record went, a certificate will end.
fn probed(folder: &std::path::Path) -> Arc<Api> {
    use mailvane_probe::{Evidence, Finding, Severity};

    use crate::probing::board::Board;
    use crate::probing::known::Known;
    use crate::probing::run::Looked;
    use crate::probing::settings::{Plan, Section};
    let api = api(folder, Kept::Pending);
    let server = Section { name: "mx".into(), kind: Some("smtp".into()), hosts: vec!["mail.example.com:25".into()], ..Section::default() };
    let domain = Section { name: "dns".into(), ip: vec!["192.0.2.10".parse().expect("an address")], ..Section::default() };
    let plan = Plan::read(&[domain, server], &["example.com".into()], chrono_tz::Tz::UTC, Known::default()).expect("a plan");
    let board = Board::open(mailvane_store::Probes::open(folder).expect("opens"), &plan).expect("a board");
    let seen = |minute: i64| Time::from_seconds(1_790_000_000 + minute * 60);
    let evidence = || Evidence::new("example.com TXT", "\"v=spf1 -all\"", "192.0.2.53:53", seen(0));
    let there = Finding::ok("spf.record", "example.com", "SPF").value(["v=spf1", "-all"]).with(evidence());
    let gone =
        Finding::problem("spf.record", "example.com", Severity::High, "No SPF record").means("Forged").fix("Publish one").with(evidence());
    let unknown = Finding::unknown("ptr.exists", "192.0.2.10", "timeout");
    let weak = Finding::warning("tls.expiry", "mail.example.com:25", Severity::High, "6 days left");
    let mut slow = Finding::ok("smtp.latency", "mail.example.com:25", "0.2 s");
    slow.timings.push(mailvane_probe::finding::Timing { step: "connect".into(), took: 1500 });
    for (minute, record) in [(0, there), (15, gone.clone()), (30, gone)] {
        let looked =
            |scope: &str, found| Looked { scope: scope.into(), time: seen(minute), took: std::time::Duration::from_millis(7), found };
        board.take(0, seen(minute), 0, &[looked("example.com", Ok(vec![record, unknown.clone()]))]).expect("kept");
        board.take(1, seen(minute), 1, &[looked("mail.example.com:25", Ok(vec![weak.clone(), slow.clone()]))]).expect("kept");
    }
    board
        .take(
            1,
            seen(45),
            0,
            &[Looked { scope: "mail.example.com:25".into(), time: seen(45), took: std::time::Duration::ZERO, found: Err("no way".into()) }],
        )
        .expect("kept");
    assert!(api.shared.probes.set(Arc::new(board)).is_ok());
    api
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_domains_keep_the_contract() {
    let folder = folder();
    let api = &probed(folder.path());
    let state = || State(Arc::clone(api));
    let heard = hold("Attention", attention::get(state(), all(), uri("/?since=2026-09-21T00:00:00Z&until=2026-09-22T00:00:00Z")).await);
    let of = |list: &str, kind: &str| {
        let lines = heard[list].as_array().cloned().unwrap_or_default();
        lines.into_iter().find(|line| line["kind"] == kind).unwrap_or_default()
    };
    assert_eq!(of("wrong", "finding")["page"], "/domains/example.com", "{heard:#}");
    assert_eq!(of("changed", "record")["title"], "example.com: No SPF record", "{heard:#}");
    let listed = hold("Domains", probes::domains(state(), all(), uri("/")).await);
    assert_eq!((&listed["domains"][0]["state"], &listed["domains"][0]["worst"]), (&Value::from("problem"), &Value::from("No SPF record")));
    let told = hold("DomainSheet", probes::domain(state(), all(), Path("Example.com".into()), uri("/")).await);
    assert_eq!(told["changes"][0]["sentence"], "spf.record of example.com: ok, now problem: No SPF record; removed v=spf1 -all");
    assert_eq!(
        (&told["learned"][0]["value"], &told["findings"][0]["since"]),
        (&Value::from("192.0.2.10"), &Value::from("2026-09-21T14:28:20Z"))
    );
    assert!(told["sheet"].as_array().is_some_and(|lines| lines.iter().any(|line| line["result"] == "fail")), "{told:#}");
    let listed = hold("Probes", probes::list(state(), all(), uri("/")).await);
    assert_eq!(
        (&listed["probes"][1]["state"], &listed["probes"][1]["scopes"][0]["failed"]),
        (&Value::from("warning"), &Value::from("no way"))
    );
    let told = hold("Probe", probes::get(state(), all(), Path("mx".into()), uri("/")).await);
    assert_eq!(told["findings"][0]["check"], "tls.expiry");
    let window = "/?since=2026-09-21T00:00:00Z&until=2026-09-22T00:00:00Z";
    let told = hold("ProbeHistory", probes::history(state(), all(), Path("dns".into()), uri(window)).await);
    assert_eq!((told["runs"].as_array().map(Vec::len), &told["difference"][0]["after"]), (Some(3), &Value::from("problem")));
    let (status, asked) = probes::run(state(), all(), Path("dns".into()), uri("/")).await.expect("asked");
    hold("ProbeAsked", Ok(asked));
    assert_eq!(status, axum::http::StatusCode::ACCEPTED);
    assert!(probes::run(state(), all(), Path("other".into()), uri("/")).await.is_err());
    assert!(probes::domain(state(), all(), Path("example.net".into()), uri("/")).await.is_err());
}

/// A day of a simulated host with trouble in it.
fn simulated_day() -> String {
    let start = Time::from_chrono(&DateTime::parse_from_rfc3339("2026-11-02T00:00:00Z").expect("RFC 3339"));
    let hours =
        |from: i64, to: i64, kind| Incident { kind, start: start.plus(from * Time::HOUR), end: start.plus(to * Time::HOUR), percent: 80 };
    let mut host = Host::new(mailvane_simulate::Options {
        start,
        end: Some(start.plus(24 * Time::HOUR)),
        messages_per_day: 500,
        form: HeadForm::Rfc3339,
        incidents: vec![
            hours(3, 6, IncidentKind::Refusal { provider: "Google" }),
            hours(9, 15, IncidentKind::Unreachable { provider: "GMX" }),
        ],
        ..mailvane_simulate::Options::default()
    });
    let mut log = Vec::new();
    while host.next_line(&mut log).is_some() {}
    String::from_utf8(log).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_depend_on_where_its_rows_are_kept() {
    let log = simulated_day();
    let mut said = Vec::new();
    for kept in [Kept::Pending, Kept::Sealed] {
        let folder = folder();
        said.push(answers(&api_of(&log, folder.path(), kept)).await);
    }
    let (sealed, pending) = (said.remove(1), said.remove(0));
    assert_eq!(sealed.len(), pending.len());
    for ((question, sealed), (_, pending)) in sealed.iter().zip(&pending) {
        assert_eq!(sealed, pending, "{question}");
    }
    let summary = &pending[0].1;
    assert!(summary["figures"]["delay"]["n"].as_u64() > Some(100), "{summary:#}");
}

/// Answers to many questions, without what tells of the clock.
async fn answers(api: &Arc<Api>) -> Vec<(String, Value)> {
    let state = || State(Arc::clone(api));
    let mut said = Vec::new();
    let mut take = |question: &str, schema: &str, answer| said.push((format!("{schema} {question}"), hold(schema, answer)));
    for traffic in
        ["", "&direction=inbound", "&direction=all&population=all", "&clock=arrival", "&population=notification", "&domain=gmail.com"]
    {
        let question = format!("/?{WINDOW}{traffic}");
        take(&question, "Summary", summary::get(state(), all(), uri(&question)).await);
        let question =
            format!("{question}&step=3600&metric=received,delivered,bounced,deferred,deferred_recipients,delay_p95,acceptance_now");
        take(&question, "Series", series::get(state(), all(), uri(&question)).await);
    }
    for by in ["provider", "domain", "sender_domain", "sender", "relay", "instance", "reason", "client"] {
        let question = format!("/?by={by}&{WINDOW}&limit=50&sort=key");
        take(&question, "Breakdown", breakdown::get(state(), all(), uri(&question)).await);
    }
    for wanted in ["", "&status=bounced", "&status=deferred", "&status=refused", "&q=gmail", "&reason=greylisted", "&kind=message"] {
        let question = format!("/?{WINDOW}&limit=40{wanted}");
        take(&question, "Messages", messages::get(state(), all(), uri(&question)).await);
    }
    let question = format!("/?{WINDOW}");
    take(&question, "Trouble", trouble::get(state(), all(), uri(&question)).await);
    said
}
