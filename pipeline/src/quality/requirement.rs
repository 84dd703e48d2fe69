//! All quantities that are measured, with their definitions and thresholds.
//!
//! Those of the LSST Science Requirements Document, LPM-17 (ls.st/lpm-17), bear its names. Its sources
//! are those "whose measurements are not dominated by photon statistics" (section "Single Image
//! Specifications"). The others are Almagest's own.
//!
//! | name | LPM-17, paragraph | minimum | design | stretch | bands |
//! |---|---|---|---|---|---|
//! | PA1 (mmag) | The photometric repeatability | 8 | 5 | 3 | gri; half more in uzy |
//! | PF1 (%) beyond PA2 = 15 mmag | the same | 20 | 10 | 5 | gri; PA2 half more in uzy |
//! | PA3 (mmag) | The spatial uniformity of photometric zeropoints | 15 | 10 | 5 | all, twice in u |
//! | PF2 (%) beyond PA4 = 15 mmag | the same | 20 | 10 | 5 | all, twice in u |
//! | PA6 (mmag) | The overall external absolute photometry | 20 | 10 | 5 | all |
//! | AM1, AM2, AM3 (mas) | The relative astrometry | 20, 20, 30 | 10, 10, 15 | 5, 5, 10 | r, i |
//! | AF1, AF2, AF3 (%) beyond AD = 20, 20, 30 mas | the same | 20 | 10 | 5 | r, i |
//! | AA1 (mas) | The absolute astrometry | 100 | 50 | 20 | all |
//! | TE1, TE2 | Galaxy shear measurement accuracy, and PSF ellipticity residuals | 3e-5, 3e-7 | 2e-5, 1e-7 | 1e-5, 5e-8 | r, i |
//! | TE3, TE4 | the same; of no more than TEF = 15 % of the images | 6e-5, 5e-7 | 4e-5, 2e-7 | 2e-5, 1e-7 | r, i |
//!
//! Where the document names bands, the others are measured and not judged.

use super::metric::{Requirement, Thresholds};

/// Share of the images that may exceed TE3 and TE4 (TEF of LPM-17, minimum and design).
pub const TEF: f64 = 0.15;

const PHOTOMETRIC_REPEATABILITY: &str = "LPM-17, The photometric repeatability";
const ZERO_POINTS: &str = "LPM-17, The spatial uniformity of photometric zeropoints";
const ABSOLUTE_PHOTOMETRY: &str = "LPM-17, The overall external absolute photometry";
const RELATIVE_ASTROMETRY: &str = "LPM-17, The relative astrometry";
const ABSOLUTE_ASTROMETRY: &str = "LPM-17, The absolute astrometry";
const ELLIPTICITY: &str =
    "LPM-17, Galaxy shear measurement accuracy, and PSF ellipticity residuals";
const OWN: &str = "Almagest";

fn requirement(
    name: &'static str,
    unit: &'static str,
    source: &'static str,
    thresholds: Option<Thresholds>,
    description: &'static str,
) -> Requirement {
    Requirement { name: name.into(), unit, description, source, thresholds }
}

/// Half more in u, z and y: "the PA1 and PA2 values in the u, z and y bands may be 50% larger".
fn repeatability_factor(band: &str) -> f64 {
    if matches!(band, "u" | "z" | "y") { 1.5 } else { 1.0 }
}

/// "The values for PA3 and PA4 may be somewhat worse in the u band (but not by more than a factor of two)".
fn uniformity_factor(band: &str) -> f64 {
    if band == "u" { 2.0 } else { 1.0 }
}

fn in_r_and_i(band: &str, thresholds: Thresholds) -> Option<Thresholds> {
    matches!(band, "r" | "i").then_some(thresholds)
}

/// PA1: the rms of a star's magnitudes around their mean, median over the stars.
pub fn pa1(band: &str) -> Requirement {
    let factor = repeatability_factor(band);
    let thresholds = Thresholds::at_most(Some(8.0 * factor), 5.0 * factor, Some(3.0 * factor));
    requirement(
        "PA1",
        "mmag",
        PHOTOMETRIC_REPEATABILITY,
        Some(thresholds),
        "Rms of a bright star's magnitudes around their mean, median over the stars.",
    )
}

