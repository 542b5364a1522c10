//! `GET /messages/{id}`: the life of one message, hop by hop, with its raw lines, or one refusal.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use mailvane_ingest::{Compression, Input};
use mailvane_model::row::{AttemptRow, MessageRow, OutcomeRow, RejectionRow};
use mailvane_model::verdict::Verdict;
use mailvane_model::word::{Reason, Scope};
use mailvane_model::{Position, Time};
use mailvane_reply::explain;
use mailvane_reply::judge::Judge;
use mailvane_reply::provider::Providers;
use serde_json::{Value, json};

use super::item::{Chain, Writer, chains};
use super::problem::Problem;
use super::window::{text, time};
use crate::live::view::View;

/// Lines that are fetched for one life.
const MAX_LINES: usize = 500;
/// Bytes of a line that are shown.
const LINE_BYTES: u64 = 64 << 10;
/// Decompressed bytes of one file that are read to find lines.
const MAX_UNPACKED_BYTES: u64 = 512 << 20;

/// Answers.
pub(super) fn answer(view: &View, id: &str, judge: &Judge, writer: &Writer<'_>) -> Result<Value, Problem> {
    let number = u64::from_str_radix(id, 16).map_err(|_| Problem::bad_request("an id has 16 hexadecimal digits"))?;
    if let Some(chain) =
        chains(view, &[number])?.into_iter().find(|chain| !chain.rows.messages.is_empty() || !chain.rows.outcomes.is_empty())
    {
        return message(view, &chain, judge, writer);
    }
    refusal(view, number, writer)?
        .ok_or_else(|| Problem::not_found("there is no message of this id").hint("it may be older than what is kept"))
}

fn refusal(view: &View, id: u64, writer: &Writer<'_>) -> Result<Option<Value>, Problem> {
    let pending = view.snapshot.pending().iter().find_map(|pending| pending.rows.rejections.iter().find(|row| row.id == id));
    if let Some(row) = pending {
        return Ok(Some(refused(view, &row, writer)));
    }
    let segments = view.snapshot.segments(mailvane_store::Kind::Rejections, Time(i64::MIN), Time(i64::MAX));
    for segment in segments.iter().rev() {
        let rows = view.snapshot.read(segment, None).map_err(|error| Problem::internal(&error))?;
        if let Some(row) = rows.rejections.iter().find(|row| row.id == id) {
            return Ok(Some(refused(view, &row, writer)));
        }
    }
    Ok(None)
}

fn refused(view: &View, row: &RejectionRow<'_>, writer: &Writer<'_>) -> Value {
    let (lines, state, note) = lines(view, &[(row.position, None)]);
    json!({
        "item": writer.rejection(row),
        "recipients": [],
        "hops": [],
        "rejection": {
            "time": time(row.time),
            "client_name": text(row.client_name),
            "client_ip": text(row.client_ip),
            "helo": text(row.helo),
            "stage": row.stage.word(),
            "action": row.action.word(),
            "sender": text(&row.sender.to_string()),
            "recipient": text(&row.recipient.to_string()),
            "reply_code": (row.reply_code > 0).then_some(row.reply_code),
            "enhanced_code": text(row.enhanced_code),
            "reply_text": text(row.reply_text),
            "verdict": {
                "reason": row.reason.word(), "scope": "unknown", "fault": "unknown", "permanent": row.reply_code >= 500, "retry": row.reply_code < 500,
                "rule": row.rule, "confidence": 0, "explanation": super::breakdown::explanation(row.reason),
            },
        },
        "related": [],
        "lines": lines,
        "lines_state": state,
        "lines_note": note,
    })
}

fn message(view: &View, chain: &Chain, judge: &Judge, writer: &Writer<'_>) -> Result<Value, Problem> {
    let rows = &chain.rows;
    let mut hops: Vec<MessageRow<'_>> = rows.messages.iter().collect();
    hops.sort_by_key(|hop| (hop.time, hop.previous_hop != 0));
    let mut places: BTreeMap<Position, Option<u64>> = BTreeMap::new();
    for hop in &hops {
        places.extend(hop.lines.iter().map(|position| (*position, Some(hop.id))));
    }
    for attempt in rows.attempts.iter() {
        places.entry(attempt.position).or_insert(Some(attempt.message));
    }
    let places: Vec<(Position, Option<u64>)> = places.into_iter().collect();
    let (lines, state, note) = lines(view, &places);
    Ok(json!({
        "item": writer.message(chain),
        "recipients": rows.outcomes.iter().map(|row| recipient(&row, judge, writer)).collect::<Vec<_>>(),
        "hops": hops.iter().map(|row| hop(row, chain, judge, writer)).collect::<Vec<_>>(),
        "rejection": null,
        "related": related(view, chain, writer)?,
        "lines": lines,
        "lines_state": state,
        "lines_note": note,
    }))
}

