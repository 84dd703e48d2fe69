//! Footprints: connected sets of pixels, kept as horizontal spans.

use super::Peak;
use ndarray::Array2;
use std::ops::Range;

/// Pixels `x` of row `y`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Row.
    pub y: usize,
    /// Columns.
    pub x: Range<usize>,
}

/// A connected region with its peaks.
#[derive(Debug, Clone)]
pub struct Footprint {
    /// The region, row by row.
    pub spans: Vec<Span>,
    /// Maxima inside, brightest first.
    pub peaks: Vec<Peak>,
}

impl Footprint {
    /// Number of pixels.
    pub fn area_px(&self) -> usize {
        self.spans.iter().map(|s| s.x.len()).sum()
    }

    /// Its pixels as `(row, column)`.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.spans.iter().flat_map(|span| span.x.clone().map(|x| (span.y, x)))
    }

    /// First column and number of columns, first row and number of rows, of the smallest box around it.
    pub fn bounds(&self) -> ((usize, usize), (usize, usize)) {
        let first = |values: &mut dyn Iterator<Item = usize>| values.min().unwrap_or(0);
        let x0 = first(&mut self.spans.iter().map(|span| span.x.start));
        let y0 = first(&mut self.spans.iter().map(|span| span.y));
        let x1 = self.spans.iter().map(|span| span.x.end).max().unwrap_or(0);
        let y1 = self.spans.iter().map(|span| span.y + 1).max().unwrap_or(0);
        ((x0, x1 - x0), (y0, y1 - y0))
    }
}

/// Regions of `above`, grown by `radius_px` in every direction and merged where they then touch.
pub(super) fn grown(above: &Array2<bool>, radius_px: f64) -> Vec<Footprint> {
    let spans = dilate(above, radius_px);
    let labels = connect(&spans);
    let mut footprints: Vec<Footprint> = Vec::new();
    let mut index_of_root = vec![usize::MAX; spans.len()];
    for (span, root) in spans.into_iter().zip(labels) {
        if index_of_root[root] == usize::MAX {
            index_of_root[root] = footprints.len();
            footprints.push(Footprint { spans: Vec::new(), peaks: Vec::new() });
        }
        footprints[index_of_root[root]].spans.push(span);
    }
    footprints
}

/// Spans of all pixels within `radius_px` of a set pixel, row by row.
fn dilate(above: &Array2<bool>, radius_px: f64) -> Vec<Span> {
    let (ny, nx) = above.dim();
    let rows: Vec<Vec<Range<usize>>> = above.outer_iter().map(|row| runs(row.iter())).collect();
    let reach = radius_px.max(0.0).floor() as usize;
    let half_widths: Vec<usize> = (0..=reach)
        .map(|dy| (radius_px * radius_px - (dy * dy) as f64).max(0.0).sqrt() as usize)
        .collect();
    let mut spans = Vec::new();
    let mut cover = vec![0i32; nx + 1];
    for y in 0..ny {
        let (mut first, mut last) = (usize::MAX, 0);
        for source in y.saturating_sub(reach)..(y + reach + 1).min(ny) {
            let half = half_widths[y.abs_diff(source)];
            for run in &rows[source] {
                let (start, end) = (run.start.saturating_sub(half), (run.end + half).min(nx));
                cover[start] += 1;
                cover[end] -= 1;
                (first, last) = (first.min(start), last.max(end));
            }
        }
        if first == usize::MAX {
            continue;
        }
        let (mut depth, mut start) = (0, None);
        for (x, change) in cover[first..=last].iter_mut().enumerate() {
            depth += std::mem::take(change);
            match (depth > 0, start) {
                (true, None) => start = Some(first + x),
                (false, Some(s)) => {
                    spans.push(Span { y, x: s..first + x });
                    start = None;
                }
                _ => {}
            }
        }
    }
    spans
}

/// Maximal runs of set pixels in a row.
fn runs<'a>(row: impl Iterator<Item = &'a bool>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (x, set) in row.enumerate() {
        if !*set {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == x => run.end = x + 1,
            _ => runs.push(x..x + 1),
        }
    }
    runs
}

/// Root of each span after joining those that touch, diagonals included.
fn connect(spans: &[Span]) -> Vec<usize> {
    let mut sets = DisjointSets::new(spans.len());
    let mut below = 0;
    for (k, span) in spans.iter().enumerate() {
        while spans[below].y + 1 < span.y
            || (spans[below].y + 1 == span.y && spans[below].x.end < span.x.start)
        {
            below += 1;
        }
        let mut other = below;
        while spans[other].y + 1 == span.y && spans[other].x.start <= span.x.end {
            sets.join(k, other);
            other += 1;
        }
    }
    (0..spans.len()).map(|k| sets.root(k)).collect()
}

/// Union–find with path halving.
pub(super) struct DisjointSets {
    parent: Vec<usize>,
}

impl DisjointSets {
    pub(super) fn new(n: usize) -> Self {
        Self { parent: (0..n).collect() }
    }

    pub(super) fn root(&mut self, mut k: usize) -> usize {
        while self.parent[k] != k {
            self.parent[k] = self.parent[self.parent[k]];
            k = self.parent[k];
        }
        k
    }

    /// Join the sets of `a` and `b` under the smaller root.
    pub(super) fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// Put the set with root `child` under the root `parent`.
    pub(super) fn hang(&mut self, child: usize, parent: usize) {
        self.parent[child] = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(rows: &[&str]) -> Array2<bool> {
        let nx = rows[0].len();
        Array2::from_shape_fn((rows.len(), nx), |(y, x)| rows[y].as_bytes()[x] == b'#')
    }

    fn check(rows: &[&str], radius_px: f64, areas: &[usize]) {
        let found: Vec<usize> =
            grown(&picture(rows), radius_px).iter().map(Footprint::area_px).collect();
        assert_eq!(found, areas, "{rows:?} grown by {radius_px}");
    }

    #[test]
    fn diagonal_neighbours_are_connected() {
        check(&["#..#", ".##.", "....", "#..."], 0.0, &[4, 1]);
        check(&["##.##", "#...#", "#####"], 0.0, &[11]);
        check(&["#.#.#"], 0.0, &[1, 1, 1]);
        check(&["....", "...."], 2.0, &[]);
    }

    #[test]
    fn a_u_shape_is_one_footprint() {
        check(&["#...#", "#...#", ".#.#.", "..#.."], 0.0, &[7]);
    }

    #[test]
    fn growth_is_round_and_merges() {
        check(&[".....", ".....", "..#..", ".....", "....."], 1.0, &[5]);
        check(&[".....", ".....", "..#..", ".....", "....."], 2.0, &[13]);
        check(&["#..#...."], 1.0, &[5]);
        check(&["#...#..."], 1.0, &[2, 3]);
    }
}
