//! The parameters of a request: GET or POST, urlencoded or multipart, names in any letter case.

use std::future::Future;

use axum::body::to_bytes;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;

use crate::{Error, Result};

/// The longest text that one part of a multipart body may hold, bytes.
const MAX_TEXT: usize = 16 << 20;

/// Parameters in the order given, names in capitals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Read parameters from the query part of a URL or from a urlencoded body.
    pub fn from_query(query: &str) -> Self {
        let mut parameters = Self::default();
        parameters.extend_urlencoded(query.as_bytes());
        parameters
    }

    /// Return the value of a parameter that may be given once.
    ///
    /// # Errors
    /// It is given several times, with different values.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.any(|value| Some(value) != first) {
            return Err(Error::RepeatedParameter { name });
        }
        Ok(first)
    }

    /// Return the first value of a parameter.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Return all values of a parameter that may be given many times.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Return all names, in capitals, with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Take `newer` in the place of what is given here under the same names.
    pub fn replace(&mut self, newer: Self) {
        self.0.retain(|(name, _)| !newer.contains(name));
        self.0.extend(newer.0);
    }

    /// Return the parameters without those called one of `names`.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// Write the parameters as the query part of a URL, to be read by [`Self::from_query`].
    pub fn to_urlencoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// Is a parameter given, with any value?
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    fn extend_urlencoded(&mut self, bytes: &[u8]) {
        let pairs = form_urlencoded::parse(bytes);
        self.0.extend(pairs.map(|(name, value)| (name.to_ascii_uppercase(), value.into_owned())));
    }

    /// Take the first value of a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Give a parameter one value, in the place of any it had.
    pub fn set(&mut self, name: &str, value: String) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value));
    }

    /// Read the parameters of a request, its URL and its body; what becomes of the files of a
    /// multipart body is for `files` to say.
    ///
    /// # Errors
    /// The body cannot be read, or `files` refuses.
    pub async fn receive<S: Send + Sync>(
        mut request: Request,
        state: &S,
        files: &mut impl TakeFiles,
    ) -> Result<Self> {
        let mut parameters = Self::from_query(request.uri().query().unwrap_or_default());
        let content_type = request.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "multipart/form-data" => {
                if let Some(quoted) = with_quoted_boundary(content_type)
                    && let Ok(quoted) = HeaderValue::try_from(quoted)
                {
                    request.headers_mut().insert(CONTENT_TYPE, quoted);
                }
                let mut multipart = Multipart::from_request(request, state)
                    .await
                    .map_err(|e| bad_body(e.body_text()))?;
                while let Some(part) = multipart.next_field().await.map_err(bad_body)? {
                    let name = part.name().unwrap_or_default().to_ascii_uppercase();
                    match part.file_name().is_some() {
                        true => files.take(&name, part).await?,
                        false => {
                            let text = text(&name, part).await?;
                            parameters.0.push((name, text));
                        }
                    }
                }
            }
            "" | "application/x-www-form-urlencoded" => {
                let body = to_bytes(request.into_body(), MAX_TEXT).await.map_err(|_| {
                    bad_body(format!("it breaks off, or is longer than {MAX_TEXT} bytes"))
                })?;
                parameters.extend_urlencoded(&body);
            }
            other => {
                return Err(bad_body(format!(
                    "its type is {other:?}, not application/x-www-form-urlencoded or multipart/form-data"
                )));
            }
        }
        Ok(parameters)
    }
}

/// Put the boundary of a multipart type in quotes where it needs them and has none: astroquery sends
/// `boundary====1795337296961===`, which RFC 2045, section 5.1, allows in quotes only.
fn with_quoted_boundary(content_type: &str) -> Option<String> {
    const NAME: &str = "boundary=";
    let at = content_type.to_ascii_lowercase().find(NAME)? + NAME.len();
    let (before, value) = content_type.split_at(at);
    let (boundary, after) = value.split_at(value.find(';').unwrap_or(value.len()));
    let boundary = boundary.trim();
    let needs_quotes =
        !boundary.starts_with('"') && boundary.contains(|c| "()<>@,:/[]?=".contains(c));
    needs_quotes.then(|| format!("{before}\"{boundary}\"{after}"))
}

