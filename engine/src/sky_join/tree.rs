//! Directions in a k-d tree: the nearest ones of a place, however dense or sparse they are there.
//!
//! Each node parts its directions by a coordinate of the unit vector, that along which they spread
//! most, at the median.
//!
//! Reference: Friedman, Bentley & Finkel 1977, "An Algorithm for Finding Best Matches in Logarithmic
//! Expected Time", ACM Transactions on Mathematical Software 3, 209.

use std::collections::BinaryHeap;

use almagest_storage::sphgeom::UnitVector;

/// Directions that a leaf holds at most.
const LEAF: usize = 16;
/// By how much angles may be rounded, radians: what is farther by less counts as equally near.
const ROUNDING: f64 = 1e-14;
/// The same for squares of chords near 2, where an angle changes them least.
const ROUNDING_OF_SQUARE: f64 = 1e-12;

/// A direction and the number of its row.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: [f64; 3],
    row: u32,
}

/// A part of the tree.
#[derive(Debug, Clone, Copy)]
enum Node {
    /// The entries from a place to another.
    Leaf(u32, u32),
    /// What lies below `split` along `axis` follows at once; the rest is at node `above`.
    Fork { axis: u8, split: f64, above: u32 },
}

/// Directions, each with the number of its row.
pub(super) struct Tree {
    entries: Vec<Entry>,
    nodes: Vec<Node>,
}

impl Tree {
    /// Sort directions into a tree.
    pub fn new(directions: impl Iterator<Item = (UnitVector, u32)>) -> Self {
        let entries = directions.map(|(direction, row)| Entry { at: xyz(&direction), row });
        let mut tree = Self { entries: entries.collect(), nodes: vec![] };
        tree.grow(0, tree.entries.len());
        tree
    }

    /// Make the node of some entries.
    fn grow(&mut self, first: usize, end: usize) {
        if end - first <= LEAF {
            self.nodes.push(Node::Leaf(first as u32, end as u32));
            return;
        }
        let part = &mut self.entries[first..end];
        let axis = widest(part);
        let half = part.len() / 2;
        let (_, middle, _) =
            part.select_nth_unstable_by(half, |a, b| a.at[axis].total_cmp(&b.at[axis]));
        let split = middle.at[axis];
        let place = self.nodes.len();
        self.nodes.push(Node::Fork { axis: axis as u8, split, above: 0 });
        self.grow(first, first + half);
        let above = self.nodes.len() as u32;
        self.nodes[place] = Node::Fork { axis: axis as u8, split, above };
        self.grow(first + half, end);
    }

    /// How many directions there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Pass on the rows of the `n` nearest directions, and all that are as near as the last of them,
    /// in any order.
    pub fn nearest(&self, place: &UnitVector, n: usize, mut take: impl FnMut(u32)) {
        if n == 0 || self.entries.is_empty() {
            return;
        }
        let place = xyz(place);
        let mut nearest = Nearest { n, squares: BinaryHeap::with_capacity(n.min(self.len()) + 1) };
        self.search(0, &place, &mut nearest);
        let last = nearest.limit();
        let limit = match last.is_finite() {
            true => (last.sqrt() + ROUNDING).powi(2) + ROUNDING_OF_SQUARE * last,
            false => f64::INFINITY,
        };
        self.within(0, &place, limit, &mut take);
    }

    /// Look for nearer directions in a node.
    fn search(&self, node: usize, place: &[f64; 3], nearest: &mut Nearest) {
        match self.nodes[node] {
            Node::Leaf(first, end) => {
                for entry in &self.entries[first as usize..end as usize] {
                    nearest.see(square_of_chord(&entry.at, place));
                }
            }
            Node::Fork { axis, split, above } => {
                let offset = place[axis as usize] - split;
                let (below, above) = (node + 1, above as usize);
                let (near, far) = if offset < 0.0 { (below, above) } else { (above, below) };
                self.search(near, place, nearest);
                if offset * offset <= nearest.limit() {
                    self.search(far, place, nearest);
                }
            }
        }
    }

