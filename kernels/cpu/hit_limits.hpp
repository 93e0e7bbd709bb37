#pragma once

#include <cstddef>
#include <cstdint>
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

/// Whether the calibration lets a pixel have a charge: it is not masked and its gain is a finite number >= 0.
[[nodiscard]] bool can_be_hit(const calibration& calibrated, std::size_t pixel);

/// Limits of every pixel that can be hit; `setup` must be valid.
template <class Pixel>
[[nodiscard]] hit_limits<Pixel> find_hit_limits(const counting_setup& setup);

}  // namespace countem::cpu
