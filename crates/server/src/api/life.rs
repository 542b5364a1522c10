//! `/messages/{id}`: the life of one message, hop by hop, or of one refusal.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use mailvane_analytics::{Within, lookup};
use mailvane_model::row::RejectionColumns;
use mailvane_model::word::{HandedTo, Outcome, Stage, Status};
use mailvane_model::{AttemptRow, MessageRow, OutcomeRow, Position, RejectionRow, Time};
use mailvane_render::sentence;
use mailvane_store::Probe;
use serde_json::{Value, json};

use super::chain::{Chain, chains, gather};
use super::item::{Speech, chain_sentence, chain_status, of_chain, of_rejection};
use super::json::{address, id, moment, nonzero, optional_moment, seconds, text};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::read_zone;
use super::{Api, lines, now, verdict};
use crate::live::view::View;

/// Hops of one chain that are shown.
const HOPS_MAX: usize = 500;
/// A notification about a message comes within its life in the queue; so many days are searched.
const NOTIFIED_WITHIN: i64 = 15 * Time::DAY;

/// `/messages/{id}`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, Path(named): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["time_zone"]])?;
    let zone = read_zone(&question, reader.zone)?;
    let id = u64::from_str_radix(&named, 16).ok().filter(|id| named.len() == 16 && *id != 0).ok_or_else(missing)?;
    api.answer(move |view, _| answer(view, id, reader.within(), &Speech::new(zone, now()))).await
}

fn missing() -> Problem {
    Problem::not_found("There is no such message.").hint("It may be older than what is kept: search for its queue id or address.")
}

fn answer(view: &View, wanted: u64, within: Option<&Within>, speech: &Speech) -> Result<Value, Problem> {
    let mut rows = gather(view, &[wanted])?;
    let head = rows.messages.iter().find(|row| row.id == wanted).map(|row| if row.chain == 0 { row.id } else { row.chain });
    if let Some(head) = head {
        // Hops that no row names stand under the head.
        let hits = view.snapshot.lives(Probe::Life(head), Time(i64::MIN), Time(i64::MAX), HOPS_MAX)?;
        let mut ids: BTreeSet<u64> = hits.iter().map(|hit| hit.life).collect();
        ids.extend([head, wanted]);
        rows = gather(view, &ids.into_iter().collect::<Vec<u64>>())?;
    }
    let found = chains(&rows, within);
    let chain = found.values().find(|chain| chain.hops.iter().any(|hop| hop.id == wanted));
    if let Some((chain, item)) = chain.and_then(|chain| of_chain(chain, speech).map(|item| (chain, item))) {
        return life(view, chain, item, within, speech);
    }
    let rejections = lookup::rejection(&view.snapshot, wanted)?.rejections;
    let is_theirs = |row: &RejectionRow<'_>| within.is_none_or(|within| within.has_rejection(row));
    if rejections.iter().next().is_some_and(|row| is_theirs(&row)) { refusal(view, &rejections, speech) } else { Err(missing()) }
}

fn life(view: &View, chain: &Chain<'_>, item: Value, within: Option<&Within>, speech: &Speech) -> Result<Value, Problem> {
    let mut positions: Vec<(Position, u64)> = chain.hops.iter().flat_map(|hop| hop.lines.iter().map(move |line| (*line, hop.id))).collect();
    let times: HashMap<Position, Time> = chain
        .attempts
        .iter()
        .map(|row| (row.position, row.time))
        .chain(chain.hops.iter().filter_map(|hop| Some((*hop.lines.first()?, hop.time))))
        .collect();
    let (lines, state, note) = if chain.is_partial {
        (Vec::new(), "gone", Some("the lines name recipients whose mail you may not see".to_owned()))
    } else {
        raw_lines(view, &mut positions, &times)?
    };
    Ok(json!({
        "item": item,
        "recipients": chain.outcomes.iter().map(|row| recipient(row, chain, speech)).collect::<Vec<_>>(),
        "hops": chain.hops.iter().map(|row| hop(row, chain, speech)).collect::<Vec<_>>(),
        "rejection": null,
        "related": related(view, chain, within, speech)?,
        "lines": lines,
        "lines_state": state,
        "lines_note": note,
    }))
}

