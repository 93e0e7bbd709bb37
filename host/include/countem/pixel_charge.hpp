#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <countem/calibration.hpp>

namespace countem {

/// Nearest integer, halves to even; without the library call that std::nearbyint is where the baseline has no rounding
/// instruction.
inline double round_half_even(double value) {
  constexpr double integers_only = 4503599627370496.0;  // 2^52: beyond it a double has no fraction
  const double magnitude = std::abs(value);
  if (!(magnitude < integers_only)) return value;
  return std::copysign((magnitude + integers_only) - integers_only, value);
}

/// The charge of a raw value at one pixel, in 1/16 ADU, before row noise, as docs/semantics.md defines it. Masks are ignored:
/// use it for pixels that have a charge (can_have_charge). Refers to the calibration, which must outlive it. Safe for several
/// threads.
class pixel_charge {
 public:
  /// Refers to `calibrated` and copies nothing.
  explicit pixel_charge(const calibration& calibrated)
      : dark16_(calibrated.dark16.empty() ? nullptr : calibrated.dark16.data()),
        gain_(calibrated.gain.empty() ? nullptr : calibrated.gain.data()) {}

  /// Charge of `raw` at the pixel of that linear index; a NaN gives the lowest charge.
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

  /// Dark reference, or null where there is none.
  [[nodiscard]] const std::int32_t* dark16() const { return dark16_; }
  /// Gain reference, or null where there is none.
  [[nodiscard]] const float* gain() const { return gain_; }

 private:
  /// A NaN is the lowest charge: only raw data that change while they are counted give one for a hit.
  template <class Number>
  static std::int32_t clamp(Number charge) {
    const Number lowest = -charge_limit;
    const Number highest = charge_limit;
    return static_cast<std::int32_t>(std::min(highest, std::max(lowest, charge)));
  }

  const std::int32_t* dark16_;
  const float* gain_;
};

}  // namespace countem