/// PA2 at the level of the design, mmag.
pub fn pa2_mmag(band: &str) -> f64 {
    15.0 * repeatability_factor(band)
}

/// PF1: the share of the measurements that deviate from the mean by more than PA2.
pub fn pf1() -> Requirement {
    requirement(
        "PF1",
        "%",
        PHOTOMETRIC_REPEATABILITY,
        Some(Thresholds::at_most(Some(20.0), 10.0, Some(5.0))),
        "Share of the magnitudes of bright stars that deviate from their star's mean by more than PA2 (15 mmag; 22.5 in u, z, y).",
    )
}

/// PA3: the rms of the error of the zero point, here that of each image against the mean of all.
pub fn pa3(band: &str) -> Requirement {
    let factor = uniformity_factor(band);
    requirement(
        "PA3",
        "mmag",
        ZERO_POINTS,
        Some(Thresholds::at_most(Some(15.0 * factor), 10.0 * factor, Some(5.0 * factor))),
        "Rms over the images of the zero point's error, as their stars deviate from their means over all visits.",
    )
}

/// PA4 at the level of the design, mmag.
pub fn pa4_mmag(band: &str) -> f64 {
    15.0 * uniformity_factor(band)
}

/// PF2: the share of the images whose zero point is off by more than PA4.
pub fn pf2() -> Requirement {
    requirement(
        "PF2",
        "%",
        ZERO_POINTS,
        Some(Thresholds::at_most(Some(20.0), 10.0, Some(5.0))),
        "Share of the images whose zero point is off by more than PA4 (15 mmag; 30 in u).",
    )
}

/// PA6: the offset of the magnitudes from a physical scale, here that of the truth or the reference.
pub fn pa6() -> Requirement {
    requirement(
        "PA6",
        "mmag",
        ABSOLUTE_PHOTOMETRY,
        Some(Thresholds::at_most(Some(20.0), 10.0, Some(5.0))),
        "Size of the median difference of bright stars from their true or reference magnitudes.",
    )
}

/// The three separations of the relative astrometry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeparationRequirement {
    /// Name of the rms.
    pub rms_name: &'static str,
    /// Name of the share of outliers.
    pub outlier_name: &'static str,
    /// D: separation of the stars, arcmin.
    pub separation_arcmin: f64,
    /// ADx at the level of the design, mas.
    pub outlier_mas: f64,
    rms_mas: [f64; 3],
}

/// AM1 and AF1, AM2 and AF2, AM3 and AF3: "specified for D=5, 20 and 200 arcmin".
pub const SEPARATIONS: [SeparationRequirement; 3] = [
    SeparationRequirement {
        rms_name: "AM1",
        outlier_name: "AF1",
        separation_arcmin: 5.0,
        outlier_mas: 20.0,
        rms_mas: [20.0, 10.0, 5.0],
    },
    SeparationRequirement {
        rms_name: "AM2",
        outlier_name: "AF2",
        separation_arcmin: 20.0,
        outlier_mas: 20.0,
        rms_mas: [20.0, 10.0, 5.0],
    },
    SeparationRequirement {
        rms_name: "AM3",
        outlier_name: "AF3",
        separation_arcmin: 200.0,
        outlier_mas: 30.0,
        rms_mas: [30.0, 15.0, 10.0],
    },
];

impl SeparationRequirement {
    /// AMx: the rms over the visits of the distance of two stars, median over the pairs.
    pub fn am(&self, band: &str) -> Requirement {
        let [minimum, design, stretch] = self.rms_mas;
        let thresholds = Thresholds::at_most(Some(minimum), design, Some(stretch));
        requirement(
            self.rms_name,
            "mas",
            RELATIVE_ASTROMETRY,
            in_r_and_i(band, thresholds),
            match self.rms_name {
                "AM1" => {
                    "Rms over the visits of the distance of two stars 5 arcmin apart, median over the pairs."
                }
                "AM2" => {
                    "Rms over the visits of the distance of two stars 20 arcmin apart, median over the pairs."
                }
                _ => {
                    "Rms over the visits of the distance of two stars 200 arcmin apart, median over the pairs."
                }
            },
        )
    }

