//! `/tokens`: tokens for programs. A token can never do more than its user.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mailvane_model::Time;
use mailvane_store::access::{NewToken, TokenRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Said, number};
use super::guard::done;
use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::wrong_word;
use super::reader::{Caller, Reader};
use super::{Api, now};
use crate::access::role::{Role, SCOPES};
use crate::access::{How, secret};

/// Characters of a token's name.
const NAME_MAX: usize = 100;
/// The longest life of a token, in days.
const DAYS_MAX: u32 = 3650;
/// Tokens of one user.
const TOKENS_MAX: usize = 100;

fn write(token: &TokenRow) -> Value {
    json!({
        "id": token.id,
        "owner": token.owner,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes.split_whitespace().collect::<Vec<_>>(),
        "created": moment(token.created),
        "expires": optional_moment(token.expires),
        "seen": optional_moment(token.seen),
    })
}

/// Administrators see and revoke everybody's, others their own.
fn whose(reader: &Reader) -> Result<Option<i64>, Problem> {
    if reader.identity.role >= Role::Administrator {
        return Ok(None);
    }
    let none = || Problem::conflict("you have no account here").hint("`mailvane token add` makes one on the command line");
    reader.identity.user.map(Some).ok_or_else(none)
}

/// `GET /tokens`.
pub(crate) async fn list(State(api): State<Arc<Api>>, reader: Reader) -> Result<Json<Value>, Problem> {
    let of = whose(&reader)?;
    let tokens = api.access.run(move |rows| rows.tokens(of)).await?;
    Ok(Json(json!({"tokens": tokens.iter().map(write).collect::<Vec<_>>()})))
}

/// What is sent to make a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Added {
    name: String,
    scopes: Vec<String>,
    #[serde(default)]
    days: Option<u32>,
}

/// `POST /tokens`: tells the token, this once.
pub(crate) async fn add(State(api): State<Arc<Api>>, caller: Caller, reader: Reader, Said(said): Said<Added>) -> Result<Response, Problem> {
    let identity = &reader.identity;
    // Else a token could outlive itself by making another.
    if identity.how == How::Token {
        return Err(Problem::forbidden("a token cannot make tokens").hint("log in"));
    }
    let user = identity.user.ok_or_else(|| Problem::conflict("you have no account here"))?;
    let name = said.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Problem::bad_request(format!("name: 1 to {NAME_MAX} characters that say what the token is for")));
    }
    if said.scopes.is_empty() {
        return Err(Problem::bad_request("scopes: give at least one").hint(format!("use {}", crate::access::role::scope_words())));
    }
    for scope in &said.scopes {
        let role = Role::of_scope(scope).ok_or_else(|| wrong_word("scopes", scope, SCOPES.iter().map(|scope| scope.0)))?;
        if role > identity.role {
            return Err(Problem::forbidden(format!("a token of yours cannot have the scope {scope}: you are {}", identity.role)));
        }
    }
    if said.days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Problem::bad_request(format!("days: 1 to {DAYS_MAX}, or null for no end")));
    }
    let (token, prefix) = secret::token().map_err(|error| Problem::internal(&error))?;
    let (hash, scopes, created) = (secret::hash(&token), said.scopes.join(" "), now());
    let expires = said.days.map(|days| created.plus(i64::from(days) * Time::DAY));
    let detail = format!("{name} ({prefix}…): {scopes}");
    let added = api.access.run(move |rows| {
        if rows.tokens(Some(user))?.len() >= TOKENS_MAX {
            return Ok(None);
        }
        let id = rows.add_token(&NewToken { user, hash: &hash, name: &name, prefix: &prefix, scopes: &scopes, created, expires })?;
        Ok(rows.tokens(Some(user))?.into_iter().find(|row| row.id == id))
    });
    let row = added.await?.ok_or_else(|| Problem::conflict(format!("you have {TOKENS_MAX} tokens")).hint("revoke some first"))?;
    api.access.note(&identity.name, caller.address(), "token_added", &detail).await;
    Ok((StatusCode::CREATED, Json(json!({"token": token, "row": write(&row)}))).into_response())
}

/// `DELETE /tokens/{id}`.
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (id, of) = (number(&id)?, whose(&reader)?);
    let known = api.access.run(move |rows| rows.tokens(of)).await?.into_iter().find(|token| token.id == id);
    let known = known.ok_or_else(|| Problem::not_found("there is no such token"))?;
    api.access.run(move |rows| rows.remove_token(id, of)).await?;
    api.access
        .note(&reader.identity.name, caller.address(), "token_revoked", &format!("{} of {} ({}…)", known.name, known.owner, known.prefix))
        .await;
    Ok(done())
}
