#include <countem/calibration.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <countem/error.hpp>

#include "host/core/shape_text.hpp"

namespace countem {

namespace {

/// Values beyond it are no detector's.
constexpr double most_adu = static_cast<double>(charge_limit) / charge_units_per_adu;
/// A scan of darks may be as long as any other.
constexpr std::uint64_t most_dark_frames = std::uint64_t{1} << 40;

void require_size(std::size_t size, std::uint64_t pixels, const char* what) {
  if (size != 0 && size != pixels) {
    throw invalid_argument(std::string("calibration: the ") + what + " holds " + std::to_string(size) +
                           " pixels where the frame has " + std::to_string(pixels) +
                           "; use one that was made for this detector");
  }
}

/// "calibration: the dark reference of row 2, column 3 is V; WHY" for the first pixel of an image that does not fit.
/// Pixels that are masked, or have no gain, are never judged.
template <class Pixel, class Fits>
void require_pixels(const calibration& used, const std::vector<Pixel>& image, const char* what, const char* why,
                    const Fits& fits) {
  const frame_shape shape = used.shape;
  for (std::uint64_t pixel = 0; pixel < image.size(); ++pixel) {
    if (fits(image[pixel]) || !can_have_charge(used, pixel)) continue;
    throw invalid_argument(std::string("calibration: the ") + what + " of row " + std::to_string(pixel / shape.width) +
                           ", column " + std::to_string(pixel % shape.width) + " is " + std::to_string(image[pixel]) + "; " +
                           why);
  }
}

/// A NaN is what was not fitted: thresholds were given.
void require_plausible(double value, const char* what) {
  if (std::isnan(value) || std::abs(value) <= most_adu) return;
  throw invalid_argument(std::string("calibration: the ") + what + " of its fit is " + std::to_string(value) +
                         "; expected at most 2^26 ADU or sigmas; the calibration is damaged");
}

void validate_fit(const noise_fit& fit) {
  require_plausible(fit.mean_adu, "mean");
  require_plausible(fit.sigma_adu, "sigma");
  require_plausible(fit.sample_mean_adu, "mean of the sample");
  require_plausible(fit.sample_sigma_adu, "sigma of the sample");
  require_plausible(fit.sample_min_adu, "lowest charge");
  require_plausible(fit.sample_max_adu, "highest charge");
  require_plausible(fit.background_sigmas, "background distance");
  require_plausible(fit.xray_sigmas, "X-ray distance");
  require_plausible(fit.histogram_first_adu, "first bin");
  require_plausible(fit.histogram_step_adu, "bin width");
  require_plausible(fit.curve.first_adu, "first threshold");
  require_plausible(fit.curve.step_adu, "distance of thresholds");
  if (fit.curve.charges.size() != fit.curve.noise.size())
    throw invalid_argument("calibration: the two curves of its fit have different lengths; the calibration is damaged");
  if (fit.sigma_adu < 0 || fit.sample_sigma_adu < 0 || fit.histogram_step_adu < 0) {
    throw invalid_argument("calibration: a width of its fit is below 0; the calibration is damaged");
  }
}

}  // namespace

void require_usable_pixels(const calibration& used) {
  const std::size_t pixels = std::max(used.mask.size(), used.gain.size());
  std::size_t given = 0;
  std::size_t without_gain = 0;
  std::size_t by_darks = 0;
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    if (can_have_charge(used, pixel)) return;
    const unsigned reasons = used.mask.empty() ? unsigned{mask_gain} : used.mask[pixel];
    given += (reasons & mask_given) != 0;
    without_gain += (reasons & mask_gain) != 0;
    by_darks += (reasons & (mask_hot | mask_dead | mask_blinking)) != 0;
  }
  if (pixels == 0) return;
  throw invalid_argument(
      "all " + std::to_string(pixels) + " pixels are masked, so that nothing could be counted: " + std::to_string(given) +
      " by a mask or the file of the frames, " + std::to_string(without_gain) + " by a gain that is not above 0, " +
      std::to_string(by_darks) + " by the dark frames; check these references");
}

std::int32_t background_from_adu(double threshold_adu) {
  if (!(threshold_adu >= 0 && threshold_adu < charge_limit / charge_units_per_adu)) {
    throw invalid_argument("background threshold " + std::to_string(threshold_adu) +
                           " ADU is not in [0, 2^26): give a threshold above the noise, or check the dark reference");
  }
  const double scaled = std::floor(charge_units_per_adu * threshold_adu);
  if (scaled == 0 && threshold_adu > 0) {
    throw invalid_argument(
        "background threshold " + std::to_string(threshold_adu) +
            " ADU is below 1/16 ADU, in which charges are counted, and would be 0: give one above the noise, "
            "or bring the values to a larger unit",
        {{advice_kind::scale}});
  }
  return static_cast<std::int32_t>(scaled);
}

