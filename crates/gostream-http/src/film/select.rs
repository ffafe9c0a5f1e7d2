//! Which bytes of a file a request asks for: preconditions (RFC 9110 §13.2.2), then ranges (§14).
//!
//! Pure: headers and what is known of the file in, a decision out. A `Range` that cannot be parsed is ignored,
//! as §14.2 has it. Ranges that overlap or touch are joined, so that no byte is sent twice.

use std::{ops::Range, time::SystemTime};

use axum::http::HeaderMap;
use headers::{
    ETag, HeaderMapExt as _, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince,
    LastModified,
};
use http_range_header::parse_range_header;

/// Parts of one answer; a request for more is refused (§14.2 allows it). Players ask for one or two.
const PARTS_MAX: usize = 16;

/// What is known of a file before it is opened.
#[derive(Debug, Clone)]
pub(crate) struct Representation {
    /// Length in bytes.
    pub(crate) len: u64,
    /// Strong validator.
    pub(crate) etag: ETag,
    /// When it last changed.
    pub(crate) modified: SystemTime,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// 200: all of it.
    Whole,
    /// 206: these ranges, each with at least one byte, in the order asked for.
    Parts(Vec<Range<u64>>),
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client thinks.
    PreconditionFailed,
    /// 416: no range has a byte in the file, or there are too many.
    Unsatisfiable,
}

/// Decides for a GET or HEAD with these headers.
pub(crate) fn select(headers: &HeaderMap, file: &Representation) -> Selection {
    if let Some(refused) = precondition(headers, file) {
        return refused;
    }
    let Some(text) = headers.get(axum::http::header::RANGE) else {
        return Selection::Whole;
    };
    if let Ok(Some(known)) = headers.typed_try_get::<IfRange>()
        && known.is_modified(Some(&file.etag), Some(&LastModified::from(file.modified)))
    {
        return Selection::Whole;
    }
    let Ok(Ok(parsed)) = text.to_str().map(parse_range_header) else {
        return Selection::Whole;
    };
    // Those without a byte in the file are left out; none left is an error, and so is a tangle of overlaps.
    let Ok(valid) = parsed.validate(file.len) else {
        return Selection::Unsatisfiable;
    };
    let mut parts = Vec::new();
    for range in valid {
        join(&mut parts, *range.start()..range.end() + 1);
    }
    if parts.len() > PARTS_MAX {
        return Selection::Unsatisfiable;
    }
    Selection::Parts(parts)
}

fn precondition(headers: &HeaderMap, file: &Representation) -> Option<Selection> {
    if let Some(wanted) = headers.typed_get::<IfMatch>() {
        if !wanted.precondition_passes(&file.etag) {
            return Some(Selection::PreconditionFailed);
        }
    } else if let Some(since) = headers.typed_get::<IfUnmodifiedSince>()
        && !since.precondition_passes(file.modified)
    {
        return Some(Selection::PreconditionFailed);
    }
    if let Some(known) = headers.typed_get::<IfNoneMatch>() {
        if !known.precondition_passes(&file.etag) {
            return Some(Selection::NotModified);
        }
    } else if let Some(since) = headers.typed_get::<IfModifiedSince>()
        && !since.is_modified(file.modified)
    {
        return Some(Selection::NotModified);
    }
    None
}

