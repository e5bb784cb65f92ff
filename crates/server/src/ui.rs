//! The page, built into the binary from `ui/dist`.
//!
//! Files with hashed names are cached for ever, `index.html` never. Every other path under `/ui/` is a view of the page and
//! gets `index.html`. Without a build there is a page that says how to make one, so `cargo build` alone always works.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
/// Vite puts what has a hash in its name here.
const HASHED: &str = "assets/";

const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>auditng: no page in this build</title>
<h1>This binary was built without its page</h1>
<p>The server works: events are received, and the interface under <code>/api/</code> answers. To build the page:
<pre>cd ui && npm ci && npm run build
cargo build --release</pre>
<p><code>make run</code> does both. The command line (<code>auditng search</code>) needs no page.
";

/// Whether the binary has a page.
pub(crate) fn is_built() -> bool {
    Dist::get(INDEX).is_some()
}

/// `/ui/`
pub(crate) async fn index(headers: HeaderMap) -> Response {
    serve("", &headers)
}

/// `/ui/...`
pub(crate) async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    serve(&path, &headers)
}

fn serve(path: &str, headers: &HeaderMap) -> Response {
    if let Some(response) = embedded(path, headers) {
        return response;
    }
    // A file that is gone must not look like a page.
    if path.starts_with(HASHED) {
        return StatusCode::NOT_FOUND.into_response();
    }
    embedded(INDEX, headers).unwrap_or_else(|| {
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
        (headers, NOT_BUILT).into_response()
    })
}

/// A file, in the smallest form that the build made and the browser takes.
fn embedded(path: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = Dist::get(path)?;
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let packed = [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(name, ending)| {
        let offered = accepted.split(',').any(|coding| coding.split(';').next().unwrap_or("").trim() == name);
        offered.then(|| Dist::get(&format!("{path}.{ending}"))).flatten().map(|file| (name, file))
    });
    let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let typed = [(header::CONTENT_TYPE, content_type(path)), (header::CACHE_CONTROL, caching)];
    let vary = [(header::VARY, "Accept-Encoding")];
    Some(match packed {
        Some((name, file)) => (typed, vary, [(header::CONTENT_ENCODING, name)], file.data).into_response(),
        None => (typed, vary, plain.data).into_response(),
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" | "webmanifest" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