fn refusal(view: &View, rows: &RejectionColumns, speech: &Speech) -> Result<Value, Problem> {
    let row = rows.get(0);
    let (lines, state, note) = raw_lines(view, &mut vec![(row.position, 0)], &HashMap::from([(row.position, row.time)]))?;
    Ok(json!({
        "item": of_rejection(&row, speech),
        "recipients": [],
        "hops": [],
        "rejection": rejection(&row),
        "related": [],
        "lines": lines,
        "lines_state": state,
        "lines_note": note,
    }))
}

type Lines = (Vec<Value>, &'static str, Option<String>);

/// The lines at some positions (with the hop each belongs to), from what was kept and from the files.
fn raw_lines(view: &View, positions: &mut Vec<(Position, u64)>, times: &HashMap<Position, Time>) -> Result<Lines, Problem> {
    let all = positions.len();
    positions.truncate(lines::LINES_MAX);
    let wanted: Vec<Position> = positions.iter().map(|place| place.0).collect();
    let kept = view.snapshot.lines(&wanted)?;
    let absent: Vec<Position> = wanted.iter().zip(&kept).filter(|(_, line)| line.is_none()).map(|(position, _)| *position).collect();
    let read = lines::read(&view.files, &absent);
    let mut found = Vec::new();
    for ((position, hop), kept) in positions.iter().zip(kept) {
        let Some(line) = kept.map(|line| lines::clean(&line)).or_else(|| read.get(position).cloned()) else { continue };
        found.push(json!({
            "source": view.files.get(&position.file).map_or_else(|| "kept by Mailvane".to_owned(), |path| path.display().to_string()),
            "offset": position.offset,
            "time": optional_moment(times.get(position).copied()),
            "hop": id(*hop),
            "text": line,
        }));
    }
    let (state, note) = match (found.len(), all) {
        (found, all) if found == all => ("complete", None),
        (0, all) => ("gone", Some(format!("the log no longer holds the {all} lines of this message"))),
        (found, all) => ("partial", Some(format!("{found} of {all} lines could be read again"))),
    };
    Ok((found, state, note))
}

fn tls(version: &str, cipher: &str, verification: &str) -> Value {
    if version.is_empty() && verification.is_empty() {
        return Value::Null;
    }
    json!({"version": if version.is_empty() { "TLS" } else { version }, "cipher": text(cipher), "verification": text(verification)})
}

fn hop(row: &MessageRow<'_>, chain: &Chain<'_>, speech: &Speech) -> Value {
    let attempts: Vec<Value> = chain.attempts.iter().filter(|attempt| attempt.message == row.id).map(|row| attempt(row, speech)).collect();
    json!({
        "id": id(row.id),
        "queue_id": row.queue_id,
        "host": row.stream.host,
        "instance": row.stream.instance,
        "mta": row.stream.mta.word(),
        "arrived": moment(row.time),
        "removed": optional_moment(row.removed),
        "client_name": text(row.client_name),
        "client_ip": text(row.client_ip),
        "sasl_user": text(row.sasl_user),
        "service": text(row.service),
        "tls": null,
        "sender": address(row.sender),
        "size": row.size,
        "recipients": row.recipients.filter(|_| !chain.is_partial),
        "previous_hop": id(row.previous_hop),
        "next_hop": id(row.next_hop),
        "sentence": came_in(row),
        "attempts": attempts,
    })
}

/// How a hop came in.
fn came_in(row: &MessageRow<'_>) -> String {
    let client = match (row.client_name, row.client_ip) {
        ("", "") => String::new(),
        ("", ip) => ip.to_owned(),
        (name, "") => name.to_owned(),
        (name, ip) => format!("{name} [{ip}]"),
    };
    if row.previous_hop != 0 {
        return if client.is_empty() {
            "Came in from the hop before".to_owned()
        } else {
            format!("Came in from the hop before, by {client}")
        };
    }
    if row.bounce_of != 0 {
        return "Made here: a delivery notification".to_owned();
    }
    match (client.is_empty(), row.sasl_user) {
        (true, "") if row.sender.is_null() => "Made here, without a sender to answer to".to_owned(),
        (true, "") => "Handed in by a program on this server".to_owned(),
        (true, user) => format!("Submitted by {user}"),
        (false, "") => format!("Came in from {client}"),
        (false, user) => format!("Submitted by {user} from {client}"),
    }
}

fn handed(to: HandedTo, status: Status) -> Value {
    if matches!(status, Status::Delivered | Status::InternalHop) { json!(to.word()) } else { Value::Null }
}

fn attempt(row: &AttemptRow<'_>, speech: &Speech) -> Value {
    json!({
        "id": id(row.id),
        "time": moment(row.time),
        "recipient": row.recipient.to_string(),
        "orig_recipient": address(row.orig_recipient),
        "attempt": row.attempt,
        "status": row.status.word(),
        "handed_to": handed(row.handed_to, row.status),
        "relay_host": text(row.relay_host),
        "relay_ip": text(row.relay_ip),
        "relay_port": nonzero(row.relay_port),
        "provider": text(row.provider),
        "contacted": row.contacted,
        "reply_code": nonzero(row.reply_code),
        "enhanced_code": text(row.enhanced_code),
        "reply_text": text(row.reply_text),
        "verdict": verdict::of_attempt(row),
        "delay_s": seconds(row.delay_ms.map(u64::from)),
        "delays_s": row.delays_ms.map(|parts| parts.map(|part| f64::from(part) / 1000.0)),
        "tls": tls(row.tls_version, row.tls_cipher, row.tls_verification),
        "sentence": sentence::attempt(row, speech.providers.name(row.provider), &speech.clock),
    })
}

fn recipient(row: &OutcomeRow<'_>, chain: &Chain<'_>, speech: &Speech) -> Value {
    let handed_to = if row.outcome == Outcome::Delivered { json!(row.handed_to.word()) } else { Value::Null };
    json!({
        "recipient": row.recipient.to_string(),
        "orig_recipient": address(row.orig_recipient),
        "outcome": row.outcome.word(),
        "handed_to": handed_to,
        "time": moment(row.time),
        "attempts": row.attempts,
        "deferrals": row.deferrals,
        "next_try": null,
        "expires": null,
        "provider": text(row.provider),
        "relay_host": text(row.relay_host),
        "reply_code": nonzero(row.reply_code),
        "enhanced_code": text(row.enhanced_code),
        "reply_text": text(row.reply_text),
        "verdict": verdict::of_outcome(row, chain.last_failure(row)),
        "delay_s": seconds(row.delay_ms),
        "sentence": speech.outcome(row),
    })
}

fn rejection(row: &RejectionRow<'_>) -> Value {
    json!({
        "time": moment(row.time),
        "client_name": text(row.client_name),
        "client_ip": text(row.client_ip),
        "helo": text(row.helo),
        "stage": if row.stage == Stage::Unknown { "other" } else { row.stage.word() },
        "action": row.action.word(),
        "sender": address(row.sender),
        "recipient": address(row.recipient),
        "reply_code": nonzero(row.reply_code),
        "enhanced_code": text(row.enhanced_code),
        "reply_text": text(row.reply_text),
        "verdict": verdict::of_rejection(row),
    })
}

/// Notifications about a chain, and the message that it is a notification about.
fn related(view: &View, chain: &Chain<'_>, within: Option<&Within>, speech: &Speech) -> Result<Vec<Value>, Problem> {
    let Some(head) = chain.head() else { return Ok(Vec::new()) };
    let hops: Vec<u64> = chain.hops.iter().map(|hop| hop.id).collect();
    let mut ids = lookup::notifications(&view.snapshot, &hops, head.time, head.time.plus(NOTIFIED_WITHIN))?;
    ids.extend(view.open.messages.iter().filter(|row| hops.contains(&row.bounce_of)).map(|row| row.id));
    let about: Vec<u64> = chain.hops.iter().map(|hop| hop.bounce_of).filter(|id| *id != 0).collect();
    let mut found = Vec::new();
    for (relation, ids) in [("notification", &ids), ("bounce_of", &about)] {
        if ids.is_empty() {
            continue;
        }
        let rows = gather(view, ids)?;
        let others = chains(&rows, within);
        let tied = others.values().filter(|other| other.hops.iter().any(|hop| ids.contains(&hop.id)));
        found.extend(tied.filter_map(|other| tie(relation, other, speech)));
    }
    Ok(found)
}

fn tie(relation: &str, chain: &Chain<'_>, speech: &Speech) -> Option<Value> {
    let head = chain.head()?;
    Some(json!({
        "id": id(head.id),
        "queue_id": head.queue_id,
        "relation": relation,
        "time": moment(head.time),
        "recipients": chain.outcomes.iter().map(|row| row.recipient.to_string()).collect::<Vec<_>>(),
        "status": chain_status(chain),
        "sentence": chain_sentence(chain, speech),
    }))
}
