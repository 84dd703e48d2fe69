//! Answers compressed as they are sent, for callers whose Accept-Encoding says gzip or zstd.
//!
//! What is written before a pause leaves before the pause, so that the first rows of a slow query
//! are not held back. Parquet is compressed inside; of a file that can be read in ranges the bytes
//! are those that its length and ETag were told of.

use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_RANGE};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

/// Return the layer that compresses.
///
/// The level is the fastest: on the way to a client time is won by it, or lost by a higher one.
pub fn layer() -> CompressionLayer<impl Predicate> {
    let predicate = DefaultPredicate::new()
        .and(NotForContentType::const_new("application/vnd.apache.parquet"))
        .and(is_not_ranged);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(predicate)
}

/// Let answers go as they are to callers who take no encoding that is spoken here, and would not take
/// that either: the layer would call the whole answer a refusal.
///
/// Reference: RFC 9110, section 12.5.3, which leaves it to the service.
pub async fn take_what_there_is(mut request: Request) -> Request {
    let values = request.headers().get_all(ACCEPT_ENCODING).iter();
    let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let all: Vec<&str> = texts.iter().flat_map(|text| text.split(',')).collect();
    let kept: Vec<&str> = all.iter().copied().filter(|item| !excludes_the_rest(item)).collect();
    if kept.len() < all.len()
        && let Ok(kept) = HeaderValue::try_from(kept.join(","))
    {
        request.headers_mut().insert(ACCEPT_ENCODING, kept);
    }
    request
}

/// Is it `identity;q=0`, or `*;q=0`?
fn excludes_the_rest(item: &str) -> bool {
    let Some((name, weight)) = item.split_once(';') else { return false };
    let name = name.trim();
    let weight = weight.trim().to_ascii_lowercase();
    let weight = weight.strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
    (name == "*" || name.eq_ignore_ascii_case("identity")) && weight == Some(0.0)
}

fn is_not_ranged(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(CONTENT_RANGE) && !headers.contains_key(ACCEPT_RANGES)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::http::HeaderName;
    use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
    use axum::middleware::map_request;
    use axum::routing::get;
    use futures::{StreamExt, stream};
    use rand::{Rng, SeedableRng};
    use tower::ServiceExt;

    use crate::dali::Format;

    /// Noise, which no compression makes shorter.
    fn noise() -> Bytes {
        let mut bytes = vec![0; 50_000];
        rand_chacha::ChaCha8Rng::seed_from_u64(3).fill_bytes(&mut bytes);
        bytes.into()
    }

    /// An answer that pauses for ever after its first rows.
    async fn answer(
        accept: &str,
        headers: [(HeaderName, &'static str); 1],
    ) -> axum::response::Response {
        let paused = || {
            let first = stream::once(std::future::ready(Ok::<_, std::io::Error>(noise())));
            Body::from_stream(first.chain(stream::pending()))
        };
        let app = Router::new().route("/", get(move || async move { (headers, paused()) }));
        let request = Request::get("/").header(ACCEPT_ENCODING, accept).body(Body::empty());
        app.layer(layer())
            .layer(map_request(take_what_there_is))
            .oneshot(request.unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn what_is_written_before_a_pause_is_sent_before_it() {
        for encoding in ["gzip", "zstd"] {
            let answer = answer(encoding, [(CONTENT_TYPE, "text/csv")]).await;
            assert_eq!(answer.headers()[CONTENT_ENCODING], encoding);
            let mut body = answer.into_body().into_data_stream();
            let mut sent = 0;
            while let Ok(Some(part)) =
                tokio::time::timeout(Duration::from_millis(500), body.next()).await
            {
                sent += part.unwrap().len();
            }
            assert!(sent >= noise().len(), "{encoding}: {sent}");
        }
    }

    #[tokio::test]
    async fn who_takes_no_encoding_gets_the_answer_all_the_same() {
        for (accept, encoding) in [
            ("identity;q=0", None),
            ("*;q=0", None),
            ("br, identity; Q=0.0", None),
            ("gzip;q=0, *;q=0", None),
            ("gzip, identity;q=0", Some("gzip")),
            ("zstd;q=0.5, *;q=0", Some("zstd")),
            ("gzip;q=0.2, identity", None),
        ] {
            let answer = answer(accept, [(CONTENT_TYPE, "text/csv")]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{accept}");
            let found = answer.headers().get(CONTENT_ENCODING).map(|it| it.to_str().unwrap());
            assert_eq!(found, encoding, "{accept}");
        }
    }

    #[tokio::test]
    async fn what_is_compressed_or_read_in_ranges_is_sent_as_it_is() {
        for header in [
            (CONTENT_TYPE, Format::Parquet.media_type()),
            (CONTENT_RANGE, "bytes 0-1/2"),
            (ACCEPT_RANGES, "bytes"),
        ] {
            let answer = answer("gzip, zstd", [header.clone()]).await;
            assert!(!answer.headers().contains_key(CONTENT_ENCODING), "{header:?}");
        }
    }
}
