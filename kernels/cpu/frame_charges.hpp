#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <countem/calibration.hpp>

#include "kernels/cpu/pixel_charge.hpp"

namespace countem::cpu {

// The charges of a frame's hits, worked out when asked for. One type for each kind of calibration, so that the common ones cost
// little: each gives the charge that docs/semantics.md defines. prefetch() starts to fetch what a component's first rows will
// need of the calibration; the raw rows were just read.

template <class Number>
void prefetch_rows(const Number* plane, std::size_t pixel, std::size_t width) {
  // A component has two rows as a rule. Addresses past the plane's end are harmless: nothing is read.
  __builtin_prefetch(plane + pixel);
  __builtin_prefetch(plane + pixel + width);
}

/// No dark, no gain.
template <class Pixel>
struct raw_charges {
  const Pixel* const* rows;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    return charge_units_per_adu * static_cast<std::int32_t>(rows[row][column]);
  }
  void prefetch(std::uint32_t, std::uint32_t) const {}
};

/// A dark reference, no gain, through the limits that the hits were found with (charges_at_limit).
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

/// Any calibration.
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

/// What a pixel's charge needs of a calibration with a gain: one place in memory, so that a hit waits for one line and not two.
struct pixel_gain {
  float gain;
  std::int32_t dark16;
};

/// A gain, with or without a dark reference, where 16 * raw - dark16 needs no clamping (interleaved_gain).
template <class Pixel>
struct gained_charges {
  const Pixel* const* rows;
  const pixel_gain* gains;
  std::size_t width;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const pixel_gain& at = gains[row * width + column];
    const std::int32_t charge = charge_units_per_adu * static_cast<std::int32_t>(rows[row][column]) - at.dark16;
    const double product = static_cast<double>(static_cast<float>(charge) * at.gain);
    return static_cast<std::int32_t>(std::clamp<double>(round_half_even(product), -charge_limit, charge_limit));
  }
  void prefetch(std::uint32_t row, std::uint32_t column) const { prefetch_rows(gains, row * width + column, width); }
};

/// Nothing where a charge before the gain might have to be clamped, or there is no gain.
template <class Pixel>
[[nodiscard]] std::vector<pixel_gain> interleaved_gain(const calibration& calibrated) {
  if (!std::is_integral_v<Pixel> || sizeof(Pixel) > 2 || calibrated.gain.empty()) return {};
  constexpr std::int32_t most = charge_limit - charge_units_per_adu * 0xffff;
  std::vector<pixel_gain> gains;
  gains.reserve(calibrated.gain.size());
  for (std::size_t pixel = 0; pixel < calibrated.gain.size(); ++pixel) {
    const std::int32_t dark16 = calibrated.dark16.empty() ? 0 : calibrated.dark16[pixel];
    if (dark16 < -most || dark16 > most) return {};
    gains.push_back({calibrated.gain[pixel], dark16});
  }
  return gains;
}

[[nodiscard]] inline std::int32_t without_noise(std::int32_t charge, std::int32_t noise) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(std::int64_t{charge} - noise, -charge_limit, charge_limit));
}

/// The same with the noise of each half-row taken off.
template <class Pixel>
struct denoised_charges {
  calibrated_charges<Pixel> calibrated;
  const std::int32_t* noise;  ///< two a row

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const std::size_t half = column >= calibrated.width / 2 ? 1 : 0;
    return without_noise(calibrated(row, column), noise[std::size_t{row} * 2 + half]);
  }
  void prefetch(std::uint32_t row, std::uint32_t column) const { calibrated.prefetch(row, column); }
};

/// The same where 16 bits hold darks and noise (narrow_calibration): the hits were found with these darks, they are near.
template <class Pixel>
struct narrow_denoised_charges {
  const Pixel* const* rows;
  const std::int16_t* dark16;  ///< null: 0
  const std::int32_t* noise;   ///< two a row
  std::size_t width;

  std::int32_t operator()(std::uint32_t row, std::uint32_t column) const {
    const std::int32_t dark = dark16 == nullptr ? 0 : dark16[row * width + column];
    const std::size_t half = column >= width / 2 ? 1 : 0;
    return charge_units_per_adu * static_cast<std::int32_t>(rows[row][column]) - dark - noise[std::size_t{row} * 2 + half];
  }
  void prefetch(std::uint32_t, std::uint32_t) const {}
};

/// Whether charge = 16 * raw - dark16 without clamping for every hit.
template <class Pixel>
[[nodiscard]] bool charges_are_small(const calibration& calibrated) {
  if (!std::is_integral_v<Pixel> || sizeof(Pixel) > 2 || !calibrated.gain.empty()) return false;
  return std::all_of(calibrated.dark16.begin(), calibrated.dark16.end(), [](std::int32_t dark) { return dark >= 0; });
}

}  // namespace countem::cpu
