//! What an answer left unread of its request.
//!
//! Who is refused while still sending must come to read why, and its next request, on the same
//! connection, must not meet a closed door.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use hyper::body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// So much is read and thrown away for the sake of a connection, in bytes.
const MOST: usize = 1 << 26;
/// And so long is waited for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Read what the answer left of the request where that is little; where it is much, the answer says
/// that the connection closes.
pub async fn read(request: Request, next: Next) -> Response {
    // Who waits for leave to send has sent nothing.
    let is_waiting = request.headers().contains_key(EXPECT);
    let (owner, mut returned) = oneshot::channel();
    let mut response =
        next.run(request.map(|body| Body::new(Lent { body, owner: Some(owner) }))).await;
    if let Ok(rest) = returned.try_recv()
        && (is_waiting || !timeout(PATIENCE, is_short(rest)).await.unwrap_or(false))
    {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn is_short(rest: Body) -> bool {
    let mut parts = rest.into_data_stream();
    let mut length = 0;
    while let Some(part) = parts.next().await {
        length += part.map_or(MOST, |part| part.len());
        if length >= MOST {
            return false;
        }
    }
    true
}

/// A body that goes back to its owner where it is dropped before its end.
struct Lent {
    body: Body,
    owner: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.owner = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if !self.body.is_end_stream()
            && let Some(owner) = self.owner.take()
        {
            // Who does not wait for it has no need of it.
            let _ = owner.send(std::mem::take(&mut self.body));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::middleware::from_fn;
    use axum::routing::put;
    use futures::stream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tower::ServiceExt;

    /// Send `n_parts` of 4 MiB to who refuses them; return how many were asked for, and whether the
    /// connection closes.
    async fn refused(n_parts: usize, headers: HeaderMap) -> (usize, bool) {
        let app =
            Router::new().route("/", put(async || StatusCode::FORBIDDEN)).layer(from_fn(read));
        let n_read = Arc::new(AtomicUsize::new(0));
        let counter = n_read.clone();
        let parts = stream::iter(0..n_parts).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[0; 1 << 22]))
        });
        let mut request = Request::put("/").body(Body::from_stream(parts)).unwrap();
        *request.headers_mut() = headers;
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        (n_read.load(Ordering::Relaxed), response.headers().contains_key(CONNECTION))
    }

    #[tokio::test]
    async fn a_refused_body_is_read_where_it_is_small() {
        assert_eq!(refused(3, HeaderMap::new()).await, (3, false));
        assert_eq!(refused(100, HeaderMap::new()).await, (16, true));
        let waiting = HeaderMap::from_iter([(EXPECT, HeaderValue::from_static("100-continue"))]);
        assert_eq!(refused(3, waiting).await, (0, true));
    }
}
