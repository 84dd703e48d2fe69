//! Reading out: the charge of a detector, amplifier by amplifier, becomes whole numbers.

use ndarray::{Array2, Axis, s};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::bias::BiasStructure;
use super::{Sensor, crosstalk, linearity};
use crate::camera::RawAmplifier;
use crate::camera::model::{Amplifier, CameraModel, DetectorModel, Flip, Given, Place, Section};
use crate::error::{Error, Result};
use crate::simulate::config::{Effects, SurveyConfig};
use crate::simulate::random::{Purpose, stream};

/// An amplifier as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct AmplifierTruth {
    /// Name.
    pub name: String,
    /// Its pixels on the detector.
    pub bbox: Section,
    /// Electrons per ADU.
    pub gain_e_per_adu: f64,
    /// Read noise, electrons.
    pub read_noise_e: f64,
    /// Charge that a pixel holds, electrons.
    pub full_well_e: f32,
    /// A charge of Q electrons reads as Q (1 − c Q); this is c.
    pub nonlinearity_per_e: f64,
    /// The bias.
    pub bias: BiasStructure,
    flip: Flip,
    saturation_adu: f64,
    sections: [Option<Section>; 3],
    data: Section,
    raw_size: (usize, usize),
}

/// The amplifiers of a detector.
///
/// # Errors
/// [`Error::SimulateConfig`] where the camera's file leaves numbers or sections to headers.
pub(super) fn amplifiers(
    config: &SurveyConfig,
    camera: &CameraModel,
    model: &DetectorModel,
) -> Result<Vec<AmplifierTruth>> {
    let amplifier = |(index, amplifier): (usize, &Amplifier)| {
        truth(config, index, model.id, amplifier).ok_or_else(|| Error::SimulateConfig {
            key: "camera".to_owned(),
            reason: format!(
                "{}: amplifier {} leaves numbers or sections to raw headers, which a simulation has not",
                camera.name(),
                amplifier.name
            ),
        })
    };
    model.amplifiers.iter().enumerate().map(amplifier).collect()
}

fn truth(
    config: &SurveyConfig,
    index: usize,
    detector: i32,
    amplifier: &Amplifier,
) -> Option<AmplifierTruth> {
    let number = |given: &Given| match given {
        Given::Number(value) => Some(*value),
        Given::Keyword(_) => None,
    };
    let fixed = |place: &Place| match place {
        Place::Fixed(section) => Some(*section),
        Place::Keyword(_) => None,
    };
    let places = &amplifier.sections;
    let data = fixed(&places.data)?;
    let mut sections = [None; 3];
    for (section, place) in sections.iter_mut().zip([
        &places.prescan,
        &places.serial_overscan,
        &places.parallel_overscan,
    ]) {
        if let Some(place) = place {
            *section = Some(fixed(place)?);
        }
    }
    let all = || sections.iter().flatten().chain([&data]);
    let raw_size = (
        all().map(|section| section.x0 + section.nx).max()?,
        all().map(|section| section.y0 + section.ny).max()?,
    );
    let gain = number(&amplifier.gain_e_per_adu)?;
    let saturation_adu = number(&amplifier.saturation_adu)?;
    // The streams of a detector's amplifiers count from 1; 0 is the detector's own.
    let mut rng = stream(config.seed, Purpose::Sensor, i64::from(detector), index as i64 + 1);
    let sensor = &config.sensor;
    let bias = BiasStructure::draw(
        sensor.bias_adu,
        sensor.bias_column_adu,
        sensor.bias_drift_adu,
        data.nx,
        &mut rng,
    );
    Some(AmplifierTruth {
        name: amplifier.name.clone(),
        bbox: amplifier.bbox,
        gain_e_per_adu: gain,
        read_noise_e: number(&amplifier.read_noise_e)?,
        full_well_e: (saturation_adu * gain) as f32,
        nonlinearity_per_e: amplifier.nonlinearity_per_e,
        bias,
        flip: amplifier.flip,
        saturation_adu,
        sections,
        data,
        raw_size,
    })
}

/// Read a detector's charge.
pub(super) fn read(
    sensor: &Sensor,
    charge: &Array2<f32>,
    effects: &Effects,
    adc_limit: i32,
    rng: &mut ChaCha8Rng,
) -> Vec<RawAmplifier> {
    let mut signals: Vec<Array2<f32>> =
        sensor.amplifiers.iter().map(|amplifier| amplifier.shift_out(charge)).collect();
    if effects.nonlinearity {
        for (signal, amplifier) in signals.iter_mut().zip(&sensor.amplifiers) {
            linearity::bend(signal, amplifier.nonlinearity_per_e);
        }
    }
    if effects.crosstalk {
        crosstalk::leak(&mut signals, &sensor.model.crosstalk);
    }
    sensor
        .amplifiers
        .iter()
        .zip(signals)
        .map(|(amplifier, signal)| amplifier.digitise(signal, effects, adc_limit, rng))
        .collect()
}

impl AmplifierTruth {
    /// The charge of its pixels in the order of reading, with the pre- and overscans around it empty.
    fn shift_out(&self, charge: &Array2<f32>) -> Array2<f32> {
        let b = self.bbox;
        let mut own = charge.slice(s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx]);
        if self.flip.x() {
            own.invert_axis(Axis(1));
        }
        if self.flip.y() {
            own.invert_axis(Axis(0));
        }
        let (nx, ny) = self.raw_size;
        let mut signal = Array2::zeros((ny, nx));
        let d = self.data;
        signal.slice_mut(s![d.y0..d.y0 + d.ny, d.x0..d.x0 + d.nx]).assign(&own);
        signal
    }

    /// Noise, gain, bias, and the converter.
    fn digitise(
        &self,
        mut signal: Array2<f32>,
        effects: &Effects,
        adc_limit: i32,
        rng: &mut ChaCha8Rng,
    ) -> RawAmplifier {
        let per_e = (1.0 / self.gain_e_per_adu) as f32;
        let noise = if effects.read_noise { self.read_noise_e as f32 } else { 0.0 };
        signal.mapv_inplace(|e| {
            let unit: f32 = StandardNormal.sample(rng);
            (e + noise * unit) * per_e
        });
        self.bias.add(&mut signal, self.data, effects.bias_structure, rng);
        signal.mapv_inplace(|adu| adu.round().clamp(0.0, adc_limit as f32));
        let [prescan, serial_overscan, parallel_overscan] = self.sections;
        RawAmplifier {
            name: self.name.clone(),
            pixels: signal,
            data: self.data,
            prescan,
            serial_overscan,
            parallel_overscan,
            bbox: self.bbox,
            flip: self.flip,
            gain_e_per_adu: self.gain_e_per_adu,
            read_noise_e: self.read_noise_e,
            saturation_adu: self.saturation_adu,
            nonlinearity_per_e: self.nonlinearity_per_e,
        }
    }
}
