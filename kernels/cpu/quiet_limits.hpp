#pragma once

#include <vector>

#include <countem/hit_limits.hpp>

#include "kernels/cpu/hit_bits.hpp"

namespace countem::cpu {

/// Hit limits in the form that vectors compare fastest: a pixel is a hit when raw > limit, the limit being of the pixel's own
/// type.
template <class Pixel>
struct quiet_limits {
  /// One limit for all pixels; used when `per_pixel` is empty.
  Pixel everywhere{};
  /// Row-major; pixels that are never hits have the largest value, which no raw value exceeds.
  std::vector<Pixel> per_pixel;
  /// Pixels of integer type that are hits even at raw = 0, which no limit can express; empty when there are none.
  hit_bits always;
};

/// The one step from `raw >= limit` to `raw > limit`: the next lower value of the pixel's type. `never` becomes the largest
/// value, a limit of 0 a bit of `always`.
template <class Pixel>
[[nodiscard]] quiet_limits<Pixel> to_quiet_limits(const hit_limits<Pixel>& limits, frame_shape shape);

}  // namespace countem::cpu
