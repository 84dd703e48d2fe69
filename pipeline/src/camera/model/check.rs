//! From a camera's file to a camera: all that makes no sense is reported at once, each with its key.

use std::collections::HashSet;
use std::fmt;

use super::file::{AmplifierFile, CameraFile, CrosstalkFile, DetectorFile, LayoutFile};
use super::{Amplifier, CameraModel, Crosstalk, DetectorModel, Given, Place, RawHdu, Sections};

/// Something in a camera's file that makes no sense.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraProblem {
    /// The key, as `layouts.science.amplifiers[3].gain`.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for CameraProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}

/// Problems under way.
#[derive(Default)]
struct Problems(Vec<CameraProblem>);

impl Problems {
    fn add(&mut self, key: impl Into<String>, reason: impl Into<String>) {
        self.0.push(CameraProblem { key: key.into(), reason: reason.into() });
    }

    fn require(&mut self, holds: bool, key: impl Into<String>, reason: impl Into<String>) {
        if !holds {
            self.add(key, reason);
        }
    }

    /// Reports every name that stands a second time.
    fn unique(&mut self, list: &str, names: impl Iterator<Item = String>) {
        let mut seen = HashSet::new();
        for (index, name) in names.enumerate() {
            self.require(!name.trim().is_empty(), format!("{list}[{index}]"), "is empty");
            if !seen.insert(name.clone()) {
                self.add(format!("{list}[{index}]"), format!("{name} is there twice"));
            }
        }
    }
}

