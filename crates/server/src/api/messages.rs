//! `/messages`: search messages and refusals, newest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::Uri;
use mailvane_analytics::search::{Search, State, Words, search};
use mailvane_metric::Rate;
use mailvane_model::Time;
use mailvane_model::word::{Action, Direction, Outcome, Population};
use serde_json::{Value, json};

use super::chain::{chains, gather};
use super::item::{Speech, of_chain, of_rejection};
use super::json::{moment, optional_moment, ratio};
use super::problem::Problem;
use super::question::{Question, wrong_word};
use super::reader::Reader;
use super::window::{LISTS, WINDOW, Window};
use super::{Api, now};
use crate::live::view::{About, View};

/// Items by default, and at most.
const LIMIT: (usize, usize) = (50, 500);
/// Longer words are no word anybody looks for.
const WORDS_BYTES_MAX: usize = 500;

/// `/messages`.
pub(crate) async fn get(Shared(api): Shared<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[WINDOW, &["q", "status", "kind", "limit", "cursor"]])?;
    let window = Window::read(&question, LISTS, &reader, now())?;
    let typed = question.get("q").unwrap_or_default().trim().to_owned();
    if typed.len() > WORDS_BYTES_MAX {
        return Err(Problem::bad_request(format!("q: more than {WORDS_BYTES_MAX} bytes")).hint("give a part of it"));
    }
    let wanted = Wanted::read(question.get("status"), question.get("kind"))?;
    let search = Search {
        words: Words::read(&typed),
        messages: wanted.messages,
        // A refusal is mail that came from outside and was not taken.
        rejections: wanted.rejections
            && matches!(window.scope.direction, None | Some(Direction::Inbound))
            && matches!(window.scope.population, None | Some(Population::Ordinary)),
        actions: wanted.actions,
        states: wanted.states,
        limit: question.limit(LIMIT.0, LIMIT.1)?,
        before: question.get("cursor").map(read_cursor).transpose()?,
        scope: window.scope.clone(),
    };
    api.answer(move |view, about| answer(view, about, &reader, &window, &search, &typed)).await
}

fn answer(view: &View, about: &About, reader: &Reader, window: &Window, wanted: &Search, typed: &str) -> Result<Value, Problem> {
    let found = search(&view.snapshot, &view.open.outcomes, wanted)?;
    let speech = Speech::new(window.zone, window.now);
    let ids: Vec<u64> = found.hits.iter().filter(|hit| !hit.rejection).map(|hit| hit.id).collect();
    let rows = gather(view, &ids)?;
    let chains = chains(&rows, reader.within());
    let head_of =
        |id: u64| chains.iter().find(|(head, chain)| **head == id || chain.hops.iter().any(|hop| hop.id == id)).map(|(head, _)| *head);
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for hit in &found.hits {
        if hit.rejection {
            items.extend(found.rejections.rejections.iter().find(|row| row.id == hit.id).map(|row| of_rejection(&row, &speech)));
        } else if let Some(head) = head_of(hit.id).filter(|head| seen.insert(*head)) {
            items.extend(chains.get(&head).and_then(|chain| of_chain(chain, &speech)));
        }
    }
    let next = found.hits.last().filter(|_| found.more).map(|hit| format!("{}-{:016x}", hit.time.0, hit.id));
    Ok(json!({
        "window": window.write(view.complete_to),
        "searched": searched(view, about, reader, window, wanted, typed, items.is_empty()),
        "items": items,
        "next_cursor": next,
    }))
}

fn read_cursor(text: &str) -> Result<(Time, u64), Problem> {
    let parts = text.rsplit_once('-').and_then(|(time, id)| Some((Time(time.parse().ok()?), u64::from_str_radix(id, 16).ok()?)));
    parts.ok_or_else(|| Problem::bad_request("cursor: not one of ours").hint("give next_cursor of the page before as it is"))
}

/// What was searched, so that nothing found means something.
fn searched(view: &View, about: &About, reader: &Reader, window: &Window, wanted: &Search, typed: &str, nothing: bool) -> Value {
    let total = view.coverage.total;
    let understood = Rate { count: total.recognised + total.ignored, of: total.lines() };
    let sources: Vec<String> = if let Some(within) = reader.within() {
        // Where logs lie is no business of a guest; what of them was looked at is.
        vec![format!("the mail of {}", within.0.join(", "))]
    } else if view.sources.is_empty() {
        about.logs.clone()
    } else {
        view.sources.iter().map(|source| source.log.display().to_string()).collect()
    };
    let day = |time: Time| time.to_chrono().with_timezone(&window.zone).format("%-d %b %Y %H:%M").to_string();
    let from = view.data_from.map_or(window.scope.since, |from| from.max(window.scope.since));
    let to = view.complete_to.map_or(window.scope.until, |to| to.min(window.scope.until));
    let share = understood.value().map(|value| format!(", {:.1} % of lines understood", value * 100.0)).unwrap_or_default();
    let place = if sources.is_empty() { "any log".to_owned() } else { sources.join(", ") };
    let what = if typed.is_empty() { "such mail".to_owned() } else { format!("\u{201c}{typed}\u{201d}") };
    let sentence = match (nothing, view.complete_to) {
        (true, None) => "Nothing has been read yet.".to_owned(),
        (true, Some(_)) if to <= from => format!("Nothing that was read is of this time: {place} is known up to {}.", day(to)),
        (true, Some(_)) => {
            format!("No trace of {what} in {place} from {} to {}{share}; it never reached this server, or came before.", day(from), day(to))
        }
        (false, _) => format!("Searched {place} from {} to {}{share}.", day(from), day(to)),
    };
    json!({
        "sources": sources,
        "since": moment(window.scope.since),
        "until": moment(window.scope.until),
        "complete_to": optional_moment(view.complete_to),
        "data_from": optional_moment(view.data_from),
        "understood": ratio(understood),
        "matched_as": wanted.words.kind(),
        "sentence": sentence,
    })
}

