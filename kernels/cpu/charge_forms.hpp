#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

#include <countem/counting.hpp>
#include <countem/pixel_charge.hpp>

#include "kernels/cpu/narrow_calibration.hpp"
#include "kernels/cpu/quiet_limits.hpp"
#include "kernels/cpu/row_statistic.hpp"

namespace countem::cpu {

// How the charge of a hit is worked out: one form for each kind of calibration, chosen once for a plan (choose_charge_form), so
// that the common kinds cost little. Each gives the charge that docs/semantics.md defines, and has a named precondition.
//
// A form's bind(rows, noise) gives charges of one frame: an object that is called with row and column of a hit, and whose
// prefetch() starts to fetch what a component's first rows will need of the calibration; the raw rows were just read. `rows`
// has the start of each raw row, `noise` two values a row.

template <class Number>
void prefetch_rows(const Number* plane, std::size_t pixel, std::size_t width) {
  // A component has two rows as a rule. Addresses past the plane's end are harmless: nothing is read.
  __builtin_prefetch(plane + pixel);
  __builtin_prefetch(plane + pixel + width);
}

template <class Pixel>
inline constexpr bool is_small = std::is_integral_v<Pixel> && sizeof(Pixel) <= 2;

// Preconditions.

/// 16 * raw - dark16 is above the lower clamp and below the upper for every raw value: no gain, and no dark below 0 (the upper
/// clamp is out of reach of 16-bit raw values then; the lower matters to no hit, whose charge is above 0).
template <class Pixel>
[[nodiscard]] bool charges_need_no_clamp(const calibration& used) {
  if (!is_small<Pixel> || !used.gain.empty()) return false;
  return std::all_of(used.dark16.begin(), used.dark16.end(), [](std::int32_t dark) { return dark >= 0; });
}

/// 16 * raw is the charge.
template <class Pixel>
[[nodiscard]] bool charges_are_raw(const calibration& used) {
  return charges_need_no_clamp<Pixel>(used) && used.dark16.empty();
}

/// Charges from `lowest` to `highest` can be kept as a byte above the lowest.
[[nodiscard]] constexpr bool fit_bytes(std::int32_t lowest, std::int32_t highest) {
  return highest - lowest <= 255;
}

/// 16 * raw - dark16 needs no clamp before a gain is applied, for every raw value of 16 bits.
[[nodiscard]] constexpr bool dark_is_inside_clamp(std::int32_t dark16) {
  constexpr std::int32_t most = charge_limit - charge_units_per_adu * 0xffff;
  return dark16 >= -most && dark16 <= most;
}

/// With the charges of 16-bit pixels these give charges up to 2^26.
[[nodiscard]] constexpr bool is_moderate(std::int32_t dark16, float gain) {
  return dark16 >= -(1 << 20) && dark16 <= 1 << 20 && gain <= 32.0F;
}

// Forms.

/// Charges of one frame in raw_form.
template <class Pixel>
struct raw_charges {
  const Pixel* const* rows;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    return charge_units_per_adu * static_cast<std::int32_t>(rows[row][column]);
  }
  void prefetch(std::uint32_t, std::uint32_t) const {}
};

/// No dark, no gain (charges_are_raw).
template <class Pixel>
struct raw_form {
  [[nodiscard]] raw_charges<Pixel> bind(const Pixel* const* rows, const std::int32_t*) const { return {rows}; }
};

/// Charges of one frame in limit_form.
template <class Pixel>
struct limit_charges {
  const Pixel* const* rows;
  const Pixel* limits;
  const std::uint8_t* above_lowest;
  std::int32_t lowest;
  std::size_t width;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const std::size_t pixel = row * width + column;
    const std::int32_t above_limit = static_cast<std::int32_t>(rows[row][column]) - static_cast<std::int32_t>(limits[pixel]);
    return charge_units_per_adu * above_limit + lowest + above_lowest[pixel];
  }
  void prefetch(std::uint32_t row, std::uint32_t column) const { prefetch_rows(above_lowest, row * width + column, width); }
};

/// A dark reference, no gain, through the limits that the hits were found with: above its limit a pixel's charge grows by 16
/// per raw unit, so that charge = 16 * (raw - limit) + charge at the limit, and charges at the limits are close together. One
/// byte per pixel; darks in full would be another four, out of reach of the near caches. Precondition: charges_need_no_clamp,
/// no pixel that is always a hit, charges at the limits that fit_bytes, and for method peaks, which asks for charges of pixels
/// that are no hits, none with a charge that is never a hit.
template <class Pixel>
struct limit_form {
  const Pixel* limits = nullptr;  ///< of the plan
  std::size_t width = 0;
  std::int32_t lowest = 0;                 ///< charge at the limit, over all pixels that can be hits
  std::vector<std::uint8_t> above_lowest;  ///< one per pixel

  [[nodiscard]] limit_charges<Pixel> bind(const Pixel* const* rows, const std::int32_t*) const {
    return {rows, limits, above_lowest.data(), lowest, width};
  }
};

