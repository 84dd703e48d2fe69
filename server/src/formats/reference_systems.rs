//! The frames of positions and the scales of times in a result: VOTable's COOSYS and TIMESYS.
//!
//! Where the column of an upload came with such an element, that is it. Else positions are ICRS, at
//! the epoch that the table's definition names; a time in days is a Modified Julian Date, in TAI
//! unless the column says otherwise; a timestamp has a scale only if one is known.
//!
//! Reference: VOTable 1.4, sections 3.1 and 3.2.

use almagest_engine::arrow::datatypes::{DataType, Field, Schema};
use almagest_storage::schema::arrow::{COOSYS, DESCRIPTION, EPOCH, TIME_SCALE, TIMESYS, UCD, UNIT};

use crate::xml::Attribute;

/// What the values of a column are referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceSystem {
    element: &'static str,
    attributes: Vec<(String, String)>,
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
            let mut id = system.id();
            while self.ids().any(|known| known == id) {
                id.push('_');
            }
            self.systems.push((id, system));
            self.systems.len() - 1
        })
    }

    /// The one frame of all positions, if there is just one.
    pub fn only_frame(&self) -> Option<&str> {
        self.only(COOSYS_ELEMENT, "system")
    }

    /// The one scale of all times, if there is just one.
    pub fn only_scale(&self) -> Option<&str> {
        self.only(TIMESYS_ELEMENT, "timescale")
    }

    fn only(&self, element: &str, attribute: &str) -> Option<&str> {
        let systems = self.systems.iter().map(|(_, system)| system);
        let mut values: Vec<&str> = systems
            .filter(|system| system.element == element)
            .filter_map(|system| system.get(attribute))
            .collect();
        values.dedup();
        match values.as_slice() {
            [one] => Some(one),
            _ => None,
        }
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
        let element = |(id, system): &(String, ReferenceSystem)| {
            let attributes = system.attributes.iter();
            let attributes =
                attributes.map(|(name, value)| Attribute(name, Some(value)).to_string());
            format!("<{} ID=\"{id}\"{}/>\n", system.element, attributes.collect::<String>())
        };
        self.systems.iter().map(element).collect()
    }
}

const COOSYS_ELEMENT: &str = "COOSYS";
const TIMESYS_ELEMENT: &str = "TIMESYS";

impl ReferenceSystem {
    fn of(field: &Field) -> Option<Self> {
        let get = |key: &str| field.metadata().get(key).map(String::as_str);
        if let Some(words) = get(COOSYS) {
            return Some(Self::in_words(COOSYS_ELEMENT, words));
        }
        if let Some(words) = get(TIMESYS) {
            return Some(Self::in_words(TIMESYS_ELEMENT, words));
        }
        let ucd = get(UCD)?.to_ascii_lowercase();
        let first = ucd.split(';').next()?.trim();
        let is_timestamp = matches!(field.data_type(), DataType::Timestamp(..));
        match (first, get(UNIT)) {
            // The last two are the words of a cone search.
            (
                "pos.eq.ra" | "pos.eq.dec" | "pos.eq" | "pos.outline" | "pos_eq_ra_main"
                | "pos_eq_dec_main",
                Some("deg"),
            )
            | ("pos.pm", Some(_)) => {
                let epoch = get(EPOCH).map(|epoch| ("epoch", epoch));
                let attributes = [("system", "ICRS")].into_iter().chain(epoch);
                Some(Self::new(COOSYS_ELEMENT, attributes))
            }
            ("time.epoch" | "time.start" | "time.end" | "time", Some("d"))
                if field.data_type() == &DataType::Float64 =>
            {
                let scale = get(TIME_SCALE).or_else(|| scale_of_mjd(field)).unwrap_or("TAI");
                let origin = ("timeorigin", "MJD-origin");
                let place = ("refposition", place_of(scale));
                Some(Self::new(TIMESYS_ELEMENT, [origin, ("timescale", scale), place].into_iter()))
            }
            _ if is_timestamp => {
                let scale = get(TIME_SCALE)?;
                let place = ("refposition", place_of(scale));
                Some(Self::new(TIMESYS_ELEMENT, [("timescale", scale), place].into_iter()))
            }
            _ => None,
        }
    }

