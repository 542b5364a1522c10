//! The built dashboard (`web/dist`), embedded in the binary, and nothing else.
//!
//! Without `web/dist` this crate still builds: [`index`] is then a page that says how to build the dashboard, so that Rust work never needs Node.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The page in place of a dashboard that was not built.
const STUB: &str = include_str!("stub.html");

/// The page of the dashboard.
const INDEX: &str = "index.html";

/// Vite puts files whose names carry a hash of their content here.
const HASHED: &str = "assets/";

/// One file of the dashboard.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The content.
    pub bytes: Cow<'static, [u8]>,
    /// The content compressed with gzip, where the build made it.
    pub gzip: Option<Cow<'static, [u8]>>,
    /// The media type, with its charset for text.
    pub content_type: &'static str,
    /// A strong entity tag (RFC 9110 section 8.8.3) of `bytes`, with its quotes.
    pub etag: String,
    /// Whether the name changes with the content, so that it may be kept for ever. Others must be asked for again (`no-cache`).
    pub immutable: bool,
}

/// The file at `path` (`assets/index-1a2b.js`, with or without a leading slash); `None` when there is none.
pub fn get(path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { INDEX } else { path };
    // The compressed forms are served by way of their files only.
    if extension(path) == "gz" {
        return None;
    }
    match Dist::get(path) {
        Some(file) => Some(asset(path, file, Dist::get(&format!("{path}.gz")))),
        None if path == INDEX => Some(stub()),
        None => None,
    }
}

/// The page itself: the answer for every path that is a page of the dashboard (its router reads the address).
pub fn index() -> Asset {
    get(INDEX).unwrap_or_else(stub)
}

/// Whether the dashboard was built into this binary.
pub fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

/// The names of all files, without the compressed forms.
pub fn names() -> impl Iterator<Item = Cow<'static, str>> {
    Dist::iter().filter(|name| extension(name) != "gz")
}

fn asset(path: &str, file: EmbeddedFile, compressed: Option<EmbeddedFile>) -> Asset {
    Asset {
        etag: etag(&file.metadata.sha256_hash()),
        bytes: file.data,
        gzip: compressed.map(|file| file.data),
        content_type: content_type(path),
        immutable: path.starts_with(HASHED),
    }
}

fn stub() -> Asset {
    Asset {
        bytes: Cow::Borrowed(STUB.as_bytes()),
        gzip: None,
        content_type: content_type(INDEX),
        etag: "\"not-built\"".to_owned(),
        immutable: false,
    }
}

/// Half of the hash is enough to tell versions of one file apart.
fn etag(hash: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in &hash[..16] {
        // Writing to a string cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn extension(path: &str) -> &str {
    path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension)
}

fn content_type(path: &str) -> &'static str {
    match extension(path) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_page() {
        let page = index();
        assert!(page.bytes.starts_with(b"<!doctype html>"));
        assert_eq!(page.content_type, "text/html; charset=utf-8");
        assert!(!page.immutable);
        assert_eq!(get("/").map(|asset| asset.etag), Some(page.etag));
    }

    #[test]
    fn paths_that_leave_the_folder_find_nothing() {
        for path in ["../../Cargo.toml", "/../../Cargo.toml", "assets/../../package.json", "nothing.js", "index.html.gz"] {
            assert!(get(path).is_none(), "{path}");
        }
    }

    #[test]
    fn every_file_has_a_type_and_hashed_names_are_immutable() {
        for name in names() {
            let asset = get(&name).map(|asset| (asset.content_type, asset.immutable));
            assert!(
                matches!(asset, Some((content_type, immutable)) if content_type != "application/octet-stream" && immutable == name.starts_with("assets/")),
                "{name}"
            );
        }
    }

    #[test]
    fn types_follow_the_extension() {
        assert_eq!(content_type("assets/a.b.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("a.js/readme"), "application/octet-stream");
    }
}
