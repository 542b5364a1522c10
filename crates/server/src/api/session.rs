//! `/session`: who is logged in; logging in and out. `/setup`: the first administrator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mailvane_store::access::{NewUser, UserRow};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Said;
use super::problem::Problem;
use super::reader::Caller;
use super::{Api, now};
use crate::access::role::Role;
use crate::access::{How, Identity, Refused, Shown, cookie, password};

/// `GET /session`.
pub(crate) async fn get(State(api): State<Arc<Api>>, caller: Caller) -> Result<Json<Value>, Problem> {
    let closed = api.access.run(|rows| rows.count_role(Role::Administrator.word())).await? > 0;
    Ok(Json(write(&api, closed, caller.identity.as_deref())))
}

/// Who is logged in, as an answer.
fn write(api: &Api, closed: bool, identity: Option<&Identity>) -> Value {
    let user = identity.filter(|identity| identity.how != How::Open).map(|identity| {
        json!({
            "name": identity.name,
            "role": identity.role.word(),
            "domains": identity.within.as_ref().map(|within| within.0.to_vec()),
            "blurred": identity.blurred,
            "how": identity.how(),
        })
    });
    json!({
        "access": if closed { "closed" } else { "open" },
        "setup": !closed && api.access.setup().is_offered(),
        "user": user,
        "csrf": identity.and_then(|identity| identity.csrf(api.access.key())),
        "password_min": password::PASSWORD_MIN,
    })
}

/// What is sent to log in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    name: String,
    password: String,
    #[serde(default)]
    code: Option<String>,
}

/// `POST /session`.
pub(crate) async fn post(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    Said(login): Said<Login>,
) -> Result<Response, Problem> {
    let tried = login.name.clone();
    let shown = Shown { name: login.name, password: login.password, code: login.code };
    let user = match api.access.check(shown, caller.address(), now()).await? {
        Ok(user) => user,
        Err(refused) => return Err(refuse(&api, &caller, &tried, refused).await),
    };
    api.access.note(&user.name, caller.address(), "login", "").await;
    enter(&api, &caller, &headers, &user).await
}

async fn refuse(api: &Arc<Api>, caller: &Caller, name: &str, refused: Refused) -> Problem {
    match refused {
        Refused::Wrong => {
            api.access.note(name, caller.address(), "login_failed", "").await;
            Problem::login_failed("login_failed", "name, password or code are not right").hint("after some failures you have to wait")
        }
        Refused::CodeNeeded => {
            Problem::login_failed("code_needed", "a one-time code is needed too").hint("give the code of your app, or a recovery code")
        }
        Refused::Wait(seconds) => {
            // Kept once in a while: whoever guesses must not fill the log.
            api.access.note_look(name, caller.address(), "login_throttled", "", now()).await;
            Problem::too_often(seconds)
        }
    }
}

/// Gives a browser a session that nobody knew before.
async fn enter(api: &Arc<Api>, caller: &Caller, headers: &HeaderMap, user: &UserRow) -> Result<Response, Problem> {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let former = former(caller);
    let secret = api.access.begin_session(user.id, former, caller.address(), &agent, now()).await?;
    let identity = api.access.identity(user, None, How::Session { id: 0, secret: secret.clone() });
    let identity = identity.ok_or_else(|| Problem::forbidden("your role is of a later version of Mailvane"))?;
    let set = cookie(Some(&secret), caller.origin.secure, api.access.settings().life);
    Ok(([(header::SET_COOKIE, set)], Json(write(api, true, Some(&identity)))).into_response())
}

fn former(caller: &Caller) -> Option<String> {
    match caller.identity.as_deref().map(|identity| &identity.how) {
        Some(How::Session { secret, .. }) => Some(secret.clone()),
        _ => None,
    }
}

/// Gives the browser of a session a new one: after a change of what it proves itself by.
pub(crate) async fn renew(api: &Arc<Api>, caller: &Caller, headers: &HeaderMap, user: &UserRow) -> Result<Response, Problem> {
    enter(api, caller, headers, user).await
}

/// `DELETE /session`.
pub(crate) async fn delete(State(api): State<Arc<Api>>, caller: Caller) -> Result<Response, Problem> {
    if let Some(secret) = former(&caller) {
        let name = caller.identity.as_ref().map(|identity| identity.name.clone()).unwrap_or_default();
        api.access.run(move |rows| rows.end_session(&crate::access::secret::hash(&secret))).await?;
        api.access.note(&name, caller.address(), "logout", "").await;
    }
    let set = cookie(None, caller.origin.secure, 0);
    let closed = api.access.run(|rows| rows.count_role(Role::Administrator.word())).await? > 0;
    let mut response = ([(header::SET_COOKIE, set)], Json(write(&api, closed, None))).into_response();
    // What the browser kept of answers goes with the session.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

/// What is sent to make the first administrator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct First {
    secret: String,
    name: String,
    password: String,
}

/// `POST /setup`.
pub(crate) async fn setup(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    Said(first): Said<First>,
) -> Result<Response, Problem> {
    let is_open = caller.identity.as_deref().is_some_and(|identity| identity.how == How::Open);
    if !is_open {
        return Err(Problem::conflict("there is an administrator already, or this is not the machine itself")
            .hint("log in, or ask the administrator"));
    }
    let name = password::name(&first.name).map_err(Problem::bad_request)?;
    if let Some(problem) = password::problem(&first.password, &name) {
        return Err(Problem::bad_request(problem));
    }
    if !api.access.setup().take(&first.secret) {
        return Err(Problem::forbidden("the link is not valid, or was used").hint("`mailvane serve` prints a new one when it starts"));
    }
    let hash = api.access.hash_password(first.password).await?;
    let wanted = name.clone();
    let added = api.access.run(move |rows| {
        let role = Role::Administrator.word();
        let new = NewUser { name: &wanted, role, password: &hash, domains: &[], created: now() };
        rows.add_user(&new)?;
        rows.user(&wanted)
    });
    let user = added.await?.filter(|user| user.role == Role::Administrator.word());
    let user = user
        .ok_or_else(|| Problem::conflict(format!("there is a user {name} already")).hint("`mailvane user role` changes what he may do"))?;
    api.access.note(&user.name, caller.address(), "setup", "the first administrator").await;
    enter(&api, &caller, &headers, &user).await
}
