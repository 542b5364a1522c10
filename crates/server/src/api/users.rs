//! `/users`, `/sessions`, `/audit`: what administrators see and change.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use mailvane_store::access::{NewUser, UserRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::write_sessions;
use super::body::{Said, number};
use super::guard::done;
use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::{Question, wrong_word};
use super::reader::{Caller, Reader};
use super::{Api, now};
use crate::access::role::{ROLES, Role};
use crate::access::{domains, password};

/// Deeds of one page by default, and at most.
const DEEDS: (usize, usize) = (100, 500);

fn write(user: &UserRow) -> Value {
    json!({
        "name": user.name,
        "role": user.role,
        "domains": (!user.domains.is_empty()).then_some(&user.domains),
        "totp": user.totp.is_some(),
        "has_password": !user.password.is_empty(),
        "created": moment(user.created),
        "seen": optional_moment(user.seen),
    })
}

fn role(word: &str) -> Result<Role, Problem> {
    Role::of_user(word).ok_or_else(|| wrong_word("role", word, ROLES.iter().map(|role| role.word())))
}

fn read_domains(given: Option<Vec<String>>) -> Result<Vec<String>, Problem> {
    given.map_or(Ok(Vec::new()), |given| domains::read(&given).map_err(Problem::bad_request))
}

async fn find(api: &Arc<Api>, name: &str) -> Result<UserRow, Problem> {
    let wanted = name.to_lowercase();
    api.access.run(move |rows| rows.user(&wanted)).await?.ok_or_else(|| Problem::not_found("there is no such user"))
}

fn last_administrator() -> Problem {
    Problem::conflict("this is the last administrator").hint("make another one first")
}

/// `GET /users`.
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, Problem> {
    let users = api.access.run(|rows| rows.users()).await?;
    Ok(Json(json!({"users": users.iter().map(write).collect::<Vec<_>>()})))
}

/// What is sent to add a user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Added {
    name: String,
    role: String,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    domains: Option<Vec<String>>,
}

/// `POST /users`.
pub(crate) async fn add(State(api): State<Arc<Api>>, caller: Caller, reader: Reader, Said(said): Said<Added>) -> Result<Response, Problem> {
    let name = password::name(&said.name).map_err(Problem::bad_request)?;
    let (role, domains) = (role(&said.role)?, read_domains(said.domains)?);
    if role == Role::Administrator && !domains.is_empty() {
        return Err(Problem::bad_request("an administrator sees all domains").hint("leave domains out, or choose another role"));
    }
    let hash = match said.password {
        Some(given) => {
            if let Some(problem) = password::problem(&given, &name) {
                return Err(Problem::bad_request(problem));
            }
            api.access.hash_password(given).await?
        }
        None => String::new(),
    };
    let detail = format!("{name} as {role}{}", if domains.is_empty() { String::new() } else { format!(" of {}", domains.join(", ")) });
    let wanted = name.clone();
    let added = api.access.run(move |rows| {
        let new = NewUser { name: &wanted, role: role.word(), password: &hash, domains: &domains, created: now() };
        rows.add_user(&new)
    });
    if added.await?.is_none() {
        return Err(Problem::conflict(format!("there is a user {name} already")));
    }
    api.access.note(&reader.identity.name, caller.address(), "user_added", &detail).await;
    Ok((StatusCode::CREATED, Json(write(&find(&api, &name).await?))).into_response())
}

/// What is sent to change a user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    role: String,
    #[serde(default)]
    domains: Option<Vec<String>>,
}

/// `PUT /users/{name}`.
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(name): Path<String>,
    Said(said): Said<Changed>,
) -> Result<Json<Value>, Problem> {
    let user = find(&api, &name).await?;
    let (role, domains) = (role(&said.role)?, read_domains(said.domains)?);
    if role == Role::Administrator && !domains.is_empty() {
        return Err(Problem::bad_request("an administrator sees all domains").hint("leave domains out, or choose another role"));
    }
    let detail =
        format!("{} to {role}{}", user.name, if domains.is_empty() { String::new() } else { format!(" of {}", domains.join(", ")) });
    let changed = api.access.run(move |rows| rows.set_role(user.id, role.word(), &domains, Role::Administrator.word())).await?;
    if !changed {
        return Err(last_administrator());
    }
    api.access.note(&reader.identity.name, caller.address(), "user_changed", &detail).await;
    Ok(Json(write(&find(&api, &name).await?)))
}

/// `DELETE /users/{name}`.
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let user = find(&api, &name).await?;
    let removed = api.access.run(move |rows| rows.remove_user(user.id, Role::Administrator.word())).await?;
    if !removed {
        return Err(last_administrator());
    }
    api.access.note(&reader.identity.name, caller.address(), "user_removed", &user.name).await;
    Ok(done())
}

/// What is sent to give a user a new password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    password: String,
}

/// `POST /users/{name}/password`: sets it, turns one-time codes off, and ends the user's sessions.
pub(crate) async fn reset(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(name): Path<String>,
    Said(said): Said<Reset>,
) -> Result<Response, Problem> {
    let user = find(&api, &name).await?;
    if let Some(problem) = password::problem(&said.password, &user.name) {
        return Err(Problem::bad_request(problem));
    }
    let hash = api.access.hash_password(said.password).await?;
    api.access
        .run(move |rows| {
            rows.set_password(user.id, &hash)?;
            rows.set_totp(user.id, None, &[])?;
            rows.end_sessions_of(user.id, None)
        })
        .await?;
    api.access.note(&reader.identity.name, caller.address(), "password_reset", &user.name).await;
    Ok(done())
}

/// `GET /sessions`.
pub(crate) async fn sessions(State(api): State<Arc<Api>>, reader: Reader) -> Result<Json<Value>, Problem> {
    write_sessions(&api, None, &reader.identity).await
}

/// `DELETE /sessions/{id}`.
pub(crate) async fn end_session(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = number(&id)?;
    let sessions = api.access.run(|rows| rows.sessions(None)).await?;
    let of = sessions.into_iter().find(|session| session.id == id).ok_or_else(|| Problem::not_found("there is no such session"))?;
    api.access.run(move |rows| rows.end_session_by_id(id, None)).await?;
    api.access.note(&reader.identity.name, caller.address(), "session_ended", &of.name).await;
    Ok(done())
}

/// `GET /audit`.
pub(crate) async fn audit(State(api): State<Arc<Api>>, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["who", "cursor", "limit"]])?;
    let limit = question.limit(DEEDS.0, DEEDS.1)?;
    let who = question.get("who").map(str::to_lowercase);
    let before = match question.get("cursor") {
        Some(text) => Some(text.parse::<i64>().map_err(|_| Problem::bad_request("cursor: not one of ours"))?),
        None => None,
    };
    let deeds = api.access.run(move |rows| rows.deeds(before, who.as_deref(), limit + 1)).await?;
    let next = (deeds.len() > limit).then(|| deeds[limit - 1].id.to_string());
    let write = |deed: &mailvane_store::access::AuditRow| json!({"time": moment(deed.time), "who": deed.who, "address": deed.address, "action": deed.action, "detail": deed.detail});
    Ok(Json(json!({"deeds": deeds.iter().take(limit).map(write).collect::<Vec<_>>(), "next_cursor": next})))
}
