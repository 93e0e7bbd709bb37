#include <countem/calibration.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <countem/error.hpp>

namespace countem {

namespace {

std::string text(frame_shape shape) {
  return std::to_string(shape.height) + " x " + std::to_string(shape.width);
}

void require_size(std::size_t size, std::uint64_t pixels, const char* what) {
  if (size != 0 && size != pixels) {
    throw invalid_argument(std::string("calibration: the ") + what + " holds " + std::to_string(size) +
                           " pixels where the frame has " + std::to_string(pixels) +
                           "; use one that was made for this detector");
  }
}

}  // namespace

std::int32_t background_from_adu(double threshold_adu) {
  if (!(threshold_adu >= 0 && threshold_adu < charge_limit / charge_units_per_adu)) {
    throw invalid_argument("background threshold " + std::to_string(threshold_adu) +
                           " ADU is not in [0, 2^26): give a threshold above the noise, or check the dark reference");
  }
  return static_cast<std::int32_t>(std::floor(charge_units_per_adu * threshold_adu));
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
    throw invalid_argument("the calibration is for frames of " + text(used.shape) + " pixels, the frames have " + text(frames) +
                           "; use one that was made for this detector");
  }
  require_size(used.dark16.size(), frames.pixels(), "dark reference");
  require_size(used.gain.size(), frames.pixels(), "gain reference");
  require_size(used.mask.size(), frames.pixels(), "mask");
  require_size(used.pixel_background16.size(), frames.pixels(), "per-pixel background threshold");
  const auto out_of_range = [](std::int32_t value) { return value < -charge_limit || value > charge_limit; };
  if (std::any_of(used.dark16.begin(), used.dark16.end(), out_of_range)) {
    throw invalid_argument("calibration: a dark value is beyond +-2^26 ADU; the dark reference is damaged");
  }
  const auto negative = [](std::int32_t value) { return value < 0; };
  if (used.background16 < 0 || std::any_of(used.pixel_background16.begin(), used.pixel_background16.end(), negative)) {
    throw invalid_argument("calibration: a background threshold is below 0 ADU; the dark reference does not fit the data");
  }
  const std::int32_t highest = used.pixel_background16.empty()
                                   ? used.background16
                                   : *std::max_element(used.pixel_background16.begin(), used.pixel_background16.end());
  if (used.pixel_background16.empty() && used.xray16 <= highest) {
    throw invalid_argument("the X-ray threshold (" + std::to_string(used.xray16 / 16.0) +
                           " ADU) is not above the background threshold (" + std::to_string(highest / 16.0) +
                           " ADU): every electron would be rejected");
  }
  if (used.xray16 <= 0) throw invalid_argument("calibration: the X-ray threshold is not above 0 ADU");
}

}  // namespace countem