    /// Pass on what is within a chord, given by its square, in a node.
    fn within(&self, node: usize, place: &[f64; 3], square: f64, take: &mut impl FnMut(u32)) {
        match self.nodes[node] {
            Node::Leaf(first, end) => {
                let entries = &self.entries[first as usize..end as usize];
                let inside = |entry: &&Entry| square_of_chord(&entry.at, place) <= square;
                entries.iter().filter(inside).for_each(|entry| take(entry.row));
            }
            Node::Fork { axis, split, above } => {
                let offset = place[axis as usize] - split;
                if offset <= 0.0 || offset * offset <= square {
                    self.within(node + 1, place, square, take);
                }
                if offset >= 0.0 || offset * offset <= square {
                    self.within(above as usize, place, square, take);
                }
            }
        }
    }
}

/// The least squares of chords seen so far.
struct Nearest {
    n: usize,
    /// Those of the `n` nearest, as bits: of positive numbers these order alike.
    squares: BinaryHeap<u64>,
}

impl Nearest {
    /// The square beyond which nothing is among the nearest.
    fn limit(&self) -> f64 {
        match self.squares.peek() {
            Some(last) if self.squares.len() == self.n => f64::from_bits(*last),
            _ => f64::INFINITY,
        }
    }

    fn see(&mut self, square: f64) {
        if square < self.limit() {
            if self.squares.len() == self.n {
                self.squares.pop();
            }
            self.squares.push(square.to_bits());
        }
    }
}

/// The axis along which entries spread most.
fn widest(entries: &[Entry]) -> usize {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for entry in entries {
        for axis in 0..3 {
            low[axis] = low[axis].min(entry.at[axis]);
            high[axis] = high[axis].max(entry.at[axis]);
        }
    }
    let spread = |axis: &usize| high[*axis] - low[*axis];
    (0..3).max_by(|a, b| spread(a).total_cmp(&spread(b))).unwrap_or(0)
}

fn xyz(direction: &UnitVector) -> [f64; 3] {
    [direction.x, direction.y, direction.z]
}

fn square_of_chord(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directions that crowd in a field, lie on one meridian, are the same, and some anywhere.
    fn directions() -> Vec<UnitVector> {
        let part = |i: u32| f64::from(i.wrapping_mul(2_654_435_761)) / 2_f64.powi(32);
        let direction = |i: u32| {
            let (a, b) = (part(2 * i + 1), part(2 * i + 2));
            let (lon, lat) = match i % 5 {
                0 => (150.0 + 1e-4 * a, 2.0 + 1e-4 * b),
                1 => (30.0, 180.0 * b - 90.0),
                2 => (200.0, -45.0),
                3 => (360.0 * a, 90.0 - 1e-3 * b),
                _ => (360.0 * a, (2.0 * b - 1.0).asin().to_degrees()),
            };
            UnitVector::from_lonlat_deg(lon, lat)
        };
        (0..3000).map(direction).collect()
    }

    #[test]
    fn the_nearest_are_those_of_a_search_of_all() {
        let directions = directions();
        let tree = Tree::new(directions.iter().copied().zip(0..));
        assert_eq!(tree.len(), directions.len());
        let far = UnitVector::from_lonlat_deg(-30.0, -2.0);
        for place in directions.iter().step_by(41).chain([&far]) {
            let mut squares: Vec<f64> =
                directions.iter().map(|at| square_of_chord(&xyz(at), &xyz(place))).collect();
            let by_row = squares.clone();
            squares.sort_by(f64::total_cmp);
            for n in [1, 2, 17, 700, 2999, 3000, 5000] {
                let mut found = vec![];
                tree.nearest(place, n, |row| found.push(row));
                found.sort_unstable();
                let last = squares[n.min(squares.len()) - 1];
                let is_near = |row: &u32| by_row[*row as usize] <= last;
                let expected: Vec<u32> = (0..3000).filter(is_near).collect();
                assert!(expected.iter().all(|row| found.binary_search(row).is_ok()), "{n}");
                // Nothing comes but what is as near, roundings apart.
                let farthest = found.iter().map(|row| by_row[*row as usize]).fold(0.0, f64::max);
                assert!(farthest.sqrt() <= last.sqrt() + 1e-12, "{n}: {farthest} {last}");
            }
        }
    }

    #[test]
    fn few_directions_are_all_the_nearest() {
        let one = UnitVector::from_lonlat_deg(10.0, 20.0);
        let found = |tree: &Tree, n| {
            let mut found = vec![];
            tree.nearest(&one, n, |row| found.push(row));
            found
        };
        assert!(found(&Tree::new([].into_iter()), 3).is_empty());
        let tree = Tree::new([(one, 7)].into_iter());
        assert!(found(&tree, 0).is_empty());
        assert_eq!(found(&tree, 3), [7]);
    }
}