    /// AFx: the share of the distances that deviate from their pair's median by more than ADx.
    pub fn af(&self, band: &str) -> Requirement {
        requirement(
            self.outlier_name,
            "%",
            RELATIVE_ASTROMETRY,
            in_r_and_i(band, Thresholds::at_most(Some(20.0), 10.0, Some(5.0))),
            match self.rms_name {
                "AM1" => {
                    "Share of the distances of two stars 5 arcmin apart that are off their pair's median by more than AD1 (20 mas)."
                }
                "AM2" => {
                    "Share of the distances of two stars 20 arcmin apart that are off their pair's median by more than AD2 (20 mas)."
                }
                _ => {
                    "Share of the distances of two stars 200 arcmin apart that are off their pair's median by more than AD3 (30 mas)."
                }
            },
        )
    }
}

/// AA1: the median error of the absolute positions, per coordinate.
pub fn aa1() -> Requirement {
    requirement(
        "AA1",
        "mas",
        ABSOLUTE_ASTROMETRY,
        Some(Thresholds::at_most(Some(100.0), 50.0, Some(20.0))),
        "Median error of the positions of bright stars against the reference catalog, or the truth, per coordinate.",
    )
}

/// TE1 and TE2: correlation of the residual ellipticities of the PSF over all visits.
///
/// `scale` 0 is θ ≤ 1′, 1 is θ ≥ 5′.
pub fn te_survey(scale: usize, band: &str) -> Requirement {
    let (name, thresholds, description) = match scale {
        0 => (
            "TE1",
            Thresholds::at_most(Some(3e-5), 2e-5, Some(1e-5)),
            "Correlation of the residual ellipticities of the PSF within 1 arcmin, largest of E1, E2 and EX, over all visits.",
        ),
        _ => (
            "TE2",
            Thresholds::at_most(Some(3e-7), 1e-7, Some(5e-8)),
            "Correlation of the residual ellipticities of the PSF beyond 5 arcmin, largest of E1, E2 and EX, over all visits.",
        ),
    };
    requirement(name, "", ELLIPTICITY, in_r_and_i(band, thresholds), description)
}

/// TE3 and TE4: what the same correlation of single images exceeds in no more than [`TEF`] of them.
pub fn te_image(scale: usize, band: &str) -> Requirement {
    let (name, thresholds, description) = match scale {
        0 => (
            "TE3",
            Thresholds::at_most(Some(6e-5), 4e-5, Some(2e-5)),
            "Correlation of the residual ellipticities of the PSF within 1 arcmin that 15 % of the visits exceed.",
        ),
        _ => (
            "TE4",
            Thresholds::at_most(Some(5e-7), 2e-7, Some(1e-7)),
            "Correlation of the residual ellipticities of the PSF beyond 5 arcmin that 15 % of the visits exceed.",
        ),
    };
    requirement(name, "", ELLIPTICITY, in_r_and_i(band, thresholds), description)
}

/// Median of (T − T_model)/T_model of the reserved stars of a visit.
pub fn psf_size_bias() -> Requirement {
    requirement(
        "psfSizeBias",
        "",
        OWN,
        Some(Thresholds::at_most(None, 3e-3, Some(1e-3))),
        "Size of the median relative difference of the size (trace) of reserved stars from that of the PSF model.",
    )
}

/// Rms of the same, without the noise of the stars.
pub fn psf_size_scatter() -> Requirement {
    requirement(
        "psfSizeScatter",
        "",
        OWN,
        Some(Thresholds::at_most(None, 1e-2, Some(5e-3))),
        "Rms of the relative size of reserved stars against the PSF model, without what their noise adds.",
    )
}

/// Median residual ellipticity of the reserved stars.
pub fn psf_ellipticity_bias() -> Requirement {
    requirement(
        "psfEllipticityBias",
        "",
        OWN,
        Some(Thresholds::at_most(None, 5e-4, None)),
        "Larger of the medians of the two components of ellipticity of reserved stars, less those of the PSF model.",
    )
}

/// Ratio of the scatter of fluxes at empty places to their errors.
pub fn sky_pull() -> Requirement {
    requirement(
        "skyPull",
        "",
        OWN,
        Some(Thresholds::near_one(0.1, Some(0.05))),
        "Scatter of the PSF fluxes at empty places, in units of their errors.",
    )
}