/// Adds a range; those that it overlaps or touches become one with it.
fn join(parts: &mut Vec<Range<u64>>, mut new: Range<u64>) {
    parts.retain(|part| {
        let apart = part.start > new.end || new.start > part.end;
        if !apart {
            new = part.start.min(new.start)..part.end.max(new.end);
        }
        apart
    });
    parts.push(new);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use axum::http::{HeaderName, HeaderValue, header};

    use super::*;

    fn film() -> Representation {
        Representation {
            len: 1000,
            etag: "\"abc\"".parse().unwrap(),
            modified: UNIX_EPOCH + Duration::from_secs(1_900_000_000),
        }
    }

    fn selected(pairs: &[(HeaderName, &str)]) -> Selection {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        select(&headers, &film())
    }

    fn range(text: &str) -> Selection {
        selected(&[(header::RANGE, text)])
    }

    fn part(range: Range<u64>) -> Selection {
        Selection::Parts(vec![range])
    }

    #[test]
    fn without_a_range_it_is_the_whole_file() {
        assert_eq!(selected(&[]), Selection::Whole);
    }

    #[test]
    fn ranges_are_cut_at_the_end_of_the_file() {
        assert_eq!(range("bytes=0-0"), part(0..1));
        assert_eq!(range("bytes=990-"), part(990..1000));
        assert_eq!(range("bytes=990-2000"), part(990..1000));
        assert_eq!(range("bytes=-10"), part(990..1000));
        // A suffix longer than the file is the whole of it (RFC 9110 §14.1.2).
        assert_eq!(range("bytes=-5000"), part(0..1000));
    }

    #[test]
    fn a_range_without_a_byte_in_the_file_is_refused() {
        assert_eq!(range("bytes=1000-"), Selection::Unsatisfiable);
        assert_eq!(range("bytes=-0"), Selection::Unsatisfiable);
        assert_eq!(range("bytes=1000-1001,2000-"), Selection::Unsatisfiable);
    }

    #[test]
    fn of_several_ranges_those_that_have_bytes_are_sent_joined_where_they_touch() {
        assert_eq!(
            range("bytes=0-9,20-29,5000-"),
            Selection::Parts(vec![0..10, 20..30])
        );
        assert_eq!(range("bytes=0-9,5-19,20-29"), part(0..30));
        assert_eq!(range("bytes=-10,150-"), part(150..1000));
    }

    #[test]
    fn many_scattered_ranges_are_refused() {
        let many: Vec<String> = (0..17).map(|i| format!("{}-{}", i * 10, i * 10)).collect();
        assert_eq!(
            range(&format!("bytes={}", many.join(","))),
            Selection::Unsatisfiable
        );
    }

    #[test]
    fn a_range_that_cannot_be_read_is_ignored() {
        for text in [
            "bytes",
            "bytes=",
            "bytes=a-b",
            "bytes=9-5-1",
            "seconds=1-2",
            "bytes=--",
        ] {
            assert_eq!(range(text), Selection::Whole, "{text}");
        }
    }

    #[test]
    fn a_known_validator_answers_not_modified() {
        let same = (header::IF_NONE_MATCH, "\"x\", \"abc\"");
        assert_eq!(selected(&[same]), Selection::NotModified);
        let other = (header::IF_NONE_MATCH, "\"x\"");
        assert_eq!(selected(&[other]), Selection::Whole);
        let since = (header::IF_MODIFIED_SINCE, "Sun, 17 Mar 2030 17:46:40 GMT");
        assert_eq!(
            selected(std::slice::from_ref(&since)),
            Selection::NotModified
        );
        // The entity tag says more than a date (RFC 9110 §13.2.2).
        assert_eq!(
            selected(&[(header::IF_NONE_MATCH, "\"x\""), since]),
            Selection::Whole
        );
    }

    #[test]
    fn a_range_of_another_version_becomes_the_whole_file() {
        let asked = (header::RANGE, "bytes=0-9");
        let same = (header::IF_RANGE, "\"abc\"");
        let other = (header::IF_RANGE, "\"old\"");
        assert_eq!(selected(&[asked.clone(), same]), part(0..10));
        assert_eq!(selected(&[asked, other]), Selection::Whole);
    }

    #[test]
    fn a_failed_precondition_is_told() {
        assert_eq!(
            selected(&[(header::IF_MATCH, "\"old\"")]),
            Selection::PreconditionFailed
        );
        let past = (header::IF_UNMODIFIED_SINCE, "Sat, 01 Jan 2000 00:00:00 GMT");
        assert_eq!(selected(&[past]), Selection::PreconditionFailed);
    }
}
