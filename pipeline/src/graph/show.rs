//! The graph as text, and for Graphviz.

use std::fmt::Write;

use super::{Graph, InputDataset};

impl Graph {
    /// The graph as text: a line for each quantum, with what it reads and makes.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let counts: Vec<String> =
            self.counts().iter().map(|(label, count)| format!("{count} {label}")).collect();
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{} quanta into {}: {}", self.quanta.len(), self.run, counts.join(", "));
        for (index, quantum) in self.quanta.iter().enumerate() {
            let _ = writeln!(text, "{index:>5}  {}", self.name(index));
            for input in &quantum.inputs {
                let from = match input.datasets.as_slice() {
                    [] => "none".to_owned(),
                    [one] => source(one),
                    [first, ..] => {
                        format!("{} datasets, such as {}", input.datasets.len(), source(first))
                    }
                };
                let _ = writeln!(text, "         reads {}: {from}", input.connection);
            }
            if let Some(before) = quantum.follows {
                let _ = writeln!(text, "         after quantum {before}");
            }
            let mut made: Vec<(&str, usize)> = vec![];
            for output in &quantum.outputs {
                match made.last_mut() {
                    Some((name, count)) if *name == output.dataset_type.name => *count += 1,
                    _ => made.push((&output.dataset_type.name, 1)),
                }
            }
            let made: Vec<String> = made
                .into_iter()
                .map(|(name, count)| match count {
                    1 => name.to_owned(),
                    count => format!("{name} (up to {count})"),
                })
                .collect();
            let _ = writeln!(text, "         makes {}", made.join(", "));
        }
        for reason in &self.pruned {
            let _ = writeln!(text, "left out: {reason}");
        }
        text
    }

    /// The graph in Graphviz's language: boxes are quanta, ellipses datasets.
    pub fn to_dot(&self) -> String {
        let mut dot =
            String::from("digraph quanta {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
        for (index, quantum) in self.quanta.iter().enumerate() {
            let name = quote(&self.name(index).replace(" (", "\n("));
            let _ = writeln!(
                dot,
                "  q{index} [shape=box, style=filled, fillcolor=lightblue, label={name}];"
            );
            for output in &quantum.outputs {
                let id = quote(&format!("{} {}", output.dataset_type.name, output.data_id));
                let label = quote(&output.dataset_type.name);
                let _ =
                    writeln!(dot, "  {id} [shape=ellipse, label={label}];\n  q{index} -> {id};");
            }
            for dataset in quantum.inputs.iter().flat_map(|input| &input.datasets) {
                let (id, label) = match dataset {
                    InputDataset::Made { dataset_type, data_id, .. } => {
                        (format!("{dataset_type} {data_id}"), dataset_type.clone())
                    }
                    InputDataset::Existing(dataset) => {
                        let name = &dataset.dataset_type.name;
                        (format!("{name} {}", dataset.data_id), name.clone())
                    }
                    InputDataset::History(dataset_type) => {
                        (dataset_type.name.clone(), dataset_type.name.clone())
                    }
                };
                let (id, label) = (quote(&id), quote(&label));
                if !matches!(dataset, InputDataset::Made { .. }) {
                    let _ = writeln!(dot, "  {id} [shape=ellipse, style=bold, label={label}];");
                }
                let _ = writeln!(dot, "  {id} -> q{index};");
            }
            if let Some(before) = quantum.follows {
                let _ = writeln!(dot, "  q{before} -> q{index} [style=dashed];");
            }
        }
        dot.push_str("}\n");
        dot
    }
}

fn source(dataset: &InputDataset) -> String {
    match dataset {
        InputDataset::Existing(dataset) => dataset.to_string(),
        InputDataset::Made { by, dataset_type, .. } => format!("{dataset_type} of quantum {by}"),
        InputDataset::History(_) => "rows of the catalog".to_owned(),
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