/// What a pixel's charge needs of a calibration with a gain: one place in memory, so that a hit waits for one line and not two.
struct pixel_gain {
  float gain;
  std::int32_t dark16;
};

/// Charges of one frame in gain_form.
template <class Pixel>
struct gained_charges {
  const Pixel* const* rows;
  const pixel_gain* gains;
  std::size_t width;
  bool moderate;  ///< no charge of any pixel that has one is beyond 2^26

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const pixel_gain& at = gains[row * width + column];
    const std::int32_t charge = charge_units_per_adu * static_cast<std::int32_t>(rows[row][column]) - at.dark16;
    const double product = static_cast<double>(static_cast<float>(charge) * at.gain);
    return static_cast<std::int32_t>(std::clamp<double>(round_half_even(product), -charge_limit, charge_limit));
  }
  void prefetch(std::uint32_t row, std::uint32_t column) const { prefetch_rows(gains, row * width + column, width); }
};

/// A gain, with or without a dark reference. Precondition: small pixels and darks that are all inside the clamp
/// (dark_is_inside_clamp).
template <class Pixel>
struct gain_form {
  std::vector<pixel_gain> gains;
  std::size_t width = 0;
  bool moderate = false;

  [[nodiscard]] gained_charges<Pixel> bind(const Pixel* const* rows, const std::int32_t*) const {
    return {rows, gains.data(), width, moderate};
  }
};

/// Charges of one frame in general_form.
template <class Pixel>
struct calibrated_charges {
  const Pixel* const* rows;
  const pixel_charge& charge;
  std::size_t width;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    return charge(rows[row][column], row * width + column);
  }
  void prefetch(std::uint32_t row, std::uint32_t column) const {
    if (charge.dark16() != nullptr) prefetch_rows(charge.dark16(), row * width + column, width);
    if (charge.gain() != nullptr) prefetch_rows(charge.gain(), row * width + column, width);
  }
};

/// Any calibration, without row noise.
template <class Pixel>
struct general_form {
  pixel_charge charge;
  std::size_t width = 0;

  [[nodiscard]] calibrated_charges<Pixel> bind(const Pixel* const* rows, const std::int32_t*) const {
    return {rows, charge, width};
  }
};

/// Charges of one frame in noise_form.
template <class Pixel>
struct denoised_charges {
  calibrated_charges<Pixel> calibrated;
  const std::int32_t* noise;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const std::size_t half = column >= calibrated.width / 2 ? 1 : 0;
    return without_noise(calibrated(row, column), noise[std::size_t{row} * 2 + half]);
  }
  void prefetch(std::uint32_t row, std::uint32_t column) const { calibrated.prefetch(row, column); }
};

/// Any calibration, with row noise.
template <class Pixel>
struct noise_form {
  general_form<Pixel> calibrated;

  [[nodiscard]] denoised_charges<Pixel> bind(const Pixel* const* rows, const std::int32_t* noise) const {
    return {calibrated.bind(rows, noise), noise};
  }
};

/// Charges of one frame in narrow_noise_form.
template <class Pixel>
struct narrow_denoised_charges {
  const Pixel* const* rows;
  const std::int16_t* dark16;  ///< null: 0
  const std::int32_t* noise;
  std::size_t width;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const std::int32_t dark = dark16 == nullptr ? 0 : dark16[row * width + column];
    const std::size_t half = column >= width / 2 ? 1 : 0;
    return charge_units_per_adu * static_cast<std::int32_t>(rows[row][column]) - dark - noise[std::size_t{row} * 2 + half];
  }
  void prefetch(std::uint32_t, std::uint32_t) const {}
};

/// Row noise in 16 bits: the hits were found with these darks, they are near. Precondition: find_narrow_calibration.
template <class Pixel>
struct narrow_noise_form {
  const std::int16_t* dark16 = nullptr;  ///< of the plan; null: 0
  std::size_t width = 0;

  [[nodiscard]] narrow_denoised_charges<Pixel> bind(const Pixel* const* rows, const std::int32_t* noise) const {
    return {rows, dark16, noise, width};
  }
};

/// 32-bit and float pixels have no fast forms.
template <class Pixel>
using charge_form = std::conditional_t<is_small<Pixel>,
                                       std::variant<general_form<Pixel>, noise_form<Pixel>, raw_form<Pixel>, limit_form<Pixel>,
                                                    gain_form<Pixel>, narrow_noise_form<Pixel>>,
                                       std::variant<general_form<Pixel>, noise_form<Pixel>>>;

/// What counting needs to have worked out of a setup, once for all counters.
template <class Pixel>
struct prepared_calibration {
  /// Refers to the setup, which must be valid and stay.
  explicit prepared_calibration(const counting_setup& setup);
  prepared_calibration(const prepared_calibration&) = delete;
  prepared_calibration& operator=(const prepared_calibration&) = delete;

  quiet_limits<Pixel> limits;                ///< without row noise
  std::optional<narrow_calibration> narrow;  ///< with row noise, where 16 bits do
  charge_form<Pixel> form;                   ///< refers to the members above
};

}  // namespace countem::cpu
