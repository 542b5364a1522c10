//! `/security`: refusals and logins by network and user, and accounts that look used by somebody else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::security::{NETWORKS, Network, User, security};
use mailvane_model::word::Reason;
use serde_json::{Value, json};

use super::json::moment;
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::{FIGURES, Window};
use super::{Api, now};

/// Networks and users by default, and at most.
const LIMIT: (usize, usize) = (50, 1000);
/// Networks named of one user.
const NETWORKS_NAMED: usize = 20;

/// `/security`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["limit", "since", "until", "client"]])?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let window = Window::read(&question, FIGURES, &reader, now())?;
    api.answer(move |view, _| {
        let found = security(&view.snapshot, &window.scope)?;
        Ok(json!({
            "window": window.write(view.complete_to),
            "refused": found.refused,
            "put_off": found.put_off,
            "reasons": reasons(&found.reasons),
            "failed": found.failed,
            "ok": found.ok,
            "suspects": found.users.iter().filter(|(_, user)| user.is_suspect()).count(),
            "networks": found.networks.iter().take(limit).map(network).collect::<Vec<Value>>(),
            "total_networks": found.networks.len(),
            "users": found.users.iter().take(limit).map(user).collect::<Vec<Value>>(),
            "total_users": found.users.len(),
            "over_limit": found.over_limit,
        }))
    })
    .await
}

fn reasons(counts: &[(Reason, u64)]) -> Vec<Value> {
    counts.iter().map(|(reason, count)| json!({"reason": reason.word(), "count": count})).collect()
}

fn network((name, network): &(String, Network)) -> Value {
    json!({
        "network": name,
        "refused": network.refused,
        "put_off": network.put_off,
        "reasons": reasons(&network.reasons),
        "failed": network.failed,
        "ok": network.ok,
        "users": network.users.len(),
        "first": moment(network.seen.first),
        "last": moment(network.seen.last),
    })
}

fn user((name, user): &(String, User)) -> Value {
    let mut networks: Vec<&String> = user.networks.iter().collect();
    networks.sort();
    networks.truncate(NETWORKS_NAMED);
    json!({
        "user": name,
        "suspect": user.is_suspect(),
        "why": why(user),
        "failed": user.failed,
        "ok": user.ok,
        "messages": user.messages,
        "recipients": user.recipients,
        "networks": networks,
        "guessed_from": user.guessed_from,
        "first": moment(user.seen.first),
        "last": moment(user.seen.last),
    })
}

/// Why an account is suspect, as a sentence.
fn why(user: &User) -> Option<String> {
    if let [network, ..] = user.guessed_from.as_slice() {
        return Some(format!("A login from {network} succeeded after failures from there: the password may have been guessed."));
    }
    (user.networks.len() >= NETWORKS).then(|| format!("It was used from {} networks in this time.", user.networks.len()))
}
