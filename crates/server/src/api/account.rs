//! `/account`: what users see and change about themselves.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mailvane_model::Time;
use mailvane_store::access::{SessionRow, UserRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Said, number};
use super::guard::done;
use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::reader::{Caller, Reader};
use super::{Api, now, session};
use crate::access::{How, Identity, Refused, Shown, password, totp};

/// The user behind an identity.
async fn user(api: &Arc<Api>, identity: &Identity) -> Result<UserRow, Problem> {
    let none = || Problem::conflict("you have no account here").hint("you are known by another way than by name and password");
    let (id, name) = (identity.user.ok_or_else(none)?, identity.name.clone());
    api.access.run(move |rows| rows.user(&name)).await?.filter(|user| user.id == id).ok_or_else(none)
}

/// A program that holds a token changes nothing about its user.
fn must_be_person(identity: &Identity) -> Result<(), Problem> {
    if identity.how == How::Token {
        return Err(Problem::forbidden("a token cannot do this").hint("log in"));
    }
    Ok(())
}

/// `GET /account`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader) -> Result<Json<Value>, Problem> {
    let user = user(&api, &reader.identity).await?;
    let id = user.id;
    let left = api.access.run(move |rows| rows.recovery_left(id)).await?;
    Ok(Json(json!({
        "name": user.name,
        "role": user.role,
        "domains": (!user.domains.is_empty()).then_some(user.domains),
        "totp": user.totp.is_some(),
        "recovery_left": left,
        "has_password": !user.password.is_empty(),
        "created": moment(user.created),
        "seen": optional_moment(user.seen),
    })))
}

/// Whether the password is right: asked before what matters most, as at the door.
async fn prove(api: &Arc<Api>, caller: &Caller, user: &UserRow, given: String) -> Result<(), Problem> {
    let shown = Shown { name: user.name.clone(), password: given, code: None };
    match api.access.check(shown, caller.address(), now()).await? {
        Ok(_) => Ok(()),
        Err(Refused::CodeNeeded) => {
            // The password was right, and whoever asks is logged in.
            api.access.forgive(&user.name, caller.address());
            Ok(())
        }
        Err(Refused::Wait(seconds)) => Err(Problem::too_often(seconds)),
        Err(Refused::Wrong) => Err(Problem::forbidden("the password is not right")),
    }
}

/// What is sent to change the own password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    current: String,
    new: String,
}

/// `POST /account/password`: ends every other session, and renews this one.
pub(crate) async fn set_password(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    headers: HeaderMap,
    Said(said): Said<NewPassword>,
) -> Result<Response, Problem> {
    must_be_person(&reader.identity)?;
    let user = user(&api, &reader.identity).await?;
    if let Some(problem) = password::problem(&said.new, &user.name) {
        return Err(Problem::bad_request(problem));
    }
    prove(&api, &caller, &user, said.current).await?;
    let hash = api.access.hash_password(said.new).await?;
    let id = user.id;
    api.access
        .run(move |rows| {
            rows.set_password(id, &hash)?;
            rows.end_sessions_of(id, None)
        })
        .await?;
    api.access.note(&user.name, caller.address(), "password_changed", "").await;
    session::renew(&api, &caller, &headers, &user).await
}

/// What is sent to begin or end one-time codes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proof {
    password: String,
}

/// `POST /account/totp`: a secret that waits for its first code.
pub(crate) async fn begin_totp(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Said(said): Said<Proof>,
) -> Result<Json<Value>, Problem> {
    must_be_person(&reader.identity)?;
    let user = user(&api, &reader.identity).await?;
    prove(&api, &caller, &user, said.password).await?;
    if user.totp.is_some() {
        return Err(Problem::conflict("one-time codes are on already").hint("turn them off first"));
    }
    let secret = api.access.begin_totp(user.id, now())?;
    Ok(Json(json!({"secret": totp::base32(&secret), "address": totp::address(&secret, &user.name)})))
}

/// What is sent to confirm one-time codes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstCode {
    code: String,
}

/// `PUT /account/totp`: turns one-time codes on, and tells the recovery codes, this once.
pub(crate) async fn confirm_totp(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Said(said): Said<FirstCode>,
) -> Result<Json<Value>, Problem> {
    must_be_person(&reader.identity)?;
    let user = user(&api, &reader.identity).await?;
    let Some((secret, step)) = api.access.confirm_totp(user.id, &said.code, now()) else {
        return Err(Problem::bad_request("the code is not right").hint("look whether the clock of the telephone is right, or begin again"));
    };
    let codes = totp::recovery_codes().map_err(|error| Problem::internal(&error))?;
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| totp::recovery_hash(code)).collect();
    let id = user.id;
    api.access
        .run(move |rows| {
            rows.set_totp(id, Some(&secret), &hashes)?;
            // The code that confirmed it does not open the door again.
            rows.take_step(id, step).map(drop)
        })
        .await?;
    api.access.note(&user.name, caller.address(), "totp_on", "").await;
    Ok(Json(json!({"recovery": codes})))
}

/// `POST /account/totp/off`.
pub(crate) async fn end_totp(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Said(said): Said<Proof>,
) -> Result<Response, Problem> {
    must_be_person(&reader.identity)?;
    let user = user(&api, &reader.identity).await?;
    prove(&api, &caller, &user, said.password).await?;
    let id = user.id;
    api.access.run(move |rows| rows.set_totp(id, None, &[])).await?;
    api.access.note(&user.name, caller.address(), "totp_off", "").await;
    Ok(done())
}

/// A session as an answer.
pub(crate) fn write_session(row: &SessionRow, current: Option<i64>, life: i64, idle: i64) -> Value {
    let ends = Time(row.created.plus(life).0.min(row.seen.plus(idle).0));
    json!({
        "id": row.id,
        "name": row.name,
        "created": moment(row.created),
        "seen": moment(row.seen),
        "ends": moment(ends),
        "address": row.address,
        "agent": row.agent,
        "current": current == Some(row.id),
    })
}

/// Sessions of one user, or of all, as an answer.
pub(crate) async fn write_sessions(api: &Arc<Api>, of: Option<i64>, identity: &Identity) -> Result<Json<Value>, Problem> {
    let current = match &identity.how {
        How::Session { id, .. } => Some(*id),
        _ => None,
    };
    let (life, idle) = (api.access.settings().life, api.access.settings().idle);
    let rows = api.access.run(move |rows| rows.sessions(of)).await?;
    let now = now();
    let alive = rows.iter().filter(|row| now < row.created.plus(life) && now < row.seen.plus(idle));
    Ok(Json(json!({"sessions": alive.map(|row| write_session(row, current, life, idle)).collect::<Vec<_>>()})))
}

/// `GET /account/sessions`.
pub(crate) async fn sessions(State(api): State<Arc<Api>>, reader: Reader) -> Result<Json<Value>, Problem> {
    let user = user(&api, &reader.identity).await?;
    write_sessions(&api, Some(user.id), &reader.identity).await
}

/// `DELETE /account/sessions/{id}`.
pub(crate) async fn end_session(
    State(api): State<Arc<Api>>,
    caller: Caller,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = number(&id)?;
    must_be_person(&reader.identity)?;
    let user = user(&api, &reader.identity).await?;
    let ended = api.access.run(move |rows| rows.end_session_by_id(id, Some(user.id))).await?;
    if !ended {
        return Err(Problem::not_found("you have no such session"));
    }
    api.access.note(&reader.identity.name, caller.address(), "session_ended", "own").await;
    Ok(done())
}
