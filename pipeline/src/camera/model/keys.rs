//! The keys of a camera's file: all that are unknown or missing, each with its place.
//!
//! Serde stops at the first. What is told here are keys alone; values and their types are read afterwards.

use serde_yaml_ng::Value;

use super::check::CameraProblem;
use crate::butler::nearest;

/// What lies below a key.
enum Below {
    /// A value.
    Value,
    /// A mapping.
    One(&'static Keys),
    /// A list of mappings.
    List(&'static Keys),
    /// Mappings by names that the file chooses.
    Named(&'static Keys),
}

use Below::{List, Named, One, Value as Leaf};

/// The keys of a mapping.
struct Keys {
    required: &'static [(&'static str, Below)],
    optional: &'static [(&'static str, Below)],
}

const CAMERA: Keys = Keys {
    required: &[
        ("name", Leaf),
        ("recognise", Leaf),
        ("pixel_scale_arcsec", Leaf),
        ("pixel_um", Leaf),
        ("filters", List(&FILTER)),
        ("raw", One(&RAW)),
        ("layouts", Named(&LAYOUT)),
        ("detectors", List(&DETECTOR)),
        ("headers", One(&HEADERS)),
    ],
    optional: &[("distortion", Leaf)],
};
const FILTER: Keys = Keys {
    required: &[("name", Leaf), ("band", Leaf), ("wavelength_nm", Leaf), ("width_nm", Leaf)],
    optional: &[("electron_per_s_mag", Leaf)],
};
const RAW: Keys =
    Keys { required: &[("hdu", Leaf), ("adc_bits", Leaf)], optional: &[("marks", Leaf)] };
const LAYOUT: Keys = Keys {
    required: &[("size_px", Leaf), ("amplifiers", List(&AMPLIFIER))],
    optional: &[
        ("sections", One(&SECTIONS)),
        ("nonlinearity_per_e", Leaf),
        ("crosstalk", List(&CROSSTALK)),
    ],
};
const SECTIONS: Keys = Keys {
    required: &[],
    optional: &[
        ("data", Leaf),
        ("prescan", Leaf),
        ("serial_overscan", Leaf),
        ("parallel_overscan", Leaf),
    ],
};
const AMPLIFIER: Keys = Keys {
    required: &[
        ("name", Leaf),
        ("detector", Leaf),
        ("gain", Leaf),
        ("read_noise", Leaf),
        ("saturation", Leaf),
    ],
    optional: &[
        ("hdu", Leaf),
        ("flip", Leaf),
        ("sections", One(&SECTIONS)),
        ("nonlinearity_per_e", Leaf),
    ],
};
const CROSSTALK: Keys =
    Keys { required: &[("target", Leaf), ("source", Leaf), ("coefficient", Leaf)], optional: &[] };
const DETECTOR: Keys = Keys {
    required: &[("id", Leaf), ("name", Leaf), ("layout", Leaf), ("x_mm", Leaf), ("y_mm", Leaf)],
    optional: &[("rotation_deg", Leaf)],
};
const HEADERS: Keys = Keys {
    required: &[
        ("detector", One(&DETECTOR_KEY)),
        ("visit", Leaf),
        ("exposure_type", One(&EXPOSURE_TYPE)),
        ("start", One(&START)),
        ("exposure_time", Leaf),
    ],
    optional: &[
        ("dark_time", Leaf),
        ("filter", Leaf),
        ("boresight", One(&BORESIGHT)),
        ("rotation", Leaf),
        ("airmass", Leaf),
        ("target", Leaf),
    ],
};
const DETECTOR_KEY: Keys =
    Keys { required: &[("keywords", Leaf), ("is", Leaf)], optional: &[("join", Leaf)] };
const EXPOSURE_TYPE: Keys = Keys {
    required: &[
        ("keyword", Leaf),
        ("bias", Leaf),
        ("dark", Leaf),
        ("flat", Leaf),
        ("science", Leaf),
    ],
    optional: &[("spot", Leaf), ("fe55", Leaf)],
};
const START: Keys = Keys { required: &[("keyword", Leaf), ("scale", Leaf)], optional: &[] };
const BORESIGHT: Keys = Keys { required: &[("ra", Leaf), ("dec", Leaf)], optional: &[] };

