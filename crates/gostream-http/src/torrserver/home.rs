//! `GET /`: a page for whoever opens the port in a browser.
//!
//! Some clients ask for it too, and read there which version of TorrServer they speak to.

use axum::response::Html;

const PAGE: &str = concat!(
    r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>GoStream</title></head><body>
<h1>GoStream "#,
    env!("CARGO_PKG_VERSION"),
    r#"</h1>
<p>This port is for programs. It speaks the API of TorrServer MatriX.137 and <a href="/api/v1/docs/">its own</a>.</p>
<ul>
<li><a href="/playlistall/all.m3u">All torrents as a playlist</a></li>
<li><a href="/stat">What they do</a></li>
<li><a href="/magnets">Their magnets</a></li>
</ul>
</body></html>
"#
);

pub(super) async fn page() -> Html<&'static str> {
    Html(PAGE)
}
