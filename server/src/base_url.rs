//! The address under which the caller reached the service, for the URLs inside documents.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::state::AppState;

/// Scheme, host and path prefix, without a slash at the end: `http://localhost:8080`.
///
/// The operator's `public_url` where there is one: then nothing that a caller sends can change the
/// addresses that others are told. Otherwise taken from the Host header; a proxy in front may say
/// otherwise with X-Forwarded-Proto, -Host and -Prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    fn of(headers: &HeaderMap, own_scheme: &str) -> Self {
        // Each proxy on the way appends to the list; the first entry is what the caller used.
        let first = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
        };
        // Who sends what is none of these speaks of itself only.
        let is_scheme = |scheme: &&str| matches!(*scheme, "http" | "https");
        let scheme = first("x-forwarded-proto").filter(is_scheme).unwrap_or(own_scheme);
        let is_host = |host: &&str| host.parse::<Authority>().is_ok() && !host.contains('@');
        let host = first("x-forwarded-host").filter(is_host);
        let host = host.or_else(|| first(HOST.as_str()).filter(is_host));
        let is_path = |path: &&str| {
            path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~%".contains(&b))
                && !path.trim_matches('/').split('/').any(|part| matches!(part, "" | "." | ".."))
        };
        let prefix = first("x-forwarded-prefix").filter(is_path).unwrap_or("").trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        Self(format!("{scheme}://{}{slash}{prefix}", host.unwrap_or("localhost")))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromRequestParts<AppState> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        if let Some(url) = &state.config.public_url {
            return Ok(Self(url.trim_end_matches('/').to_owned()));
        }
        let scheme = if state.config.tls.is_some() { "https" } else { "http" };
        // A request in absolute form has no need of a Host header.
        if let (None, Some(authority)) = (parts.headers.get(HOST), parts.uri.authority()) {
            return Ok(Self(format!("{scheme}://{authority}")));
        }
        Ok(Self::of(&parts.headers, scheme))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: &str) {
        let headers =
            headers.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        assert_eq!(BaseUrl::of(&headers.collect(), "http").to_string(), expected);
    }

    #[test]
    fn the_host_header_decides_unless_a_proxy_says_otherwise() {
        check(&[("host", "localhost:8080")], "http://localhost:8080");
        check(
            &[
                ("host", "10.0.0.7:8080"),
                ("x-forwarded-host", "data.example.org, 10.0.0.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-prefix", "/almagest/"),
            ],
            "https://data.example.org/almagest",
        );
    }

    #[test]
    fn what_is_no_address_is_not_passed_on() {
        let own = "http://localhost:8080";
        check(&[("host", "localhost:8080"), ("x-forwarded-proto", "javascript")], own);
        check(&[("host", "localhost:8080"), ("x-forwarded-host", "evil\"><script>")], own);
        check(&[("host", "localhost:8080"), ("x-forwarded-host", "me:secret@evil.example")], own);
        check(&[("host", "localhost:8080"), ("x-forwarded-prefix", "/a b<")], own);
        check(&[("host", "localhost:8080"), ("x-forwarded-prefix", "/../x")], own);
        check(&[("host", "localhost:8080"), ("x-forwarded-prefix", "/")], own);
        check(&[("host", "[::1]:8080")], "http://[::1]:8080");
    }
}
