//! The answer to a GET or HEAD of one file.
//!
//! The first bytes are waited for before the status is sent, so that a film that cannot be had is an error and
//! not a broken 200. After that a failure breaks the connection: the client sees that bytes are missing.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::{StreamExt as _, stream};
use headers::{AcceptRanges, ContentLength, ContentRange, HeaderMapExt as _, LastModified};

use super::{
    body::{self, Segment},
    select::{Representation, Selection, select},
};
use crate::error::Outcome;
use crate::films::{FilmError, FilmLibrary, Item, ItemKind, OpenFilm};

/// Answers for the file at `path`. A HEAD opens nothing.
pub(crate) async fn answer(
    library: &dyn FilmLibrary,
    path: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, FilmError> {
    if *method == Method::HEAD {
        let item = library.find(path).ok_or(FilmError::NotFound)?;
        return Ok(plan(&item, headers)?.head);
    }
    let (item, film) = library.open(path)?;
    answer_item(&item, method, headers, async { Ok(film) }).await
}

/// Answers for a file. It is opened when bytes of it are sent: not for a HEAD, and not where the client has it.
pub(crate) async fn answer_item(
    item: &Item,
    method: &Method,
    headers: &HeaderMap,
    open: impl Future<Output = Result<Arc<dyn OpenFilm>, FilmError>>,
) -> Result<Response, FilmError> {
    let Plan { mut head, segments } = plan(item, headers)?;
    if *method != Method::HEAD && !segments.is_empty() {
        *head.body_mut() = first_bytes_then_rest(open.await?, segments).await?;
    }
    Ok(head)
}

/// Status and headers, and the bytes that follow them.
struct Plan {
    head: Response,
    segments: Vec<Segment>,
}

impl Plan {
    fn new(outcome: Outcome, segments: Vec<Segment>) -> Self {
        let mut head = StatusCode::from(outcome).into_response();
        head.headers_mut()
            .typed_insert(ContentLength(segments.iter().map(Segment::len).sum()));
        Self { head, segments }
    }

    /// No body; 304 says no length either, since that would be the length of what is not sent.
    fn bare(outcome: Outcome) -> Self {
        Self {
            head: StatusCode::from(outcome).into_response(),
            segments: Vec::new(),
        }
    }
}

fn plan(item: &Item, headers: &HeaderMap) -> Result<Plan, FilmError> {
    let ItemKind::File { len, tag } = &item.kind else {
        return Err(FilmError::IsFolder);
    };
    let file = Representation {
        len: *len,
        // The tag is made of letters, digits and '-', so it fits between quotes.
        etag: format!("\"{tag}\"").parse().map_err(|_| FilmError::Io)?,
        modified: whole_seconds(item.modified),
    };
    let mut plan = match select(headers, &file) {
        Selection::Whole => Plan::new(Outcome::Whole, vec![Segment::Film(0..*len)]),
        Selection::Parts(parts) => partial(&parts, *len, content_type(&item.name)),
        Selection::NotModified => Plan::bare(Outcome::NotModified),
        Selection::PreconditionFailed => Plan::bare(Outcome::PreconditionFailed),
        Selection::Unsatisfiable => {
            let mut plan = Plan::bare(Outcome::Unsatisfiable);
            plan.head
                .headers_mut()
                .typed_insert(ContentRange::unsatisfied_bytes(*len));
            plan
        }
    };
    let shown = plan.head.headers_mut();
    shown.typed_insert(AcceptRanges::bytes());
    shown.typed_insert(LastModified::from(file.modified));
    shown.typed_insert(file.etag);
    if !plan.segments.is_empty() {
        let kind = HeaderValue::from_static(content_type(&item.name));
        shown.entry(header::CONTENT_TYPE).or_insert(kind);
    }
    Ok(plan)
}

/// 206 (RFC 9110 §15.3.7): one range as it is, several as the parts of a multipart body (§14.6).
fn partial(parts: &[Range<u64>], len: u64, content_type: &str) -> Plan {
    let shown = |range: &Range<u64>| format!("bytes {}-{}/{len}", range.start, range.end - 1);
    if let [range] = parts {
        let mut plan = Plan::new(Outcome::Part, vec![Segment::Film(range.clone())]);
        set(&mut plan.head, header::CONTENT_RANGE, &shown(range));
        return plan;
    }
    // Long and new each time: it is not in the film.
    let boundary = format!("{:032x}", rand::random::<u128>());
    let mut segments = Vec::with_capacity(2 * parts.len() + 1);
    for range in parts {
        let opening = format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {}\r\n\r\n",
            shown(range)
        );
        segments.push(Segment::Text(opening.into()));
        segments.push(Segment::Film(range.clone()));
    }
    segments.push(Segment::Text(format!("\r\n--{boundary}--\r\n").into()));
    let mut plan = Plan::new(Outcome::Part, segments);
    let kind = format!("multipart/byteranges; boundary={boundary}");
    set(&mut plan.head, header::CONTENT_TYPE, &kind);
    plan
}

/// Sets a header whose value is plain text of ours.
fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The media type that a name's ending stands for.
fn content_type(name: &str) -> &'static str {
    // Players of TorrServer know these two by other names than the registry.
    match name.rsplit('.').next() {
        Some("ts") => return "video/mpeg",
        Some("avi") => return "video/avi",
        Some(_) | None => {}
    }
    mime_guess::from_path(name)
        .first_raw()
        .unwrap_or("application/octet-stream")
}

/// HTTP dates have no fractions, and comparing with one must not find it older.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

async fn first_bytes_then_rest(
    film: Arc<dyn OpenFilm>,
    segments: Vec<Segment>,
) -> Result<Body, FilmError> {
    let mut rest = Box::pin(body::bytes(film, segments));
    let mut first = Vec::new();
    // Before the first bytes of the film there may be the text that opens their part.
    while let Some(bytes) = rest.next().await {
        first.push(bytes?);
        if first.len() == 2 {
            break;
        }
    }
    Ok(Body::from_stream(
        stream::iter(first.into_iter().map(Ok)).chain(rest),
    ))
}
