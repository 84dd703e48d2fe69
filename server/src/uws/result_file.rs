//! A result file over HTTP: whole, in part, or not at all where the caller has it already.
//!
//! A result never changes, so that its job's name is its entity tag.
//!
//! Reference: RFC 9110, sections 13 (conditional requests) and 14 (ranges).

use std::io::SeekFrom;
use std::ops::RangeInclusive;
use std::path::Path;

use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::{Error, Result};

/// Bytes that are read at a time.
const PART_BYTES: usize = 64 << 10;

/// A file to be sent.
#[derive(Debug, Clone, Copy)]
pub struct SentFile<'a> {
    /// What tells it from all others, such as the job whose result it is.
    pub id: &'a str,
    /// Media type, as Content-Type has it.
    pub content_type: &'a str,
    /// Name under which a browser saves it.
    pub file_name: &'a str,
    /// Length, bytes.
    pub n_bytes: u64,
}

/// Answer a request with a file that never changes, or the part of it that the request wants.
///
/// # Errors
/// The file cannot be read.
pub async fn respond(path: &Path, sent: SentFile<'_>, request: &HeaderMap) -> Result<Response> {
    let tag = format!("\"{}\"", sent.id);
    if request.contains_key(header::IF_MATCH) && !is_wanted(request, &tag) {
        let words = "the file is not the one that If-Match names\n";
        return Ok((StatusCode::PRECONDITION_FAILED, [(header::ETAG, tag)], words).into_response());
    }
    if lists_tag(request, header::IF_NONE_MATCH, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let common = [
        (header::ETAG, tag.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CONTENT_TYPE, sent.content_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{}\"", sent.file_name)),
    ];
    let length = sent.n_bytes;
    let wanted = match wanted(request, &tag, length) {
        Wanted::Whole => None,
        Wanted::Part(range) => Some(range),
        Wanted::Nothing => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            let words = format!("the range lies outside the {length} bytes of the file\n");
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, range, words).into_response());
        }
    };
    let unreadable = |source| Error::StateFolder { path: path.to_owned(), source };
    let mut file = File::open(path).await.map_err(unreadable)?;
    let Some(range) = wanted else {
        let body = Body::from_stream(ReaderStream::with_capacity(file, PART_BYTES));
        return Ok((common, [(header::CONTENT_LENGTH, length.to_string())], body).into_response());
    };
    file.seek(SeekFrom::Start(*range.start())).await.map_err(unreadable)?;
    let n_bytes = range.end() - range.start() + 1;
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(n_bytes), PART_BYTES));
    let part = [
        (header::CONTENT_LENGTH, n_bytes.to_string()),
        (header::CONTENT_RANGE, format!("bytes {}-{}/{length}", range.start(), range.end())),
    ];
    Ok((StatusCode::PARTIAL_CONTENT, common, part, body).into_response())
}

/// Does If-Match list `tag`, or `*`? A weak tag is none of a file.
fn is_wanted(request: &HeaderMap, tag: &str) -> bool {
    let values = request.get_all(header::IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|it| it == "*" || it == tag)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(RangeInclusive<u64>),
    Nothing,
}

/// Read Range and If-Range. Several ranges, other units and what cannot be read are the whole file:
/// a server may ignore the header.
fn wanted(request: &HeaderMap, tag: &str, length: u64) -> Wanted {
    let text = |name: HeaderName| request.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    if text(header::IF_RANGE).is_some_and(|known| known.trim() != tag) {
        return Wanted::Whole;
    }
    let Some((first, last)) = range.trim().split_once('-').filter(|_| !range.contains(',')) else {
        return Wanted::Whole;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..=last.min(length.saturating_sub(1)),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..=length.saturating_sub(1),
        // The last so many bytes.
        (Err(_), Ok(0)) if first.trim().is_empty() => return Wanted::Nothing,
        (Err(_), Ok(count)) if first.trim().is_empty() => {
            length.saturating_sub(count)..=length.saturating_sub(1)
        }
        _ => return Wanted::Whole,
    };
    match *range.start() < length {
        true => Wanted::Part(range),
        false => Wanted::Nothing,
    }
}

/// Does a header list `tag`, or `*`? Weak tags are taken for the strong one, as RFC 9110 has it for
/// If-None-Match.
fn lists_tag(request: &HeaderMap, name: HeaderName, tag: &str) -> bool {
    request.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(range: &str, expected: Wanted) {
        let headers = [(header::RANGE, range.parse().unwrap())].into_iter().collect();
        assert_eq!(wanted(&headers, "\"t\"", 100), expected, "{range}");
    }

    #[test]
    fn single_ranges_are_read() {
        check("bytes=0-9", Wanted::Part(0..=9));
        check("bytes=90-", Wanted::Part(90..=99));
        check("bytes=-10", Wanted::Part(90..=99));
        check("bytes=-1000", Wanted::Part(0..=99));
        check("bytes=50-1000", Wanted::Part(50..=99));
        check("bytes=100-", Wanted::Nothing);
        check("bytes=-0", Wanted::Nothing);
        for ignored in ["bytes=9-0", "bytes=0-1,5-6", "rows=0-9", "bytes=a-b", "bytes="] {
            check(ignored, Wanted::Whole);
        }
    }

    #[test]
    fn a_part_of_something_else_is_not_given() {
        let headers = |tag: &str| {
            let pairs = [(header::RANGE, "bytes=0-9"), (header::IF_RANGE, tag)];
            pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
        };
        assert_eq!(wanted(&headers("\"t\""), "\"t\"", 100), Wanted::Part(0..=9));
        assert_eq!(wanted(&headers("\"u\""), "\"t\"", 100), Wanted::Whole);
    }

    #[test]
    fn tags_are_found_in_lists() {
        let lists = |value: &str| {
            let headers = [(header::IF_NONE_MATCH, value.parse().unwrap())].into_iter().collect();
            lists_tag(&headers, header::IF_NONE_MATCH, "\"t\"")
        };
        assert!(lists("\"t\"") && lists("\"s\", W/\"t\"") && lists("*"));
        assert!(!lists("\"s\"") && !lists("t"));
    }
}