fn positive(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// Check a file and make the camera of it.
pub(super) fn build(file: CameraFile) -> Result<CameraModel, Vec<CameraProblem>> {
    let mut problems = Problems::default();
    problems.require(!file.name.trim().is_empty(), "name", "is empty");
    problems.require(!file.recognise.is_empty(), "recognise", "names no keyword");
    for (keyword, values) in &file.recognise {
        let key = format!("recognise.{keyword}");
        problems.require(!values.is_empty(), key, "allows no value");
    }
    for (key, value) in
        [("pixel_scale_arcsec", file.pixel_scale_arcsec), ("pixel_um", file.pixel_um)]
    {
        problems.require(positive(value), key, format!("{value} is not positive"));
    }
    let bits = file.raw.adc_bits;
    problems.require((8..=31).contains(&bits), "raw.adc_bits", format!("{bits} is not 8 to 31"));
    check_filters(&file, &mut problems);
    file.headers.check(&mut |key, reason| problems.add(key, reason));
    for (name, layout) in &file.layouts {
        check_layout(&format!("layouts.{name}"), layout, file.raw.hdu, &mut problems);
    }
    check_detectors(&file, &mut problems);
    if !problems.0.is_empty() {
        return Err(problems.0);
    }
    let detectors = file
        .detectors
        .iter()
        .filter_map(|detector| Some(detector_model(detector, file.layouts.get(&detector.layout)?)));
    Ok(CameraModel {
        detectors: detectors.collect(),
        name: file.name,
        recognise: file.recognise.into_iter().collect(),
        pixel_scale_arcsec: file.pixel_scale_arcsec,
        pixel_um: file.pixel_um,
        distortion: file.distortion,
        filters: file.filters,
        raw_hdu: file.raw.hdu,
        raw_marks: file.raw.marks.into_iter().collect(),
        adc_bits: file.raw.adc_bits,
        headers: file.headers,
    })
}

fn check_filters(file: &CameraFile, problems: &mut Problems) {
    problems.require(!file.filters.is_empty(), "filters", "there is none");
    problems.unique("filters", file.filters.iter().map(|filter| filter.name.clone()));
    for (index, filter) in file.filters.iter().enumerate() {
        for (key, value) in [("wavelength_nm", filter.wavelength_nm), ("width_nm", filter.width_nm)]
        {
            let key = format!("filters[{index}].{key}");
            problems.require(positive(value), key, format!("{value} is not positive"));
        }
    }
}

fn check_layout(at: &str, layout: &LayoutFile, hdu: RawHdu, problems: &mut Problems) {
    let [nx, ny] = layout.size_px;
    problems.require(nx > 0 && ny > 0, format!("{at}.size_px"), "has no pixel");
    let list = format!("{at}.amplifiers");
    problems.require(!layout.amplifiers.is_empty(), &list, "there is none");
    problems.unique(&list, layout.amplifiers.iter().map(|amplifier| amplifier.name.clone()));
    for (index, amplifier) in layout.amplifiers.iter().enumerate() {
        let at = format!("{list}[{index}]");
        check_amplifier(&at, amplifier, layout, hdu, problems);
        for (other_index, other) in layout.amplifiers.iter().enumerate().take(index) {
            if amplifier.detector.overlaps(&other.detector) {
                let reason =
                    format!("{} overlaps that of amplifier {other_index}", amplifier.detector);
                problems.add(format!("{at}.detector"), reason);
            }
        }
    }
    let area: usize = layout.amplifiers.iter().map(|a| a.detector.nx * a.detector.ny).sum();
    if area < nx * ny {
        let reason = format!("leave {} of {} pixels uncovered", nx * ny - area, nx * ny);
        problems.add(&list, reason);
    }
    for (index, element) in layout.crosstalk.iter().enumerate() {
        check_crosstalk(&format!("{at}.crosstalk[{index}]"), element, layout, problems);
    }
}

fn check_amplifier(
    at: &str,
    amplifier: &AmplifierFile,
    layout: &LayoutFile,
    hdu: RawHdu,
    problems: &mut Problems,
) {
    let [nx, ny] = layout.size_px;
    let bbox = amplifier.detector;
    if !bbox.fits(nx, ny) {
        let reason = format!("{bbox} reaches beyond the detector's {nx} x {ny} pixels");
        problems.add(format!("{at}.detector"), reason);
    }
    for (key, given, may_be_zero) in [
        ("gain", &amplifier.gain, false),
        ("read_noise", &amplifier.read_noise, true),
        ("saturation", &amplifier.saturation, false),
    ] {
        if let Given::Number(value) = given
            && !(positive(*value) || (may_be_zero && *value == 0.0))
        {
            problems.add(format!("{at}.{key}"), format!("{value} is not positive"));
        }
    }
    if hdu == RawHdu::Amplifier {
        let key = format!("{at}.hdu");
        problems.require(amplifier.hdu.is_some(), key, "is missing: raw.hdu is amplifier");
    }
    let Some(sections) = sections(amplifier, layout) else {
        problems.add(format!("{at}.sections.data"), "is missing, here and in the layout");
        return;
    };
    let Place::Fixed(data) = sections.data else { return };
    if (data.nx, data.ny) != (bbox.nx, bbox.ny) {
        let reason = format!("{data} has not the size of the place on the detector, {bbox}");
        problems.add(format!("{at}.sections.data"), reason);
    }
    for (key, place) in [
        ("prescan", &sections.prescan),
        ("serial_overscan", &sections.serial_overscan),
        ("parallel_overscan", &sections.parallel_overscan),
    ] {
        if let Some(Place::Fixed(section)) = place
            && section.overlaps(&data)
        {
            problems.add(format!("{at}.sections.{key}"), format!("{section} overlaps data {data}"));
        }
    }
}

fn check_crosstalk(
    at: &str,
    element: &CrosstalkFile,
    layout: &LayoutFile,
    problems: &mut Problems,
) {
    for (key, name) in [("target", &element.target), ("source", &element.source)] {
        let known = layout.amplifiers.iter().any(|amplifier| amplifier.name == *name);
        problems.require(known, format!("{at}.{key}"), format!("there is no amplifier {name}"));
    }
    let differ = element.target != element.source;
    problems.require(differ, at, "an amplifier does not disturb itself");
    let small = element.coefficient.abs() < 0.1;
    problems.require(small, format!("{at}.coefficient"), "is not below 0.1");
}

fn check_detectors(file: &CameraFile, problems: &mut Problems) {
    problems.require(!file.detectors.is_empty(), "detectors", "there is none");
    problems.unique("detectors", file.detectors.iter().map(|detector| detector.name.clone()));
    let mut ids = HashSet::new();
    for (index, detector) in file.detectors.iter().enumerate() {
        let at = format!("detectors[{index}]");
        let id = detector.id;
        problems.require((0..256).contains(&id), format!("{at}.id"), "is not 0 to 255");
        problems.require(ids.insert(id), format!("{at}.id"), format!("{id} is there twice"));
        if !file.layouts.contains_key(&detector.layout) {
            let reason = format!("there is no layout {}", detector.layout);
            problems.add(format!("{at}.layout"), reason);
        }
        let finite = [detector.x_mm, detector.y_mm, detector.rotation_deg];
        problems.require(finite.iter().all(|v| v.is_finite()), &at, "has no finite place");
    }
}

/// The sections of an amplifier: its own, else the layout's; `None` without a data section.
fn sections(amplifier: &AmplifierFile, layout: &LayoutFile) -> Option<Sections> {
    let (own, shared) = (&amplifier.sections, &layout.sections);
    Some(Sections {
        data: own.data.clone().or(shared.data.clone())?,
        prescan: own.prescan.clone().or(shared.prescan.clone()),
        serial_overscan: own.serial_overscan.clone().or(shared.serial_overscan.clone()),
        parallel_overscan: own.parallel_overscan.clone().or(shared.parallel_overscan.clone()),
    })
}

fn detector_model(detector: &DetectorFile, layout: &LayoutFile) -> DetectorModel {
    let amplifier = |file: &AmplifierFile| {
        Some(Amplifier {
            name: file.name.clone(),
            hdu: file.hdu.clone(),
            bbox: file.detector,
            flip: file.flip,
            sections: sections(file, layout)?,
            gain_e_per_adu: file.gain.clone(),
            read_noise_e: file.read_noise.clone(),
            saturation_adu: file.saturation.clone(),
            nonlinearity_per_e: file.nonlinearity_per_e.unwrap_or(layout.nonlinearity_per_e),
        })
    };
    let index = |name: &str| layout.amplifiers.iter().position(|a| a.name == name);
    let crosstalk = layout.crosstalk.iter().filter_map(|element| {
        let (target, source) = (index(&element.target)?, index(&element.source)?);
        Some(Crosstalk { target, source, coefficient: element.coefficient })
    });
    DetectorModel {
        id: detector.id,
        name: detector.name.clone(),
        size_px: layout.size_px.into(),
        centre_mm: (detector.x_mm, detector.y_mm),
        rotation_deg: detector.rotation_deg,
        amplifiers: layout.amplifiers.iter().filter_map(amplifier).collect(),
        crosstalk: crosstalk.collect(),
    }
}
