//! The dashboard's files.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

/// Pages whose last part is a name of the operator's.
const NAMED_PAGES: [&str; 2] = ["domains/", "probes/"];

/// Serves a file of the dashboard; every path that is not a file and not the API is a page of the single-page application.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if path.starts_with("api/") {
        return Problem::not_found("no such route").hint("/api/v1/openapi.json lists them").into_response();
    }
    // Names of domains and probes have dots, and are pages all the same.
    let is_page = !path.contains('.') || NAMED_PAGES.iter().any(|start| path.starts_with(start));
    let asset = mailvane_web_assets::get(path).or_else(|| is_page.then(|| mailvane_web_assets::get("index.html")).flatten());
    let Some(asset) = asset else {
        return Problem::not_found("no such file").into_response();
    };
    let tag = asset.etag.clone();
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()) == Some(tag.as_str());
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, asset.content_type.to_string()), (header::ETAG, tag), (header::CACHE_CONTROL, cache.to_owned())];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let squeezed =
        request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("gzip"));
    match asset.gzip {
        Some(gzip) if squeezed => (headers, [(header::CONTENT_ENCODING, "gzip"), (header::VARY, "accept-encoding")], gzip).into_response(),
        _ => (headers, asset.bytes).into_response(),
    }
}
