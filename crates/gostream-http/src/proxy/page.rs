//! The page that lists a folder. Plain HTML with relative links, which rclone and players read as well.

use std::fmt::Write as _;

use axum::response::Html;
use headers::HeaderMapExt as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::films::{FilmLibrary, Item};

/// All but what RFC 3986 §2.3 calls unreserved, and the slash between names.
const IN_LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A path as a relative link.
pub(super) fn link(path: &str) -> String {
    utf8_percent_encode(path, IN_LINK).to_string()
}

pub(super) fn of_folder(library: &dyn FilmLibrary, path: &str) -> Html<String> {
    let title = escape(&format!("/{path}"));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <style>body{{font-family:sans-serif;margin:2em}}td{{padding:.1em 1.5em .1em 0}}\
         td+td{{text-align:right;color:#555}}</style></head>\n\
         <body><h1>{title}</h1>\n<p><a href=\"./?m3u\">Playlist</a></p>\n<table>\n"
    );
    if !path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">..</a></td></tr>\n");
    }
    for item in library.children(path).unwrap_or_default() {
        row(&mut page, &item);
    }
    page.push_str("</table></body></html>\n");
    Html(page)
}

fn row(page: &mut String, item: &Item) {
    let slash = if item.is_folder() { "/" } else { "" };
    let size = if item.is_folder() {
        String::new()
    } else {
        item.len().to_string()
    };
    let mut dates = axum::http::HeaderMap::new();
    dates.typed_insert(headers::LastModified::from(item.modified));
    let date = dates
        .get(axum::http::header::LAST_MODIFIED)
        .and_then(|date| date.to_str().ok())
        .unwrap_or_default();
    // "./" keeps a name with a colon from being read as a scheme. Writing into a string cannot fail.
    let _ = writeln!(
        page,
        "<tr><td><a href=\"./{target}{slash}\">{name}{slash}</a></td><td>{size}</td><td>{date}</td></tr>",
        target = link(&item.name),
        name = escape(&item.name),
    );
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
