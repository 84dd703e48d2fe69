//! The shift and rotation between an image and its reference stars, from pairs of bright stars.
//!
//! A pair of sources and a pair of stars of equal length, whose directions differ by no more than the
//! rotation allowed, suggest a rotation and a shift. Each suggestion is tried on all bright sources: the one
//! that brings most of them onto a star wins, unless chance does as well.

use super::{AstrometryConfig, AstrometryError, PlaneStar, distance, nearest};
use kiddo::ImmutableKdTree;

/// Tolerance of places within the pattern, arcsec.
const TOLERANCE_ARCSEC: f64 = 1.0;
/// Shortest pair, as a part of the half diagonal: short ones do not tell the rotation.
const SHORTEST_PAIR: f64 = 0.15;
/// Reference stars for each source of the pattern.
const STARS_PER_SOURCE: usize = 3;
/// Share of the smaller of the two lists from which on a match is good enough to stop.
const CERTAIN: f64 = 0.6;
/// Share of the smaller of the two lists that must agree.
const LEAST_SHARE: f64 = 0.2;
/// Factor by which matches must exceed what chance gives at the best of many trials.
const OVER_CHANCE: f64 = 3.0;

/// A shift after a rotation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    pub shift: [f64; 2],
    pub rotation_rad: f64,
}

impl Pattern {
    fn apply(&self, at: [f64; 2]) -> [f64; 2] {
        let (sin, cos) = self.rotation_rad.sin_cos();
        [cos * at[0] - sin * at[1] + self.shift[0], sin * at[0] + cos * at[1] + self.shift[1]]
    }
}

/// A pair of stars: the two, its length and direction.
struct Pair {
    ends: [usize; 2],
    length: f64,
    angle: f64,
}

/// Find the pattern of the brightest of `seen` among the brightest of `known`.
pub(super) fn find(
    seen: &[PlaneStar],
    known: &[PlaneStar],
    tree: &ImmutableKdTree<f64, 2>,
    half_diagonal: f64,
    config: &AstrometryConfig,
) -> Result<Pattern, AstrometryError> {
    let sources = brightest(seen, config.pattern_sources);
    let stars = brightest(known, STARS_PER_SOURCE * config.pattern_sources);
    let mut pairs: Vec<Pair> = pairs(&stars, SHORTEST_PAIR * half_diagonal);
    pairs.sort_by(|a, b| a.length.total_cmp(&b.length));
    let limit = config.max_rotation_deg.to_radians();
    let mut best = (0, Pattern { shift: [0.0; 2], rotation_rad: 0.0 });
    // Of sixty sources no more than twenty can be among twenty stars.
    let possible = sources.len().min(stars.len()) as f64;
    let enough = (CERTAIN * possible).max(config.min_matches as f64) as usize;
    for pair in self::pairs(&sources, SHORTEST_PAIR * half_diagonal) {
        let first = pairs.partition_point(|p| p.length < pair.length - TOLERANCE_ARCSEC);
        let alike = pairs[first..]
            .iter()
            .take_while(|p| p.length <= pair.length + TOLERANCE_ARCSEC)
            .flat_map(|p| [(p.ends, p.angle), ([p.ends[1], p.ends[0]], turned(p.angle))]);
        for (ends, angle) in alike {
            let rotation_rad = difference(angle, pair.angle);
            if rotation_rad.abs() > limit {
                continue;
            }
            let turn = Pattern { shift: [0.0; 2], rotation_rad };
            let (a, b) =
                (turn.apply(sources[pair.ends[0]].at), turn.apply(sources[pair.ends[1]].at));
            let (p, q) = (stars[ends[0]].at, stars[ends[1]].at);
            let shift = [0.5 * (p[0] + q[0] - a[0] - b[0]), 0.5 * (p[1] + q[1] - a[1] - b[1])];
            if shift[0].hypot(shift[1]) > config.max_offset_arcsec {
                continue;
            }
            let trial = Pattern { shift, rotation_rad };
            let matches = agreeing(&sources, tree, &trial);
            if matches > best.0 {
                best = (matches, trial);
            }
        }
        if best.0 >= enough {
            break;
        }
    }
    let by_chance = expected_by_chance(sources.len(), known.len(), half_diagonal, config);
    let needed =
        (OVER_CHANCE * by_chance).max(LEAST_SHARE * possible).max(config.min_matches as f64);
    if (best.0 as f64) < needed {
        let (sources, stars) = (sources.len(), stars.len());
        return Err(AstrometryError::NoPattern { sources, stars, matches: best.0 });
    }
    Ok(best.1)
}

fn brightest(stars: &[PlaneStar], n: usize) -> Vec<PlaneStar> {
    let mut stars = stars.to_vec();
    stars.sort_by(|a, b| b.brightness.total_cmp(&a.brightness).then(a.index.cmp(&b.index)));
    stars.truncate(n);
    stars
}

/// Pairs of at least a length, the brighter ones first.
fn pairs(stars: &[PlaneStar], shortest: f64) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for b in 1..stars.len() {
        for a in 0..b {
            let length = distance(stars[a].at, stars[b].at);
            if length >= shortest {
                let (dx, dy) = (stars[b].at[0] - stars[a].at[0], stars[b].at[1] - stars[a].at[1]);
                pairs.push(Pair { ends: [a, b], length, angle: dy.atan2(dx) });
            }
        }
    }
    pairs
}

/// The opposite direction.
fn turned(angle: f64) -> f64 {
    angle + std::f64::consts::PI
}

/// Angle from `b` to `a`, between −π and π.
fn difference(a: f64, b: f64) -> f64 {
    let turn = std::f64::consts::TAU;
    let d = (a - b).rem_euclid(turn);
    if d > 0.5 * turn { d - turn } else { d }
}

/// Sources that a pattern brings onto a star.
fn agreeing(sources: &[PlaneStar], tree: &ImmutableKdTree<f64, 2>, pattern: &Pattern) -> usize {
    let on_a_star = |source: &&PlaneStar| {
        let hit = nearest(tree, pattern.apply(source.at));
        hit.1 <= TOLERANCE_ARCSEC * TOLERANCE_ARCSEC
    };
    sources.iter().filter(on_a_star).count()
}

/// Matches of sources with stars that are strewn at random.
fn expected_by_chance(
    sources: usize,
    stars: usize,
    half_diagonal: f64,
    config: &AstrometryConfig,
) -> f64 {
    let area = (half_diagonal + config.max_offset_arcsec).powi(2);
    sources as f64 * (stars as f64 * TOLERANCE_ARCSEC.powi(2) / area).min(1.0)
}