/// Which message a notification is about, where one of the hops is a notification.
fn related(view: &View, chain: &Chain, writer: &Writer<'_>) -> Result<Vec<Value>, Problem> {
    let mut found = Vec::new();
    let about: Vec<u64> = chain.rows.messages.bounce_of.0.iter().copied().filter(|id| *id != 0).collect();
    let ids: Vec<u64> = chain.rows.messages.id.0.clone();
    let pending = view.snapshot.pending().iter().flat_map(|pending| pending.rows.messages.iter());
    let notices: Vec<u64> = pending.chain(view.open.messages.iter()).filter(|row| ids.contains(&row.bounce_of)).map(|row| row.id).collect();
    for (relation, wanted) in [("bounce_of", about), ("notification", notices)] {
        for other in if wanted.is_empty() { Vec::new() } else { chains(view, &wanted)? } {
            let item = writer.message(&other);
            found.push(json!({
                "id": item["id"], "queue_id": item["queue_id"].as_str().unwrap_or_default(), "relation": relation, "time": item["time"],
                "recipients": item["recipients"], "status": item["status"], "sentence": item["sentence"],
            }));
        }
    }
    Ok(found)
}

fn verdict(reason: Reason, scope: Scope, row: &VerdictOf<'_>, judge: &Judge, providers: &Providers) -> Value {
    let verdict = Verdict {
        reason: Some(reason),
        scope,
        fault: row.fault,
        permanent: row.permanent,
        retry: row.retry,
        rule: row.rule.into(),
        ..Verdict::default()
    };
    let words = explain::verdict(judge, providers, &verdict, row.provider);
    json!({
        "reason": reason.word(), "scope": scope.word(), "fault": row.fault.word(), "permanent": row.permanent, "retry": row.retry, "rule": row.rule,
        "confidence": row.confidence,
        "explanation": { "title": words.title, "cause": words.cause, "fix": words.steps, "who": row.fault.word() },
    })
}

/// The parts of a verdict as rows keep them.
struct VerdictOf<'a> {
    fault: mailvane_model::word::Fault,
    permanent: bool,
    retry: bool,
    rule: &'a str,
    confidence: u8,
    provider: &'a str,
}

fn recipient(row: &OutcomeRow<'_>, judge: &Judge, writer: &Writer<'_>) -> Value {
    let of =
        VerdictOf { fault: row.fault, permanent: row.permanent, retry: !row.permanent, rule: "", confidence: 0, provider: row.provider };
    json!({
        "recipient": row.recipient.to_string(),
        "orig_recipient": text(&row.orig_recipient.to_string()),
        "outcome": row.outcome.word(),
        "handed_to": (row.outcome == mailvane_model::word::Outcome::Delivered).then(|| row.handed_to.word()),
        "time": time(row.time),
        "attempts": row.attempts,
        "deferrals": row.deferrals,
        "next_try": null,
        "expires": null,
        "provider": text(row.provider),
        "relay_host": text(row.relay_host),
        "reply_code": (row.reply_code > 0).then_some(row.reply_code),
        "enhanced_code": text(row.enhanced_code),
        "reply_text": text(row.reply_text),
        "verdict": row.reason.map(|reason| verdict(reason, row.scope, &of, judge, writer.providers)),
        "delay_s": row.delay_ms.map(|delay| delay as f64 / 1000.0),
        "sentence": writer.sentence(row),
    })
}

fn hop(row: &MessageRow<'_>, chain: &Chain, judge: &Judge, writer: &Writer<'_>) -> Value {
    let attempts = chain.rows.attempts.iter().filter(|attempt| attempt.message == row.id);
    let from = match (row.client_name, row.client_ip) {
        ("", "") if row.bounce_of != 0 => "a delivery notification made here".to_owned(),
        ("", "") => "submitted on this host".to_owned(),
        (name, ip) => format!("received from {name} [{ip}]"),
    };
    let user = if row.sasl_user.is_empty() { String::new() } else { format!(", logged in as {}", row.sasl_user) };
    let id = |id: u64| (id != 0).then(|| format!("{id:016x}"));
    json!({
        "id": format!("{:016x}", row.id),
        "queue_id": row.queue_id,
        "host": row.stream.host,
        "instance": row.stream.instance,
        "mta": row.stream.mta.word(),
        "arrived": time(row.time),
        "removed": row.removed.map(time),
        "client_name": text(row.client_name),
        "client_ip": text(row.client_ip),
        "sasl_user": text(row.sasl_user),
        "service": text(row.service),
        "tls": null,
        "sender": text(&row.sender.to_string()),
        "size": row.size,
        "recipients": row.recipients,
        "previous_hop": id(row.previous_hop),
        "next_hop": id(row.next_hop),
        "sentence": format!("{from}{user}"),
        "attempts": attempts.map(|attempt| one_attempt(&attempt, judge, writer)).collect::<Vec<_>>(),
    })
}

