//! `GET /messages`: messages and refused attempts in one list, newest first.

use mailvane_analytics::search::{Hit, Search, Words, search};
use mailvane_model::Time;
use mailvane_model::word::Outcome;
use mailvane_reply::provider::Providers;
use serde_json::{Value, json};

use super::item::{Writer, chains};
use super::problem::Problem;
use super::window::{Question, coverage, time};

/// Answers.
pub(super) fn answer(question: &Question, providers: &Providers) -> Result<Value, Problem> {
    let limit = question.number("limit", 50, 500)?;
    let wanted = wanted(question)?;
    let kinds: Vec<&str> = question.get("kind").map(|kinds| kinds.split(',').collect()).unwrap_or_default();
    let has = |kind: &str| kinds.is_empty() || kinds.contains(&kind);
    let words = Words::read(question.get("q").unwrap_or_default());
    let search_for = Search {
        scope: question.scope.clone(),
        words: words.clone(),
        outcomes: wanted.outcomes,
        messages: has("message") && !wanted.only_refused,
        rejections: has("rejection") && (wanted.any || wanted.only_refused),
        limit,
        before: question.get("cursor").map(cursor).transpose()?,
    };
    let found = search(&question.view.snapshot, &question.view.open.outcomes, &search_for).map_err(|error| Problem::internal(&error))?;
    let writer = Writer { providers, zone: question.zone, now: question.now };
    let ids: Vec<u64> = found.hits.iter().filter(|hit| !hit.rejection).map(|hit| hit.id).collect();
    let mut items: Vec<(Time, Value)> = Vec::new();
    for chain in if ids.is_empty() { Vec::new() } else { chains(&question.view, &ids)? } {
        let begun = chain.rows.messages.time.0.iter().chain(&chain.rows.outcomes.arrived.0).min().copied().unwrap_or_default();
        items.push((begun, writer.message(&chain)));
    }
    for hit in found.hits.iter().filter(|hit| hit.rejection) {
        if let Some(row) = found.rejections.rejections.iter().find(|row| row.id == hit.id) {
            items.push((row.time, writer.rejection(&row)));
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.0));
    let next = found.hits.last().filter(|_| found.more).map(|Hit { time, id, .. }| format!("{}-{id:016x}", time.0));
    Ok(json!({
        "window": question.window(),
        "items": items.into_iter().map(|item| item.1).collect::<Vec<_>>(),
        "next_cursor": next,
        "searched": searched(question, &words),
    }))
}

/// The states asked for.
struct Wanted {
    outcomes: Vec<Outcome>,
    only_refused: bool,
    any: bool,
}

fn wanted(question: &Question) -> Result<Wanted, Problem> {
    let Some(states) = question.get("status") else { return Ok(Wanted { outcomes: Vec::new(), only_refused: false, any: true }) };
    let mut wanted = Wanted { outcomes: Vec::new(), only_refused: true, any: false };
    for state in states.split(',') {
        let outcomes: &[Outcome] = match state {
            "refused" => continue,
            "failed" => &[Outcome::Bounced, Outcome::Expired],
            "open" => &[Outcome::Queued, Outcome::Held],
            "deferred" | "queued" => &[Outcome::Queued],
            "delivered" | "relayed" | "had_deferral" | "mixed" => &[Outcome::Delivered],
            "lost" => &[],
            word => &[Outcome::from_word(word).ok_or_else(|| Problem::bad_request(format!("unknown status `{word}`")))?],
        };
        wanted.only_refused = false;
        wanted.outcomes.extend(outcomes);
    }
    wanted.any = states.split(',').any(|state| state == "refused");
    Ok(wanted)
}

fn cursor(text: &str) -> Result<(Time, u64), Problem> {
    let wrong = || Problem::bad_request("`cursor` is not one of ours");
    let (time, id) = text.rsplit_once('-').ok_or_else(wrong)?;
    Ok((Time(time.parse().map_err(|_| wrong())?), u64::from_str_radix(id, 16).map_err(|_| wrong())?))
}

fn searched(question: &Question, words: &Words) -> Value {
    let view = &question.view;
    let sources: Vec<String> = view.sources.iter().map(|source| source.log.display().to_string()).collect();
    let counts = view.coverage.total;
    let understood = if counts.lines() == 0 {
        "-".to_owned()
    } else {
        format!("{:.1} %", 100.0 * (counts.lines() - counts.unparsed) as f64 / counts.lines() as f64)
    };
    let day = |time: Time| time.to_chrono().with_timezone(&question.zone).format("%-d %b %H:%M").to_string();
    let what = question.get("q").map_or("messages".to_owned(), |words| format!("\"{words}\""));
    let sentence = format!(
        "searched {what} in {} from {} to {}, {understood} of the lines understood; what is not there never reached this server, or came before",
        sources.join(", "),
        day(question.scope.since.max(view.data_from.unwrap_or(question.scope.since))),
        day(question.scope.until),
    );
    json!({
        "sources": sources,
        "since": time(question.scope.since),
        "until": time(question.scope.until),
        "complete_to": view.complete_to.map(time),
        "data_from": view.data_from.map(time),
        "understood": coverage(view)["understood"],
        "matched_as": words.kind(),
        "sentence": sentence,
    })
}
