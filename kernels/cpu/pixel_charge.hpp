#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <countem/calibration.hpp>

namespace countem::cpu {

/// Nearest integer, halves to even; without the library call that std::nearbyint is where the baseline has no rounding
/// instruction.
inline double round_half_even(double value) {
  constexpr double integers_only = 4503599627370496.0;  // 2^52: beyond it a double has no fraction
  const double magnitude = std::abs(value);
  if (!(magnitude < integers_only)) return value;
  return std::copysign((magnitude + integers_only) - integers_only, value);
}

/// The charge that a raw value means at one pixel, as docs/semantics.md defines it. Masks are not its business: only pixels
/// that can be hits are asked for.
class pixel_charge {
 public:
  explicit pixel_charge(const calibration& calibrated)
      : dark16_(calibrated.dark16.empty() ? nullptr : calibrated.dark16.data()),
        gain_(calibrated.gain.empty() ? nullptr : calibrated.gain.data()) {}

  template <class Pixel>
  [[nodiscard]] std::int32_t operator()(Pixel raw, std::size_t pixel) const {
    const std::int32_t dark = dark16_ == nullptr ? 0 : dark16_[pixel];
    std::int32_t charge = 0;
    if constexpr (std::is_integral_v<Pixel>) {
      // Darks are within the limit of charges, so that 32 bits do for small pixels.
      using enough = std::conditional_t<sizeof(Pixel) <= 2, std::int32_t, std::int64_t>;
      charge = clamp(charge_units_per_adu * static_cast<enough>(raw) - static_cast<enough>(dark));
    } else {
      charge = clamp(round_half_even(charge_units_per_adu * static_cast<double>(raw)) - static_cast<double>(dark));
    }
    if (gain_ == nullptr) return charge;
    const float product = static_cast<float>(charge) * gain_[pixel];
    return clamp(round_half_even(static_cast<double>(product)));
  }

  /// Null where there is none.
  [[nodiscard]] const std::int32_t* dark16() const { return dark16_; }
  [[nodiscard]] const float* gain() const { return gain_; }

 private:
  /// A NaN, which a hit can only have become since (hit_charge), is the lowest charge.
  template <class Number>
  static std::int32_t clamp(Number charge) {
    const Number lowest = -charge_limit;
    const Number highest = charge_limit;
    return static_cast<std::int32_t>(std::min(highest, std::max(lowest, charge)));
  }

  const std::int32_t* dark16_;
  const float* gain_;
};

}  // namespace countem::cpu
