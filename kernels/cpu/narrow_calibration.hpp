#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <countem/counting.hpp>

namespace countem::cpu {

/// Darks and thresholds in 16 bits, for the common case in which all that noise asks of a charge fits: 8- or 16-bit pixels, no
/// gain, and moderate values. Raw values from `brightest_raw` on are cut to it; up to `highest_noise` that changes neither the
/// noise of a half-row nor its hits.
struct narrow_calibration {
  static constexpr std::int32_t brightest_raw = 2047;
  /// No charge, of a sector that did not arrive: below all charges.
  static constexpr std::int16_t missing = std::numeric_limits<std::int16_t>::min();
  /// No charge, of a masked pixel: above all charges. With the lowest dark any raw value becomes that in saturating arithmetic.
  static constexpr std::int16_t masked = std::numeric_limits<std::int16_t>::max();

  std::vector<std::int16_t> dark16;      ///< one a pixel, or empty: 0
  std::vector<std::int16_t> background;  ///< one a pixel and some for whole vectors, or empty: `background_everywhere`
  std::int16_t background_everywhere = 0;
  std::vector<std::uint16_t> masked_pixels;  ///< of each half-row, or empty: none
  std::int32_t highest_noise = 0;            ///< half-rows with more are taken in 32 bits
};

/// The highest noise of a half-row for which raw values that are cut to `brightest_raw` change nothing, for darks and
/// backgrounds up to these. A cut charge stays above noise and background together, and above all that a mean takes as it is:
/// the noise is at most row_mean_reach from the median, and these charges as far again.
[[nodiscard]] constexpr std::int64_t highest_narrow_noise(std::int64_t highest_dark16, std::int64_t highest_background16) {
  constexpr std::int64_t cut = std::int64_t{charge_units_per_adu} * narrow_calibration::brightest_raw;
  return cut - highest_dark16 - std::max<std::int64_t>(highest_background16, 2 * row_mean_reach) - 1;
}

/// Whether sums of a half-row of that many pixels stay within 32 bits and counts of a vector lane within 16.
[[nodiscard]] constexpr bool row_sums_fit(std::uint32_t width) {
  return width <= std::uint32_t{1} << 15;
}

/// Nothing where 16 bits are not enough: gains, darks below 0, 32-bit or float pixels, or darks and thresholds that leave no
/// room for noise.
[[nodiscard]] std::optional<narrow_calibration> find_narrow_calibration(const counting_setup& setup);

}  // namespace countem::cpu
