#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <countem/counting.hpp>

#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// The background threshold turned into raw values, so that finding hits is one compare a pixel: a pixel is a hit when
/// raw > limit. Charge never falls as raw rises (gains are not negative), so this is exact with every calibration.
template <class Pixel>
struct hit_limits {
  /// One limit for all pixels; used when `per_pixel` is empty.
  Pixel everywhere{};
  /// Row-major; masked pixels have the largest value, which no raw value exceeds.
  std::vector<Pixel> per_pixel;
  /// Pixels of integer type that are hits even at raw = 0, which no limit can say; empty when there are none.
  hit_bits always;
};

/// Charges of hits in a few bytes a pixel, for a dark reference and thresholds without gain: above its limit a pixel's charge
/// grows by 16 a raw unit, so that charge = 16 * (raw - limit) + charge at the limit, and charges at the limit lie close
/// together. Darks in full would be another four bytes a pixel, out of reach of the near caches.
struct charges_at_limit {
  std::int32_t lowest = 0;
  std::vector<std::uint8_t> above_lowest;  ///< one a pixel
};

/// Whether the calibration lets a pixel have a charge: it is not masked and its gain is a finite number >= 0.
[[nodiscard]] inline bool can_be_hit(const calibration& calibrated, std::size_t pixel) {
  if (!calibrated.mask.empty() && calibrated.mask[pixel] != 0) return false;
  return calibrated.gain.empty() || (std::isfinite(calibrated.gain[pixel]) && calibrated.gain[pixel] >= 0);
}

/// Limits of every pixel that can be hit; `setup` must be valid.
template <class Pixel>
[[nodiscard]] hit_limits<Pixel> find_hit_limits(const counting_setup& setup);

/// Nothing where charges at the limits cannot be had in a byte each: with a gain, with 32-bit or float pixels, with darks below
/// 0 or thresholds far apart.
template <class Pixel>
[[nodiscard]] std::optional<charges_at_limit> find_charges_at_limit(const counting_setup& setup,
                                                                    const hit_limits<Pixel>& limits);

}  // namespace countem::cpu
