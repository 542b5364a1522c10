//! One HTTP request to a service.

use std::time::Duration;

use super::super::clean::one_line;
use super::super::secret::Secret;
use super::super::send::{Said, Tried};

/// How long a service may take.
const WAIT: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read.
const ANSWER: usize = 2_000;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where.
    pub url: Secret,
    /// Headers beside the type, which is JSON.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body.
    pub body: Vec<u8>,
}

pub(crate) fn client() -> Result<reqwest::Client, String> {
    // Who redirects us elsewhere gets nothing: a notice and its token go where the operator said.
    let builder = reqwest::Client::builder().timeout(WAIT).redirect(reqwest::redirect::Policy::none());
    builder.user_agent(concat!("mailvane/", env!("CARGO_PKG_VERSION"))).build().map_err(|error| format!("no HTTP client: {error}"))
}

pub(crate) async fn send(client: &reqwest::Client, request: Request) -> Tried {
    let mut post = client.post(request.url.reveal()).header("content-type", "application/json").body(request.body);
    for (name, value) in &request.headers {
        post = post.header(*name, value.reveal());
    }
    answer(post.send().await).await
}

pub(crate) async fn get(client: &reqwest::Client, url: &str) -> Tried {
    answer(client.get(url).send().await).await
}

async fn answer(sent: Result<reqwest::Response, reqwest::Error>) -> Tried {
    let mut response = match sent {
        Ok(response) => response,
        // The address may hold a token: it is not told.
        Err(error) => return Tried::said(Said::Deferred, &causes(&error.without_url())),
    };
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(ANSWER);
    let text = one_line(&String::from_utf8_lossy(&body), 200);
    let said = match status.as_u16() {
        200..=299 => Said::Accepted,
        408 | 425 | 429 | 500..=599 => Said::Deferred,
        _ => Said::Refused,
    };
    Tried::said(said, format!("HTTP {status}: {text}").trim_end_matches(": "))
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
