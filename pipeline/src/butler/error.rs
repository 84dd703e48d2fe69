//! What can go wrong with datasets.

use std::path::PathBuf;

use crate::expression::ExpressionError;

/// A failure of the butler; each names the dataset, collection or file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ButlerError {
    /// The registry's file.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The registry was written by another version of the program.
    #[error("{}: the registry has format {found}, this program knows {known}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// That of the program.
        known: i64,
    },
    /// A file of a dataset.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The datastore may not grow so far.
    #[error("{}: no room in the datastore: {needed_bytes} bytes are needed, {free_bytes} are free of its quota", path.display())]
    Full {
        /// The file that was to be added.
        path: PathBuf,
        /// Its size.
        needed_bytes: u64,
        /// What is left.
        free_bytes: u64,
    },
    /// There is no such collection.
    #[error("no collection {name}{}", suggestion(near))]
    NoCollection {
        /// The name.
        name: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// A collection of that name is of another kind.
    #[error("collection {name} is {found}, not {wanted}")]
    CollectionKind {
        /// The name.
        name: String,
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A chain that would contain itself.
    #[error("collection {name} would contain itself")]
    CollectionCycle {
        /// The chain.
        name: String,
    },
    /// There is no such dataset type.
    #[error("no dataset type {name}{}", suggestion(near))]
    NoDatasetType {
        /// The name.
        name: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// A dataset type of that name is another one.
    #[error("dataset type {name} is registered as {found}, not as {wanted}")]
    DatasetTypeConflict {
        /// The name.
        name: String,
        /// As it is registered.
        found: String,
        /// As it was wanted.
        wanted: String,
    },
    /// There is no such dataset.
    #[error("no dataset {dataset_type} ({data_id}) in {collections}")]
    NoDataset {
        /// Its type.
        dataset_type: String,
        /// Its data id.
        data_id: String,
        /// Where it was looked for.
        collections: String,
    },
    /// A dataset of that run, type and data id is there already.
    #[error("run {run} holds another {dataset_type} ({data_id}) already")]
    DatasetExists {
        /// The run.
        run: String,
        /// The type.
        dataset_type: String,
        /// The data id.
        data_id: String,
    },
    /// A data id does not have the dimensions of its type.
    #[error("{dataset_type} has dimensions {wanted}, the data id ({data_id}) has {found}")]
    DataIdDimensions {
        /// The type.
        dataset_type: String,
        /// The data id.
        data_id: String,
        /// Dimensions of the type.
        wanted: String,
        /// Dimensions of the data id.
        found: String,
    },
    /// Something is recorded otherwise already.
    #[error("{element} {data_id} is recorded with {field} = {found}, not {wanted}")]
    RecordConflict {
        /// The dimension.
        element: &'static str,
        /// Which one.
        data_id: String,
        /// What differs.
        field: &'static str,
        /// As it is recorded.
        found: String,
        /// As it was wanted.
        wanted: String,
    },
    /// Two calibrations would hold at one time.
    #[error(
        "{collection} has a {dataset_type} ({data_id}) valid from {begin_mjd} to {end_mjd} already, which overlaps"
    )]
    ValidityOverlap {
        /// The collection.
        collection: String,
        /// The type.
        dataset_type: String,
        /// The data id.
        data_id: String,
        /// Begin of what is there, MJD TAI.
        begin_mjd: f64,
        /// Its end.
        end_mjd: f64,
    },
    /// A file is not what was registered.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// A dataset was given or asked for as something that it is not.
    #[error("{name} is kept as {found}, not as {wanted}")]
    StorageClass {
        /// The dataset.
        name: String,
        /// Its storage class.
        found: &'static str,
        /// The one that was asked for.
        wanted: &'static str,
    },
    /// A condition that cannot be read.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// A condition names what datasets do not have.
    #[error("condition: no {name}{}", suggestion(near))]
    UnknownName {
        /// The name.
        name: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// A condition compares what cannot be compared.
    #[error("condition: {name} is {wanted}, '{value}' is not")]
    ValueKind {
        /// The name.
        name: String,
        /// What it takes.
        wanted: &'static str,
        /// What it was given.
        value: String,
    },
    /// An export that cannot be read.
    #[error("{}: {reason}", path.display())]
    Export {
        /// Its file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// Another process executes in the run.
    #[error("run {run} is being executed by another process")]
    Busy {
        /// The run.
        run: String,
    },
}

fn suggestion(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |near| format!("; did you mean {near}?"))
}
