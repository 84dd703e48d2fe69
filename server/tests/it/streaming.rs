//! Results as streams: taken at the caller's pace, cut at the limit, honest about failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use almagest_engine::arrow::array::Int64Array;
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_server::dali::{Format, RowLimit};
use almagest_server::formats::canonical::Canonical;
use almagest_server::formats::result_stream::{Failures, Rows, encode};
use almagest_server::formats::{Provenance, encoder};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};

const ROWS: usize = 100;

fn batch() -> RecordBatch {
    let numbers = Int64Array::from_iter_values(0..ROWS as i64);
    RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap()
}

fn stream_of(
    rows: Rows,
    format: Format,
    limit: u64,
) -> impl Stream<Item = almagest_server::Result<Bytes>> {
    let canonical = Canonical::new(&batch().schema()).unwrap();
    let encoder =
        encoder(format, canonical.schema(), &Provenance::default(), &std::env::temp_dir()).unwrap();
    encode(rows, canonical, encoder, RowLimit::new(limit), Failures::Told)
}

/// The whole answer, or how it broke off.
async fn text(rows: Rows, format: Format, limit: u64) -> Result<String, String> {
    let mut all = Vec::new();
    let mut parts = Box::pin(stream_of(rows, format, limit));
    while let Some(part) = parts.next().await {
        all.extend(part.map_err(|error| error.to_string())?);
    }
    Ok(String::from_utf8(all).unwrap())
}

fn batches(count: usize) -> Rows {
    stream::iter((0..count).map(|_| Ok(batch()))).boxed()
}

fn failing_after(count: usize) -> Rows {
    let error = almagest_adql::translate("SELECT luck FROM", &almagest_adql::Names::default());
    let failure = almagest_engine::Error::Adql { text: String::new(), error: error.unwrap_err() };
    batches(count).chain(stream::once(std::future::ready(Err(failure.into())))).boxed()
}

#[tokio::test]
async fn rows_are_made_only_as_they_are_taken() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    let endless = stream::repeat_with(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        Ok(batch())
    });
    let parts = stream_of(endless.boxed(), Format::VotableBinary2, u64::MAX);
    let taken: Vec<_> = parts.take(5).collect().await;
    assert!(taken.iter().all(|part| part.as_ref().unwrap().len() < 64 * ROWS));
    assert!(made.load(Ordering::SeqCst) <= 5, "{made:?}");
}

#[tokio::test]
async fn a_result_of_just_the_limit_is_complete() {
    let found = text(batches(2), Format::VotableTableData, 200).await.unwrap();
    assert_eq!(found.matches("<TR>").count(), 200);
    assert!(!found.contains("OVERFLOW"));
}

#[tokio::test]
async fn a_row_more_than_the_limit_is_an_overflow() {
    for (limit, count) in [(199, 2), (100, 2), (150, 7), (1, 1)] {
        let found = text(batches(count), Format::VotableTableData, limit).await.unwrap();
        assert_eq!(found.matches("<TR>").count() as u64, limit);
        let (_, after) = found.split_once("</TABLE>").unwrap();
        assert!(after.contains("name=\"QUERY_STATUS\" value=\"OVERFLOW\""), "{after}");
    }
}

#[tokio::test]
async fn a_failure_amid_the_rows_is_told_after_them() {
    for format in [Format::VotableTableData, Format::VotableBinary2] {
        let found = text(failing_after(1), format, 1000).await.unwrap();
        let (before, after) = found.split_once("</TABLE>").unwrap();
        assert!(before.contains("name=\"QUERY_STATUS\" value=\"OK\""), "{before}");
        assert!(after.contains("value=\"ERROR\">line 1, column "), "{after}");
    }
}

#[tokio::test]
async fn a_failure_is_told_to_people_too() {
    for format in [Format::Html, Format::Text] {
        let found = text(failing_after(1), format, 1000).await.unwrap();
        assert!(found.contains("100 rows: line 1, column "), "{found}");
    }
}

#[tokio::test]
async fn no_part_is_empty_and_fits_waits_for_all_rows() {
    for format in Format::ALL {
        let parts: Vec<_> = stream_of(batches(3), format, 250).collect().await;
        assert!(parts.iter().all(|part| !part.as_ref().unwrap().is_empty()), "{format:?}");
        if format == Format::Fits {
            let bytes: Vec<u8> = parts.into_iter().flat_map(|part| part.unwrap()).collect();
            let header = String::from_utf8_lossy(&bytes[..5760]).into_owned();
            assert!(header.contains("NAXIS2  =                  250"), "{header}");
            assert!(header.contains("QSTATUS = 'OVERFLOW'"), "{header}");
            assert_eq!(bytes.len(), 2880 * 3);
            assert_eq!(bytes[5760 + 8 * 249..5760 + 8 * 250], 49_i64.to_be_bytes());
        }
    }
}

#[tokio::test]
async fn a_format_that_cannot_tell_a_failure_breaks_off() {
    for format in
        [Format::Csv, Format::Tsv, Format::Json, Format::Parquet, Format::Arrow, Format::Fits]
    {
        let found = text(failing_after(1), format, 1000).await;
        assert!(found.unwrap_err().starts_with("line 1, column "), "{format:?}");
    }
}

/// However long the batches are, what waits for a reader is short.
#[tokio::test]
async fn a_long_batch_is_many_short_parts() {
    let n_rows = 100_000;
    let numbers = Int64Array::from_iter_values(0..n_rows);
    let long = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
    for format in [Format::Csv, Format::VotableTableData, Format::VotableBinary2, Format::Arrow] {
        let rows = stream::iter([Ok(long.clone())]).boxed();
        let parts: Vec<_> = stream_of(rows, format, u64::MAX).collect().await;
        let lengths: Vec<usize> = parts.iter().map(|part| part.as_ref().unwrap().len()).collect();
        assert!(lengths.iter().all(|length| *length < 512 << 10), "{format:?}: {lengths:?}");
        assert!(lengths.len() < 50, "{format:?}: {lengths:?}");
    }
    let of_csv = |rows| text(rows, Format::Csv, 70_000);
    let found = of_csv(stream::iter([Ok(long)]).boxed()).await.unwrap();
    let expected: String = (0..70_000).map(|n| format!("{n}\r\n")).collect();
    assert!(found == format!("n\r\n{expected}"));
}
