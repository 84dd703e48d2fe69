//! Who calls, by what the request shows.
//!
//! | shown | by |
//! |---|---|
//! | `Authorization: Bearer TOKEN` | notebooks, scripts |
//! | `Authorization: Basic base64(NAME:TOKEN)` | pyvo, TOPCAT, browsers; the name is the user's or `x-oauth-basic` |
//! | `X-VO-Bearer: TOKEN` | IVOA clients |
//!
//! Who shows nothing is anonymous. Who shows what is wrong is refused, rather than answered as less
//! than they think they are.

use almagest_engine::Database;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::store::PeopleStore;
use super::token::{Token, TokenHash};
use crate::state::AppState;
use crate::uws::Owner;
use crate::{Error, Result};

/// The name that stands for any user in Basic authentication.
const ANY_USER: &str = "x-oauth-basic";
const X_VO_BEARER: HeaderName = HeaderName::from_static("x-vo-bearer");
const X_VO_AUTHENTICATED: HeaderName = HeaderName::from_static("x-vo-authenticated");
/// What a caller who must be known is asked for.
const CHALLENGES: [&str; 2] =
    ["Basic realm=\"almagest\", charset=\"UTF-8\"", "Bearer realm=\"almagest\""];

/// Who calls, and what that person may see.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name, or nobody's.
    pub owner: Owner,
    /// The tables that the caller may see.
    pub database: Database,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let owner = Owner::from_request_parts(parts, state).await?;
        let database = state.views.of(&owner)?;
        Ok(Self { owner, database })
    }
}

/// The middleware has looked already; a request that came another way is anonymous.
impl FromRequestParts<AppState> for Owner {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Look who calls, once for each request; refuse what is shown and is wrong.
pub async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let people = state.views.people();
    let owner = match owner(request.headers(), people) {
        Ok(owner) => owner,
        Err(error) => {
            // Tables are answered by TAP alone.
            let mut response = match request.uri().path().starts_with("/tap") {
                true => error.into_response(),
                false => error.into_text(),
            };
            if response.status() == StatusCode::UNAUTHORIZED {
                challenge(response.headers_mut());
            }
            return response;
        }
    };
    let name = owner.0.as_deref().and_then(|name| HeaderValue::from_str(name).ok());
    request.extensions_mut().insert(owner);
    let shown = ShownToken(shown_token(request.headers()));
    request.extensions_mut().insert(shown);
    // A client asks the capabilities first, and learns there that it may log in.
    let is_capabilities = request.uri().path().ends_with("/capabilities");
    let mut response = next.run(request).await;
    match name {
        Some(name) => {
            response.headers_mut().insert(X_VO_AUTHENTICATED, name);
        }
        None if is_capabilities && people.is_empty().is_ok_and(|is_empty| !is_empty) => {
            challenge(response.headers_mut());
        }
        None if response.status() == StatusCode::UNAUTHORIZED => {
            challenge(response.headers_mut());
        }
        None => {}
    }
    response
}

/// The token that a request shows, as it is stored; its holder is known.
#[derive(Debug, Clone, Copy)]
pub struct ShownToken(pub Option<TokenHash>);

fn shown_token(headers: &HeaderMap) -> Option<TokenHash> {
    let shown = match headers.get(AUTHORIZATION) {
        Some(shown) => Shown::of_authorization(shown)?,
        None => Shown::bearer(headers.get(X_VO_BEARER)?.to_str().ok()?),
    };
    Token::read(&shown.token).map(|token| token.hash())
}

/// Say how a caller can be known.
fn challenge(headers: &mut HeaderMap) {
    for challenge in CHALLENGES {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
}

fn owner(headers: &HeaderMap, people: &PeopleStore) -> Result<Owner> {
    let shown = match (headers.get(AUTHORIZATION), headers.get(X_VO_BEARER)) {
        (None, None) => return Ok(Owner::default()),
        (Some(shown), _) => Shown::of_authorization(shown),
        (None, Some(token)) => token.to_str().ok().map(Shown::bearer),
    };
    let Shown { name, token } = shown.ok_or(Error::Unauthorized)?;
    let token = Token::read(&token).ok_or(Error::Unauthorized)?;
    let holder = people.holder(&token.hash())?.ok_or(Error::Unauthorized)?;
    match name {
        Some(name) if name != holder && name != ANY_USER => Err(Error::Unauthorized),
        _ => Ok(Owner(Some(holder))),
    }
}

/// What a request shows of its sender.
struct Shown {
    name: Option<String>,
    token: String,
}

impl Shown {
    fn bearer(token: &str) -> Self {
        Self { name: None, token: token.trim().to_owned() }
    }

    fn of_authorization(value: &HeaderValue) -> Option<Self> {
        let (scheme, rest) = value.to_str().ok()?.trim().split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::bearer(rest));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (name, token) = text.split_once(':')?;
        // Some clients can put the token into the place of the name only.
        match token.is_empty() {
            true => Some(Self::bearer(name)),
            false => Some(Self { name: Some(name.to_owned()), token: token.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_taken_as_clients_send_it() {
        let folder = tempfile::tempdir().unwrap();
        let people = PeopleStore::open(&folder.path().join("people.db")).unwrap();
        people.add_user("ada").unwrap();
        let token = people.add_token("ada", "laptop", None).unwrap();
        let token = token.reveal();
        let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
        let check = |name: HeaderName, value: String, expected: Option<&str>| {
            let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            let found = owner(&headers, &people);
            match expected {
                Some(user) => assert_eq!(found.unwrap().0.as_deref(), Some(user), "{value}"),
                None => assert!(matches!(found, Err(Error::Unauthorized)), "{value}"),
            }
        };
        check(AUTHORIZATION, format!("Bearer {token}"), Some("ada"));
        check(AUTHORIZATION, format!("bearer  {token} "), Some("ada"));
        check(AUTHORIZATION, basic(format!("ada:{token}")), Some("ada"));
        check(AUTHORIZATION, basic(format!("x-oauth-basic:{token}")), Some("ada"));
        check(AUTHORIZATION, basic(format!("{token}:")), Some("ada"));
        check(X_VO_BEARER, token.to_owned(), Some("ada"));
        check(AUTHORIZATION, basic(format!("bob:{token}")), None);
        check(AUTHORIZATION, basic("ada:secret".to_owned()), None);
        check(AUTHORIZATION, "Bearer almagest_".to_owned(), None);
        check(AUTHORIZATION, "Negotiate abc".to_owned(), None);
        check(AUTHORIZATION, "Basic %%%".to_owned(), None);
        assert_eq!(owner(&HeaderMap::new(), &people).unwrap(), Owner(None));
    }
}
