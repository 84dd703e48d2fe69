//! Memory: what the machine has, what a quantum is expected to take, what the process took.

use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::butler::DatasetRef;
use crate::definition::TaskDefinition;

/// Memory that any quantum takes.
const LEAST_BYTES: u64 = 32 << 20;
/// What is assumed where the system does not tell.
const UNKNOWN_BYTES: u64 = 2 << 30;
/// Share of what is available that quanta may take.
const SHARE: f64 = 0.8;

/// Memory that quanta may take together on this machine, bytes.
pub fn available_memory_bytes() -> u64 {
    let available = field("/proc/meminfo", "MemAvailable:").unwrap_or(UNKNOWN_BYTES);
    (available as f64 * SHARE) as u64
}

/// Largest memory that the process has had while each of its quanta ran.
///
/// The system keeps one such figure, which is begun anew with each quantum; those that run have what
/// it was by then.
#[derive(Debug, Default)]
pub(super) struct PeakMemory {
    /// By number of the watch.
    running: Mutex<HashMap<u64, Option<u64>>>,
}

impl PeakMemory {
    /// Begin to watch; `number` is nobody else's at the time.
    pub fn begin(&self, number: u64) {
        let mut running = self.noted();
        // Without the right to, figures are those of the process since it began.
        let _ = fs::write("/proc/self/clear_refs", "5");
        running.insert(number, None);
    }

    /// End a watch; return the largest memory since its beginning, bytes.
    pub fn end(&self, number: u64) -> Option<u64> {
        self.noted().remove(&number).flatten()
    }

    /// Note the figure so far for all that run.
    fn noted(&self) -> MutexGuard<'_, HashMap<u64, Option<u64>>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let peak = field("/proc/self/status", "VmHWM:");
        running.values_mut().for_each(|largest| *largest = peak.max(*largest));
        running
    }
}

/// Memory that a quantum is expected to take.
pub(super) fn expected_bytes(
    task: &TaskDefinition,
    inputs: &[(&'static str, Vec<DatasetRef>)],
) -> u64 {
    let input_bytes: u64 =
        inputs.iter().flat_map(|(_, datasets)| datasets).map(|dataset| dataset.size_bytes).sum();
    let estimate = input_bytes as f64 * task.kind.memory_per_input_byte;
    task.memory_bytes.unwrap_or(LEAST_BYTES + estimate as u64)
}

/// A number of kilobytes in one of the system's tables.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

/// Tokens of memory: a quantum takes as many as it is expected to need.
#[derive(Debug)]
pub(super) struct Memory {
    total: u64,
    taken: u64,
}

impl Memory {
    pub fn new(total: u64) -> Self {
        Self { total, taken: 0 }
    }

    /// Take tokens, if there are as many. Who is alone gets what it wants.
    pub fn take(&mut self, bytes: u64) -> bool {
        let fits = self.taken == 0 || self.taken.saturating_add(bytes) <= self.total;
        if fits {
            self.taken = self.taken.saturating_add(bytes);
        }
        fits
    }

    pub fn give_back(&mut self, bytes: u64) {
        self.taken = self.taken.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn memory_is_shared_and_the_large_run_alone() {
        let mut memory = Memory::new(100);
        assert!(memory.take(60) && !memory.take(50) && memory.take(40));
        memory.give_back(60);
        assert!(!memory.take(1_000));
        memory.give_back(40);
        assert!(memory.take(1_000) && !memory.take(1));
    }

    #[test]
    fn the_system_tells_its_memory() {
        assert!(available_memory_bytes() > 1 << 20);
    }

    #[test]
    fn a_quantum_is_told_the_memory_of_its_own_time() {
        let watch = PeakMemory::default();
        let fill = |megabytes: usize| {
            let filled = std::hint::black_box(vec![1_u8; megabytes << 20]);
            filled.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        };
        watch.begin(1);
        assert!(fill(200) > 0);
        watch.begin(2);
        let (small, large) = (watch.end(2).unwrap(), watch.end(1).unwrap());
        assert!(large > 200 << 20, "{large}");
        // Another test of this process may fill memory at the time, but hardly as much.
        assert!(small + (100 << 20) < large, "{small} {large}");
    }
}
