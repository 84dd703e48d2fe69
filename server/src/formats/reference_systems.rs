//! The frames of positions and the scales of times in a result: VOTable's COOSYS and TIMESYS.
//!
//! Positions are ICRS; where the metadata of a column name an epoch, that is the epoch to which
//! proper motions have carried them. A time in days is a Modified Julian Date, in TAI unless the
//! column says otherwise; a timestamp has a scale only if one is known.
//!
//! Reference: VOTable 1.4, sections 3.1 and 3.2.

use almagest_engine::arrow::datatypes::{DataType, Field, Schema};
use almagest_storage::schema::arrow::{DESCRIPTION, EPOCH, TIME_SCALE, UCD, UNIT};

use crate::xml::{Attribute, Escaped};

/// What values of a column are referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceSystem {
    /// Positions and motions on the sky, ICRS.
    Sky {
        /// The epoch of positions, such as `J2016.0`.
        epoch: Option<String>,
    },
    /// Times.
    Time {
        /// The scale, such as TAI.
        scale: String,
        /// Is the value a Modified Julian Date, as opposed to a date of the calendar?
        is_mjd: bool,
    },
}

/// The systems that a result needs, each once.
#[derive(Debug, Clone, Default)]
pub struct ReferenceSystems {
    systems: Vec<(String, ReferenceSystem)>,
    /// For each column the place of its system.
    columns: Vec<Option<usize>>,
}

impl ReferenceSystems {
    /// Collect what the columns of `schema` refer to.
    pub fn of(schema: &Schema) -> Self {
        let mut found = Self::default();
        for field in schema.fields() {
            let system = ReferenceSystem::of(field).map(|system| found.place_of(system));
            found.columns.push(system);
        }
        found
    }

    fn place_of(&mut self, system: ReferenceSystem) -> usize {
        let known = self.systems.iter().position(|(_, known)| *known == system);
        known.unwrap_or_else(|| {
            self.systems.push((system.id(), system));
            self.systems.len() - 1
        })
    }

    /// The systems.
    pub fn iter(&self) -> impl Iterator<Item = &ReferenceSystem> {
        self.systems.iter().map(|(_, system)| system)
    }

    /// The identifiers of all systems.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.systems.iter().map(|(id, _)| id.as_str())
    }

    /// The identifier of the system that the column at `place` refers to.
    pub fn of_column(&self, place: usize) -> Option<&str> {
        let (id, _) = &self.systems[(*self.columns.get(place)?)?];
        Some(id)
    }

    /// The elements COOSYS and TIMESYS.
    pub fn elements(&self) -> String {
        self.systems.iter().map(|(id, system)| system.element(id)).collect()
    }
}

impl ReferenceSystem {
    fn of(field: &Field) -> Option<Self> {
        let get = |key: &str| field.metadata().get(key).map(String::as_str);
        let ucd = get(UCD)?.to_ascii_lowercase();
        let first = ucd.split(';').next()?.trim();
        let is_timestamp = matches!(field.data_type(), DataType::Timestamp(..));
        match (first, get(UNIT)) {
            ("pos.eq.ra" | "pos.eq.dec" | "pos.eq" | "pos.outline", Some("deg")) => {
                Some(Self::Sky { epoch: get(EPOCH).map(str::to_owned) })
            }
            ("pos.pm", Some(_)) => Some(Self::Sky { epoch: get(EPOCH).map(str::to_owned) }),
            ("time.epoch" | "time.start" | "time.end" | "time", Some("d"))
                if field.data_type() == &DataType::Float64 =>
            {
                let scale = get(TIME_SCALE).or_else(|| scale_of_mjd(field)).unwrap_or("TAI");
                Some(Self::Time { scale: scale.to_owned(), is_mjd: true })
            }
            (_, _) if is_timestamp => {
                Some(Self::Time { scale: get(TIME_SCALE)?.to_owned(), is_mjd: false })
            }
            _ => None,
        }
    }

    fn id(&self) -> String {
        match self {
            Self::Sky { epoch: None } => "icrs".to_owned(),
            Self::Sky { epoch: Some(epoch) } => {
                let legal = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                format!("icrs_{}", epoch.chars().map(legal).collect::<String>())
            }
            Self::Time { scale, is_mjd } => {
                let form = if *is_mjd { "mjd" } else { "iso" };
                format!("{form}_{}", scale.to_ascii_lowercase())
            }
        }
    }

