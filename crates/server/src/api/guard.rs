//! What stands before every route: which names are answered, who asks, what he may, that no other page made the browser ask; and what
//! follows every answer: blurring, tags, security headers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::permission::{Need, is_read, need};
use super::problem::Problem;
use super::reader::Caller;
use super::{Api, finish, now};
use crate::access::address::{Origin, Peer, is_loopback_host, name_of};
use crate::access::{How, Identity, Unknown, secret};

/// The policy of every page: our own files, nothing else, nothing inline.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                              manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// What the pages need of the browser's powers: copying, nothing else.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=()";
/// The header in which a page proves that it is ours.
pub(crate) const CSRF: &str = "x-mailvane-csrf";
/// An answer that takes longer is none.
const ANSWER_TIME: Duration = Duration::from_secs(60);
/// A longer address is no question of ours.
const URI_MAX: usize = 8 * 1024;
/// Bytes of all headers together.
const HEADERS_MAX: usize = 32 * 1024;

/// What is known of a request when it has been let in.
struct Pass {
    need: Need,
    method: Method,
    blurred: bool,
    known_tag: Option<HeaderValue>,
}

/// Checks the request, runs it, and finishes the answer.
pub(crate) async fn guard(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&api, &mut request).await {
        Ok(pass) => match tokio::time::timeout(ANSWER_TIME, next.run(request)).await {
            Ok(response) => finish::finish(response, &pass.method, pass.blurred && pass.need.about_mail, pass.known_tag).await,
            Err(_) => Problem::timeout().into_response(),
        },
        Err(problem) => {
            api.access.count_refused();
            problem.into_response()
        }
    };
    api.counts.answered(response.status());
    secure(response.headers_mut());
    response
}

/// The headers of every answer.
fn secure(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

async fn admit(api: &Arc<Api>, request: &mut Request) -> Result<Pass, Problem> {
    let access = &api.access;
    // A request without a connection is none: only tests make such.
    let peer = *request.extensions().get::<Peer>().ok_or_else(Problem::login_required)?;
    let origin = Arc::new(Origin::of(peer, request.headers(), access.settings()));
    if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > URI_MAX) {
        return Err(Problem::too_large(URI_MAX));
    }
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > HEADERS_MAX {
        return Err(Problem::too_large(HEADERS_MAX));
    }
    let pattern = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let need = need(pattern.as_deref(), request.method());
    let found = access.identify(request.headers(), &origin, now())?;
    check_host(api, &origin, found.as_ref().err() == Some(&Unknown::NoAdministrator) || is_open(&found))?;
    if pattern.is_none() && !is_read(request.method()) {
        return Err(Problem::no_such_method());
    }
    let unknown = found.as_ref().err().copied();
    let identity = found.ok().map(Arc::new);
    if let Some(role) = need.role {
        let identity = identity.as_deref().ok_or_else(|| refusal(unknown))?;
        if identity.role < role {
            return Err(lacks(identity, role));
        }
        if identity.within.is_some() && !need.scoped {
            return Err(Problem::forbidden("this is about mail of every domain, and you may see that of some")
                .hint("an administrator can let you see all domains"));
        }
    }
    if !is_read(request.method()) {
        check_change(api, request, &origin, identity.as_deref())?;
    }
    if let (Some(action), Some(identity)) = (need.look, &identity) {
        note_look(api, identity, &origin, action, request.uri()).await;
    }
    let pass = Pass {
        need,
        method: request.method().clone(),
        blurred: identity.as_ref().is_some_and(|identity| identity.blurred),
        known_tag: request.headers().get(header::IF_NONE_MATCH).cloned(),
    };
    request.extensions_mut().insert(Caller { identity, origin });
    Ok(pass)
}

fn is_open(found: &Result<Identity, Unknown>) -> bool {
    found.as_ref().is_ok_and(|identity| identity.how == How::Open)
}

/// A page of another site that rebinds its name to our address does not get in: while there is no administrator only loopback names are
/// answered, later those of the configuration. Without any in the configuration a stranger's name gets nothing either: no cookie is of it.
fn check_host(api: &Api, origin: &Origin, is_open: bool) -> Result<(), Problem> {
    let settings = api.access.settings();
    let Some(host) = origin.hosts.first() else { return Ok(()) };
    let is_ours = is_loopback_host(host) || settings.hosts.iter().any(|known| known == name_of(host));
    if is_ours || (!is_open && settings.hosts.is_empty()) {
        return Ok(());
    }
    let problem = Problem::bad_request("this name is not served");
    Err(if is_open {
        problem.hint("open http://127.0.0.1, or an SSH tunnel to it")
    } else {
        problem.hint("it is not among `hosts` in [access]")
    })
}

fn refusal(unknown: Option<Unknown>) -> Problem {
    match unknown {
        Some(Unknown::NoAdministrator) => Problem::forbidden("there is no administrator yet, so only this machine is served")
            .hint("make one: `mailvane user add NAME --role administrator`"),
        _ => Problem::login_required(),
    }
}

fn lacks(identity: &Identity, role: crate::access::role::Role) -> Problem {
    if identity.how == How::Open {
        return Problem::forbidden("there is no administrator yet")
            .hint("make one: by the link that `mailvane serve` printed, or `mailvane user add NAME --role administrator`");
    }
    Problem::forbidden(format!("this needs the role {role}, and you are {}", identity.role)).hint("ask an administrator")
}

/// A change must come from a page of ours: by where it says it comes from, by what only our pages can read, and by its type.
fn check_change(api: &Api, request: &Request, origin: &Origin, identity: Option<&Identity>) -> Result<(), Problem> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(from) = text("origin") {
        let host = from.split_once("://").map_or("", |(_, host)| host).to_lowercase();
        let is_ours = origin.hosts.contains(&host) || api.access.settings().hosts.iter().any(|known| known == name_of(&host));
        if host.is_empty() || !is_ours {
            return Err(Problem::forged("the request was made by a page of another site"));
        }
    }
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(Problem::forged("the request was made by a page of another site"));
    }
    let Some(wanted) = identity.and_then(|identity| identity.csrf(api.access.key())) else { return Ok(()) };
    let is_given = text(CSRF).is_some_and(|given| secret::same(given, &wanted));
    // Whoever logs in or sets up has no mark yet, and proves himself by a secret.
    let proves_himself = matches!(request.uri().path(), "/api/v1/session" | "/api/v1/setup") && request.method() == Method::POST;
    if is_given || proves_himself {
        return Ok(());
    }
    Err(Problem::forged(format!("the header {CSRF} is missing or not that of your session"))
        .hint("GET /api/v1/session tells it; load the page again"))
}

/// Keeps whom somebody looked up: the words, the filters that name a person, or the message.
async fn note_look(api: &Arc<Api>, identity: &Identity, origin: &Origin, action: &'static str, uri: &Uri) {
    const TELLING: &[&str] = &["q", "sender", "client"];
    let detail = if action == "look_up" {
        uri.path().rsplit('/').next().unwrap_or_default().to_owned()
    } else {
        let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else { return };
        let told = pairs.into_iter().filter(|(name, value)| TELLING.contains(&name.as_str()) && !value.is_empty());
        told.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    if !detail.is_empty() {
        api.access.note_look(&identity.name, origin.address, action, &detail, now()).await;
    }
}

/// What a method that a route does not have is answered.
pub(crate) async fn no_such_method() -> Problem {
    Problem::no_such_method()
}

/// An empty answer.
pub(crate) fn done() -> Response {
    (StatusCode::NO_CONTENT, Body::empty()).into_response()
}