fn one_attempt(row: &AttemptRow<'_>, judge: &Judge, writer: &Writer<'_>) -> Value {
    let of = VerdictOf {
        fault: row.fault,
        permanent: row.permanent,
        retry: row.retry,
        rule: row.rule,
        confidence: row.confidence,
        provider: row.provider,
    };
    let secured = !row.tls_version.is_empty() || !row.tls_verification.is_empty();
    let done = row.status.word().replace('_', " ");
    let at = if row.relay_host.is_empty() { String::new() } else { format!(" by {}", row.relay_host) };
    let why = row.reason.map(|reason| format!(": {}", mailvane_render::sentence::why(Some(reason)))).unwrap_or_default();
    json!({
        "id": format!("{:016x}", row.id),
        "time": time(row.time),
        "recipient": row.recipient.to_string(),
        "orig_recipient": text(&row.orig_recipient.to_string()),
        "attempt": row.attempt,
        "status": row.status.word(),
        "handed_to": row.handed_to.word(),
        "relay_host": text(row.relay_host),
        "relay_ip": text(row.relay_ip),
        "relay_port": (row.relay_port > 0).then_some(row.relay_port),
        "provider": text(row.provider),
        "contacted": row.contacted,
        "reply_code": (row.reply_code > 0).then_some(row.reply_code),
        "enhanced_code": text(row.enhanced_code),
        "reply_text": text(row.reply_text),
        "verdict": row.reason.map(|reason| verdict(reason, row.scope, &of, judge, writer.providers)),
        "delay_s": row.delay_ms.map(|delay| f64::from(delay) / 1000.0),
        "delays_s": row.delays_ms.map(|parts| parts.map(|part| f64::from(part) / 1000.0)),
        "tls": secured.then(|| json!({ "version": text(row.tls_version), "cipher": text(row.tls_cipher), "verification": text(row.tls_verification) })),
        "sentence": format!("{done}{at}{why}"),
    })
}

/// The raw lines at some places: those kept in the store, else from the files as they lie there now.
fn lines(view: &View, places: &[(Position, Option<u64>)]) -> (Vec<Value>, &'static str, Option<String>) {
    let places = &places[..places.len().min(MAX_LINES)];
    let positions: Vec<Position> = places.iter().map(|place| place.0).collect();
    let kept = view.snapshot.lines(&positions).unwrap_or_default();
    let mut found = Vec::new();
    for (number, (position, hop)) in places.iter().enumerate() {
        let path = view.files.get(&position.file);
        let bytes = kept.get(number).cloned().flatten().or_else(|| path.and_then(|path| line_at(path, position.offset)));
        if let Some(bytes) = bytes {
            found.push(json!({
                "source": path.map(|path| path.display().to_string()).unwrap_or_default(),
                "offset": position.offset,
                "time": null,
                "hop": hop.map(|hop| format!("{hop:016x}")),
                "text": String::from_utf8_lossy(&bytes),
            }));
        }
    }
    match (found.len(), places.len()) {
        (all, wanted) if all == wanted => (found, "complete", None),
        (0, _) => (found, "gone", Some("the log no longer holds these lines".to_owned())),
        (some, wanted) => (found, "partial", Some(format!("{some} of {wanted} lines are still in the log"))),
    }
}

/// The line that begins at an offset of a file, decompressed where needed.
fn line_at(path: &Path, offset: u64) -> Option<Vec<u8>> {
    let mut file = std::fs::File::open(path).ok()?;
    let mut head = [0_u8; 6];
    let read = file.read(&mut head).ok()?;
    let mut line = Vec::new();
    if Compression::of(&head[..read]) == Compression::Plain {
        file.seek(SeekFrom::Start(offset)).ok()?;
        BufReader::new(file.take(LINE_BYTES)).read_until(b'\n', &mut line).ok()?;
    } else {
        if offset > MAX_UNPACKED_BYTES {
            return None;
        }
        let mut input = Input::open(path).ok()?;
        std::io::copy(&mut (&mut input).take(offset), &mut std::io::sink()).ok()?;
        BufReader::new(input.take(LINE_BYTES)).read_until(b'\n', &mut line).ok()?;
    }
    while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        line.pop();
    }
    (!line.is_empty()).then_some(line)
}
