//! What follows every answer of the API: addresses blurred for those who may not see them, and a tag, so that the same answer is not
//! sent twice.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::access::blur;

/// A larger answer is a fault of ours.
const ANSWER_MAX: usize = 64 << 20;
/// Bytes of a tag.
const TAG_BYTES: usize = 12;
/// Answers may be kept by the browser, and are asked for again each time.
const CACHE: &str = "private, no-cache";

/// Finishes an answer.
pub(crate) async fn finish(response: Response, method: &Method, blurred: bool, known: Option<HeaderValue>) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let is_json = kind.starts_with("application/json");
    // Events are counts and states; they name nobody.
    if kind.starts_with("text/event-stream") || (!is_json && !blurred) || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, ANSWER_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let bytes = if blurred {
        match blur_bytes(&bytes, is_json, &kind) {
            Ok(blurred) => blurred.into(),
            Err(problem) => return problem.into_response(),
        }
    } else {
        bytes
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    if *method != Method::GET || !is_json {
        return Response::from_parts(parts, Body::from(bytes));
    }
    let tag = tag(&bytes);
    parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(CACHE));
    parts.headers.insert(header::VARY, HeaderValue::from_static("cookie, authorization"));
    let is_known =
        known.as_ref().and_then(|value| value.to_str().ok()).is_some_and(|value| value.split(',').any(|each| each.trim() == tag));
    parts.headers.extend(HeaderValue::from_str(&tag).map(|tag| (header::ETAG, tag)));
    if is_known {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn blur_bytes(bytes: &[u8], is_json: bool, kind: &str) -> Result<Vec<u8>, Problem> {
    if is_json {
        let mut value = serde_json::from_slice(bytes).map_err(|error| Problem::internal(&error))?;
        blur::value(&mut value);
        return serde_json::to_vec(&value).map_err(|error| Problem::internal(&error));
    }
    let is_text = kind.starts_with("text/") || kind.starts_with("image/svg+xml") || kind.starts_with("application/x-ndjson");
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => Ok(blur::text(text).into_bytes()),
        // What cannot be blurred is not shown.
        _ => Err(Problem::forbidden("this cannot be shown without addresses")),
    }
}

/// A tag of the bytes. Strong: the same bytes, the same tag.
fn tag(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let text: String = hash.as_ref().iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: &'static str, body: &'static str) -> Response {
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    }

    async fn told(response: Response) -> (StatusCode, String, Option<HeaderValue>) {
        let (status, tag) = (response.status(), response.headers().get(header::ETAG).cloned());
        let bytes = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, String::from_utf8(bytes.to_vec()).expect("text"), tag)
    }

    #[tokio::test]
    async fn the_same_answer_is_sent_once() {
        let first = told(finish(answer("application/json", "{\"a\":1}"), &Method::GET, false, None).await).await;
        assert_eq!((first.0, first.1.as_str()), (StatusCode::OK, "{\"a\":1}"));
        let tag = first.2.expect("a tag");
        let again = told(finish(answer("application/json", "{\"a\":1}"), &Method::GET, false, Some(tag.clone())).await).await;
        assert_eq!((again.0, again.1.as_str(), again.2), (StatusCode::NOT_MODIFIED, "", Some(tag.clone())));
        let other = told(finish(answer("application/json", "{\"a\":2}"), &Method::GET, false, Some(tag)).await).await;
        assert_eq!(other.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn what_cannot_be_blurred_is_not_shown() {
        let json = told(finish(answer("application/json", "{\"to\":\"joe@example.com\"}"), &Method::GET, true, None).await).await;
        assert_eq!(json.1, "{\"to\":\"***@example.com\"}");
        let text = told(finish(answer("text/csv", "joe@example.com,1"), &Method::GET, true, None).await).await;
        assert_eq!(text.1, "***@example.com,1");
        let picture = told(finish(answer("image/png", "x"), &Method::GET, true, None).await).await;
        assert_eq!(picture.0, StatusCode::FORBIDDEN);
    }
}