/// The unknown and missing keys of a camera's file.
pub(super) fn problems(file: &Value) -> Vec<CameraProblem> {
    let mut problems = vec![];
    CAMERA.look_at(file, "", &mut problems);
    problems
}

impl Keys {
    fn all(&self) -> impl Iterator<Item = &(&'static str, Below)> {
        self.required.iter().chain(self.optional)
    }

    fn look_at(&self, node: &Value, at: &str, problems: &mut Vec<CameraProblem>) {
        // What is no mapping is of the wrong type, and told so when it is read.
        let Value::Mapping(map) = node else { return };
        let path = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        for (key, child) in map {
            let Some(key) = key.as_str() else { continue };
            match self.all().find(|(known, _)| *known == key) {
                Some((_, below)) => below.look_at(child, &path(key), problems),
                None => {
                    let near = nearest(key, self.all().map(|(known, _)| *known));
                    let near = near.map_or(String::new(), |near| format!(", did you mean {near}?"));
                    let reason = format!("there is no such key{near}");
                    problems.push(CameraProblem { key: path(key), reason });
                }
            }
        }
        for (key, _) in self.required.iter().filter(|(key, _)| !map.contains_key(*key)) {
            problems.push(CameraProblem { key: path(key), reason: "is missing".to_owned() });
        }
    }
}

impl Below {
    fn look_at(&self, node: &Value, at: &str, problems: &mut Vec<CameraProblem>) {
        match (self, node) {
            (One(keys), node) => keys.look_at(node, at, problems),
            (List(keys), Value::Sequence(items)) => {
                for (index, item) in items.iter().enumerate() {
                    keys.look_at(item, &format!("{at}[{index}]"), problems);
                }
            }
            (Named(keys), Value::Mapping(named)) => {
                for (name, item) in named {
                    let name = name.as_str().unwrap_or_default();
                    keys.look_at(item, &format!("{at}.{name}"), problems);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde::de::DeserializeOwned;

    use super::super::file::{
        AmplifierFile, CameraFile, CrosstalkFile, DetectorFile, LayoutFile, RawFile, SectionsFile,
    };
    use super::super::header_map::{
        BoresightKey, DetectorKey, ExposureTypeKey, HeaderMap, StartKey,
    };
    use super::*;
    use crate::camera::model::Filter;

    /// What serde says of a mapping with one key, or of none.
    fn says<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        serde_yaml_ng::from_str::<T>(text).map_or_else(|e| e.to_string(), |_| String::new())
    }

    #[track_caller]
    fn check<T: DeserializeOwned + std::fmt::Debug>(keys: &Keys) {
        let message = says::<T>("zzz: 1");
        let (_, expected) = message.split_once("expected").unwrap();
        let mut known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let mut listed: Vec<&str> = keys.all().map(|(key, _)| *key).collect();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, known);
        let missing = says::<T>("{}");
        let first = keys.required.first().map(|(key, _)| format!("missing field `{key}`"));
        assert!(missing.contains(&first.unwrap_or_default()), "{missing}");
    }

    #[test]
    fn the_keys_are_those_of_the_types() {
        check::<CameraFile>(&CAMERA);
        check::<Filter>(&FILTER);
        check::<RawFile>(&RAW);
        check::<LayoutFile>(&LAYOUT);
        check::<SectionsFile>(&SECTIONS);
        check::<AmplifierFile>(&AMPLIFIER);
        check::<CrosstalkFile>(&CROSSTALK);
        check::<DetectorFile>(&DETECTOR);
        check::<HeaderMap>(&HEADERS);
        check::<DetectorKey>(&DETECTOR_KEY);
        check::<ExposureTypeKey>(&EXPOSURE_TYPE);
        check::<StartKey>(&START);
        check::<BoresightKey>(&BORESIGHT);
    }
}
