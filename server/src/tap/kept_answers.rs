//! Small answers, kept for those who ask the same again of the same version.
//!
//! ```text
//!   request + version + owner ─ SHA-256 ─▶ key ─┬─ found ─▶ the bytes
//!                                               └─ not ───▶ answer ─ up to 1 MiB, whole ─▶ kept
//! ```
//!
//! A catalog's version never changes, so that what is kept is never stale: a commit makes new keys. Not
//! kept is what uploads go into, and what random numbers or the clock go into.

use std::sync::Arc;

use almagest_engine::Database;
use almagest_storage::schema::SchemaDef;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{Tally, TapRequest};
use crate::Result;
use crate::metrics::Metrics;
use crate::uws::Owner;

/// Bytes of an answer at most that is kept.
const MOST_BYTES: usize = 1 << 20;
/// Bytes of an answer as they are on average, for the number of places.
const USUAL_BYTES: u64 = 16 << 10;
/// Bytes that an answer takes beside its own.
const OVERHEAD_BYTES: u64 = 200;

/// The answers kept by a service; cheap to clone.
#[derive(Debug, Clone)]
pub struct KeptAnswers {
    answers: Option<Arc<Cache<AnswerKey, KeptAnswer, Weight>>>,
    metrics: Metrics,
}

/// The answers that one caller may find; cheap to clone.
#[derive(Debug, Clone)]
pub struct KeptFor {
    kept: KeptAnswers,
    owner: Owner,
}

/// All that decides the bytes of an answer, as its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerKey([u8; 32]);

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct KeptAnswer {
    /// The document.
    pub bytes: Bytes,
    /// Rows that the engine gave for it.
    pub n_rows: u64,
    /// Version of the catalog that the rows come from.
    pub catalog_version: String,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<AnswerKey, KeptAnswer> for Weight {
    fn weight(&self, _: &AnswerKey, answer: &KeptAnswer) -> u64 {
        answer.bytes.len() as u64 + OVERHEAD_BYTES
    }
}

impl KeptAnswers {
    /// Keep answers of `most_bytes` together; at 0 none.
    pub fn new(most_bytes: u64, metrics: Metrics) -> Self {
        let n_places = usize::try_from(most_bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(1);
        let cache = || Arc::new(Cache::with_weighter(n_places, most_bytes, Weight));
        Self { answers: (most_bytes > 0).then(cache), metrics }
    }

    /// The answers that `owner` may find.
    pub fn of(&self, owner: &Owner) -> KeptFor {
        KeptFor { kept: self.clone(), owner: owner.clone() }
    }
}

impl KeptFor {
    /// The key of a request asked of the newest versions; none where its answer cannot be kept.
    ///
    /// # Errors
    /// A catalog cannot be read.
    pub fn key(&self, request: &TapRequest, database: &Database) -> Result<Option<AnswerKey>> {
        Ok(self.key_in(request, &database.stamps()?, database.schemas()))
    }

    /// What a caller may see is part of the key: it may change while the versions do not.
    fn key_in(
        &self,
        request: &TapRequest,
        versions: &[u64],
        visible: &[SchemaDef],
    ) -> Option<AnswerKey> {
        if self.kept.answers.is_none() || !request.uploads.is_empty() {
            return None;
        }
        let TapRequest { query, dialect, format, limit, labels, .. } = request;
        let owner = &self.owner.0;
        let mut hash = Sha256::new();
        // The query comes last: nothing that it holds can look like another field.
        for schema in visible {
            for table in &schema.tables {
                hash.update(format!("{:?}.{:?} ", schema.name, table.name));
            }
        }
        hash.update(format!(
            "{versions:?} {dialect:?} {format:?} {limit:?} {labels:?} {owner:?}\0"
        ));
        hash.update(query);
        Some(AnswerKey(hash.finalize().into()))
    }

    /// Find an answer.
    pub fn find(&self, key: &AnswerKey) -> Option<KeptAnswer> {
        let found = self.kept.answers.as_ref()?.get(key);
        self.kept.metrics.looked_up(found.is_some());
        found
    }

    /// Keep an answer under `key` once it has been taken whole, if it is small and did not fail.
    pub fn keep(
        &self,
        key: AnswerKey,
        catalog_version: String,
        tally: Arc<Tally>,
        bytes: BoxStream<'static, Result<Bytes>>,
    ) -> BoxStream<'static, Result<Bytes>> {
        let Some(answers) = self.kept.answers.clone() else { return bytes };
        let gathered = Some(Vec::new());
        stream::unfold((bytes, gathered), move |(mut bytes, mut gathered)| {
            let (answers, tally) = (answers.clone(), tally.clone());
            let catalog_version = catalog_version.clone();
            async move {
                let item = bytes.next().await;
                match (&item, gathered.take()) {
                    (Some(Ok(part)), Some(mut whole)) if whole.len() + part.len() <= MOST_BYTES => {
                        whole.extend_from_slice(part);
                        gathered = Some(whole);
                    }
                    (None, Some(whole)) if !tally.has_failed() => {
                        let n_rows = tally.n_rows();
                        let answer = KeptAnswer { bytes: whole.into(), n_rows, catalog_version };
                        answers.insert(key, answer);
                    }
                    _ => {}
                }
                Some((item?, (bytes, gathered)))
            }
        })
        .boxed()
    }
}

impl AnswerKey {
    /// The entity tag of the answers under this key: weak, as rows without an ORDER BY may come in
    /// another order.
    pub fn tag(&self) -> String {
        let half = self.0[..16].iter().map(|byte| format!("{byte:02x}"));
        format!("W/\"{}\"", half.collect::<String>())
    }

    /// Does a caller who sends these headers have the answer already?
    pub fn is_known_by(&self, request: &HeaderMap) -> bool {
        let tag = self.tag();
        let plain = tag.trim_start_matches("W/");
        let values = request.get_all(header::IF_NONE_MATCH).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
            |known| {
                let known = known.trim();
                known.strip_prefix("W/").unwrap_or(known) == plain
            },
        )
    }
}

