#include "kernels/cpu/quiet_limits.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

namespace countem::cpu {

namespace {

/// Not for a limit of 0 of an integer type.
template <class Pixel>
Pixel next_lower(typename hit_limits<Pixel>::limit limit) {
  constexpr bool is_float = std::is_same_v<Pixel, float>;
  // No charge is above a threshold at -infinity, so a lower float is always there.
  if constexpr (is_float) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    return std::isnan(limit) ? infinity : std::nextafter(limit, -infinity);
  } else {
    return limit == hit_limits<Pixel>::never ? std::numeric_limits<Pixel>::max() : static_cast<Pixel>(limit - 1);
  }
}

}  // namespace

template <class Pixel>
quiet_limits<Pixel> to_quiet_limits(const hit_limits<Pixel>& limits, frame_shape shape) {
  quiet_limits<Pixel> quiet;
  if (limits.per_pixel.empty()) {
    // Without a dark reference raw = 0 has charge 0, which is never above a background threshold.
    quiet.everywhere = next_lower<Pixel>(limits.everywhere);
    return quiet;
  }
  quiet.per_pixel.resize(shape.pixels());
  for (std::size_t p = 0; p < quiet.per_pixel.size(); ++p) {
    if (std::is_integral_v<Pixel> && limits.per_pixel[p] == 0) {
      if (quiet.always.empty()) quiet.always = hit_bits(shape);
      quiet.always.set(static_cast<std::uint32_t>(p / shape.width), static_cast<std::uint32_t>(p % shape.width));
    } else {
      quiet.per_pixel[p] = next_lower<Pixel>(limits.per_pixel[p]);
    }
  }
  return quiet;
}

template quiet_limits<std::uint8_t> to_quiet_limits(const hit_limits<std::uint8_t>&, frame_shape);
template quiet_limits<std::uint16_t> to_quiet_limits(const hit_limits<std::uint16_t>&, frame_shape);
template quiet_limits<std::uint32_t> to_quiet_limits(const hit_limits<std::uint32_t>&, frame_shape);
template quiet_limits<float> to_quiet_limits(const hit_limits<float>&, frame_shape);

}  // namespace countem::cpu