/// S/N at which half of the isolated stars are found.
pub fn completeness_half() -> Requirement {
    requirement(
        "completeness50",
        "",
        OWN,
        Some(Thresholds::at_most(None, 5.2, None)),
        "Signal to noise at which half of the isolated stars are found.",
    )
}

/// Completeness at S/N 7 and 8.
pub fn completeness_at(snr: u32) -> Requirement {
    let (name, design, description) = match snr {
        7 => (
            "completeness7",
            0.97,
            "Share of the isolated stars of signal to noise 7 that are found.",
        ),
        _ => (
            "completeness8",
            0.99,
            "Share of the isolated stars of signal to noise 8 that are found.",
        ),
    };
    requirement(name, "", OWN, Some(Thresholds::at_least(design, None)), description)
}

/// Share of the detections that are something.
pub fn purity() -> Requirement {
    requirement(
        "purity",
        "",
        OWN,
        Some(Thresholds::at_least(0.985, Some(0.995))),
        "Share of the detections above 5 sigma at which there is something in truth.",
    )
}

/// Scatter of fluxes around the truth over their errors.
pub fn flux_pull() -> Requirement {
    requirement(
        "fluxPull",
        "",
        OWN,
        Some(Thresholds::near_one(0.1, Some(0.05))),
        "Scatter of the PSF fluxes of isolated stars of S/N 10 to 100 about the truth, in units of their errors, after one factor a visit.",
    )
}

/// Scatter of positions around the truth over their errors.
pub fn centroid_pull() -> Requirement {
    requirement(
        "centroidPull",
        "",
        OWN,
        Some(Thresholds::near_one(0.1, Some(0.05))),
        "Scatter of the positions of isolated stars of S/N 10 to 30 about the truth, in units of their errors, after one shift an image.",
    )
}

/// Bias of faint fluxes in units of their errors.
pub fn flux_bias_faint() -> Requirement {
    requirement(
        "fluxBiasFaint",
        "",
        OWN,
        Some(Thresholds::at_most(None, 0.2, Some(0.1))),
        "Size of the median difference from the truth of the PSF fluxes of isolated stars of S/N 10 to 30, in units of their errors.",
    )
}

/// Zero point of a visit against truth or reference.
pub fn zero_point_error() -> Requirement {
    requirement(
        "zeroPointError",
        "mmag",
        OWN,
        Some(Thresholds::at_most(None, 10.0, Some(5.0))),
        "Size of the median difference of a visit's bright stars from their true or reference magnitudes.",
    )
}

/// Median error of the positions of a visit.
pub fn astrometry_median() -> Requirement {
    requirement(
        "astrometryMedian",
        "mas",
        OWN,
        Some(Thresholds::at_most(None, 5.0, Some(3.0))),
        "Median distance of a visit's bright stars from their true or reference positions.",
    )
}

/// 95th percentile of the same.
pub fn astrometry_p95() -> Requirement {
    requirement(
        "astrometryP95",
        "mas",
        OWN,
        Some(Thresholds::at_most(None, 15.0, Some(10.0))),
        "Distance from their true or reference positions that 5 % of a visit's bright stars exceed.",
    )
}

/// Quanta that made nothing.
pub fn failed_quanta() -> Requirement {
    requirement(
        "failedQuanta",
        "",
        OWN,
        Some(Thresholds::at_most(None, 0.0, None)),
        "Quanta that have failed, or could not run as what they need was not made.",
    )
}

/// Time of the chain from raw frame to catalog.
pub fn pipeline_time() -> Requirement {
    requirement(
        "pipelineTime",
        "s",
        OWN,
        Some(Thresholds::at_most(None, 5.0, Some(2.0))),
        "Time per megapixel of the tasks that work on one image each.",
    )
}

/// Memory of the process.
pub fn peak_memory() -> Requirement {
    requirement(
        "peakMemory",
        "Gbyte",
        OWN,
        None,
        "Largest memory of the process in which quanta ran, all that ran beside each other together.",
    )
}

/// Time of a quantum of one task.
pub fn task_time(task: &str) -> Requirement {
    Requirement {
        name: format!("taskTime_{task}").into(),
        ..requirement("", "s", OWN, None, "Median time of a quantum of the task.")
    }
}