/// Does a caller who sends these headers want an answer that was not kept?
pub fn wants_anew(request: &HeaderMap) -> bool {
    let says = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("no-cache"));
    request.get_all(header::CACHE_CONTROL).iter().any(says)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::tap_schema;

    use crate::config::ServerConfig;
    use crate::dali::Parameters;

    fn request(parameters: &str) -> TapRequest {
        TapRequest::from_parameters(&Parameters::from_query(parameters), &ServerConfig::default())
            .unwrap()
    }

    fn kept(most_bytes: u64) -> KeptAnswers {
        KeptAnswers::new(most_bytes, Metrics::new().unwrap())
    }

    #[test]
    fn a_key_holds_all_that_decides_the_bytes() {
        let mine = kept(1 << 20).of(&Owner(Some("ada".to_owned())));
        let key =
            |parameters: &str, version| mine.key_in(&request(parameters), &[version], &[]).unwrap();
        let first = key("QUERY=SELECT+1", 7);
        assert_eq!(key("query=SELECT+1&LANG=ADQL", 7), first);
        for (parameters, version) in [
            ("QUERY=SELECT+1", 8),
            ("QUERY=SELECT+2", 7),
            ("QUERY=SELECT+1&FORMAT=csv", 7),
            ("QUERY=SELECT+1&MAXREC=5", 7),
            ("QUERY=SELECT+1&LANG=ADQL-2.1", 7),
        ] {
            assert_ne!(key(parameters, version), first, "{parameters} {version}");
        }
        let others = mine.kept.of(&Owner::default()).key_in(&request("QUERY=SELECT+1"), &[7], &[]);
        assert_ne!(others.unwrap(), first);
        let uploading = request("QUERY=SELECT+1&UPLOAD=t,http://localhost/t.vot");
        assert_eq!(mine.key_in(&uploading, &[7], &[]), None);
        let visible = [tap_schema::definition()];
        assert_ne!(mine.key_in(&request("QUERY=SELECT+1"), &[7], &visible).unwrap(), first);
    }

    #[tokio::test]
    async fn what_is_small_and_whole_is_kept() {
        let all = kept(8 << 20);
        let mine = all.of(&Owner::default());
        let check =
            async |version: u64, parts: Vec<usize>, breaks: bool, expected: Option<usize>| {
                let key = mine.key_in(&request("QUERY=SELECT+1"), &[version], &[]).unwrap();
                let parts = stream::iter(parts).map(|n| Ok(Bytes::from(vec![0; n]))).boxed();
                let mut taken = mine.keep(key, version.to_string(), Arc::default(), parts);
                while let Some(part) = taken.next().await {
                    part.unwrap();
                    if breaks {
                        break;
                    }
                }
                drop(taken);
                assert_eq!(mine.find(&key).map(|answer| answer.bytes.len()), expected);
            };
        check(1, vec![10, 20], false, Some(30)).await;
        check(2, vec![10, 20], true, None).await;
        check(3, vec![MOST_BYTES, 1], false, None).await;
        check(4, vec![], false, Some(0)).await;
    }

    #[test]
    fn a_caller_tells_what_it_has() {
        let mine = kept(1).of(&Owner::default());
        let key = mine.key_in(&request("QUERY=SELECT+1"), &[1], &[]).unwrap();
        let check = |value: String, expected| {
            let headers = [(header::IF_NONE_MATCH, value.parse().unwrap())].into_iter().collect();
            assert_eq!(key.is_known_by(&headers), expected, "{value}");
        };
        check(key.tag(), true);
        check(format!("\"x\", {}", key.tag().trim_start_matches("W/")), true);
        check("\"x\"".to_owned(), false);
    }
}