/// Which kinds and states are wanted.
struct Wanted {
    messages: bool,
    rejections: bool,
    actions: Vec<Action>,
    states: Vec<State>,
}

const STATES: &[(&str, &[State])] = &[
    ("delivered", &[State::Delivered]),
    ("relayed", &[State::Relayed]),
    ("bounced", &[State::Other(Outcome::Bounced)]),
    ("expired", &[State::Other(Outcome::Expired)]),
    ("deferred", &[State::Waiting]),
    ("queued", &[State::Fresh]),
    ("held", &[State::Other(Outcome::Held)]),
    ("discarded", &[State::Other(Outcome::Discarded)]),
    ("deleted", &[State::Other(Outcome::Deleted)]),
    ("rejected", &[State::Other(Outcome::Rejected)]),
    ("unknown", &[State::Other(Outcome::Unknown)]),
    ("failed", &[State::Other(Outcome::Bounced), State::Other(Outcome::Expired)]),
    ("open", &[State::Waiting, State::Fresh, State::Other(Outcome::Held)]),
    ("had_deferral", &[State::HadDeferral]),
    ("lost", &[]),
];

/// Refusals that can be wanted, with their actions; none means all.
const REFUSALS: &[(&str, &[Action])] = &[("refused", &[]), ("refused_for_good", &[Action::Reject]), ("refused_for_now", &[Action::Defer])];

impl Wanted {
    fn read(status: Option<&str>, kind: Option<&str>) -> Result<Self, Problem> {
        let mut wanted = Wanted { messages: true, rejections: true, actions: Vec::new(), states: Vec::new() };
        if let Some(text) = kind {
            let kinds: Vec<&str> = text.split(',').collect();
            let known = ["message", "rejection", "session"];
            if let Some(wrong) = kinds.iter().find(|kind| !known.contains(kind)) {
                return Err(wrong_word("kind", wrong, known.into_iter()));
            }
            (wanted.messages, wanted.rejections) = (kinds.contains(&"message"), kinds.contains(&"rejection"));
        }
        if let Some(text) = status {
            let (mut refused, mut any) = (false, false);
            for word in text.split(',') {
                if let Some((_, actions)) = REFUSALS.iter().find(|known| known.0 == word) {
                    refused = true;
                    any |= actions.is_empty();
                    wanted.actions.extend(*actions);
                    continue;
                }
                let words = || STATES.iter().map(|known| known.0).chain(REFUSALS.iter().map(|known| known.0));
                let known = STATES.iter().find(|known| known.0 == word);
                let (_, states) = known.ok_or_else(|| wrong_word("status", word, words()))?;
                wanted.states.extend(*states);
            }
            if any {
                wanted.actions.clear();
            }
            wanted.rejections &= refused;
            wanted.messages &= !wanted.states.is_empty();
        }
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_narrows_the_kinds() {
        let read = |status, kind| Wanted::read(status, kind).map(|wanted| (wanted.messages, wanted.rejections, wanted.states.len()));
        assert_eq!(read(None, None).expect("all"), (true, true, 0));
        assert_eq!(read(Some("refused"), None).expect("refused"), (false, true, 0));
        assert_eq!(read(Some("failed,refused"), None).expect("both"), (true, true, 2));
        let actions = |status| Wanted::read(Some(status), None).map(|wanted| wanted.actions).ok();
        assert_eq!(actions("refused_for_now"), Some(vec![Action::Defer]));
        assert_eq!(actions("refused_for_now,refused"), Some(Vec::new()), "all of them");
        assert_eq!(read(Some("open"), Some("rejection")).expect("none"), (false, false, 3));
        assert_eq!(read(None, Some("message,session")).expect("kinds"), (true, false, 0));
        assert!(read(Some("lately"), None).is_err());
        assert!(read(None, Some("mail")).is_err());
    }

    #[test]
    fn a_cursor_comes_back() {
        assert_eq!(read_cursor("1793611837000000-00000000000000ff").expect("ours"), (Time(1_793_611_837_000_000), 255));
        assert_eq!(read_cursor("-5-1").expect("before the epoch"), (Time(-5), 1));
        assert!(read_cursor("2").is_err());
    }
}