    fn element(&self, id: &str) -> String {
        match self {
            Self::Sky { epoch } => {
                let epoch = Attribute("epoch", epoch.as_deref());
                format!("<COOSYS ID=\"{id}\" system=\"ICRS\"{epoch}/>\n")
            }
            Self::Time { scale, is_mjd } => {
                let origin = Attribute("timeorigin", is_mjd.then_some("MJD-origin"));
                let (scale, place) = (Escaped(scale), place_of(scale));
                format!(
                    "<TIMESYS ID=\"{id}\"{origin} timescale=\"{scale}\" refposition=\"{place}\"/>\n"
                )
            }
        }
    }
}

/// Where the clock stands: barycentric time is that of the barycentre.
fn place_of(scale: &str) -> &'static str {
    match scale {
        "TDB" | "TCB" => "BARYCENTER",
        _ => "TOPOCENTER",
    }
}

/// The scale of a Modified Julian Date, in the words of its description or its name.
fn scale_of_mjd(field: &Field) -> Option<&'static str> {
    let description = field.metadata().get(DESCRIPTION).map_or("", String::as_str);
    let words = || description.split(|c: char| !c.is_ascii_alphanumeric());
    let mut named = ["TAI", "UTC", "TT", "TDB", "TCB"]
        .into_iter()
        .filter(|scale| words().any(|word| word == *scale));
    match (named.next(), named.next()) {
        (Some(scale), None) => return Some(scale),
        (Some(_), Some(_)) | (None, _) => {}
    }
    let name = field.name().to_ascii_lowercase();
    ["tai", "utc", "tdb"]
        .into_iter()
        .zip(["TAI", "UTC", "TDB"])
        .find_map(|(ending, scale)| name.contains(ending).then_some(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, facts: &[(&str, &str)], expected: Option<&str>) {
        let metadata = facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let data_type = match facts.iter().any(|(key, _)| *key == UNIT) {
            true => DataType::Float64,
            false => {
                DataType::Timestamp(almagest_engine::arrow::datatypes::TimeUnit::Microsecond, None)
            }
        };
        let field = Field::new(name, data_type, true).with_metadata(metadata.collect());
        let found = ReferenceSystems::of(&Schema::new(vec![field]));
        assert_eq!(found.of_column(0), expected, "{name}");
    }

    #[test]
    fn a_time_has_its_scale_and_a_position_its_frame() {
        let at = (UCD, "pos.eq.ra;meta.main");
        check("ra", &[at, (UNIT, "deg")], Some("icrs"));
        check("ra", &[at, (UNIT, "deg"), (EPOCH, "J2016.0")], Some("icrs_J2016_0"));
        check("pmra", &[(UCD, "pos.pm;pos.eq.ra"), (UNIT, "mas.yr**-1")], Some("icrs"));
        check("raErr", &[(UCD, "stat.error;pos.eq.ra"), (UNIT, "deg")], None);
        let time = (UCD, "time.epoch");
        check("expMidptMJD", &[time, (UNIT, "d")], Some("mjd_tai"));
        check("startMjdUtc", &[(UCD, "time.start"), (UNIT, "d")], Some("mjd_utc"));
        check("t", &[time, (UNIT, "d"), (DESCRIPTION, "Epoch, MJD in TDB.")], Some("mjd_tdb"));
        check("expTime", &[(UCD, "time.duration;obs.exposure"), (UNIT, "s")], None);
        check("created", &[(UCD, "time.creation")], None);
        check("obsStart", &[(UCD, "time.start"), (TIME_SCALE, "TAI")], Some("iso_tai"));
    }

    #[test]
    fn a_system_is_named_once_and_a_barycentric_one_is_at_the_barycentre() {
        let field = |name: &str, ucd: &str, unit: &str| {
            let facts = [(UCD, ucd), (UNIT, unit)].map(|(k, v)| (k.to_owned(), v.to_owned()));
            Field::new(name, DataType::Float64, true).with_metadata(facts.into())
        };
        let found = ReferenceSystems::of(&Schema::new(vec![
            field("ra", "pos.eq.ra", "deg"),
            field("dec", "pos.eq.dec", "deg"),
            field("bary_tdb", "time.epoch", "d"),
        ]));
        assert_eq!(
            found.elements(),
            "<COOSYS ID=\"icrs\" system=\"ICRS\"/>\n<TIMESYS ID=\"mjd_tdb\" \
             timeorigin=\"MJD-origin\" timescale=\"TDB\" refposition=\"BARYCENTER\"/>\n"
        );
    }
}