/// Says what becomes of the files of a multipart body.
pub trait TakeFiles: Send {
    /// Take the file `part`, called `name` (in capitals).
    fn take(&mut self, name: &str, part: Field<'_>) -> impl Future<Output = Result<()>> + Send;
}

/// Reads files to their end and drops them.
struct Dropped;

impl TakeFiles for Dropped {
    async fn take(&mut self, _: &str, mut part: Field<'_>) -> Result<()> {
        while part.chunk().await.map_err(bad_body)?.is_some() {}
        Ok(())
    }
}

/// Files are dropped.
impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        Self::receive(request, state, &mut Dropped).await
    }
}

async fn text(name: &str, mut part: Field<'_>) -> Result<String> {
    let mut text = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(bad_body)? {
        if text.len() + chunk.len() > MAX_TEXT {
            return Err(bad_body(format!("{name} is longer than {MAX_TEXT} bytes")));
        }
        text.extend_from_slice(&chunk);
    }
    String::from_utf8(text).map_err(|_| bad_body(format!("{name} is not text in UTF-8")))
}

pub(crate) fn bad_body(reason: impl ToString) -> Error {
    Error::BadBody { reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::Body;

    async fn check(content_type: &str, body: &str) {
        let request = Request::post("/?Lang=ADQL").header(CONTENT_TYPE, content_type);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let found = Parameters::from_request(request, &()).await.unwrap();
        assert_eq!(found.get("QUERY").unwrap(), Some("SELECT 'a+b' AS é"));
        assert_eq!(found.get("LANG").unwrap(), Some("ADQL"));
        assert_eq!(found.get("T").unwrap(), None);
    }

    #[tokio::test]
    async fn a_urlencoded_body_is_read() {
        check("application/x-www-form-urlencoded", "query=SELECT+%27a%2Bb%27+AS+%C3%A9").await;
    }

    #[tokio::test]
    async fn a_multipart_body_is_read_and_its_files_dropped() {
        check(
            "multipart/form-data; boundary=xYz",
            "--xYz\r\nContent-Disposition: form-data; name=\"Query\"\r\n\r\nSELECT 'a+b' AS é\r\n\
             --xYz\r\nContent-Disposition: form-data; name=\"t\"; filename=\"t.vot\"\r\n\r\n<x/>\r\n--xYz--\r\n",
        )
        .await;
    }

    #[tokio::test]
    async fn a_boundary_may_lack_its_quotes() {
        let body = "--===7===\r\nContent-Disposition: form-data; name=\"Query\"\r\n\r\nSELECT 'a+b' AS é\r\n--===7===--\r\n";
        for content_type in [
            "multipart/form-data; boundary====7===",
            "multipart/form-data; boundary====7===; charset=utf-8",
            "multipart/form-data; Boundary=\"===7===\"",
        ] {
            check(content_type, body).await;
        }
        assert_eq!(with_quoted_boundary("multipart/form-data; boundary=xYz"), None);
    }

    #[tokio::test]
    async fn a_body_of_another_type_is_refused() {
        let request = Request::post("/").header(CONTENT_TYPE, "application/json");
        let found = Parameters::from_request(request.body(Body::from("{}")).unwrap(), &()).await;
        assert!(matches!(found, Err(Error::BadBody { .. })));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut found =
            Parameters::from_query("query=SELECT+1%0A%26&upload=a,b&upload=c,d&phase=RUN");
        assert_eq!(Parameters::from_query(&found.to_urlencoded()), found);
        found.replace(Parameters::from_query("Query=SELECT+2"));
        let found = found.without(&["PHASE"]);
        assert_eq!(found.to_urlencoded(), "UPLOAD=a%2Cb&UPLOAD=c%2Cd&QUERY=SELECT+2");
        assert_eq!(found.all("UPLOAD").collect::<Vec<_>>(), ["a,b", "c,d"]);
    }

    #[test]
    fn the_same_value_twice_is_no_contradiction() {
        assert_eq!(Parameters::from_query("A=1&a=1").get("A").unwrap(), Some("1"));
        assert!(Parameters::from_query("A=1&a=2").get("A").is_err());
    }
}
