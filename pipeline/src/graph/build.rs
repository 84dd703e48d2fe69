//! Building the graph: datasets of the registry joined by their data ids, task by task.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Graph, InputDataset, Predicted, Quantum, QuantumInput};
use crate::butler::{Butler, DataId, DatasetQuery, DatasetRef, DatasetType, DimensionSet};
use crate::connections::{Connection, Lookup};
use crate::definition::{Pipeline, TaskDefinition};
use crate::error::Result;
use crate::expression::Expression;

/// What a graph is built from.
#[derive(Debug, Clone)]
pub struct GraphRequest<'a> {
    /// The collections in which inputs are looked for, in this order.
    pub inputs: &'a [&'a str],
    /// Which of them.
    pub condition: Option<&'a Expression>,
    /// The run that will own what is made.
    pub run: &'a str,
}

/// A dataset, there or to be made, with all that its data id implies.
#[derive(Clone)]
struct Candidate {
    data_id: DataId,
    whole: DataId,
    dataset: InputDataset,
}

/// Build the graph of a pipeline.
///
/// # Errors
/// Faults of the settings and contracts; a condition or collection that there is not.
pub fn build(butler: &Butler, pipeline: &Pipeline, request: &GraphRequest<'_>) -> Result<Graph> {
    pipeline.check()?;
    let mut builder = Builder {
        butler,
        request,
        available: HashMap::new(),
        graph: Graph {
            pipeline: pipeline.clone(),
            run: request.run.to_owned(),
            quanta: vec![],
            pruned: vec![],
        },
    };
    for (index, task) in pipeline.tasks.iter().enumerate() {
        builder.add_task(index, task)?;
    }
    Ok(builder.graph)
}

struct Builder<'a> {
    butler: &'a Butler,
    request: &'a GraphRequest<'a>,
    /// By name of the dataset type.
    available: HashMap<String, Vec<Candidate>>,
    graph: Graph,
}

