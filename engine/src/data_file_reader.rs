//! Data files as scans read them: the footer from memory, bytes where they lie.
//!
//! DataFusion asks an object store for bytes, which opens the file for each range of them and moves
//! to another thread. Files of a catalog are on a local disk and mostly in the system's page cache:
//! reading them takes less time than going elsewhere to read them.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use almagest_storage::footers::{Footers, open};
use bytes::Bytes;
use datafusion::common::internal_datafusion_err;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use crate::fragments::Place;

/// Opens the data files of a scan.
pub(crate) struct DataFileReaders {
    footers: Arc<Footers>,
}

impl DataFileReaders {
    pub fn new(footers: Arc<Footers>) -> Self {
        Self { footers }
    }
}

impl std::fmt::Debug for DataFileReaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataFileReaders").finish_non_exhaustive()
    }
}

impl ParquetFileReaderFactory for DataFileReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        partitioned_file: PartitionedFile,
        _: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let Some(Place { path, .. }) = partitioned_file.extension() else {
            return Err(internal_datafusion_err!("a data file does not say where it lies"));
        };
        let storage_error = |error| DataFusionError::External(Box::new(error));
        let location = partitioned_file.object_meta.location.as_ref();
        let file = open(path).map_err(storage_error)?;
        // Files that are mounted are in the hands of others.
        if file.metadata()?.len() != partitioned_file.object_meta.size {
            let (path, reason) = (path.to_path_buf(), "its size is not what it was".to_owned());
            return Err(storage_error(almagest_storage::Error::Corrupt { path, reason }));
        }
        Ok(Box::new(DataFileReader {
            file,
            footer: self.footers.of(path).map_err(storage_error)?,
            metrics: ParquetFileMetrics::new(partition_index, location, metrics),
        }))
    }
}

struct DataFileReader {
    file: File,
    footer: Arc<ParquetMetaData>,
    metrics: ParquetFileMetrics,
}

impl DataFileReader {
    fn read(&self, range: Range<u64>) -> ParquetResult<Bytes> {
        let length = (range.end - range.start) as usize;
        self.metrics.bytes_scanned.add(length);
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, range.start)
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(bytes.into())
    }
}

impl AsyncFileReader for DataFileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        ready(self.read(range)).boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        ready(ranges.into_iter().map(|range| self.read(range)).collect()).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        ready(Ok(self.footer.clone())).boxed()
    }
}