    fn new<'a>(
        element: &'static str,
        attributes: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { element, attributes: attributes.collect() }
    }

    /// Read what an upload said, as `system=ICRS epoch=2016.0`.
    fn in_words(element: &'static str, words: &str) -> Self {
        Self::new(element, words.split(' ').filter_map(|word| word.split_once('=')))
    }

    fn get(&self, attribute: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes.find(|(name, _)| name == attribute).map(|(_, value)| value.as_str())
    }

    /// A name for people: `icrs`, `icrs_J2016_0`, `mjd_tai`.
    fn id(&self) -> String {
        let words = match self.element {
            COOSYS_ELEMENT => {
                let system = self.get("system").unwrap_or("sky").to_ascii_lowercase();
                [Some(system), self.get("epoch").map(str::to_owned)]
            }
            _ => {
                let form = if self.get("timeorigin").is_some() { "mjd" } else { "iso" };
                [Some(form.to_owned()), self.get("timescale").map(str::to_ascii_lowercase)]
            }
        };
        let id = words.into_iter().flatten().collect::<Vec<_>>().join("_");
        id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    }
}

/// Where the clock stands: barycentric time is that of the barycentre.
fn place_of(scale: &str) -> &'static str {
    match scale {
        "TDB" | "TCB" => "BARYCENTER",
        _ => "TOPOCENTER",
    }
}

/// The scale of a Modified Julian Date, in the words of its description or in its name.
fn scale_of_mjd(field: &Field) -> Option<&'static str> {
    let description = field.metadata().get(DESCRIPTION).map_or("", String::as_str);
    let words = || description.split(|c: char| !c.is_ascii_alphanumeric());
    let is_named = |scale: &&str| words().any(|word| word == *scale);
    let mut named = ["TAI", "UTC", "TT", "TDB", "TCB"].into_iter().filter(is_named);
    if let (Some(scale), None) = (named.next(), named.next()) {
        return Some(scale);
    }
    let name = field.name().to_ascii_lowercase();
    let endings = [("tai", "TAI"), ("utc", "UTC"), ("tdb", "TDB"), ("tcb", "TCB")];
    endings.into_iter().find_map(|(ending, scale)| name.contains(ending).then_some(scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use almagest_engine::arrow::datatypes::TimeUnit;

    fn field(name: &str, facts: &[(&str, &str)]) -> Field {
        let is_number = facts.iter().any(|(key, _)| *key == UNIT);
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        let data_type = if is_number { DataType::Float64 } else { time };
        let facts = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Field::new(name, data_type, true).with_metadata(facts.collect())
    }

    fn check(name: &str, facts: &[(&str, &str)], expected: Option<&str>) {
        let found = ReferenceSystems::of(&Schema::new(vec![field(name, facts)]));
        assert_eq!(found.of_column(0), expected, "{name}");
    }

    #[test]
    fn a_time_has_its_scale_and_a_position_its_frame() {
        let at = (UCD, "pos.eq.ra;meta.main");
        check("ra", &[at, (UNIT, "deg")], Some("icrs"));
        check("ra", &[at, (UNIT, "deg"), (EPOCH, "J2016.0")], Some("icrs_J2016_0"));
        check("ra", &[at, (UNIT, "deg"), (COOSYS, "system=FK5 equinox=J2000")], Some("fk5"));
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
    fn a_system_is_named_once_and_is_what_an_upload_said() {
        let deg = (UNIT, "deg");
        let fk5 = (COOSYS, "system=FK5 equinox=J2000");
        let found = ReferenceSystems::of(&Schema::new(vec![
            field("ra", &[(UCD, "pos.eq.ra"), deg]),
            field("dec", &[(UCD, "pos.eq.dec"), deg]),
            field("ra5", &[deg, fk5]),
            field("bary_tdb", &[(UCD, "time.epoch"), (UNIT, "d")]),
        ]));
        assert_eq!(
            found.elements(),
            "<COOSYS ID=\"icrs\" system=\"ICRS\"/>\n\
             <COOSYS ID=\"fk5\" system=\"FK5\" equinox=\"J2000\"/>\n\
             <TIMESYS ID=\"mjd_tdb\" timeorigin=\"MJD-origin\" timescale=\"TDB\" \
             refposition=\"BARYCENTER\"/>\n"
        );
        assert_eq!((found.only_frame(), found.only_scale()), (None, Some("TDB")));
    }
}