impl Builder<'_> {
    fn add_task(&mut self, index: usize, task: &TaskDefinition) -> Result<()> {
        let connections = &task.connections;
        for input in &connections.inputs {
            self.look_up(input)?;
        }
        let Some(driver) = connections
            .inputs
            .iter()
            .find(|input| input.lookup == Lookup::Regular && self.drives(input, task))
        else {
            let label = &task.label;
            let wanted = connections.dimensions;
            self.graph.pruned.push(format!("{label}: no input has the dimensions {wanted}"));
            return Ok(());
        };
        let candidates = &self.available[&driver.dataset_type];
        let wholes: BTreeMap<DataId, (DataId, DataId)> = candidates
            .iter()
            .map(|candidate| {
                let data_id = candidate.whole.project(connections.dimensions);
                // Of several the values that the quantum has, and what these imply.
                let implied = implied(connections.dimensions);
                let whole = candidate.whole.project(implied).join(&data_id);
                (data_id, (whole, candidate.whole.clone()))
            })
            .collect();
        let indexes: Vec<Index> = connections
            .inputs
            .iter()
            .map(|input| Index::new(&self.available, input, implied(connections.dimensions)))
            .collect();
        let mut quanta = vec![];
        for (data_id, whole) in wholes {
            match self.quantum(index, task, &indexes, data_id, (&whole.0, &whole.1))? {
                Ok(quantum) => quanta.push(quantum),
                Err(reason) => self.graph.pruned.push(reason),
            }
        }
        self.append(task, quanta)
    }

    fn drives(&self, input: &Connection, task: &TaskDefinition) -> bool {
        let has_all =
            |candidate: &Candidate| candidate.whole.dimensions().holds(task.connections.dimensions);
        let candidates = self.available.get(&input.dataset_type);
        candidates.is_some_and(|all| all.iter().any(has_all))
    }

    /// Find the datasets of an input that no task makes.
    fn look_up(&mut self, input: &Connection) -> Result<()> {
        if self.available.contains_key(&input.dataset_type) {
            return Ok(());
        }
        let dataset_type =
            DatasetType::new(&input.dataset_type, input.dimensions, input.storage_class);
        let candidates = match input.lookup {
            Lookup::History { .. } => vec![Candidate {
                data_id: DataId::empty(),
                whole: DataId::empty(),
                dataset: InputDataset::History(dataset_type),
            }],
            // Calibrations are found one by one, by time.
            Lookup::Calibration => vec![],
            Lookup::Regular | Lookup::Prerequisite => {
                let condition = match input.lookup {
                    Lookup::Regular => self.request.condition,
                    _ => None,
                };
                let query = DatasetQuery {
                    dataset_type: &input.dataset_type,
                    collections: self.request.inputs,
                    condition,
                    find_first: true,
                    limit: None,
                };
                let found = self.butler.registry().query(&query)?;
                found.into_iter().map(|dataset| self.candidate(dataset)).collect::<Result<_>>()?
            }
        };
        self.available.insert(input.dataset_type.clone(), candidates);
        Ok(())
    }

    fn candidate(&self, dataset: DatasetRef) -> Result<Candidate> {
        Ok(Candidate {
            data_id: dataset.data_id.clone(),
            whole: self.butler.registry().expand(&dataset.data_id)?,
            dataset: InputDataset::Existing(dataset),
        })
    }

    /// A quantum with its inputs, or the reason why it cannot be; `source` is one of its inputs, whose
    /// time counts where the quantum itself has none.
    fn quantum(
        &self,
        index: usize,
        task: &TaskDefinition,
        indexes: &[Index<'_>],
        data_id: DataId,
        (whole, source): (&DataId, &DataId),
    ) -> Result<std::result::Result<Quantum, String>> {
        let mut inputs = vec![];
        let mut after = BTreeSet::new();
        let mut sources: Vec<&Candidate> = vec![];
        for (input, available) in task.connections.inputs.iter().zip(indexes) {
            let mut datasets: Vec<InputDataset> = vec![];
            let fitting = available.fitting(whole);
            // What the run itself makes comes before what was certified.
            if input.lookup == Lookup::Calibration && fitting.is_empty() {
                let certified = self.calibration(input, whole, source)?;
                datasets.extend(certified.map(InputDataset::Existing));
            }
            if !input.is_multiple && fitting.len() > 1 {
                return Ok(Err(format!(
                    "{} ({data_id}): {} datasets fit {}, which takes one",
                    task.label,
                    fitting.len(),
                    input.name
                )));
            }
            for candidate in fitting {
                if let InputDataset::Made { by, .. } = &candidate.dataset {
                    after.insert(*by);
                }
                if input.lookup == Lookup::Regular {
                    sources.push(candidate);
                }
                datasets.push(candidate.dataset.clone());
            }
            if datasets.len() < input.minimum {
                let reason = format!("no {} for it", input.dataset_type);
                return Ok(Err(format!("{} ({data_id}): {reason}", task.label)));
            }
            let (connection, minimum) = (input.name, input.minimum);
            let is_multiple = input.is_multiple;
            inputs.push(QuantumInput { connection, minimum, is_multiple, datasets });
        }
        let mut outputs = vec![];
        for output in &task.connections.outputs {
            let dataset_type =
                DatasetType::new(&output.dataset_type, output.dimensions, output.storage_class);
            let data_ids: BTreeSet<DataId> = if data_id.dimensions().holds(output.dimensions) {
                BTreeSet::from([data_id.project(output.dimensions)])
            } else {
                // Finer than the quantum: one for each data id that its inputs have.
                sources
                    .iter()
                    .filter(|source| source.whole.dimensions().holds(output.dimensions))
                    .map(|source| source.whole.project(output.dimensions))
                    .collect()
            };
            outputs.extend(data_ids.into_iter().map(|data_id| Predicted {
                connection: output.name,
                dataset_type: dataset_type.clone(),
                data_id,
            }));
        }
        let after = after.into_iter().collect();
        Ok(Ok(Quantum { task: index, data_id, inputs, outputs, after, follows: None }))
    }

    fn calibration(
        &self,
        input: &Connection,
        whole: &DataId,
        source: &DataId,
    ) -> Result<Option<DatasetRef>> {
        let registry = self.butler.registry();
        let span = match registry.timespan(whole)? {
            None => registry.timespan(source)?,
            span => span,
        };
        let Some((begin_mjd, end_mjd)) = span else {
            return Ok(None);
        };
        let data_id = whole.project(input.dimensions);
        self.butler.registry().find_calibration(
            self.request.inputs,
            &input.dataset_type,
            &data_id,
            0.5 * (begin_mjd + end_mjd),
        )
    }

    fn append(&mut self, task: &TaskDefinition, mut quanta: Vec<Quantum>) -> Result<()> {
        if task.connections.is_sequence {
            let mut timed = vec![];
            for quantum in quanta {
                let span = self.butler.registry().timespan(&quantum.data_id)?;
                timed.push((span.map_or(f64::INFINITY, |(begin, end)| begin + end), quantum));
            }
            timed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.data_id.cmp(&b.1.data_id)));
            quanta = timed.into_iter().map(|(_, quantum)| quantum).collect();
        }
        let mut before = None;
        for mut quantum in quanta {
            let by = self.graph.quanta.len();
            if task.connections.is_sequence {
                quantum.follows = before.replace(by);
            }
            for output in &quantum.outputs {
                let name = output.dataset_type.name.clone();
                let dataset = InputDataset::Made {
                    by,
                    dataset_type: name.clone(),
                    data_id: output.data_id.clone(),
                };
                let whole = self.butler.registry().expand(&output.data_id)?;
                let data_id = output.data_id.clone();
                self.available.entry(name).or_default().push(Candidate { data_id, whole, dataset });
            }
            self.graph.quanta.push(quantum);
        }
        // Without quanta there is nothing of what they would make.
        for output in &task.connections.outputs {
            self.available.entry(output.dataset_type.clone()).or_default();
        }
        Ok(())
    }
}

/// Dimensions with those that they imply.
fn implied(dimensions: DimensionSet) -> DimensionSet {
    dimensions.iter().fold(dimensions, |all, dimension| all.union(dimension.implies()))
}

/// The datasets of an input by the values that they share with the quanta.
struct Index<'a> {
    shared: DimensionSet,
    by_values: HashMap<DataId, Vec<&'a Candidate>>,
}

impl<'a> Index<'a> {
    fn new(
        available: &'a HashMap<String, Vec<Candidate>>,
        input: &Connection,
        of_quanta: DimensionSet,
    ) -> Self {
        let shared = implied(input.dimensions).intersection(of_quanta);
        let mut by_values: HashMap<DataId, Vec<&Candidate>> = HashMap::new();
        for candidate in available.get(&input.dataset_type).into_iter().flatten() {
            by_values.entry(candidate.whole.project(shared)).or_default().push(candidate);
        }
        for candidates in by_values.values_mut() {
            candidates.sort_by(|a, b| a.data_id.cmp(&b.data_id));
        }
        Self { shared, by_values }
    }

    fn fitting(&self, quantum: &DataId) -> Vec<&'a Candidate> {
        self.by_values.get(&quantum.project(self.shared)).cloned().unwrap_or_default()
    }
}
