//! Shapes against other implementations: the answers of pg_sphere, astropy, MOCPy and
//! spherical_geometry in `tests/oracle/shapes.txt` (made by `make_shapes.py` beside it).

use almagest_storage::sphgeom::{Frame, Shape, UnitVector, transform};

const ORACLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracle/shapes.txt");

/// One stored case.
struct Case {
    line: String,
    kind: String,
    fields: [String; 3],
}

impl Case {
    fn shape(&self, index: usize) -> Shape {
        Shape::parse(&self.fields[index]).unwrap_or_else(|error| panic!("{}: {error}", self.line))
    }

    fn numbers(&self, index: usize) -> Vec<f64> {
        self.fields[index].split_whitespace().map(|word| word.parse().unwrap()).collect()
    }

    /// Do we say what the other implementation said?
    fn agrees(&self) -> bool {
        let answer = |ours: bool| ours == (self.fields[2] == "1");
        match self.kind.as_str() {
            "within" | "moc-within" => answer(self.shape(0).is_within(&self.shape(1))),
            "intersects" | "moc-intersects" => {
                let (a, b) = (self.shape(0), self.shape(1));
                answer(a.intersects(&b)) && answer(b.intersects(&a))
            }
            "moc-point" => answer(self.shape(1).is_within(&self.shape(0))),
            "area" => {
                let [area, error] = self.numbers(2)[..] else { return false };
                (self.shape(0).area_sq_deg().unwrap() - area).abs() <= error
            }
            "centroid" => {
                let [lon, lat, error] = self.numbers(2)[..] else { return false };
                let ours = self.shape(0).centroid().unwrap();
                ours.angle_to(&UnitVector::from_lonlat_deg(lon, lat)).degrees() <= error
            }
            "transform" => {
                let frames: Vec<_> =
                    self.fields[0].split(' ').filter_map(Frame::from_name).collect();
                let at = |index: usize| {
                    let lonlat = self.numbers(index);
                    UnitVector::from_lonlat_deg(lonlat[0], lonlat[1])
                };
                let ours = transform(frames[0], frames[1], &at(1));
                // The frames of astropy are rotations too: a microsecond of arc is much.
                ours.angle_to(&at(2)).arcsec() < 1e-6
            }
            other => panic!("unknown kind {other}"),
        }
    }
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(ORACLE).unwrap();
    let case = |line: &str| {
        let mut fields = line.split('|').map(str::to_owned);
        let kind = fields.next().unwrap();
        let fields: Vec<_> = fields.collect();
        Case { line: line.to_owned(), kind, fields: fields.try_into().unwrap() }
    };
    text.lines().map(case).collect()
}

#[test]
fn shapes_agree_with_other_implementations() {
    let cases = cases();
    let wrong: Vec<_> = cases.iter().filter(|case| !case.agrees()).collect();
    let shown: Vec<_> = wrong.iter().take(12).map(|case| case.line.as_str()).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), shown.join("\n"));
    for kind in ["within", "intersects"] {
        for answer in ["0", "1"] {
            let count = cases.iter().filter(|c| c.kind == kind && c.fields[2] == answer).count();
            assert!(count > 200, "{kind} {answer}: {count}");
        }
    }
}
