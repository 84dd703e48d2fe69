//! Bodies of requests that must keep coming.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures::{StreamExt, stream};
use tokio::time::timeout;

/// Let the body of a request break off where it pauses for longer than `pause`.
pub fn bounded(request: Request, pause: Duration) -> Request {
    request.map(|body| {
        let parts = stream::unfold(Some(body.into_data_stream()), move |body| async move {
            let mut body = body?;
            match timeout(pause, body.next()).await {
                Ok(part) => Some((part?.map_err(std::io::Error::other), Some(body))),
                Err(_) => {
                    let reason = format!("nothing came for {} s", pause.as_secs());
                    Some((Err(std::io::Error::new(std::io::ErrorKind::TimedOut, reason)), None))
                }
            }
        });
        // Decompression asks once more after the end.
        Body::from_stream(parts.fuse())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::{Bytes, to_bytes};

    #[tokio::test]
    async fn a_body_that_stops_coming_breaks_off() {
        let part =
            |text: &'static str| Ok::<_, std::io::Error>(Bytes::from_static(text.as_bytes()));
        let parts = || stream::iter([part("a"), part("b")]);
        let whole = Request::new(Body::from_stream(parts()));
        let read = |request: Request| to_bytes(request.into_body(), usize::MAX);
        let limit = Duration::from_millis(20);
        assert_eq!(read(bounded(whole, limit)).await.unwrap(), "ab");
        let stuck = Request::new(Body::from_stream(parts().chain(stream::pending())));
        assert!(read(bounded(stuck, limit)).await.is_err());
    }
}
