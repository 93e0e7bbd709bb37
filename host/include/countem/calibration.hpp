#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <countem/input_file.hpp>
#include <countem/source_issue.hpp>
#include <countem/types.hpp>

namespace countem {

/// Charges are exact integers in 1/16 ADU, so that sums do not depend on order, threads, blocks or backend.
inline constexpr std::int32_t charge_units_per_adu = 16;

/// A charge or score in ADU.
[[nodiscard]] constexpr double in_adu(double charge) {
  return charge / charge_units_per_adu;
}
/// Charges and dark values saturate at +-2^30, far beyond any detector.
inline constexpr std::int32_t charge_limit = 1 << 30;
/// The charge of a pixel that cannot be a hit: masked, of a missing sector, or not a number.
inline constexpr std::int32_t no_charge = std::numeric_limits<std::int32_t>::min();
/// Score thresholds of method `peaks` lie below it: no score reaches it.
inline constexpr std::int64_t score_limit = std::int64_t{1} << 33;
/// X-ray threshold that no charge reaches.
inline constexpr std::int32_t no_xray_threshold = std::numeric_limits<std::int32_t>::max();

/// Why a pixel is masked; bits of calibration::mask.
enum mask_reason : std::uint8_t {
  mask_hot = 1,       ///< dark mean far above its neighbours'
  mask_dead = 2,      ///< no noise at all, or never read out
  mask_blinking = 4,  ///< dark noise far above its neighbours'
  mask_given = 8,     ///< masked by the caller, or by the file of the frames
  mask_gain = 16,     ///< a gain that is not a finite number above 0
};

/// What is expected beyond the threshold, from the sampled charges mirrored at the noise peak's mean: pixels above the
/// background threshold; method peaks: peaks above the score threshold.
struct false_hits {
  double per_frame = 0;  ///< of noise, per frame
  double share = 0;      ///< their share of all beyond the threshold, 0 to 1

  friend bool operator==(const false_hits&, const false_hits&) = default;
};

/// What the sample shows beyond each of a row of thresholds, as it is and mirrored. docs/calibration.md defines both.
struct threshold_curve {
  double first_adu = 0;                ///< the first threshold, of charges or of scores (method peaks)
  double step_adu = 0;                 ///< from one threshold to the next
  std::vector<std::uint64_t> charges;  ///< N+: pixels or peaks beyond, in all sampled frames
  std::vector<std::uint64_t> noise;    ///< N-: the same in the mirrored sample

  friend bool operator==(const threshold_curve&, const threshold_curve&) = default;
};

/// The fit of the noise peak, kept with the thresholds that follow from it.
struct noise_fit {
  double mean_adu = 0;                   ///< centre of the noise peak
  double sigma_adu = 0;                  ///< width of the noise peak
  double sample_mean_adu = 0;            ///< plain mean of the sampled charges
  double sample_sigma_adu = 0;           ///< plain standard deviation (n - 1) of the sampled charges
  double sample_min_adu = 0;             ///< lowest sampled charge
  double sample_max_adu = 0;             ///< highest sampled charge
  double background_sigmas = 0;          ///< n of mean + n sigma; method peaks: n of a lone pixel at the score threshold
  double xray_sigmas = 0;                ///< n of sample mean + n sample sigma
  std::uint64_t seed = 0;                ///< of the choice of sampled frames
  std::vector<std::uint64_t> frames;     ///< the frames that were sampled
  double histogram_first_adu = 0;        ///< left edge of the first bin
  double histogram_step_adu = 0;         ///< width of a bin
  std::vector<std::uint64_t> histogram;  ///< sampled charges per bin
  std::optional<false_hits> expected;    ///< of the threshold; empty: not known (no fit, or no dark reference)
  threshold_curve curve;                 ///< empty where there is no fit or no dark reference

  friend bool operator==(const noise_fit&, const noise_fit&) = default;
};

/// Everything that turns raw pixels into hits. Empty vectors mean "the same for every pixel"; a calibration whose shape is
/// {0, 0} holds only such and fits frames of any shape.
struct calibration {
  frame_shape shape{};                           ///< of the raw frames; {0, 0}: any
  std::vector<std::int32_t> dark16;              ///< rint(16 * dark mean), per pixel; empty: 0
  std::vector<float> gain;                       ///< factor on the dark-subtracted charge, per pixel; empty: 1
  std::vector<std::uint8_t> mask;                ///< mask_reason bits per pixel; 0: good; empty: all good
  std::int32_t background16 = 0;                 ///< a hit's charge is above it; never negative
  std::vector<std::int32_t> pixel_background16;  ///< instead of background16, per pixel; never negative
  std::int32_t xray16 = no_xray_threshold;       ///< a pixel at or above it is an X-ray pixel
  /// Method peaks, and only it: an event's score is above it; 0 to score_limit. Hits are candidates then.
  std::optional<std::int64_t> score16;

  bool references_only = false;  ///< no thresholds were found yet: calibrate() finds those of each scan

  // Where it came from; carried to the output, not used in counting.
  std::vector<float> dark_sigma_adu;  ///< temporal noise per pixel, from the darks
  std::uint64_t dark_frames = 0;      ///< dark frames averaged
  std::optional<noise_fit> fit;       ///< the fit or the sample that gave the thresholds; empty: neither
  /// What was found about the references, the thresholds and the frames they were made for that does not stop a count but
  /// should be known; kept in files, and shown by every program that uses the calibration.
  std::vector<source_issue> notes;
  std::vector<input_file> dark_files;  ///< read for the dark reference; not kept in files

  /// Every member, by value: a calibration that holds a NaN (an unusable gain) equals none, itself included.
  friend bool operator==(const calibration&, const calibration&) = default;
};

/// Whether a gain can be applied: a finite number above 0. A pixel with any other gain is masked (`mask_gain`); 0 is the
/// field's mark of an unusable pixel.
[[nodiscard]] inline bool is_usable_gain(float gain) {
  return std::isfinite(gain) && gain > 0;
}

/// Whether the calibration lets a pixel have a charge, and so be a hit: it is not masked and its gain is usable.
[[nodiscard]] inline bool can_have_charge(const calibration& used, std::size_t pixel) {
  if (!used.mask.empty() && used.mask[pixel] != 0) return false;
  return used.gain.empty() || is_usable_gain(used.gain[pixel]);
}

/// @throws invalid_argument when it lets no pixel have a charge, with how many are masked for which reason.
void require_usable_pixels(const calibration& used);

/// The background threshold of a pixel in 1/16 ADU.
[[nodiscard]] inline std::int32_t background_of(const calibration& used, std::size_t pixel) {
  return used.pixel_background16.empty() ? used.background16 : used.pixel_background16[pixel];
}

/// The exact 1/16 ADU form of the strict comparison charge > threshold.
/// @throws invalid_argument if not 0 or a finite number in [1/16, 2^26) ADU: what is smaller would be cut to 0.
[[nodiscard]] std::int32_t background_from_adu(double threshold_adu);

/// The same for the comparison score > threshold of method peaks.
/// @throws invalid_argument if not a finite number in [0, 2^29) ADU.
[[nodiscard]] std::int64_t score_from_adu(double threshold_adu);

/// The exact 1/16 ADU form of the comparison charge >= threshold; infinity: none.
/// @throws invalid_argument if NaN or not above 0.
[[nodiscard]] std::int32_t xray_from_adu(double threshold_adu);

/// @throws invalid_argument when sizes, ranges or thresholds contradict each other or the frames' shape.
void validate(const calibration& used, frame_shape frames);

}  // namespace countem
