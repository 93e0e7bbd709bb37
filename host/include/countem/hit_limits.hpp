#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include <countem/counting.hpp>

namespace countem {

/// The background threshold as raw values: a pixel is a hit when its raw value is at or above its limit, the least raw value
/// that is a hit. Charge never falls as raw rises (gains are not negative), so one compare per pixel is exact with every
/// calibration: dark reference, gain, mask and thresholds per pixel are all in the limit. Before row noise.
///
/// u8, u16, u32 pixels: `std::uint32_t`. A limit is `never` or at most `highest_limit`; a backend that compares a u32 pixel
/// with `raw >= limit` must first take the lesser of raw and `highest_limit`, since raw = `never` would pass as a hit.
///
/// f32 pixels: `float`; `never` is a NaN, which no comparison reaches, and a raw NaN reaches no limit.
///
/// Method `counts`: the least raw value that is an event, 1 or for f32 the next float above 1/2; `never` for masked pixels.
template <class Pixel>
struct hit_limits {
  /// What a limit is kept as: a whole number for integer pixels, since `never` is beyond every raw value of 8 or 16 bits.
  using limit = std::conditional_t<std::is_same_v<Pixel, float>, float, std::uint32_t>;
  /// Of a pixel that no raw value makes a hit: masked, or the threshold is out of reach.
  static constexpr limit never =
      std::is_same_v<Pixel, float> ? std::numeric_limits<limit>::quiet_NaN() : std::numeric_limits<limit>::max();
  /// Charges saturate below this raw value, whatever the calibration: 16 * 2^27 = 2 * charge_limit.
  static constexpr std::uint32_t highest_limit = std::uint32_t{1} << 28;

  limit everywhere = never;      ///< one limit for all pixels; used when `per_pixel` is empty
  std::vector<limit> per_pixel;  ///< row-major

  /// The limit of the pixel of that linear index.
  [[nodiscard]] limit operator[](std::size_t pixel) const { return per_pixel.empty() ? everywhere : per_pixel[pixel]; }
};

/// Whether every pixel has the same limit: nothing in the calibration is per pixel.
[[nodiscard]] bool has_one_limit(const calibration& used);

/// The limits of a valid setup. Time: about 2 ns per pixel of an integer type without gain, 30 to 100 ns with a gain or float
/// pixels, where each limit is searched for.
template <class Pixel>
[[nodiscard]] hit_limits<Pixel> find_hit_limits(const counting_setup& setup);

/// @cond
extern template hit_limits<std::uint8_t> find_hit_limits(const counting_setup&);
extern template hit_limits<std::uint16_t> find_hit_limits(const counting_setup&);
extern template hit_limits<std::uint32_t> find_hit_limits(const counting_setup&);
extern template hit_limits<float> find_hit_limits(const counting_setup&);
/// @endcond

/// Whether the limit of a pixel follows from dark and threshold by one division: integer pixels without a gain.
template <class Pixel>
[[nodiscard]] bool limits_are_quotients(const calibration& used) {
  return std::is_integral_v<Pixel> && used.gain.empty();
}

}  // namespace countem