std::int64_t score_from_adu(double threshold_adu) {
  if (!(threshold_adu >= 0 && threshold_adu < static_cast<double>(score_limit) / charge_units_per_adu)) {
    throw invalid_argument("score threshold " + std::to_string(threshold_adu) +
                           " ADU is not in [0, 2^29): give one above the noise, or check the dark reference");
  }
  return static_cast<std::int64_t>(std::floor(charge_units_per_adu * threshold_adu));
}

std::int32_t xray_from_adu(double threshold_adu) {
  if (!(threshold_adu > 0)) {
    throw invalid_argument("X-ray threshold " + std::to_string(threshold_adu) +
                           " ADU is not above 0: give one far above the electron peak");
  }
  const double scaled = std::ceil(charge_units_per_adu * threshold_adu);
  return scaled > charge_limit ? no_xray_threshold : static_cast<std::int32_t>(scaled);
}

void validate(const calibration& used, frame_shape frames) {
  const bool per_pixel = !used.dark16.empty() || !used.gain.empty() || !used.mask.empty() || !used.pixel_background16.empty();
  if (per_pixel && used.shape != frames) {
    throw invalid_argument("the calibration is for frames of " + text_of(used.shape) + " pixels, the frames have " +
                           text_of(frames) + "; use one that was made for this detector");
  }
  require_size(used.dark16.size(), frames.pixels(), "dark reference");
  require_size(used.gain.size(), frames.pixels(), "gain reference");
  require_size(used.mask.size(), frames.pixels(), "mask");
  require_size(used.pixel_background16.size(), frames.pixels(), "per-pixel background threshold");
  require_size(used.dark_sigma_adu.size(), frames.pixels(), "noise of the dark reference");
  require_pixels(used, used.dark16, "dark reference in 1/16 ADU", "expected at most 2^26 ADU: the dark reference is damaged",
                 [](std::int32_t value) { return value >= -charge_limit && value <= charge_limit; });
  require_pixels(used, used.pixel_background16, "background threshold in 1/16 ADU",
                 "expected 0 or more: the dark reference does not fit the data", [](std::int32_t value) { return value >= 0; });
  // A broken pixel of a floating-point detector may be as noisy as it likes: it is masked.
  require_pixels(used, used.dark_sigma_adu, "noise of the dark reference in ADU",
                 "expected 0 or more, or none (NaN) where too few darks arrived", [](float value) { return !(value < 0); });
  if (used.background16 < 0) {
    throw invalid_argument("calibration: the background threshold is " + std::to_string(used.background16 / 16.0) +
                           " ADU; expected 0 or more");
  }
  if (used.score16 && (*used.score16 < 0 || *used.score16 > score_limit)) {
    throw invalid_argument("calibration: the score threshold is " +
                           std::to_string(static_cast<double>(*used.score16) / charge_units_per_adu) +
                           " ADU; expected 0 to 2^29");
  }
  if (used.dark_frames > most_dark_frames) {
    throw invalid_argument("calibration: " + std::to_string(used.dark_frames) +
                           " dark frames are more than a scan can hold; the calibration is damaged");
  }
  if (!used.gain.empty() && std::none_of(used.gain.begin(), used.gain.end(), [](float gain) { return is_usable_gain(gain); })) {
    throw invalid_argument("calibration: no gain is a finite number above 0; the gain reference is damaged");
  }
  if (used.fit) validate_fit(*used.fit);
  const std::int32_t highest = used.pixel_background16.empty()
                                   ? used.background16
                                   : *std::max_element(used.pixel_background16.begin(), used.pixel_background16.end());
  if (used.pixel_background16.empty() && used.xray16 <= highest) {
    throw invalid_argument("the X-ray threshold (" + std::to_string(used.xray16 / 16.0) +
                           " ADU) is not above the background threshold (" + std::to_string(highest / 16.0) +
                           " ADU): every electron would be rejected");
  }
  if (used.xray16 <= 0) {
    throw invalid_argument("calibration: the X-ray threshold is " + std::to_string(used.xray16 / 16.0) +
                           " ADU; expected more than 0");
  }
}

}  // namespace countem
